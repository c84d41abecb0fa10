/* The metrics of the engine. A request is a prefill of the prompt and a decode of new tokens. */
#ifndef TUNE_ENGINE_METRICS_H
#define TUNE_ENGINE_METRICS_H

#include <stdint.h>

#include "tuner/metric/metric.h"

/* The parts of a sample; NAN where unknown. */
enum { TUNE_PART_PREFILL_S, TUNE_PART_DECODE_S, TUNE_PART_ENERGY_J, TUNE_PART_PEAK_MB };

/* Indexes into tune_engine_metrics, in the order of the columns of summary.csv. */
enum {
    TUNE_PREFILL_TOK_S, /* tokens of the prompt with BOS / prefill_s */
    TUNE_DECODE_TOK_S,  /* max(new - 1, 1) / decode_s */
    TUNE_PREFILL_S,     /* seconds of the prompt with BOS, up to its last logits */
    TUNE_DECODE_S,      /* seconds of the tokens after the first */
    TUNE_REQUEST_S,     /* prefill_s + decode_s */
    TUNE_TTFT_MS,       /* milliseconds to the first token */
    TUNE_PEAK_MB,       /* MiB; highest resident memory while sampling */
    TUNE_KL,            /* nats per token, from the baseline's distribution to the point's, mean over the prompt */
    TUNE_ENERGY_J,      /* joules of the processor package, where the machine reports them */
    TUNE_PPL            /* perplexity of the prompt, from its second token on */
};

extern const tune_metrics tune_engine_metrics;

/* Functions for tune_target: derive and cost, for a request of given numbers of tokens. */
void tune_engine_derive(int64_t prompt_tokens, int64_t new_tokens, const double *parts,
                        double metric[TUNE_METRICS]);
double tune_engine_cost(int objective, const double *parts);

#endif
