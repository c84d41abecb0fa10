/* AMX: dense products of bfloat16 in tiles of 16 x 16 sums. A step multiplies two tiles of tokens by two tiles of
 * weights; the weights of AMX_DEPTH columns stay in the first-level cache over all tokens.
 *
 * Products of 8-bit integers stay with AVX-512 VNNI: a scale for each 32 columns means that every tile of sums is
 * stored, converted and scaled after a single instruction, which costs more than twice what that instruction does.
 */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#include "kernels/x86/transpose512.inc"

#include "kernels/x86/bf16_panel.inc"

#ifndef AMX_DEPTH
#define AMX_DEPTH 512
#endif

enum {
    SIDE = 16,         /* rows and columns of a tile of sums */
    STEP = 32,         /* columns of weights that one instruction takes */
    TOKENS = 2 * SIDE, /* of a panel */
    COLUMNS = 2 * SIDE,
    PANEL_STEP = TOKENS * STEP /* values of a panel of tokens that belong to one step */
};
_Static_assert(AMX_DEPTH <= BF16_DEPTH && AMX_DEPTH % STEP == 0,
               "whole steps, and rows that bf16_pack_weights holds");

/* A panel of weights and what it is made in; sums of a tile that is cut off. */
typedef struct panel {
    uint32_t pairs[AMX_DEPTH / 2][COLUMNS];
    float sums[TOKENS][COLUMNS];
    uint16_t rows[SIDE][BF16_DEPTH];
    float values[BF16_DEPTH];
} panel;
_Static_assert(sizeof(panel) <= XL_GEMM_SCRATCH, "a panel and what it is made in fit");

static size_t packed_bytes(int64_t cols) {
    return (size_t)((cols + STEP - 1) / STEP) * STEP * sizeof(uint16_t);
}

/* For each step the values of every token side by side, so that a tile is 1024 bytes in a row. */
static void pack(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    uint16_t *to = packed;
    for (int64_t first = 0; first < cols; first += STEP, to += PANEL_STEP) {
        int64_t left = cols - first < STEP ? cols - first : STEP;
        for (int64_t t = 0; t < TOKENS; t++) {
            if (t < n) bf16_row(x + t * ldx + first, left, STEP, to + t * STEP);
            else memset(to + t * STEP, 0, STEP * sizeof *to);
        }
    }
}

/* Eight tiles of 16 rows of 64 bytes. */
static void configure_tiles(void) {
    enum { TILES = 8, PALETTE = 1, ROW_BYTES = 64 };
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {.palette = PALETTE};
    for (int i = 0; i < TILES; i++) {
        shape.row_bytes[i] = ROW_BYTES;
        shape.rows[i] = SIDE;
    }
    _tile_loadconfig(&shape);
}

/* y [TOKENS, COLUMNS] (+)= a (a panel of tokens) times the panel of weights. Tiles 0 … 3 are sums, 4 and 5 tokens,
 * 6 and 7 weights. */
static void multiply_tiles(const uint16_t *a, const panel *w, int64_t steps, float *y, int64_t ldy, bool add) {
    const size_t stride = (size_t)ldy * sizeof *y;
    if (add) {
        _tile_loadd(0, y, stride);
        _tile_loadd(1, y + SIDE, stride);
        _tile_loadd(2, y + SIDE * ldy, stride);
        _tile_loadd(3, y + SIDE * ldy + SIDE, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t i = 0; i < steps; i++, a += PANEL_STEP) {
        const uint32_t *b = w->pairs[i * (STEP / 2)];
        _tile_loadd(4, a, STEP * sizeof *a);
        _tile_loadd(6, b, COLUMNS * sizeof *b);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + SIDE, COLUMNS * sizeof *b);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + PANEL_STEP / 2, STEP * sizeof *a);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, y, stride);
    _tile_stored(1, y + SIDE, stride);
    _tile_stored(2, y + SIDE * ldy, stride);
    _tile_stored(3, y + SIDE * ldy + SIDE, stride);
}

static void store_part(const panel *w, float *y, int64_t ldy, int64_t tokens, int64_t width, bool add) {
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t r = 0; r < width; r++) y[t * ldy + r] = w->sums[t][r] + (add ? y[t * ldy + r] : 0);
}

static void multiply(const xl_kernels *table, const xl_product *p) {
    panel *w = p->scratch;
    const uint16_t *packed = p->packed;
    const int64_t token = (int64_t)(packed_bytes(p->w.cols) / sizeof *packed);
    configure_tiles();
    for (int64_t first = 0; first < p->w.cols; first += AMX_DEPTH) {
        int64_t depth = p->w.cols - first < AMX_DEPTH ? p->w.cols - first : AMX_DEPTH;
        int64_t steps = (depth + STEP - 1) / STEP;
        bool add = p->accumulate || first;
        for (int64_t row = 0; row < p->w.rows; row += COLUMNS) {
            int64_t width = p->w.rows - row < COLUMNS ? p->w.rows - row : COLUMNS;
            bf16_pack_weights(table, &p->w, row, COLUMNS, first, depth, w->rows[0], w->values, w->pairs[0]);
            for (int64_t t = 0; t < p->n; t += TOKENS) {
                const uint16_t *a = packed + t * token + first * TOKENS;
                float *y = p->y + t * p->ldy + row;
                int64_t tokens = p->n - t < TOKENS ? p->n - t : TOKENS;
                if (tokens == TOKENS && width == COLUMNS) {
                    multiply_tiles(a, w, steps, y, p->ldy, add);
                } else {
                    multiply_tiles(a, w, steps, w->sums[0], COLUMNS, false);
                    store_part(w, y, p->ldy, tokens, width, add);
                }
            }
        }
    }
    _tile_release();
}

void xl_kernels_init_amx(xl_kernels *table) {
    table->name = "amx";
    table->gemm[XL_COMPUTE_BF16] =
        (xl_gemm){.fast = true, .tokens = TOKENS, .packed_bytes = packed_bytes, .pack = pack, .multiply = multiply};
}
