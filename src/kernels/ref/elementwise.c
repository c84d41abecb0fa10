/* Plain C oracle: products with one vector in any weight format, norms and activations. Sums are float64: the fast
 * paths are judged against these. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* Row by row through a piece of whole blocks. Four sums break the chain of additions. */
static void matvec(const xl_matrix *w, const void *vector, float *y) {
    enum { PIECE = 256 };
    const float *x = vector;
    void (*to_f32)(const void *, float *, size_t) = xl_format_get(w->format)->to_f32;
    for (int64_t r = 0; r < w->rows; r++) {
        const char *row = (const char *)w->data + (size_t)r * w->stride;
        double sum[4] = {0, 0, 0, 0};
        for (int64_t first = 0; first < w->cols; first += PIECE) {
            float piece[PIECE];
            int64_t n = w->cols - first < PIECE ? w->cols - first : PIECE, j = 0;
            to_f32(row + xl_format_offset(w->format, first), piece, (size_t)n);
            for (; j + 4 <= n; j += 4)
                for (int l = 0; l < 4; l++) sum[l] += (double)piece[j + l] * (double)x[first + j + l];
            for (; j < n; j++) sum[0] += (double)piece[j] * (double)x[first + j];
        }
        y[r] = (float)((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
}

static void rms_norm(const float *x, const float *w, const float *b, double eps, int64_t n, float *y) {
    double square = 0;
    for (int64_t i = 0; i < n; i++) square += (double)x[i] * x[i];
    double scale = 1 / sqrt(square / (double)n + eps);
    for (int64_t i = 0; i < n; i++) y[i] = (float)(x[i] * scale * w[i] + (b ? b[i] : 0));
}

static void head_norm(const float *x, const float *w, const float *b, double eps, int64_t heads, int64_t dv,
                      float *y) {
    for (int64_t first = 0; first < heads * dv; first += dv) {
        double mean = 0, square = 0;
        for (int64_t i = first; i < first + dv; i++) mean += x[i];
        mean /= (double)dv;
        for (int64_t i = first; i < first + dv; i++) square += (x[i] - mean) * (x[i] - mean);
        double scale = 1 / sqrt(square / (double)dv + eps);
        for (int64_t i = first; i < first + dv; i++) y[i] = (float)((x[i] - mean) * scale * w[i] + (b ? b[i] : 0));
    }
}

static void soft_cap(float *x, double cap, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = (float)(cap * tanh(x[i] / cap));
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void sigmoid_mul(const float *gate, const float *x, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = (float)(sigmoid(gate[i]) * x[i]);
}

static void silu_mul(const float *gate, const float *up, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = (float)(gate[i] * sigmoid(gate[i]) * up[i]);
}

static void add(const float *x, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

void xl_kernels_init_ref(xl_kernels *table) {
    *table = (xl_kernels){
        .name = "c",
        .rms_norm = rms_norm,
        .head_norm = head_norm,
        .soft_cap = soft_cap,
        .sigmoid_mul = sigmoid_mul,
        .silu_mul = silu_mul,
        .add = add,
        .prepare_int8 = xl_ref_prepare_int8,
        .mlstm_step = xl_ref_mlstm_step,
        .mlstm_chunk = xl_ref_mlstm_chunk,
    };
    memcpy(table->gemm, xl_ref_gemm, sizeof table->gemm);
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        table->to_f32[f] = xl_format_get(f)->to_f32;
        table->from_f32[f] = xl_format_get(f)->from_f32;
        table->from_f32_weighted[f] = xl_format_get(f)->from_f32_weighted;
        table->matvec[f] = matvec;
        if (xl_format_get(f)->block > 1) table->multiply_int8[f] = xl_ref_multiply_int8;
    }
}
