/* A segment's commands: the program's operations as dispatches with barriers between those that depend on each
 * other. Addresses are computed here, so a recording holds as long as the workspace stays. */
#include <string.h>

#include "backend/vulkan/vk_recorder.h"
#include "base/error.h"

enum {
    FEW_TOKENS = XL_FEW_TOKENS,
    COLUMNS_MAX = 256, /* of a block: rows of weights end with one */
    DISPATCH_MAX = 65535
};

static xl_vk_rows from_row(xl_vk_rows rows, uint32_t first) {
    rows.span.offset += (uint64_t)first * rows.stride * sizeof(float);
    return rows;
}

/* A slot as operations behind the last cell see it: the wanted rows alone. */
static xl_vk_rows slot_rows(const xl_vk_recorder *r, xl_slot slot, bool behind) {
    const xl_executor *e = r->executor;
    xl_vk_rows rows = xl_vk_slot_rows(e, slot);
    if (!behind || (slot != XL_SLOT_X && slot != XL_SLOT_H)) return rows;
    if (r->shape->scattered) return e->work[slot == XL_SLOT_X ? XL_VK_WORK_KEPT_X : XL_VK_WORK_KEPT_H];
    return from_row(rows, r->shape->kept_first);
}

/* ---- embedding and norms ---- */

static void embed(xl_vk_recorder *r, const xl_vk_op *op) {
    const xl_vk_product *w = &op->products[0];
    xl_vk_rows x = slot_rows(r, XL_SLOT_X, false);
    const struct {
        uint64_t w, heads, ids, x;
        uint32_t quads, blocks, width, x_stride;
    } push = {xl_vk_address(w->values),
              xl_vk_address(w->heads),
              xl_vk_address(xl_vk_control(r, r->executor->ids)),
              xl_vk_address(x.span),
              w->quads,
              w->blocks,
              w->cols,
              x.stride};
    const uint32_t specs[] = {(uint32_t)w->format};
    xl_vk_dispatch(
        r, &(xl_vk_launch){XL_VK_SHADER_embed, XL_VK_SIDE, specs, 1, &push, sizeof push, r->shape->rows, 1, 1});
}

enum { FLOATS = 1, HALVES = 2 };

static void rms_norm(xl_vk_recorder *r, const xl_vk_op *op, xl_vk_rows x, uint32_t outputs, uint32_t rows) {
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
    xl_vk_dispatch(
        r, &(xl_vk_launch){XL_VK_SHADER_rms_norm, XL_VK_GROUP, &outputs, 1, &push, sizeof push, rows, 1, 1});
}

static void head_norm(xl_vk_recorder *r, const xl_vk_op *op, bool halves) {
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
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_head_norm, XL_VK_GROUP / 2, specs, 1, &push, sizeof push,
                                      r->shape->rows, (uint32_t)r->plan->program.heads, 1});
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
static few_cut cut_few(const xl_vk_recorder *r, const xl_vk_product *w, uint32_t outs, uint32_t tokens, bool gated,
                       bool makes_norm) {
    enum { TEAMS_WANTED = 4096, MADE_TEAMS = 16 };
    const uint32_t lanes = r->plan->device->lanes;
    few_cut cut = {.group = XL_VK_GROUP, .rows = 2, .unroll = 2, .split = 1};
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

static void product_few(xl_vk_recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y, bool gated) {
    uint32_t outs = gated ? w->rows / 2 : w->rows, tokens = 1;
    while (tokens < in->rows && tokens < FEW_TOKENS) tokens *= 2;
    const few_cut cut = cut_few(r, w, outs, tokens, gated, in->norm != NULL);
    uint32_t padded = xl_vk_ceil_div(w->cols, COLUMNS_MAX) * COLUMNS_MAX;
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
    xl_vk_dispatch(r,
                   &(xl_vk_launch){XL_VK_SHADER_product_few, cut.group, specs, sizeof specs / sizeof *specs, &push,
                                   sizeof push, xl_vk_ceil_div(outs, each), xl_vk_ceil_div(in->rows, tokens), 1});
}

static void product_many(xl_vk_recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y) {
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
    xl_vk_dispatch(r,
                   &(xl_vk_launch){XL_VK_SHADER_product_many, XL_VK_GROUP, specs, 1, &push, sizeof push,
                                   xl_vk_ceil_div(w->rows, XL_VK_SIDE), xl_vk_ceil_div(in->rows, XL_VK_SIDE), 1});
}

static void product(xl_vk_recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y) {
    if (in->rows <= FEW_TOKENS || w->rows <= XL_VK_NARROW_ROWS) product_few(r, w, in, y, false);
    else product_many(r, w, in, y);
}

static void silu_mul(xl_vk_recorder *r, xl_vk_rows y, xl_vk_rows up, uint32_t rows) {
    uint32_t width = (uint32_t)r->plan->program.width[XL_SLOT_U];
    const struct {
        uint64_t y, up;
        uint32_t width, y_stride, up_stride;
    } push = {xl_vk_address(y.span), xl_vk_address(up.span), width, y.stride, up.stride};
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_silu_mul, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                      xl_vk_ceil_div(width, XL_VK_GROUP), rows, 1});
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

static void gated(xl_vk_recorder *r, const xl_vk_op *op, const input *in) {
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
    xl_vk_barrier(r);
    silu_mul(r, y, up, in->rows);
}

/* ---- products by the matrix units ---- */

/* A matrix, or rows of float32, as bfloat16. */
static void expand(xl_vk_recorder *r, const xl_vk_product *w, xl_vk_span to, uint32_t quads_out) {
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
    uint32_t y = w->rows < DISPATCH_MAX ? w->rows : DISPATCH_MAX, z = xl_vk_ceil_div(w->rows, DISPATCH_MAX);
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_expand, XL_VK_GROUP, specs, 1, &push, sizeof push,
                                      xl_vk_ceil_div(quads_out, XL_VK_GROUP), y, z});
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
static void finish(xl_vk_recorder *r, xl_vk_rows y, xl_vk_rows parts, uint32_t count, uint32_t width, uint32_t rows,
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
    xl_vk_barrier(r);
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_finish, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                      xl_vk_ceil_div(width, XL_VK_GROUP), rows, 1});
}

/* x: rows of bfloat16, the stride in floats all the same; y: float32, or bfloat16 of a gated product. */
static void product_matrix(xl_vk_recorder *r, const xl_vk_product *w, xl_vk_rows x, xl_vk_rows y, uint32_t tokens,
                           bool gated) {
    enum { QUAD_VALUES = 8, QUAD_FLOATS = 4, SPLIT_ROWS = 8192 };
    uint32_t rows = gated ? w->rows / 2 : w->rows, w_quads = w->quads;
    xl_vk_span values = w->values;
    const tile t = choose_tile(tokens, rows, gated);
    if (w->format != XL_FORMAT_BF16) {
        values = r->executor->work[XL_VK_WORK_EXPANDED].span;
        w_quads = w->cols / QUAD_VALUES;
        expand(r, w, values, w_quads);
        xl_vk_barrier(r);
    }
    bool split = t.tokens == XL_VK_SMALL_TOKENS && rows <= SPLIT_ROWS && w->add;
    xl_vk_rows to = split ? r->executor->work[XL_VK_WORK_PARTS] : y;
    const matrix_push push = {xl_vk_address(values), xl_vk_address(x.span), xl_vk_address(to.span),
                              xl_vk_ceil_div(tokens, t.tokens), XL_VK_SMALL_TOKENS};
    const uint32_t specs[] = {
        w_quads,          x.stride / QUAD_FLOATS, w->cols / QUAD_VALUES, rows, gated ? 2 * to.stride : to.stride,
        w->add && !split, split ? XL_VK_SPLIT : 1};
    xl_vk_dispatch(r,
                   &(xl_vk_launch){t.shader, XL_VK_GROUP, specs, sizeof specs / sizeof *specs, &push, sizeof push,
                                   push.token_tiles * xl_vk_ceil_div(rows, t.rows), split ? XL_VK_SPLIT : 1, 1});
    if (split || w->cap > 0) finish(r, y, to, split ? XL_VK_SPLIT : 0, rows, tokens, w->cap);
}

/* Whether operations on so many rows go to the matrix units. For few tokens it is not worth while to expand weights
 * in other formats. */
static bool by_matrix(const xl_vk_recorder *r, uint32_t rows) {
    return r->shape->matrix && rows > FEW_TOKENS && (!r->plan->expanded_bytes || rows > XL_VK_SMALL_TOKENS);
}

