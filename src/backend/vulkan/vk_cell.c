/* The mLSTM cell of a segment: token by token, in chunks, or in chunks by the matrix units. */
#include <math.h>

#include "backend/vulkan/vk_recorder.h"

enum { GATES_GROUP = 512, STEP_COLUMNS = 16, WIDE_COLUMNS = 32, MANY_COLUMNS = 64, MANY_SLICES = 8 };

typedef struct shape_push {
    uint32_t heads, dqk, dv, spare;
} shape_push;

/* What the cell's shaders read and write. */
typedef struct cell {
    uint64_t slices, chunked; /* all slices, and those from the first on that goes in chunks */
    uint64_t chunks, q, k, v, i, f, h, gates, weights, decay, c_before, n_before, block;
    uint32_t stride, gate_stride, h_stride;
    shape_push shape;
    float eps, scale;
} cell;

static cell find_cell(const xl_vk_recorder *r, const xl_vk_op *op) {
    const xl_executor *e = r->executor;
    const xl_program *p = &r->plan->program;
    const xl_vk_rows *work = e->work;
    return (cell){
        .slices = xl_vk_address(xl_vk_control(r, e->slices)),
        .chunked = xl_vk_address(xl_vk_control(r, e->slices + r->shape->stepped)),
        .chunks = xl_vk_address(xl_vk_control(r, e->chunks)),
        .q = xl_vk_address(xl_vk_slot_rows(e, XL_SLOT_Q).span),
        .k = xl_vk_address(xl_vk_slot_rows(e, XL_SLOT_K).span),
        .v = xl_vk_address(xl_vk_slot_rows(e, XL_SLOT_V).span),
        .i = xl_vk_address(xl_vk_slot_rows(e, XL_SLOT_I).span),
        .f = xl_vk_address(xl_vk_slot_rows(e, XL_SLOT_F).span),
        .h = xl_vk_address(xl_vk_slot_rows(e, XL_SLOT_H).span),
        .gates = xl_vk_address(work[XL_VK_WORK_GATES].span),
        .weights = xl_vk_address(work[XL_VK_WORK_WEIGHTS].span),
        .decay = xl_vk_address(work[XL_VK_WORK_DECAY].span),
        .c_before = xl_vk_address(work[XL_VK_WORK_C_BEFORE].span),
        .n_before = xl_vk_address(work[XL_VK_WORK_N_BEFORE].span),
        .block = (uint64_t)op->block * r->plan->block_bytes,
        .stride = work[XL_VK_WORK_QKVO].stride,
        .gate_stride = work[XL_VK_WORK_IF].stride,
        .h_stride = work[XL_VK_WORK_H].stride,
        .shape = {(uint32_t)p->heads, (uint32_t)p->qk_head, (uint32_t)p->v_head, 0},
        .eps = (float)p->eps,
        .scale = (float)(1 / sqrt((double)p->qk_head)),
    };
}

/* Whether the step norms its heads itself, and takes four columns at a time, as it does where the device takes the
 * shader. */
static bool norms_heads(const xl_vk_recorder *r) {
    return xl_vk_steps_wide(r->plan);
}

static xl_vk_shader step_shader(const xl_vk_recorder *r) {
    if (r->ordered) return XL_VK_SHADER_step_ordered;
    if (norms_heads(r)) return XL_VK_SHADER_step_norm;
    return xl_vk_state_kind(r->plan) == XL_VK_STATE_F32 ? XL_VK_SHADER_step : XL_VK_SHADER_step_wide;
}

/* Columns of a head that a workgroup of the step has: the best of those tried on an H200. */
static uint32_t step_columns(const xl_vk_recorder *r) {
    if (!norms_heads(r)) return STEP_COLUMNS;
    return r->shape->stepped > MANY_SLICES ? MANY_COLUMNS : WIDE_COLUMNS;
}

static void cell_steps(xl_vk_recorder *r, const xl_vk_op *op, const cell *c, xl_vk_cell_output output) {
    const xl_vk_rows *work = r->executor->work,
                     *y = &work[output == XL_VK_CELL_ROUNDED ? XL_VK_WORK_ROUNDED : XL_VK_WORK_HALVES];
    const uint32_t columns = step_columns(r);
    for (uint32_t token = 0; token < r->shape->steps; token++) {
        const struct {
            uint64_t slices, qkvo, gates, h, y, norm, norm_bias, counters, block;
            shape_push shape;
            uint32_t stride, gate_stride, h_stride, y_stride, token;
            float eps, scale, norm_eps;
        } push = {c->slices,
                  c->q,
                  c->i,
                  c->h,
                  xl_vk_address(y->span),
                  xl_vk_address(op->norm),
                  xl_vk_address(op->norm_bias),
                  r->ordered ? xl_vk_order(r) : xl_vk_order(r) + XL_VK_ORDER_BYTES,
                  c->block,
                  {c->shape.heads, c->shape.dqk, c->shape.dv, r->stage},
                  c->stride,
                  c->gate_stride,
                  c->h_stride,
                  y->stride,
                  token,
                  c->eps,
                  c->scale,
                  op->norm_eps};
        const uint32_t specs[] = {xl_vk_state_kind(r->plan), columns, c->shape.dqk, c->shape.dv, output};
        if (token) xl_vk_barrier(r);
        xl_vk_dispatch(r, &(xl_vk_launch){step_shader(r), XL_VK_GROUP, specs, 5, &push, sizeof push,
                                          xl_vk_ceil_div(c->shape.dv, columns), c->shape.heads, r->shape->stepped});
    }
}

