/* A bound checkpoint: what the forward pass of any backend reads. Loading (load.c) fills it once; afterwards it
 * never changes and is shared between threads and sessions.
 *
 * Whatever the files hold (single or fused tensors, any spelling of names, one file or shards, mixed dtypes,
 * tied head), the forward pass sees one form: a matrix a projection, float32 vectors. */
#ifndef XL_MODEL_H
#define XL_MODEL_H

#include <stdint.h>

#include <xlstm/model.h>

#include "kernels/kernels.h"

/* A weight matrix, row-major: element (r, c) is at data + (r * ld + c) * xlstm_dtype_size(dtype). dtype is F32,
 * F16 or BF16 and may differ between matrices of a model. data is aligned to its element size at least (stored
 * tensors that are not are copied at load), to 64 bytes where it was copied or converted. The rows of q, k, v, o
 * (gate, up; i, f) follow one another without a gap where xl_weight_follows says so: one product may then cover
 * them. */
typedef struct xl_weight {
    const void *data;
    xlstm_dtype dtype;
    int64_t rows, cols, ld;
} xl_weight;

/* Vectors are float32 whatever the file holds. Biases are NULL where the checkpoint has none (use_bias false). */
typedef struct xl_block {
    const float *norm_mlstm, *norm_mlstm_bias; /* [D] RMSNorm before the cell */
    xl_weight q, k, v, o;                      /* [qk_dim, D], [qk_dim, D], [v_dim, D], [v_dim, D] */
    const float *q_bias, *k_bias, *v_bias, *o_bias;
    xl_weight igate, fgate;                       /* [NH, D] each */
    const float *igate_bias, *fgate_bias;         /* [NH], never NULL */
    const float *head_norm, *head_norm_bias;      /* [v_dim] norm of each head's output */
    xl_weight out_proj;                           /* [D, v_dim] */
    const float *out_proj_bias;                   /* [D] */
    const float *norm_ffn, *norm_ffn_bias;        /* [D] */
    xl_weight gate, up, down;                     /* [F, D], [F, D], [D, F] */
    const float *gate_bias, *up_bias, *down_bias; /* [F], [F], [D] */
} xl_block;

struct xl_store; /* mapped files and memory behind the views: store.h */

struct xlstm_model {
    xlstm_hparams hparams;
    xlstm_model_info info;
    unsigned cpu_flags; /* XL_CPU_* left after the mask */
    xl_kernels kernels; /* the table for cpu_flags */

    xl_weight embedding;                   /* [V, D] */
    xl_weight lm_head;                     /* [V, D]; the embedding where the two are tied */
    const float *out_norm, *out_norm_bias; /* [D]; NULL where add_out_norm is false (bias: or use_bias false) */
    xl_block *blocks;                      /* [num_blocks] */

    struct xl_store *store;
};

/* True where b's rows lie directly behind a's in memory, in the same dtype and stride. */
static inline bool xl_weight_follows(const xl_weight *a, const xl_weight *b) {
    return a->dtype == b->dtype && a->cols == b->cols && a->ld == b->ld &&
           (const char *)a->data + (size_t)a->rows * (size_t)a->ld * xlstm_dtype_size(a->dtype) ==
               (const char *)b->data;
}

#endif
