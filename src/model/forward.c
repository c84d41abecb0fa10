#include "model/forward.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

static xl_projection projection(const xl_weight *w, const float *bias, xl_slot to) {
    return (xl_projection){.w = w, .bias = bias, .to = to};
}

static xl_projection added(const xl_weight *w, const float *bias, xl_slot to) {
    xl_projection p = projection(w, bias, to);
    p.add = true;
    return p;
}

static xl_projection capped(const xl_weight *w, const float *bias, xl_slot to, double cap) {
    xl_projection p = projection(w, bias, to);
    p.cap = cap;
    return p;
}

/* x += out_proj(sigmoid(o) * MHNorm(cell)), x += down(silu(gate) * up), each branch on a normed x. */
static size_t add_block(xl_op *ops, const xlstm_hparams *hp, const xl_block *b, int64_t index) {
    size_t n = 0;
    ops[n++] = (xl_op){.kind = XL_OP_PROJECT,
                       .from = XL_SLOT_X,
                       .norm = b->norm_mlstm,
                       .norm_bias = b->norm_mlstm_bias,
                       .norm_eps = hp->norm_eps,
                       .outs = 6,
                       .out = {projection(&b->q, b->q_bias, XL_SLOT_Q), projection(&b->k, b->k_bias, XL_SLOT_K),
                               projection(&b->v, b->v_bias, XL_SLOT_V), projection(&b->o, b->o_bias, XL_SLOT_O),
                               capped(&b->igate, b->igate_bias, XL_SLOT_I, hp->gate_soft_cap),
                               capped(&b->fgate, b->fgate_bias, XL_SLOT_F, hp->gate_soft_cap)}};
    ops[n++] = (xl_op){.kind = XL_OP_CELL,
                       .norm = b->head_norm,
                       .norm_bias = b->head_norm_bias,
                       .norm_eps = hp->norm_eps,
                       .block = index};
    ops[n++] = (xl_op){.kind = XL_OP_PROJECT,
                       .from = XL_SLOT_H,
                       .outs = 1,
                       .out = {added(&b->out_proj, b->out_proj_bias, XL_SLOT_X)}};
    ops[n++] =
        (xl_op){.kind = XL_OP_GATED,
                .from = XL_SLOT_X,
                .norm = b->norm_ffn,
                .norm_bias = b->norm_ffn_bias,
                .norm_eps = hp->norm_eps,
                .outs = 2,
                .out = {projection(&b->gate, b->gate_bias, XL_SLOT_U), projection(&b->up, b->up_bias, XL_SLOT_U)}};
    ops[n++] = (xl_op){
        .kind = XL_OP_PROJECT, .from = XL_SLOT_U, .outs = 1, .out = {added(&b->down, b->down_bias, XL_SLOT_X)}};
    return n;
}

int xl_forward_build(xl_program *program, const xlstm_model *model, xlstm_error *err) {
    enum { OPS_PER_BLOCK = 5, OTHER_OPS = 2 };
    const xlstm_hparams *hp = &model->hparams;
    xl_op *ops = xl_array((size_t)hp->num_blocks * OPS_PER_BLOCK + OTHER_OPS, sizeof *ops);
    if (!ops)
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the program of %lld blocks",
                       (long long)hp->num_blocks);
    size_t n = 0;
    ops[n++] = (xl_op){.kind = XL_OP_EMBED, .outs = 1, .out = {projection(&model->embedding, NULL, XL_SLOT_X)}};
    for (int64_t i = 0; i < hp->num_blocks; i++) n += add_block(ops + n, hp, &model->blocks[i], i);
    ops[n++] = (xl_op){.kind = XL_OP_LOGITS,
                       .from = XL_SLOT_X,
                       .norm = model->out_norm,
                       .norm_bias = model->out_norm_bias,
                       .norm_eps = hp->norm_eps,
                       .outs = 1,
                       .out = {capped(&model->lm_head, NULL, XL_SLOT_X, hp->output_logit_soft_cap)}};
    *program = (xl_program){
        .ops = ops,
        .count = n,
        .width = {[XL_SLOT_X] = hp->embedding_dim,
                  [XL_SLOT_Q] = hp->qk_dim,
                  [XL_SLOT_K] = hp->qk_dim,
                  [XL_SLOT_V] = hp->v_dim,
                  [XL_SLOT_O] = hp->v_dim,
                  [XL_SLOT_I] = hp->num_heads,
                  [XL_SLOT_F] = hp->num_heads,
                  [XL_SLOT_H] = hp->v_dim,
                  [XL_SLOT_U] = hp->ffn_dim},
        .blocks = hp->num_blocks,
        .heads = hp->num_heads,
        .qk_head = hp->qk_head,
        .v_head = hp->v_head,
        .vocab = hp->vocab_size,
        .eps = hp->eps,
        .state_format = model->state_format,
    };
    return XLSTM_OK;
}
