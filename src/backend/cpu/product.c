/* Dense products of a segment, cut into tiles of weight rows (and tokens, where rows are few) that the team claims
 * one by one. A segment of one token takes the path of matrix times vector. */
#include "backend/cpu/internal.h"

#include <string.h>

#include "base/memory.h"

enum {
    TILE_SIDE =
        512, /* rows and tokens of a tile at most: some tens of milliseconds, and Ctrl-C is polled between */
    TILE_SIDE_MIN = 64,
    PRODUCTS_A_THREAD = 2, /* tiles, for threads of unequal speed to end together */
    VECTORS_A_THREAD = 4,
    VECTOR_ROWS_MIN = 16,
    /* Projections of no more rows, the gates, go token by token: BLAS sums a whole row in one float32 chain, and an
     * input gate's error reaches the logits magnified (a golden file: 1.6e-5 from this alone, 2e-6 without). */
    NARROW_ROWS = 64,
    /* So few tokens go one by one too: BLAS would spend more on converting and packing the weights. */
    FEW_TOKENS = 8,
    BLOCK_BYTES = 128 << 10, /* of weights that stay in the second-level cache over the tokens */
    NORM_TOKENS = 8
};

typedef struct tiling {
    int64_t rows, tokens; /* of a tile */
    int64_t token_tiles;  /* that the wanted tokens are cut into */
    int64_t first, count; /* tokens of the segment */
    int64_t projections;  /* that tiles run over; GATED computes both of its own in one tile */
} tiling;

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t round_up(int64_t a, int64_t unit) {
    return (a + unit - 1) / unit * unit;
}

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static int64_t count_tiles(const xl_op *op, const tiling *t) {
    int64_t tiles = 0;
    for (int64_t i = 0; i < t->projections; i++) tiles += ceil_div(op->out[i].w.rows, t->rows);
    return tiles * t->token_tiles;
}

/* Each tile packs its weights and its tokens anew, so tiles are as large as there are enough of them, and near to
 * square: the longer side is halved until there are. */
static void cut_products(const xl_op *op, tiling *t, int threads) {
    int64_t largest = 1, wanted = threads == 1 ? 1 : (int64_t)threads * PRODUCTS_A_THREAD;
    for (int64_t i = 0; i < t->projections; i++) largest = max64(largest, op->out[i].w.rows);
    int64_t row_parts = ceil_div(largest, TILE_SIDE), token_parts = ceil_div(t->count, TILE_SIDE);
    for (;;) {
        t->rows = round_up(ceil_div(largest, row_parts), VECTOR_ROWS_MIN);
        t->tokens = ceil_div(t->count, token_parts);
        t->token_tiles = ceil_div(t->count, t->tokens);
        if (count_tiles(op, t) >= wanted) break;
        if (t->rows >= t->tokens && t->rows > TILE_SIDE_MIN) {
            row_parts *= 2;
        } else if (t->tokens > TILE_SIDE_MIN) {
            token_parts *= 2;
        } else {
            break;
        }
    }
}

static tiling cut(const xl_op *op, int64_t first, int64_t count, int threads) {
    tiling t = {.first = first, .count = count, .projections = op->kind == XL_OP_GATED ? 1 : op->outs};
    if (count > FEW_TOKENS) {
        cut_products(op, &t, threads);
        return t;
    }
    int64_t rows = 0, parts = threads == 1 ? 1 : (int64_t)threads * VECTORS_A_THREAD;
    for (int64_t i = 0; i < t.projections; i++) rows += op->out[i].w.rows;
    t.rows = max64(VECTOR_ROWS_MIN, round_up(ceil_div(rows, parts), VECTOR_ROWS_MIN));
    t.tokens = count;
    t.token_tiles = 1;
    return t;
}

typedef struct tile {
    const xl_projection *out;
    int64_t row, rows;    /* of the matrix */
    int64_t token, count; /* of the segment */
} tile;

/* The index-th tile; false past the last. */
static bool tile_at(const xl_op *op, const tiling *t, int64_t index, tile *out) {
    for (int64_t i = 0; i < t->projections; i++) {
        const xl_projection *p = &op->out[i];
        int64_t tiles = ceil_div(p->w.rows, t->rows) * t->token_tiles;
        if (index < tiles) {
            out->out = p;
            out->row = index / t->token_tiles * t->rows;
            out->rows = min64(t->rows, p->w.rows - out->row);
            out->token = t->first + index % t->token_tiles * t->tokens;
            out->count = min64(t->tokens, t->first + t->count - out->token);
            return true;
        }
        index -= tiles;
    }
    return false;
}

/* Matrix times vector for each token, a block of rows at a time, so that weights are read from memory once. */
static void run_vectors(const xl_kernels *k, const tile *t, const xl_projection *p, const char *w, const float *x,
                        int64_t ldx, float *y, int64_t ldy, float *scratch) {
    int64_t row_bytes = p->w.ld * (int64_t)xlstm_dtype_size(p->w.dtype);
    int64_t block = t->count == 1 ? t->rows : max64(VECTOR_ROWS_MIN, BLOCK_BYTES / row_bytes);
    for (int64_t row = 0; row < t->rows; row += block) {
        int64_t rows = min64(block, t->rows - row);
        for (int64_t i = 0; i < t->count; i++) {
            float *target = p->add ? scratch : y + i * ldy + row;
            k->matvec[p->w.dtype](w + row * row_bytes, p->w.ld, rows, p->w.cols, x + i * ldx, target);
            if (p->add) k->add(target, y + i * ldy + row, rows);
        }
    }
}

