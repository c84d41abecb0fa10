/* Points that are spread over a space, with which a search begins. Private to tuner/search. */
#ifndef TUNE_SPREAD_H
#define TUNE_SPREAD_H

#include <stdint.h>

#include "base/rng.h"
#include "tuner/search/record.h"

/* Returns the point, among `tries` random fresh ones (at least one), that is farthest from all points that are
 * measured or in flight; the record must have a fresh point. The distance of two points is the sum over the
 * parameters, where the range of each has length 1. */
uint32_t tune_spread_point(const tune_record *r, int tries, xl_rng *rng);

#endif
