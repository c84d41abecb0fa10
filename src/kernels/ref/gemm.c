/* Plain C dense products: a row of weights at a time against every token. Sixteen sums break the chain of additions
 * and let the compiler use what vectors it has. The oracle of each arithmetic: it rounds what that arithmetic
 * rounds, and nothing else. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "kernels/ref/ref.h"

enum { LANES = 16, DEPTH = 256 /* columns of weights that are converted at a time; a multiple of every block */ };

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static float dot(const float *a, const float *b, int64_t n) {
    float sum[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int l = 0; l < LANES; l++) sum[l] += a[j + l] * b[j + l];
    for (int l = 0; j < n; j++, l++) sum[l] += a[j] * b[j];
    for (int step = LANES / 2; step; step /= 2)
        for (int l = 0; l < step; l++) sum[l] += sum[l + step];
    return sum[0];
}

static float dot_int8(const xl_int8_block *a, const xl_int8_block *b, int64_t blocks) {
    float sum = 0;
    for (int64_t i = 0; i < blocks; i++) {
        int32_t whole = 0;
        for (int j = 0; j < XL_INT8_BLOCK; j++) whole += a[i].q[j] * b[i].q[j];
        sum += (float)whole * b[i].scale * a[i].scale;
    }
    return sum;
}

void xl_int8_quantize(const float *x, int64_t n, xl_int8_block *to) {
    for (int64_t j = 0; j < n; j += XL_INT8_BLOCK, to++) {
        int64_t count = min64(n - j, XL_INT8_BLOCK);
        /* Bits compare as magnitudes do, and NaN as the largest of them. */
        uint32_t most = 0;
        for (int64_t i = 0; i < count; i++) {
            uint32_t bits = xl_bits_of_float(x[j + i]) & 0x7fffffff;
            if (bits > most) most = bits;
        }
        float largest = xl_float_from_bits(most);
        to->scale = largest / 127;
        float inverse = to->scale > 0 && to->scale < INFINITY ? 1 / to->scale : 0;
        if (!(inverse < INFINITY)) inverse = 0, to->scale = 0; /* below 127 / FLT_MAX all are taken for 0 */
        to->sum[0] = to->sum[1] = 0;
        for (int64_t i = 0; i < XL_INT8_BLOCK; i++) {
            float q = i < count && inverse > 0 ? rintf(x[j + i] * inverse) : 0;
            to->q[i] = (int8_t)q;
            to->sum[2 * i / XL_INT8_BLOCK] = (int16_t)(to->sum[2 * i / XL_INT8_BLOCK] + to->q[i]);
        }
        /* What is not finite makes the whole product so. */
        if (!(largest < INFINITY)) to->scale = NAN;
    }
}

void xl_int8_weights(const xl_kernels *table, const xl_matrix *w, int64_t row, int64_t first, int64_t depth,
                     float *values, xl_int8_block *to) {
    const char *at = (const char *)w->data + (size_t)row * w->stride + xl_format_offset(w->format, first);
    const xl_format_row *format = xl_format_get((int)w->format);
    if (format->to_int8) {
        for (int64_t j = 0; j < depth; j += XL_INT8_BLOCK, to++)
            format->to_int8(at + xl_format_offset(w->format, j), to->q, &to->scale);
        return;
    }
    table->to_f32[w->format](at, values, (size_t)depth);
    xl_int8_quantize(values, depth, to);
}

static float round_bf16(float x) {
    return xl_bf16_to_f32(xl_f32_to_bf16(x));
}

