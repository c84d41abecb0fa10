/* The original's random point, crossover and mutation, for any space. Private to tuner/search. */
#ifndef TUNE_ORIGINAL_H
#define TUNE_ORIGINAL_H

#include "base/rng.h"
#include "tuner/space/space.h"

/* Returns a random point: each parameter is drawn as its tune_draw says. A setting that does not exist is drawn
 * again; where that fails often, any existing point is returned. */
uint32_t tune_original_draw(const tune_space *space, xl_rng *rng);

/* Returns a child: each value comes from either parent with probability 0.5, then moves with probability 0.4 up or
 * down by one of the parameter's moves, within its range. A child that does not exist is made again; where that
 * fails often, tune_original_draw is used. */
uint32_t tune_original_child(const tune_space *space, uint32_t mother, uint32_t father, xl_rng *rng);

#endif
