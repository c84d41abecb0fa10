/* Plain C dense product: a row of weights at a time against every token. Sixteen sums break the chain of additions
 * and let the compiler use what vectors it has. */
#include <string.h>

#include "kernels/ref/ref.h"

enum { LANES = 16 };

void xl_ref_gemm_pack(const float *x, int64_t ldx, int64_t n, int64_t cols, float *packed) {
    if (n) memcpy(packed, x, (size_t)cols * sizeof *x);
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

void xl_ref_gemm(const xl_kernels *table, const xl_product *p) {
    const size_t token = xl_gemm_packed_floats(p->w.cols);
    for (int64_t r = 0; r < p->w.rows; r++) {
        const char *row = (const char *)p->w.data + (size_t)r * p->w.stride;
        for (int64_t first = 0; first < p->w.cols; first += XL_GEMM_DEPTH) {
            int64_t depth = p->w.cols - first < XL_GEMM_DEPTH ? p->w.cols - first : XL_GEMM_DEPTH;
            table->to_f32[p->w.format](row + xl_format_offset(p->w.format, first), p->scratch, (size_t)depth);
            for (int64_t t = 0; t < p->n; t++) {
                float *y = p->y + t * p->ldy + r,
                      value = dot(p->packed + (size_t)t * token + first, p->scratch, depth);
                *y = p->accumulate || first ? *y + value : value;
            }
        }
    }
}
