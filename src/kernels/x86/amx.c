/* AMX: dense products of bfloat16 in tiles of 16 x 16 sums. A step multiplies two tiles of weights, rows as they
 * lie in memory, by two tiles of tokens, whose values stand in pairs since they were packed. The weights of
 * AMX_DEPTH columns stay in the first-level cache over all tokens of a group. The sums of a group stay in the
 * second-level cache over all columns, squares of 32 x 32 in a row each: in y itself every token would be a page of
 * its own. While one panel of weights is multiplied, the next one is asked for: its rows lie pages apart, so that
 * the processor does not guess them.
 *
 * Products of 8-bit integers stay with AVX-512 VNNI: a scale for each 32 columns means that every tile of sums is
 * stored, converted and scaled after a single instruction, which costs more than twice what that instruction does.
 */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"

#include "kernels/x86/transpose512.inc"

#include "kernels/x86/bf16_row.inc"

#ifndef AMX_DEPTH
#define AMX_DEPTH 512
#endif

enum {
    SIDE = 16,                      /* rows and columns of a tile of sums */
    STEP = 32,                      /* columns of weights that one instruction takes */
    TOKENS = 2 * SIDE,              /* of a panel */
    ROWS = 2 * SIDE,                /* of weights in a panel */
    TOKEN_STEP = TOKENS * STEP / 2, /* pairs of a panel of tokens that belong to one step */
    SQUARE = ROWS * TOKENS,
    GROUP_TOKENS = 512,
    GROUP_ROWS = 128,
    SQUARES = GROUP_ROWS / ROWS, /* of a panel of tokens in a group */
    COMPACT = 8,                 /* so few tokens of a panel lie side by side */
    /* A smaller matrix comes from a cache, and of it one vector is multiplied faster in float32. */
    FEW_FAST_BYTES = 4 << 20
};
_Static_assert(AMX_DEPTH % STEP == 0, "whole steps");

typedef struct workspace {
    uint16_t weights[AMX_DEPTH / STEP][ROWS][STEP];
    float sums[GROUP_TOKENS / TOKENS][SQUARES][SQUARE]; /* a square: [ROWS][TOKENS] */
    float values[AMX_DEPTH];
} workspace;
_Static_assert(sizeof(workspace) <= XL_GEMM_SCRATCH, "a panel of weights and the sums fit");

/* What is left to be asked for, ahead of time, of a panel of weights: `rows` rows, the first from `line` on, of
 * `lines` cache lines each. */
typedef struct lines_ahead {
    const char *row;
    size_t stride;
    int64_t rows, lines, line;
    int64_t a_step; /* lines asked for in a step, so that the last step asks for the last of them */
} lines_ahead;

static void ask_ahead(lines_ahead *a) {
    for (int64_t i = 0; i < a->a_step && a->rows; i++) {
        _mm_prefetch(a->row + a->line * XL_CACHE_LINE, _MM_HINT_T1);
        if (++a->line < a->lines) continue;
        a->line = 0;
        a->row += a->stride;
        a->rows--;
    }
}

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static size_t packed_bytes(int64_t cols) {
    return (size_t)((cols + STEP - 1) / STEP) * STEP * sizeof(uint16_t);
}

/* Pairs between the rows of a panel of n tokens, TOKENS at most. Of few tokens a row holds as many as the next
 * power of two, so that a panel takes fewer cache lines: a tile then holds, beside its tokens, pairs of the rows
 * that follow or whatever lies behind them, and the sums of these columns are those of no token. */
static int64_t panel_pairs(int64_t n) {
    if (n > COMPACT) return TOKENS;
    int64_t pairs = 1;
    while (pairs < n) pairs *= 2;
    return pairs;
}

static size_t panel_stride(int64_t n) {
    return (size_t)panel_pairs(n) * sizeof(uint32_t);
}

/* For each step, TOKEN_STEP pairs apart, [STEP / 2][panel_pairs(n)] pairs. Of at most SIDE tokens the second half
 * is left as it is: its sums are those of no token, and every line that is written has to be fetched from the
 * threads that read it before. */
