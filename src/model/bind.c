/* Names -> views: which rows of which stored tensor are which weight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/store.h"

typedef struct binder {
    struct xlstm_model *model;
    xl_parts *parts;
    const xl_model_request *request;
    int64_t block; /* -1: outside the blocks */
    xlstm_error *err;
    int status;
} binder;

/* The stored tensor `part` + `suffix`, of the current block where there is one. It is known to be there. */
static const xl_stored *stored(binder *b, const char *part, const char *suffix) {
    char whole[XL_NAME_MAX], name[XL_NAME_MAX];
    snprintf(whole, sizeof whole, "%s%s", part, suffix);
    if (b->block >= 0) {
        xl_block_tensor_name(b->block, whole, name);
    } else {
        snprintf(name, sizeof name, "%s", whole);
    }
    const xl_stored *s = xl_checkpoint_find(&b->model->store->checkpoint, name);
    if (!s && !b->status)
        b->status = xl_fail(b->err, XLSTM_EINTERNAL, "%s: '%s' is missing although it was found before",
                            b->model->store->checkpoint.dir, name);
    return s;
}

/* `count` float32 values from element `first` of a stored vector; NULL after a failure. */
static const float *vector(binder *b, const char *part, const char *suffix, int64_t first, int64_t count) {
    const xl_stored *s = stored(b, part, suffix);
    if (b->status) return NULL;
    xl_store *store = b->model->store;
    float *out = store->vectors + store->vector_count;
    b->status = xlstm_tensor_to_f32(s->tensor, (size_t)first, (size_t)count, out, b->err);
    /* The next vector begins at a cache line too. */
    store->vector_count += ((size_t)count + 15) / 16 * 16;
    return out;
}

static const float *bias(binder *b, const char *part, int64_t first, int64_t count) {
    return b->model->hparams.use_bias ? vector(b, part, ".bias", first, count) : NULL;
}

/* The format in which the stored matrix `s` is to be held. The choices of the tunables `weights` and `head_weights`
 * are 0 for as it is stored, or as the others, and then the formats in their order. */
static xl_format_id wanted_format(const binder *b, const xl_stored *s, int64_t cols) {
    int64_t choice = b->request->weights;
    if (xl_is_head(s->name) && b->request->head_weights) choice = b->request->head_weights;
    if (choice == XLSTM_WEIGHTS_STORED) return (xl_format_id)s->format;
    return xl_held_format((xl_format_id)(choice - 1), xl_is_gate(s->name), cols);
}

/* Rows [row, row + rows) of a stored matrix. */
static void matrix(binder *b, xl_weight *weight, const char *part, int64_t row, int64_t rows, int64_t cols,
                   bool follows) {
    const xl_stored *s = stored(b, part, ".weight");
    if (b->status) return;
    xl_format_id from = (xl_format_id)s->format, to = wanted_format(b, s, cols);
    size_t size = xlstm_dtype_size(s->tensor->dtype), first = (size_t)row * xl_format_row_bytes(from, cols);
    /* Rows are longer than their columns where the device reads them in larger pieces. */
    int64_t piece = b->model->backend->row_columns > 1 ? b->model->backend->row_columns : 1;
    size_t stride = xl_format_row_bytes(to, (cols + piece - 1) / piece * piece);
    *weight = (xl_weight){.m = {.format = to, .rows = rows, .cols = cols, .stride = stride}};
    bool aligned = ((uintptr_t)s->tensor->data + first) % size == 0;
    b->parts->list[b->parts->count++] =
        (xl_part){.weight = weight,
                  .stored = s,
                  .from = from,
                  .first = first,
                  .can_stay = b->model->backend->uses_host_memory && aligned && to == from,
                  .follows = follows};
}

/* Matrices that multiply the same input and lie behind one another: stored one by one under their own names, or as
 * rows of one fused tensor. */
typedef struct row_group {
    xl_weight *weight;
    const float **bias;
    const char *part;
    int64_t rows;
} row_group;

/* `gates`: these projections always have a bias. */
static void bind_group(binder *b, const row_group *group, int count, const char *fused, bool gates) {
    int64_t row = 0, cols = b->model->hparams.embedding_dim;
    bool is_fused = b->model->hparams.fused;
    for (int i = 0; i < count; i++) {
        const char *part = is_fused ? fused : group[i].part;
        int64_t first = is_fused ? row : 0;
        matrix(b, group[i].weight, part, first, group[i].rows, cols, i > 0);
        if (gates) *group[i].bias = vector(b, part, ".bias", first, group[i].rows);
        else *group[i].bias = bias(b, part, first, group[i].rows);
        row += group[i].rows;
    }
}

