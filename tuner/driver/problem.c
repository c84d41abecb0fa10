#include "tuner/driver/problem.h"

#include <math.h>

bool tune_problem_is_baseline(const tune_problem *problem, int64_t candidate) {
    if (candidate == TUNE_BASELINE_TRIAL) return true;
    if (problem->is_baseline) return problem->is_baseline(problem->self, candidate);
    json_t *a = problem->settings(problem->self, candidate);
    json_t *b = problem->settings(problem->self, TUNE_BASELINE_TRIAL);
    bool same = a && b && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

void tune_problem_metrics(const tune_problem *problem, const double parts[TUNE_PARTS],
                          double metric[TUNE_METRIC_COUNT]) {
    double prefill = parts[TUNE_PART_PREFILL_S], decode = parts[TUNE_PART_DECODE_S];
    int64_t steps = problem->new_tokens > 1 ? problem->new_tokens - 1 : 1;
    metric[TUNE_PREFILL_S] = prefill;
    metric[TUNE_DECODE_S] = decode;
    metric[TUNE_PREFILL_TOK_S] = (double)problem->prompt_tokens / prefill;
    metric[TUNE_DECODE_TOK_S] = (double)steps / decode;
    metric[TUNE_REQUEST_S] = prefill + decode;
    metric[TUNE_TTFT_MS] = prefill * 1e3;
    metric[TUNE_PEAK_MB] = parts[TUNE_PART_PEAK_MB];
    metric[TUNE_KL] = NAN;
    metric[TUNE_ENERGY_J] = parts[TUNE_PART_ENERGY_J];
    metric[TUNE_PPL] = NAN;
}

double tune_problem_cost(tune_metric objective, const double parts[TUNE_PARTS]) {
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
