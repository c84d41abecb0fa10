/* Dense products of a segment, cut into tiles of weight rows (and tokens, where rows are few) that threads take
 * one by one. The tokens are packed once for all tiles; a segment of few tokens takes the path of matrix times
 * vector. */
#include "backend/cpu/cpu_impl.h"
#include "backend/cpu/tiles.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

enum {
    /* So few tokens are computed one by one too: converting and packing the weights would cost more than it saves.
       In float32, where a kernel takes several vectors, that holds for as many as the kernels say, and at most
       SHARED_TOKENS of them. */
    FEW_TOKENS = XL_FEW_TOKENS,
    SHARED_TOKENS = 64,
    /* As many are multiplied in 8-bit integers as the weights hold them. On a Zen 4, 9 tokens take 0.5 (q4_0) to
       0.8 (q8_0) of the time of tiles so, 16 take 0.7 to 1, and 24 take 1 to 1.3. */
    INTEGER_TOKENS = 16,
    ALONE_FLOATS = 6144,    /* of an input that one thread makes */
    BLOCK_BYTES = 128 << 10 /* of weights that stay in the second-level cache over the tokens */
};

/* The rows of the input that an operation multiplies, and, where they are taken as vectors, their prepared form for
 * each weight format, and in 8-bit integers. */
typedef struct input {
    const float *x;
    int64_t rows, stride, cols; /* stride and cols in floats */
    const char *packed;         /* the executor's, of all rows, where they are no vectors */
    bool vectors;               /* all projections multiply rows one by one; otherwise only the narrow ones do */
    xl_int8_block *blocks;      /* rows behind one another, where weights of integers are multiplied by integers */
    float *prepared;            /* PREPARED_ROWS of them */
    size_t prepared_floats;     /* of a row */
} input;

/* Few rows have any of the forms, more than few only one of those of formats that take several vectors. */
enum { INT8_FORM = XL_FORMAT_COUNT, PREPARED_FORMS, SHARED_FORMS = XL_FORMAT_F16 + 1 };
_Static_assert(XL_FORMAT_F32 < 3 && XL_FORMAT_BF16 < 3 && XL_FORMAT_F16 < 3, "the first of the formats");
enum { FEW_ROWS = FEW_TOKENS * PREPARED_FORMS, SHARED_ROWS = SHARED_TOKENS * SHARED_FORMS };
enum { PREPARED_ROWS = FEW_ROWS > SHARED_ROWS ? FEW_ROWS : SHARED_ROWS };

static float *prepared_row(const input *in, int form, int64_t token) {
    const int64_t room = in->rows <= FEW_TOKENS ? FEW_TOKENS : SHARED_TOKENS;
    assert(token < room && (form < SHARED_FORMS || room == FEW_TOKENS));
    return in->prepared + (size_t)(form * room + token) * in->prepared_floats;
}

static bool takes_int8(const xl_kernels *k, const xl_projection *p) {
    return !xl_is_narrow(p) && k->multiply_int8[p->w->m.format];
}

/* By the matrix as a whole and never by the number of tokens, so that each has the bits that it has alone. */
static bool is_fast_in_bf16(const xl_kernels *k, const xl_projection *p) {
    const xl_gemm *gemm = &k->gemm[XL_COMPUTE_BF16];
    const xl_matrix *w = &p->w->m;
    return !xl_is_narrow(p) && w->format == XL_FORMAT_BF16 && gemm->few_is_fast &&
           w->rows * (int64_t)xl_format_row_bytes(w->format, w->cols) >= gemm->few_fast_bytes;
}

typedef bool (*question)(const xl_kernels *k, const xl_projection *p);

/* Whether the answer is yes for all wide projections of an operation, and there is one. */
static bool is_each(const xl_kernels *k, const xl_op *op, question is) {
    bool wide = false;
    for (int i = 0; i < op->outs; i++) {
        if (xl_is_narrow(&op->out[i])) continue;
        if (!is(k, &op->out[i])) return false;
        wide = true;
    }
    return wide;
}

/* Whether rows are computed one by one for all projections of an operation. */
static bool takes_vectors(const xl_executor *e, const xl_op *op, int64_t rows) {
    const xl_kernels *k = &e->plan->device->kernels;
    if (rows <= FEW_TOKENS) return !e->few_in_bf16 || !is_each(k, op, is_fast_in_bf16);
    bool vectors = rows <= min64(SHARED_TOKENS, k->matvecs_most) && e->compute == XL_COMPUTE_F32;
    for (int i = 0; i < op->outs && vectors; i++) {
        const xl_format_id format = op->out[i].w->m.format;
        vectors = (int)format < SHARED_FORMS && k->matvecs[format];
    }
    return vectors;
}