/* How many slices go in chunks. */
static uint32_t in_chunks(const xl_vk_recorder *r) {
    return r->shape->slices - r->shape->stepped;
}

static void chunk_gates(xl_vk_recorder *r, const cell *c) {
    const struct {
        uint64_t slices, chunks, i, f, gates, decay, block;
        shape_push shape;
        uint32_t gate_stride;
    } push = {c->chunked, c->chunks, c->i, c->f, c->gates, c->decay, c->block, c->shape, c->gate_stride};
    const uint32_t most = r->plan->device->group_max, specs[] = {xl_vk_state_kind(r->plan)};
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_chunk_gates, most < GATES_GROUP ? most : GATES_GROUP, specs, 1,
                                      &push, sizeof push, c->shape.heads, in_chunks(r), 1});
}

static void chunk_states(xl_vk_recorder *r, const cell *c, uint32_t head, uint32_t heads) {
    const struct {
        uint64_t slices, chunks, k, v, gates, decay, c_before, n_before, block;
        shape_push shape;
        uint32_t stride, first_head;
    } push = {c->chunked,  c->chunks,   c->k,     c->v,     c->gates,  c->decay,
              c->c_before, c->n_before, c->block, c->shape, c->stride, head};
    const uint32_t specs[] = {xl_vk_state_kind(r->plan)};
    xl_vk_dispatch(
        r, &(xl_vk_launch){XL_VK_SHADER_chunk_states, XL_VK_GROUP, specs, 1, &push, sizeof push,
                           xl_vk_ceil_div(c->shape.dqk, XL_VK_SIDE) * xl_vk_ceil_div(c->shape.dv, XL_VK_SIDE),
                           heads, in_chunks(r)});
}

static void chunk_weights(xl_vk_recorder *r, const cell *c, uint32_t head, uint32_t heads) {
    uint32_t side = xl_vk_ceil_div(r->shape->longest, XL_VK_SIDE);
    const struct {
        uint64_t chunks, q, k, gates, weights;
        shape_push shape;
        uint32_t stride, longest, first_head, side;
        float scale;
    } push = {c->chunks,         c->q, c->k, c->gates, c->weights, c->shape, c->stride,
              r->shape->longest, head, side, c->scale};
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_chunk_weights, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                      side * side, heads, r->shape->chunks});
}

static void chunk_output(xl_vk_recorder *r, const cell *c, uint32_t head, uint32_t heads) {
    uint32_t side = xl_vk_ceil_div(r->shape->longest, XL_VK_SIDE),
             columns = xl_vk_ceil_div(c->shape.dv, XL_VK_SIDE);
    const struct {
        uint64_t chunks, q, v, gates, weights, c_before, n_before, h;
        shape_push shape;
        uint32_t stride, h_stride, longest, first_head;
        float eps, scale;
        uint32_t columns;
    } push = {c->chunks, c->q,      c->v,        c->gates,          c->weights, c->c_before, c->n_before, c->h,
              c->shape,  c->stride, c->h_stride, r->shape->longest, head,       c->eps,      c->scale,    columns};
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_chunk_output, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                      side * columns, heads, r->shape->chunks});
}

static void cell_chunks(xl_vk_recorder *r, const cell *c) {
    uint32_t band = r->shape->band, all = c->shape.heads;
    chunk_gates(r, c);
    xl_vk_barrier(r);
    for (uint32_t head = 0; head < all; head += band) {
        uint32_t heads = all - head < band ? all - head : band;
        chunk_states(r, c, head, heads);
        chunk_weights(r, c, head, heads);
    }
    xl_vk_barrier(r);
    for (uint32_t head = 0; head < all; head += band)
        chunk_output(r, c, head, all - head < band ? all - head : band);
}

static void cell_halves(xl_vk_recorder *r, const cell *c, uint32_t tile_rows) {
    const xl_vk_rows *to = &r->executor->work[XL_VK_WORK_CELL];
    const struct {
        uint64_t chunks, q, k, v, gates, to;
        shape_push shape;
        uint32_t stride, to_stride, tile_rows;
        float scale;
    } push = {c->chunks, c->q,      c->k,       c->v,      c->gates, xl_vk_address(to->span),
              c->shape,  c->stride, to->stride, tile_rows, c->scale};
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_chunk_halves, XL_VK_GROUP, NULL, 0, &push, sizeof push, 1,
                                      tile_rows, r->shape->chunks});
}

