/* What is believed of points that were not measured: two models side by side, a forest of extremely randomized
 * trees and a Gaussian process. The one finds steps and products of parameters, the other generalizes from few
 * samples; either is wrong where the other is not. A point's promise is its expected improvement (Jones, Schonlau
 * and Welch, "Efficient Global Optimization of Expensive Black-Box Functions", 1998) under an even mixture of both:
 * the mean of the two. Private to tuner/search. */
#ifndef TUNE_SURROGATE_H
#define TUNE_SURROGATE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/space/space.h"

typedef struct tune_surrogate tune_surrogate;

/* How the models learn and how far they are trusted. */
typedef struct tune_surrogate_params {
    double trees;    /* of the forest */
    double tries;    /* splits compared at a node, as a share of the number of parameters */
    double leaf;     /* a node of fewer samples is not split */
    double pairs;    /* share of the splits that look at the product or ratio of two parameters */
    double refit;    /* trees grown anew a fit, at least */
    double steps;    /* of the Gaussian process's learning, a fit */
    double sigma;    /* factor of the forest's predicted standard deviation */
    double gp_sigma; /* of the Gaussian process's */
} tune_surrogate_params;

/* A measured point: y is what the models are to learn, noise the variance of y that is not the point's own. */
typedef struct tune_surrogate_sample {
    uint32_t point;
    float y, noise;
} tune_surrogate_sample;

/* Samples of the Gaussian process, the first ones, are known without their noise: that many at most. */
enum { TUNE_SURROGATE_KNOWN = 140 };

/* `params` must outlive it. */
int tune_surrogate_create(const tune_space *space, const tune_surrogate_params *params, tune_surrogate **out,
                          xlstm_error *err);
void tune_surrogate_destroy(tune_surrogate *s);

/* Takes count samples from 1, each point once, best first. Of many, each model learns the best and some of the
 * others.
 */
int tune_surrogate_fit(tune_surrogate *s, const tune_surrogate_sample *sample, size_t count, xl_rng *rng,
                       xlstm_error *err);
/* Lets one more sample into the forest's leaves until the next fit. */
void tune_surrogate_add(tune_surrogate *s, uint32_t point, float y);
/* Of sample i of the last fit, i < count and < TUNE_SURROGATE_KNOWN: mean and variance of y without its noise. */
void tune_surrogate_known(const tune_surrogate *s, size_t i, double *mean, double *variance);
/* Expected improvement on `target` of each of count points; the predicted deviations are taken `widen` times. */
void tune_surrogate_promise(const tune_surrogate *s, const uint32_t *point, size_t count, double target,
                            double widen, double *promise);

#endif
