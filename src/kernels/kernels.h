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

/* One token of one head in the recurrent form, or of some of its columns: each column of C and h is computed from
 * v's value for it alone, and from q, k, n and the gates. */
typedef struct xl_mlstm_step {
    int64_t dqk, dv;       /* head sizes; dv: the columns at hand */
    const float *q;        /* [dqk], not yet scaled by dqk^-1/2 */
    const float *k;        /* [dqk] */
    const float *v;        /* [dv] */
    float igate, fgate;    /* capped pre-activations */
    void *c;               /* [dqk, dv] state, read and updated */
    xl_format_id c_format; /* f32, bf16 or f16: C is rounded to that when it is stored, behind h */
    int64_t c_stride;      /* values between rows of C */
    float *n;              /* [dqk], read and updated */
    float *m;              /* [1] */
    float eps;             /* the cell's */
    float *h;              /* [dv] out */
} xl_mlstm_step;

/* One chunk of one head in the chunkwise form, or of some of its columns. Strides are in floats between tokens. */
typedef struct xl_mlstm_chunk {
    int64_t length;  /* L tokens, 1 … any */
    int64_t dqk, dv; /* head sizes; dv: the columns at hand */
    const float *q;  /* [L, dqk], not yet scaled by dqk^-1/2 */
    const float *k;  /* [L, dqk] */
    const float *v;  /* [L, dv] */
    int64_t q_stride, k_stride, v_stride;
    const float *igate; /* [L], capped pre-activations */
    const float *fgate; /* [L] */
    int64_t i_stride, f_stride;
    float *c;         /* [dqk, dv] state, read and updated */
    int64_t c_stride; /* floats between rows of C */
    float *n;         /* [dqk], read and updated */
    float *m;         /* [1] */
    float eps;        /* the cell's */
    float *h;         /* [L, dv] out */
    int64_t h_stride;
    float *scratch; /* xl_mlstm_chunk_scratch(L, dqk, dv) floats, 64-byte aligned */
} xl_mlstm_chunk;

/* Floats of scratch that mlstm_chunk needs; grows with each argument. */
size_t xl_mlstm_chunk_scratch(int64_t length, int64_t dqk, int64_t dv);

/* What a dense product is made in; its sums are float32 in each. */
typedef enum xl_compute {
    XL_COMPUTE_F32,
    XL_COMPUTE_BF16, /* activations and weights rounded to bfloat16 */
    /* Activations, and weights that no format holds so, rounded to 8-bit integers with a float32 scale for each
     * block of XL_INT8_BLOCK columns: scale = largest magnitude / 127. A block's products are summed in int32. */
    XL_COMPUTE_INT8,
    XL_COMPUTE_COUNT
} xl_compute;

#define XL_INT8_BLOCK 32

/* A block of activations: value = scale * q. A block with a value that is not finite has the scale NaN and zeros.
 */
typedef struct xl_int8_block {
    float scale;
    int16_t sum[2]; /* of q, the first and the second half */
    int8_t q[XL_INT8_BLOCK];
} xl_int8_block;

/* Blocks of a vector of `cols` values: it is filled up with zeros to whole blocks of every weight format. */
int64_t xl_int8_blocks(int64_t cols);

/* Bytes of scratch that a product needs, 64-byte aligned. */
#define XL_GEMM_SCRATCH ((size_t)320 << 10)

typedef struct xl_product {
    xl_matrix w;
    const void *packed; /* the first of n tokens, which begins a panel */
    int64_t n;
    float *y;
    int64_t ldy; /* floats between rows of y */
    bool accumulate;
    void *scratch; /* XL_GEMM_SCRATCH bytes */
} xl_product;

struct xl_kernels;

/* Dense products on one thread: y [n, w.rows] = x [n, w.cols] times the transpose of w, plus y where asked for. x
 * is packed first, once for all the products in which it takes part: a panel of at most `tokens` tokens at a time,
 * each panel into tokens * packed_bytes(cols) bytes behind one another, at a 64-byte boundary. */
