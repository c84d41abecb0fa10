/* NEON of AArch64: four floats a vector. The algorithms are in kernels/simd. */
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/arm/vectors128.inc"

enum { TILE_ROWS = 6, TILE_VECTORS = 4, GEMM_TOKENS = 6, GEMM_VECTORS = 4 };

#define SIMD_NAME "neon"
#define SIMD_INIT xl_kernels_init_neon
#define SIMD_FIT
#include "kernels/simd/table.inc"
