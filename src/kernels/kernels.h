/* The model's arithmetic on raw pointers: one table of functions per instruction set, filled with the plain C
 * oracle first and overwritten upward by what the CPU has. Nothing here allocates, locks or knows of threads.
 *
 * Conventions: float32 activations, row-major, no alignment assumed; `out` may be poisoned and is fully written;
 * arguments do not overlap unless it is said. Formulas: Beck et al., "xLSTM 7B" (2025) and "Tiled Flash Linear
 * Attention" (2025). */
#ifndef XL_KERNELS_H
#define XL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weights/formats.h"

/* One token of one head in the recurrent form. */
typedef struct xl_mlstm_step {
    int64_t dqk, dv;    /* head sizes */
    const float *q;     /* [dqk], not yet scaled by dqk^-1/2 */
    const float *k;     /* [dqk] */
    const float *v;     /* [dv] */
    float igate, fgate; /* capped pre-activations */
    float *c;           /* [dqk, dv] state, read and updated */
    float *n;           /* [dqk] */
    float *m;           /* [1] */
    float eps;          /* the cell's */
    float *h;           /* [dv] out */
} xl_mlstm_step;

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

/* Number of columns in one piece of a packed panel; a multiple of every format's block. */
#define XL_GEMM_DEPTH 256
/* Floats of scratch that a product needs, 64-byte aligned. */
#define XL_GEMM_SCRATCH (2 * 64 * XL_GEMM_DEPTH)

/* Floats of a packed token. */
static inline size_t xl_gemm_packed_floats(int64_t cols) {
    return (size_t)((cols + XL_GEMM_DEPTH - 1) / XL_GEMM_DEPTH) * XL_GEMM_DEPTH;
}

typedef struct xl_product {
    xl_matrix w;
    const float *packed; /* the first of n tokens, which begins a panel */
    int64_t n;
    float *y;
    int64_t ldy; /* floats between rows of y */
    bool accumulate;
    float *scratch; /* XL_GEMM_SCRATCH floats */
} xl_product;

typedef struct xl_kernels {
    const char *name; /* "c", "avx2", "avx512", "neon" */

    /* By weight format; as the functions of the same names in weights/formats.h. */
    void (*to_f32[XL_FORMAT_COUNT])(const void *src, float *dst, size_t n);
    void (*from_f32[XL_FORMAT_COUNT])(const float *src, void *dst, size_t n);

    /* Puts a vector into the form that `matvec` of a format wants, once for all products in which it takes part:
     * out has xl_prepared_bytes(cols) bytes at a 64-byte boundary. NULL: matvec takes the vector as it is. */
    void (*prepare[XL_FORMAT_COUNT])(const float *x, int64_t cols, void *out);
    /* y[r] = sum_j w[r, j] x[j], r < w->rows, for w of that format; x [cols] as `prepare` made it. */
    void (*matvec[XL_FORMAT_COUNT])(const xl_matrix *w, const void *x, float *y);

    /* Dense products (xl_product) on one thread: y [n, w.rows] = x [n, w.cols] times the transpose of w, plus y
     * where asked for. x is packed first, a panel of at most gemm_tokens tokens at a time, each into
     * xl_gemm_packed_floats(cols) * gemm_tokens floats behind one another. */
    int64_t gemm_tokens;
    void (*gemm_pack)(const float *x, int64_t ldx, int64_t n, int64_t cols, float *packed);
    void (*gemm)(const struct xl_kernels *table, const xl_product *p);

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

    /* The cell for one token, in one pass over c. */
    void (*mlstm_step)(const xl_mlstm_step *step);
    /* The same function for a chunk of tokens; the sums of log forget gates, b, are taken in float64. */
    void (*mlstm_chunk)(const xl_mlstm_chunk *chunk);
} xl_kernels;

/* Fills `table` for the given XL_CPU_* flags. */
void xl_kernels_init(xl_kernels *table, unsigned cpu_flags);

/* Each overwrites the functions that it does better; called by xl_kernels_init in this order. */
void xl_kernels_init_ref(xl_kernels *table);
void xl_kernels_init_avx2(xl_kernels *table);
void xl_kernels_init_avx512(xl_kernels *table);
void xl_kernels_init_neon(xl_kernels *table);
void xl_kernels_init_blas(xl_kernels *table); /* where it is built in */

/* Bytes that `prepare` may fill for a vector of `cols` values, whatever the format. */
size_t xl_prepared_bytes(int64_t cols);

#endif
