#include "base/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void xl_rng_seed(xl_rng *rng, uint64_t seed) {
    for (int i = 0; i < 4; i++) rng->s[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

uint64_t xl_rng_next(xl_rng *rng) {
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t xl_rng_below(xl_rng *rng, uint64_t n) {
    uint64_t reject = -n % n; /* 2^64 mod n: accepting values below it would favour the low results */
    uint64_t x;
    do x = xl_rng_next(rng);
    while (x < reject);
    return x % n;
}

double xl_rng_uniform(xl_rng *rng) {
    return (double)(xl_rng_next(rng) >> 11) * 0x1p-53;
}

double xl_rng_normal(xl_rng *rng) {
    double u = 1.0 - xl_rng_uniform(rng);
    double v = xl_rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
