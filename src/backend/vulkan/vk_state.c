/* The recurrent state of one sequence on the device; its layout is that of shaders/cell.glsl. */
#include <stdlib.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"

static uint64_t state_bytes(const xl_plan *plan) {
    return (uint64_t)plan->program.blocks * plan->block_bytes;
}

void xl_vk_state_destroy(xl_state *state) {
    if (!state) return;
    xl_vk_block_give_back(&state->block);
    free(state);
}

int xl_vk_state_create(xl_state **out, const xl_plan *plan, xlstm_error *err) {
    xl_state *state = calloc(1, sizeof *state);
    if (!state) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    state->plan = plan;
    int status = xl_vk_block_reuse(&state->block, plan->device, state_bytes(plan), "a sequence's state", err);
    if (!status) status = xl_vk_clear((xl_vk_span){&state->block, 0}, state_bytes(plan), err);
    if (status) {
        xl_vk_state_destroy(state);
        return status;
    }
    *out = state;
    return XLSTM_OK;
}

void xl_vk_state_reset(xl_state *state) {
    /* A device that fails here fails again, and is heard, at the next run. */
    xlstm_error err;
    state->phase = 0;
    (void)xl_vk_clear((xl_vk_span){&state->block, 0}, state_bytes(state->plan), &err);
}

int xl_vk_state_copy(xl_state *dst, const xl_state *src, xlstm_error *err) {
    dst->phase = src->phase;
    return xl_vk_copy((xl_vk_span){&dst->block, 0}, (xl_vk_span){&src->block, 0}, state_bytes(src->plan), err);
}

typedef struct parts {
    xl_vk_span c, n, m;
    size_t c_count;
    uint64_t c_bytes, n_bytes, m_bytes; /* as the device holds them */
} parts;

static int find_parts(const xl_state *state, int64_t block, parts *out, xlstm_error *err) {
    const xl_program *p = &state->plan->program;
    if (block < 0 || block >= p->blocks)
        return xl_fail(err, XLSTM_EARG, "block %lld, wanted 0 to %lld", (long long)block, (long long)p->blocks - 1);
    out->m_bytes = (uint64_t)p->heads * sizeof(float);
    out->n_bytes = out->m_bytes * (uint64_t)p->qk_head;
    out->c_count = (size_t)(p->heads * p->qk_head * p->v_head);
    out->c_bytes = xl_vk_c_bytes(state->plan);
    uint64_t first = (uint64_t)block * state->plan->block_bytes, n = first + out->c_bytes;
    out->c = (xl_vk_span){&state->block, first};
    out->n = (xl_vk_span){&state->block, n + state->phase * out->n_bytes};
    out->m = (xl_vk_span){&state->block, n + 2 * out->n_bytes + state->phase * out->m_bytes};
    return XLSTM_OK;
}

/* C in 16 bits, on its way from or to the device. */
static int get_halves(const xl_state *state, const parts *at, float *c, xlstm_error *err) {
    const bool bf16 = xl_vk_state_kind(state->plan) == XL_VK_STATE_BF16;
    uint16_t *halves = xl_array(at->c_count, sizeof *halves);
    if (!halves) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = xl_vk_download(at->c, halves, at->c_bytes, err);
    for (size_t i = 0; i < at->c_count && !status; i++)
        c[i] = bf16 ? xl_bf16_to_f32(halves[i]) : xl_f16_to_f32(halves[i]);
    free(halves);
    return status;
}

static int set_halves(const xl_state *state, const parts *at, const float *c, xlstm_error *err) {
    const bool bf16 = xl_vk_state_kind(state->plan) == XL_VK_STATE_BF16;
    uint16_t *halves = xl_array(at->c_count, sizeof *halves);
    if (!halves) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < at->c_count; i++) halves[i] = bf16 ? xl_f32_to_bf16(c[i]) : xl_f32_to_f16(c[i]);
    const int status = xl_vk_upload(at->c, halves, at->c_bytes, err);
    free(halves);
    return status;
}

int xl_vk_state_get(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err) {
    parts at;
    int status = find_parts(state, block, &at, err);
    const bool halves = xl_vk_state_kind(state->plan) != XL_VK_STATE_F32;
    if (!status && c) status = halves ? get_halves(state, &at, c, err) : xl_vk_download(at.c, c, at.c_bytes, err);
    if (!status && n) status = xl_vk_download(at.n, n, at.n_bytes, err);
    if (!status && m) status = xl_vk_download(at.m, m, at.m_bytes, err);
    return status;
}

int xl_vk_state_set(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                    xlstm_error *err) {
    parts at;
    int status = find_parts(state, block, &at, err);
    const bool halves = xl_vk_state_kind(state->plan) != XL_VK_STATE_F32;
    if (!status && c) status = halves ? set_halves(state, &at, c, err) : xl_vk_upload(at.c, c, at.c_bytes, err);
    if (!status && n) status = xl_vk_upload(at.n, n, at.n_bytes, err);
    if (!status && m) status = xl_vk_upload(at.m, m, at.m_bytes, err);
    return status;
}
