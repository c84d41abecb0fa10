/* Products of a segment's commands: of few tokens, of many, in 8-bit integers and by the matrix units. */
#include <stddef.h>

#include "backend/vulkan/vk_recorder.h"

enum {
    MANY_ROWS = 8192, /* so many keep a device busy, each with one team */
    FEW_TOKENS = XL_FEW_TOKENS,
    FEW_TIMES = 3, /* by what was tried on an H200 */
    DISPATCH_MAX = 65535
};

xl_vk_rows xl_vk_seen_rows(const xl_vk_recorder *r, xl_slot slot, bool behind) {
    const xl_executor *e = r->executor;
    xl_vk_rows rows = xl_vk_slot_rows(e, slot);
    if (!behind || (slot != XL_SLOT_X && slot != XL_SLOT_H)) return rows;
    if (r->shape->scattered) return e->work[slot == XL_SLOT_X ? XL_VK_WORK_KEPT_X : XL_VK_WORK_KEPT_H];
    return xl_vk_from_row(rows, r->shape->kept_first);
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
    const uint32_t specs[] = {outputs, xl_vk_padded_quads(push.width)};
    xl_vk_dispatch(r,
                   &(xl_vk_launch){XL_VK_SHADER_rms_norm, XL_VK_GROUP, specs, 2, &push, sizeof push, rows, 1, 1});
}

/* ---- products ---- */

/* An operation's input as its products read it. */
typedef struct input {
    xl_vk_rows x;
    const xl_vk_op *norm; /* whose norm the products themselves make of x; NULL: it is taken as it is */
    xl_vk_rows rounded;   /* what shaders/round.comp has made of x; no block: nothing */
    uint32_t rows;
} input;

typedef struct few_push {
    uint64_t w, heads, x, norm, norm_bias, bias, y;
    uint32_t rows, quads, blocks, width, x_stride, y_stride, tokens, add;
    float eps, cap;
    uint32_t stage, total; /* with the order, of shaders that are ordered alone */
    uint64_t order;
} few_push;

/* How a product of few tokens is cut: see the constants of shaders/product_few.comp. */
typedef struct few_cut {
    uint32_t group, rows, unroll, split;
} few_cut;

static uint32_t lanes_of(const xl_vk_recorder *r) {
    return xl_vk_lanes(r->plan->device, r->shape->knobs.subgroups);
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Whether a product is made by dot products of 8-bit integers; the narrow ones are the gates. */
static bool by_integers(const xl_vk_recorder *r, const xl_vk_product *w, uint32_t rows) {
    const uint32_t most = r->plan->matrix ? (uint32_t)xl_vk_few_tokens(r->plan) : XL_VK_SMALL_TOKENS;
    return r->shape->integers && w->blocks && w->rows > XL_VK_NARROW_ROWS && rows <= most;
}

/* Where a product takes its input from: memory, as it is; shared memory, made by every workgroup; memory, rounded.
 */
typedef enum source { READ, MADE, READY } source;

/* By integers, for one token: the best of those tried on an H200. */
static few_cut integer_cut(const xl_vk_recorder *r, const xl_vk_product *w, uint32_t outs, source from) {
    enum { MADE_TEAMS = 16 };
    few_cut cut = {.group = XL_VK_GROUP, .rows = 2, .unroll = 2, .split = 1};
    if (from == MADE) cut.group = least(MADE_TEAMS * lanes_of(r), r->plan->device->group_max);
    /* A row of smaller numbers is fewer units. */
    if (outs > MANY_ROWS && w->format > XL_FORMAT_Q8_0) cut.unroll = 1;
    if (outs <= MANY_ROWS && w->format == XL_FORMAT_Q8_0) cut.split = 2;
    return cut;
}

/* The numbers are the best of those tried on an H100. */
static few_cut auto_cut(const xl_vk_recorder *r, const xl_vk_product *w, uint32_t outs, uint32_t tokens,
                        source from) {
    enum { TEAMS_WANTED = 4096, MADE_TEAMS = 16 };
    const uint32_t lanes = lanes_of(r);
    const bool narrow = w->rows <= XL_VK_NARROW_ROWS;
    few_cut cut = {.group = XL_VK_GROUP, .rows = 2, .unroll = 2, .split = 1};
    if (tokens == 1 && by_integers(r, w, 1)) return integer_cut(r, w, outs, from);
    /* Tokens are read again for every row, so that several rows share them. */
    if (tokens > 2) {
        cut.rows = by_integers(r, w, tokens) ? 2 : 4; /* two were the best by integers on an H200 */
        cut.unroll = 1;
    }
    if (narrow && tokens > 1) cut.rows = 1; /* else there are few workgroups */
    if (from == MADE) {
        /* A workgroup of more rows makes the input less often. */
        cut.group = least(MADE_TEAMS * lanes, r->plan->device->group_max);
        if (w->format > XL_FORMAT_Q8_0) cut.rows = 4; /* a row is few units */
        if (!narrow) return cut;
    } else if (tokens == 1 && w->format <= XL_FORMAT_F16 && !narrow) {
        cut.rows = 4;
    }
    if (tokens == 1 && w->format > XL_FORMAT_Q8_0) cut.rows = 4;
    /* Where rows are few, several teams share them, so that the device has enough to do. */
    while (cut.split < cut.group / lanes && outs / cut.rows * cut.split < TEAMS_WANTED &&
           w->quads / (cut.split * 2) >= lanes)
        cut.split *= 2;
    return cut;
}

/* The cut with what the tunables ask for. */
static few_cut cut_few(const xl_vk_recorder *r, const xl_vk_product *w, uint32_t outs, uint32_t tokens, source from,
                       bool gated) {
    const xl_vk_knobs *knobs = &r->shape->knobs;
    const uint32_t lanes = lanes_of(r);
    few_cut cut = auto_cut(r, w, outs, tokens, from);
    const bool narrow = w->rows <= XL_VK_NARROW_ROWS;
    if (knobs->rows && !narrow) cut.rows = knobs->rows;
    if (gated && cut.rows < 2) cut.rows = 2; /* a gate and what it gates */
    if (narrow) return cut;
    if (knobs->group) cut.group = knobs->group > lanes ? knobs->group : lanes;
    if (knobs->unroll) cut.unroll = knobs->unroll;
    if (knobs->split) cut.split = knobs->split;
    cut.split = least(cut.split, cut.group / lanes);
    /* What is in flight at once is no more than a row has. */
    while (cut.unroll > 1 && lanes * cut.split * cut.unroll > w->quads) cut.unroll /= 2;
    return cut;
}

/* Some more tokens than few are several times few: the tiles of many would be mostly empty. */
static bool is_few(const xl_vk_recorder *r, const xl_vk_product *w, uint32_t rows) {
    return rows <= FEW_TIMES * FEW_TOKENS || w->rows <= XL_VK_NARROW_ROWS || by_integers(r, w, rows);
}

/* Whether the operation behind this one multiplies the slot by integers. */
bool xl_vk_next_by_integers(const xl_vk_recorder *r, const xl_vk_op *op, xl_slot slot, uint32_t rows) {
    const xl_vk_op *next = op + 1;
    return next < r->plan->ops + r->plan->count && next->kind == XL_OP_PROJECT && next->from == slot &&
           next->count == 1 && !next->norm.block && by_integers(r, &next->products[0], rows);
}

/* rounds: the output is to be left as shaders/round.comp makes it, if workgroups have whole blocks of it. */
static void product_few(xl_vk_recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y, bool gated,
                        bool rounds) {
    enum {
        NONE,
        RMS_NORM,
        ROUNDED,
        COPIED,
        BLOCK = 32,
        NARROW_TOKENS = 2,
        COPYING_TEAMS = 16
    }; /* the first four as in shaders/few.glsl */
    const bool integers = by_integers(r, w, in->rows), rounded = integers && in->rounded.span.block;
    const uint32_t most = w->rows <= XL_VK_NARROW_ROWS ? NARROW_TOKENS : FEW_TOKENS;
    const xl_vk_rows x = rounded ? in->rounded : in->x;
    uint32_t outs = gated ? w->rows / 2 : w->rows, tokens = 1;
    while (tokens < in->rows && tokens < most) tokens *= 2;
    const bool copied = r->ordered && (rounded || !(integers || in->norm));
    const source from = rounded ? READY : integers || in->norm ? MADE : READ;
    few_cut cut = cut_few(r, w, outs, tokens, from, gated);
    /* Workgroups that each copy the input are better large. */
    if (copied && !r->shape->knobs.group)
        cut.group = least(COPYING_TEAMS * lanes_of(r), r->plan->device->group_max);
    const uint32_t each = cut.group / lanes_of(r) / cut.split * (gated ? cut.rows / 2 : cut.rows);
    rounds = rounds && integers && each % BLOCK == 0 && outs % BLOCK == 0;
    if (rounds) y = r->rounded[w->to] = r->executor->work[XL_VK_WORK_ROUNDED_U];
    const uint32_t specs[] = {(uint32_t)w->format,
                              cut.rows,
                              cut.unroll,
                              tokens,
                              cut.split,
                              copied     ? COPIED
                              : rounded  ? ROUNDED
                              : in->norm ? RMS_NORM
                                         : NONE,
                              gated,
                              integers || in->norm || copied ? xl_vk_padded_quads(w->cols) : 1,
                              rounds};
    const few_push push = {.w = xl_vk_address(w->values),
                           .heads = xl_vk_address(w->heads),
                           .x = xl_vk_address(x.span),
                           .norm = in->norm ? xl_vk_address(in->norm->norm) : 0,
                           .norm_bias = in->norm ? xl_vk_address(in->norm->norm_bias) : 0,
                           .bias = xl_vk_address(w->bias),
                           .y = xl_vk_address(y.span),
                           .rows = outs,
                           .quads = w->quads,
                           .blocks = w->blocks,
                           .width = w->cols,
                           .x_stride = x.stride,
                           .y_stride = y.stride,
                           .tokens = in->rows,
                           .add = w->add,
                           .eps = in->norm ? in->norm->norm_eps : 0,
                           .cap = w->cap,
                           .stage = r->stage,
                           .total = r->total,
                           .order = xl_vk_order(r)};
    const uint32_t x_groups = xl_vk_ceil_div(outs, each), y_groups = xl_vk_ceil_div(in->rows, tokens);
    if (r->counting) {
        r->total += x_groups * y_groups;
        return;
    }
    static const xl_vk_shader shaders[2][2] = {{XL_VK_SHADER_product_few, XL_VK_SHADER_product_int},
                                               {XL_VK_SHADER_few_ordered, XL_VK_SHADER_int_ordered}};
    const uint32_t push_bytes = r->ordered ? sizeof push : offsetof(few_push, stage);
    xl_vk_dispatch(r, &(xl_vk_launch){shaders[r->ordered][integers], cut.group, specs, sizeof specs / sizeof *specs,
                                      &push, push_bytes, x_groups, y_groups, 1});
}

/* What products by integers of several tokens read: the input rounded once for all of them. */
static void round_input(xl_vk_recorder *r, input *in, uint32_t width) {
    const xl_vk_rows *to = &r->executor->work[XL_VK_WORK_ROUNDED];
    const struct {
        uint64_t x, y;
        uint32_t width, x_stride, y_stride;
    } push = {xl_vk_address(in->x.span), xl_vk_address(to->span), width, in->x.stride, to->stride};
    const uint32_t specs[] = {xl_vk_padded_quads(width)};
    xl_vk_dispatch(r,
                   &(xl_vk_launch){XL_VK_SHADER_round, XL_VK_GROUP, specs, 1, &push, sizeof push, in->rows, 1, 1});
    xl_vk_barrier(r);
    in->rounded = *to;
}

static void product_many(xl_vk_recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y) {
    const xl_vk_many_push push = {xl_vk_address(w->values),
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

/* The order of an operation's products: narrow ones take little of the device, and go on beside the wide ones. */
static void narrow_first(const xl_vk_op *op, uint32_t order[XL_OP_OUTS]) {
    uint32_t n = 0;
    for (int wide = 0; wide < 2; wide++) {
        for (uint32_t i = 0; i < op->count; i++) {
            if ((op->products[i].rows > XL_VK_NARROW_ROWS) == wide) order[n++] = i;
        }
    }
}

static void product(xl_vk_recorder *r, const xl_vk_product *w, const input *in, xl_vk_rows y) {
    if (is_few(r, w, in->rows)) product_few(r, w, in, y, false, false);
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
    if (one && is_few(r, &op->products[0], in->rows)) {
        product_few(r, &op->products[0], in, y, true, xl_vk_next_by_integers(r, op, XL_SLOT_U, in->rows));
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

/* y = (y +) the parts, `part` floats each, then the cap. */
static void finish(xl_vk_recorder *r, const xl_vk_product *w, xl_vk_rows y, xl_vk_rows parts, uint32_t count,
                   uint64_t part, uint32_t rows) {
    const struct {
        uint64_t y, parts, bias, part;
        uint32_t width, stride, count;
        float cap;
        uint32_t add;
    } push = {xl_vk_address(y.span), xl_vk_address(parts.span), 0, part, w->rows, y.stride, count, w->cap,
              w->add || !count};
    xl_vk_barrier(r);
    xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_finish, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                      xl_vk_ceil_div(w->rows, XL_VK_GROUP), rows, 1});
}

/* x: rows of bfloat16, the stride in floats all the same; y: float32, or bfloat16 of a gated product. alone: no
 * other product runs beside this one that could want the room for parts. */
static void product_matrix(xl_vk_recorder *r, const xl_vk_product *w, xl_vk_rows x, xl_vk_rows y, uint32_t tokens,
                           bool gated, bool alone) {
    enum { QUAD_VALUES = 8, QUAD_FLOATS = 4 };
    uint32_t rows = gated ? w->rows / 2 : w->rows, w_quads = w->quads;
    xl_vk_span values = w->values;
    const xl_vk_tile t = xl_vk_choose_tile(r->shape->knobs.tile, w, tokens, gated);
    const bool packed = t.packed;
    if (w->format != XL_FORMAT_BF16 && !packed) {
        values = r->executor->work[XL_VK_WORK_EXPANDED].span;
        w_quads = w->cols / QUAD_VALUES;
        expand(r, w, values, w_quads);
        xl_vk_barrier(r);
    }
    const uint32_t tiles = xl_vk_ceil_div(tokens, t.tokens);
    const xl_vk_rows *room = &r->executor->work[XL_VK_WORK_PARTS];
    xl_vk_rows to = y;
    uint32_t parts = gated || !alone ? 1 : xl_vk_tile_parts(w, tokens);
    if ((uint64_t)parts * tiles * t.tokens * y.stride > XL_VK_PARTS_ROWS * (uint64_t)room->stride) parts = 1;
    if (parts > 1) to.span = room->span;
    const xl_vk_matrix_push push = {xl_vk_address(values),
                                    packed ? xl_vk_address(w->heads) : 0,
                                    xl_vk_address(x.span),
                                    xl_vk_address(to.span),
                                    tiles,
                                    tiles * t.tokens,
                                    w->blocks};
    const uint32_t specs[] = {w_quads,
                              x.stride / QUAD_FLOATS,
                              w->cols / QUAD_VALUES,
                              rows,
                              gated ? 2 * to.stride : to.stride,
                              w->add && parts == 1,
                              parts,
                              (uint32_t)w->format};
    xl_vk_dispatch(r, &(xl_vk_launch){t.shader, XL_VK_GROUP, specs, sizeof specs / sizeof *specs, &push,
                                      sizeof push, tiles * xl_vk_ceil_div(rows, t.rows), parts, 1});
    if (parts > 1) finish(r, w, y, to, parts, (uint64_t)push.part_rows * to.stride, tokens);
    else if (w->cap > 0) finish(r, w, y, to, 0, 0, tokens);
}

/* Whether operations on so many rows go to the matrix units. */
bool xl_vk_by_matrix(const xl_vk_recorder *r, uint32_t rows) {
    return r->shape->matrix && rows > xl_vk_few_tokens(r->plan);
}

static void products_by_matrix(xl_vk_recorder *r, const xl_vk_op *op, uint32_t rows, bool behind) {
    xl_executor *e = r->executor;
    xl_vk_rows x = xl_vk_seen_rows(r, op->from, behind), halves = e->work[XL_VK_WORK_HALVES];
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
        product_matrix(r, &op->products[0], halves, xl_vk_slot_rows(e, XL_SLOT_U), rows, true, true);
        return;
    }
    const input exact = {.x = e->work[XL_VK_WORK_NORMED], .rows = rows};
    uint32_t order[XL_OP_OUTS], wide = 0;
    narrow_first(op, order);
    for (uint32_t i = 0; i < op->count; i++) wide += !xl_vk_is_exact(op, &op->products[i]);
    for (uint32_t i = 0; i < op->count; i++) {
        const xl_vk_product *w = &op->products[order[i]];
        xl_vk_rows y = op->kind == XL_OP_LOGITS ? e->work[XL_VK_WORK_LOGITS] : xl_vk_seen_rows(r, w->to, behind);
        if (xl_vk_is_exact(op, w)) product_few(r, w, &exact, y, false, false);
        else product_matrix(r, w, halves, y, rows, false, wide == 1);
    }
}

/* ---- products of any kind ---- */

bool xl_vk_fuses(const xl_vk_recorder *r, uint32_t rows, int64_t width) {
    return rows == 1 && (uint64_t)(width + XL_VK_COLUMNS_MAX) * sizeof(float) <= r->plan->device->shared_bytes / 2;
}

/* Whether products by integers can round their input themselves: see what shaders/round.glsl shares. */
static bool rounds_itself(const xl_vk_recorder *r, uint32_t rows, uint32_t width) {
    enum { OTHERS = 4096 };
    return rows == 1 && xl_vk_padded_quads(width) * 10 + OTHERS <= r->plan->device->shared_bytes;
}

void xl_vk_record_products(xl_vk_recorder *r, const xl_vk_op *op, uint32_t rows, bool behind) {
    if (xl_vk_by_matrix(r, rows)) {
        products_by_matrix(r, op, rows, behind);
        return;
    }
    input in = {.x = xl_vk_seen_rows(r, op->from, behind), .rows = rows};
    if (op->norm.block && xl_vk_fuses(r, rows, r->plan->program.width[op->from])) {
        in.norm = op;
    } else if (op->norm.block) {
        rms_norm(r, op, in.x, FLOATS, rows);
        xl_vk_barrier(r);
        in.x = r->executor->work[XL_VK_WORK_NORMED];
    }
    const uint32_t width = (uint32_t)r->plan->program.width[op->from];
    bool integers = false;
    for (uint32_t i = 0; i < op->count; i++) integers |= by_integers(r, &op->products[i], rows);
    const xl_vk_rows *ready = &r->rounded[op->from];
    if (integers && ready->span.block && !op->norm.block)
        in.rounded = behind && op->from == XL_SLOT_H ? xl_vk_from_row(*ready, r->shape->kept_first) : *ready;
    else if (integers && !rounds_itself(r, rows, width)) round_input(r, &in, width);
    if (op->kind == XL_OP_GATED) {
        gated(r, op, &in);
        return;
    }
    uint32_t order[XL_OP_OUTS];
    narrow_first(op, order);
    for (uint32_t i = 0; i < op->count; i++) {
        const xl_vk_product *w = &op->products[order[i]];
        xl_vk_rows y =
            op->kind == XL_OP_LOGITS ? r->executor->work[XL_VK_WORK_LOGITS] : xl_vk_seen_rows(r, w->to, behind);
        product(r, w, &in, y);
    }
}
