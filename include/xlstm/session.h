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

/* The schedule that the last prefill and decode really used; it shows that a setting reached the kernels. The keys
 * depend on the device. On a CPU they are: scheduler; chunk_size (at most the tokens of the segment and the prompt;
 * those of the segment for `recurrent`, which has no chunks); heads_per_band (at most the model's heads); bands;
 * threads (that ran prefill, fewer than workers where the system gave no more); segment (at most the prompt's
 * tokens); compute (the arithmetic of prefill's products, never auto); decode_threads (that ran the last decode);
 * chunks (in the last prefill, over all blocks and bands); max_in_flight (the largest number of tasks of the cell
 * that were in flight at once). */
typedef struct xlstm_schedule_entry {
    const char *key;
    const char *text; /* the name of a choice; NULL where the value is a number */
    int64_t value;
} xlstm_schedule_entry;
/* The index-th entry, 0, 1, …; non-zero while there is one. Texts live as long as the
 * session. */
XLSTM_API int xlstm_session_schedule(const xlstm_session *session, int index, xlstm_schedule_entry *entry);
/* The value of a key; -1 where the device has no such entry. */
XLSTM_API int64_t xlstm_session_schedule_value(const xlstm_session *session, const char *key);

/* The function is polled at every chunk of prefill and every layer of decode. A non-zero result ends the call with
 * XLSTM_ECANCELLED. The state then belongs to no specified position, and must be reset or loaded before it is used
 * again. */
XLSTM_API void xlstm_session_set_cancel(xlstm_session *session, xlstm_cancel_fn cancel, void *user);

/* Sets the state to C = 0, n = 0, m = 0 and the position to 0. */
XLSTM_API void xlstm_session_reset(xlstm_session *session);
/* Tokens consumed since the reset. */
XLSTM_API uint64_t xlstm_session_position(const xlstm_session *session);
/* Frees scratch memory that the next call would allocate again; the state stays. */
XLSTM_API void xlstm_session_trim(xlstm_session *session);

/* Feeds n tokens (n = 0 does nothing, and LAST is then EARG). logits is the caller's: NULL for NONE, [V] for LAST,
 * [n, V] for ALL, filled with soft-capped float32. An id outside 0 … V-1 is EARG and changes nothing. ENOTFINITE
 * where a row of logits holds no finite number: the error names the token, and the session must be reset. */
XLSTM_API int xlstm_prefill(xlstm_session *session, const int32_t *ids, size_t n, xlstm_logits which, float *logits,
                            xlstm_error *err);

/* Feeds one token and writes the next token's logits [V] (NULL: not computed). Errors as of xlstm_prefill. */
XLSTM_API int xlstm_decode(xlstm_session *session, int32_t id, float *logits, xlstm_error *err);

/* Greedy decoding of n tokens in one call: feeds `id`, then each token that was chosen but the last, and writes the
 * chosen ones to out [n]. A token is chosen as a sampler with temperature 0 draws it. A device that chooses itself
 * has several steps under way at once, so that they do not wait for the caller. n = 0 does nothing. Errors as of
 * xlstm_prefill; after one that changes the state what out holds is unspecified. */
XLSTM_API int xlstm_decode_greedy(xlstm_session *session, int32_t id, int32_t *out, size_t n, xlstm_error *err);
/* So many steps of it are under way at once with the session's settings, and as many tokens make a call worth
 * while; 1: the steps of a call are as many calls of xlstm_decode. */
XLSTM_API size_t xlstm_greedy_ahead(const xlstm_session *session);

/* Copies one block's state: c [NH, dqk, dv], n [NH, dqk], m [NH]; any pointer may be NULL. */
XLSTM_API int xlstm_state_get(const xlstm_session *session, int64_t block, float *c, float *n, float *m,
                              xlstm_error *err);
/* Makes dst continue where src stands: state and position. Both sessions must be of the same model. */
XLSTM_API int xlstm_session_copy_state(xlstm_session *dst, const xlstm_session *src, xlstm_error *err);

/* The pending token comes next but has not been fed. It lets a saved state be continued without a prompt: feeding
 * it gives the next logits. The caller sets it; it is -1 (none) at first and after every call that feeds or resets.
 * EARG for an id outside -1 … V-1. */
XLSTM_API int xlstm_session_set_pending(xlstm_session *session, int32_t id, xlstm_error *err);
XLSTM_API int32_t xlstm_session_pending(const xlstm_session *session);

/* Sampling options, applied in the order repetition penalty, temperature, top-k, top-p, min-p. With temperature 0
 * sampling is greedy: the token with the largest logit is taken, and of equal ones that with the lowest id. */
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
/* Tells the sampler of a token for the repetition penalty; tokens are given in the order of the text. */
XLSTM_API void xlstm_sampler_accept(xlstm_sampler *sampler, int32_t id);
/* Return the seed from which the generator was started, and start it anew from another. The accepted tokens stay.
 */
XLSTM_API uint64_t xlstm_sampler_seed(const xlstm_sampler *sampler);
XLSTM_API void xlstm_sampler_reseed(xlstm_sampler *sampler, uint64_t seed);
/* Draws a token from logits [V]; does not change them. */
XLSTM_API int32_t xlstm_sampler_draw(xlstm_sampler *sampler, const float *logits);

/* Saves state, position, pending token and the checkpoint's fingerprint as safetensors, atomically. ENOTFINITE, and
 * no file is written, where the state holds a number that is not finite: such a file could not be loaded. */
XLSTM_API int xlstm_state_save(const xlstm_session *session, const char *path, xlstm_error *err);
/* Loads all or nothing; EMISMATCH where the fingerprint is that of another checkpoint. The sampler's part of the
 * file is checked but not used. */
XLSTM_API int xlstm_state_load(xlstm_session *session, const char *path, xlstm_error *err);
/* The same with a sampler, so that a text made in two parts equals the text made at once: the file also holds the
 * tokens that the sampler accepted, how long ago, and the state of its generator. The pending token belongs to the
 * accepted ones: accept it before saving. */
XLSTM_API int xlstm_state_save_with(const xlstm_session *session, const xlstm_sampler *sampler, const char *path,
                                    xlstm_error *err);
/* The sampler keeps its own options and continues where the saved one stopped. From a file without a sampler it
 * accepts the pending token, if there is one, and is otherwise left as it was. Session and sampler are loaded both
 * or neither. */
XLSTM_API int xlstm_state_load_with(xlstm_session *session, xlstm_sampler *sampler, const char *path,
                                    xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif
