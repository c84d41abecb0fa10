/* The weight formats by themselves: blocks written by hand, what rounding costs, tails, alignment, importance. */
#include "base/half.h"
#include "base/rng.h"
#include "helper.h"
#include "weights/blocks.h"
#include "weights/formats.h"

enum { VALUES = 2 * XL_LONG_BLOCK };
/* Relative L2 error of normally distributed values: that of rounding in steps of which the largest value of a block
 * gets 127, 31, 15 (between the smallest and the largest) or 8, with a margin. */
static const double most[XL_FORMAT_COUNT] = {
    [XL_FORMAT_F32] = 0,      [XL_FORMAT_BF16] = 2e-3, [XL_FORMAT_F16] = 3e-4, [XL_FORMAT_Q8_0] = 8e-3,
    [XL_FORMAT_Q6_K] = 0.025, [XL_FORMAT_Q4_K] = 0.09, [XL_FORMAT_Q4_0] = 0.11};

static void normal(float *x, int n, uint64_t seed) {
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    for (int i = 0; i < n; i++) x[i] = (float)(0.02 * xl_rng_normal(&rng));
}

static double error_of(const float *x, const float *y, const float *importance, int n) {
    double off = 0, all = 0;
    for (int i = 0; i < n; i++) {
        const double w = importance ? importance[i] : 1;
        off += w * ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        all += w * (double)x[i] * x[i];
    }
    return sqrt(off / all);
}

static void there_and_back(void **state) {
    float x[VALUES], y[VALUES], z[VALUES];
    char bytes[VALUES * sizeof(float)], moved[VALUES * sizeof(float) + 1];
    normal(x, VALUES, 1);
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *row = xl_format_get(f);
        const size_t size = xl_format_row_bytes((xl_format_id)f, VALUES);
        assert_int_equal(size, VALUES / (size_t)row->block * row->block_bytes);
        row->from_f32(x, bytes, VALUES);
        row->to_f32(bytes, y, VALUES);
        const double error = error_of(x, y, NULL, VALUES);
        if (error > most[f] || (f != XL_FORMAT_F32 && error < most[f] / 20))
            fail_msg("%s: relative error %g, wanted up to %g", row->name, error, most[f]);
        /* From any address the same. */
        memcpy(moved + 1, bytes, size);
        row->to_f32(moved + 1, z, VALUES);
        assert_memory_equal(y, z, sizeof y);
    }
}

/* A part of a block: nothing is written behind it, and it is filled up. */
static void tails(void **state) {
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *row = xl_format_get(f);
        for (int n = 1; n < (int)row->block; n += 1 + n / 3) {
            float x[VALUES], y[VALUES], whole[VALUES];
            char bytes[VALUES * sizeof(float)];
            normal(x, VALUES, (uint64_t)n);
            for (int i = n; i < VALUES; i++) x[i] = 1e6f;
            memset(bytes, 0x55, sizeof bytes);
            row->from_f32(x, bytes, (size_t)n);
            for (size_t i = row->block_bytes; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0x55);
            for (int i = 0; i < VALUES; i++) y[i] = -7;
            row->to_f32(bytes, y, (size_t)n);
            for (int i = n; i < VALUES; i++) assert_true(y[i] == -7);
            row->to_f32(bytes, whole, (size_t)row->block);
            assert_memory_equal(y, whole, (size_t)n * sizeof *y);
            float largest = 0;
            for (int i = 0; i < n; i++) largest = fmaxf(largest, fabsf(x[i]));
            /* One value in a block has all of its numbers to itself. */
            if (n == 1) assert_true(fabsf(y[0] - x[0]) <= 0.01f * largest);
            /* Groups with an offset cannot always hold zero; what fills them up is no larger than what is there. */
            const float filling = f == XL_FORMAT_Q4_K ? 1.1f * largest : 0;
            for (int i = n; i < (int)row->block; i++) assert_true(fabsf(whole[i]) <= filling);
        }
    }
}

