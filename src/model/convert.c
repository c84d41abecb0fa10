/* A checkpoint written anew in another format: one tensor file after the other, a batch of pieces at a time, which
 * all threads convert while the one before is written. */
#include <xlstm/convert.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <jansson.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "format/safetensors.h"
#include "model/checkpoint.h"
#include "model/convert_folder.h"
#include "model/host.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define BATCH 16 /* pieces */
/* While it is there, the folder holds an unfinished conversion. */
static const char MARKER[] = "conversion.json";

/* A tensor on its way: rows of blocks, or bytes as they are. */
typedef struct job {
    const xlstm_tensor *tensor;
    xl_format_id from, to;
    int64_t rows, cols;      /* copied: bytes and 1 */
    size_t from_row, to_row; /* bytes */
    const float *importance; /* [cols] or NULL */
    xlstm_tensor written;
} job;

/* Rows [first, first + count) of a job. */
typedef struct piece {
    const job *job;
    int64_t first, count;
    char *in, *out;
    float *floats; /* a row */
} piece;

typedef struct batch {
    piece pieces[BATCH];
    int count;
} batch;

typedef struct converter {
    xl_checkpoint source;
    xl_host host; /* converts */
    const char *out;
    const xlstm_convert_options *options;
    xlstm_tensor_file *importance;
    size_t file; /* that is being converted */
    job *jobs;   /* of the file */
    size_t job_count;
    xlstm_tensor_writer *writer;
    batch batches[2], *making;
    const batch *writing;
    char *memory;
    atomic_int status; /* the first failure */
    atomic_flag reporting;
    xlstm_error *err;
    xlstm_convert_result result;
    uint64_t done;
} converter;

static int out_of_memory(const converter *c) {
    return xl_fail(c->err, XLSTM_ENOMEM, "%s: out of memory", c->out);
}

/* ---- what becomes of a tensor ---- */

static bool is_copied(const job *j) {
    return j->from == j->to || j->tensor->rank != 2;
}

static xl_format_id wanted_format(const converter *c, const xl_stored *s, int64_t cols) {
    int64_t choice = c->options->weights;
    if (xl_is_head(s->name) && c->options->head_weights) choice = c->options->head_weights;
    if (choice == XLSTM_WEIGHTS_STORED) return (xl_format_id)s->format;
    return xl_held_format((xl_format_id)(choice - 1), xl_is_gate(s->name), cols);
}

/* `name` is the canonical one. */
static int find_importance(const converter *c, const char *name, job *j) {
    const xlstm_tensor *t = c->importance ? xlstm_tensor_file_find(c->importance, name) : NULL;
    if (!t || !xl_format_get((int)j->to)->from_f32_weighted) return XLSTM_OK;
    if (t->dtype != XLSTM_F32 || t->rank != 1 || t->shape[0] != j->cols || (uintptr_t)t->data % sizeof(float))
        return xl_fail(c->err, XLSTM_EFORMAT, "%s: '%.200s' is not F32 [%" PRId64 "], one number a column",
                       c->options->importance, t->name, j->cols);
    j->importance = t->data;
    for (int64_t i = 0; i < j->cols; i++) {
        if (!(j->importance[i] >= 0 && j->importance[i] < 1e30f))
            return xl_fail(c->err, XLSTM_EFORMAT, "%s: '%.200s': column %" PRId64 " is %g, wanted 0 to 1e30",
                           c->options->importance, t->name, i, (double)j->importance[i]);
    }
    return XLSTM_OK;
}

static int plan_tensor(const converter *c, const xlstm_tensor *t, job *j) {
    static const xlstm_dtype dtypes[] = {
        [XL_FORMAT_F32] = XLSTM_F32, [XL_FORMAT_BF16] = XLSTM_BF16, [XL_FORMAT_F16] = XLSTM_F16};
    char name[XL_NAME_MAX];
    const xl_stored *s = xl_canonical_name(t->name, name) ? xl_checkpoint_find(&c->source, name) : NULL;
    *j = (job){.tensor = t, .rows = (int64_t)t->bytes, .cols = 1, .from_row = 1, .to_row = 1, .written = *t};
    if (!s || s->tensor != t) /* One that was renamed because it stands for both embedding and head. */
        s = xl_checkpoint_find(&c->source, "backbone.embeddings.weight");
    if (!s || s->tensor != t || t->rank != 2) return XLSTM_OK;
    j->from = (xl_format_id)s->format;
    /* The layout has the columns, where the file has bytes. */
    for (size_t i = 0; i < c->source.spec_count; i++) {
        if (!strcmp(c->source.specs[i].name, s->name)) j->cols = c->source.specs[i].shape[1];
    }
    j->to = wanted_format(c, s, j->cols);
    if (is_copied(j)) {
        j->cols = 1;
        return XLSTM_OK;
    }
    j->rows = t->shape[0];
    j->from_row = xl_format_row_bytes(j->from, j->cols);
    j->to_row = xl_format_row_bytes(j->to, j->cols);
    bool blocks = xl_format_get((int)j->to)->block > 1;
    j->written.dtype = blocks ? XLSTM_U8 : dtypes[j->to];
    j->written.shape[1] = blocks ? (int64_t)j->to_row : j->cols;
    return find_importance(c, s->name, j);
}

