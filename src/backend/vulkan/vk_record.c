/* A segment's commands: the program's operations as dispatches with barriers between those that depend on each
 * other. Addresses are computed here, so a recording holds as long as the workspace stays. */
#include <math.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"

enum {
    SIDE = 64, /* tokens, rows and columns of a tile of the shaders that tile */
    FEW_TOKENS = XL_FEW_TOKENS,
    GROUP = 256, /* invocations of a workgroup */
    GATES_GROUP = 512,
    STEP_COLUMNS = 16,
    COLUMNS_MAX = 256, /* of a block: rows of weights end with one */
    DISPATCH_MAX = 65535
};

typedef struct recorder {
    xl_executor *executor;
    const xl_plan *plan;
    const xl_vk_shape *shape;
    VkCommandBuffer commands;
    int op; /* for profiles: an xl_op_kind, or the input of a projection behind them */
    xlstm_error *err;
    int status;
} recorder;

static uint32_t ceil_div(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

static void barrier(recorder *r) {
    const VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                    .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
    vkCmdPipelineBarrier(r->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0,
                         1, &memory, 0, NULL, 0, NULL);
}

typedef struct launch {
    xl_vk_shader shader;
    uint32_t group;
    const uint32_t *specs; /* from constant 2 on */
    uint32_t spec_count;
    const void *push;
    uint32_t push_bytes;
    uint32_t x, y, z;
} launch;

/* With profiling on, each dispatch is alone between two timestamps. */
static void stamp(recorder *r, xl_vk_shader shader) {
    xl_executor *e = r->executor;
    if (!e->queries || e->stamps >= XL_VK_STAMPS_MAX) return;
    barrier(r);
    e->stamped[e->stamps] = (xl_vk_stamp){shader, r->op};
    vkCmdWriteTimestamp(r->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, e->queries, e->stamps++);
}

static void dispatch(recorder *r, const launch *l) {
    VkPipeline pipeline;
    xl_device *device = r->plan->device;
    if (r->status || !l->x || !l->y || !l->z) return;
    r->status = xl_vk_pipeline_get(&pipeline, device, l->shader, l->group, l->specs, l->spec_count, r->err);
    if (r->status) return;
    vkCmdBindPipeline(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdPushConstants(r->commands, device->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, l->push_bytes, l->push);
    vkCmdDispatch(r->commands, l->x, l->y, l->z);
    stamp(r, l->shader);
}

/* ---- where things lie ---- */

static xl_vk_span control(const recorder *r, const void *host) {
    const xl_vk_block *block = &r->executor->control;
    return (xl_vk_span){block, (uint64_t)((const char *)host - (const char *)block->host)};
}

static xl_vk_rows from_row(xl_vk_rows rows, uint32_t first) {
    rows.span.offset += (uint64_t)first * rows.stride * sizeof(float);
    return rows;
}

/* A slot as operations behind the last cell see it: the wanted rows alone. */
static xl_vk_rows slot_rows(const recorder *r, xl_slot slot, bool behind) {
    const xl_executor *e = r->executor;
    xl_vk_rows rows = xl_vk_slot_rows(e, slot);
    if (!behind || (slot != XL_SLOT_X && slot != XL_SLOT_H)) return rows;
    if (r->shape->scattered) return e->work[slot == XL_SLOT_X ? XL_VK_WORK_KEPT_X : XL_VK_WORK_KEPT_H];
    return from_row(rows, r->shape->kept_first);
}

/* ---- embedding and norms ---- */

static void embed(recorder *r, const xl_vk_op *op) {
    const xl_vk_product *w = &op->products[0];
    xl_vk_rows x = slot_rows(r, XL_SLOT_X, false);
    const struct {
        uint64_t w, heads, ids, x;
        uint32_t quads, blocks, width, x_stride;
    } push = {xl_vk_address(w->values),
              xl_vk_address(w->heads),
              xl_vk_address(control(r, r->executor->ids)),
              xl_vk_address(x.span),
              w->quads,
              w->blocks,
              w->cols,
              x.stride};
    const uint32_t specs[] = {(uint32_t)w->format};
    dispatch(r, &(launch){XL_VK_SHADER_embed, SIDE, specs, 1, &push, sizeof push, r->shape->rows, 1, 1});
}

enum { FLOATS = 1, HALVES = 2 };

static void rms_norm(recorder *r, const xl_vk_op *op, xl_vk_rows x, uint32_t outputs, uint32_t rows) {
    const xl_vk_rows *y = &r->executor->work[XL_VK_WORK_NORMED], *halves = &r->executor->work[XL_VK_WORK_HALVES];
    const struct {
        uint64_t x, w, b, y, packed;
        uint32_t width, x_stride, y_stride, packed_stride;
        float eps;
    } push = {xl_vk_address(x.span),
              xl_vk_address(op->norm),
              xl_vk_address(op->norm_bias),
              xl_vk_address(y->span),
              xl_vk_address(halves->span),
              (uint32_t)r->plan->program.width[op->from],
              x.stride,
              y->stride,
              halves->stride,
              op->norm_eps};
    dispatch(r, &(launch){XL_VK_SHADER_rms_norm, GROUP, &outputs, 1, &push, sizeof push, rows, 1, 1});
}

static void head_norm(recorder *r, const xl_vk_op *op, bool halves) {
    xl_vk_rows h = slot_rows(r, XL_SLOT_H, false), gate = slot_rows(r, XL_SLOT_O, false);
    const xl_vk_rows *y = &r->executor->work[XL_VK_WORK_HALVES];
    const uint32_t specs[] = {halves};
    const struct {
        uint64_t h, gate, w, b, y;
        uint32_t dv, h_stride, gate_stride, y_stride;
        float eps;
    } push = {xl_vk_address(h.span),
              xl_vk_address(gate.span),
              xl_vk_address(op->norm),
              xl_vk_address(op->norm_bias),
              xl_vk_address(y->span),
              (uint32_t)r->plan->program.v_head,
              h.stride,
              gate.stride,
              y->stride,
              op->norm_eps};
    dispatch(r, &(launch){XL_VK_SHADER_head_norm, GROUP / 2, specs, 1, &push, sizeof push, r->shape->rows,
                          (uint32_t)r->plan->program.heads, 1});
}

/* ---- products ---- */

/* An operation's input as its products read it. */
typedef struct input {
    xl_vk_rows x;
    const xl_vk_op *norm; /* whose norm the products themselves make of x; NULL: it is taken as it is */
    uint32_t rows;
} input;

typedef struct few_push {
    uint64_t w, heads, x, norm, norm_bias, bias, y;
    uint32_t rows, quads, blocks, width, x_stride, y_stride, tokens, add;
    float eps, cap;
} few_push;

/* How a product of few tokens is cut: see the constants of shaders/product_few.comp. */
typedef struct few_cut {
    uint32_t group, rows, unroll, split;
} few_cut;

/* The numbers are the best of those tried on an H100. */
static few_cut cut_few(const recorder *r, const xl_vk_product *w, uint32_t outs, uint32_t tokens, bool gated,
                       bool makes_norm) {
    enum { TEAMS_WANTED = 4096, MADE_TEAMS = 16 };
    const uint32_t lanes = r->plan->device->lanes;
    few_cut cut = {.group = GROUP, .rows = 2, .unroll = 2, .split = 1};
    /* Tokens are read again for every row, so that several rows share them. */
    if (tokens > 2) {
        cut.rows = 4;
        cut.unroll = 1;
    }
    if (makes_norm && tokens == 1) {
        /* A workgroup of more rows makes the input less often. */
        cut.group = MADE_TEAMS * lanes;
        if (cut.group > r->plan->device->group_max) cut.group = r->plan->device->group_max;
        if (w->format > XL_FORMAT_Q8_0) cut.rows = 4; /* a row is few units */
        if (w->rows > XL_VK_NARROW_ROWS) return cut;
    } else if (tokens == 1 && w->format <= XL_FORMAT_F16 && w->rows > XL_VK_NARROW_ROWS) {
        cut.rows = 4;
    }
    if (tokens == 1 && w->format > XL_FORMAT_Q8_0) cut.rows = 4; /* a row is few units */
    /* Where rows are few, several teams share them, so that the device has enough to do. */
    while (cut.split < cut.group / lanes && outs / cut.rows * cut.split < TEAMS_WANTED &&
           w->quads / (cut.split * 2) >= lanes)
        cut.split *= 2;
    return cut;
}

static void product_few(recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y, bool gated) {
    uint32_t outs = gated ? w->rows / 2 : w->rows, tokens = 1;
    while (tokens < in->rows && tokens < FEW_TOKENS) tokens *= 2;
    const few_cut cut = cut_few(r, w, outs, tokens, gated, in->norm != NULL);
    uint32_t padded = ceil_div(w->cols, COLUMNS_MAX) * COLUMNS_MAX;
    const uint32_t specs[] = {(uint32_t)w->format, cut.rows,         cut.unroll, tokens,
                              cut.split,           in->norm != NULL, gated,      in->norm ? padded / 4 : 1};
    const few_push push = {.w = xl_vk_address(w->values),
                           .heads = xl_vk_address(w->heads),
                           .x = xl_vk_address(in->x.span),
                           .norm = in->norm ? xl_vk_address(in->norm->norm) : 0,
                           .norm_bias = in->norm ? xl_vk_address(in->norm->norm_bias) : 0,
                           .bias = xl_vk_address(w->bias),
                           .y = xl_vk_address(y.span),
                           .rows = outs,
                           .quads = w->quads,
                           .blocks = w->blocks,
                           .width = w->cols,
                           .x_stride = in->x.stride,
                           .y_stride = y.stride,
                           .tokens = in->rows,
                           .add = w->add,
                           .eps = in->norm ? in->norm->norm_eps : 0,
                           .cap = w->cap};
    uint32_t each = cut.group / r->plan->device->lanes / cut.split * (gated ? cut.rows / 2 : cut.rows);
    dispatch(r, &(launch){XL_VK_SHADER_product_few, cut.group, specs, sizeof specs / sizeof *specs, &push,
                          sizeof push, ceil_div(outs, each), ceil_div(in->rows, tokens), 1});
}

static void product_many(recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y) {
    const struct {
        uint64_t w, heads, x, bias, y;
        uint32_t rows, quads, blocks, x_stride, y_stride, tokens, add;
        float cap;
    } push = {xl_vk_address(w->values),
              xl_vk_address(w->heads),
              xl_vk_address(in->x.span),
              xl_vk_address(w->bias),
              xl_vk_address(y.span),
              w->rows,
              w->quads,
              w->blocks,
              in->x.stride,
              y.stride,
              in->rows,
              w->add,
              w->cap};
    const uint32_t specs[] = {(uint32_t)w->format};
    dispatch(r, &(launch){XL_VK_SHADER_product_many, GROUP, specs, 1, &push, sizeof push, ceil_div(w->rows, SIDE),
                          ceil_div(in->rows, SIDE), 1});
}

static void product(recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y) {
    if (in->rows <= FEW_TOKENS || w->rows <= XL_VK_NARROW_ROWS) product_few(r, w, in, y, false);
    else product_many(r, w, in, y);
}

static void silu_mul(recorder *r, xl_vk_rows y, xl_vk_rows up, uint32_t rows) {
    uint32_t width = (uint32_t)r->plan->program.width[XL_SLOT_U];
    const struct {
        uint64_t y, up;
        uint32_t width, y_stride, up_stride;
    } push = {xl_vk_address(y.span), xl_vk_address(up.span), width, y.stride, up.stride};
    dispatch(r,
             &(launch){XL_VK_SHADER_silu_mul, GROUP, NULL, 0, &push, sizeof push, ceil_div(width, GROUP), rows, 1});
}

/* The two matrices of a gated product, where they are one. */
static xl_vk_product half(const xl_vk_product *both, uint32_t index) {
    xl_vk_product one = *both;
    const uint64_t quad_bytes = 16;
    one.rows /= 2;
    one.values.offset += index * (uint64_t)one.rows * one.quads * quad_bytes;
    /* The heads of all rows follow the values of all rows. */
    one.heads.offset += index * (uint64_t)one.rows * one.blocks * xl_vk_head_bytes(one.format);
    if (one.bias.block) one.bias.offset += index * one.rows * sizeof(float);
    return one;
}

static void gated(recorder *r, const xl_vk_op *op, const input *in) {
    xl_vk_rows y = xl_vk_slot_rows(r->executor, XL_SLOT_U), up = r->executor->work[XL_VK_WORK_UP];
    bool one = op->count == 1;
    if (one && in->rows <= FEW_TOKENS) {
        product_few(r, &op->products[0], in, y, true);
        return;
    }
    xl_vk_product first = one ? half(&op->products[0], 0) : op->products[0];
    xl_vk_product second = one ? half(&op->products[0], 1) : op->products[1];
    product(r, &first, in, y);
    product(r, &second, in, up);
    barrier(r);
    silu_mul(r, y, up, in->rows);
}

/* ---- products by the matrix units ---- */

/* A matrix, or rows of float32, as bfloat16. */
static void expand(recorder *r, const xl_vk_product *w, xl_vk_span to, uint32_t quads_out) {
    const struct {
        uint64_t w, heads, to;
        uint32_t rows, quads, blocks, quads_out;
    } push = {xl_vk_address(w->values),
              xl_vk_address(w->heads),
              xl_vk_address(to),
              w->rows,
              w->quads,
              w->blocks,
              quads_out};
    const uint32_t specs[] = {(uint32_t)w->format};
    /* Few devices take more workgroups in a direction. */
    uint32_t y = w->rows < DISPATCH_MAX ? w->rows : DISPATCH_MAX, z = ceil_div(w->rows, DISPATCH_MAX);
    dispatch(r,
             &(launch){XL_VK_SHADER_expand, GROUP, specs, 1, &push, sizeof push, ceil_div(quads_out, GROUP), y, z});
}

typedef struct matrix_push {
    uint64_t w, x, y;
    uint32_t token_tiles, part_rows;
} matrix_push;

typedef struct tile {
    xl_vk_shader shader;
    uint32_t tokens, rows; /* rows: outputs */
} tile;

/* The tile that was the fastest at such sizes on an H100. */
static tile choose_tile(uint32_t tokens, uint32_t rows, bool gated) {
    enum { MANY_TOKENS = 1024, MANY_ROWS = 4096 };
    if (tokens <= XL_VK_SMALL_TOKENS)
        return gated ? (tile){XL_VK_SHADER_matrix_small_gated, XL_VK_SMALL_TOKENS, 32}
                     : (tile){XL_VK_SHADER_matrix_small, XL_VK_SMALL_TOKENS, 64};
    if (gated) return (tile){XL_VK_SHADER_matrix_gated, XL_VK_TILE_TOKENS, 64};
    if (tokens >= MANY_TOKENS && rows > MANY_ROWS) return (tile){XL_VK_SHADER_matrix_wide, XL_VK_TILE_TOKENS, 192};
    return (tile){XL_VK_SHADER_matrix_square, XL_VK_TILE_TOKENS, 128};
}

/* y = y + the parts + bias, then the cap. */
static void finish(recorder *r, xl_vk_rows y, xl_vk_rows parts, uint32_t count, uint32_t width, uint32_t rows,
                   float cap) {
    const struct {
        uint64_t y, parts, bias, part;
        uint32_t width, stride, count;
        float cap;
    } push = {xl_vk_address(y.span),
              xl_vk_address(parts.span),
              0,
              (uint64_t)XL_VK_SMALL_TOKENS * parts.stride,
              width,
              y.stride,
              count,
              cap};
    barrier(r);
    dispatch(r,
             &(launch){XL_VK_SHADER_finish, GROUP, NULL, 0, &push, sizeof push, ceil_div(width, GROUP), rows, 1});
}

/* x: rows of bfloat16, the stride in floats all the same; y: float32, or bfloat16 of a gated product. */
static void product_matrix(recorder *r, const xl_vk_product *w, xl_vk_rows x, xl_vk_rows y, uint32_t tokens,
                           bool gated) {
    enum { QUAD_VALUES = 8, QUAD_FLOATS = 4, SPLIT_ROWS = 8192 };
    uint32_t rows = gated ? w->rows / 2 : w->rows, w_quads = w->quads;
    xl_vk_span values = w->values;
    const tile t = choose_tile(tokens, rows, gated);
    if (w->format != XL_FORMAT_BF16) {
        values = r->executor->work[XL_VK_WORK_EXPANDED].span;
        w_quads = w->cols / QUAD_VALUES;
        expand(r, w, values, w_quads);
        barrier(r);
    }
    bool split = t.tokens == XL_VK_SMALL_TOKENS && rows <= SPLIT_ROWS && w->add;
    xl_vk_rows to = split ? r->executor->work[XL_VK_WORK_PARTS] : y;
    const matrix_push push = {xl_vk_address(values), xl_vk_address(x.span), xl_vk_address(to.span),
                              ceil_div(tokens, t.tokens), XL_VK_SMALL_TOKENS};
    const uint32_t specs[] = {
        w_quads,          x.stride / QUAD_FLOATS, w->cols / QUAD_VALUES, rows, gated ? 2 * to.stride : to.stride,
        w->add && !split, split ? XL_VK_SPLIT : 1};
    dispatch(r, &(launch){t.shader, GROUP, specs, sizeof specs / sizeof *specs, &push, sizeof push,
                          push.token_tiles * ceil_div(rows, t.rows), split ? XL_VK_SPLIT : 1, 1});
    if (split || w->cap > 0) finish(r, y, to, split ? XL_VK_SPLIT : 0, rows, tokens, w->cap);
}

/* Whether operations on so many rows go to the matrix units. For few tokens it is not worth while to expand weights
 * in other formats. */
static bool by_matrix(const recorder *r, uint32_t rows) {
    return r->shape->matrix && rows > FEW_TOKENS && (!r->plan->expanded_bytes || rows > XL_VK_SMALL_TOKENS);
}

static void products_by_matrix(recorder *r, const xl_vk_op *op, uint32_t rows, bool behind) {
    xl_executor *e = r->executor;
    xl_vk_rows x = slot_rows(r, op->from, behind), halves = e->work[XL_VK_WORK_HALVES];
    if (op->norm.block) {
        rms_norm(r, op, x, op->count > 1 ? FLOATS | HALVES : HALVES, rows);
        barrier(r);
    } else if (op->from == XL_SLOT_H && behind) {
        /* Which rows of H are wanted was not known to the cell's norm. */
        const xl_vk_product h = {.format = XL_FORMAT_F32, .values = x.span, .rows = rows, .quads = x.stride / 4};
        expand(r, &h, halves.span, (uint32_t)r->plan->program.width[XL_SLOT_H] / 8);
        barrier(r);
        halves.stride = (uint32_t)r->plan->program.width[XL_SLOT_H] / 2;
    } else if (op->from != XL_SLOT_H) {
        halves = x; /* a gated product leaves bfloat16 in its slot */
    }
    if (op->kind == XL_OP_GATED) {
        product_matrix(r, &op->products[0], halves, xl_vk_slot_rows(e, XL_SLOT_U), rows, true);
        return;
    }
    const input exact = {.x = e->work[XL_VK_WORK_NORMED], .rows = rows};
    for (uint32_t i = 0; i < op->count; i++) {
        const xl_vk_product *w = &op->products[i];
        xl_vk_rows y = op->kind == XL_OP_LOGITS ? e->work[XL_VK_WORK_LOGITS] : slot_rows(r, w->to, behind);
        if (w->rows <= XL_VK_NARROW_ROWS) product_few(r, w, &exact, y, false);
        else product_matrix(r, w, halves, y, rows, false);
    }
}

/* ---- products of any kind ---- */

/* Whether the products can make the norm themselves: for one token whose vector fits into shared memory. */
static bool fuses(const recorder *r, uint32_t rows, int64_t width) {
    return rows == 1 && (uint64_t)(width + COLUMNS_MAX) * sizeof(float) <= r->plan->device->shared_bytes / 2;
}

static void products(recorder *r, const xl_vk_op *op, uint32_t rows, bool behind) {
    if (by_matrix(r, rows)) {
        products_by_matrix(r, op, rows, behind);
        return;
    }
    input in = {.x = slot_rows(r, op->from, behind), .rows = rows};
    if (op->norm.block && fuses(r, rows, r->plan->program.width[op->from])) {
        in.norm = op;
    } else if (op->norm.block) {
        rms_norm(r, op, in.x, FLOATS, rows);
        barrier(r);
        in.x = r->executor->work[XL_VK_WORK_NORMED];
    }
    if (op->kind == XL_OP_GATED) {
        gated(r, op, &in);
        return;
    }
    for (uint32_t i = 0; i < op->count; i++) {
        const xl_vk_product *w = &op->products[i];
        xl_vk_rows y =
            op->kind == XL_OP_LOGITS ? r->executor->work[XL_VK_WORK_LOGITS] : slot_rows(r, w->to, behind);
        product(r, w, &in, y);
    }
}

/* ---- the cell ---- */

typedef struct shape_push {
    uint32_t heads, dqk, dv, spare;
} shape_push;

/* What the cell's shaders read and write. */
typedef struct cell {
    uint64_t slices, chunks, q, k, v, i, f, h, gates, weights, decay, c_before, n_before, block;
    uint32_t stride, gate_stride, h_stride;
    shape_push shape;
    float eps, scale;
} cell;

static cell find_cell(const recorder *r, const xl_vk_op *op) {
    const xl_executor *e = r->executor;
    const xl_program *p = &r->plan->program;
    const xl_vk_rows *work = e->work;
    return (cell){
        .slices = xl_vk_address(control(r, e->slices)),
        .chunks = xl_vk_address(control(r, e->chunks)),
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

static void cell_steps(recorder *r, const cell *c) {
    for (uint32_t token = 0; token < r->shape->steps; token++) {
        const struct {
            uint64_t slices, q, k, v, i, f, h, block;
            shape_push shape;
            uint32_t stride, gate_stride, h_stride, token;
            float eps, scale;
        } push = {c->slices, c->q,      c->k,           c->v,        c->i,  c->f,   c->h,    c->block,
                  c->shape,  c->stride, c->gate_stride, c->h_stride, token, c->eps, c->scale};
        const uint32_t specs[] = {STEP_COLUMNS, c->shape.dqk};
        if (token) barrier(r);
        dispatch(r, &(launch){XL_VK_SHADER_step, GROUP, specs, 2, &push, sizeof push,
                              ceil_div(c->shape.dv, STEP_COLUMNS), c->shape.heads, r->shape->slices});
    }
}

static void chunk_gates(recorder *r, const cell *c) {
    const struct {
        uint64_t slices, chunks, i, f, gates, decay, block;
        shape_push shape;
        uint32_t gate_stride;
    } push = {c->slices, c->chunks, c->i, c->f, c->gates, c->decay, c->block, c->shape, c->gate_stride};
    const uint32_t most = r->plan->device->group_max;
    dispatch(r, &(launch){XL_VK_SHADER_chunk_gates, most < GATES_GROUP ? most : GATES_GROUP, NULL, 0, &push,
                          sizeof push, c->shape.heads, r->shape->slices, 1});
}

static void chunk_states(recorder *r, const cell *c, uint32_t head, uint32_t heads) {
    const struct {
        uint64_t slices, chunks, k, v, gates, decay, c_before, n_before, block;
        shape_push shape;
        uint32_t stride, first_head;
    } push = {c->slices,   c->chunks,   c->k,     c->v,     c->gates,  c->decay,
              c->c_before, c->n_before, c->block, c->shape, c->stride, head};
    dispatch(r, &(launch){XL_VK_SHADER_chunk_states, GROUP, NULL, 0, &push, sizeof push,
                          ceil_div(c->shape.dqk, SIDE) * ceil_div(c->shape.dv, SIDE), heads, r->shape->slices});
}

static void chunk_weights(recorder *r, const cell *c, uint32_t head, uint32_t heads) {
    uint32_t side = ceil_div(r->shape->longest, SIDE);
    const struct {
        uint64_t chunks, q, k, gates, weights;
        shape_push shape;
        uint32_t stride, longest, first_head, side;
        float scale;
    } push = {c->chunks,         c->q, c->k, c->gates, c->weights, c->shape, c->stride,
              r->shape->longest, head, side, c->scale};
    dispatch(r, &(launch){XL_VK_SHADER_chunk_weights, GROUP, NULL, 0, &push, sizeof push, side * side, heads,
                          r->shape->chunks});
}

static void chunk_output(recorder *r, const cell *c, uint32_t head, uint32_t heads) {
    uint32_t side = ceil_div(r->shape->longest, SIDE), columns = ceil_div(c->shape.dv, SIDE);
    const struct {
        uint64_t chunks, q, v, gates, weights, c_before, n_before, h;
        shape_push shape;
        uint32_t stride, h_stride, longest, first_head;
        float eps, scale;
        uint32_t columns;
    } push = {c->chunks, c->q,      c->v,        c->gates,          c->weights, c->c_before, c->n_before, c->h,
              c->shape,  c->stride, c->h_stride, r->shape->longest, head,       c->eps,      c->scale,    columns};
    dispatch(r, &(launch){XL_VK_SHADER_chunk_output, GROUP, NULL, 0, &push, sizeof push, side * columns, heads,
                          r->shape->chunks});
}

static void cell_chunks(recorder *r, const cell *c) {
    uint32_t band = r->shape->band, all = c->shape.heads;
    chunk_gates(r, c);
    barrier(r);
    for (uint32_t head = 0; head < all; head += band) {
        uint32_t heads = all - head < band ? all - head : band;
        chunk_states(r, c, head, heads);
        chunk_weights(r, c, head, heads);
    }
    barrier(r);
    for (uint32_t head = 0; head < all; head += band)
        chunk_output(r, c, head, all - head < band ? all - head : band);
}

static void cell_halves(recorder *r, const cell *c, uint32_t tile_rows) {
    const xl_vk_rows *to = &r->executor->work[XL_VK_WORK_CELL];
    const struct {
        uint64_t chunks, q, k, v, gates, to;
        shape_push shape;
        uint32_t stride, to_stride, tile_rows;
        float scale;
    } push = {c->chunks, c->q,      c->k,       c->v,      c->gates, xl_vk_address(to->span),
              c->shape,  c->stride, to->stride, tile_rows, c->scale};
    dispatch(r, &(launch){XL_VK_SHADER_chunk_halves, GROUP, NULL, 0, &push, sizeof push, 1, tile_rows,
                          r->shape->chunks});
}

static void cell_by_matrix(recorder *r, const cell *c) {
    const xl_vk_rows *rows = &r->executor->work[XL_VK_WORK_CELL];
    uint32_t tile_rows = ceil_div(r->shape->longest, XL_VK_CELL_SIDE) * XL_VK_CELL_SIDE;
    uint32_t columns = c->shape.dv / XL_VK_CELL_SIDE;
    const struct {
        uint64_t slices, chunks, halves, decay, c_before, n_before, block;
        shape_push shape;
        uint32_t stride, tile_rows;
    } states = {c->slices, c->chunks, xl_vk_address(rows->span), c->decay, c->c_before, c->n_before,
                c->block,  c->shape,  2 * rows->stride,          tile_rows};
    const struct {
        uint64_t chunks, halves, gates, c_before, n_before, h;
        shape_push shape;
        uint32_t stride, tile_rows, h_stride;
        float eps;
    } output = {c->chunks, xl_vk_address(rows->span), c->gates,  c->c_before, c->n_before, c->h,
                c->shape,  2 * rows->stride,          tile_rows, c->h_stride, c->eps};
    chunk_gates(r, c);
    barrier(r);
    cell_halves(r, c, tile_rows);
    barrier(r);
    dispatch(r, &(launch){XL_VK_SHADER_cell_states, GROUP, NULL, 0, &states, sizeof states,
                          c->shape.dqk / XL_VK_CELL_SIDE * columns, c->shape.heads, r->shape->slices});
    barrier(r);
    dispatch(r, &(launch){XL_VK_SHADER_cell_output, GROUP, NULL, 0, &output, sizeof output,
                          tile_rows / XL_VK_CELL_SIDE * (c->shape.dv / XL_VK_CELL_COLUMNS), c->shape.heads,
                          r->shape->chunks});
}

static void run_cell(recorder *r, const xl_vk_op *op) {
    const cell c = find_cell(r, op);
    if (r->shape->steps) cell_steps(r, &c);
    else if (r->shape->cell_rows) cell_by_matrix(r, &c);
    else cell_chunks(r, &c);
    barrier(r);
    bool last = op == &r->plan->ops[r->plan->last_cell];
    head_norm(r, op, !last && by_matrix(r, r->shape->rows));
}

/* ---- the segment ---- */

static void gather(recorder *r) {
    static const struct {
        xl_slot slot;
        xl_vk_work to;
    } moved[] = {{XL_SLOT_X, XL_VK_WORK_KEPT_X}, {XL_SLOT_H, XL_VK_WORK_KEPT_H}};
    for (int i = 0; i < 2; i++) {
        xl_vk_rows from = slot_rows(r, moved[i].slot, false), to = r->executor->work[moved[i].to];
        uint32_t width = (uint32_t)r->plan->program.width[moved[i].slot];
        const struct {
            uint64_t from, to, rows;
            uint32_t width, stride;
        } push = {xl_vk_address(from.span), xl_vk_address(to.span), xl_vk_address(control(r, r->executor->kept)),
                  width, from.stride};
        dispatch(r, &(launch){XL_VK_SHADER_gather, GROUP, NULL, 0, &push, sizeof push, ceil_div(width, GROUP),
                              r->shape->kept, 1});
    }
}

static void copy_logits(recorder *r) {
    const xl_executor *e = r->executor;
    xl_vk_span from = e->work[XL_VK_WORK_LOGITS].span;
    const VkBufferCopy region = {.srcOffset = from.offset,
                                 .size =
                                     (uint64_t)r->shape->kept * (uint64_t)r->plan->program.vocab * sizeof(float)};
    xl_vk_full_barrier(r->commands);
    vkCmdCopyBuffer(r->commands, from.block->buffer, e->logits.buffer, 1, &region);
}

static void record_ops(recorder *r) {
    const xl_vk_shape *shape = r->shape;
    for (size_t i = 0; i < r->plan->count; i++) {
        const xl_vk_op *op = &r->plan->ops[i];
        bool behind = i > r->plan->last_cell;
        uint32_t rows = behind ? shape->kept : shape->rows;
        if (!rows) break;
        r->op = op->kind == XL_OP_PROJECT ? XL_OP_LOGITS + 1 + (int)op->from : (int)op->kind;
        if (i) barrier(r);
        if (i == r->plan->last_cell + 1 && shape->scattered) {
            gather(r);
            barrier(r);
        }
        if (op->kind == XL_OP_EMBED) embed(r, op);
        else if (op->kind == XL_OP_CELL) run_cell(r, op);
        else products(r, op, rows, behind);
    }
}

int xl_vk_record(xl_executor *e, const xl_vk_shape *shape, xlstm_error *err) {
    if (!memcmp(&e->recorded, shape, sizeof *shape)) return XLSTM_OK;
    recorder r = {.executor = e, .plan = e->plan, .shape = shape, .commands = e->commands, .err = err};
    e->recorded = (xl_vk_shape){0};
    int status = xl_vk_begin(e->plan->device, e->commands, false, err);
    if (status) return status;
    xl_vk_full_barrier(r.commands);
    if (e->queries) {
        vkCmdResetQueryPool(r.commands, e->queries, 0, XL_VK_STAMPS_MAX);
        e->stamps = 0;
        stamp(&r, XL_VK_SHADER_COUNT);
    }
    record_ops(&r);
    if (shape->kept) copy_logits(&r);
    xl_vk_full_barrier(r.commands);
    VkResult result = vkEndCommandBuffer(e->commands);
    if (r.status) return r.status;
    if (result) return xl_vk_fail(e->plan->device, result, "recording work", err);
    e->recorded = *shape;
    return XLSTM_OK;
}
