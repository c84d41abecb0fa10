/* Greedy decoding of several steps in a call: by the device where it chooses tokens itself, else step by step. */
#include <stdlib.h>
#include <string.h>

#include <xlstm/batch.h>

#include "base/error.h"
#include "base/largest.h"
#include "base/memory.h"
#include "base/pool.h"
#include "model/model.h"
#include "runtime/session.h"

/* The likeliest tokens of a step. */
typedef struct choice {
    const float *logits; /* [count, vocab] */
    int64_t vocab;
    int32_t *out; /* [count] */
} choice;

/* As a sampler with temperature 0 draws it. */
static void choose(void *ctx, int64_t task, int thread) {
    const choice *c = ctx;
    (void)thread;
    c->out[task] = (int32_t)xl_largest(c->logits + task * c->vocab, c->vocab);
}

static int step_by_step(xlstm_session *const *sessions, xl_executor *executor, const xl_feed *feeds, size_t count,
                        int32_t *out, size_t n, xlstm_cancel_fn cancel, void *user, xlstm_error *err) {
    const int64_t vocab = sessions[0]->model->hparams.vocab_size;
    const int threads = (int)xlstm_settings_get(&sessions[0]->settings, XLSTM_TUNE_DECODE_WORKERS);
    float *logits = xl_aligned_alloc(count * (size_t)vocab, sizeof *logits);
    xl_feed *next = xl_array(count, sizeof *next);
    int status = logits && next ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory for logits");
    if (!status) memcpy(next, feeds, count * sizeof *next);
    for (size_t step = 0; step < n && !status; step++) {
        const xl_batch batch = {.feeds = next, .count = count, .logits = logits, .cancel = cancel, .user = user};
        status = xl_session_run(sessions, executor, &batch, err);
        if (status) break;
        choice c = {logits, vocab, out + step * count};
        xl_pool_run(xl_pool_shared(), threads, (int64_t)count, choose, &c);
        for (size_t i = 0; i < count; i++) next[i].ids = &out[step * count + i];
    }
    free(next);
    xl_aligned_free(logits);
    return status;
}

static int on_device(xlstm_session *const *sessions, xl_executor *executor, const xl_feed *feeds, size_t count,
                     int32_t *out, size_t n, xlstm_cancel_fn cancel, void *user, xlstm_error *err) {
    xl_state **states = xl_array(count, sizeof *states);
    int32_t *ids = xl_array(count, sizeof *ids);
    int status = XLSTM_ENOMEM;
    if (!states || !ids) {
        xl_fail(err, status, "out of memory for a batch of %zu", count);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        states[i] = feeds[i].state;
        ids[i] = feeds[i].ids[0];
    }
    const xl_greedy greedy = {
        .states = states, .ids = ids, .count = count, .steps = n, .out = out, .cancel = cancel, .user = user};
    status = sessions[0]->model->backend->greedy(executor, &greedy, err);
    if (status == XLSTM_EUNSUPPORTED) goto out;
    for (size_t i = 0; i < count * n && !status; i++)
        if (out[i] < 0) status = xl_session_not_finite(sessions[i % count]->position + i / count, err);
    for (size_t i = 0; i < count; i++) {
        sessions[i]->pending = -1;
        if (status) sessions[i]->undefined = true;
        else sessions[i]->position += n;
    }
out:
    free(ids);
    free(states);
    return status;
}

int xl_session_greedy(xlstm_session *const *sessions, xl_executor *executor, const xl_feed *feeds, size_t count,
                      int32_t *out, size_t n, xlstm_cancel_fn cancel, void *user, xlstm_error *err) {
    const xl_backend *backend = sessions[0]->model->backend;
    if (backend->greedy && backend->greedy_ahead(executor) > 1) {
        int status = on_device(sessions, executor, feeds, count, out, n, cancel, user, err);
        if (status != XLSTM_EUNSUPPORTED) return status;
    }
    return step_by_step(sessions, executor, feeds, count, out, n, cancel, user, err);
}

int xlstm_decode_greedy(xlstm_session *session, int32_t id, int32_t *out, size_t n, xlstm_error *err) {
    xl_feed feed;
    int status = xl_session_feed(&feed, session, &id, 1, XLSTM_LOGITS_LAST, err);
    if (status || !n) return status;
    feed.decode = true;
    return xl_session_greedy(&session, session->executor, &feed, 1, out, n, session->cancel, session->user, err);
}

size_t xlstm_greedy_ahead(const xlstm_session *session) {
    const xl_backend *backend = session->model->backend;
    return backend->greedy ? backend->greedy_ahead(session->executor) : 1;
}
