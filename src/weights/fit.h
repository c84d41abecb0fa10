/* Least squares for blocks: whole numbers and the scale under which they come nearest to given values. The search
 * tries scales around the one that just spans the values; for the whole numbers of each it takes the scale (and
 * the offset) that is best for them, and keeps the trial with the smallest sum of weighted squared errors. */
#ifndef XL_WEIGHTS_FIT_H
#define XL_WEIGHTS_FIT_H

#include <stddef.h>
#include <stdint.h>

enum { XL_FIT_MAX = 32 }; /* values of a fit */

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

/* x to the nearest whole number (ties to even) in [low, high]; |x| < 2^22. */
static inline float xl_fit_round(float x, float low, float high) {
    const float shift = 0x1.8p23f; /* adding it leaves no bits for a fraction */
    float q = (x + shift) - shift;
    q = q > low ? q : low; /* also where x is no number, as after a scale that overflowed */
    return q > high ? high : q;
}

#endif
