#include "tuner/target/engine_metrics.h"

#include "tuner/space/space.h"

const tune_metrics tune_engine_metrics = {
    .count = TUNE_PPL + 1,
    .parts = 4,
    .objective = TUNE_REQUEST_S,
    .seconds = TUNE_REQUEST_S,
    .apart = {TUNE_PREFILL_S, TUNE_DECODE_S},
    .at =
        {
            [TUNE_PREFILL_TOK_S] = {.name = "prefill_tok_s",
                                    .unit = "tok/s",
                                    .larger_is_better = true,
                                    .part = -1,
                                    .affected = TUNE_AFFECTS_FIRST},
            [TUNE_DECODE_TOK_S] = {.name = "decode_tok_s",
                                   .unit = "tok/s",
                                   .larger_is_better = true,
                                   .part = -1,
                                   .affected = TUNE_AFFECTS_SECOND},
            [TUNE_PREFILL_S] =
                {.name = "prefill_s", .unit = "s", .part = TUNE_PART_PREFILL_S, .affected = TUNE_AFFECTS_FIRST},
            [TUNE_DECODE_S] =
                {.name = "decode_s", .unit = "s", .part = TUNE_PART_DECODE_S, .affected = TUNE_AFFECTS_SECOND},
            [TUNE_REQUEST_S] = {.name = "request_s", .unit = "s", .part = -1, .affected = TUNE_AFFECTS_TIMES},
            [TUNE_TTFT_MS] = {.name = "ttft_ms", .unit = "ms", .part = -1, .affected = TUNE_AFFECTS_FIRST},
            [TUNE_PEAK_MB] = {.name = "peak_mb",
                              .unit = "MiB",
                              .part = TUNE_PART_PEAK_MB,
                              .least = 0.5,
                              .least_share = 0.01,
                              .affected = TUNE_AFFECTS_MEMORY},
            [TUNE_KL] = {.name = "kl",
                         .unit = "nats",
                         .of_point = true,
                         .part = -1,
                         .least_share = 0.02,
                         .affected = TUNE_AFFECTS_OUTPUT},
            [TUNE_ENERGY_J] =
                {.name = "energy_j", .unit = "J", .part = TUNE_PART_ENERGY_J, .affected = TUNE_AFFECTS_TIMES},
            [TUNE_PPL] =
                {.name = "ppl", .of_point = true, .part = -1, .least_share = 1e-5, .affected = TUNE_AFFECTS_OUTPUT},
        },
};

void tune_engine_derive(int64_t prompt_tokens, int64_t new_tokens, const double *parts,
                        double metric[TUNE_METRICS]) {
    double prefill = parts[TUNE_PART_PREFILL_S], decode = parts[TUNE_PART_DECODE_S];
    int64_t steps = new_tokens > 1 ? new_tokens - 1 : 1;
    metric[TUNE_PREFILL_S] = prefill;
    metric[TUNE_DECODE_S] = decode;
    metric[TUNE_PREFILL_TOK_S] = (double)prompt_tokens / prefill;
    metric[TUNE_DECODE_TOK_S] = (double)steps / decode;
    metric[TUNE_REQUEST_S] = prefill + decode;
    metric[TUNE_TTFT_MS] = prefill * 1e3;
    metric[TUNE_PEAK_MB] = parts[TUNE_PART_PEAK_MB];
    metric[TUNE_ENERGY_J] = parts[TUNE_PART_ENERGY_J];
}

double tune_engine_cost(int objective, const double *parts) {
    double prefill = parts[TUNE_PART_PREFILL_S], decode = parts[TUNE_PART_DECODE_S];
    switch (objective) {
    case TUNE_PREFILL_S:
    case TUNE_PREFILL_TOK_S:
    case TUNE_TTFT_MS:
        return prefill;
    case TUNE_DECODE_S:
    case TUNE_DECODE_TOK_S:
        return decode;
    case TUNE_PEAK_MB:
        return parts[TUNE_PART_PEAK_MB];
    case TUNE_ENERGY_J:
        return parts[TUNE_PART_ENERGY_J];
    default:
        return prefill + decode;
    }
}
