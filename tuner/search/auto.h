/* What the strategy `auto` can vary; the values in tune_auto_defaults were chosen by leave-one-kernel-out. */
#ifndef TUNE_AUTO_H
#define TUNE_AUTO_H

#include <stddef.h>

typedef struct tune_auto_params {
    double initial; /* points of the initial design */
    double spread;  /* candidates of which the farthest from the design so far joins it */
    double trees;
    double tries; /* splits compared at a node, of the number of parameters */
    double leaf;
    double pairs;      /* share of splits over two parameters */
    double refit;      /* trees grown anew a proposal */
    double clip;       /* quantile of the values above which the model does not look; 1: none */
    double parents;    /* best points whose neighbours are candidates */
    double near2;      /* candidates that differ from a parent in two parameters, a parent */
    double cross;      /* candidates crossed from two parents */
    double random;     /* candidates drawn at random */
    double xi;         /* improvement wanted, log */
    double sigma;      /* factor of the predicted standard deviation */
    double explore;    /* share of proposals that are random */
    double a, b, c, d; /* experiments */
} tune_auto_params;

extern const tune_auto_params tune_auto_defaults;

/* Name and place of each, for benches; ends with NULL. */
typedef struct tune_auto_knob {
    const char *name;
    size_t offset;
} tune_auto_knob;
extern const tune_auto_knob tune_auto_knobs[];

#endif
