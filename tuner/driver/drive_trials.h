/* The trials of a search in progress: measured, copied from another, stored, and told to the strategy. Private to
 * tuner/driver. */
#ifndef TUNE_DRIVER_DRIVE_TRIALS_H
#define TUNE_DRIVER_DRIVE_TRIALS_H

#include "tuner/driver/drive.h"

/* The measuring role alone: fill the row of a trial (tune_row_new) by measuring its point, or by one more sample of
 * the baseline for a point that is equal in effect to it. The samples are in d->taken, what the strategy is to be
 * told is in the row, and nothing is stored. TUNE_TIME_UP where the time was up before the first sample. */
int tune_drive_sample(drive *d, uint32_t point, tune_trial_row *t, xlstm_error *err);
int tune_drive_sample_baseline(drive *d, tune_trial_row *t, xlstm_error *err);

/* Each measures a point that has no trial yet, stores the trial and, unless it only checks a join (`joined`), tells
 * the strategy. TUNE_TIME_UP where the time was up before the first sample. */
int tune_drive_measure(drive *d, uint32_t point, bool joined, xlstm_error *err);
/* Handles a point that is equal in effect to the baseline: one more sample of the baseline becomes the point's,
 * and no comparison is needed. */
int tune_drive_take_from_baseline(drive *d, uint32_t point, bool joined, xlstm_error *err);
/* Stores a trial with the values of the trial that measured the point. */
int tune_drive_duplicate(drive *d, uint32_t point, xlstm_error *err);

/* Updates the rows of other trials (the incumbent, finalists), of which more samples may have been taken
 * meanwhile. */
int tune_drive_refresh(drive *d, int64_t except, bool *changed, xlstm_error *err);
/* Copies the values of a trial to its duplicates. */
int tune_drive_refresh_duplicates(tune_keeper *keeper, const tune_trial_row *original, xlstm_error *err);
/* Updates the counts and the index of points for a stored row, from this process or an earlier one. */
void tune_drive_count(drive *d, const tune_trial_row *t, uint32_t point, bool old);
/* Returns what the strategy is told of a stored trial. A duplicate repeats the values of its original. */
void tune_drive_told_of(const tune_trial_row *t, double told[TUNE_TOLD_COUNT]);

/* Whether a candidate that is slower than the incumbent may still be on the Pareto front: no trial beats it in
 * every objective by more than the noise. ctx: the drive. */
bool tune_drive_may_be_on_front(void *ctx, const tune_race_entry *e);

#endif
