/* How the product of an operation is cut into tiles, which threads take one by one. */
#ifndef XL_CPU_TILES_H
#define XL_CPU_TILES_H

#include "backend/backend.h"

enum {
    /* Largest number of rows and tokens of a tile: some tens of milliseconds, and Ctrl-C is polled between tiles.
     */
    XL_TILE_SIDE = 512,
    XL_TILE_SIDE_MIN = 64,
    XL_VECTOR_ROWS_MIN = 16, /* of a tile of few tokens: a whole number of groups of every kernel */
    /* Projections of at most so many rows, which are the gates, are computed token by token: a tile sums a piece of
       a row in one float32 chain, and the error of an input gate reaches the logits magnified. */
    XL_NARROW_ROWS = 64
};

static inline int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t round_up(int64_t a, int64_t unit) {
    return (a + unit - 1) / unit * unit;
}

static inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

typedef struct xl_tiling {
    int64_t rows, tokens; /* of a tile */
    int64_t narrow;       /* tokens of a tile of a narrow projection, which has all of its rows */
    int64_t count;        /* tokens */
    int64_t projections;  /* that tiles run over; GATED computes both of its own in one tile */
    /* Rows of this projection (NULL: of none) from `whole` on are cut into tiles of `shorter` rows. */
    const xl_projection *last;
    int64_t whole, shorter;
} xl_tiling;

typedef struct xl_tile {
    const xl_projection *out;
    int64_t row, rows;    /* of the matrix */
    int64_t token, count; /* of the input */
} xl_tile;

static inline bool xl_is_narrow(const xl_projection *p) {
    return p->w->m.rows <= XL_NARROW_ROWS;
}

/* Cuts an operation on `count` tokens for so many threads, in whole panels of tokens. */
xl_tiling xl_tiles_cut(const xl_op *op, int64_t count, int threads, int64_t panel);

/* Cuts it where all tokens meet each row at once: tiles are some rows of one projection. Where they are no vectors,
 * which share each row of every projection, a tile has at most XL_TILE_SIDE rows, and narrow ones are cut by
 * tokens. */
xl_tiling xl_tiles_cut_few(const xl_op *op, int64_t count, bool vectors, int threads);

/* Tiles of all projections. */
int64_t xl_tiles_count(const xl_op *op, const xl_tiling *t);

/* The index-th of them; there is one. */
xl_tile xl_tiles_at(const xl_op *op, const xl_tiling *t, int64_t index);

#endif
