/* The samples of a run by trial, so that nobody who goes through the trials goes through all samples for each. */
#ifndef TUNE_STUDY_TRIAL_SAMPLES_H
#define TUNE_STUDY_TRIAL_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "tuner/study/study.h"

typedef struct tune_trial_samples {
    const tune_sample_row **row; /* the baseline's, then those of trial 0, 1, …; in each in the order of `rows` */
    size_t *start;               /* [trials + 2]: where those of the baseline and of each trial begin in `row` */
    size_t trials;
} tune_trial_samples;

/* Sorts `rows`, which are borrowed, for the baseline and the trials less than `trials`; those of others are left
 * out. XLSTM_ENOMEM; tune_trial_samples_free is to be called in any case. */
int tune_trial_samples_sort(tune_trial_samples *out, const tune_sample_row *rows, size_t count, size_t trials,
                            xlstm_error *err);
void tune_trial_samples_free(tune_trial_samples *all);
/* Returns the samples of a trial, or of TUNE_BASELINE_TRIAL; *count is their number. A trial that was not sorted
 * for has none. */
const tune_sample_row *const *tune_trial_samples_of(const tune_trial_samples *all, int64_t trial, size_t *count);

#endif