static void bind_block(binder *b, xl_block *block) {
    const xlstm_hparams *h = &b->model->hparams;
    int64_t d = h->embedding_dim;
    const row_group qkvo[] = {
        {&block->q, &block->q_bias, "mlstm_layer.q", h->qk_dim},
        {&block->k, &block->k_bias, "mlstm_layer.k", h->qk_dim},
        {&block->v, &block->v_bias, "mlstm_layer.v", h->v_dim},
        {&block->o, &block->o_bias, "mlstm_layer.ogate_preact", h->v_dim},
    };
    const row_group if_gates[] = {
        {&block->igate, &block->igate_bias, "mlstm_layer.igate_preact", h->num_heads},
        {&block->fgate, &block->fgate_bias, "mlstm_layer.fgate_preact", h->num_heads},
    };
    const row_group ffn[] = {
        {&block->gate, &block->gate_bias, "ffn.proj_up_gate", h->ffn_dim},
        {&block->up, &block->up_bias, "ffn.proj_up", h->ffn_dim},
    };
    block->norm_mlstm = vector(b, "norm_mlstm", ".weight", 0, d);
    block->norm_mlstm_bias = bias(b, "norm_mlstm", 0, d);
    bind_group(b, qkvo, 4, "mlstm_layer.qkv_opreact", false);
    bind_group(b, if_gates, 2, "mlstm_layer.ifgate_preact", true);
    block->head_norm = vector(b, "mlstm_layer.multihead_norm", ".weight", 0, h->v_dim);
    block->head_norm_bias = bias(b, "mlstm_layer.multihead_norm", 0, h->v_dim);
    matrix(b, &block->out_proj, "mlstm_layer.out_proj", 0, d, h->v_dim, false);
    block->out_proj_bias = bias(b, "mlstm_layer.out_proj", 0, d);
    block->norm_ffn = vector(b, "norm_ffn", ".weight", 0, d);
    block->norm_ffn_bias = bias(b, "norm_ffn", 0, d);
    bind_group(b, ffn, 2, "ffn.proj_up_gate_z", false);
    matrix(b, &block->down, "ffn.proj_down", 0, d, h->ffn_dim, false);
    block->down_bias = bias(b, "ffn.proj_down", 0, d);
}

/* Room for every vector, each rounded up to a cache line; fused ones are cut into at most four. */
static size_t vector_room(const xl_checkpoint *c) {
    size_t room = 0;
    for (size_t i = 0; i < c->spec_count; i++) {
        if (c->specs[i].rank == 1) room += (size_t)c->specs[i].shape[0] + 4 * 16;
    }
    return room;
}

int xl_bind(struct xlstm_model *model, const xl_model_request *request, xl_parts *parts, xlstm_error *err) {
    xl_store *store = model->store;
    const xlstm_hparams *h = &model->hparams;
    size_t blocks = (size_t)h->num_blocks;
    binder b = {.model = model, .parts = parts, .request = request, .block = -1, .err = err};
    parts->count = 0;
    parts->capacity = 2 + 10 * blocks;
    parts->list = xl_array(parts->capacity, sizeof *parts->list);
    model->blocks = calloc(blocks, sizeof *model->blocks);
    store->vectors = xl_aligned_alloc(vector_room(&store->checkpoint), sizeof *store->vectors);
    if (!parts->list || !model->blocks || !store->vectors)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", store->checkpoint.dir);
    matrix(&b, &model->embedding, "backbone.embeddings", 0, h->vocab_size, h->embedding_dim, false);
    for (b.block = 0; b.block < h->num_blocks && !b.status; b.block++) bind_block(&b, &model->blocks[b.block]);
    b.block = -1;
    if (h->add_out_norm && !b.status) {
        model->out_norm = vector(&b, "backbone.out_norm", ".weight", 0, h->embedding_dim);
        if (h->out_norm_bias) model->out_norm_bias = vector(&b, "backbone.out_norm", ".bias", 0, h->embedding_dim);
    }
    if (!h->tie_word_embeddings && !b.status)
        matrix(&b, &model->lm_head, "lm_head", 0, h->vocab_size, h->embedding_dim, false);
    return b.status;
}
