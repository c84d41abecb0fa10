/* How products are cut into tiles for threads (backend/cpu/tiles.h). */
#include "backend/cpu/tiles.h"
#include "base/rng.h"
#include "helper.h"

enum { OUTS = 4, CASES = 3000, ROWS_MOST = 6000, TOKENS_MOST = 700 };

/* Operations of random shapes; op.out points into `tensors`. */
static void make(xl_op *op, xl_weight tensors[OUTS], xl_rng *rng) {
    *op = (xl_op){.kind = xl_rng_below(rng, 3) ? XL_OP_PROJECT : XL_OP_GATED};
    op->outs = op->kind == XL_OP_GATED ? 2 : 1 + (int)xl_rng_below(rng, OUTS);
    const int64_t rows = 1 + (int64_t)xl_rng_below(rng, ROWS_MOST),
                  cols = 32 * (1 + (int64_t)xl_rng_below(rng, 128));
    for (int i = 0; i < op->outs; i++) {
        const int64_t own = op->kind == XL_OP_GATED ? rows : 1 + (int64_t)xl_rng_below(rng, ROWS_MOST);
        tensors[i].m = (xl_matrix){.format = XL_FORMAT_BF16, .rows = own, .cols = cols};
        op->out[i].w = &tensors[i];
    }
}

/* Every row of every projection meets every token in one tile. */
static void every_product_is_in_one_tile(void **state) {
    static uint8_t seen[OUTS][ROWS_MOST][TOKENS_MOST];
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (int c = 0; c < CASES; c++) {
        xl_op op;
        xl_weight tensors[OUTS] = {{.offset = 0}};
        make(&op, tensors, &rng);
        const bool few = xl_rng_below(&rng, 2);
        const int threads = 1 + (int)xl_rng_below(&rng, 32);
        const int64_t count = 1 + (int64_t)xl_rng_below(&rng, few ? 64 : TOKENS_MOST);
        const xl_tiling t = few ? xl_tiles_cut_few(&op, count, xl_rng_below(&rng, 2), threads)
                                : xl_tiles_cut(&op, count, threads, 32);
        const int64_t tiles = xl_tiles_count(&op, &t);
        const int projections = op.kind == XL_OP_GATED ? 1 : op.outs;
        int64_t products = 0, wanted = 0;
        for (int64_t i = 0; i < tiles; i++) {
            const xl_tile tile = xl_tiles_at(&op, &t, i);
            const int64_t at = tile.out - op.out;
            assert_in_range(at, 0, projections - 1);
            assert_true(tile.row >= 0 && tile.rows > 0 && tile.row + tile.rows <= tile.out->w->m.rows);
            assert_true(tile.token >= 0 && tile.count > 0 && tile.token + tile.count <= count);
            products += tile.rows * tile.count;
            /* The corners are enough: tiles are rectangles that do not cross one another if their first products
             * differ and their sizes add up. */
            assert_int_equal(seen[at][tile.row][tile.token], 0);
            seen[at][tile.row][tile.token] = 1;
        }
        for (int i = 0; i < projections; i++) wanted += op.out[i].w->m.rows * count;
        assert_int_equal(products, wanted);
        for (int64_t i = 0; i < tiles; i++) {
            const xl_tile tile = xl_tiles_at(&op, &t, i);
            seen[tile.out - op.out][tile.row][tile.token] = 0;
        }
    }
}

static int64_t tiles_of(int64_t rows, int64_t cols, int threads) {
    xl_weight tensor = {.m = {.format = XL_FORMAT_BF16, .rows = rows, .cols = cols}};
    xl_op op = {.kind = XL_OP_PROJECT, .outs = 1};
    op.out[0].w = &tensor;
    const xl_tiling t = xl_tiles_cut_few(&op, 1, true, threads);
    return xl_tiles_count(&op, &t);
}

/* Many threads have more tiles each where a tile is large enough to be worth asking for. */
static void large_matrices_have_more_tiles(void **state) {
    assert_int_equal(tiles_of(50304, 2048, 1), 1);
    assert_int_equal(tiles_of(2048, 2048, 16), 128);
    assert_int_equal(tiles_of(2048, 1024, 16), 64); /* half of the bytes */
    assert_int_equal(tiles_of(2048, 2048, 4), 16);
    assert_int_equal(tiles_of(64, 32, 16), 4); /* of 16 rows at least */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_product_is_in_one_tile),
        cmocka_unit_test(large_matrices_have_more_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
