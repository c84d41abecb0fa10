/* The original's random point, crossover and mutation, over any space. Private to tuner/search. */
#ifndef TUNE_ORIGINAL_H
#define TUNE_ORIGINAL_H

#include "base/rng.h"
#include "tuner/space/space.h"

/* A random point: each parameter as its tune_draw says. A setting that does not exist is drawn again; where that
 * fails often, any existing point. */
uint32_t tune_original_draw(const tune_space *space, xl_rng *rng);

/* A child: each value from either parent with 0.5, then each moves with 0.4 by ± one of its moves, clamped. A child
 * that does not exist is made again; where that fails often, tune_original_draw. */
uint32_t tune_original_child(const tune_space *space, uint32_t mother, uint32_t father, xl_rng *rng);

#endif
