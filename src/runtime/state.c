/* A session's state as tensors: to memory, to another session, to and from a file. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"
#include "runtime/sampler.h"
#include "runtime/session.h"

enum { PARTS = 3, NAME_BYTES = 40 }; /* c, n, m of a block */

/* The kind of a file without and with a sampler. */
static const char *const kinds[] = {"xlstm-state-1", "xlstm-state-2"};

int xlstm_state_get(const xlstm_session *session, int64_t block, float *c, float *n, float *m, xlstm_error *err) {
    int status = xl_session_check(session, err);
    return status ? status : session->model->backend->state_get(session->state, block, c, n, m, err);
}

/* The formats in which a state may hold C, and a file too. */
static const struct {
    xl_format_id format;
    xlstm_dtype dtype;
} c_formats[] = {{XL_FORMAT_F32, XLSTM_F32}, {XL_FORMAT_BF16, XLSTM_BF16}, {XL_FORMAT_F16, XLSTM_F16}};
enum { C_FORMATS = sizeof c_formats / sizeof *c_formats };

static xlstm_dtype dtype_of(xl_format_id format) {
    int i = 0;
    while (c_formats[i].format != format) i++;
    return c_formats[i].dtype;
}

/* The row of a tensor's values; NULL where C is never held so. */
static const xl_format_row *format_of(const xlstm_tensor *t) {
    for (int i = 0; i < C_FORMATS; i++)
        if (c_formats[i].dtype == t->dtype) return xl_format_get((int)c_formats[i].format);
    return NULL;
}

/* Name, shape and bytes of a part whose C is of that dtype; data NULL. */
static xlstm_tensor part_of(const xlstm_hparams *hp, int64_t block, int part, xlstm_dtype c_dtype,
                            char name[NAME_BYTES]) {
    snprintf(name, NAME_BYTES, "state.%lld.%c", (long long)block, "cnm"[part]);
    xlstm_tensor t = {.name = name, .dtype = part ? XLSTM_F32 : c_dtype, .rank = 3 - (part > 0)};
    t.shape[0] = hp->num_heads;
    t.shape[1] = part == 2 ? 1 : hp->qk_head;
    t.shape[2] = hp->v_head;
    t.bytes = xlstm_dtype_size(t.dtype);
    for (int i = 0; i < t.rank; i++) t.bytes *= (size_t)t.shape[i];
    return t;
}

static size_t values_of(const xlstm_tensor *t) {
    return t->bytes / xlstm_dtype_size(t->dtype);
}

/* Room for one block's parts: parts[0 … 2] point into parts[0], to free. */
static int block_room(const xlstm_session *session, float *parts[PARTS], xlstm_error *err) {
    const xlstm_hparams *hp = &session->model->hparams;
    char name[NAME_BYTES];
    size_t floats = 0, at[PARTS];
    for (int i = 0; i < PARTS; i++) {
        at[i] = floats;
        const xlstm_tensor part = part_of(hp, 0, i, XLSTM_F32, name);
        floats += values_of(&part);
    }
    float *room = xl_array(floats, sizeof(float));
    if (!room) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu bytes of state", floats * sizeof(float));
    for (int i = 0; i < PARTS; i++) parts[i] = room + at[i];
    return XLSTM_OK;
}

/* Copied through the host, block by block, because the two may be on different devices. */
static int copy_through_host(xlstm_session *dst, const xlstm_session *src, xlstm_error *err) {
    float *parts[PARTS];
    int status = block_room(src, parts, err);
    if (status) return status;
    for (int64_t i = 0; i < src->model->hparams.num_blocks && !status; i++) {
        status = src->model->backend->state_get(src->state, i, parts[0], parts[1], parts[2], err);
        if (!status) status = dst->model->backend->state_set(dst->state, i, parts[0], parts[1], parts[2], err);
    }
    free(parts[0]);
    return status;
}

