/* The states of a machine during a search, as its condition (gauge.h) shows them, so that candidates are compared
 * within a state. Where a quantity of the condition has two levels (a neighbour reads from memory, or it does not),
 * each sample belongs to the state of the conditions before and after it. */
#ifndef TUNE_MEASURE_STRATA_H
#define TUNE_MEASURE_STRATA_H

#include <stddef.h>

#include "tuner/measure/gauge.h"

enum {
    TUNE_STRATA_MOST = 2,
    TUNE_NO_STRATUM = -1 /* the state is not known, or changed meanwhile */
};

typedef struct tune_strata tune_strata;
int tune_strata_create(tune_strata **out, xlstm_error *err);
void tune_strata_destroy(tune_strata *strata);
/* Adds a condition and returns its number, 0 for the first; ENOMEM. What the states are may change by it. */
int tune_strata_add(tune_strata *strata, const tune_condition *condition, xlstm_error *err);
/* Returns how many states the conditions so far show, 1 or TUNE_STRATA_MOST. */
int tune_strata_count(const tune_strata *strata);
/* Returns the quantity that shows them; TUNE_QUANTITIES where there is one state. */
int tune_strata_quantity(const tune_strata *strata);
/* Returns the median of that quantity in a state. */
double tune_strata_level(const tune_strata *strata, int state);
/* Returns the share of the recent conditions that show a state; 1 where there is one. */
double tune_strata_share(const tune_strata *strata, int state);
/* Returns the state of a sample that was taken between two conditions, given by their numbers (negative: not
 * known), 0 … count - 1, or TUNE_NO_STRATUM. With one state it is 0 for all. */
int tune_strata_of(const tune_strata *strata, int before, int after);

/* Finds the threshold that divides n positive numbers into two levels (of their logarithms, with the least scatter
 * within). Returns 0 where they do not have two: where the levels are not at least 4 + 20 / n standard deviations
 * apart, or the rarer one has fewer than two members. Single values in between do not matter. */
double tune_two_levels(const double *x, size_t n);

#endif