/* Prepares rows [from, end), which are vectors, for every format of the operation's weights. */
static void prepare_rows(const xl_kernels *k, const xl_op *op, const input *in, int64_t from, int64_t end) {
    bool is_prepared[PREPARED_FORMS] = {false};
    for (int i = 0; i < op->outs; i++) {
        const xl_format_id format = op->out[i].w->m.format;
        const bool int8 = in->blocks && takes_int8(k, &op->out[i]);
        const int form = int8 ? INT8_FORM : (int)format;
        if (is_prepared[form] || (!int8 && !k->prepare[format])) continue;
        for (int64_t t = from; t < end; t++) {
            const float *x = in->x + t * in->stride;
            if (int8) k->prepare_int8(x, in->cols, in->blocks + t * xl_int8_blocks(in->cols));
            else k->prepare[format](x, in->cols, prepared_row(in, form, t));
        }
        is_prepared[form] = true;
    }
}

/* Rows of a block that stays in the second-level cache over the tokens: whole groups of those that kernels take
 * together, since a row that is left over is much slower. */
static int64_t block_rows(const xl_matrix *w) {
    return max64(XL_VECTOR_ROWS_MIN, BLOCK_BYTES / (int64_t)w->stride / XL_VECTOR_ROWS_MIN * XL_VECTOR_ROWS_MIN);
}

/* Matrix times vector for each token, so that weights are read from memory once: a kernel that takes several
 * vectors sees to that itself, and others get a block of rows at a time. */
static void run_vectors(const segment *s, const xl_tile *t, const xl_projection *p, const xl_matrix *w,
                        const input *in, float *y, int64_t ldy, float *scratch) {
    const xl_kernels *k = &s->executor->plan->device->kernels;
    const bool together = k->matvecs[w->format] && t->count > 1 && in->vectors;
    float *own_row = scratch;
    scratch += in->prepared_floats;
    const int64_t block = t->count == 1 || together ? t->rows : block_rows(w);
    for (int64_t row = 0; row < t->rows; row += block) {
        const xl_matrix part = xl_matrix_rows(w, row, min64(block, t->rows - row));
        const void *xs[SHARED_TOKENS];
        float *targets[SHARED_TOKENS];
        for (int64_t i = 0; i < t->count; i++) {
            float *target = p->add ? scratch + (together ? i * part.rows : 0) : y + i * ldy + row;
            const void *x = in->x + (t->token + i) * in->stride;
            if (k->prepare[w->format]) {
                if (in->vectors) {
                    x = prepared_row(in, w->format, t->token + i);
                } else {
                    k->prepare[w->format](x, in->cols, own_row);
                    x = own_row;
                }
            }
            if (together) {
                xs[i] = x;
                targets[i] = target;
                continue;
            }
            k->matvec[w->format](&part, x, target);
            if (p->add) k->add(target, y + i * ldy + row, part.rows);
        }
        if (together) k->matvecs[w->format](&part, xs, t->count, targets);
        for (int64_t i = 0; together && p->add && i < t->count; i++)
            k->add(targets[i], y + i * ldy + row, part.rows);
    }
}

/* y (stride ldy) = or += the tile of one projection, bias and cap included. */
static void run_tile(const segment *s, const xl_tile *t, const xl_projection *p, const input *in, float *y,
                     int64_t ldy, float *scratch) {
    const xl_kernels *k = &s->executor->plan->device->kernels;
    const xl_matrix w = xl_matrix_rows(&p->w->m, t->row, t->rows);
    if (in->blocks && takes_int8(k, p)) {
        k->multiply_int8[w.format](&(xl_product){.w = w,
                                                 .packed = in->blocks + t->token * xl_int8_blocks(in->cols),
                                                 .n = t->count,
                                                 .y = y,
                                                 .ldy = ldy,
                                                 .accumulate = p->add});
    } else if (in->vectors || xl_is_narrow(p)) {
        run_vectors(s, t, p, &w, in, y, ldy, scratch);
    } else {
        const xl_gemm *gemm = &k->gemm[s->executor->compute];
        const xl_product product = {.w = w,
                                    .packed = in->packed + (size_t)t->token * gemm->packed_bytes(in->cols),
                                    .n = t->count,
                                    .y = y,
                                    .ldy = ldy,
                                    .accumulate = p->add,
                                    .scratch = scratch};
        /* By all rows and not by those of the tile, so that the bits do not depend on how work is cut. */
        if (in->rows <= gemm->few) gemm->multiply_few(k, &product);
        else gemm->multiply(k, &product);
    }
    for (int64_t i = 0; i < t->count && (p->bias || p->cap > 0); i++) {
        if (p->bias) k->add(p->bias + t->row, y + i * ldy, t->rows);
        if (p->cap > 0) k->soft_cap(y + i * ldy, p->cap, t->rows);
    }
}

