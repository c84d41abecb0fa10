/* What it promises to measure a point, from what one model predicts for it and for the other candidates. Smaller
 * values are better. Private to tuner/search. */
#ifndef TUNE_ACQUISITION_H
#define TUNE_ACQUISITION_H

#include <stddef.h>

/* A prediction: a normal variable. sd is not negative. */
typedef struct tune_normal {
    double mean, sd;
} tune_normal;

/* Returns the expected improvement on `target`: the mean of max(target - x, 0). */
double tune_improvement(double target, tune_normal x);
/* Returns the value that the least of `count` independent variables is below with probability `chance`, from 0 to 1
 * exclusive; `most` where that is greater, and where there is no variable. */
double tune_least(const tune_normal *x, size_t count, double chance, double most);
/* Adds to each score [count] the expected improvement of its variable in units of the greatest of them, which
 * gets 1. What is to be improved on is not `best`, the best value known, but lies below it: by the share `ambition`
 * of the distance to the least value that the variables let expect. Of this the 20 %, 50 % and 80 % quantiles are
 * taken, and the expected improvements on the three targets are added. Where no improvement is expected nothing is
 * added. */
void tune_acquire(const tune_normal *x, size_t count, double best, double ambition, double *score);

#endif
