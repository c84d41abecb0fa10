/* The samples of a search in progress, and the values of the current trial that follow from them. Private to
 * tuner/driver. */
#ifndef TUNE_DRIVER_DRIVE_SAMPLES_H
#define TUNE_DRIVER_DRIVE_SAMPLES_H

#include "tuner/driver/drive.h"

/* Seconds since this process's work began. */
double tune_drive_spent(const drive *d);
/* Returns 0, or how urgently the user wants the run to end (tune_drive_options.stop). */
int tune_drive_stop_level(const drive *d);
void tune_drive_note(const drive *d, const char *text);
void tune_drive_progress(drive *d);

/* Returns the trial that measured a point; -1: none did. */
int32_t tune_drive_trial_of(const drive *d, int64_t point);
/* Makes room in `trials` for all points that have an id by now. */
int tune_drive_reserve(drive *d, xlstm_error *err);

/* The functions that the sampler calls to measure a sample and to report one (ctx: the drive). */
int tune_drive_measure_sample(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                              xlstm_error *err);
void tune_drive_on_sample(void *ctx, const tune_sample *s);
/* Returns the failure that was kept from such a call, or XLSTM_OK. */
int tune_drive_kept_failure(const drive *d, xlstm_error *err);

/* Returns the mean of an objective's cost over the trial's samples in use, as a ratio to the mean of the baseline
 * samples taken beside them; NAN: there are none. */
double tune_drive_cost_ratio(const drive *d, int64_t trial, int objective);
/* Returns the same for one of the two metrics that may be searched apart; NAN where there are none. */
double tune_drive_part_ratio(const drive *d, int64_t trial, int which);

#endif
