/* AVX2, FMA and F16C: eight floats a vector. The algorithms are in kernels/simd. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/x86/vectors256.inc"

#include "kernels/x86/tile256.inc"
#include "kernels/x86/tile_blocks256.inc"

enum { TILE_ROWS = 6, TILE_VECTORS = 2, GEMM_TOKENS = 6, GEMM_VECTORS = 2 };

#include "kernels/x86/integers256.inc"

enum { INT8_TOKENS = 4, INT8_VECTORS = 2, INT8_OFFSET = 0 };

/* Products of unsigned and signed bytes are added in pairs to 16 bits; a weight of -128 still fits. */
static inline vi vi_dot(vi sum, vi w, vi x) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#include "kernels/x86/blocks256.inc"

enum { B_SUMS = 8, B_SIGNED_OFFSET = 0 };

/* start + the products of unsigned numbers below 64 and signed bytes. */
static inline bi b_dot(bi start, bb w, bb x) {
    return _mm256_add_epi32(start, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
static inline bi b_dot_signed(bi start, bb w, bb x) {
    return vi_dot(start, w, x);
}

#define SIMD_NAME "avx2"
#define SIMD_INIT xl_kernels_init_avx2
#define SIMD_INT8
#define SIMD_FIT
#define SIMD_SEVERAL
#include "kernels/simd/table.inc"
