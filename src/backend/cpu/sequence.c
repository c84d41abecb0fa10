/* The recurrent state of one sequence: c [NH, dqk, dv], n [NH, dqk], m [NH] a block; c in the program's format. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "base/error.h"
#include "base/memory.h"

static size_t state_bytes(const xl_plan *plan) {
    return (size_t)plan->program.blocks * plan->block_bytes;
}

void xl_cpu_state_destroy(xl_state *state) {
    if (!state) return;
    xl_aligned_free(state->data);
    free(state);
}

int xl_cpu_state_create(xl_state **out, const xl_plan *plan, xlstm_error *err) {
    xl_state *state = calloc(1, sizeof *state);
    if (state) state->data = xl_aligned_calloc((size_t)plan->program.blocks, plan->block_bytes);
    if (!state || !state->data) {
        free(state);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the state of %lld blocks of %zu bytes",
                       (long long)plan->program.blocks, plan->block_bytes);
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

static int find_block(const xl_state *state, int64_t block, xl_cpu_block *out, xlstm_error *err) {
    const int64_t blocks = state->plan->program.blocks;
    if (block < 0 || block >= blocks)
        return xl_fail(err, XLSTM_EARG, "block %lld, wanted 0 to %lld", (long long)block, (long long)blocks - 1);
    *out = xl_cpu_block_of(state, block);
    return XLSTM_OK;
}

int xl_cpu_state_get(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err) {
    const xl_program *p = &state->plan->program;
    const size_t keys = (size_t)(p->heads * p->qk_head);
    xl_cpu_block b;
    int status = find_block(state, block, &b, err);
    if (status) return status;
    if (c) state->plan->device->kernels.to_f32[p->state_format](b.c, c, keys * (size_t)p->v_head);
    if (n) memcpy(n, b.n, keys * sizeof *n);
    if (m) memcpy(m, b.m, (size_t)p->heads * sizeof *m);
    return XLSTM_OK;
}

int xl_cpu_state_set(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err) {
    const xl_program *p = &state->plan->program;
    const size_t keys = (size_t)(p->heads * p->qk_head);
    xl_cpu_block b;
    int status = find_block(state, block, &b, err);
    if (status) return status;
    if (c) state->plan->device->kernels.from_f32[p->state_format](c, b.c, keys * (size_t)p->v_head);
    if (n) memcpy(b.n, n, keys * sizeof *n);
    if (m) memcpy(b.m, m, (size_t)p->heads * sizeof *m);
    return XLSTM_OK;
}
