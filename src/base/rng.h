/* Deterministic random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021), seeded by splitmix64. The same seed gives the same stream on every machine. */
#ifndef XL_BASE_RNG_H
#define XL_BASE_RNG_H

#include <stdint.h>

typedef struct xl_rng {
    uint64_t s[4];
} xl_rng;

void xl_rng_seed(xl_rng *rng, uint64_t seed);
uint64_t xl_rng_next(xl_rng *rng);
/* Uniform over 0 … n-1 without bias; n > 0. */
uint64_t xl_rng_below(xl_rng *rng, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double xl_rng_uniform(xl_rng *rng);
/* Standard normal. */
double xl_rng_normal(xl_rng *rng);

#endif