int xlstm_session_copy_state(xlstm_session *dst, const xlstm_session *src, xlstm_error *err) {
    if (dst == src) return XLSTM_OK;
    if (strcmp(dst->model->info.fingerprint, src->model->info.fingerprint) != 0)
        return xl_fail(err, XLSTM_EMISMATCH, "the two sessions are of different checkpoints (%.16s, %.16s)",
                       dst->model->info.fingerprint, src->model->info.fingerprint);
    int status = xl_session_check(src, err);
    if (status) return status;
    if (dst->model == src->model) status = src->model->backend->state_copy(dst->state, src->state, err);
    else status = copy_through_host(dst, src, err);
    dst->undefined = status != XLSTM_OK;
    if (!status) {
        dst->position = src->position;
        dst->pending = src->pending;
    }
    return status;
}

/* Whether all values of the tensor, at `data` (any alignment), are finite; if not, the failure has this `status`.
 */
static int check_finite(const xlstm_tensor *t, const void *data, int status, const char *path, xlstm_error *err) {
    enum { PIECE = 1024 };
    const xl_format_row *format = format_of(t);
    for (size_t first = 0; first < values_of(t); first += PIECE) {
        float piece[PIECE];
        const size_t left = values_of(t) - first, n = left < PIECE ? left : PIECE;
        format->to_f32((const char *)data + first * format->block_bytes, piece, n);
        for (size_t i = 0; i < n; i++) {
            if (!isfinite(piece[i]))
                return xl_fail(err, status, "%s: %s: value %zu is not finite", path, t->name, first + i);
        }
    }
    return XLSTM_OK;
}

/* NULL when out of memory. */
static char *metadata_of(const xlstm_session *session, const xl_sampler_state *sampler) {
    char *base = xl_format("\"kind\":\"%s\",\"fingerprint\":\"%s\",\"position\":\"%llu\",\"pending\":\"%ld\"",
                           kinds[sampler != NULL], session->model->info.fingerprint,
                           (unsigned long long)session->position, (long)session->pending);
    char generator[XL_GENERATOR_DIGITS + 1];
    if (sampler) xl_sampler_state_generator(sampler, generator);
    char *all = !base     ? NULL
                : sampler ? xl_format("{%s,\"sampler_seed\":\"%llu\",\"sampler_generator\":\"%s\"}", base,
                                      (unsigned long long)sampler->seed, generator)
                          : xl_format("{%s}", base);
    free(base);
    return all;
}

static int write_parts(const xlstm_session *session, const xlstm_tensor *tensors, float *parts[PARTS],
                       xlstm_tensor_writer *writer, const char *path, xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; i < (size_t)session->model->hparams.num_blocks * PARTS && !status; i++) {
        if (i % PARTS == 0)
            status = session->model->backend->state_get(session->state, (int64_t)(i / PARTS), parts[0], parts[1],
                                                        parts[2], err);
        /* Written over itself: a format of C has no more bytes than float32. */
        float *values = parts[i % PARTS];
        if (!status && tensors[i].dtype != XLSTM_F32)
            format_of(&tensors[i])->from_f32(values, values, values_of(&tensors[i]));
        if (!status) status = check_finite(&tensors[i], values, XLSTM_ENOTFINITE, path, err);
        if (!status) status = xlstm_tensor_writer_append(writer, values, tensors[i].bytes, err);
    }
    return status;
}

