#include "tuner/target/target.h"

#include <math.h>

_Static_assert((int)TUNE_PARTS == (int)TUNE_METRIC_PARTS, "a sample has as many parts as metrics may name");

bool tune_target_is_baseline(const tune_target *target, int64_t candidate) {
    if (candidate == TUNE_BASELINE) return true;
    if (target->is_baseline) return target->is_baseline(target->self, candidate);
    tune_named_list a = {0}, b = {0};
    const bool same = target->settings(target->self, candidate, &a) &&
                      target->settings(target->self, TUNE_BASELINE, &b) && tune_named_same(&a, &b);
    tune_named_clear(&a);
    tune_named_clear(&b);
    return same;
}

void tune_target_metrics(const tune_target *target, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    for (int i = 0; i < TUNE_METRICS; i++) metric[i] = NAN;
    target->derive(target->self, parts, metric);
}

double tune_target_cost(const tune_target *target, int objective, const double parts[TUNE_PARTS]) {
    return target->cost(target->self, objective, parts);
}

double tune_target_seconds(const tune_target *target, const double parts[TUNE_PARTS]) {
    double metric[TUNE_METRICS];
    tune_target_metrics(target, parts, metric);
    return metric[target->metrics->seconds];
}

void tune_outcome_init(tune_outcome *out) {
    *out = (tune_outcome){.token_hash = ""};
    for (int i = 0; i < TUNE_METRICS; i++) out->metric[i] = NAN;
}
