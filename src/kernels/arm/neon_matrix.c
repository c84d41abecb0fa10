/* NEON with bf16 and i8mm: dense products of bfloat16, and of 8-bit integers (matrix_int8.inc). An instruction
 * multiplies two tokens by two rows of weights, four columns of each in bfloat16. */
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/arm/vectors128.inc"

#include "kernels/arm/integers128.inc"

#include "kernels/simd/quantize.inc"

enum {
    PAIRS = 6, /* of tokens in a panel */
    TOKENS = 2 * PAIRS,
    ROW_PAIRS = 4, /* of weights in a panel */
    ROWS = 2 * ROW_PAIRS,
    STEP = 4,    /* columns of an instruction */
    DEPTH = 512, /* columns of a panel of weights */
    TOKEN_STEP = TOKENS * STEP,
    ROW_STEP = ROWS * STEP
};

/* A panel of weights: for each step the rows' values side by side, pairs of rows in one vector. */
typedef struct panel {
    uint16_t steps[DEPTH / STEP][ROW_STEP];
    uint16_t row[DEPTH];
    float values[DEPTH];
} panel;
_Static_assert(sizeof(panel) <= XL_GEMM_SCRATCH, "a panel and what it is made in fit");

static size_t packed_bytes(int64_t cols) {
    enum { UNIT = 32 }; /* columns of 64 bytes, so that panels begin where lines do */
    return (size_t)((cols + UNIT - 1) / UNIT) * UNIT * sizeof(uint16_t);
}

/* Four floats to bfloat16, to nearest, ties to even; those behind the first n are 0. */
static inline void round_four(const float *x, int64_t n, uint16_t *to) {
    float four[STEP] = {0};
    if (n < STEP) {
        if (n > 0) memcpy(four, x, (size_t)n * sizeof *x);
        x = four;
    }
    vst1_u16(to, vreinterpret_u16_bf16(vcvt_bf16_f32(vld1q_f32(x))));
}

static void pack(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    uint16_t *to = packed;
    for (int64_t j = 0; j < cols; j += STEP, to += TOKEN_STEP)
        for (int64_t t = 0; t < TOKENS; t++) {
            if (t < n) round_four(x + t * ldx + j, cols - j, to + t * STEP);
            else memset(to + t * STEP, 0, STEP * sizeof *to);
        }
}

static void pack_weights(const xl_kernels *table, const xl_matrix *w, int64_t row, int64_t first, int64_t depth,
                         panel *to) {
    const char *data = (const char *)w->data + xl_format_offset(w->format, first);
    const int64_t steps = (depth + STEP - 1) / STEP;
    for (int64_t r = 0; r < ROWS; r++) {
        const char *from = data + (size_t)(row + r) * w->stride;
        memset(to->row + depth / STEP * STEP, 0, (size_t)(steps - depth / STEP) * STEP * sizeof *to->row);
        if (row + r >= w->rows) {
            memset(to->row, 0, (size_t)(steps * STEP) * sizeof *to->row);
        } else if (w->format == XL_FORMAT_BF16) {
            memcpy(to->row, from, (size_t)depth * sizeof *to->row);
        } else {
            table->to_f32[w->format](from, to->values, (size_t)depth);
            for (int64_t j = 0; j < depth; j += STEP) round_four(to->values + j, depth - j, to->row + j);
        }
        for (int64_t j = 0; j < steps; j++) vst1_u16(&to->steps[j][r * STEP], vld1_u16(to->row + j * STEP));
    }
}

static inline bfloat16x8_t load(const uint16_t *p) {
    return vreinterpretq_bf16_u16(vld1q_u16(p));
}

/* y[0 … width), width of 1 or 2, = or += two sums. */
static inline void store_two(float *y, float32x2_t sums, int64_t width, bool add) {
    if (width >= 2) {
        vst1_f32(y, add ? vadd_f32(vld1_f32(y), sums) : sums);
    } else if (width == 1) {
        *y = vget_lane_f32(sums, 0) + (add ? *y : 0);
    }
}

static inline __attribute__((always_inline)) void multiply_tile(const uint16_t *a, const panel *w, int64_t steps,
                                                                float *y, int64_t ldy, int64_t tokens,
                                                                int64_t width, bool add) {
    float32x4_t sum[PAIRS][ROW_PAIRS];
#pragma GCC unroll 8
    for (int t = 0; t < PAIRS; t++)
#pragma GCC unroll 4
        for (int r = 0; r < ROW_PAIRS; r++) sum[t][r] = vdupq_n_f32(0);
    for (int64_t j = 0; j < steps; j++, a += TOKEN_STEP) {
        bfloat16x8_t line[ROW_PAIRS];
#pragma GCC unroll 4
        for (int r = 0; r < ROW_PAIRS; r++) line[r] = load(&w->steps[j][2 * r * STEP]);
#pragma GCC unroll 8
        for (int t = 0; t < PAIRS; t++) {
            bfloat16x8_t x = load(a + 2 * t * STEP);
#pragma GCC unroll 4
            for (int r = 0; r < ROW_PAIRS; r++) sum[t][r] = vbfmmlaq_f32(sum[t][r], x, line[r]);
        }
    }
#pragma GCC unroll 8
    for (int t = 0; t < PAIRS; t++)
#pragma GCC unroll 4
        for (int r = 0; r < ROW_PAIRS; r++) {
            float *to = y + 2 * t * ldy + 2 * r;
            if (2 * t < tokens) store_two(to, vget_low_f32(sum[t][r]), width - 2 * r, add);
            if (2 * t + 1 < tokens) store_two(to + ldy, vget_high_f32(sum[t][r]), width - 2 * r, add);
        }
}

static void multiply(const xl_kernels *table, const xl_product *p) {
    panel *w = p->scratch;
    const uint16_t *packed = p->packed;
    const int64_t token = (int64_t)(packed_bytes(p->w.cols) / sizeof *packed);
    for (int64_t first = 0; first < p->w.cols; first += DEPTH) {
        int64_t depth = p->w.cols - first < DEPTH ? p->w.cols - first : DEPTH;
        for (int64_t row = 0; row < p->w.rows; row += ROWS) {
            int64_t width = p->w.rows - row < ROWS ? p->w.rows - row : ROWS;
            pack_weights(table, &p->w, row, first, depth, w);
            for (int64_t t = 0; t < p->n; t += TOKENS) {
                int64_t tokens = p->n - t < TOKENS ? p->n - t : TOKENS;
                multiply_tile(packed + t * token + first * TOKENS, w, (depth + STEP - 1) / STEP,
                              p->y + t * p->ldy + row, p->ldy, tokens, width, p->accumulate || first);
            }
        }
    }
}

#include "kernels/arm/matrix_int8.inc"

void xl_kernels_init_neon_matrix(xl_kernels *table) {
    table->name = "neon_matrix";
    table->gemm[XL_COMPUTE_BF16] =
        (xl_gemm){.fast = true, .tokens = TOKENS, .packed_bytes = packed_bytes, .pack = pack, .multiply = multiply};
    table->gemm[XL_COMPUTE_INT8] = (xl_gemm){.fast = true,
                                             .tokens = I8_TOKENS,
                                             .packed_bytes = i8_packed_bytes,
                                             .pack = i8_pack,
                                             .multiply = i8_multiply};
}