static void pack(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    uint32_t *to = packed;
    const int64_t pairs = panel_pairs(n);
    const __mmask16 lanes = pairs < SIDE ? (__mmask16)((1u << pairs) - 1) : 0xffff;
    for (int64_t first = 0; first < cols; first += STEP, to += TOKEN_STEP) {
        const int64_t left = cols - first;
        const uint32_t mask = left >= STEP ? ~0u : (1u << left) - 1;
        for (int64_t t = 0; t < n; t += SIDE) {
            __m512 square[SIDE];
            for (int i = 0; i < SIDE; i++) {
                const float *from = x + (t + i) * ldx + first;
                const uint32_t there = t + i < n ? mask : 0;
                __m512 low = _mm512_maskz_loadu_ps((__mmask16)there, from);
                __m512 high = _mm512_maskz_loadu_ps((__mmask16)(there >> SIDE), from + SIDE);
                square[i] = _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(high, low));
            }
            v_transpose(square);
            for (int i = 0; i < SIDE; i++) _mm512_mask_storeu_ps(to + i * pairs + t, lanes, square[i]);
        }
    }
}

/* Rows row … row + ROWS - 1 of w and `depth` columns from `first` on, zeros where w has no more. */
static void pack_weights(const xl_kernels *table, const xl_matrix *w, int64_t row, int64_t first, int64_t depth,
                         workspace *to) {
    const char *data = (const char *)w->data + xl_format_offset(w->format, first);
    for (int64_t r = 0; r < ROWS; r++) {
        const char *from = data + (size_t)(row + r) * w->stride;
        const int64_t there = row + r < w->rows ? depth : 0;
        const bool as_is = w->format == XL_FORMAT_BF16;
        if (there && !as_is) table->to_f32[w->format](from, to->values, (size_t)depth);
        for (int64_t j = 0; j < depth; j += STEP) {
            uint16_t *line = to->weights[j / STEP][r];
            const int64_t left = there - j;
            if (as_is) {
                const __mmask32 mask = left >= STEP ? ~0u : left > 0 ? (1u << left) - 1 : 0;
                _mm512_storeu_si512(line, _mm512_maskz_loadu_epi16(mask, from + j * 2));
            } else if (left > 0) {
                bf16_row(to->values + j, left, STEP, line);
            } else {
                memset(line, 0, STEP * sizeof *line);
            }
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

/* Adds `steps` steps of the panel of weights times tokens, in rows of `stride` bytes, to a square of sums, which
 * begins at 0 where `first` is true. Tiles 0 … 3 are sums, 4 and 5 weights, 6 and 7 tokens. */
static void multiply_tiles(const workspace *w, const uint32_t *tokens, size_t stride, int64_t steps, float *square,
                           bool first, lines_ahead *ahead) {
    enum { SUMS = TOKENS * sizeof *square, VALUES = STEP * sizeof(uint16_t) };
    enum { AHEAD = 2 * TOKEN_STEP, LINE = 16 };
    float *low = square, *high = square + SIDE * TOKENS;
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, low, SUMS);
        _tile_loadd(1, low + SIDE, SUMS);
        _tile_loadd(2, high, SUMS);
        _tile_loadd(3, high + SIDE, SUMS);
    }
    for (int64_t i = 0; i < steps; i++, tokens += TOKEN_STEP) {
#ifndef AMX_NO_PREFETCH
        /* Tokens come from the second-level cache; loads of tiles do not run ahead by themselves. */
        for (int64_t line = 0; line < TOKEN_STEP; line += LINE) _mm_prefetch(tokens + AHEAD + line, _MM_HINT_T0);
        ask_ahead(ahead);
#endif
        _tile_loadd(4, w->weights[i][0], VALUES);
        _tile_loadd(6, tokens, stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, tokens + SIDE, stride);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, w->weights[i][SIDE], VALUES);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, low, SUMS);
    _tile_stored(1, low + SIDE, SUMS);
    _tile_stored(2, high, SUMS);
    _tile_stored(3, high + SIDE, SUMS);
}

/* SIDE rows of w as they lie in memory, `steps` steps of them, times a panel of tokens in rows of `pairs` bytes, of
 * which the second half is left out where `both` is false. The sums take the columns in the order of
 * multiply_tiles. A few steps ahead, these rows are asked for, and behind their last step those at `next`. */
