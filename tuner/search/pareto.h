/* Points judged by several values at once, of which smaller is better. `values` is [count][objectives], finite or
 * infinite, never NaN. Both measures are from Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective
 * genetic algorithm: NSGA-II", 2002. */
#ifndef TUNE_PARETO_H
#define TUNE_PARETO_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

/* Whether `a` is at least as good as `b` in every objective and better in one. */
bool tune_pareto_beats(const double *a, const double *b, int objectives);

/* Sets rank[i] to 0 where no point beats i, else to one more than the highest rank of the points that beat it.
 * Fast non-dominated sort: O(objectives count^2) time, O(count) memory. XLSTM_ENOMEM. */
int tune_pareto_rank(const double *values, size_t count, int objectives, int *rank, xlstm_error *err);

/* Sets crowding[i], computed among the points of i's rank: the sum over the objectives of the distance between i's
 * two neighbours divided by the rank's range; infinite for the first and the last point of a rank in an objective
 * that has a range. Among equal values the smaller index comes first. XLSTM_ENOMEM. */
int tune_pareto_crowding(const double *values, size_t count, int objectives, const int *rank, double *crowding,
                         xlstm_error *err);

#endif
