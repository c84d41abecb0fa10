/* The largest of many numbers. */
#ifndef XL_BASE_LARGEST_H
#define XL_BASE_LARGEST_H

#include <math.h>
#include <stdint.h>

/* Index of the largest of x [n], the first of equal ones; NaN is none, and 0 where nothing is above -infinity. Most
 * blocks hold nothing larger than what came before, which the compiler finds out for several values at a time. */
static inline int64_t xl_largest(const float *x, int64_t n) {
    enum { BLOCK = 64 };
    float best = -INFINITY;
    int64_t at = 0;
    for (int64_t from = 0; from < n; from += BLOCK) {
        const int64_t end = from + BLOCK < n ? from + BLOCK : n;
        int is_larger = 0;
        for (int64_t i = from; i < end; i++) is_larger |= x[i] > best;
        for (int64_t i = from; i < end && is_larger; i++) {
            if (x[i] > best) {
                best = x[i];
                at = i;
            }
        }
    }
    return at;
}

#endif