/* sampler NULL: without. */
static int save(const xlstm_session *session, const xl_sampler_state *sampler, const char *path, xlstm_error *err) {
    const xlstm_hparams *hp = &session->model->hparams;
    size_t blocks = (size_t)hp->num_blocks * PARTS, count = blocks + (sampler ? XL_SAMPLER_TENSORS : 0);
    xlstm_tensor *tensors = xl_array(count, sizeof *tensors);
    char(*names)[NAME_BYTES] = xl_array(blocks, sizeof *names);
    char *metadata = metadata_of(session, sampler);
    float *parts[PARTS] = {NULL};
    xlstm_tensor_writer *writer = NULL;
    int status = XLSTM_OK;
    if (!tensors || !names || !metadata) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        goto out;
    }
    for (size_t i = 0; i < blocks; i++)
        tensors[i] =
            part_of(hp, (int64_t)(i / PARTS), (int)(i % PARTS), dtype_of(session->model->state_format), names[i]);
    if (sampler) xl_sampler_state_tensors(sampler, tensors + blocks);
    status = block_room(session, parts, err);
    if (!status) status = xlstm_tensor_writer_begin(&writer, path, tensors, count, metadata, err);
    if (!status) status = write_parts(session, tensors, parts, writer, path, err);
    for (size_t i = blocks; i < count && !status; i++)
        status = xlstm_tensor_writer_append(writer, tensors[i].data, tensors[i].bytes, err);
    if (!status) {
        status = xlstm_tensor_writer_finish(writer, err);
        writer = NULL;
    }
out:
    xlstm_tensor_writer_abort(writer);
    free(parts[0]);
    free(metadata);
    free(names);
    free(tensors);
    return status;
}

int xlstm_state_save(const xlstm_session *session, const char *path, xlstm_error *err) {
    int status = xl_session_check(session, err);
    return status ? status : save(session, NULL, path, err);
}

static int check_vocabulary(const xlstm_session *session, const xlstm_sampler *sampler, xlstm_error *err) {
    int64_t wanted = session->model->hparams.vocab_size;
    if (sampler->vocab == wanted) return XLSTM_OK;
    return xl_fail(err, XLSTM_EARG, "the sampler is over %lld tokens, the session over %lld",
                   (long long)sampler->vocab, (long long)wanted);
}

int xlstm_state_save_with(const xlstm_session *session, const xlstm_sampler *sampler, const char *path,
                          xlstm_error *err) {
    xl_sampler_state state = {0};
    int status = xl_session_check(session, err);
    if (!status) status = check_vocabulary(session, sampler, err);
    if (!status) status = xl_sampler_state_take(&state, sampler, err);
    if (!status) status = save(session, &state, path, err);
    xl_sampler_state_free(&state);
    return status;
}

static int parse_position(const char *text, const char *path, uint64_t *position, xlstm_error *err) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end || errno)
        return xl_fail(err, XLSTM_EFORMAT, "%s: position '%.40s', wanted a number of tokens", path,
                       text ? text : "(none)");
    *position = value;
    return XLSTM_OK;
}

/* A file without the key has none. */
static int parse_pending(const char *text, const char *path, int64_t vocab, int32_t *pending, xlstm_error *err) {
    *pending = -1;
    if (!text) return XLSTM_OK;
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < -1 || value >= vocab)
        return xl_fail(err, XLSTM_EFORMAT, "%s: pending '%.40s', wanted -1 to %lld", path, text,
                       (long long)vocab - 1);
    *pending = (int32_t)value;
    return XLSTM_OK;
}

/* What a file holds besides the tensors of the blocks. */
typedef struct saved {
    uint64_t position;
    int32_t pending;
    xl_sampler_state sampler;
} saved;

