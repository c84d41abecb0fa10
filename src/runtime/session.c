/* Sessions: a backend's context with its position, settings and checks of what callers give. */
#include "runtime/session.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/forward.h"
#include "model/model.h"

/* A session's prompts are not known yet: what follows from the model alone. */
static void clip(xlstm_settings *settings, const xlstm_model *model) {
    xlstm_work work;
    xlstm_work_init(&work, &model->hparams, NULL, 0);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++)
        settings->v[id] = xlstm_tunable_effective(id, settings->v[id], &work);
}

int xlstm_session_create(xlstm_session **out, xlstm_model *model, const xlstm_settings *settings,
                         xlstm_error *err) {
    *out = NULL;
    xl_program program = {0};
    xlstm_session *session = calloc(1, sizeof *session);
    if (!session) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    session->model = model;
    session->pending = -1;
    int status = XLSTM_OK;
    if (settings) {
        status = xlstm_settings_check(settings, err);
        session->settings = *settings;
    } else {
        xlstm_settings_init(&session->settings, &model->hparams);
    }
    if (status) goto out;
    clip(&session->settings, model);
    session->backend = xl_backend_find(model->info.device);
    if (!session->backend) {
        status =
            xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.100s', wanted %s", model->info.device, xl_backend_name(0));
        goto out;
    }
    const xl_device_options options = {.cpu_flags = model->cpu_flags};
    status = session->backend->device_open(&session->device, &options, err);
    if (!status) status = xl_forward_build(&program, model, err);
    if (!status) status = session->backend->plan_create(&session->plan, session->device, &program, err);
    if (!status)
        status = session->backend->context_create(&session->context, session->plan, &session->settings, err);
    if (status) goto out;
    *out = session;
    session = NULL;
out:
    free((void *)(uintptr_t)program.ops);
    xlstm_session_destroy(session);
    return status;
}

void xlstm_session_destroy(xlstm_session *session) {
    if (!session) return;
    if (session->backend) {
        session->backend->context_destroy(session->context);
        session->backend->plan_destroy(session->plan);
        session->backend->device_close(session->device);
    }
    free(session);
}

int xlstm_session_configure(xlstm_session *session, const xlstm_settings *settings, xlstm_error *err) {
    int status = xlstm_settings_check(settings, err);
    if (status) return status;
    session->settings = *settings;
    clip(&session->settings, session->model);
    session->backend->configure(session->context, &session->settings);
    return XLSTM_OK;
}

void xlstm_session_settings(const xlstm_session *session, xlstm_settings *settings) {
    *settings = session->settings;
}

void xlstm_session_schedule(const xlstm_session *session, xlstm_schedule *schedule) {
    session->backend->schedule(session->context, schedule);
}

void xlstm_session_set_cancel(xlstm_session *session, xlstm_cancel_fn cancel, void *user) {
    session->cancel = cancel;
    session->user = user;
}

void xlstm_session_reset(xlstm_session *session) {
    session->backend->state_reset(session->context);
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
    session->backend->trim(session->context);
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

/* One finite logit is enough to go on from; without one, whatever is drawn or scored would mean nothing. */
static int check_logits(const xlstm_session *session, size_t first_position, size_t rows, const float *logits,
                        xlstm_error *err) {
    int64_t vocab = session->model->hparams.vocab_size;
    for (size_t i = 0; i < rows; i++) {
        if (!any_finite(logits + i * (size_t)vocab, vocab))
            return xl_fail(
                err, XLSTM_ENOTFINITE,
                "no logit after token %zu (counted from 0) is finite: the weights or the state hold NaN or "
                "infinity",
                first_position + i);
    }
    return XLSTM_OK;
}

static int feed(xlstm_session *session, const int32_t *ids, size_t n, size_t logit_rows, float *logits, bool decode,
                xlstm_error *err) {
    int status = xl_session_check(session, err);
    if (status) return status;
    int64_t vocab = session->model->hparams.vocab_size;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= vocab)
            return xl_fail(err, XLSTM_EARG, "token %zu: id %ld, wanted 0 to %lld", i, (long)ids[i],
                           (long long)vocab - 1);
    }
    if (!n) return XLSTM_OK;
    const xl_feed f = {.ids = ids,
                       .count = n,
                       .logit_rows = logit_rows,
                       .logits = logits,
                       .decode = decode,
                       .cancel = session->cancel,
                       .user = session->user};
    session->pending = -1;
    status = session->backend->feed(session->context, &f, err);
    if (!status) status = check_logits(session, session->position + n - logit_rows, logit_rows, logits, err);
    if (status) {
        session->undefined = true;
    } else {
        session->position += n;
    }
    return status;
}

int xlstm_prefill(xlstm_session *session, const int32_t *ids, size_t n, xlstm_logits which, float *logits,
                  xlstm_error *err) {
    size_t rows = 0;
    switch (which) {
    case XLSTM_LOGITS_NONE:
        break;
    case XLSTM_LOGITS_LAST:
        if (!n) return xl_fail(err, XLSTM_EARG, "no tokens: there are no last logits");
        rows = 1;
        break;
    case XLSTM_LOGITS_ALL:
        rows = n;
        break;
    default:
        return xl_fail(err, XLSTM_EARG, "logits %d, wanted none, last or all", (int)which);
    }
    if (rows && !logits) return xl_fail(err, XLSTM_EARG, "logits are wanted, but there is no room given for them");
    return feed(session, ids, n, rows, logits, false, err);
}

int xlstm_decode(xlstm_session *session, int32_t id, float *logits, xlstm_error *err) {
    return feed(session, &id, 1, logits ? 1 : 0, logits, true, err);
}
