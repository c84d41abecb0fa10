/* What a candidate's predictions of the prompt are worth: their KL divergence from the baseline's, and their
 * perplexity. For engine.c alone. */
#ifndef TUNE_ENGINE_SCORE_H
#define TUNE_ENGINE_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/xlstm.h>

/* The buffers, which stay from the first candidate to the last. {0}: none yet. */
typedef struct tune_engine_scores {
    float *kept;   /* [kept_n, vocab]: the baseline's logits at the first positions */
    float *batch;  /* [TUNE_SCORED_STEP, vocab] */
    size_t kept_n; /* as many as fit into 64 MiB, at least 1, and at most the tokens of the prompt */
    int64_t vocab;
} tune_engine_scores;
enum { TUNE_SCORED_STEP = 64 }; /* positions in one call of the model */

/* Makes the buffers for a prompt of `count` tokens where there are none. ENOMEM. */
int tune_engine_scores_reserve(tune_engine_scores *s, size_t count, int64_t vocab, xlstm_error *err);
void tune_engine_scores_clear(tune_engine_scores *s);
/* Returns the size of the buffers, all of which is resident; 0 where there are none. */
size_t tune_engine_scores_bytes(const tune_engine_scores *s);

/* Runs the prompt from an empty state; the buffers must be there. Of the baseline, the logits are kept, and other
 * candidates' are compared with them. *kl: the mean in nats a token over the kept positions, no
 * less than 0; *ppl: of the whole prompt, untouched where it is a single token. */
int tune_engine_score(tune_engine_scores *s, xlstm_session *session, const int32_t *ids, size_t count,
                      bool baseline, double *kl, double *ppl, xlstm_error *err);

#endif
