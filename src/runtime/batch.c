/* Batches: the sessions of one call on an executor of its own. */
#include <xlstm/batch.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"
#include "runtime/session.h"

struct xlstm_batch {
    const xlstm_model *model;
    xl_executor *executor;
    xl_feed *feeds;           /* [room] */
    xlstm_session **sessions; /* [room] */
    size_t room;
    xlstm_cancel_fn cancel;
    void *user;
};

int xlstm_batch_create(xlstm_batch **out, xlstm_model *model, const xlstm_settings *settings, xlstm_error *err) {
    *out = NULL;
    xlstm_settings checked;
    int status = xl_session_settings(&checked, model, settings, err);
    if (status) return status;
    xlstm_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    batch->model = model;
    status = model->backend->executor_create(&batch->executor, model->plan, &checked, err);
    if (status) {
        xlstm_batch_destroy(batch);
        return status;
    }
    *out = batch;
    return XLSTM_OK;
}

void xlstm_batch_destroy(xlstm_batch *batch) {
    if (!batch) return;
    batch->model->backend->executor_destroy(batch->executor);
    free(batch->feeds);
    free(batch->sessions);
    free(batch);
}

int xlstm_batch_configure(xlstm_batch *batch, const xlstm_settings *settings, xlstm_error *err) {
    xlstm_settings checked;
    int status = xl_session_settings(&checked, batch->model, settings, err);
    if (!status) batch->model->backend->configure(batch->executor, &checked);
    return status;
}

int xlstm_batch_schedule(const xlstm_batch *batch, int index, xlstm_schedule_entry *entry) {
    return batch->model->backend->schedule(batch->executor, index, entry);
}

void xlstm_batch_set_cancel(xlstm_batch *batch, xlstm_cancel_fn cancel, void *user) {
    batch->cancel = cancel;
    batch->user = user;
}

static int reserve(xlstm_batch *batch, size_t count, xlstm_error *err) {
    if (count <= batch->room) return XLSTM_OK;
    free(batch->feeds);
    free(batch->sessions);
    batch->room = 0;
    batch->feeds = xl_array(count, sizeof *batch->feeds);
    batch->sessions = xl_array(count, sizeof *batch->sessions);
    if (!batch->feeds || !batch->sessions)
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for a batch of %zu", count);
    batch->room = count;
    return XLSTM_OK;
}

/* Fills feeds and sessions, and checks the items for everything that can be wrong with them. */
static int check_items(xlstm_batch *batch, const xlstm_batch_item *items, size_t count, const float *logits,
                       xlstm_error *err) {
    int status = XLSTM_OK;
    size_t taken = 0, rows = 0;
    for (; taken < count && !status; taken++) {
        const xlstm_batch_item *item = &items[taken];
        batch->sessions[taken] = item->session;
        if (item->session->model != batch->model) {
            status = xl_fail(err, XLSTM_EARG, "item %zu: the session is of another model", taken);
        } else if (item->session->in_batch) {
            status = xl_fail(err, XLSTM_EARG, "item %zu: the session is in the batch already", taken);
        } else if (!item->n) {
            status = xl_fail(err, XLSTM_EARG, "item %zu: no tokens", taken);
        } else {
            status = xl_session_feed(&batch->feeds[taken], item->session, item->ids, item->n, item->logits, err);
            batch->feeds[taken].decode = item->n == 1;
            rows += batch->feeds[taken].logit_rows;
        }
        if (status) break;
        item->session->in_batch = true;
    }
    for (size_t i = 0; i < taken; i++) items[i].session->in_batch = false;
    if (!status && rows && !logits)
        status = xl_fail(err, XLSTM_EARG, "logits are wanted, but there is no room given for them");
    return status;
}

int xlstm_batch_greedy(xlstm_batch *batch, xlstm_session *const *sessions, const int32_t *ids, size_t count,
                       int32_t *out, size_t n, xlstm_error *err) {
    if (!count || !n) return XLSTM_OK;
    xlstm_batch_item *items = xl_array(count, sizeof *items);
    if (!items) return xl_fail(err, XLSTM_ENOMEM, "out of memory for a batch of %zu", count);
    /* Logits are not given to the caller; that there is room for them is not asked. */
    static const float none;
    for (size_t i = 0; i < count; i++) items[i] = (xlstm_batch_item){sessions[i], &ids[i], 1, XLSTM_LOGITS_LAST};
    int status = reserve(batch, count, err);
    if (!status) status = check_items(batch, items, count, &none, err);
    free(items);
    if (status) return status;
    return xl_session_greedy(batch->sessions, batch->executor, batch->feeds, count, out, n, batch->cancel,
                             batch->user, err);
}

int xlstm_batch_run(xlstm_batch *batch, const xlstm_batch_item *items, size_t count, float *logits,
                    xlstm_error *err) {
    if (!count) return XLSTM_OK;
    int status = reserve(batch, count, err);
    if (!status) status = check_items(batch, items, count, logits, err);
    if (status) return status;
    const xl_batch run = {
        .feeds = batch->feeds, .count = count, .logits = logits, .cancel = batch->cancel, .user = batch->user};
    return xl_session_run(batch->sessions, batch->executor, &run, err);
}