static void cell_by_matrix(xl_vk_recorder *r, const cell *c) {
    static const xl_vk_shader states_of[] = {[XL_VK_STATE_F32] = XL_VK_SHADER_cell_states,
                                             [XL_VK_STATE_BF16] = XL_VK_SHADER_cell_states_bf16,
                                             [XL_VK_STATE_F16] = XL_VK_SHADER_cell_states_f16};
    const xl_vk_rows *rows = &r->executor->work[XL_VK_WORK_CELL];
    uint32_t tile_rows = xl_vk_ceil_div(r->shape->longest, XL_VK_CELL_SIDE) * XL_VK_CELL_SIDE;
    uint32_t columns = c->shape.dv / XL_VK_CELL_SIDE;
    const struct {
        uint64_t slices, chunks, halves, decay, c_before, n_before, block;
        shape_push shape;
        uint32_t stride, tile_rows;
    } states = {c->chunked, c->chunks, xl_vk_address(rows->span), c->decay, c->c_before, c->n_before,
                c->block,   c->shape,  2 * rows->stride,          tile_rows};
    const struct {
        uint64_t chunks, halves, gates, c_before, n_before, h;
        shape_push shape;
        uint32_t stride, tile_rows, h_stride;
        float eps;
    } output = {c->chunks, xl_vk_address(rows->span), c->gates,  c->c_before, c->n_before, c->h,
                c->shape,  2 * rows->stride,          tile_rows, c->h_stride, c->eps};
    chunk_gates(r, c);
    xl_vk_barrier(r);
    cell_halves(r, c, tile_rows);
    xl_vk_barrier(r);
    xl_vk_dispatch(r, &(xl_vk_launch){states_of[xl_vk_state_kind(r->plan)], XL_VK_GROUP, NULL, 0, &states,
                                      sizeof states, c->shape.dqk / XL_VK_CELL_SIDE * columns, c->shape.heads,
                                      in_chunks(r)});
    xl_vk_barrier(r);
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_cell_output, XL_VK_GROUP, NULL, 0, &output, sizeof output,
                                      tile_rows / XL_VK_CELL_SIDE * (c->shape.dv / XL_VK_CELL_COLUMNS),
                                      c->shape.heads, r->shape->chunks});
}

/* Norms the rows from `first` on. */
static void head_norm(xl_vk_recorder *r, const xl_vk_op *op, const cell *c, uint32_t first, bool halves) {
    const xl_vk_rows *y = &r->executor->work[XL_VK_WORK_HALVES];
    const uint32_t specs[] = {halves};
    const uint64_t row = (uint64_t)first * sizeof(float);
    const struct {
        uint64_t h, gate, w, b, y;
        uint32_t dv, h_stride, gate_stride, y_stride;
        float eps;
    } push = {c->h + row * c->h_stride,
              xl_vk_address(xl_vk_slot_rows(r->executor, XL_SLOT_O).span) + row * c->stride,
              xl_vk_address(op->norm),
              xl_vk_address(op->norm_bias),
              xl_vk_address(y->span) + row * y->stride,
              c->shape.dv,
              c->h_stride,
              c->stride,
              y->stride,
              op->norm_eps};
    xl_vk_barrier(r);
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_head_norm, XL_VK_GROUP / 2, specs, 1, &push, sizeof push,
                                      r->shape->rows - first, c->shape.heads, 1});
}

void xl_vk_record_cell(xl_vk_recorder *r, const xl_vk_op *op, xl_vk_cell_output output) {
    enum { BLOCK = 32 };
    const cell c = find_cell(r, op);
    const bool normed = r->shape->stepped && norms_heads(r);
    /* Only the step writes rounded integers. */
    if (output == XL_VK_CELL_ROUNDED && (!normed || in_chunks(r) || c.shape.dv % BLOCK)) output = XL_VK_CELL_FLOATS;
    if (output == XL_VK_CELL_ROUNDED) r->rounded[XL_SLOT_H] = r->executor->work[XL_VK_WORK_ROUNDED];
    if (r->shape->stepped) cell_steps(r, op, &c, normed ? output : XL_VK_CELL_FLOATS);
    if (in_chunks(r) && r->shape->cell_rows) cell_by_matrix(r, &c);
    else if (in_chunks(r)) cell_chunks(r, &c);
    /* A stepped slice has one row where others go in chunks. */
    if (in_chunks(r) || !normed) head_norm(r, op, &c, normed ? r->shape->stepped : 0, output == XL_VK_CELL_HALVES);
}
