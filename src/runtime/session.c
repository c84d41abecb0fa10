/* Sessions: the state of a sequence with its position and settings, and the checks of what callers give. */
#include "runtime/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

/* The session's prompts are not known yet, so only the model's limits apply. `compute` may stay auto: what that
 * stands for can differ with the tokens that are fed at once, which the device sees. */
static void clip(xlstm_settings *settings, const xlstm_model *model) {
    xlstm_work work;
    xlstm_work_init(&work, &model->hparams, NULL, 0);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++)
        xlstm_settings_set(settings, id, xlstm_tunable_effective(id, xlstm_settings_get(settings, id), &work));
    if (!model->backend->auto_compute) xlstm_settings_set(settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
}

int xl_session_settings(xlstm_settings *out, const xlstm_model *model, const xlstm_settings *settings,
                        xlstm_error *err) {
    if (settings) {
        int status = xlstm_settings_check(settings, err);
        if (status) return status;
        *out = *settings;
    } else {
        xlstm_settings_init(out, &model->hparams);
    }
    clip(out, model);
    return XLSTM_OK;
}

int xlstm_session_create(xlstm_session **out, xlstm_model *model, const xlstm_settings *settings,
                         xlstm_error *err) {
    *out = NULL;
    xlstm_session *session = calloc(1, sizeof *session);
    if (!session) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    session->model = model;
    session->pending = -1;
    int status = xl_session_settings(&session->settings, model, settings, err);
    if (!status) status = model->backend->state_create(&session->state, model->plan, err);
    if (!status) status = model->backend->executor_create(&session->executor, model->plan, &session->settings, err);
    if (status) {
        xlstm_session_destroy(session);
        return status;
    }
    *out = session;
    return XLSTM_OK;
}

void xlstm_session_destroy(xlstm_session *session) {
    if (!session) return;
    session->model->backend->executor_destroy(session->executor);
    session->model->backend->state_destroy(session->state);
    free(session);
}

int xlstm_session_configure(xlstm_session *session, const xlstm_settings *settings, xlstm_error *err) {
    int status = xl_session_settings(&session->settings, session->model, settings, err);
    if (!status) session->model->backend->configure(session->executor, &session->settings);
    return status;
}

void xlstm_session_settings(const xlstm_session *session, xlstm_settings *settings) {
    *settings = session->settings;
    if (xlstm_settings_get(settings, XLSTM_TUNE_COMPUTE) == XLSTM_COMPUTE_AUTO)
        xlstm_settings_set(settings, XLSTM_TUNE_COMPUTE, session->model->info.auto_compute);
}

int xlstm_session_schedule(const xlstm_session *session, int index, xlstm_schedule_entry *entry) {
    return session->model->backend->schedule(session->executor, index, entry);
}

int64_t xlstm_session_schedule_value(const xlstm_session *session, const char *key) {
    xlstm_schedule_entry entry;
    for (int i = 0; xlstm_session_schedule(session, i, &entry); i++) {
        if (!strcmp(entry.key, key)) return entry.value;
    }
    return -1;
}

void xlstm_session_set_cancel(xlstm_session *session, xlstm_cancel_fn cancel, void *user) {
    session->cancel = cancel;
    session->user = user;
}

void xlstm_session_reset(xlstm_session *session) {
    session->model->backend->state_reset(session->state);
    session->position = 0;
    session->pending = -1;
    session->undefined = false;
}

uint64_t xlstm_session_position(const xlstm_session *session) {
    return session->position;
}

int xlstm_session_set_pending(xlstm_session *session, int32_t id, xlstm_error *err) {
    int64_t vocab = session->model->hparams.vocab_size;
    if (id < -1 || id >= vocab)
        return xl_fail(err, XLSTM_EARG, "pending token: id %ld, wanted -1 to %lld", (long)id, (long long)vocab - 1);
    session->pending = id;
    return XLSTM_OK;
}

int32_t xlstm_session_pending(const xlstm_session *session) {
    return session->pending;
}

void xlstm_session_trim(xlstm_session *session) {
    session->model->backend->trim(session->executor);
}

