/* Points judged by several values at once, smaller being better in each. `values` is [count][objectives], finite or
 * infinite, never NaN. Source of both measures: Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective
 * genetic algorithm: NSGA-II", 2002. */
#ifndef TUNE_PARETO_H
#define TUNE_PARETO_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

/* Whether `a` is at least as good as `b` in every objective and better in one. */
bool tune_pareto_beats(const double *a, const double *b, int objectives);

/* rank[i] is 0 where no point beats i, else one more than the highest rank among those that beat it. Fast
 * non-dominated sort: O(objectives count^2) time, O(count) memory. ENOMEM. */
int tune_pareto_rank(const double *values, size_t count, int objectives, int *rank, xlstm_error *err);

/* crowding[i]: over the points of i's own rank, the sum over the objectives of the distance between i's two
 * neighbours as a share of the rank's range; infinite for a rank's first and last point in an objective that has a
 * range. Of equal values the earlier index comes first. ENOMEM. */
int tune_pareto_crowding(const double *values, size_t count, int objectives, const int *rank, double *crowding,
                         xlstm_error *err);

#endif
