/* AVX-512 BF16: dense products of bfloat16, 32 of them an instruction, in the order of simd/gemm.inc. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"

#include "kernels/x86/transpose512.inc"

#include "kernels/x86/bf16_row.inc"

enum { TOKENS = 12, VECTORS = 2, COLUMNS = VECTORS * 16, DEPTH = 512 };
/* So many tokens are few. On a Zen 4, 9 tokens then take 0.5 to 0.65 of the time of panels, 32 0.7, 64 0.8, 96 0.9
 * (0.95 where weights have to be rounded first), and 192 as long. */
enum { FEW = 96 };

/* A panel of weights and what it is made in. */
typedef struct panel {
    uint32_t pairs[DEPTH / 2][COLUMNS];
    uint16_t rows[16][DEPTH];
    float values[DEPTH];
} panel;
_Static_assert(sizeof(panel) <= XL_GEMM_SCRATCH, "a panel and what it is made in fit");

static size_t packed_bytes(int64_t cols) {
    return (size_t)((cols + DEPTH - 1) / DEPTH) * DEPTH * sizeof(uint16_t);
}

static void pack(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    uint16_t *to = packed;
    for (int64_t first = 0; first < cols; first += DEPTH) {
        int64_t depth = cols - first < DEPTH ? cols - first : DEPTH, whole = (depth + 31) / 32 * 32;
        for (int64_t t = 0; t < TOKENS; t++, to += DEPTH) {
            if (t < n) bf16_row(x + t * ldx + first, depth, whole, to);
            else memset(to, 0, (size_t)whole * sizeof *to);
        }
    }
}

/* to->pairs[j / 2][r] = w[row + r, first + j], w[row + r, first + j + 1], for COLUMNS rows and whole groups of 32
 * columns; zeros where w has no more. */
static void pack_weights(const xl_kernels *table, const xl_matrix *w, int64_t row, int64_t first, int64_t depth,
                         panel *to) {
    const char *data = (const char *)w->data + xl_format_offset(w->format, first);
    const int64_t whole = (depth + 31) / 32 * 32;
    for (int64_t r = 0; r < COLUMNS; r += 16) {
        int64_t count = w->rows - row - r < 16 ? w->rows - row - r : 16;
        const char *from = data + (size_t)(row + r) * w->stride;
        size_t stride = w->stride;
        if (w->format != XL_FORMAT_BF16) {
            for (int64_t i = 0; i < count; i++) {
                table->to_f32[w->format](from + (size_t)i * stride, to->values, (size_t)depth);
                bf16_row(to->values, depth, whole, to->rows[i]);
            }
            from = (const char *)to->rows;
            stride = sizeof to->rows[0];
        }
        for (int64_t j = 0; j < whole; j += 32) {
            __m512 square[16];
            const __mmask32 mask = depth - j >= 32 ? 0xffffffffu : (1u << (depth - j)) - 1;
            if (count == 16 && depth - j >= 32) {
#pragma GCC unroll 16
                for (int i = 0; i < 16; i++) square[i] = _mm512_loadu_ps(from + (size_t)i * stride + j * 2);
            } else {
                for (int i = 0; i < 16; i++)
                    square[i] =
                        i < count
                            ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, from + (size_t)i * stride + j * 2))
                            : _mm512_setzero_ps();
            }
            v_transpose(square);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) _mm512_storeu_ps(&to->pairs[j / 2 + i][r], square[i]);
        }
    }
}

/* y [tokens, width] (+)= a [TOKENS, depth] (rows DEPTH apart) times the panel. */
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
            memcpy(&pair, a + t * DEPTH + 2 * j, sizeof pair);
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
    int64_t pieces = (p->w.cols + DEPTH - 1) / DEPTH;
    for (int64_t piece = 0; piece < pieces; piece++) {
        int64_t first = piece * DEPTH;
        int64_t depth = p->w.cols - first < DEPTH ? p->w.cols - first : DEPTH;
        for (int64_t row = 0; row < p->w.rows; row += COLUMNS) {
            int64_t width = p->w.rows - row < COLUMNS ? p->w.rows - row : COLUMNS;
            pack_weights(table, &p->w, row, first, depth, w);
            for (int64_t t = 0; t < p->n; t += TOKENS) {
                const uint16_t *a = packed + (t / TOKENS * pieces + piece) * TOKENS * DEPTH;
                int64_t tokens = p->n - t < TOKENS ? p->n - t : TOKENS;
                multiply_tile(a, w, (depth + 1) / 2, p->y + t * p->ldy + row, p->ldy, tokens, width,
                              p->accumulate || piece);
            }
        }
    }
}

#include "kernels/x86/few_bf16.inc"

void xl_kernels_init_avx512_bf16(xl_kernels *table) {
    table->name = "avx512_bf16";
    table->gemm[XL_COMPUTE_BF16] = (xl_gemm){.fast = true,
                                             .tokens = TOKENS,
                                             .packed_bytes = packed_bytes,
                                             .pack = pack,
                                             .multiply = multiply,
                                             .few = FEW,
                                             .multiply_few = multiply_few,
                                             .few_is_fast = true};
}
