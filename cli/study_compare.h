/* Two runs side by side. */
#ifndef CLI_STUDY_COMPARE_H
#define CLI_STUDY_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "tuner/study/study.h"

typedef struct cli_compared {
    const tune_run_row *run;
    const tune_trial_row *trials;
    size_t count;
} cli_compared;

/* {"a", "b": each {"run", "params", "metrics", "verdict"}, "differ": names, "winners", "points": requests of the
 * points that both measured}. "winners" is {"speedup": {"value", "low", "high", "level"} or null, "text"}: how much
 * faster B's winner is than A's. The two were never interleaved, so it goes by way of the baseline, the same in
 * both, with which fresh processes of each run alternated its winner: the difference of the two logarithms, and its
 * interval from theirs (Zou and Donner, Statistics in Medicine 27, 2008). Where baseline, machine, checkpoint,
 * kernels, version, request or objective are not the same, or a run has no last comparison, there is none, and the
 * text says why. */
json_t *cli_compare_runs(const cli_compared *a, const cli_compared *b);
/* The same in words, or the points as csv. */
void cli_compare_text(FILE *out, const json_t *compared, bool csv);

#endif
