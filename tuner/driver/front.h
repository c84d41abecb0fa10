/* Several objectives at once: the trials that no other one beats in all of them. */
#ifndef TUNE_DRIVER_FRONT_H
#define TUNE_DRIVER_FRONT_H

#include "tuner/driver/keeper.h"

/* Whether `a` is at least as good as `b` in every objective and better in one. A value that is not known is worst.
 */
bool tune_front_beats(const double *a, const double *b, const tune_metric *objective, int objectives);

/* Marks the ok trials that none beats; `member` has one entry a trial. Returns how many. */
size_t tune_front(const tune_trial_row *trials, size_t count, const tune_metric *objective, int objectives,
                  bool *member);

/* Writes pareto.csv into the run folder: trial, the objectives, then the searched parameters; sorted by the first
 * objective, best first. */
int tune_front_write(const tune_problem *problem, const tune_keeper *keeper, const tune_metric *objective,
                     int objectives, xlstm_error *err);

#endif
