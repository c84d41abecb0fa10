/* Several objectives at once: the trials that no other one beats in all of them. */
#ifndef TUNE_DRIVER_FRONT_H
#define TUNE_DRIVER_FRONT_H

#include "tuner/driver/keeper.h"

/* Whether `a` is at least as good as `b` in every objective and better in one, where differences count that are
 * more than the metric says are none. What is not known is worst. */
bool tune_front_beats(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                      int objectives);
/* The same where everything measured in time (or joules) is better by more than the share `noise`. */
bool tune_front_beats_clearly(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                              int objectives, double noise);

/* The ok trials that none beats, as indexes into `trials`, best in the first objective first; `front` has room for
 * all. Returns how many. */
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
