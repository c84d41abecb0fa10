/* AVX-512 BF16: dense products of bfloat16, 32 of them an instruction, in the order of simd/gemm.inc. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/x86/transpose512.inc"

#include "kernels/x86/bf16_panel.inc"

enum { TOKENS = 12, VECTORS = 2, COLUMNS = VECTORS * 16 };

/* A panel of weights and what it is made in. */
typedef struct panel {
    uint32_t pairs[BF16_DEPTH / 2][COLUMNS];
    uint16_t rows[16][BF16_DEPTH];
    float values[BF16_DEPTH];
} panel;
_Static_assert(sizeof(panel) <= XL_GEMM_SCRATCH, "a panel and what it is made in fit");

static size_t packed_bytes(int64_t cols) {
    return (size_t)((cols + BF16_DEPTH - 1) / BF16_DEPTH) * BF16_DEPTH * sizeof(uint16_t);
}

static void pack(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    uint16_t *to = packed;
    for (int64_t first = 0; first < cols; first += BF16_DEPTH) {
        int64_t depth = cols - first < BF16_DEPTH ? cols - first : BF16_DEPTH, whole = (depth + 31) / 32 * 32;
        for (int64_t t = 0; t < TOKENS; t++, to += BF16_DEPTH) {
            if (t < n) bf16_row(x + t * ldx + first, depth, whole, to);
            else memset(to, 0, (size_t)whole * sizeof *to);
        }
    }
}

/* y [tokens, width] (+)= a [TOKENS, depth] (rows BF16_DEPTH apart) times the panel. */
static inline __attribute__((always_inline)) void multiply_tile(const uint16_t *a, const panel *w, int64_t pairs,
                                                                float *y, int64_t ldy, int64_t tokens,
                                                                int64_t width, bool add) {
    __m512 sum[TOKENS][VECTORS];
#pragma GCC unroll 16
    for (int t = 0; t < TOKENS; t++)
#pragma GCC unroll 4
        for (int l = 0; l < VECTORS; l++) sum[t][l] = _mm512_setzero_ps();
    for (int64_t j = 0; j < pairs; j++) {
        __m512i line[VECTORS];
#pragma GCC unroll 4
        for (int l = 0; l < VECTORS; l++) line[l] = _mm512_loadu_si512(&w->pairs[j][l * 16]);
#pragma GCC unroll 16
        for (int t = 0; t < TOKENS; t++) {
            int32_t pair;
            memcpy(&pair, a + t * BF16_DEPTH + 2 * j, sizeof pair);
            __m512i x = _mm512_set1_epi32(pair);
#pragma GCC unroll 4
            for (int l = 0; l < VECTORS; l++)
                sum[t][l] = _mm512_dpbf16_ps(sum[t][l], (__m512bh)line[l], (__m512bh)x);
        }
    }
#pragma GCC unroll 16
    for (int t = 0; t < TOKENS; t++)
#pragma GCC unroll 4
        for (int l = 0; l < VECTORS; l++) {
            int64_t left = t < tokens ? width - l * 16 : 0;
            float *to = y + t * ldy + l * 16;
            const __mmask16 mask = left >= 16 ? 0xffff : left > 0 ? (__mmask16)((1u << left) - 1) : 0;
            __m512 value = add ? _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), sum[t][l]) : sum[t][l];
            _mm512_mask_storeu_ps(to, mask, value);
        }
}

static void multiply(const xl_kernels *table, const xl_product *p) {
    panel *w = p->scratch;
    const uint16_t *packed = p->packed;
    int64_t pieces = (p->w.cols + BF16_DEPTH - 1) / BF16_DEPTH;
    for (int64_t piece = 0; piece < pieces; piece++) {
        int64_t first = piece * BF16_DEPTH;
        int64_t depth = p->w.cols - first < BF16_DEPTH ? p->w.cols - first : BF16_DEPTH;
        for (int64_t row = 0; row < p->w.rows; row += COLUMNS) {
            int64_t width = p->w.rows - row < COLUMNS ? p->w.rows - row : COLUMNS;
            bf16_pack_weights(table, &p->w, row, COLUMNS, first, depth, w->rows[0], w->values, w->pairs[0]);
            for (int64_t t = 0; t < p->n; t += TOKENS) {
                const uint16_t *a = packed + (t / TOKENS * pieces + piece) * TOKENS * BF16_DEPTH;
                int64_t tokens = p->n - t < TOKENS ? p->n - t : TOKENS;
                multiply_tile(a, w, (depth + 1) / 2, p->y + t * p->ldy + row, p->ldy, tokens, width,
                              p->accumulate || piece);
            }
        }
    }
}

void xl_kernels_init_avx512_bf16(xl_kernels *table) {
    table->name = "avx512_bf16";
    table->gemm[XL_COMPUTE_BF16] =
        (xl_gemm){.fast = true, .tokens = TOKENS, .packed_bytes = packed_bytes, .pack = pack, .multiply = multiply};
}
