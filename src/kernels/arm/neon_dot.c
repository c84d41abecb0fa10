/* NEON with dotprod: products of 8-bit integers, 16 of them an instruction. */
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/arm/vectors128.inc"

#include "kernels/arm/integers128.inc"

enum { INT8_TOKENS = 3, INT8_VECTORS = 4, INT8_OFFSET = 0 };

static inline vi vi_dot(vi sum, vi w, vi x) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x));
}

#include "kernels/simd/gemm_int8.inc"

/* A block of bytes: the primitives of few_int8.inc. Weights need no offset, because all bytes are signed. */
enum { B_LANES = 4, B_SUMS = 16, B_SIGNED_OFFSET = 0 };
typedef int8x16x2_t bb;
typedef int32x4_t bi;
typedef float32x4_t bf;

static inline bb b_load(const int8_t *p) {
    return (bb){{vld1q_s8(p), vld1q_s8(p + 16)}};
}
/* The lower halves of sixteen bytes, then the upper. */
static inline bb b_load_halves(const uint8_t *p) {
    uint8x16_t both = vld1q_u8(p);
    return (bb){{vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15))), vreinterpretq_s8_u8(vshrq_n_u8(both, 4))}};
}
/* Thirty-two numbers of six bits: the lower four in the halves of low[16], the upper two as the quarter of high[32]
 * asked for. */
static inline bb b_load_six(const uint8_t *low, const uint8_t *high, int quarter) {
    int8x16_t shift = vdupq_n_s8((int8_t)(4 - 2 * quarter)); /* to the left; to the right where negative */
    bb six = b_load_halves(low);
    for (int i = 0; i < 2; i++) {
        uint8x16_t two = vandq_u8(vshlq_u8(vld1q_u8(high + 16 * i), shift), vdupq_n_u8(0x30));
        six.val[i] = vorrq_s8(six.val[i], vreinterpretq_s8_u8(two));
    }
    return six;
}
/* A number in the first lane, 0 in the others. */
static inline bi b_first(int32_t x) {
    return vsetq_lane_s32(x, vdupq_n_s32(0), 0);
}
static inline bf b_to_float(bi x) {
    return vcvtq_f32_s32(x);
}
static inline bf b_set(float x) {
    return vdupq_n_f32(x);
}
static inline bf b_set_f16(const uint8_t *p) {
    return v_set_f16(p);
}
static inline bf b_load_floats(const float *p) {
    return vld1q_f32(p);
}
static inline void b_store(float *p, bf x) {
    vst1q_f32(p, x);
}
static inline bf b_mul(bf a, bf b) {
    return vmulq_f32(a, b);
}
static inline bf b_fma(bf a, bf b, bf c) {
    return vfmaq_f32(c, a, b);
}
static inline float b_sum(bf x) {
    return vaddvq_f32(x);
}
static inline bi b_dot(bi start, bb w, bb x) {
    return vdotq_s32(vdotq_s32(start, w.val[0], x.val[0]), w.val[1], x.val[1]);
}
static inline bi b_dot_signed(bi start, bb w, bb x) {
    return b_dot(start, w, x);
}
/* sum + by * units[0] * (first + the products of the first half) + by * units[1] * (second + those of the second).
 */
static inline bf b_add_two(bf sum, bb w, bb x, int32_t first, int32_t second, const float *units, float by) {
    sum = vfmaq_n_f32(sum, b_to_float(vdotq_s32(b_first(first), w.val[0], x.val[0])), units[0] * by);
    return vfmaq_n_f32(sum, b_to_float(vdotq_s32(b_first(second), w.val[1], x.val[1])), units[1] * by);
}

#include "kernels/simd/units.inc"

#include "kernels/simd/few_int8.inc"

void xl_kernels_init_neon_dot(xl_kernels *table) {
    table->name = "neon_dot";
    set_int8(table);
}
