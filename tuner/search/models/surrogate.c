#include "tuner/search/models/surrogate.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/search/models/forest.h"
#include "tuner/search/models/gp.h"

enum {
    FOREST_BEST = 1000,    /* samples of the forest: the best ones, at most */
    FOREST_SAMPLES = 1500, /* and others, up to this number in all */
    PREDICTED = 256        /* points predicted at once */
};

struct tune_surrogate {
    const tune_surrogate_params *params;
    tune_forest *forest;
    tune_gp *gp;
    uint32_t point[FOREST_SAMPLES];
    float y[FOREST_SAMPLES];
    size_t measured;                              /* points of the last fit */
    tune_normal predicted[TUNE_SURROGATE_POINTS]; /* working memory of tune_surrogate_promise */
};

int tune_surrogate_create(const tune_space *space, const tune_surrogate_params *params, tune_surrogate **out,
                          xlstm_error *err) {
    *out = NULL;
    tune_surrogate *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the model");
    s->params = params;
    tune_forest_params forest = {.trees = (int)params->trees,
                                 .tries = (int)fmax(1, params->tries * (double)tune_space_params(space) + 0.5),
                                 .leaf = (int)params->leaf,
                                 .pairs = params->pairs};
    int status = tune_forest_create(space, &forest, &s->forest, err);
    if (!status) status = tune_gp_create(space, &s->gp, err);
    if (status) tune_surrogate_destroy(s);
    else *out = s;
    return status;
}

void tune_surrogate_destroy(tune_surrogate *s) {
    if (!s) return;
    tune_forest_destroy(s->forest);
    tune_gp_destroy(s->gp);
    free(s);
}

/* Returns which sample is the i-th that a model learns: first the `best` ones, then others at even steps; `count`
 * where there are no more. */
static size_t chosen(size_t i, size_t best, size_t most, size_t count) {
    if (count <= most || i < best) return i;
    size_t step = (count - best + most - best - 1) / (most - best);
    return best + (i - best) * step;
}

int tune_surrogate_fit(tune_surrogate *s, const tune_surrogate_sample *sample, size_t count, const uint32_t *flight,
                       size_t flying, xl_rng *rng, xlstm_error *err) {
    const size_t most = TUNE_GP_SAMPLES - flying;
    float noise[TUNE_GP_SAMPLES];
    double expected[TUNE_SURROGATE_FLIGHT], worst = -INFINITY;
    size_t n = 0, i;
    s->measured = count;
    xl_rng apart = *rng; /* of the forest, which draws one number */
    xl_rng_next(rng);
    for (; n < most && (i = chosen(n, TUNE_SURROGATE_KNOWN, most, count)) < count; n++) {
        s->point[n] = sample[i].point;
        s->y[n] = sample[i].y;
        noise[n] = sample[i].noise;
    }
    int status = tune_gp_fit(s->gp, s->point, s->y, noise, n, (int)s->params->steps, rng, err);
    if (status) return status;
    if (flying) tune_gp_expect(s->gp, flight, flying, expected);
    n = 0;
    const size_t all = FOREST_SAMPLES - flying;
    for (; n < all && (i = chosen(n, FOREST_BEST, all, count)) < count; n++) {
        s->point[n] = sample[i].point;
        s->y[n] = sample[i].y;
        worst = fmax(worst, (double)sample[i].y);
    }
    for (size_t k = 0; k < flying; k++, n++) {
        s->point[n] = flight[k];
        s->y[n] = (float)fmin(expected[k], worst);
    }
    const int grow = (int)fmax(s->params->refit, 300.0 / (double)n);
    return tune_forest_fit(s->forest, s->point, s->y, n, grow, &apart, err);
}

void tune_surrogate_add(tune_surrogate *s, uint32_t point, float y) {
    tune_forest_add(s->forest, point, y);
}

void tune_surrogate_known(const tune_surrogate *s, size_t i, double *mean, double *variance) {
    tune_gp_sample(s->gp, i, mean, variance);
}

static void predict_by_process(const tune_surrogate *s, const uint32_t *point, size_t count, double widen,
                               tune_normal *out) {
    double mean[PREDICTED], variance[PREDICTED];
    for (size_t first = 0; first < count; first += PREDICTED) {
        const size_t n = count - first < PREDICTED ? count - first : PREDICTED;
        tune_gp_predict(s->gp, point + first, n, mean, variance);
        for (size_t i = 0; i < n; i++)
            out[first + i] = (tune_normal){mean[i], s->params->gp_sigma * widen * sqrt(variance[i])};
    }
}

void tune_surrogate_predict(const tune_surrogate *s, tune_surrogate_model model, const uint32_t *point,
                            size_t count, double widen, tune_normal *out) {
    if (model == TUNE_SURROGATE_PROCESS) {
        predict_by_process(s, point, count, widen, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double variance;
        tune_forest_predict(s->forest, point[i], &out[i].mean, &variance);
        out[i].sd = s->params->sigma * widen * sqrt(variance);
    }
}

void tune_surrogate_promise(tune_surrogate *s, const uint32_t *point, size_t count, double best, double widen,
                            double *promise) {
    const double share = fmin(1, s->params->tempered / fmax((double)s->measured, 1));
    for (size_t i = 0; i < count; i++) promise[i] = 0;
    for (int model = 0; model < TUNE_SURROGATE_MODELS; model++) {
        tune_surrogate_predict(s, (tune_surrogate_model)model, point, count, widen, s->predicted);
        tune_acquire(s->predicted, count, best, share * s->params->ambition, promise);
    }
}
