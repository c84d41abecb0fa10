/* AVX-512 F, BW, VL, DQ: sixteen floats a vector. The algorithms are in kernels/simd. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

enum { WIDTH = 16, TILE_ROWS = 8, TILE_VECTORS = 2, GEMM_TOKENS = 12, GEMM_VECTORS = 2 };
typedef __m512 vf;

static inline __mmask16 v_mask(int n) {
    return (__mmask16)((1u << n) - 1);
}

static inline vf v_set(float x) {
    return _mm512_set1_ps(x);
}
static inline vf v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
static inline vf v_load_first(const float *p, int n) {
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}
static inline void v_store(float *p, vf x) {
    _mm512_storeu_ps(p, x);
}
static inline void v_store_first(float *p, vf x, int n) {
    _mm512_mask_storeu_ps(p, v_mask(n), x);
}
static inline vf v_keep_first(vf x, int n) {
    return _mm512_maskz_mov_ps(v_mask(n), x);
}
static inline vf v_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
static inline vf v_sub(vf a, vf b) {
    return _mm512_sub_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
    return _mm512_div_ps(a, b);
}
static inline vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
/* min and max give the second operand where either is NaN. */
static inline vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
static inline vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
static inline vf v_abs(vf x) {
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x);
}
static inline vf v_copysign(vf magnitude, vf sign) {
    return _mm512_or_ps(magnitude, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
}
/* a < b ? x : y in each lane. */
static inline vf v_select_less(vf a, vf b, vf x, vf y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
static inline vf v_round(vf x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for whole n. */
static inline vf v_ldexp(vf x, vf n) {
    return _mm512_scalef_ps(x, n);
}
static inline float v_sum(vf x) {
    return _mm512_reduce_add_ps(x);
}
/* y[r] = the sum of the lanes of s[r], for eight of them. */
static inline void v_store_sums(const vf *s, float *y) {
    for (int r = 0; r < 8; r++) y[r] = v_sum(s[r]);
}
/* (float)(x + p[i]), the sum in float64. */
static inline vf v_add_doubles(double x, const double *p) {
    __m512d offset = _mm512_set1_pd(x);
    __m256 low = _mm512_cvtpd_ps(_mm512_add_pd(offset, _mm512_loadu_pd(p)));
    __m256 high = _mm512_cvtpd_ps(_mm512_add_pd(offset, _mm512_loadu_pd(p + 8)));
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}
static inline vf v_load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline void v_store_f16(uint16_t *p, vf x) {
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
static inline vf v_load_bf16(const uint16_t *p) {
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
/* Thirty-two values as pairs in sixteen lanes: the elements of even number, then those of odd number;
 * v_split_for_bf16 puts thirty-two floats in the same order. */
static inline void v_load_two_bf16(const uint16_t *p, vf *even, vf *odd) {
    __m512i pairs = _mm512_loadu_si512(p);
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)));
}
static inline void v_split_for_bf16(const float *p, vf *even, vf *odd) {
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    vf low = _mm512_loadu_ps(p), high = _mm512_loadu_ps(p + 16);
    *even = _mm512_permutex2var_ps(low, evens, high);
    *odd = _mm512_permutex2var_ps(low, _mm512_or_si512(evens, _mm512_set1_epi32(1)), high);
}
static inline void v_store_bf16(uint16_t *p, vf x) {
    __m512i bits = _mm512_castps_si512(x), top = _mm512_srli_epi32(bits, 16);
    __m512i odd = _mm512_and_si512(top, _mm512_set1_epi32(1));
    __m512i rounded =
        _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd), 16);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, top, _mm512_set1_epi32(0x40));
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi32_epi16(rounded));
}
#include "kernels/x86/transpose512.inc"

static inline void v_prefetch(const void *p) {
    _mm_prefetch(p, _MM_HINT_T0);
}

#define SIMD_NAME "avx512"
#define SIMD_INIT xl_kernels_init_avx512
#include "kernels/simd/table.inc"