static void zeros_stay_zeros(void **state) {
    float x[VALUES] = {0}, y[VALUES];
    char bytes[VALUES * sizeof(float)];
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *row = xl_format_get(f);
        row->from_f32(x, bytes, VALUES);
        for (int i = 0; i < VALUES; i++) y[i] = NAN;
        row->to_f32(bytes, y, VALUES);
        for (int i = 0; i < VALUES; i++) assert_true(y[i] == 0);
    }
}

/* Blocks as blocks.h describes them, and the values that they stand for. */
static void by_hand(void **state) {
    float y[XL_LONG_BLOCK];
    xl_block_q8_0 eight = {.scale = {0, 0x38}}; /* 0.5 */
    for (int i = 0; i < XL_BLOCK; i++) eight.q[i] = (int8_t)(i * 8 - 128);
    xl_format_get(XL_FORMAT_Q8_0)->to_f32(&eight, y, XL_BLOCK);
    for (int i = 0; i < XL_BLOCK; i++) assert_true(y[i] == 0.5f * (float)(i * 8 - 128));

    xl_block_q4_0 four = {.scale = {0, 0xbc}}; /* -1 */
    for (int i = 0; i < XL_BLOCK / 2; i++) four.q[i] = (uint8_t)(i | (15 - i) << 4);
    xl_format_get(XL_FORMAT_Q4_0)->to_f32(&four, y, XL_BLOCK);
    for (int i = 0; i < XL_BLOCK / 2; i++) {
        assert_true(y[i] == -(float)(i - 8));
        assert_true(y[i + XL_BLOCK / 2] == -(float)(15 - i - 8));
    }

    xl_block_q4_k k4 = {.scale = {0, 0x3c}, .offset = {0, 0x40}}; /* 1 and 2 */
    for (int g = 0; g < XL_Q4_K_GROUPS; g++) {
        const int scale = 8 * g + 3, offset = 63 - 5 * g;
        k4.scales[g] = (uint8_t)(scale | (offset >> 4) << 6);
        k4.offsets[g % 4] |= (uint8_t)((offset & 15) << (g < 4 ? 0 : 4));
        for (int i = 0; i < XL_Q4_K_GROUP / 2; i++) k4.q[g][i] = (uint8_t)(i | (15 - i) << 4);
    }
    xl_format_get(XL_FORMAT_Q4_K)->to_f32(&k4, y, XL_LONG_BLOCK);
    for (int i = 0; i < XL_LONG_BLOCK; i++) {
        const int g = i / XL_Q4_K_GROUP, at = i % XL_Q4_K_GROUP, number = at < 16 ? at : 31 - at;
        const float wanted = (float)((8 * g + 3) * number - 2 * (63 - 5 * g)) / 64;
        assert_true(fabsf(y[i] - wanted) <= 1e-6f * fabsf(wanted));
    }

    xl_block_q6_k k6 = {.scale = {0, 0x40}}; /* 2 */
    for (int g = 0; g < XL_Q6_K_GROUPS; g++) k6.scales[g] = (int8_t)(g * 16 - 127);
    for (int i = 0; i < XL_LONG_BLOCK; i++) {
        const int number = (i * 7) % 64, run = i / XL_Q6_K_RUN, at = i % XL_Q6_K_RUN;
        k6.low[run][at % 16] |= (uint8_t)((number & 15) << (at < 16 ? 0 : 4));
        k6.high[run / XL_Q6_K_QUARTERS][at] |= (uint8_t)((number >> 4) << 2 * (run % XL_Q6_K_QUARTERS));
    }
    xl_format_get(XL_FORMAT_Q6_K)->to_f32(&k6, y, XL_LONG_BLOCK);
    for (int i = 0; i < XL_LONG_BLOCK; i++) {
        const float wanted = (float)((i / XL_Q6_K_GROUP * 16 - 127) * ((i * 7) % 64 - 32)) / 64;
        assert_true(fabsf(y[i] - wanted) <= 1e-6f * fabsf(wanted));
    }
}

