#include "tuner/search/original.h"

enum { ATTEMPTS = 1000 };

uint32_t tune_original_draw(const tune_space *space, xl_rng *rng) {
    uint16_t index[TUNE_SPACE_PARAMS];
    size_t params = tune_space_params(space);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        for (size_t i = 0; i < params; i++) {
            const tune_param *p = tune_space_param(space, i);
            uint32_t last = p->count - 1;
            uint32_t ends[] = {0, last / 2, last};
            index[i] =
                (uint16_t)(p->draw == TUNE_DRAW_ENDS ? ends[xl_rng_below(rng, 3)] : xl_rng_below(rng, p->count));
        }
        uint32_t point = tune_space_find(space, index);
        if (point != TUNE_NO_POINT) return point;
    }
    return (uint32_t)xl_rng_below(rng, tune_space_size(space));
}

static uint32_t moved(const tune_param *p, uint32_t from, xl_rng *rng) {
    uint32_t sizes = p->moves[1] ? 2 : 1;
    uint32_t step = p->moves[xl_rng_below(rng, sizes)];
    if (xl_rng_below(rng, 2)) return from + step < p->count ? from + step : p->count - 1;
    return from > step ? from - step : 0;
}

uint32_t tune_original_child(const tune_space *space, uint32_t mother, uint32_t father, xl_rng *rng) {
    const uint16_t *parents[] = {tune_space_index(space, mother), tune_space_index(space, father)};
    uint16_t index[TUNE_SPACE_PARAMS];
    size_t params = tune_space_params(space);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        for (size_t i = 0; i < params; i++) index[i] = parents[xl_rng_below(rng, 2)][i];
        for (size_t i = 0; i < params; i++) {
            const tune_param *p = tune_space_param(space, i);
            if (xl_rng_uniform(rng) < 0.4) index[i] = (uint16_t)moved(p, index[i], rng);
        }
        uint32_t point = tune_space_find(space, index);
        if (point != TUNE_NO_POINT) return point;
    }
    return tune_original_draw(space, rng);
}
