/* Compares two runs. */
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

/* Returns {"a", "b": each {"run", "params", "metrics", "verdict"}, "differ": names, "winners", "points": requests
 * of the points that both measured}. "winners" is {"speedup": {"value", "low", "high", "level"} or null, "text"}:
 * how much faster B's winner is than A's. The two winners were never measured in turn, so they are compared by way
 * of the baseline, which is the same in both runs and which the fresh processes of each run alternated with its
 * winner: the result is the difference of the two logarithms, with an interval from theirs (Zou and Donner,
 * Statistics in Medicine 27, 2008). There is none where baseline, machine, checkpoint, kernels, version, request or
 * objective are not the same, or where a run has no last comparison; the text then says why. NULL when out of
 * memory. */
json_t *cli_compare_runs(const cli_compared *a, const cli_compared *b);
/* Prints the comparison in words, or with `csv` the points as a table. */
void cli_compare_text(FILE *out, const json_t *compared, bool csv);

#endif
