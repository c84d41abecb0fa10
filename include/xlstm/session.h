/* One sequence on a model: its recurrent state, prefill and decode. */
#ifndef XLSTM_SESSION_H
#define XLSTM_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/model.h>
#include <xlstm/status.h>
#include <xlstm/tunable.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct xlstm_session xlstm_session;

typedef enum xlstm_logits { XLSTM_LOGITS_NONE, XLSTM_LOGITS_LAST, XLSTM_LOGITS_ALL } xlstm_logits;

/* The model must outlive the session. settings NULL: defaults. A session is used by one thread at a time. */
XLSTM_API int xlstm_session_create(xlstm_session **out, xlstm_model *model, const xlstm_settings *settings,
                                   xlstm_error *err);
XLSTM_API void xlstm_session_destroy(xlstm_session *session);

/* Changes the session's tunables; the recurrent state stays. Values over the model's own limits (heads) are
 * clipped; load-time tunables are ignored. */
XLSTM_API int xlstm_session_configure(xlstm_session *session, const xlstm_settings *settings, xlstm_error *err);
/* What is in force after clipping. */
XLSTM_API void xlstm_session_settings(const xlstm_session *session, xlstm_settings *settings);

/* What the last prefill and decode really did, whatever the device: proof that a setting reached the kernels. On a
 * CPU: scheduler; chunk_size (at most the segment's and the prompt's tokens; of `recurrent` without meaning),
 * heads_per_band (at most the model's), bands, threads (that ran prefill; fewer than workers where the system gave
 * no more), segment (at most the prompt's tokens), decode_threads (that ran the last decode), chunks (that bands
 * ran in the last prefill, over all blocks and bands), max_in_flight (most tasks of the cell that were in flight at
 * once). */
typedef struct xlstm_schedule_entry {
    const char *key;
    const char *text; /* the name of a choice; NULL where the value is a number */
    int64_t value;
} xlstm_schedule_entry;
/* The index-th entry, 0, 1, …; non-zero while there is one. Texts are static. */
XLSTM_API int xlstm_session_schedule(const xlstm_session *session, int index, xlstm_schedule_entry *entry);
/* The value of a key; -1 where the device has no such entry. */
XLSTM_API int64_t xlstm_session_schedule_value(const xlstm_session *session, const char *key);

/* Polled at every chunk and every layer of decode; non-zero ends the call with XLSTM_ECANCELLED, the state then
 * is that of an unspecified position: reset or load before going on. */
XLSTM_API void xlstm_session_set_cancel(xlstm_session *session, xlstm_cancel_fn cancel, void *user);

/* State back to C = 0, n = 0, m = 0, position 0. */
XLSTM_API void xlstm_session_reset(xlstm_session *session);
/* Tokens consumed since the reset. */
XLSTM_API uint64_t xlstm_session_position(const xlstm_session *session);
/* Frees scratch memory that the next call would allocate again; the state stays. */
XLSTM_API void xlstm_session_trim(xlstm_session *session);

/* Feeds n tokens (n = 0 is allowed and does nothing; LAST is then EARG). logits: NULL for NONE, [V] for LAST,
 * [n, V] for ALL, soft-capped, float32, the caller's. An id outside 0 … V-1 is EARG and changes nothing. ENOTFINITE
 * where a row of logits holds no finite number: the error names the token, and the session must be reset. */
XLSTM_API int xlstm_prefill(xlstm_session *session, const int32_t *ids, size_t n, xlstm_logits which, float *logits,
                            xlstm_error *err);

/* Feeds one token and writes the next token's logits [V] (NULL: not computed). Errors as of xlstm_prefill. */
XLSTM_API int xlstm_decode(xlstm_session *session, int32_t id, float *logits, xlstm_error *err);

/* Copies one block's state: c [NH, dqk, dv], n [NH, dqk], m [NH]; any pointer may be NULL. */
XLSTM_API int xlstm_state_get(const xlstm_session *session, int64_t block, float *c, float *n, float *m,
                              xlstm_error *err);
/* Makes dst continue where src stands: state and position. Both sessions must be of the same model. */
XLSTM_API int xlstm_session_copy_state(xlstm_session *dst, const xlstm_session *src, xlstm_error *err);

/* A token that comes next but has not been fed, so that a saved state can go on without a prompt: feeding it gives
 * the next logits. The caller's note: -1 (none) at first and after every call that feeds or resets. set: EARG
 * outside -1 … V-1. */
XLSTM_API int xlstm_session_set_pending(xlstm_session *session, int32_t id, xlstm_error *err);
XLSTM_API int32_t xlstm_session_pending(const xlstm_session *session);

/* Sampling. temperature 0 is greedy: the largest logit, the lowest id of equals. Order: repetition penalty,
 * temperature, top-k, top-p, min-p. */
typedef struct xlstm_sampling {
    double temperature;        /* >= 0; 0 greedy */
    int64_t top_k;             /* 0: off */
    double top_p;              /* 1: off */
    double min_p;              /* 0: off */
    double repetition_penalty; /* 1: off; over prompt and continuation, last repeat_last_n tokens */
    int64_t repeat_last_n;     /* 64; 0: off; -1: all */
    uint64_t seed;
} xlstm_sampling;

typedef struct xlstm_sampler xlstm_sampler;
XLSTM_API int xlstm_sampler_create(xlstm_sampler **out, const xlstm_sampling *options, int64_t vocab_size,
                                   xlstm_error *err);
XLSTM_API void xlstm_sampler_destroy(xlstm_sampler *sampler);
/* Tells the sampler of tokens for the repetition penalty, in the order of the text. */
XLSTM_API void xlstm_sampler_accept(xlstm_sampler *sampler, int32_t id);
/* The seed that its generator was started from, and starting it anew from one. What it was told of stays. */
XLSTM_API uint64_t xlstm_sampler_seed(const xlstm_sampler *sampler);
XLSTM_API void xlstm_sampler_reseed(xlstm_sampler *sampler, uint64_t seed);
/* Draws a token from logits [V]; does not change them. */
XLSTM_API int32_t xlstm_sampler_draw(xlstm_sampler *sampler, const float *logits);

/* Saves state, position, pending token and the checkpoint's fingerprint as safetensors, atomically. ENOTFINITE, no
 * file written, where the state holds a number that is not finite: such a file could not be loaded. */
XLSTM_API int xlstm_state_save(const xlstm_session *session, const char *path, xlstm_error *err);
/* Loads all or nothing; EMISMATCH where the fingerprint is another checkpoint's. What the file says of a sampler is
 * checked and left alone. */
XLSTM_API int xlstm_state_load(xlstm_session *session, const char *path, xlstm_error *err);
/* The same with a sampler, so that a text made in two parts is the text made at once: the file also holds which
 * tokens the sampler was told of, how long ago, and where its generator stands. The pending token counts as one
 * that the sampler was told of: accept it before saving. */
XLSTM_API int xlstm_state_save_with(const xlstm_session *session, const xlstm_sampler *sampler, const char *path,
                                    xlstm_error *err);
/* The sampler keeps its own options and goes on where the saved one stood. Of a file without a sampler it accepts
 * the pending token, if there is one, and is otherwise left as it was. All or nothing, for both. */
XLSTM_API int xlstm_state_load_with(xlstm_session *session, xlstm_sampler *sampler, const char *path,
                                    xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
