/* Cuts products into tiles. */
#include "backend/cpu/tiles.h"

enum {
    SHORT_ROWS = 32,       /* fewest of a short tile: a whole panel of every kernel */
    PRODUCTS_A_THREAD = 2, /* tiles for each thread, so that threads of unequal speed end together */
    VECTORS_A_THREAD = 4,
    /* Many threads come later to the end of the last tile: twice as many tiles are 1.17 times as fast there with
       matrices of 1.3b, and slower with smaller ones, where a tile is over before the next was asked for. */
    MANY_THREADS = 8,
    MANY_TILE_BYTES = 64 << 10, /* that a tile has then at least */
    NARROW_TOKENS = 16          /* fewest of a tile */
};

/* Rows and tokens of a tile of this projection. */
static int64_t tile_rows(const xl_tiling *t, const xl_projection *p) {
    return t->narrow && xl_is_narrow(p) ? p->w->m.rows : t->rows;
}
static int64_t tile_tokens(const xl_tiling *t, const xl_projection *p) {
    return t->narrow && xl_is_narrow(p) ? t->narrow : t->tokens;
}

static int64_t count_tiles(const xl_tiling *t, const xl_projection *p) {
    const int64_t rows = p->w->m.rows, parts = ceil_div(t->count, tile_tokens(t, p));
    if (p == t->last) return (t->whole / t->rows + ceil_div(rows - t->whole, t->shorter)) * parts;
    return ceil_div(rows, tile_rows(t, p)) * parts;
}

/* Where tiles are no multiple of threads, some threads would have nothing to do in the last round. The tiles of
 * that round are cut into quarters: 43 tiles for 16 threads take the time of 2.75 instead of 3. */
static void shorten_last(const xl_op *op, xl_tiling *t, int64_t tiles, int threads) {
    const int64_t left = tiles % threads / ceil_div(t->count, t->tokens);
    const xl_projection *last = NULL;
    for (int64_t i = 0; i < t->projections; i++)
        if (!xl_is_narrow(&op->out[i])) last = &op->out[i];
    if (threads == 1 || !left || t->rows < 2 * SHORT_ROWS || !last) return;
    t->whole = max64(0, ceil_div(last->w->m.rows, t->rows) - left) * t->rows;
    t->shorter = max64(SHORT_ROWS, t->rows / 4 / SHORT_ROWS * SHORT_ROWS);
    t->last = last;
}

/* Every tile packs its weights again, so rows are cut first, and tokens (into whole panels) only where there are
 * not enough rows. Narrow projections have too few rows to cut, and what is left of them last must be short. */
static void cut_products(const xl_op *op, xl_tiling *t, int threads, int64_t panel) {
    int64_t largest = 1, wanted = threads == 1 ? 1 : (int64_t)threads * PRODUCTS_A_THREAD;
    for (int64_t i = 0; i < t->projections; i++) largest = max64(largest, op->out[i].w->m.rows);
    t->narrow = min64(XL_TILE_SIDE, round_up(ceil_div(t->count, wanted), NARROW_TOKENS));
    int64_t row_parts = ceil_div(largest, XL_TILE_SIDE), token_parts = ceil_div(t->count, XL_TILE_SIDE), tiles;
    for (;;) {
        t->rows = round_up(ceil_div(largest, row_parts), XL_TILE_SIDE_MIN);
        t->tokens = round_up(ceil_div(t->count, token_parts), panel);
        tiles = 0;
        for (int64_t i = 0; i < t->projections; i++)
            if (!xl_is_narrow(&op->out[i])) tiles += count_tiles(t, &op->out[i]);
        if (tiles >= wanted) break;
        if (t->rows > XL_TILE_SIDE_MIN) {
            row_parts *= 2;
        } else if (t->tokens > XL_TILE_SIDE_MIN) {
            token_parts *= 2;
        } else {
            break;
        }
    }
    shorten_last(op, t, tiles, threads);
}

xl_tiling xl_tiles_cut(const xl_op *op, int64_t count, int threads, int64_t panel) {
    xl_tiling t = {.count = count, .projections = op->kind == XL_OP_GATED ? 1 : op->outs};
    cut_products(op, &t, threads, panel);
    return t;
}

static int64_t vector_tiles(const xl_op *op, int threads) {
    int64_t bytes = 0, tiles = (int64_t)threads * VECTORS_A_THREAD;
    for (int i = 0; i < op->outs; i++) {
        const xl_matrix *w = &op->out[i].w->m;
        bytes += w->rows * (int64_t)xl_format_row_bytes(w->format, w->cols);
    }
    if (threads >= MANY_THREADS && bytes / (2 * tiles) >= MANY_TILE_BYTES) tiles *= 2;
    return tiles;
}

xl_tiling xl_tiles_cut_few(const xl_op *op, int64_t count, bool vectors, int threads) {
    xl_tiling t = {.count = count, .tokens = count, .projections = op->kind == XL_OP_GATED ? 1 : op->outs};
    int64_t rows = 0, parts = threads == 1 ? 1 : vector_tiles(op, threads);
    for (int64_t i = 0; i < t.projections; i++) rows += op->out[i].w->m.rows;
    t.rows = max64(XL_VECTOR_ROWS_MIN, round_up(ceil_div(rows, parts), XL_VECTOR_ROWS_MIN));
    if (count > XL_FEW_TOKENS) t.rows = min64(t.rows, XL_TILE_SIDE);
    if (!vectors) t.narrow = ceil_div(count, threads);
    return t;
}

int64_t xl_tiles_count(const xl_op *op, const xl_tiling *t) {
    int64_t tiles = 0;
    for (int64_t i = 0; i < t->projections; i++) tiles += count_tiles(t, &op->out[i]);
    return tiles;
}

xl_tile xl_tiles_at(const xl_op *op, const xl_tiling *t, int64_t index) {
    const xl_projection *p = op->out;
    for (int64_t tiles = count_tiles(t, p); index >= tiles; tiles = count_tiles(t, ++p)) index -= tiles;
    const int64_t parts = ceil_div(t->count, tile_tokens(t, p)), token = index % parts * tile_tokens(t, p);
    int64_t rows = tile_rows(t, p), row = index / parts * rows;
    if (p == t->last && row >= t->whole) {
        rows = t->shorter;
        row = t->whole + (index / parts - t->whole / t->rows) * rows;
    }
    return (xl_tile){.out = p,
                     .row = row,
                     .rows = min64(rows, p->w->m.rows - row),
                     .token = token,
                     .count = min64(tile_tokens(t, p), t->count - token)};
}
