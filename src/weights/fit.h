/* Least squares for blocks: whole numbers and the scale under which they come nearest to given values. The search
 * tries scales around the one that just spans the values; for the whole numbers of each it takes the scale (and
 * the offset) that is best for them, and keeps the trial with the smallest sum of weighted squared errors. */
#ifndef XL_WEIGHTS_FIT_H
#define XL_WEIGHTS_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "weights/blocks.h"

enum {
    XL_FIT_MAX = 32, /* values of a fit */
    XL_FIT_SIDE = 9  /* trials on each side of the scale that spans the values */
};
#define XL_FIT_STEP 0.2f /* between trials, in whole numbers that span the values */

/* Values of a block beside how much the square of each one's error counts. */
typedef struct xl_fit_values {
    float x[XL_FIT_MAX], weight[XL_FIT_MAX];
    int count;
} xl_fit_values;

/* Copies `count` values from src, and their weights from `importance` (NULL: all alike). */
void xl_fit_take(xl_fit_values *v, const float *src, const float *importance, size_t count);

/* The scale s for which whole numbers in [-half, half) times s come nearest to the values; it has the sign that
 * gives the value of the largest magnitude the side with one number more. 0 where all values are 0. */
float xl_fit_scale(const xl_fit_values *v, int half);

/* The scale s >= 0 and the offset o >= 0 for which s * q - o, q a whole number in [0, most], comes nearest. */
void xl_fit_scale_and_offset(const xl_fit_values *v, int most, float *scale, float *offset);

/* Write the factors of a block's groups, and tell each group's as it was stored. */
void xl_q4_k_store_units(xl_block_q4_k *b, const float scales[XL_Q4_K_GROUPS], const float offsets[XL_Q4_K_GROUPS],
                         float stored_scales[XL_Q4_K_GROUPS], float stored_offsets[XL_Q4_K_GROUPS]);
void xl_q6_k_store_units(xl_block_q6_k *b, const float scales[XL_Q6_K_GROUPS], float stored_scales[XL_Q6_K_GROUPS]);

/* x to the nearest whole number (ties to even) in [low, high]; |x| < 2^22. */
static inline float xl_fit_round(float x, float low, float high) {
    const float shift = 0x1.8p23f; /* adding it leaves no bits for a fraction */
    float q = (x + shift) - shift;
    q = q > low ? q : low; /* also where x is no number, as after a scale that overflowed */
    return q > high ? high : q;
}

#endif
