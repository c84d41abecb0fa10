/* Rows of trials and samples, for whoever measures points of a problem. */
#ifndef TUNE_DRIVER_ROW_H
#define TUNE_DRIVER_ROW_H

#include "tuner/driver/keeper.h"

/* The row of a point that is measured next in the keeper's run: the next index, its params and key, no values.
 * Cleared by tune_trial_row_clear; on failure (ENOMEM) nothing is left to clear. */
int tune_row_new(const tune_target *problem, const tune_keeper *keeper, uint32_t point, tune_trial_row *row,
                 xlstm_error *err);
/* The metrics that follow from mean parts; those of the point itself stay as they are. */
void tune_row_measured(const tune_target *problem, const double parts[TUNE_PARTS], tune_trial_row *row);
/* The mean parts behind a row's metrics; NAN for a part that no metric is the mean of. */
void tune_row_parts(const tune_metrics *metrics, const tune_trial_row *row, double parts[TUNE_PARTS]);
/* Adds what the problem knows of a measured candidate besides its times. */
int tune_row_describe(const tune_target *problem, int64_t candidate, tune_trial_row *row, xlstm_error *err);
/* A sample as it is stored, with seq and process 0. `origin`: when the sampler was made, seconds since 1970. */
tune_sample_row tune_row_sample(const tune_sample *sample, int64_t trial, const char *stage, int64_t block,
                                double origin);

#endif
