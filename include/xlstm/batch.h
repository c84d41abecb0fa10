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

/* The workspace of such calls. Sequences are sessions: a batch changes their states, positions and pending tokens
 * as xlstm_prefill and xlstm_decode do, and uses its own settings instead of theirs. */
typedef struct xlstm_batch xlstm_batch;

typedef struct xlstm_batch_item {
    xlstm_session *session; /* of the batch's model; in one item of a call only */
    const int32_t *ids;     /* [n] */
    size_t n;               /* > 0; 1 is a decode, more a slice of prefill */
    xlstm_logits logits;
} xlstm_batch_item;

/* The model must outlive the batch. settings NULL: defaults. A batch is used by one thread at a time. */
XLSTM_API int xlstm_batch_create(xlstm_batch **out, xlstm_model *model, const xlstm_settings *settings,
                                 xlstm_error *err);
XLSTM_API void xlstm_batch_destroy(xlstm_batch *batch);
/* Changes the batch's tunables. */
XLSTM_API int xlstm_batch_configure(xlstm_batch *batch, const xlstm_settings *settings, xlstm_error *err);
/* Polled as a session's; non-zero ends the call with XLSTM_ECANCELLED, the states of its sessions are unspecified.
 */
XLSTM_API void xlstm_batch_set_cancel(xlstm_batch *batch, xlstm_cancel_fn cancel, void *user);

/* Feeds every item's tokens to its session. logits: rows of V soft-capped float32, in the order of the items, one
 * for LAST, n for ALL, none for NONE; NULL where no item wants any. count = 0 does nothing. EARG (a session twice
 * or of another model, an id out of range, n = 0) changes nothing; after another failure the states of all its
 * sessions are of unspecified positions: reset or load before going on. Each item's result is what the session
 * alone would give, within float32 rounding. */
XLSTM_API int xlstm_batch_run(xlstm_batch *batch, const xlstm_batch_item *items, size_t count, float *logits,
                              xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
