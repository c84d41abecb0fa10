#include "format/shard_index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "format/json_reader.h"

/* A shard must be a file in the checkpoint's own folder. */
static bool is_plain_name(const char *name) {
    return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 256;
}

static int by_tensor(const void *a, const void *b) {
    const xl_sharded *x = a, *y = b;
    return strcmp(x->tensor, y->tensor);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends the members of the weight_map at hand. */
static int read_map(xl_json_reader *r, xl_shard_index *out, size_t *capacity) {
    if (xl_json_peek(r) != '{')
        return xl_fail(r->err, XLSTM_EFORMAT, "%s: weight_map is not an object of file names", r->path);
    xl_json_string tensor;
    xl_json_enter(r);
    while (xl_json_member(r, &tensor) && xl_json_check(r, &tensor)) {
        const char *file = xl_json_peek(r) == '"' ? xl_json_text(r) : "";
        if (!file) break;
        if (!is_plain_name(file))
            return xl_fail(r->err, XLSTM_EFORMAT, "%s: weight_map '%.200s' names no file beside the index", r->path,
                           tensor.text);
        xl_sharded *grown = xl_grow(out->tensors, capacity, out->count + 1, sizeof *grown);
        if (!grown) return xl_fail(r->err, XLSTM_ENOMEM, "%s: out of memory", r->path);
        out->tensors = grown;
        grown[out->count++] = (xl_sharded){tensor.text, file};
    }
    return r->status;
}

/* Sorts list[0 … *count) by tensor and leaves one of each. */
static int sort_tensors(xl_sharded *list, size_t *count, const char *path, xlstm_error *err) {
    size_t n = 0;
    if (*count) qsort(list, *count, sizeof *list, by_tensor);
    for (size_t i = 0; i < *count; i++) {
        if (!n || strcmp(list[n - 1].tensor, list[i].tensor)) list[n++] = list[i];
        else if (strcmp(list[n - 1].file, list[i].file))
            return xl_fail(err, XLSTM_EFORMAT, "%s: weight_map has '%.200s' twice, in %.80s and in %.80s", path,
                           list[i].tensor, list[n - 1].file, list[i].file);
    }
    *count = n;
    return XLSTM_OK;
}

/* Reads a weight_map; one that was read before must be equal. */
static int read_maps(xl_json_reader *r, xl_shard_index *out, size_t *capacity) {
    size_t before = out->count;
    int status = read_map(r, out, capacity);
    size_t added = out->count - before;
    if (status || (!added && !before)) return status;
    status = sort_tensors(out->tensors + before, &added, r->path, r->err);
    out->count = before + added;
    if (status || !before) return status;
    status = sort_tensors(out->tensors, &out->count, r->path, r->err);
    if (!status && (out->count != before || added != before))
        return xl_fail(r->err, XLSTM_EFORMAT, "%s: weight_map is there twice", r->path);
    return status;
}

/* Lists the files. Most tensors are in the file of the one before. */
static int list_files(xl_shard_index *out, const char *path, xlstm_error *err) {
    size_t capacity = 0, n = 0;
    for (size_t i = 0; i < out->count; i++) {
        const char *file = out->tensors[i].file;
        if (i && !strcmp(file, out->tensors[i - 1].file)) continue;
        const char **grown = xl_grow(out->files, &capacity, out->file_count + 1, sizeof *grown);
        if (!grown) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        out->files = grown;
        grown[out->file_count++] = file;
    }
    qsort(out->files, out->file_count, sizeof *out->files, by_text);
    for (size_t i = 0; i < out->file_count; i++) {
        if (!n || strcmp(out->files[n - 1], out->files[i])) out->files[n++] = out->files[i];
    }
    out->file_count = n;
    return XLSTM_OK;
}

int xl_shard_index_parse(xl_shard_index *out, const char *path, char *text, size_t bytes, xlstm_error *err) {
    *out = (xl_shard_index){.text = text};
    size_t capacity = 0;
    int status = XLSTM_OK;
    xl_json_reader r;
    xl_json_string key;
    xl_json_open(&r, path, text, bytes, err);
    while (!status && xl_json_member(&r, &key)) {
        if (!strcmp(key.text, "weight_map")) status = read_maps(&r, out, &capacity);
        else xl_json_skip(&r);
    }
    if (!status) status = xl_json_close(&r);
    if (!status && !out->count)
        status = xl_fail(err, XLSTM_EFORMAT, "%s: weight_map is not an object of file names", path);
    if (!status) status = list_files(out, path, err);
    if (status) xl_shard_index_release(out);
    return status;
}

void xl_shard_index_release(xl_shard_index *index) {
    free(index->text);
    free(index->tensors);
    free(index->files);
    memset(index, 0, sizeof *index);
}