typedef struct xl_gemm {
    bool fast; /* made with instructions of its own, and so faster than float32 */
    int64_t tokens;
    size_t (*packed_bytes)(int64_t cols);
    void (*pack)(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed);
    /* The columns of a panel from a multiple of this on, as many as another multiple or all that are left, can be
     * packed by themselves: x then begins at that column, `first`, and `packed` at tokens * packed_bytes(first). 0:
     * they cannot. */
    int64_t columns;
    void (*multiply)(const struct xl_kernels *table, const xl_product *p);
    /* Does the same, with sums in another order, and is faster for at most `few` tokens; 0: there is none. The bits
     * of a token are the same beside any others. */
    int64_t few;
    void (*multiply_few)(const struct xl_kernels *table, const xl_product *p);
    /* Where weights are held in this arithmetic, multiply_few is also as fast as matvec and matvecs are for as few
     * tokens as these are for, one included, and needs no scratch; with a matrix of at least so many bytes. */
    bool few_is_fast;
    int64_t few_fast_bytes;
} xl_gemm;

typedef struct xl_kernels {
    const char *name; /* of the mask (base/cpu.h) with the fewest instruction sets that gives this table */

    /* By weight format; as the functions of the same names in weights/formats.h. */
    void (*to_f32[XL_FORMAT_COUNT])(const void *src, float *dst, size_t n);
    void (*from_f32[XL_FORMAT_COUNT])(const float *src, void *dst, size_t n);
    void (*from_f32_weighted[XL_FORMAT_COUNT])(const float *src, const float *importance, void *dst, size_t n);

    /* Puts a vector into the form that `matvec` of a format wants, once for all products in which it takes part:
     * out has xl_prepared_bytes(cols) bytes at a 64-byte boundary. NULL: matvec takes the vector as it is. */
    void (*prepare[XL_FORMAT_COUNT])(const float *x, int64_t cols, void *out);
    /* y[r] = sum_j w[r, j] x[j], r < w->rows, for w of that format; x [cols] as `prepare` made it. */
    void (*matvec[XL_FORMAT_COUNT])(const xl_matrix *w, const void *x, float *y);
    /* Does the same for n vectors x[i] and results y[i], which have the bits that matvec gives, and reads the
     * weights once for several of them. NULL: matvec for each is as good. */
    void (*matvecs[XL_FORMAT_COUNT])(const xl_matrix *w, const void *const *x, int64_t n, float *const *y);
    /* For so many vectors or fewer matvecs of weights that are not in blocks is faster than gemm in float32. */
    int64_t matvecs_most;

    /* Products of few vectors in 8-bit integers, for decode. x becomes xl_int8_blocks(cols) blocks, once for all
     * products in which it takes part. multiply_int8 is as xl_gemm's `multiply`, for p->w of that format, with the
     * blocks of n vectors behind one another in p->packed, and without scratch. It takes the integers of the
     * weights as their blocks hold them and rounds none; NULL for a format that holds no integers. */
    void (*prepare_int8)(const float *x, int64_t cols, xl_int8_block *out);
    void (*multiply_int8[XL_FORMAT_COUNT])(const xl_product *p);

    xl_gemm gemm[XL_COMPUTE_COUNT];

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
void xl_kernels_init_avx2_vnni(xl_kernels *table);
void xl_kernels_init_avx512(xl_kernels *table);
void xl_kernels_init_avx512_vnni(xl_kernels *table);
void xl_kernels_init_avx512_bf16(xl_kernels *table);
void xl_kernels_init_amx(xl_kernels *table);
void xl_kernels_init_neon(xl_kernels *table);
void xl_kernels_init_neon_dot(xl_kernels *table);
void xl_kernels_init_neon_matrix(xl_kernels *table);
void xl_kernels_init_blas(xl_kernels *table); /* where it is built in */

/* Bytes that `prepare` may fill for a vector of `cols` values, whatever the format. */
size_t xl_prepared_bytes(int64_t cols);

#endif
