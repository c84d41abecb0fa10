/* Scores of a text under a model: the log-probabilities of its tokens, and how much the text repeats itself. */
#ifndef TUNE_SCORE_H
#define TUNE_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/session.h>

/* Called after each group of tokens; may be NULL. */
typedef void (*tune_progress_fn)(void *user, size_t done, size_t total);

/* Sees the logits [vocab_size] before each token, in the order of the text; a status other than XLSTM_OK ends the
 * scoring. */
typedef int (*tune_logits_fn)(void *user, const float *logits, xlstm_error *err);

/* Tokens to be scored, and the logits before them. */
typedef struct tune_continuation {
    const int32_t *ids; /* [count] */
    size_t count;
    const float *logits; /* [vocab_size]: those before ids[0], the last that the session gave */
    int64_t vocab_size;
    tune_logits_fn seen; /* may be NULL */
    void *seen_user;
} tune_continuation;

/* Computes the sum of the natural log-probabilities of the tokens, each from the logits before it. Feeds all ids
 * but the last, a few hundred at a time, so that the memory needed does not grow with count. log-softmax is
 * computed in float64. logprobs [count] receives the value of each token; it may be NULL. XLSTM_EARG for an id
 * outside the vocabulary. */
int tune_score_tokens(xlstm_session *session, const tune_continuation *text, double *sum, double *logprobs,
                      tune_progress_fn progress, void *user, xlstm_error *err);

/* Returns the natural log-probability of one id, given logits [vocab_size]. */
double tune_log_softmax(const float *logits, int64_t vocab_size, int32_t id);

/* Returns the number of different n-grams of words divided by the number of n-grams, in a valid UTF-8 text. Words
 * are separated by white space as Python's str.split() defines it. 0 where there are fewer than n words; n is 1, 2
 * or 3. Negative when out of memory. */
double tune_distinct(const char *text, size_t bytes, int n);

#endif
