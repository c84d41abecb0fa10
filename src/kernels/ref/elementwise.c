/* Plain C oracle: conversions, products with one vector, norms and activations. Sums are float64: the fast paths
 * are judged against these. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* Stored weights may lie at any byte, so each element is copied out. */
static float at_f32(const void *w, size_t i) {
    float value;
    memcpy(&value, (const char *)w + i * sizeof value, sizeof value);
    return value;
}
static float at_f16(const void *w, size_t i) {
    uint16_t value;
    memcpy(&value, (const char *)w + i * sizeof value, sizeof value);
    return xl_f16_to_f32(value);
}
static float at_bf16(const void *w, size_t i) {
    uint16_t value;
    memcpy(&value, (const char *)w + i * sizeof value, sizeof value);
    return xl_bf16_to_f32(value);
}

/* Four sums break the chain of additions; eight terms a turn let the compiler use what vectors it has. */
#define DEFINE_WEIGHTS(dtype)                                                                                      \
    static void to_f32_##dtype(const void *src, float *dst, size_t n) {                                            \
        for (size_t i = 0; i < n; i++) dst[i] = at_##dtype(src, i);                                                \
    }                                                                                                              \
    static void matvec_##dtype(const void *w, int64_t ld, int64_t rows, int64_t cols, const float *x, float *y) {  \
        for (int64_t r = 0; r < rows; r++) {                                                                       \
            double sum[4] = {0, 0, 0, 0};                                                                          \
            size_t first = (size_t)(r * ld);                                                                       \
            int64_t j = 0;                                                                                         \
            for (; j + 4 <= cols; j += 4)                                                                          \
                for (int l = 0; l < 4; l++)                                                                        \
                    sum[l] += (double)at_##dtype(w, first + (size_t)j + (size_t)l) * (double)x[j + l];             \
            for (; j < cols; j++) sum[0] += (double)at_##dtype(w, first + (size_t)j) * (double)x[j];               \
            y[r] = (float)((sum[0] + sum[1]) + (sum[2] + sum[3]));                                                 \
        }                                                                                                          \
    }
DEFINE_WEIGHTS(f32)
DEFINE_WEIGHTS(f16)
DEFINE_WEIGHTS(bf16)

static void from_f32_f32(const float *src, void *dst, size_t n) {
    if (n) memcpy(dst, src, n * sizeof *src);
}
static void from_f32_f16(const float *src, void *dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t half = xl_f32_to_f16(src[i]);
        memcpy((char *)dst + i * sizeof half, &half, sizeof half);
    }
}
static void from_f32_bf16(const float *src, void *dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t half = xl_f32_to_bf16(src[i]);
        memcpy((char *)dst + i * sizeof half, &half, sizeof half);
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
        .to_f32 = {[XLSTM_F32] = to_f32_f32, [XLSTM_F16] = to_f32_f16, [XLSTM_BF16] = to_f32_bf16},
        .from_f32 = {[XLSTM_F32] = from_f32_f32, [XLSTM_F16] = from_f32_f16, [XLSTM_BF16] = from_f32_bf16},
        .matvec = {[XLSTM_F32] = matvec_f32, [XLSTM_F16] = matvec_f16, [XLSTM_BF16] = matvec_bf16},
        .rms_norm = rms_norm,
        .head_norm = head_norm,
        .soft_cap = soft_cap,
        .sigmoid_mul = sigmoid_mul,
        .silu_mul = silu_mul,
        .add = add,
        .mlstm_step = xl_ref_mlstm_step,
        .mlstm_chunk = xl_ref_mlstm_chunk,
    };
}
