#include "tuner/search/original.h"

enum { ATTEMPTS = 1000 };

uint32_t tune_original_draw(const tune_space *space, xl_rng *rng) {
    uint16_t index[TUNE_SPACE_PARAMS];
    size_t params = tune_space_params(space);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        for (size_t i = 0; i < params; i++) {
            const tune_param *p = tune_space_param(space, i);
            uint32_t last = p->declared_count - 1;
            uint32_t ends[] = {0, last / 2, last};
            uint32_t at = p->draw == TUNE_DRAW_ENDS ? ends[xl_rng_below(rng, 3)]
                                                    : (uint32_t)xl_rng_below(rng, p->declared_count);
            index[i] = p->stands ? p->stands[at] : (uint16_t)at;
        }
        uint32_t point = tune_space_find(space, index);
        if (point != TUNE_NO_POINT) return point;
    }
    return tune_space_random(space, rng);
}

/* Moves a value by steps of the declared values, as the original does, which knows no merged ones. */
static uint32_t moved(const tune_param *p, uint32_t from, xl_rng *rng) {
    uint32_t sizes = p->moves[1] ? 2 : 1;
    uint32_t step = p->moves[xl_rng_below(rng, sizes)];
    if (p->place) from = p->place[from];
    if (xl_rng_below(rng, 2)) from = from + step < p->declared_count ? from + step : p->declared_count - 1;
    else from = from > step ? from - step : 0;
    return p->stands ? p->stands[from] : from;
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
