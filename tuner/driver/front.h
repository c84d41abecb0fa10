/* The Pareto front of several objectives: the trials that no other one dominates. */
#ifndef TUNE_DRIVER_FRONT_H
#define TUNE_DRIVER_FRONT_H

#include "tuner/driver/keeper.h"

/* Whether `a` dominates `b`: it is at least as good in every objective and better in one. Differences that the
 * metric calls rounding do not count, and an unknown value is the worst. */
bool tune_front_beats(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                      int objectives);
/* The same, where `a` must be better by more than the share `noise` in everything that is measured in time (or
 * joules). */
bool tune_front_beats_clearly(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                              int objectives, double noise);

/* The trials with status ok that no other dominates, as indexes into `trials`, best in the first objective first;
 * `front` has room for all. Returns their number. */
size_t tune_front(const tune_metrics *metrics, const tune_trial_row *trials, size_t count, const int *objective,
                  int objectives, size_t *front);

/* The metrics of a run's objective, "request_s,peak_mb"; room for TUNE_METRICS. Returns how many. */
int tune_front_objectives(const tune_metrics *metrics, const char *text, int *objective);

/* Writes pareto.csv into the run folder: trial, the objectives, then the searched parameters; in tune_front's
 * order.
 */
int tune_front_write(const tune_target *problem, const tune_keeper *keeper, const int *objective, int objectives,
                     xlstm_error *err);

#endif
