/* Makes the rows of trials and samples; used by the search and by recordings. */
#ifndef TUNE_DRIVER_ROW_H
#define TUNE_DRIVER_ROW_H

#include "tuner/measure/timing.h"
#include "tuner/study/study.h"
#include "tuner/target/target.h"

/* Makes the row of a point as the trial of this index: params and key, but no values. The caller clears it with
 * tune_trial_row_clear; on failure (XLSTM_ENOMEM) there is nothing to clear. */
int tune_row_new(const tune_target *target, int64_t index, uint32_t point, tune_trial_row *row, xlstm_error *err);
/* Makes the row of a trial that repeats the values of another trial of the same point. */
int tune_row_duplicate(const tune_target *target, int64_t index, uint32_t point, const tune_trial_row *original,
                       tune_trial_row *row, xlstm_error *err);
/* The reason of a failed trial that was proposed and not measured, because the search had ended. */
#define TUNE_ROW_TIME_UP "not measured: the time was up"
bool tune_row_time_up(const tune_trial_row *row);
/* Sets the metrics that follow from mean parts; metrics that are properties of the point stay as they are. */
void tune_row_measured(const tune_target *target, const double parts[TUNE_PARTS], tune_trial_row *row);
/* Computes the mean parts behind a row's metrics; NAN for a part that is not the mean of any metric. */
void tune_row_parts(const tune_metrics *metrics, const tune_trial_row *row, double parts[TUNE_PARTS]);
/* Adds what the target knows about a measured candidate besides its times. */
int tune_row_describe(const tune_target *target, int64_t candidate, tune_trial_row *row, xlstm_error *err);
/* Makes the row of a sample, with seq and process 0. `origin`: when the sampler was made, in seconds since
 * 1970. */
tune_sample_row tune_row_sample(const tune_sample *sample, int64_t trial, const char *stage, int64_t block,
                                double origin);

#endif
