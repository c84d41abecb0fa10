/* Many sequences in one call: weights are read once for all of them. */
#ifndef XLSTM_BATCH_H
#define XLSTM_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/session.h>
#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The workspace for calls that feed many sequences. A sequence is a session. A batch changes the states, positions
 * and pending tokens of its sessions as xlstm_prefill and xlstm_decode do, but uses its own settings. */
typedef struct xlstm_batch xlstm_batch;

typedef struct xlstm_batch_item {
    xlstm_session *session; /* of the batch's model; in one item of a call only */
    const int32_t *ids;     /* [n] */
    size_t n;               /* > 0; one token is a decode, more are a slice of prefill */
    xlstm_logits logits;
} xlstm_batch_item;

/* The model must outlive the batch. settings NULL: defaults. A batch is used by one thread at a time. */
XLSTM_API int xlstm_batch_create(xlstm_batch **out, xlstm_model *model, const xlstm_settings *settings,
                                 xlstm_error *err);
XLSTM_API void xlstm_batch_destroy(xlstm_batch *batch);
/* Changes the batch's tunables. */
XLSTM_API int xlstm_batch_configure(xlstm_batch *batch, const xlstm_settings *settings, xlstm_error *err);
/* The schedule that the batch's last steps used: as xlstm_session_schedule. Texts live as long as the batch. */
XLSTM_API int xlstm_batch_schedule(const xlstm_batch *batch, int index, xlstm_schedule_entry *entry);
/* The function is polled as a session's is. A non-zero result ends the call with XLSTM_ECANCELLED; the states of
 * its sessions are then unspecified. */
XLSTM_API void xlstm_batch_set_cancel(xlstm_batch *batch, xlstm_cancel_fn cancel, void *user);

/* Feeds the tokens of every item to its session. logits receives rows of V soft-capped float32 values in the order
 * of the items: one row for LAST, n rows for ALL, none for NONE; it may be NULL where no item wants any. count = 0
 * does nothing. EARG (a session given twice or of another model, an id out of range, n = 0) changes nothing. After
 * any other failure the states of all sessions are unspecified, and they must be reset or loaded before they are
 * used again. The result of an item is what its session would give alone, within float32 rounding. */
XLSTM_API int xlstm_batch_run(xlstm_batch *batch, const xlstm_batch_item *items, size_t count, float *logits,
                              xlstm_error *err);

/* Greedy decoding of n tokens of every session (see xlstm_decode_greedy): feeds ids [count], one to each session,
 * and then what was chosen for it; writes the chosen tokens to out [n, count]. Errors as of xlstm_batch_run. */
XLSTM_API int xlstm_batch_greedy(xlstm_batch *batch, xlstm_session *const *sessions, const int32_t *ids,
                                 size_t count, int32_t *out, size_t n, xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
