/* Parameters of the strategy `auto`. docs/strategies-notebook.md tells how the defaults were chosen. */
#ifndef TUNE_AUTO_H
#define TUNE_AUTO_H

#include <stddef.h>

#include "tuner/search/models/surrogate.h"

typedef struct tune_auto_params {
    double initial; /* number of points of the initial design */
    double spread;  /* number of random points of which the one farthest from the design joins it */
    tune_surrogate_params models;
    double clip;      /* quantile of the values at which the models' values are limited */
    double parents;   /* number of best points whose neighbours are candidates */
    double near2;     /* number of candidates two moves away from each parent */
    double cross;     /* number of candidates crossed from two parents */
    double random;    /* number of candidates drawn at random */
    double precision; /* relative standard error of the winner's estimate that is small enough */
    double growth;    /* additional samples that the incumbent should have for each value told */
    double share;     /* share of all samples that repeats may take, at most */
    double doubt;     /* standard errors that are added to a point's estimate before it may be the incumbent */
    double hold;   /* standard errors of the difference by which a point must be better to become the winner, … */
    double settle; /* … from twice this number of values on; 0 up to this number, and growing between them */
    double caution;  /* standard errors by which the winner's estimate is raised, because it was chosen for it */
    double patience; /* values without a better incumbent after which every second proposal explores more */
    double boost;    /* factor on both sigmas in those proposals */
} tune_auto_params;

extern const tune_auto_params tune_auto_defaults;

/* Name and offset of each parameter, for benchmarks; the list ends with NULL. */
typedef struct tune_auto_knob {
    const char *name;
    size_t offset;
} tune_auto_knob;
extern const tune_auto_knob tune_auto_knobs[];

#endif