static void run_gated_tile(const segment *s, const xl_op *op, const xl_tile *t, const input *in, float *y,
                           int64_t ldy, float *scratch) {
    float *up = scratch;
    scratch += round_up(t->rows * t->count, XL_CACHE_LINE / sizeof(float));
    run_tile(s, t, &op->out[0], in, y, ldy, scratch);
    run_tile(s, t, &op->out[1], in, up, t->rows, scratch);
    for (int64_t i = 0; i < t->count; i++)
        s->executor->plan->device->kernels.silu_mul(y + i * ldy, up + i * t->rows, y + i * ldy, t->rows);
}

/* Floats of a prepared row, whole cache lines. */
static size_t prepared_floats(const xl_plan *plan) {
    int64_t most = 0;
    for (int i = 0; i < XL_SLOT_COUNT; i++) most = max64(most, plan->program.width[i]);
    return (size_t)round_up((int64_t)(xl_prepared_bytes(most) / sizeof(float)), XL_CACHE_LINE / sizeof(float));
}

/* Of the first thread's scratch, for all of them: the prepared rows. */
static size_t shared_floats(size_t prepared) {
    return (size_t)PREPARED_ROWS * prepared;
}

/* Floats that a tile of a projection needs, and where the operation is gated the results of its second one. */
static size_t tile_scratch(const xl_op *op, const xl_projection *p, int64_t tokens) {
    const xl_matrix *w = &p->w->m;
    const int64_t vectors = min64(tokens, SHARED_TOKENS), side = min64(tokens, XL_TILE_SIDE) + XL_TILE_SIDE_MIN;
    int64_t one = w->rows, second = 0;
    if (tokens > FEW_TOKENS) one = max64(one, XL_GEMM_SCRATCH / (int64_t)sizeof(float));
    /* The results of a tile for all vectors, before they are added. */
    if (p->add) one = max64(one, vectors * w->rows);
    if (op->kind == XL_OP_GATED)
        second = max64((vectors + 1) * w->rows, tokens > FEW_TOKENS ? side * min64(XL_TILE_SIDE, w->rows) : 0);
    return (size_t)(one + second);
}

size_t xl_cpu_product_scratch(const xl_plan *plan, int64_t tokens) {
    size_t most = 0;
    for (size_t i = 0; i < plan->program.count; i++) {
        const xl_op *op = &plan->program.ops[i];
        for (int j = 0; j < op->outs && op->kind != XL_OP_EMBED; j++) {
            const size_t one = tile_scratch(op, &op->out[j], tokens);
            if (one > most) most = one;
        }
    }
    return most + shared_floats(prepared_floats(plan)) + prepared_floats(plan) + (size_t)4 * XL_CACHE_LINE;
}

static bool has_wide(const xl_op *op) {
    bool wide = false;
    for (int i = 0; i < op->outs; i++) wide |= !xl_is_narrow(&op->out[i]);
    return wide;
}

size_t xl_cpu_packed_floats(const xl_plan *plan, int64_t tokens) {
    int64_t widest = 0;
    size_t most = 0;
    if (tokens <= FEW_TOKENS && !plan->bf16) return 0;
    for (int i = 0; i < XL_SLOT_COUNT; i++) widest = max64(widest, plan->program.width[i]);
    for (int i = 0; i < XL_COMPUTE_COUNT; i++) {
        const xl_gemm *gemm = &plan->device->kernels.gemm[i];
        size_t bytes = (size_t)round_up(tokens, gemm->tokens) * gemm->packed_bytes(widest);
        if (bytes > most) most = bytes;
    }
    const size_t blocks = (size_t)(min64(tokens, INTEGER_TOKENS) * xl_int8_blocks(widest)) * sizeof(xl_int8_block);
    if (blocks > most) most = blocks;
    return (most + sizeof(float) - 1) / sizeof(float);
}

