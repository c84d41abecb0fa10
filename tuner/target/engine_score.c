#include "tuner/target/engine_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define KEPT_BYTES (64 << 20) /* bytes of the baseline's logits that are kept; a quarter at most for decode */

/* In float32: the vectorizer of GCC 12 for arm64 fails on a maximum that widens. */
static float largest(const float *x, int64_t n) {
    float max = -INFINITY;
    for (int64_t i = 0; i < n; i++) max = fmaxf(max, x[i]);
    return max;
}

/* Returns the KL divergence from the distribution p to q, both given as logits, in nats; INFINITY where a logit of
 * q is no number. */
static double divergence(const float *p, const float *q, int64_t vocab) {
    const double max_p = largest(p, vocab), max_q = largest(q, vocab);
    double sum_p = 0, sum_q = 0, kl = 0;
    for (int64_t i = 0; i < vocab; i++) {
        sum_p += exp(p[i] - max_p);
        sum_q += exp(q[i] - max_q);
    }
    const double shift = (max_q + log(sum_q)) - (max_p + log(sum_p));
    for (int64_t i = 0; i < vocab; i++) kl += exp(p[i] - max_p) / sum_p * ((double)p[i] - q[i] + shift);
    return isnan(kl) ? INFINITY : fmax(0, kl);
}

/* Returns the negative log-probability of a token, in nats. */
static double surprise(const float *logits, int32_t token, int64_t vocab) {
    const double max = largest(logits, vocab);
    double sum = 0;
    for (int64_t i = 0; i < vocab; i++) sum += exp(logits[i] - max);
    return max + log(sum) - logits[token];
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

int tune_engine_scores_reserve(tune_engine_scores *s, size_t count, size_t decoded, int64_t vocab,
                               xlstm_error *err) {
    const size_t row = (size_t)vocab, rows = KEPT_BYTES / (row * sizeof(float));
    if (s->batch) return XLSTM_OK;
    s->vocab = vocab;
    s->steps = least(least(decoded, TUNE_SCORED_STEPS), rows / 4 ? rows / 4 : 1);
    s->kept_n = least(rows > s->steps ? rows - s->steps : 1, count);
    /* The memory is written at once, so that the same amount is resident for every candidate. */
    xl_aligned_free(s->kept); /* where there was no memory for the other one before */
    free(s->ids);
    s->ids = xl_array(s->steps + 1, sizeof *s->ids);
    s->kept = s->ids ? xl_aligned_calloc((s->kept_n + s->steps) * row, sizeof(float)) : NULL;
    s->batch = s->kept ? xl_aligned_calloc(TUNE_SCORED_STEP * row, sizeof(float)) : NULL;
    return s->batch ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "scoring: out of memory");
}

void tune_engine_scores_clear(tune_engine_scores *s) {
    xl_aligned_free(s->kept);
    xl_aligned_free(s->batch);
    free(s->ids);
    *s = (tune_engine_scores){0};
}

size_t tune_engine_scores_bytes(const tune_engine_scores *s) {
    return s->batch ? (s->kept_n + s->steps + TUNE_SCORED_STEP) * (size_t)s->vocab * sizeof(float) : 0;
}

static int32_t most_likely(const float *logits, int64_t vocab) {
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

/* Decodes behind the prompt. `logits` are those of its last token, and are written over. *kl: the mean over the
 * steps; 0 where there are none. */
static int score_steps(tune_engine_scores *s, xlstm_session *session, float *logits, bool baseline, double *kl,
                       xlstm_error *err) {
    const size_t row = (size_t)s->vocab;
    double sum = 0;
    for (size_t i = 0; i < s->steps; i++) {
        float *kept = s->kept + (s->kept_n + i) * row;
        if (baseline) s->ids[i] = most_likely(logits, s->vocab);
        const int status = xlstm_decode(session, s->ids[i], logits, err);
        if (status) return status;
        if (baseline) memcpy(kept, logits, row * sizeof *kept);
        else sum += divergence(kept, logits, s->vocab);
    }
    *kl = s->steps ? sum / (double)s->steps : 0;
    return XLSTM_OK;
}

int tune_engine_score(tune_engine_scores *s, xlstm_session *session, const int32_t *ids, size_t count,
                      bool baseline, double *kl, double *ppl, xlstm_error *err) {
    const size_t row = (size_t)s->vocab;
    double sum = 0, nats = 0, decoded;
    size_t n = 0;
    xlstm_session_reset(session);
    for (size_t at = 0; at < count; at += TUNE_SCORED_STEP) {
        n = least(count - at, TUNE_SCORED_STEP);
        int status = xlstm_prefill(session, ids + at, n, XLSTM_LOGITS_ALL, s->batch, err);
        if (status) return status;
        for (size_t i = 0; i < n; i++) {
            const float *logits = s->batch + i * row;
            float *kept = s->kept + (at + i) * row;
            if (at + i < s->kept_n && baseline) memcpy(kept, logits, row * sizeof *kept);
            else if (at + i < s->kept_n) sum += divergence(kept, logits, s->vocab);
            if (at + i + 1 < count) nats += surprise(logits, ids[at + i + 1], s->vocab);
        }
    }
    const int status = score_steps(s, session, s->batch + (n - 1) * row, baseline, &decoded, err);
    if (status) return status;
    *kl = fmax(sum / (double)s->kept_n, decoded);
    if (count > 1) *ppl = exp(nats / (double)(count - 1));
    return XLSTM_OK;
}
