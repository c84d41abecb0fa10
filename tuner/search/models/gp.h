/* A Gaussian process over the points of a space (Rasmussen and Williams, "Gaussian Processes for Machine Learning",
 * 2006, chapters 2 and 5).
 *
 * Two values of one parameter are alike by their distance on a logarithmic scale (Matérn 3/2; linear where a value
 * is not positive), by being the same, and by how many times two divides them. The covariance of two points is a
 * mixture of three: the mean over the parameters of how alike their values are, which carries what a value does
 * whatever the others are; the mean over pairs of parameters; and the product over all, which belongs to one
 * neighbourhood. What counts how much is learnt by Metropolis steps on the marginal likelihood, a few a fit. Mean
 * and scale are profiled out. Private to tuner/search. */
#ifndef TUNE_GP_H
#define TUNE_GP_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/space/space.h"

enum { TUNE_GP_SAMPLES = 200 /* of a fit, at most */ };

typedef struct tune_gp tune_gp;

/* `space` must be sealed and outlive the process. */
int tune_gp_create(const tune_space *space, tune_gp **out, xlstm_error *err);
void tune_gp_destroy(tune_gp *g);

/* Takes the samples (point[i], y[i]), each point once, count 1 … TUNE_GP_SAMPLES, and makes `steps` Metropolis
 * steps; those look at the first 120 samples alone. noise[i]: variance of y[i] that is not the point's own, 0 or
 * more. */
int tune_gp_fit(tune_gp *g, const uint32_t *point, const float *y, const float *noise, size_t count, int steps,
                xl_rng *rng, xlstm_error *err);
/* What sample i of the last fit would be without its noise: mean and variance. */
void tune_gp_sample(const tune_gp *g, size_t i, double *mean, double *variance);
/* Mean and variance at each of count points, by the last fit. */
void tune_gp_predict(const tune_gp *g, const uint32_t *point, size_t count, double *mean, double *variance);

#endif
