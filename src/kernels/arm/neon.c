/* NEON of AArch64: four floats a vector. The algorithms are in kernels/simd. */
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

enum { WIDTH = 4, TILE_ROWS = 6, TILE_VECTORS = 4, GEMM_TOKENS = 6, GEMM_VECTORS = 4 };
typedef float32x4_t vf;

static const uint32_t first_lanes[8] = {~0u, ~0u, ~0u, ~0u, 0, 0, 0, 0};

static inline vf v_set(float x) {
    return vdupq_n_f32(x);
}
static inline vf v_load(const float *p) {
    return vld1q_f32(p);
}
static inline vf v_load_first(const float *p, int n) {
    float lanes[WIDTH] = {0};
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vld1q_f32(lanes);
}
static inline void v_store(float *p, vf x) {
    vst1q_f32(p, x);
}
static inline void v_store_first(float *p, vf x, int n) {
    float lanes[WIDTH];
    vst1q_f32(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
static inline vf v_keep_first(vf x, int n) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vld1q_u32(first_lanes + WIDTH - n)));
}
static inline vf v_add(vf a, vf b) {
    return vaddq_f32(a, b);
}
static inline vf v_sub(vf a, vf b) {
    return vsubq_f32(a, b);
}
static inline vf v_mul(vf a, vf b) {
    return vmulq_f32(a, b);
}
static inline vf v_div(vf a, vf b) {
    return vdivq_f32(a, b);
}
static inline vf v_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
static inline vf v_min(vf a, vf b) {
    return vminq_f32(a, b);
}
static inline vf v_max(vf a, vf b) {
    return vmaxq_f32(a, b);
}
static inline vf v_abs(vf x) {
    return vabsq_f32(x);
}
static inline vf v_copysign(vf magnitude, vf sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude);
}
/* a < b ? x : y in each lane. */
static inline vf v_select_less(vf a, vf b, vf x, vf y) {
    return vbslq_f32(vcltq_f32(a, b), x, y);
}
static inline vf v_round(vf x) {
    return vrndnq_f32(x);
}
/* x * 2^n for whole n in -252 … 254, in two halves so that the ends underflow and overflow as they should. */
static inline vf v_ldexp(vf x, vf n) {
    int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1), bias = vdupq_n_s32(127);
    int32x4_t one = vshlq_n_s32(vaddq_s32(half, bias), 23);
    int32x4_t two = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
    return vmulq_f32(vmulq_f32(x, vreinterpretq_f32_s32(one)), vreinterpretq_f32_s32(two));
}
static inline float v_sum(vf x) {
    return vaddvq_f32(x);
}
/* y[r] = the sum of the lanes of s[r], for eight of them. */
static inline void v_store_sums(const vf *s, float *y) {
    for (int r = 0; r < 8; r++) y[r] = v_sum(s[r]);
}
/* (float)(x + p[i]), the sum in float64. */
static inline vf v_add_doubles(double x, const double *p) {
    float64x2_t offset = vdupq_n_f64(x);
    float32x2_t low = vcvt_f32_f64(vaddq_f64(offset, vld1q_f64(p)));
    return vcvt_high_f32_f64(low, vaddq_f64(offset, vld1q_f64(p + 2)));
}
static inline vf v_load_f16(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
static inline void v_store_f16(uint16_t *p, vf x) {
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
}
static inline vf v_load_bf16(const uint16_t *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
/* Eight values as pairs in four lanes: the elements of even number, then those of odd number; v_split_for_bf16
 * puts eight floats in the same order. */
static inline void v_load_two_bf16(const uint16_t *p, vf *even, vf *odd) {
    uint32x4_t pairs = vreinterpretq_u32_u16(vld1q_u16(p));
    *even = vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
    *odd = vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000u)));
}
static inline void v_split_for_bf16(const float *p, vf *even, vf *odd) {
    float32x4x2_t split = vld2q_f32(p);
    *even = split.val[0];
    *odd = split.val[1];
}
static inline void v_store_bf16(uint16_t *p, vf x) {
    uint32x4_t bits = vreinterpretq_u32_f32(x), top = vshrq_n_u32(bits, 16);
    uint32x4_t odd = vandq_u32(top, vdupq_n_u32(1));
    uint32x4_t rounded = vshrq_n_u32(vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd), 16);
    uint32x4_t quiet = vorrq_u32(top, vdupq_n_u32(0x40));
    vst1_u16(p, vmovn_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet)));
}
/* Rows become columns. */
static inline __attribute__((always_inline)) void v_transpose(vf r[WIDTH]) {
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
static inline void v_prefetch(const void *p) {
    __builtin_prefetch(p);
}

#define SIMD_NAME "neon"
#define SIMD_INIT xl_kernels_init_neon
#include "kernels/simd/table.inc"
