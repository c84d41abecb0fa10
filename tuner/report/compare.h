/* How two runs compare: what they differ in, how their winners compare by way of the baseline of both, and the
 * points that both measured. */
#ifndef TUNE_REPORT_COMPARE_H
#define TUNE_REPORT_COMPARE_H

#include <jansson.h>

#include "tuner/study/study.h"

typedef struct tune_compared {
    const tune_run_row *run;
    const tune_trial_row *trials; /* [count] */
    size_t count;
} tune_compared;

/* Returns {"a", "b": each {"run", "params", "metrics", "verdict"}, "differ": names, "winners", "metric": {"name",
 * "unit"}, "points": each {"point", "a", "b"}, the metric's values of a point that both measured}. The metric is
 * the objective of both, or where they have different ones the time of an execution. "winners" is {"speedup":
 * {"value", "low", "high", "level"} or null, "text"}: how much faster B's winner is than A's. The two winners were
 * never measured in turn, so they are compared by way of the baseline, which is the same in both runs and which the
 * fresh processes of each run alternated with its winner: the result is the difference of the two logarithms, with
 * an interval from theirs (Zou and Donner, Statistics in Medicine 27, 2008). There is none where baseline, machine,
 * checkpoint, kernels, version, request or objective are not the same, or where a run has no last comparison; the
 * text then says why. NULL when out of memory. */
json_t *tune_compare_runs(const tune_compared *a, const tune_compared *b);

#endif
