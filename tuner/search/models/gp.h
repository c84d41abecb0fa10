/* A Gaussian process over the points of a space (Rasmussen and Williams, "Gaussian Processes for Machine
 * Learning", 2006, chapters 2 and 5).
 *
 * The similarity of two values of a parameter depends on their distance on a logarithmic scale (Matérn 3/2; on a
 * linear scale where a value is not positive), on whether they are equal, and on how often two divides each of
 * them. The covariance of two points is a mixture of three terms: the mean similarity over the parameters, for
 * effects that a value has whatever the others are; the mean over pairs of parameters; and the product over all,
 * for effects that belong to one neighbourhood. The weights of all these are learnt by a few Metropolis steps on
 * the marginal likelihood at each fit. Mean and scale are profiled out. Private to tuner/search. */
#ifndef TUNE_GP_H
#define TUNE_GP_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/space/space.h"

enum { TUNE_GP_SAMPLES = 200 /* samples of a fit, at most */ };

typedef struct tune_gp tune_gp;

/* `space` must be sealed and must outlive the process. The caller frees *out with tune_gp_destroy. */
int tune_gp_create(const tune_space *space, tune_gp **out, xlstm_error *err);
void tune_gp_destroy(tune_gp *g);

/* Fits the process to the samples (point[i], y[i]), each point once, count from 1 to TUNE_GP_SAMPLES, and makes
 * `steps` Metropolis steps, which use only the first 120 samples. noise[i] is the variance of y[i] due to
 * measurement, 0 or more. */
int tune_gp_fit(tune_gp *g, const uint32_t *point, const float *y, const float *noise, size_t count, int steps,
                xl_rng *rng, xlstm_error *err);
/* Estimates sample i of the last fit without its noise: mean and variance. */
void tune_gp_sample(const tune_gp *g, size_t i, double *mean, double *variance);
/* Adds `count` points to the last fit that are being measured, none of them among its samples; there may be
 * TUNE_GP_SAMPLES with these. Predictions become less uncertain near them, and their means stay what they are, as
 * they would if each had its predicted value, which mean[i] is set to. */
void tune_gp_expect(tune_gp *g, const uint32_t *point, size_t count, double *mean);
/* Predicts mean and variance at `count` points, by the last fit. */
void tune_gp_predict(const tune_gp *g, const uint32_t *point, size_t count, double *mean, double *variance);

#endif
