/* What a candidate's predictions of the prompt and of what follows it are worth: their KL divergence from the
 * baseline's, and their perplexity. For engine.c alone. */
#ifndef TUNE_ENGINE_SCORE_H
#define TUNE_ENGINE_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/xlstm.h>

/* The buffers, which stay from the first candidate to the last. {0}: none yet. */
typedef struct tune_engine_scores {
    float *kept;  /* [kept_n + steps, vocab]: the baseline's logits at the first positions of the prompt, then those
                     of  what it decoded behind it */
    float *batch; /* [TUNE_SCORED_STEP, vocab] */
    int32_t *ids; /* [steps]: what the baseline decoded */
    /* As many as fit into 64 MiB, of which the steps have a quarter at most: of the prompt at least 1 and at most
     * its tokens, of the steps at most TUNE_SCORED_STEPS and what a request decodes. */
    size_t kept_n, steps;
    int64_t vocab;
} tune_engine_scores;
enum {
    TUNE_SCORED_STEP = 64, /* positions of the prompt in one call of the model */
    TUNE_SCORED_STEPS = 64 /* steps of decode, at most */
};

/* Makes the buffers for a prompt of `count` tokens and `decoded` steps of decode behind it where there are none.
 * ENOMEM. */
int tune_engine_scores_reserve(tune_engine_scores *s, size_t count, size_t decoded, int64_t vocab,
                               xlstm_error *err);
void tune_engine_scores_clear(tune_engine_scores *s);
/* Returns the size of the buffers, all of which is resident; 0 where there are none. */
size_t tune_engine_scores_bytes(const tune_engine_scores *s);

/* Runs the prompt from an empty state, then steps of decode, which for every candidate feed what the baseline
 * chose, since decode may be computed otherwise than prefill and rounds its state after every token. The buffers
 * must be there. Of the baseline, the logits are kept, and other candidates' are compared with them. *kl: the mean
 * in nats a token over the kept positions of the prompt, or over the steps, whichever is larger, and no less than
 * 0; *ppl: of the whole prompt, untouched where it is a single token. */
int tune_engine_score(tune_engine_scores *s, xlstm_session *session, const int32_t *ids, size_t count,
                      bool baseline, double *kl, double *ppl, xlstm_error *err);

#endif
