#include "tuner/search/spread.h"

#include <math.h>

static double distance(const tune_space *space, uint32_t a, uint32_t b) {
    const uint16_t *x = tune_space_index(space, a), *y = tune_space_index(space, b);
    double d = 0;
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_param *p = tune_space_param(space, i);
        if (p->count > 1) d += p->ordered ? fabs((double)x[i] - y[i]) / (p->count - 1) : x[i] != y[i];
    }
    return d;
}

uint32_t tune_spread_point(const tune_record *r, int tries, xl_rng *rng) {
    uint32_t best = TUNE_NO_POINT;
    double farthest = -1;
    for (int i = 0; i < tries || !i; i++) {
        const uint32_t point = tune_record_random_fresh(r, rng);
        double nearest = INFINITY;
        for (size_t j = 0; j < r->count; j++) nearest = fmin(nearest, distance(r->space, point, r->seen[j].point));
        for (size_t j = 0; j < r->pending; j++) nearest = fmin(nearest, distance(r->space, point, r->flight[j]));
        if (nearest > farthest) {
            farthest = nearest;
            best = point;
        }
    }
    return best;
}