static void multiply_stored(const char *w, const char *next, size_t stride, const uint32_t *tokens, size_t pairs,
                            int64_t steps, bool both, float *square) {
    enum { SUMS = TOKENS * sizeof *square, VALUES = STEP * sizeof(uint16_t) };
    enum { AHEAD = 8 };
    _tile_zero(0);
    _tile_zero(1);
    for (int64_t i = 0; i < steps; i++, tokens += TOKEN_STEP) {
        const char *at = w + i * VALUES;
        const char *ahead = i + AHEAD < steps ? at + AHEAD * VALUES : next + (i + AHEAD - steps) * VALUES;
        for (size_t r = 0; r < SIDE; r++) _mm_prefetch(ahead + r * stride, _MM_HINT_T0);
        _tile_loadd(4, at, stride);
        _tile_loadd(6, tokens, pairs);
        _tile_dpbf16ps(0, 4, 6);
        if (!both) continue;
        _tile_loadd(7, tokens + SIDE, pairs);
        _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, square, SUMS);
    if (both) _tile_stored(1, square + SIDE, SUMS);
}

/* The same of `rows` rows, at most SIDE, of any number of columns, through a copy that is filled up with zeros. */
static void multiply_rest(const char *w, size_t stride, int64_t rows, int64_t cols, const uint32_t *tokens,
                          size_t pairs, bool both, float *square) {
    enum { SUMS = TOKENS * sizeof *square, VALUES = STEP * sizeof(uint16_t) };
    _Alignas(XL_CACHE_LINE) uint16_t copy[SIDE][STEP] = {{0}};
    _tile_zero(0);
    _tile_zero(1);
    for (int64_t j = 0; j < cols; j += STEP, w += VALUES, tokens += TOKEN_STEP) {
        const __mmask32 mask = cols - j >= STEP ? ~0u : (1u << (cols - j)) - 1;
        for (int64_t r = 0; r < rows; r++)
            _mm512_store_si512(copy[r], _mm512_maskz_loadu_epi16(mask, w + (size_t)r * stride));
        _tile_loadd(4, copy, VALUES);
        _tile_loadd(6, tokens, pairs);
        _tile_dpbf16ps(0, 4, 6);
        if (!both) continue;
        _tile_loadd(7, tokens + SIDE, pairs);
        _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, square, SUMS);
    if (both) _tile_stored(1, square + SIDE, SUMS);
}

/* y [count, rows] = or += a square of sums, its first 16 rows and 16 tokens, or fewer. */
static void store_square(const float *sums, float *y, int64_t ldy, int64_t count, int64_t rows, bool add) {
    const __mmask16 mask = rows >= SIDE ? 0xffff : (__mmask16)((1u << rows) - 1);
    __m512 square[SIDE];
    for (int i = 0; i < SIDE; i++) square[i] = _mm512_loadu_ps(sums + i * TOKENS);
    v_transpose(square);
    for (int i = 0; i < SIDE && i < count; i++, y += ldy) {
        if (add) square[i] = _mm512_add_ps(square[i], _mm512_maskz_loadu_ps(mask, y));
        _mm512_mask_storeu_ps(y, mask, square[i]);
    }
}

/* y [tokens, rows] = or += the sums of a group. */
static void store_group(const workspace *w, float *y, int64_t ldy, int64_t tokens, int64_t rows, bool add) {
    for (int64_t t = 0; t < tokens; t += SIDE)
        for (int64_t r = 0; r < rows; r += SIDE)
            store_square(w->sums[t / TOKENS][r / ROWS] + r % ROWS * TOKENS + t % TOKENS, y + t * ldy + r, ldy,
                         tokens - t, rows - r, add);
}

/* Rows row … row + ROWS - 1 of w, those that there are, and AMX_DEPTH columns from `first` on, to be asked for in
 * `steps` steps. */
static lines_ahead panel_ahead(const xl_matrix *w, int64_t row, int64_t first, int64_t steps) {
    const int64_t depth = w->cols - first < AMX_DEPTH ? w->cols - first : AMX_DEPTH;
    const int64_t rows = w->rows - row < ROWS ? w->rows - row : ROWS;
    const int64_t bytes = (int64_t)xl_format_row_bytes(w->format, depth), lines = ceil_div(bytes, XL_CACHE_LINE);
    return (lines_ahead){.row =
                             (const char *)w->data + (size_t)row * w->stride + xl_format_offset(w->format, first),
                         .stride = w->stride,
                         .rows = rows,
                         .lines = lines,
                         .a_step = ceil_div(rows * lines, steps)};
}

