/* Extremely randomized regression trees over the points of a space (Geurts, Ernst and Wehenkel, "Extremely
 * randomized trees", Machine Learning 63, 2006). A split compares the position of a parameter's value in its list,
 * equality with one value where values are not ordered, or the product or ratio of two positive parameters. The
 * latter because the speed of kernels often depends on such quantities: threads per block, elements per tile,
 * tiles per thread. Private to tuner/search. */
#ifndef TUNE_FOREST_H
#define TUNE_FOREST_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/space/space.h"

typedef struct tune_forest tune_forest;

typedef struct tune_forest_params {
    int trees;
    int tries;    /* random splits compared at a node; 0: as many as there are parameters */
    int leaf;     /* a node with fewer samples is not split */
    double pairs; /* share of the splits that use two parameters */
} tune_forest_params;

int tune_forest_create(const tune_space *space, const tune_forest_params *params, tune_forest **out,
                       xlstm_error *err);
void tune_forest_destroy(tune_forest *f);

/* Grows `grow` of the trees anew, the oldest first, from the samples (point[i], y[i]); at the first call all of
 * them. */
int tune_forest_fit(tune_forest *f, const uint32_t *point, const float *y, size_t count, int grow, xl_rng *rng,
                    xlstm_error *err);
/* Adds a sample to its leaf in every tree, without splitting any. */
void tune_forest_add(tune_forest *f, uint32_t point, float y);
/* Predicts the mean over the trees, and the variance: that between trees plus that of the samples within
 * leaves. */
void tune_forest_predict(const tune_forest *f, uint32_t point, double *mean, double *variance);

#endif