bool xl_cpu_is_coarse(const xl_program *program) {
    for (size_t i = 0; i < program->count; i++) {
        const xl_op *op = &program->ops[i];
        for (int j = 0; j < op->outs && op->kind != XL_OP_EMBED; j++) {
            const xl_matrix *w = &op->out[j].w->m;
            if (w->rows > XL_NARROW_ROWS && !xl_format_get((int)w->format)->coarse) return false;
        }
    }
    return true;
}

/* Whether the answer is yes for a projection of the program. */
static bool is_any(const xl_kernels *k, const xl_program *program, question is) {
    for (size_t i = 0; i < program->count; i++)
        for (int j = 0; j < program->ops[i].outs && program->ops[i].kind != XL_OP_EMBED; j++)
            if (is(k, &program->ops[i].out[j])) return true;
    return false;
}

bool xl_cpu_has_integers(const xl_kernels *kernels, const xl_program *program) {
    return is_any(kernels, program, takes_int8);
}

bool xl_cpu_has_fast_bf16(const xl_kernels *kernels, const xl_program *program) {
    return is_any(kernels, program, is_fast_in_bf16);
}

int64_t xl_cpu_auto_compute(const xl_plan *plan) {
    const bool bf16 = plan->coarse && plan->device->kernels.gemm[XL_COMPUTE_BF16].fast;
    return bf16 ? XLSTM_COMPUTE_BF16 : XLSTM_COMPUTE_F32;
}

/* A product on its way through the threads. */
typedef struct product {
    segment *s;
    const xl_op *op;
    input in;
    xl_tiling tiles;
    int64_t panel;   /* tokens of a task that makes the input */
    int64_t columns; /* of a panel that a task packs; 0: whole rows are packed */
} product;

/* Norms rows [from, end) of the operation's input. */
static void norm_rows(const product *p, int64_t from, int64_t end) {
    const xl_executor *e = p->s->executor;
    const xl_op *op = p->op;
    const int64_t width = p->in.cols;
    for (int64_t i = from; i < end; i++)
        e->plan->device->kernels.rms_norm(e->slot[op->from] + i * width, op->norm, op->norm_bias, op->norm_eps,
                                          width, e->normed + i * width);
}

/* Packs columns [first, last) of rows [from, end) of the operation's input; `from` begins a panel of the kernel's.
 */
static void pack_rows(const product *p, int64_t from, int64_t end, int64_t first, int64_t last) {
    const xl_executor *e = p->s->executor;
    const xl_gemm *gemm = &e->plan->device->kernels.gemm[e->compute];
    const int64_t width = p->in.cols;
    for (int64_t i = from; i < end; i += gemm->tokens)
        gemm->pack(p->in.x + i * width + first, width, min64(gemm->tokens, end - i), last - first,
                   (char *)e->packed + (size_t)i * gemm->packed_bytes(width) +
                       (first ? (size_t)gemm->tokens * gemm->packed_bytes(first) : 0));
}

/* Makes rows [from, end) of the input what tiles multiply: normed into executor->normed where the operation has a
 * norm, then prepared, or packed where `pack` is true. */
static void make_rows(const product *p, int64_t from, int64_t end, bool pack) {
    const xl_kernels *k = &p->s->executor->plan->device->kernels;
    const int64_t width = p->in.cols;
    if (p->op->norm) norm_rows(p, from, end);
    if (p->in.vectors) prepare_rows(k, p->op, &p->in, from, end);
    for (int64_t i = from; i < end && p->in.blocks && !p->in.vectors; i++)
        k->prepare_int8(p->in.x + i * width, width, p->in.blocks + i * xl_int8_blocks(width));
    if (p->in.packed && pack) pack_rows(p, from, end, 0, width);
}

static void make_panel(void *ctx, int64_t task, int thread) {
    const product *p = ctx;
    const int64_t from = task * p->panel;
    if (!xl_cpu_stopped(p->s, thread)) make_rows(p, from, min64(from + p->panel, p->in.rows), !p->columns);
}

static void pack_columns(void *ctx, int64_t task, int thread) {
    const product *p = ctx;
    const int64_t unit = p->s->executor->plan->device->kernels.gemm[p->s->executor->compute].tokens;
    const int64_t parts = ceil_div(p->in.cols, p->columns), from = task / parts * unit,
                  first = task % parts * p->columns;
    if (xl_cpu_stopped(p->s, thread)) return;
    pack_rows(p, from, min64(from + unit, p->in.rows), first, min64(first + p->columns, p->in.cols));
}