static void multiply(const xl_kernels *table, const xl_product *p, xl_compute compute) {
    const size_t token = table->gemm[compute].packed_bytes(p->w.cols);
    float *values = p->scratch;
    xl_int8_block *blocks = (xl_int8_block *)(void *)(values + DEPTH);
    for (int64_t r = 0; r < p->w.rows; r++) {
        const char *row = (const char *)p->w.data + (size_t)r * p->w.stride;
        for (int64_t first = 0; first < p->w.cols; first += DEPTH) {
            int64_t depth = min64(p->w.cols - first, DEPTH);
            if (compute == XL_COMPUTE_INT8) xl_int8_weights(table, &p->w, r, first, depth, values, blocks);
            else table->to_f32[p->w.format](row + xl_format_offset(p->w.format, first), values, (size_t)depth);
            for (int64_t j = 0; compute == XL_COMPUTE_BF16 && j < depth; j++) values[j] = round_bf16(values[j]);
            for (int64_t t = 0; t < p->n; t++) {
                const char *x = (const char *)p->packed + (size_t)t * token;
                float *y = p->y + t * p->ldy + r, value;
                if (compute == XL_COMPUTE_INT8) {
                    value = dot_int8((const xl_int8_block *)(const void *)x + first / XL_INT8_BLOCK, blocks,
                                     (depth + XL_INT8_BLOCK - 1) / XL_INT8_BLOCK);
                } else {
                    value = dot((const float *)(const void *)x + first, values, depth);
                }
                *y = p->accumulate || first ? *y + value : value;
            }
        }
    }
}

static size_t bytes_f32(int64_t cols) {
    return (size_t)(cols + LANES - 1) / LANES * LANES * sizeof(float);
}

static void pack_f32(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    if (n) memcpy(packed, x, (size_t)cols * sizeof *x);
}

static void multiply_f32(const xl_kernels *table, const xl_product *p) {
    multiply(table, p, XL_COMPUTE_F32);
}

static void pack_bf16(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    float *to = packed;
    for (int64_t j = 0; n && j < cols; j++) to[j] = round_bf16(x[j]);
}

static void multiply_bf16(const xl_kernels *table, const xl_product *p) {
    multiply(table, p, XL_COMPUTE_BF16);
}

static size_t bytes_int8(int64_t cols) {
    enum { LINE = 64 };
    return ((size_t)(cols + XL_INT8_BLOCK - 1) / XL_INT8_BLOCK * sizeof(xl_int8_block) + LINE - 1) / LINE * LINE;
}

static void pack_int8(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    if (n) xl_int8_quantize(x, cols, packed);
}

static void multiply_int8(const xl_kernels *table, const xl_product *p) {
    multiply(table, p, XL_COMPUTE_INT8);
}

void xl_ref_prepare_int8(const float *x, int64_t cols, xl_int8_block *out) {
    xl_int8_quantize(x, cols, out);
    for (int64_t i = (cols + XL_INT8_BLOCK - 1) / XL_INT8_BLOCK; i < xl_int8_blocks(cols); i++)
        out[i] = (xl_int8_block){0};
}

/* The exact values of both sides, with sums in float64. */
void xl_ref_multiply_int8(const xl_product *p) {
    const xl_int8_block *packed = p->packed;
    for (int64_t r = 0; r < p->w.rows; r++)
        for (int64_t t = 0; t < p->n; t++) {
            const xl_int8_block *x = packed + t * xl_int8_blocks(p->w.cols);
            const char *row = (const char *)p->w.data + (size_t)r * p->w.stride;
            double sum = 0;
            for (int64_t first = 0; first < p->w.cols; first += DEPTH) {
                float values[DEPTH];
                const int64_t depth = min64(p->w.cols - first, DEPTH);
                xl_format_get((int)p->w.format)
                    ->to_f32(row + xl_format_offset(p->w.format, first), values, (size_t)depth);
                for (int64_t j = 0; j < depth; j++) {
                    const xl_int8_block *block = &x[(first + j) / XL_INT8_BLOCK];
                    sum += (double)values[j] * block->scale * block->q[j % XL_INT8_BLOCK];
                }
            }
            float *y = p->y + t * p->ldy + r;
            *y = p->accumulate ? *y + (float)sum : (float)sum;
        }
}

const xl_gemm xl_ref_gemm[XL_COMPUTE_COUNT] = {
    [XL_COMPUTE_F32] =
        {.tokens = 1, .packed_bytes = bytes_f32, .pack = pack_f32, .columns = LANES, .multiply = multiply_f32},
    [XL_COMPUTE_BF16] =
        {.tokens = 1, .packed_bytes = bytes_f32, .pack = pack_bf16, .columns = LANES, .multiply = multiply_bf16},
    [XL_COMPUTE_INT8] = {.tokens = 1, .packed_bytes = bytes_int8, .pack = pack_int8, .multiply = multiply_int8},
};
