/* The model's arithmetic on raw pointers: one table of functions per instruction set, filled with the plain C
 * oracle first and overwritten upward by what the CPU has. Nothing here allocates, locks or knows of threads.
 *
 * Conventions: float32 activations, row-major, no alignment assumed; `out` may be poisoned and is fully written;
 * arguments do not overlap unless it is said. Formulas: Beck et al., "xLSTM 7B" (2025) and "Tiled Flash Linear
 * Attention" (2025). */
#ifndef XL_KERNELS_H
#define XL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/tensor_file.h>

/* Weight formats of the table: XLSTM_F32, XLSTM_F16, XLSTM_BF16 index it. */
#define XL_WEIGHT_DTYPES 3

/* One chunk of one head in the chunkwise form. Strides are in floats between tokens. */
typedef struct xl_mlstm_chunk {
    int64_t length;  /* L tokens, 1 … any */
    int64_t dqk, dv; /* head sizes */
    const float *q;  /* [L, dqk], not yet scaled by dqk^-1/2 */
    const float *k;  /* [L, dqk] */
    const float *v;  /* [L, dv] */
    int64_t q_stride, k_stride, v_stride;
    const float *igate; /* [L], capped pre-activations */
    const float *fgate; /* [L] */
    int64_t i_stride, f_stride;
    float *c;  /* [dqk, dv] state, read and updated */
    float *n;  /* [dqk] */
    float *m;  /* [1] */
    float eps; /* the cell's */
    float *h;  /* [L, dv] out */
    int64_t h_stride;
    float *scratch; /* xl_mlstm_chunk_scratch(L, dqk, dv) floats, 64-byte aligned */
} xl_mlstm_chunk;

/* Floats of scratch that mlstm_chunk needs; grows with each argument. */
size_t xl_mlstm_chunk_scratch(int64_t length, int64_t dqk, int64_t dv);

typedef struct xl_kernels {
    const char *name; /* "c", "avx2", "avx512", "neon" */

    /* dst[i] = (float)src[i]; exact. */
    void (*to_f32[XL_WEIGHT_DTYPES])(const void *src, float *dst, size_t n);
    /* Round to nearest even; NaN stays NaN, F16 overflows to infinity. */
    void (*from_f32[XL_WEIGHT_DTYPES])(const float *src, void *dst, size_t n);

    /* y[r] = sum_j w[r, j] x[j], r < rows; w row-major [rows, cols], ld elements between rows. */
    void (*matvec[XL_WEIGHT_DTYPES])(const void *w, int64_t ld, int64_t rows, int64_t cols, const float *x,
                                     float *y);

    /* y = x / sqrt(mean(x^2) + eps) * w + b over n values; b may be NULL; y may be x. */
    void (*rms_norm)(const float *x, const float *w, const float *b, double eps, int64_t n, float *y);
    /* For each of `heads` groups of dv values: less their mean, over sqrt(biased variance + eps), * w + b.
     * w, b: [heads * dv]; b may be NULL; y may be x. */
    void (*head_norm)(const float *x, const float *w, const float *b, double eps, int64_t heads, int64_t dv,
                      float *y);
    /* x = cap * tanh(x / cap), in place. */
    void (*soft_cap)(float *x, double cap, int64_t n);
    /* y = sigmoid(gate) * x; y may be x. */
    void (*sigmoid_mul)(const float *gate, const float *x, float *y, int64_t n);
    /* y = gate * sigmoid(gate) * up; y may be gate or up. */
    void (*silu_mul)(const float *gate, const float *up, float *y, int64_t n);
    /* y += x. */
    void (*add)(const float *x, float *y, int64_t n);

    /* One token of one head (numerics.md, "Cell"): c [dqk, dv], n [dqk], m [1] updated in one pass over c;
     * q unscaled; igate and fgate capped; h [dv] out. */
    void (*mlstm_step)(float *c, float *n, float *m, const float *q, const float *k, const float *v, float igate,
                       float fgate, int64_t dqk, int64_t dv, float eps, float *h);
    /* The same function for a chunk of tokens; b is summed in float64. */
    void (*mlstm_chunk)(const xl_mlstm_chunk *chunk);
} xl_kernels;

/* Fills `table` for the given XL_CPU_* flags. */
void xl_kernels_init(xl_kernels *table, unsigned cpu_flags);

/* Overwrite what each can do better; called by xl_kernels_init in this order. */
void xl_kernels_init_ref(xl_kernels *table);
void xl_kernels_init_avx2(xl_kernels *table);
void xl_kernels_init_avx512(xl_kernels *table);
void xl_kernels_init_neon(xl_kernels *table);

/* Dense product on one thread, through CBLAS: y [n, rows] (stride ldy) = x [n, cols] (stride ldx) times the
 * transpose of w [rows, cols] (stride ldw) of dtype `dtype`, plus y where `accumulate`. Weights that are not
 * float32 pass through `scratch` (xl_gemm_scratch(cols) floats, 64-byte aligned) a panel at a time. */
size_t xl_gemm_scratch(int64_t cols);
void xl_gemm(const xl_kernels *table, xlstm_dtype dtype, const void *w, int64_t ldw, int64_t rows, int64_t cols,
             const float *x, int64_t ldx, int64_t n, float *y, int64_t ldy, int accumulate, float *scratch);

/* Makes the BLAS library single-threaded whatever its environment says; our own threads call it side by side. */
void xl_blas_single_thread(void);

#endif