/* What kernels of whole numbers read is the same as the values. */
static void whole_numbers(void **state) {
    float x[XL_BLOCK], y[XL_BLOCK], scale;
    char bytes[XL_BLOCK * sizeof(float)];
    int8_t q[32];
    int with = 0;
    normal(x, XL_BLOCK, 3);
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *row = xl_format_get(f);
        if (!row->to_int8) continue;
        with++;
        row->from_f32(x, bytes, XL_BLOCK);
        row->to_f32(bytes, y, XL_BLOCK);
        row->to_int8(bytes, q, &scale);
        for (int i = 0; i < XL_BLOCK; i++) assert_true(y[i] == scale * (float)q[i]);
    }
    assert_int_equal(with, 2);
}

static void importance_is_heeded(void **state) {
    float x[VALUES], importance[VALUES], plain[VALUES], weighted[VALUES], same[VALUES];
    char bytes[VALUES * sizeof(float)];
    int with = 0;
    normal(x, VALUES, 4);
    for (int i = 0; i < VALUES; i++) importance[i] = i % 5 ? 0.01f : 4;
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *row = xl_format_get(f);
        if (!row->from_f32_weighted) continue;
        with++;
        row->from_f32(x, bytes, VALUES);
        row->to_f32(bytes, plain, VALUES);
        row->from_f32_weighted(x, NULL, bytes, VALUES);
        row->to_f32(bytes, same, VALUES);
        assert_memory_equal(plain, same, sizeof plain);
        row->from_f32_weighted(x, importance, bytes, VALUES);
        row->to_f32(bytes, weighted, VALUES);
        assert_true(error_of(x, weighted, importance, VALUES) < 0.9 * error_of(x, plain, importance, VALUES));
    }
    assert_int_equal(with, 3);
}

static void rows_and_matrices(void **state) {
    assert_null(xl_format_get(-1));
    assert_null(xl_format_get(XL_FORMAT_COUNT));
    /* 256 + 64 would be filled up by more than a quarter, 256 + 160 would not. */
    assert_int_equal(xl_format_of_rows(XL_FORMAT_Q6_K, 320), xl_format_get(XL_FORMAT_Q6_K)->short_rows);
    assert_int_equal(xl_format_of_rows(XL_FORMAT_Q6_K, 416), XL_FORMAT_Q6_K);
    assert_int_equal(xl_format_of_rows(XL_FORMAT_Q4_K, 410), XL_FORMAT_Q4_K); /* 102 of 410 */
    assert_int_equal(xl_format_of_rows(XL_FORMAT_Q4_K, 409), xl_format_get(XL_FORMAT_Q4_K)->short_rows);
    assert_int_equal(xl_format_of_rows(XL_FORMAT_F16, 1), XL_FORMAT_F16);
    assert_int_equal(xl_format_row_bytes(XL_FORMAT_Q8_0, 33), 2 * sizeof(xl_block_q8_0));
    assert_int_equal(xl_format_offset(XL_FORMAT_Q4_0, 96), 3 * sizeof(xl_block_q4_0));
    const char data[64] = {0};
    const xl_matrix w = {.data = data, .format = XL_FORMAT_F32, .rows = 8, .cols = 1, .stride = 8};
    const xl_matrix part = xl_matrix_rows(&w, 3, 2);
    assert_ptr_equal(part.data, data + 24);
    assert_int_equal(part.rows, 2);
    assert_int_equal(part.stride, 8);
    assert_int_equal(part.cols, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),    cmocka_unit_test(tails),
        cmocka_unit_test(zeros_stay_zeros),  cmocka_unit_test(by_hand),
        cmocka_unit_test(whole_numbers),     cmocka_unit_test(importance_is_heeded),
        cmocka_unit_test(rows_and_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
