/* A checkpoint on its device: the device, the weights in its memory and the plan of the forward pass. Opening fills
 * it once; afterwards it never changes and is shared between threads, sessions and batches.
 *
 * Whatever the files hold (separate or fused tensors, any spelling of names, one file or shards, mixed dtypes, a
 * tied head), the forward pass sees one form: a matrix for each projection, and float32 vectors. The rows of q, k,
 * v and o (of gate and up, of i and f) follow one another without a gap where they were copied or are stored so. */
#ifndef XL_MODEL_H
#define XL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/model.h>

#include "backend/backend.h"

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
    const xl_backend *backend;
    xl_device *device;
    xl_plan *plan;

    xl_format_id state_format;             /* of C in states */
    xl_weight embedding;                   /* [V, D] */
    xl_weight lm_head;                     /* [V, D]; the embedding where the two are tied */
    const float *out_norm, *out_norm_bias; /* [D]; NULL where add_out_norm (out_norm_bias) is false */
    xl_block *blocks;                      /* [num_blocks] */

    struct xl_store *store;
};

/* How a checkpoint is opened; see xlstm_model_options. */
typedef struct xl_model_request {
    int64_t weights, head_weights; /* choices of the tunables of these names */
    xl_format_id state_format;     /* of C: f32, bf16 or f16 */
    int64_t huge_pages;            /* XLSTM_HUGE_PAGES_* */
    int threads;                   /* that load */
    const char *device, *cpu_mask;
    bool profile;
    xlstm_cancel_fn cancel;
    void *user;
} xl_model_request;

/* As xlstm_model_open, which gives it the settings' values. */
int xl_model_open(struct xlstm_model **out, const char *dir, const xl_model_request *request, xlstm_error *err);
/* Opens the device (options->name NULL: the first) for model->backend and ->device. */
int xl_model_open_device(struct xlstm_model *model, const xl_device_options *options, xlstm_error *err);
/* Makes model->plan of the bound weights. */
int xl_model_make_plan(struct xlstm_model *model, xlstm_error *err);

#endif