/* Finds everything that can be wrong with the file before the session is changed. */
static int check_state(const xlstm_tensor_file *file, const xlstm_model *model, const char *path, saved *out,
                       xlstm_error *err) {
    const char *kind = xlstm_tensor_file_metadata(file, "kind");
    bool sampler = kind && !strcmp(kind, kinds[1]);
    if (!kind)
        return xl_fail(
            err, XLSTM_EFORMAT,
            "%s: no saved state (the file has no kind; one of %s or %s is wanted): weights are given by their "
            "folder, with --model",
            path, kinds[0], kinds[1]);
    if (!sampler && strcmp(kind, kinds[0]) != 0)
        return xl_fail(err, XLSTM_EFORMAT, "%s: kind '%.40s', wanted '%s' or '%s'", path, kind, kinds[0], kinds[1]);
    const char *fingerprint = xlstm_tensor_file_metadata(file, "fingerprint");
    if (!fingerprint || strcmp(fingerprint, model->info.fingerprint) != 0)
        return xl_fail(err, XLSTM_EMISMATCH, "%s: fingerprint %.16s is another checkpoint's, wanted %.16s", path,
                       fingerprint ? fingerprint : "(none)", model->info.fingerprint);
    int status = parse_position(xlstm_tensor_file_metadata(file, "position"), path, &out->position, err);
    if (!status)
        status = parse_pending(xlstm_tensor_file_metadata(file, "pending"), path, model->hparams.vocab_size,
                               &out->pending, err);
    if (status) return status;
    size_t blocks = (size_t)model->hparams.num_blocks * PARTS, count = xlstm_tensor_file_count(file);
    size_t wanted = blocks + (sampler ? XL_SAMPLER_TENSORS : 0);
    if (count != wanted) return xl_fail(err, XLSTM_EFORMAT, "%s: %zu tensors, wanted %zu", path, count, wanted);
    for (size_t i = 0; i < blocks; i++) {
        char name[NAME_BYTES];
        const int part = (int)(i % PARTS);
        const xlstm_tensor want = part_of(&model->hparams, (int64_t)(i / PARTS), part, XLSTM_F32, name);
        const xlstm_tensor *have = xlstm_tensor_file_find(file, name);
        if (!have) return xl_fail(err, XLSTM_EFORMAT, "%s: %s is missing", path, name);
        bool same = (part ? have->dtype == want.dtype : format_of(have) != NULL) && have->rank == want.rank;
        for (int j = 0; j < want.rank && same; j++) same = have->shape[j] == want.shape[j];
        if (!same)
            return xl_fail(err, XLSTM_EFORMAT, "%s: %s is not %s [%lld, %lld%s]", path, name,
                           part ? "F32" : "F32, BF16 or F16", (long long)want.shape[0], (long long)want.shape[1],
                           want.rank == 3 ? ", …" : "");
        status = check_finite(have, have->data, XLSTM_EFORMAT, path, err);
        if (status) return status;
    }
    return sampler ? xl_sampler_state_read(&out->sampler, file, model->hparams.vocab_size, path, err) : XLSTM_OK;
}

/* sampler NULL: without. */
static int load(xlstm_session *session, xlstm_sampler *sampler, const char *path, xlstm_error *err) {
    xlstm_tensor_file *file = NULL;
    float *parts[PARTS] = {NULL};
    saved from = {.pending = -1};
    int status = xlstm_tensor_file_open(&file, path, err);
    if (!status) status = check_state(file, session->model, path, &from, err);
    if (!status) status = block_room(session, parts, err);
    for (int64_t i = 0; i < session->model->hparams.num_blocks && !status; i++) {
        for (int j = 0; j < PARTS; j++) {
            char name[NAME_BYTES];
            (void)part_of(&session->model->hparams, i, j, XLSTM_F32, name);
            const xlstm_tensor *t = xlstm_tensor_file_find(file, name);
            format_of(t)->to_f32(t->data, parts[j], values_of(t));
        }
        status = session->model->backend->state_set(session->state, i, parts[0], parts[1], parts[2], err);
        session->undefined = status != XLSTM_OK;
    }
    if (!status) {
        session->position = from.position;
        session->pending = from.pending;
        if (sampler && from.sampler.ids) xl_sampler_state_restore(&from.sampler, sampler);
        else if (sampler) xlstm_sampler_accept(sampler, from.pending);
    }
    free(parts[0]);
    xl_sampler_state_free(&from.sampler);
    xlstm_tensor_file_close(file);
    return status;
}

int xlstm_state_load(xlstm_session *session, const char *path, xlstm_error *err) {
    return load(session, NULL, path, err);
}

int xlstm_state_load_with(xlstm_session *session, xlstm_sampler *sampler, const char *path, xlstm_error *err) {
    int status = check_vocabulary(session, sampler, err);
    return status ? status : load(session, sampler, path, err);
}
