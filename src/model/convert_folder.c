#include "model/convert_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "base/output.h"
#include "format/safetensors.h"

#define COPIED_LIMIT ((size_t)256 << 20)

const char *xl_convert_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Removes what a conversion that was killed was writing (base/output.h names such files). */
static void remove_leftovers(const char *out) {
    DIR *dir = opendir(out);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        const size_t n = strlen(entry->d_name);
        if (n < 4 || strncmp(entry->d_name, "xltune-", 7) != 0 || strcmp(entry->d_name + n - 4, ".tmp") != 0)
            continue;
        char *path = xl_path_join(out, entry->d_name);
        if (path) unlink(path);
        free(path);
    }
    if (dir) closedir(dir);
}

int xl_convert_folder_begin(const char *out, const char *marker, const char *text, xlstm_error *err) {
    char *there = NULL;
    size_t bytes;
    if (xl_is_file(marker)) {
        int status = xl_file_read(marker, 1 << 20, &there, &bytes, err);
        if (!status && strcmp(there, text) != 0)
            status = xl_fail(err, XLSTM_EARG,
                             "%s: holds another unfinished conversion (%.200s), wanted a new or empty folder", out,
                             there);
        free(there);
        if (!status) remove_leftovers(out);
        return status;
    }
    int status = xl_make_folder(out, err);
    if (status) return status;
    xl_output_sweep(out); /* a conversion that was killed while it wrote its marker leaves that alone */
    DIR *dir = opendir(out);
    if (!dir) return xl_fail(err, XLSTM_EIO, "%s: %s", out, strerror(errno));
    const struct dirent *entry;
    while (!status && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status =
                xl_fail(err, XLSTM_EARG, "%s: not empty (%.80s), wanted a new or empty folder", out, entry->d_name);
    }
    closedir(dir);
    return status ? status : xl_file_write(marker, text, strlen(text), err);
}

/* ---- what stands beside the tensors ---- */

static int out_of_memory(const char *out, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", out);
}

static int write_index(const xl_checkpoint *source, const char *out, uint64_t bytes, xlstm_error *err) {
    json_t *map = json_object();
    bool good = map != NULL;
    for (size_t f = 0; f < source->file_count && good; f++) {
        const xlstm_tensor_file *file = source->files[f];
        for (size_t i = 0; i < xlstm_tensor_file_count(file) && good; i++) {
            const xlstm_tensor *t = xlstm_tensor_file_at(file, i);
            if (t->bytes)
                good = !json_object_set_new(map, t->name, json_string(xl_convert_name(xl_tensor_file_path(file))));
        }
    }
    json_t *root = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)bytes, "weight_map", map);
    char *text = good && root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    char *path = xl_path_join(out, "model.safetensors.index.json");
    json_decref(root);
    int status = text && path ? xl_file_write(path, text, strlen(text), err) : out_of_memory(out, err);
    free(path);
    free(text);
    return status;
}

static int copy_file(const char *from_dir, const char *out, const char *name, xlstm_error *err) {
    char *from = xl_path_join(from_dir, name), *to = xl_path_join(out, name), *data = NULL;
    size_t bytes;
    int status = XLSTM_OK;
    if (!from || !to) {
        status = out_of_memory(out, err);
    } else if (xl_is_file(from)) {
        status = xl_file_read(from, COPIED_LIMIT, &data, &bytes, err);
        if (!status) status = xl_file_write(to, data, bytes, err);
    }
    free(data);
    free(to);
    free(from);
    return status;
}

int xl_convert_folder_finish(const xl_checkpoint *source, const char *out, uint64_t bytes, const char *marker,
                             xlstm_error *err) {
    /* config.json last: without it the folder is no checkpoint. */
    static const char *const files[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt",     "chat_template.jinja",   "generation_config.json",  "LICENSE",           "config.json"};
    int status = source->file_count > 1 ||
                         strcmp(xl_convert_name(xl_tensor_file_path(source->files[0])), "model.safetensors") != 0
                     ? write_index(source, out, bytes, err)
                     : XLSTM_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++)
        status = copy_file(source->dir, out, files[i], err);
    if (!status && unlink(marker))
        status = xl_fail(err, XLSTM_EIO, "%s: cannot remove: %s", marker, strerror(errno));
    if (!status) xl_sync_folder(marker);
    return status;
}
