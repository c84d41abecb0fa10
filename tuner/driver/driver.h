/* The search: ask a strategy for a point, measure it, tell the strategy, store the result; then choose one winner
 * and compare it with the baseline by fresh samples.
 *
 * Everything is stored before the next step begins, so that a run that is killed at any moment can be continued:
 * the strategy is told again what was measured, in the same order, and proposes the same points. */
#ifndef TUNE_DRIVER_DRIVER_H
#define TUNE_DRIVER_DRIVER_H

#include "tuner/driver/keeper.h"
#include "tuner/driver/options.h"
#include "tuner/driver/result.h"
#include "tuner/target/target.h"

/* Runs or continues the keeper's run to its end: search, playoff, last comparison. Returns 0 also where it
 * was stopped, and a negative status where the run cannot continue (the baseline fails, or the study or a file
 * cannot be written). */
int tune_drive(const tune_target *target, const tune_drive_options *options, tune_keeper *keeper,
               const tune_watcher *watcher, tune_drive_result *result, xlstm_error *err);

#endif