static size_t bytes_of(const job *j) {
    return (size_t)j->rows * j->to_row;
}

/* Plans the tensors of source file `file`; those without values are left out. */
static int plan_file(converter *c, size_t file) {
    const xlstm_tensor_file *f = c->source.files[file];
    size_t count = xlstm_tensor_file_count(f);
    free(c->jobs);
    c->file = file;
    c->job_count = 0;
    c->jobs = xl_array(count, sizeof *c->jobs);
    if (!c->jobs) return out_of_memory(c);
    for (size_t i = 0; i < count; i++) {
        const xlstm_tensor *t = xlstm_tensor_file_at(f, i);
        if (!t->bytes) continue;
        int status = plan_tensor(c, t, &c->jobs[c->job_count++]);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* ---- the folder ---- */

/* What this conversion is, as the marker's text; malloc'd. */
static char *describe(const converter *c, const char *fingerprint) {
    const xlstm_tunable *weights = xlstm_tunable_get(XLSTM_TUNE_WEIGHTS);
    const xlstm_tunable *head = xlstm_tunable_get(XLSTM_TUNE_HEAD_WEIGHTS);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s}", "checkpoint", fingerprint, "weights",
                  weights->choices[c->options->weights], "head_weights", head->choices[c->options->head_weights],
                  "importance", c->options->importance ? c->options->importance : "");
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static char *written_path(const converter *c, size_t file) {
    return xl_path_join(c->out, xl_convert_name(xl_tensor_file_path(c->source.files[file])));
}

/* True where an earlier call wrote this file: a file appears whole or not at all. */
static bool is_written(const converter *c, size_t file) {
    char *path = written_path(c, file);
    xlstm_tensor_file *f = NULL;
    bool whole = path && !xlstm_tensor_file_open(&f, path, NULL) && xlstm_tensor_file_count(f) == c->job_count;
    for (size_t i = 0; whole && i < c->job_count; i++) {
        const xlstm_tensor *t = xlstm_tensor_file_find(f, c->jobs[i].tensor->name);
        whole = t && t->bytes == bytes_of(&c->jobs[i]);
    }
    xlstm_tensor_file_close(f);
    free(path);
    return whole;
}

static int check_space(converter *c) {
    struct statvfs fs;
    uint64_t need = 0;
    for (size_t f = 0; f < c->source.file_count; f++) {
        int status = plan_file(c, f);
        if (status) return status;
        for (size_t i = 0; i < c->job_count; i++) {
            c->result.bytes += bytes_of(&c->jobs[i]);
            c->result.source_bytes += c->jobs[i].tensor->bytes;
            if (!is_written(c, f)) need += bytes_of(&c->jobs[i]);
        }
    }
    if (statvfs(c->out, &fs)) return XLSTM_OK;
    uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (space > need + need / 100) return XLSTM_OK;
    return xl_fail(c->err, XLSTM_EIO, "%s: %.2f GB are needed, %.2f GB are free", c->out, (double)need * 1e-9,
                   (double)space * 1e-9);
}

/* ---- converting ---- */

static void stop(converter *c, const xlstm_error *why) {
    if (atomic_flag_test_and_set(&c->reporting)) return;
    if (c->err) *c->err = *why;
    atomic_store(&c->status, why->status);
}

static int convert_rows(const converter *c, const piece *p, xlstm_error *err) {
    const job *j = p->job;
    for (int64_t i = 0; i < p->count; i++) {
        const char *in = p->in + (size_t)i * j->from_row;
        char *out = p->out + (size_t)i * j->to_row;
        c->host.backend->to_f32(c->host.device, j->from, in, p->floats, (size_t)j->cols);
        int status = xl_check_range(c->source.dir, j->tensor->name, j->to, p->floats, (size_t)j->cols,
                                    (size_t)((p->first + i) * j->cols), err);
        if (status) return status;
        c->host.backend->from_f32_weighted(c->host.device, j->to, p->floats, j->importance, out, (size_t)j->cols);
    }
    return XLSTM_OK;
}

static int write_batch(const converter *c, xlstm_error *err) {
    for (int i = 0; i < c->writing->count; i++) {
        const piece *p = &c->writing->pieces[i];
        int status = xlstm_tensor_writer_append(c->writer, is_copied(p->job) ? p->in : p->out,
                                                (size_t)p->count * p->job->to_row, err);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Task 0 writes the batch before, the others make this one. */
static void run_task(void *ctx, int64_t task, int thread) {
    converter *c = ctx;
    (void)thread;
    if (atomic_load(&c->status)) return;
    xlstm_error err = {.status = XLSTM_OK};
    int status;
    if (!task) {
        status = write_batch(c, &err);
    } else {
        const piece *p = &c->making->pieces[task - 1];
        status = xl_tensor_file_read(c->source.files[c->file], p->job->tensor, (size_t)p->first * p->job->from_row,
                                     p->in, (size_t)p->count * p->job->from_row, &err);
        if (!status && !is_copied(p->job)) status = convert_rows(c, p, &err);
    }
    if (status) stop(c, &err);
}

/* Rows of a piece of a job. */
static int64_t step_of(const job *j) {
    size_t row = j->from_row > j->to_row ? j->from_row : j->to_row;
    return row < PIECE_BYTES ? (int64_t)(PIECE_BYTES / row) : 1;
}

static void next_pieces(const converter *c, size_t *index, int64_t *first, batch *b) {
    b->count = 0;
    while (b->count < BATCH && *index < c->job_count) {
        const job *j = &c->jobs[*index];
        if (*first >= j->rows) {
            ++*index;
            *first = 0;
            continue;
        }
        piece *p = &b->pieces[b->count++];
        p->job = j;
        p->first = *first;
        p->count = j->rows - *first < step_of(j) ? j->rows - *first : step_of(j);
        *first += p->count;
    }
}

/* Memory for the pieces of both batches, for the longest row of the file. */
static int reserve(converter *c) {
    size_t row = PIECE_BYTES, floats = 1, one, all;
    for (size_t i = 0; i < c->job_count; i++) {
        const job *j = &c->jobs[i];
        row = j->from_row > row ? j->from_row : row;
        row = j->to_row > row ? j->to_row : row;
        floats = !is_copied(j) && (size_t)j->cols > floats ? (size_t)j->cols : floats;
    }
    row = (row + XL_CACHE_LINE - 1) / XL_CACHE_LINE * XL_CACHE_LINE;
    floats = (floats * sizeof(float) + XL_CACHE_LINE - 1) / XL_CACHE_LINE * XL_CACHE_LINE;
    one = 2 * row + floats;
    xl_aligned_free(c->memory);
    c->memory = xl_mul(one, (size_t)2 * BATCH, &all) ? xl_aligned_alloc(all, 1) : NULL;
    if (!c->memory) return out_of_memory(c);
    for (int i = 0; i < 2 * BATCH; i++) {
        char *at = c->memory + (size_t)i * one;
        c->batches[i / BATCH].pieces[i % BATCH] =
            (piece){.in = at, .out = at + row, .floats = (float *)(void *)(at + 2 * row)};
    }
    return XLSTM_OK;
}

/* {"format":"pt"}, and the formats of the tensors in blocks as a JSON text; malloc'd. */
static char *metadata_of(const converter *c) {
    json_t *blocks = json_object(), *root = json_pack("{s:s}", "format", "pt");
    bool good = blocks && root;
    for (size_t i = 0; i < c->job_count && good; i++) {
        const job *j = &c->jobs[i];
        if (j->written.dtype == XLSTM_U8)
            good = !json_object_set_new(blocks, j->tensor->name, json_string(xl_format_get((int)j->to)->name));
    }
    if (good && json_object_size(blocks)) {
        char *map = json_dumps(blocks, JSON_COMPACT);
        good = map && !json_object_set_new(root, XL_BLOCKS_KEY, json_string(map));
        free(map);
    }
    char *text = good ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(blocks);
    json_decref(root);
    return text;
}

static int begin_file(converter *c, const char *path) {
    xlstm_tensor *tensors = xl_array(c->job_count + 1, sizeof *tensors);
    char *metadata = metadata_of(c);
    int status = XLSTM_OK;
    if (!tensors || !metadata) {
        status = out_of_memory(c);
    } else {
        for (size_t i = 0; i < c->job_count; i++) tensors[i] = c->jobs[i].written;
        status = xlstm_tensor_writer_begin(&c->writer, path, tensors, c->job_count, metadata, c->err);
    }
    free(metadata);
    free(tensors);
    return status;
}

static int convert_file(converter *c) {
    char *path = written_path(c, c->file);
    size_t index = 0;
    int64_t first = 0;
    int turn = 0, threads = c->options->threads > 0 ? c->options->threads : xl_cpu_count();
    int status = path ? reserve(c) : out_of_memory(c);
    if (!status) status = begin_file(c, path);
    free(path);
    if (status) return status;
    c->batches[0].count = c->batches[1].count = 0;
    do {
        c->making = &c->batches[turn];
        c->writing = &c->batches[!turn];
        turn = !turn;
        next_pieces(c, &index, &first, c->making);
        xl_pool_run(xl_pool_shared(), threads, 1 + c->making->count, run_task, c);
        for (int i = 0; i < c->making->count; i++)
            c->done += (uint64_t)c->making->pieces[i].count * c->making->pieces[i].job->from_row;
        if (c->options->progress) c->options->progress(c->options->user, c->done, c->result.source_bytes);
        if (!atomic_load(&c->status) && c->options->cancel && c->options->cancel(c->options->user)) {
            xlstm_error err;
            xl_fail(&err, XLSTM_ECANCELLED, "%s: stopped; the same command continues", c->out);
            stop(c, &err);
        }
        status = atomic_load(&c->status);
    } while (!status && c->making->count);
    if (status) xlstm_tensor_writer_abort(c->writer);
    else status = xlstm_tensor_writer_finish(c->writer, c->err);
    c->writer = NULL;
    return status;
}

static int convert(converter *c, const char *dir) {
    xlstm_model_info info;
    char *marker = xl_path_join(c->out, MARKER), *text = NULL;
    int status = marker ? xl_checkpoint_open(&c->source, dir, c->err) : out_of_memory(c);
    if (!status) status = xl_checkpoint_info(&c->source, &info, c->err);
    if (!status && c->options->importance)
        status = xlstm_tensor_file_open(&c->importance, c->options->importance, c->err);
    if (!status && !(text = describe(c, info.fingerprint))) status = out_of_memory(c);
    if (!status) status = xl_convert_folder_begin(c->out, marker, text, c->err);
    if (!status) status = check_space(c);
    c->result.files = c->source.file_count;
    for (size_t f = 0; f < c->source.file_count && !status; f++) {
        status = plan_file(c, f);
        if (status) break;
        if (!is_written(c, f)) {
            status = convert_file(c);
            continue;
        }
        for (size_t i = 0; i < c->job_count; i++) c->done += c->jobs[i].tensor->bytes;
    }
    if (!status) status = xl_convert_folder_finish(&c->source, c->out, c->result.bytes, marker, c->err);
    free(text);
    free(marker);
    return status;
}

int xlstm_checkpoint_convert(const char *dir, const char *out, const xlstm_convert_options *options,
                             xlstm_convert_result *result, xlstm_error *err) {
    if (options->weights < 0 || options->weights > XL_FORMAT_COUNT || options->head_weights < 0 ||
        options->head_weights > XL_FORMAT_COUNT)
        return xl_fail(err, XLSTM_EARG, "weights %lld and head_weights %lld, wanted 0 to %d",
                       (long long)options->weights, (long long)options->head_weights, XL_FORMAT_COUNT);
    converter c = {.out = out, .options = options, .err = err, .reporting = ATOMIC_FLAG_INIT};
    int status = xl_host_open(&c.host, NULL, NULL, err);
    if (!status) status = convert(&c, dir);
    if (!status && result) *result = c.result;
    xlstm_tensor_file_close(c.importance);
    xl_host_close(&c.host);
    xl_checkpoint_close(&c.source);
    xl_aligned_free(c.memory);
    free(c.jobs);
    return status;
}
