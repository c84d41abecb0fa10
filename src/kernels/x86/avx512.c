/* AVX-512 F, BW, VL, DQ: sixteen floats a vector. The algorithms are in kernels/simd. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/x86/vectors512.inc"

enum { TILE_ROWS = 8, TILE_VECTORS = 2, GEMM_TOKENS = 12, GEMM_VECTORS = 2 };

#define SIMD_NAME "avx512"
#define SIMD_INIT xl_kernels_init_avx512
#include "kernels/simd/table.inc"
