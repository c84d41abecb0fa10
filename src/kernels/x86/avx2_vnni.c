/* AVX-VNNI: products of 8-bit integers, 32 of them an instruction. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/x86/vectors256.inc"

#include "kernels/x86/integers256.inc"

enum { INT8_TOKENS = 4, INT8_VECTORS = 2, INT8_OFFSET = 128 };

static inline vi vi_dot(vi sum, vi w, vi x) {
    return _mm256_dpbusd_avx_epi32(sum, w, x);
}

#include "kernels/simd/gemm_int8.inc"

#include "kernels/x86/blocks256.inc"

enum { B_SUMS = 8, B_SIGNED_OFFSET = 128 };

static inline bi b_dot(bi start, bb w, bb x) {
    return _mm256_dpbusd_avx_epi32(start, w, x);
}
/* start + the products of signed bytes, the first with 128 added. */
static inline bi b_dot_signed(bi start, bb w, bb x) {
    return _mm256_dpbusd_avx_epi32(start, _mm256_xor_si256(w, _mm256_set1_epi8(-128)), x);
}

#include "kernels/simd/units.inc"

#include "kernels/simd/few_int8.inc"

void xl_kernels_init_avx2_vnni(xl_kernels *table) {
    table->name = "avx2_vnni";
    set_int8(table);
}
