/* NEON with dotprod: dense products of 8-bit integers, 16 of them an instruction. */
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/arm/vectors128.inc"

enum { INT8_TOKENS = 3, INT8_VECTORS = 4, INT8_OFFSET = 0 };
typedef int32x4_t vi;

static inline vi vi_set(int32_t x) {
    return vdupq_n_s32(x);
}
static inline vi vi_load(const int32_t *p) {
    return vld1q_s32(p);
}
static inline void vi_store(int32_t *p, vi x) {
    vst1q_s32(p, x);
}
static inline vi vi_of(vf x) {
    return vreinterpretq_s32_f32(x);
}
static inline vi vi_add_bytes(vi a, vi b) {
    return vreinterpretq_s32_s8(vaddq_s8(vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b)));
}
static inline vf vi_to_float(vi x) {
    return vcvtq_f32_s32(x);
}
static inline uint32_t vi_most(vi x) {
    return vmaxvq_u32(vreinterpretq_u32_s32(x));
}
static inline int32_t vi_sum(vi x) {
    return vaddvq_s32(x);
}
static inline vi vi_magnitude_bits(vf x) {
    return vreinterpretq_s32_f32(v_abs(x));
}
static inline vi vi_max(vi a, vi b) {
    return vreinterpretq_s32_u32(vmaxq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
}
static inline vi vi_add(vi a, vi b) {
    return vaddq_s32(a, b);
}
static inline vi vi_round(vf x) {
    return vcvtnq_s32_f32(x);
}
static inline void vi_store_bytes(int8_t *q, const vi x[8]) {
    for (int i = 0; i < 8; i += 4) {
        int16x8_t low = vcombine_s16(vqmovn_s32(x[i]), vqmovn_s32(x[i + 1]));
        int16x8_t high = vcombine_s16(vqmovn_s32(x[i + 2]), vqmovn_s32(x[i + 3]));
        vst1q_s8(q + i * WIDTH, vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
    }
}
static inline vi vi_dot(vi sum, vi w, vi x) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x));
}

#include "kernels/simd/gemm_int8.inc"

void xl_kernels_init_neon_dot(xl_kernels *table) {
    table->name = "neon_dot";
    table->gemm[XL_COMPUTE_INT8] = gemm_int8;
}
