/* The Pareto front of several objectives: the trials that no other trial dominates. */
#ifndef TUNE_DRIVER_FRONT_H
#define TUNE_DRIVER_FRONT_H

#include "tuner/metric/metric.h"
#include "tuner/study/study.h"

/* Whether `a` dominates `b`: it is at least as good in every objective and better in one. `a` and `b` are metric
 * values [TUNE_METRICS], `objective` holds indexes into them. Differences below the resolution of a metric do not
 * count, and an unknown value (NAN) is worse than any other. */
bool tune_front_beats(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                      int objectives);
/* Does the same, but where an objective is measured in time or energy `a` must be better by more than the share
 * `noise`. */
bool tune_front_beats_clearly(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                              int objectives, double noise);

/* Finds the trials with status ok that no other one dominates. Fills `front`, which has room for `count`, with
 * their indexes in `trials`, the best in the first objective first. Returns their number. */
size_t tune_front(const tune_metrics *metrics, const tune_trial_row *trials, size_t count, const int *objective,
                  int objectives, size_t *front);

/* Reads the metrics of a run's objective, "request_s,peak_mb", into `objective`, which has room for TUNE_METRICS.
 * Returns how many there are. */
int tune_front_objectives(const tune_metrics *metrics, const char *text, int *objective);

#endif
