/* The recurrent state of one sequence: c [NH, dqk, dv], n [NH, dqk], m [NH] a block. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "base/error.h"
#include "base/memory.h"

static size_t state_bytes(const xl_plan *plan) {
    return (size_t)plan->program.blocks * plan->block_floats * sizeof(float);
}

void xl_cpu_state_destroy(xl_state *state) {
    if (!state) return;
    xl_aligned_free(state->data);
    free(state);
}

int xl_cpu_state_create(xl_state **out, const xl_plan *plan, xlstm_error *err) {
    size_t floats;
    xl_state *state = calloc(1, sizeof *state);
    if (state && xl_mul((size_t)plan->program.blocks, plan->block_floats, &floats))
        state->data = xl_aligned_calloc(floats, sizeof(float));
    if (!state || !state->data) {
        free(state);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the state of %lld blocks of %zu bytes",
                       (long long)plan->program.blocks, plan->block_floats * sizeof(float));
    }
    state->plan = plan;
    *out = state;
    return XLSTM_OK;
}

void xl_cpu_state_reset(xl_state *state) {
    memset(state->data, 0, state_bytes(state->plan));
}

int xl_cpu_state_copy(xl_state *dst, const xl_state *src, xlstm_error *err) {
    memcpy(dst->data, src->data, state_bytes(src->plan));
    return XLSTM_OK;
}

typedef struct view {
    float *c, *n, *m;
    size_t c_bytes, n_bytes, m_bytes;
} view;

static int view_block(const xl_state *state, int64_t block, view *out, xlstm_error *err) {
    const xl_program *p = &state->plan->program;
    if (block < 0 || block >= p->blocks)
        return xl_fail(err, XLSTM_EARG, "block %lld, wanted 0 to %lld", (long long)block, (long long)p->blocks - 1);
    size_t n = (size_t)(p->heads * p->qk_head), c = n * (size_t)p->v_head, m = (size_t)p->heads;
    float *base = state->data + (size_t)block * state->plan->block_floats;
    *out = (view){base, base + c, base + c + n, c * sizeof(float), n * sizeof(float), m * sizeof(float)};
    return XLSTM_OK;
}

int xl_cpu_state_get(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err) {
    view v = {0};
    int status = view_block(state, block, &v, err);
    if (status) return status;
    if (c) memcpy(c, v.c, v.c_bytes);
    if (n) memcpy(n, v.n, v.n_bytes);
    if (m) memcpy(m, v.m, v.m_bytes);
    return XLSTM_OK;
}

int xl_cpu_state_set(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err) {
    view v = {0};
    int status = view_block(state, block, &v, err);
    if (status) return status;
    if (c) memcpy(v.c, c, v.c_bytes);
    if (n) memcpy(v.n, n, v.n_bytes);
    if (m) memcpy(v.m, m, v.m_bytes);
    return XLSTM_OK;
}
