/* Predictions for points that were not measured, by two models side by side: a forest of extremely randomized
 * trees, which finds steps and products of parameters, and a Gaussian process, which generalizes from few samples.
 * Each is wrong where the other is not. The promise of a point comes from its expected improvement (Jones, Schonlau
 * and Welch, "Efficient Global Optimization of Expensive Black-Box Functions", 1998) by each of them
 * (acquisition.h). Private to tuner/search. */
#ifndef TUNE_SURROGATE_H
#define TUNE_SURROGATE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/search/models/acquisition.h"
#include "tuner/space/space.h"

typedef struct tune_surrogate tune_surrogate;

/* How the models learn, and how uncertain their predictions are taken to be. */
typedef struct tune_surrogate_params {
    double trees;    /* trees of the forest */
    double tries;    /* splits compared at a node, as a share of the number of parameters */
    double leaf;     /* a node with fewer samples is not split */
    double pairs;    /* share of the splits that use the product or ratio of two parameters */
    double refit;    /* trees grown anew at each fit, at least */
    double steps;    /* Metropolis steps of the Gaussian process at each fit */
    double sigma;    /* factor on the standard deviation that the forest predicts */
    double gp_sigma; /* factor on that of the Gaussian process */
    double ambition; /* how far below the best value the target lies (tune_acquire), … */
    double tempered; /* … with so many measured points; with more of them it is nearer in proportion */
} tune_surrogate_params;

/* A measured point: the value y that the models learn, and the variance of y due to measurement. */
typedef struct tune_surrogate_sample {
    uint32_t point;
    float y, noise;
} tune_surrogate_sample;

enum {
    TUNE_SURROGATE_KNOWN = 140,  /* samples that the Gaussian process can estimate without their noise, at most */
    TUNE_SURROGATE_FLIGHT = 60,  /* points in flight that the models take into account, at most */
    TUNE_SURROGATE_POINTS = 4096 /* points among which one is chosen, at most */
};

/* `params` must outlive the surrogate. The caller frees *out with tune_surrogate_destroy. */
int tune_surrogate_create(const tune_space *space, const tune_surrogate_params *params, tune_surrogate **out,
                          xlstm_error *err);
void tune_surrogate_destroy(tune_surrogate *s);

/* Fits the models to `count` samples (at least 1), each point once, best first. Of many samples each model learns
 * the best and some of the others. The models take the `flying` points of flight, at most TUNE_SURROGATE_FLIGHT and
 * none of them among the samples, to have the values that they predict for them. */
int tune_surrogate_fit(tune_surrogate *s, const tune_surrogate_sample *sample, size_t count, const uint32_t *flight,
                       size_t flying, xl_rng *rng, xlstm_error *err);
/* Adds one more sample to the leaves of the forest, until the next fit. */
void tune_surrogate_add(tune_surrogate *s, uint32_t point, float y);
/* Estimates sample i of the last fit, i < count and i < TUNE_SURROGATE_KNOWN: mean and variance of y without its
 * noise. */
void tune_surrogate_known(const tune_surrogate *s, size_t i, double *mean, double *variance);
/* Predicts `count` points by one of the models, by the last fit; predicted standard deviations are multiplied by
 * the model's factor and by `widen`. */
typedef enum tune_surrogate_model { TUNE_SURROGATE_PROCESS, TUNE_SURROGATE_FOREST } tune_surrogate_model;
enum { TUNE_SURROGATE_MODELS = 2 };
void tune_surrogate_predict(const tune_surrogate *s, tune_surrogate_model model, const uint32_t *point,
                            size_t count, double widen, tune_normal *out);
/* Computes the promise of `count` points, at most TUNE_SURROGATE_POINTS, which are all that can be chosen: the sum
 * of what both models see in them (tune_acquire), from 0 to 2. `best` is the best value known; predicted standard
 * deviations are multiplied by `widen`. */
void tune_surrogate_promise(tune_surrogate *s, const uint32_t *point, size_t count, double best, double widen,
                            double *promise);

#endif
