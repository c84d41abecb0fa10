/* A random model built in memory, for tests of the engine that need no checkpoint: three heads, biases everywhere,
 * three weight formats mixed, and sizes that are not multiples of a vector. */
#ifndef TESTS_SMALL_MODEL_H
#define TESTS_SMALL_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/model.h"

typedef struct small_model {
    xlstm_model model;
    xl_rng rng;
    void *owned[256];
    int count;
} small_model;

static inline void *small_own(small_model *s, size_t bytes) {
    void *p = calloc(1, bytes);
    s->owned[s->count++] = p;
    return p;
}

static inline const float *small_vector(small_model *s, int64_t n, double mean, double spread) {
    float *p = small_own(s, (size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++) p[i] = (float)(mean + spread * xl_rng_normal(&s->rng));
    return p;
}

static inline xl_weight small_matrix(small_model *s, int64_t rows, int64_t cols, double spread) {
    static const xl_format_id formats[] = {XL_FORMAT_F32, XL_FORMAT_BF16, XL_FORMAT_F16};
    xl_format_id format = formats[s->count % 3];
    xl_weight w = {
        .m = {.format = format, .rows = rows, .cols = cols, .stride = xl_format_row_bytes(format, cols)}};
    const float *values = small_vector(s, rows * cols, 0, spread);
    void *data = small_own(s, (size_t)rows * w.m.stride);
    xl_format_get((int)format)->from_f32(values, data, (size_t)(rows * cols));
    w.m.data = data;
    return w;
}

/* cpu_mask: as in xlstm_model_options. */
static inline small_model *small_model_create(uint64_t seed, const char *cpu_mask) {
    small_model *s = calloc(1, sizeof *s);
    xl_rng_seed(&s->rng, seed);
    xlstm_hparams hp = {.embedding_dim = 36,
                        .num_blocks = 3,
                        .num_heads = 3,
                        .vocab_size = 101,
                        .qk_dim = 15,
                        .v_dim = 33,
                        .qk_head = 5,
                        .v_head = 11,
                        .ffn_dim = 70,
                        .gate_soft_cap = 15,
                        .output_logit_soft_cap = 30,
                        .norm_eps = 1e-6,
                        .eps = 1e-6,
                        .use_bias = true,
                        .add_out_norm = seed % 2 == 0};
    s->model.hparams = hp;
    memset(s->model.info.fingerprint, 'a' + (int)(seed % 6), 64);
    int64_t d = hp.embedding_dim;
    s->model.embedding = small_matrix(s, hp.vocab_size, d, 1);
    s->model.lm_head = small_matrix(s, hp.vocab_size, d, 0.3);
    if (hp.add_out_norm) {
        s->model.out_norm = small_vector(s, d, 1, 0.1);
        s->model.out_norm_bias = small_vector(s, d, 0, 0.1);
    }
    s->model.blocks = small_own(s, (size_t)hp.num_blocks * sizeof(xl_block));
    for (int64_t i = 0; i < hp.num_blocks; i++) {
        double spread = 0.3;
        s->model.blocks[i] = (xl_block){
            .norm_mlstm = small_vector(s, d, 1, 0.1),
            .norm_mlstm_bias = small_vector(s, d, 0, 0.1),
            .q = small_matrix(s, hp.qk_dim, d, spread),
            .k = small_matrix(s, hp.qk_dim, d, spread),
            .v = small_matrix(s, hp.v_dim, d, spread),
            .o = small_matrix(s, hp.v_dim, d, spread),
            .q_bias = small_vector(s, hp.qk_dim, 0, 0.1),
            .k_bias = small_vector(s, hp.qk_dim, 0, 0.1),
            .v_bias = small_vector(s, hp.v_dim, 0, 0.1),
            .o_bias = small_vector(s, hp.v_dim, 0, 0.1),
            .igate = small_matrix(s, hp.num_heads, d, spread),
            .fgate = small_matrix(s, hp.num_heads, d, spread),
            .igate_bias = small_vector(s, hp.num_heads, -2, 1),
            .fgate_bias = small_vector(s, hp.num_heads, 3, 1),
            .head_norm = small_vector(s, hp.v_dim, 1, 0.1),
            .head_norm_bias = small_vector(s, hp.v_dim, 0, 0.1),
            .out_proj = small_matrix(s, d, hp.v_dim, spread),
            .out_proj_bias = small_vector(s, d, 0, 0.1),
            .norm_ffn = small_vector(s, d, 1, 0.1),
            .norm_ffn_bias = small_vector(s, d, 0, 0.1),
            .gate = small_matrix(s, hp.ffn_dim, d, spread),
            .up = small_matrix(s, hp.ffn_dim, d, spread),
            .down = small_matrix(s, d, hp.ffn_dim, spread),
            .gate_bias = small_vector(s, hp.ffn_dim, 0, 0.1),
            .up_bias = small_vector(s, hp.ffn_dim, 0, 0.1),
            .down_bias = small_vector(s, d, 0, 0.1),
        };
    }
    if (xl_model_open_device(&s->model, &(xl_device_options){.cpu_mask = cpu_mask}, NULL) ||
        xl_model_make_plan(&s->model, NULL))
        abort();
    return s;
}

static inline void small_model_destroy(small_model *s) {
    s->model.backend->plan_destroy(s->model.plan);
    s->model.backend->device_close(s->model.device);
    for (int i = 0; i < s->count; i++) free(s->owned[i]);
    free(s);
}

#endif