int xl_session_check(const xlstm_session *session, xlstm_error *err) {
    if (!session->undefined) return XLSTM_OK;
    return xl_fail(err, XLSTM_EARG, "the last call ended half-way: reset the session or load a state first");
}

static bool any_finite(const float *logits, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(logits[i])) return true;
    }
    return false;
}

int xl_session_not_finite(uint64_t position, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOTFINITE,
                   "no logit after token %llu (counted from 0) is finite: the weights or the state hold NaN or "
                   "infinity",
                   (unsigned long long)position);
}

/* One finite logit is enough to continue; without one, anything that is drawn or scored is meaningless. */
static int check_logits(const xlstm_session *session, size_t first_position, size_t rows, const float *logits,
                        xlstm_error *err) {
    int64_t vocab = session->model->hparams.vocab_size;
    for (size_t i = 0; i < rows; i++) {
        if (!any_finite(logits + i * (size_t)vocab, vocab)) return xl_session_not_finite(first_position + i, err);
    }
    return XLSTM_OK;
}

int xl_session_feed(xl_feed *feed, const xlstm_session *session, const int32_t *ids, size_t n, xlstm_logits which,
                    xlstm_error *err) {
    int64_t vocab = session->model->hparams.vocab_size;
    if ((int)which < XLSTM_LOGITS_NONE || which > XLSTM_LOGITS_ALL)
        return xl_fail(err, XLSTM_EARG, "logits %d, wanted none, last or all", (int)which);
    int status = xl_session_check(session, err);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= vocab)
            return xl_fail(err, XLSTM_EARG, "token %zu: id %ld, wanted 0 to %lld", i, (long)ids[i],
                           (long long)vocab - 1);
    }
    size_t rows = which == XLSTM_LOGITS_ALL ? n : which == XLSTM_LOGITS_LAST;
    *feed = (xl_feed){.state = session->state, .ids = ids, .count = n, .logit_rows = rows};
    return XLSTM_OK;
}

int xl_session_run(xlstm_session *const *sessions, xl_executor *executor, const xl_batch *batch, xlstm_error *err) {
    for (size_t i = 0; i < batch->count; i++) sessions[i]->pending = -1;
    int status = sessions[0]->model->backend->run(executor, batch, err);
    const float *logits = batch->logits;
    for (size_t i = 0; i < batch->count && !status; i++) {
        const xl_feed *feed = &batch->feeds[i];
        status = check_logits(sessions[i], sessions[i]->position + feed->count - feed->logit_rows, feed->logit_rows,
                              logits, err);
        if (feed->logit_rows) logits += feed->logit_rows * (size_t)sessions[i]->model->hparams.vocab_size;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (status) sessions[i]->undefined = true;
        else sessions[i]->position += batch->feeds[i].count;
    }
    return status;
}

static int run_one(xlstm_session *session, const xl_feed *feed, float *logits, xlstm_error *err) {
    const xl_batch batch = {
        .feeds = feed, .count = 1, .logits = logits, .cancel = session->cancel, .user = session->user};
    return xl_session_run(&session, session->executor, &batch, err);
}

int xlstm_prefill(xlstm_session *session, const int32_t *ids, size_t n, xlstm_logits which, float *logits,
                  xlstm_error *err) {
    xl_feed feed;
    if (which == XLSTM_LOGITS_LAST && !n) return xl_fail(err, XLSTM_EARG, "no tokens: there are no last logits");
    int status = xl_session_feed(&feed, session, ids, n, which, err);
    if (status) return status;
    if (feed.logit_rows && !logits)
        return xl_fail(err, XLSTM_EARG, "logits are wanted, but there is no room given for them");
    return n ? run_one(session, &feed, logits, err) : XLSTM_OK;
}

int xlstm_decode(xlstm_session *session, int32_t id, float *logits, xlstm_error *err) {
    xl_feed feed;
    int status = xl_session_feed(&feed, session, &id, 1, logits ? XLSTM_LOGITS_LAST : XLSTM_LOGITS_NONE, err);
    if (status) return status;
    feed.decode = true;
    return run_one(session, &feed, logits, err);
}
