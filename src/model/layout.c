#include "model/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

bool xl_canonical_name(const char *stored, char out[XL_NAME_MAX]) {
    static const char *const spellings[][2] = {
        {".mlstm_layer.query.", ".mlstm_layer.q."},
        {".mlstm_layer.key.", ".mlstm_layer.k."},
        {".mlstm_layer.value.", ".mlstm_layer.v."},
    };
    if (!strcmp(stored, "embedding.weight")) stored = "backbone.embeddings.weight";
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        const char *at = strstr(stored, spellings[i][0]);
        if (!at) continue;
        int n = snprintf(out, XL_NAME_MAX, "%.*s%s%s", (int)(at - stored), stored, spellings[i][1],
                         at + strlen(spellings[i][0]));
        return n >= 0 && n < XL_NAME_MAX;
    }
    size_t n = strlen(stored);
    if (n >= XL_NAME_MAX) return false;
    memcpy(out, stored, n + 1);
    return true;
}

void xl_block_tensor_name(int64_t block, const char *part, char out[XL_NAME_MAX]) {
    snprintf(out, XL_NAME_MAX, "backbone.blocks.%" PRId64 ".%s", block, part);
}

bool xl_is_gate(const char *name) {
    return strstr(name, ".igate_preact.") || strstr(name, ".fgate_preact.") || strstr(name, ".ifgate_preact.");
}

bool xl_is_head(const char *name) {
    return !strcmp(name, "backbone.embeddings.weight") || !strcmp(name, "lm_head.weight");
}

/* Where the specs are written; where specs is NULL they are only counted. */
typedef struct list {
    xlstm_tensor_spec *specs;
    size_t capacity, count;
} list;

static void add(list *l, const char *name, const char *suffix, int rank, int64_t rows, int64_t cols) {
    if (l->specs && l->count < l->capacity) {
        xlstm_tensor_spec *spec = &l->specs[l->count];
        memset(spec, 0, sizeof *spec);
        snprintf(spec->name, sizeof spec->name, "%.100s%s", name, suffix);
        spec->rank = rank;
        spec->shape[0] = rows;
        spec->shape[1] = cols;
    }
    l->count++;
}

/* A linear layer (cols > 0) or a norm (cols 0) of `rows` outputs. */
static void layer(list *l, const char *name, int64_t rows, int64_t cols, bool bias) {
    add(l, name, ".weight", cols ? 2 : 1, rows, cols);
    if (bias) add(l, name, ".bias", 1, rows, 0);
}

static void block(list *l, const xlstm_hparams *h, int64_t index) {
    int64_t d = h->embedding_dim, qk = h->qk_dim, v = h->v_dim, heads = h->num_heads, f = h->ffn_dim;
    const struct {
        const char *part;
        int64_t rows, cols;
        bool bias;
        int form; /* 0 in both, 1 single, 2 fused */
    } layers[] = {
        {"norm_mlstm", d, 0, h->use_bias, 0},
        {"mlstm_layer.q", qk, d, h->use_bias, 1},
        {"mlstm_layer.k", qk, d, h->use_bias, 1},
        {"mlstm_layer.v", v, d, h->use_bias, 1},
        {"mlstm_layer.ogate_preact", v, d, h->use_bias, 1},
        {"mlstm_layer.igate_preact", heads, d, true, 1},
        {"mlstm_layer.fgate_preact", heads, d, true, 1},
        {"mlstm_layer.qkv_opreact", 2 * qk + 2 * v, d, h->use_bias, 2},
        {"mlstm_layer.ifgate_preact", 2 * heads, d, true, 2},
        {"mlstm_layer.multihead_norm", v, 0, h->use_bias, 0},
        {"mlstm_layer.out_proj", d, v, h->use_bias, 0},
        {"norm_ffn", d, 0, h->use_bias, 0},
        {"ffn.proj_up_gate", f, d, h->use_bias, 1},
        {"ffn.proj_up", f, d, h->use_bias, 1},
        {"ffn.proj_up_gate_z", 2 * f, d, h->use_bias, 2},
        {"ffn.proj_down", d, f, h->use_bias, 0},
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (layers[i].form == (h->fused ? 1 : 2)) continue;
        char name[XL_NAME_MAX];
        xl_block_tensor_name(index, layers[i].part, name);
        layer(l, name, layers[i].rows, layers[i].cols, layers[i].bias);
    }
}

int xlstm_checkpoint_layout(const xlstm_hparams *hparams, xlstm_tensor_spec *specs, size_t *count,
                            xlstm_error *err) {
    if (hparams->embedding_dim < 1 || hparams->num_blocks < 1 || hparams->num_heads < 1 ||
        hparams->vocab_size < 1 || hparams->qk_dim < 1 || hparams->v_dim < 1 || hparams->ffn_dim < 1)
        return xl_fail(err, XLSTM_EARG, "hyper-parameters: a size is less than 1");
    list l = {.specs = specs, .capacity = *count};
    layer(&l, "backbone.embeddings", hparams->vocab_size, hparams->embedding_dim, false);
    for (int64_t i = 0; i < hparams->num_blocks; i++) block(&l, hparams, i);
    if (hparams->add_out_norm) layer(&l, "backbone.out_norm", hparams->embedding_dim, 0, hparams->out_norm_bias);
    if (!hparams->tie_word_embeddings) layer(&l, "lm_head", hparams->vocab_size, hparams->embedding_dim, false);
    if (specs && l.count > l.capacity)
        return xl_fail(err, XLSTM_EARG, "room for %zu tensors, %zu are needed", l.capacity, l.count);
    *count = l.count;
    return XLSTM_OK;
}
