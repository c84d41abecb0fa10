/* AVX-512 VNNI: products of 8-bit integers, 64 of them an instruction. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/x86/vectors512.inc"

enum { INT8_TOKENS = 6, INT8_VECTORS = 2, INT8_OFFSET = 128 };
typedef __m512i vi;

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
static inline uint32_t vi_most(vi x) {
    return _mm512_reduce_max_epu32(x);
}
static inline int32_t vi_sum(vi x) {
    return _mm512_reduce_add_epi32(x);
}
static inline vi vi_magnitude_bits(vf x) {
    return _mm512_castps_si512(v_abs(x));
}
static inline vi vi_max(vi a, vi b) {
    return _mm512_max_epu32(a, b);
}
static inline vi vi_add(vi a, vi b) {
    return _mm512_add_epi32(a, b);
}
static inline vi vi_round(vf x) {
    return _mm512_cvtps_epi32(x);
}
static inline void vi_store_bytes(int8_t *q, const vi x[2]) {
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtepi32_epi8(x[0]));
    _mm_storeu_si128((__m128i *)(void *)(q + WIDTH), _mm512_cvtepi32_epi8(x[1]));
}
static inline vi vi_dot(vi sum, vi w, vi x) {
    return _mm512_dpbusd_epi32(sum, w, x);
}

#include "kernels/simd/gemm_int8.inc"

#include "kernels/x86/blocks256.inc"

/* A block is half a vector. Decode waits for memory, not for these instructions. */
enum { B_SUMS = 16, B_SIGNED_OFFSET = 128 };

static inline bi b_dot(bi start, bb w, bb x) {
    return _mm256_dpbusd_epi32(start, w, x);
}
/* start + the products of signed bytes, the first with 128 added. */
static inline bi b_dot_signed(bi start, bb w, bb x) {
    return _mm256_dpbusd_epi32(start, _mm256_xor_si256(w, _mm256_set1_epi8(-128)), x);
}

#include "kernels/simd/units.inc"

#include "kernels/simd/few_int8.inc"

void xl_kernels_init_avx512_vnni(xl_kernels *table) {
    table->name = "avx512_vnni";
    set_int8(table);
}