static void products_by_matrix(xl_vk_recorder *r, const xl_vk_op *op, uint32_t rows, bool behind) {
    xl_executor *e = r->executor;
    xl_vk_rows x = slot_rows(r, op->from, behind), halves = e->work[XL_VK_WORK_HALVES];
    if (op->norm.block) {
        rms_norm(r, op, x, op->count > 1 ? FLOATS | HALVES : HALVES, rows);
        xl_vk_barrier(r);
    } else if (op->from == XL_SLOT_H && behind) {
        /* Which rows of H are wanted was not known to the cell's norm. */
        const xl_vk_product h = {.format = XL_FORMAT_F32, .values = x.span, .rows = rows, .quads = x.stride / 4};
        expand(r, &h, halves.span, (uint32_t)r->plan->program.width[XL_SLOT_H] / 8);
        xl_vk_barrier(r);
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
static bool fuses(const xl_vk_recorder *r, uint32_t rows, int64_t width) {
    return rows == 1 && (uint64_t)(width + COLUMNS_MAX) * sizeof(float) <= r->plan->device->shared_bytes / 2;
}

static void products(xl_vk_recorder *r, const xl_vk_op *op, uint32_t rows, bool behind) {
    if (by_matrix(r, rows)) {
        products_by_matrix(r, op, rows, behind);
        return;
    }
    input in = {.x = slot_rows(r, op->from, behind), .rows = rows};
    if (op->norm.block && fuses(r, rows, r->plan->program.width[op->from])) {
        in.norm = op;
    } else if (op->norm.block) {
        rms_norm(r, op, in.x, FLOATS, rows);
        xl_vk_barrier(r);
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

static void run_cell(xl_vk_recorder *r, const xl_vk_op *op) {
    xl_vk_record_cell(r, op);
    xl_vk_barrier(r);
    bool last = op == &r->plan->ops[r->plan->last_cell];
    head_norm(r, op, !last && by_matrix(r, r->shape->rows));
}

/* ---- the segment ---- */

static void gather(xl_vk_recorder *r) {
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
        } push = {xl_vk_address(from.span), xl_vk_address(to.span),
                  xl_vk_address(xl_vk_control(r, r->executor->kept)), width, from.stride};
        xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_gather, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                          xl_vk_ceil_div(width, XL_VK_GROUP), r->shape->kept, 1});
    }
}

static void copy_logits(xl_vk_recorder *r) {
    const xl_executor *e = r->executor;
    xl_vk_span from = e->work[XL_VK_WORK_LOGITS].span;
    const VkBufferCopy region = {.srcOffset = from.offset,
                                 .size =
                                     (uint64_t)r->shape->kept * (uint64_t)r->plan->program.vocab * sizeof(float)};
    xl_vk_full_barrier(r->commands);
    vkCmdCopyBuffer(r->commands, from.block->buffer, e->logits.buffer, 1, &region);
}

static void record_ops(xl_vk_recorder *r) {
    const xl_vk_shape *shape = r->shape;
    for (size_t i = 0; i < r->plan->count; i++) {
        const xl_vk_op *op = &r->plan->ops[i];
        bool behind = i > r->plan->last_cell;
        uint32_t rows = behind ? shape->kept : shape->rows;
        if (!rows) break;
        r->op = op->kind == XL_OP_PROJECT ? XL_OP_LOGITS + 1 + (int)op->from : (int)op->kind;
        if (i) xl_vk_barrier(r);
        if (i == r->plan->last_cell + 1 && shape->scattered) {
            gather(r);
            xl_vk_barrier(r);
        }
        if (op->kind == XL_OP_EMBED) embed(r, op);
        else if (op->kind == XL_OP_CELL) run_cell(r, op);
        else products(r, op, rows, behind);
    }
}

int xl_vk_record(xl_executor *e, const xl_vk_shape *shape, xlstm_error *err) {
    if (!memcmp(&e->recorded, shape, sizeof *shape)) return XLSTM_OK;
    xl_vk_recorder r = {.executor = e, .plan = e->plan, .shape = shape, .commands = e->commands, .err = err};
    e->recorded = (xl_vk_shape){0};
    int status = xl_vk_begin(e->plan->device, e->commands, false, err);
    if (status) return status;
    xl_vk_full_barrier(r.commands);
    if (e->queries) {
        vkCmdResetQueryPool(r.commands, e->queries, 0, XL_VK_STAMPS_MAX);
        e->stamps = 0;
        xl_vk_stamp_now(&r, XL_VK_SHADER_COUNT);
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
