/* The reader and the writer of CSV, and numbers as text. */

#include "base/csv.h"
#include "base/json.h"
#include "base/number.h"
#include "base/rng.h"
#include "helper.h"

static int read_bytes(xl_csv *csv, const char *text, size_t bytes, xlstm_error *err) {
    test_put_bytes("a.csv", text, bytes);
    char *path = test_path("a.csv");
    int status = xl_csv_read(csv, path, 1 << 20, err);
    free(path);
    return status;
}

static int read_csv(xl_csv *csv, const char *text, xlstm_error *err) {
    return read_bytes(csv, text, strlen(text), err);
}

static void csv_forms(void **state) {
    static const char *const same[] = {"a,b\n1,\nx y,\"q,\"\"\n\"\n", "a,b\r\n1,\r\nx y,\"q,\"\"\n\"\r\n",
                                       ("\xEF\xBB\xBF"
                                        "a,b\n\n1,\n\nx y,\"q,\"\"\n\"")};
    xl_csv csv;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_csv(&csv, same[i], NULL), 0);
        assert_int_equal(csv.rows, 2);
        assert_int_equal(xl_csv_column(&csv, "b"), 1);
        assert_int_equal(xl_csv_column(&csv, "c"), -1);
        assert_string_equal(xl_csv_cell(&csv, 0, 0), "1");
        assert_string_equal(xl_csv_cell(&csv, 0, 1), "");
        assert_string_equal(xl_csv_cell(&csv, 0, -1), "");
        assert_string_equal(xl_csv_cell(&csv, 1, 1), "q,\"\n");
        xl_csv_free(&csv);
    }
    assert_int_equal(read_csv(&csv, "a\n", NULL), 0);
    assert_int_equal(csv.rows, 0);
    xl_csv_free(&csv);
    xl_csv_free(&csv);
}

static void numbers_of_cells(void **state) {
    xl_csv csv;
    xlstm_error err;
    double x;
    assert_int_equal(read_csv(&csv,
                              "\xef\xbb\xbf"
                              "a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n,2",
                              NULL),
                     0);
    assert_int_equal(csv.lines[2], 5);
    assert_int_equal(xl_csv_number(&csv, "p", 1, 1, &x, NULL), 0);
    assert_true(x == 2);
    assert_int_equal(xl_csv_number(&csv, "p", 1, 0, &x, NULL), 0);
    assert_true(isnan(x));
    assert_int_equal(xl_csv_number(&csv, "p", 1, -1, &x, NULL), 0);
    assert_true(isnan(x));
    assert_int_equal(xl_csv_number(&csv, "p", 0, 1, &x, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "p: line 2: b is x"));
    xl_csv_free(&csv);
}

static void bad_csv_is_named(void **state) {
    static const struct {
        const char *text, *message;
    } bad[] = {{"", "empty"},
               {"\n\r\n", "empty"},
               {"a,b\n1,2\n1,2,3\n", "line 3: found 3 cells, wanted 2"},
               {"a,b\n1\n", "line 2: found 1 cells"},
               {"a,b\n1,\"2\n3,4\n", "line 2: a quote that never ends"},
               {"a,b\n\"1\"x,2\n", "line 2: text after a closing quote"}};
    xl_csv csv;
    xlstm_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(read_csv(&csv, bad[i].text, &err), XLSTM_EFORMAT);
        if (!strstr(err.text, bad[i].message)) fail_msg("found %s, wanted %s", err.text, bad[i].message);
    }
    assert_int_equal(read_bytes(&csv, "a,b\n1,\0\n", 8, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "line 2: a NUL byte"));
    char *nowhere = test_path("nowhere/x.csv");
    assert_int_equal(xl_csv_read(&csv, nowhere, 100, &err), XLSTM_ENOTFOUND);
    free(nowhere);
    char wide[4001];
    memset(wide, ',', 4000);
    wide[4000] = 0;
    assert_int_equal(read_csv(&csv, wide, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "columns"));
}

/* What was written is read back unchanged; random bytes never crash the reader. */
static void cells_survive(void **state) {
    static const char alphabet[] = "a1,,\"\"\n\r\n.x\\'`";
    xl_rng rng;
    xl_rng_seed(&rng, 8);
    for (int i = 0; i < 300; i++) {
        char noise[200], *text;
        size_t n = xl_rng_below(&rng, sizeof noise), bytes;
        for (size_t k = 0; k < n; k++) noise[k] = alphabet[xl_rng_below(&rng, sizeof alphabet - 1)];
        noise[n] = 0;
        xl_csv csv;
        if (!read_csv(&csv, noise, NULL)) xl_csv_free(&csv);
        FILE *out = open_memstream(&text, &bytes);
        assert_non_null(out);
        fputs("a,b\n", out);
        xl_csv_put_text(out, noise);
        fputs(",1\n", out);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(xl_csv_parse(&csv, "text", text, NULL), 0);
        assert_string_equal(xl_csv_cell(&csv, 0, 0), noise);
        xl_csv_free(&csv);
    }
}

static void expect_cell(json_t *value, int digits, const char *wanted) {
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    xl_json_put_cell(out, value, digits);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, wanted);
    json_decref(value);
    free(text);
}

static void values_as_cells(void **state) {
    expect_cell(json_string("a b"), 0, "a b");
    expect_cell(json_string("a,\"b\""), 0, "\"a,\"\"b\"\"\"");
    expect_cell(json_string("two\nlines"), 0, "\"two\nlines\"");
    expect_cell(json_integer(-7), 0, "-7");
    expect_cell(json_real(0.1), 0, "0.1");
    expect_cell(json_real(2.0 / 3), 0, "0.6666666666666666");
    expect_cell(json_real(2.0 / 3), 6, "0.666667");
    expect_cell(json_null(), 0, "");
    expect_cell(xl_json_number(NAN), 0, "");
    expect_cell(xl_json_number(INFINITY), 0, "");
    expect_cell(NULL, 0, "");
}

static void numbers_as_text(void **state) {
    static const double values[] = {0, 1, -1, 0.1, 1e30, 5e-324, 1.7976931348623157e308, 0.1 + 0.2};
    char text[XL_NUMBER_TEXT];
    double back;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_true(xl_number_read(xl_number_text(text, values[i]), &back));
        assert_true(back == values[i]);
    }
    assert_string_equal(xl_number_text(text, 0.1), "0.1");
    static const char *const none[] = {"", "x", "1x", "nan", "inf", "1e999"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_false(xl_number_read(none[i], &back));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_forms),     cmocka_unit_test(numbers_of_cells), cmocka_unit_test(bad_csv_is_named),
        cmocka_unit_test(cells_survive), cmocka_unit_test(values_as_cells),  cmocka_unit_test(numbers_as_text)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
