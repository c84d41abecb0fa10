/* The parameters of the strategy `auto`; docs/strategies-notebook.md says how the defaults were chosen. */
#ifndef TUNE_AUTO_H
#define TUNE_AUTO_H

#include <stddef.h>

#include "tuner/search/models/surrogate.h"

typedef struct tune_auto_params {
    double initial; /* points of the initial design */
    double spread;  /* random points of which the farthest from the design so far joins it */
    tune_surrogate_params models;
    double clip;      /* quantile of the values above which all are alike to the model */
    double parents;   /* best points whose neighbours are candidates */
    double near2;     /* candidates two moves away, a parent */
    double cross;     /* candidates crossed from two parents */
    double random;    /* candidates drawn at random */
    double precision; /* relative standard error of the winner's estimate that is enough */
    double growth;    /* samples more that the incumbent should have, a value told */
    double share;     /* of all samples that may be repeats, at most */
    double doubt;     /* standard errors that are added to a point's estimate before it can be the incumbent */
    double patience;  /* values without a better incumbent after which every other proposal looks farther */
    double boost;     /* factor of both sigmas then */
} tune_auto_params;

extern const tune_auto_params tune_auto_defaults;

/* Name and place of each, for benches; ends with NULL. */
typedef struct tune_auto_knob {
    const char *name;
    size_t offset;
} tune_auto_knob;
extern const tune_auto_knob tune_auto_knobs[];

#endif
