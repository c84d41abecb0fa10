/* AVX-512 VNNI: dense products of 8-bit integers, 64 of them an instruction. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

enum { WIDTH = 16, INT8_TOKENS = 6, INT8_VECTORS = 2, INT8_OFFSET = 128 };
typedef __m512 vf;
typedef __m512i vi;

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
static inline vf v_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
static inline vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
#include "kernels/x86/transpose512.inc"

static inline vi vi_set(int32_t x) {
    return _mm512_set1_epi32(x);
}
static inline vi vi_load(const int32_t *p) {
    return _mm512_loadu_si512(p);
}
static inline void vi_store(int32_t *p, vi x) {
    _mm512_storeu_si512(p, x);
}
static inline vi vi_of(vf x) {
    return _mm512_castps_si512(x);
}
static inline vi vi_add_bytes(vi a, vi b) {
    return _mm512_add_epi8(a, b);
}
static inline vf vi_to_float(vi x) {
    return _mm512_cvtepi32_ps(x);
}
static inline vi vi_dot(vi sum, vi w, vi x) {
    return _mm512_dpbusd_epi32(sum, w, x);
}

/* Bits compare as magnitudes do, and NaN as the largest of them. */
static inline float int8_quantize(const float *x, int8_t *q) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
    __m512i most = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                    _mm512_and_si512(_mm512_castps_si512(b), magnitude));
    float largest = _mm512_cvtss_f32(_mm512_castsi512_ps(_mm512_set1_epi32((int)_mm512_reduce_max_epu32(most))));
    float scale = largest / 127, inverse = 1 / scale;
    if (!(largest < INFINITY)) scale = NAN;
    if (!(scale > 0 && inverse < INFINITY)) {
        memset(q, 0, XL_INT8_BLOCK);
        return scale > 0 ? 0 : scale;
    }
    __m512 by = _mm512_set1_ps(inverse);
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(a, by))));
    _mm_storeu_si128((__m128i *)(void *)(q + 16), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(b, by))));
    return scale;
}

#include "kernels/simd/gemm_int8.inc"

void xl_kernels_init_avx512_vnni(xl_kernels *table) {
    table->name = "avx512_vnni";
    table->gemm[XL_COMPUTE_INT8] = gemm_int8;
}