/* Whether vectors have to be prepared for a projection of the operation. */
static bool wants_prepared(const xl_kernels *k, const xl_op *op) {
    for (int i = 0; i < op->outs; i++)
        if (k->prepare[op->out[i].w->m.format]) return true;
    return false;
}

/* Makes the input. A little of it is made by the calling thread alone: that is cheaper than having the threads do
 * it and waiting for them. Where there are fewer panels than threads, columns of panels are packed by themselves.
 */
static void make_input(product *p) {
    const xl_executor *e = p->s->executor;
    const xl_kernels *k = &e->plan->device->kernels;
    const xl_gemm *gemm = &k->gemm[e->compute];
    const int64_t rows = p->in.rows, width = p->in.cols, threads = p->s->region->threads;
    const int64_t panels = ceil_div(rows, gemm->tokens);
    const bool makes = p->op->norm || p->in.packed || p->in.blocks || (p->in.vectors && wants_prepared(k, p->op));
    if (!makes) return;
    if (rows * width <= ALONE_FLOATS) {
        make_rows(p, 0, rows, true);
        return;
    }
    if (p->in.packed && gemm->columns && panels < threads)
        p->columns = round_up(ceil_div(width, ceil_div(threads, panels)), gemm->columns);
    p->panel = p->in.packed && !p->columns ? round_up(FEW_TOKENS / 2, gemm->tokens) : ceil_div(rows, threads);
    if (p->op->norm || !p->columns) xl_cpu_phase(p->s, ceil_div(rows, p->panel), make_panel, p);
    if (p->columns) xl_cpu_phase(p->s, panels * ceil_div(width, p->columns), pack_columns, p);
}

static void run_product_tile(void *ctx, int64_t task, int thread) {
    const product *p = ctx;
    const segment *s = p->s;
    const xl_executor *e = s->executor;
    const xl_program *program = &e->plan->program;
    float *scratch = xl_cpu_scratch(e, thread) + shared_floats(p->in.prepared_floats);
    if (xl_cpu_stopped(p->s, thread)) return;
    const xl_tile t = xl_tiles_at(p->op, &p->tiles, task);
    if (p->op->kind == XL_OP_LOGITS) {
        float *y = s->logits + t.token * program->vocab + t.row;
        run_tile(s, &t, t.out, &p->in, y, program->vocab, scratch);
        return;
    }
    int64_t ldy = program->width[t.out->to];
    float *y = e->slot[t.out->to] + t.token * ldy + t.row;
    if (p->op->kind == XL_OP_GATED) run_gated_tile(s, p->op, &t, &p->in, y, ldy, scratch);
    else run_tile(s, &t, t.out, &p->in, y, ldy, scratch);
}

void xl_cpu_product(segment *s, const xl_op *op, int64_t rows) {
    const xl_executor *e = s->executor;
    const xl_kernels *k = &e->plan->device->kernels;
    const int64_t width = e->plan->program.width[op->from], unit = k->gemm[e->compute].tokens;
    const bool vectors = takes_vectors(e, op, rows),
               few = vectors || rows <= FEW_TOKENS || rows <= k->gemm[e->compute].few;
    product p = {.s = s,
                 .op = op,
                 .in = {.x = op->norm ? e->normed : e->slot[op->from],
                        .rows = rows,
                        .stride = width,
                        .cols = width,
                        .vectors = vectors,
                        .prepared = xl_cpu_scratch(e, 0),
                        .prepared_floats = prepared_floats(e->plan)},
                 .tiles = few ? xl_tiles_cut_few(op, rows, vectors, s->region->threads)
                              : xl_tiles_cut(op, rows, s->region->threads, unit)};
    if (e->compute == XL_COMPUTE_INT8 && rows <= FEW_TOKENS)
        p.in.blocks = (xl_int8_block *)(void *)prepared_row(&p.in, INT8_FORM, 0);
    else if (e->compute == XL_COMPUTE_INT8 && rows <= INTEGER_TOKENS && is_each(k, op, takes_int8))
        p.in.blocks = (xl_int8_block *)(void *)e->packed;
    if (!vectors) p.in.packed = has_wide(op) && !p.in.blocks ? e->packed : NULL;
    make_input(&p);
    if (e->observe) e->observe(e->observe_user, op, p.in.x, rows, width);
    xl_cpu_phase(s, xl_tiles_count(op, &p.tiles), run_product_tile, &p);
}