/* The sums of rows row … row + rows - 1 of w, at most GROUP_ROWS, for `tokens` tokens from the first of a panel on.
 */
static void multiply_group(const xl_kernels *table, const xl_matrix *w, int64_t row, int64_t rows,
                           const char *packed, int64_t tokens, workspace *work) {
    const size_t token = packed_bytes(w->cols);
    for (int64_t first = 0; first < w->cols; first += AMX_DEPTH) {
        int64_t depth = w->cols - first < AMX_DEPTH ? w->cols - first : AMX_DEPTH;
        const int64_t steps = ceil_div(depth, STEP), all = steps * ceil_div(tokens, TOKENS);
        for (int64_t r = 0; r < rows; r += ROWS) {
            pack_weights(table, w, row + r, first, depth, work);
            lines_ahead ahead = {0};
            if (r + ROWS < rows) ahead = panel_ahead(w, row + r + ROWS, first, all);
            else if (first + AMX_DEPTH < w->cols) ahead = panel_ahead(w, row, first + AMX_DEPTH, all);
            else if (row + rows < w->rows) ahead = panel_ahead(w, row + rows, 0, all);
            for (int64_t t = 0; t < tokens; t += TOKENS) {
                const char *panel = packed + (size_t)t * token + (size_t)(first * TOKENS) * sizeof(uint16_t);
                multiply_tiles(work, (const uint32_t *)(const void *)panel, panel_stride(tokens - t), steps,
                               work->sums[t / TOKENS][r / ROWS], first == 0, &ahead);
            }
        }
    }
}

static void multiply(const xl_kernels *table, const xl_product *p) {
    const char *packed = p->packed;
    configure_tiles();
    for (int64_t row = 0; row < p->w.rows; row += GROUP_ROWS)
        for (int64_t t = 0; t < p->n; t += GROUP_TOKENS) {
            int64_t rows = p->w.rows - row < GROUP_ROWS ? p->w.rows - row : GROUP_ROWS;
            int64_t tokens = p->n - t < GROUP_TOKENS ? p->n - t : GROUP_TOKENS;
            multiply_group(table, &p->w, row, rows, packed + (size_t)t * packed_bytes(p->w.cols), tokens,
                           p->scratch);
            store_group(p->scratch, p->y + t * p->ldy + row, p->ldy, tokens, rows, p->accumulate);
        }
    _tile_release();
}

/* At most a panel of tokens: every value of the weights is used once, so a copy in the cache would be in vain, and
 * the sums of a square stay in their tiles over all columns. */
static void multiply_few(const xl_kernels *table, const xl_product *p) {
    const xl_matrix *w = &p->w;
    if (w->format != XL_FORMAT_BF16 || p->n > TOKENS) {
        multiply(table, p);
        return;
    }
    _Alignas(XL_CACHE_LINE) float square[SIDE * TOKENS];
    const bool both = p->n > SIDE;
    const size_t pairs = panel_stride(p->n);
    configure_tiles();
    for (int64_t row = 0; row < w->rows; row += SIDE) {
        const int64_t rows = w->rows - row < SIDE ? w->rows - row : SIDE;
        const char *at = (const char *)w->data + (size_t)row * w->stride;
        const char *next = w->rows - row < 2 * SIDE ? at : at + SIDE * w->stride;
        if (rows == SIDE && w->cols % STEP == 0)
            multiply_stored(at, next, w->stride, p->packed, pairs, w->cols / STEP, both, square);
        else multiply_rest(at, w->stride, rows, w->cols, p->packed, pairs, both, square);
        for (int64_t t = 0; t < p->n; t += SIDE)
            store_square(square + t, p->y + t * p->ldy + row, p->ldy, p->n - t, rows, p->accumulate);
    }
    _tile_release();
}

void xl_kernels_init_amx(xl_kernels *table) {
    table->name = "amx";
    table->gemm[XL_COMPUTE_BF16] = (xl_gemm){.fast = true,
                                             .tokens = TOKENS,
                                             .packed_bytes = packed_bytes,
                                             .pack = pack,
                                             .multiply = multiply,
                                             .columns = STEP,
                                             .few = TOKENS,
                                             .multiply_few = multiply_few,
                                             .few_is_fast = true,
                                             .few_fast_bytes = FEW_FAST_BYTES};
}
