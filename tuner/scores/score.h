/* Scores of a text under a model: log-probabilities of its tokens, and how much it repeats itself. */
#ifndef TUNE_SCORE_H
#define TUNE_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/session.h>

/* Called after each stretch of tokens; may be NULL. */
typedef void (*tune_progress_fn)(void *user, size_t done, size_t total);

/* Sum of the natural log-probabilities of ids [count], each by the logits before it: the first by `logits`
 * [vocab_size], the last that the session gave. Feeds all of ids but the last, a few hundred at a time, so memory
 * does not grow with count. log-softmax in float64. logprobs [count] receives each token's, or is NULL. An id
 * outside the vocabulary is EARG. */
int tune_score_tokens(xlstm_session *session, int64_t vocab_size, const float *logits, const int32_t *ids,
                      size_t count, double *sum, double *logprobs, tune_progress_fn progress, void *user,
                      xlstm_error *err);

/* log p of one id by logits [vocab_size]. */
double tune_log_softmax(const float *logits, int64_t vocab_size, int32_t id);

/* Distinct n-grams over n-grams of the words of valid UTF-8; words lie between white space as Python's str.split()
 * sees it. 0 where there are fewer than n words. n is 1 … 3. Negative when out of memory. */
double tune_distinct(const char *text, size_t bytes, int n);

#endif