/* y (stride ldy) = or += the tile of one projection, bias and cap included. */
static void run_tile(const segment *s, const tile *t, const xl_projection *p, const float *x, int64_t ldx, float *y,
                     int64_t ldy, float *scratch) {
    const xl_kernels *k = &s->context->plan->device->kernels;
    const char *w = (const char *)p->w.data + (size_t)(t->row * p->w.ld) * xlstm_dtype_size(p->w.dtype);
    if (t->count <= FEW_TOKENS || p->w.rows <= NARROW_ROWS) {
        run_vectors(k, t, p, w, x, ldx, y, ldy, scratch);
    } else {
        xl_gemm(k, p->w.dtype, w, p->w.ld, t->rows, p->w.cols, x, ldx, t->count, y, ldy, p->add, scratch);
    }
    for (int64_t i = 0; i < t->count && (p->bias || p->cap > 0); i++) {
        if (p->bias) k->add(p->bias + t->row, y + i * ldy, t->rows);
        if (p->cap > 0) k->soft_cap(y + i * ldy, p->cap, t->rows);
    }
}

static void run_gated_tile(const segment *s, const xl_op *op, const tile *t, const float *x, int64_t ldx, float *y,
                           int64_t ldy, float *scratch) {
    float *up = scratch;
    scratch += round_up(t->rows * t->count, XL_CACHE_LINE / sizeof(float));
    run_tile(s, t, &op->out[0], x, ldx, y, ldy, scratch);
    run_tile(s, t, &op->out[1], x, ldx, up, t->rows, scratch);
    for (int64_t i = 0; i < t->count; i++)
        s->context->plan->device->kernels.silu_mul(y + i * ldy, up + i * t->rows, y + i * ldy, t->rows);
}

size_t xl_cpu_product_scratch(const xl_plan *plan, int64_t tokens) {
    size_t most = 0;
    for (size_t i = 0; i < plan->program.count; i++) {
        const xl_op *op = &plan->program.ops[i];
        for (int j = 0; j < op->outs && op->kind != XL_OP_EMBED; j++) {
            const xl_matrix *w = &op->out[j].w;
            size_t one = (size_t)w->rows;
            if (tokens > FEW_TOKENS && xl_gemm_scratch(w->cols) > one) one = xl_gemm_scratch(w->cols);
            if (op->kind == XL_OP_GATED)
                one += (size_t)min64(tokens, TILE_SIDE) *
                       (size_t)(tokens <= FEW_TOKENS ? w->rows : min64(TILE_SIDE, w->rows));
            if (one > most) most = one;
        }
    }
    return most + plan->widest_input + (size_t)4 * XL_CACHE_LINE;
}

/* Tokens from `from` on of slot op->from, normed into context->normed. */
static void norm_tokens(segment *s, const xl_op *op, xl_team *team, int thread, int64_t from) {
    xl_context *context = s->context;
    int64_t width = context->plan->program.width[op->from];
    for (int64_t t = from + xl_team_claim(team) * NORM_TOKENS; t < s->count;
         t = from + xl_team_claim(team) * NORM_TOKENS) {
        if (xl_cpu_stopped(s, thread)) return;
        for (int64_t i = t; i < min64(t + NORM_TOKENS, s->count); i++)
            context->plan->device->kernels.rms_norm(context->slot[op->from] + i * width, op->norm, op->norm_bias,
                                                    op->norm_eps, width, context->normed + i * width);
    }
}

void xl_cpu_product(segment *s, const xl_op *op, xl_team *team, int thread, int64_t from) {
    xl_context *context = s->context;
    int64_t width = context->plan->program.width[op->from], count = s->count - from;
    const float *x = context->slot[op->from] + from * width; /* of the first token wanted */
    float *scratch = xl_cpu_scratch(context, thread);
    if (op->norm && count == 1) {
        /* Each thread for itself: cheaper than one more barrier. */
        if (xl_cpu_stopped(s, thread)) return;
        context->plan->device->kernels.rms_norm(x, op->norm, op->norm_bias, op->norm_eps, width, scratch);
        x = scratch;
        scratch += round_up(width, XL_CACHE_LINE / sizeof(float));
    } else if (op->norm) {
        norm_tokens(s, op, team, thread, from);
        xl_team_barrier(team);
        x = context->normed + from * width;
    }
    tiling tiles = cut(op, from, count, xl_team_size(team));
    tile t;
    for (int64_t i = xl_team_claim(team); tile_at(op, &tiles, i, &t); i = xl_team_claim(team)) {
        if (xl_cpu_stopped(s, thread)) return;
        const float *input = x + (t.token - from) * width;
        if (op->kind == XL_OP_LOGITS) {
            int64_t vocab = context->plan->program.vocab;
            int64_t row = s->first + t.token - (int64_t)(s->feed->count - s->feed->logit_rows);
            run_tile(s, &t, t.out, input, width, s->feed->logits + row * vocab + t.row, vocab, scratch);
            continue;
        }
        int64_t ldy = context->plan->program.width[t.out->to];
        float *y = context->slot[t.out->to] + t.token * ldy + t.row;
        if (op->kind == XL_OP_GATED) run_gated_tile(s, op, &t, input, width, y, ldy, scratch);
        else run_tile(s, &t, t.out, input, width, y, ldy, scratch);
    }
}
