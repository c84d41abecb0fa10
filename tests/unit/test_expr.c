/* Conditions between parameters: they have Python's values, and refuse what they do not know. */
#include "helper.h"
#include "tuner/space/expr.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const names[] = {"a", "b", "name"};

static double value_of(const char *source, double a, double b, const char *name) {
    tune_expr *e;
    xlstm_error err;
    const tune_value values[] = {{.number = a}, {.number = b}, {.text = name}};
    if (tune_expr_parse(source, names, 3, &e, &err)) fail_msg("%s", err.text);
    tune_value v = tune_expr_value(e, values);
    tune_expr_destroy(e);
    assert_null(v.text);
    return v.number;
}

static void expressions_have_pythons_values(void **state) {
    /* Each value was checked with Python 3, where a = 7, b = -2, name = "row". */
    const struct {
        const char *source;
        double value;
    } rows[] = {
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"2 ** 3 ** 2", 512},
        {"-2 ** 2", -4},
        {"2 ** -1", 0.5},
        {"a // b", -4},
        {"a % b", -1},
        {"-a % 3", 2},
        {"a / b", -3.5},
        {"7 - 2 - 1", 4},
        {"24 // 4 // 2", 3},
        {"1 < a < 10", 1},
        {"1 < a < 5", 0},
        {"a > 1 > b", 1},
        {"a == 7 and b == -2", 1},
        {"not a == 7", 0},
        {"not not a", 1},
        {"a in [1, 7, 9]", 1},
        {"a not in (1, 7, 9)", 0},
        {"a in (7,)", 1},
        {"name == \"row\"", 1},
        {"name in ['column', 'row']", 1},
        {"name != 'row' or a == 7", 1},
        {"name == a", 0},
        {"min(a, b, 3)", -2},
        {"max(a, b) + abs(b)", 9},
        {"a if b < 0 else b", 7},
        {"1 if b > 0 else 2 if a > 0 else 3", 2},
        {"0 or 5", 5},
        {"3 and 5", 5},
        {"1e3 + .5", 1000.5},
        {"True + True", 2},
        {"a == 1 or a % 2 == 1 and b < 0", 1},
        {"32 <= a * 8 <= 1024", 1},
        {"(a * 4 + 14) * (b + 14) < 12288", 1},
        {"+a - -b", 5},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double v = value_of(rows[i].source, 7, -2, "row");
        if (v != rows[i].value) fail_msg("%s: %g, wanted %g", rows[i].source, v, rows[i].value);
    }
    assert_true(isnan(value_of("a / 0", 1, 1, "")));
    assert_true(isnan(value_of("a % (b - 1)", 1, 1, "")));
    assert_true(value_of("a / 0 > 0", 1, 1, "") == 0);
}

static void expressions_refuse_what_they_do_not_know(void **state) {
    const struct {
        const char *source, *message;
    } rows[] = {
        {"", "found the end"},
        {"a +", "found the end"},
        {"(a", "wanted \")\""},
        {"a b", "more than one expression"},
        {"nam == 1", "did you mean \"name\""},
        {"zzzzzzz == 1", "no parameter is called \"zzzzzzz\""},
        {"a in 3", "wanted a list"},
        {"a in [1, 2", "not closed"},
        {"'open", "not closed"},
        {"abs(1, 2)", "takes one value"},
        {"a if b", "wanted \"else\""},
        {"__import__('os')", "no parameter is called"},
        {"a = 1", "more than one expression"},
        {"1x", "not a number"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        tune_expr *e;
        xlstm_error err;
        assert_int_equal(tune_expr_parse(rows[i].source, names, 3, &e, &err), XLSTM_EARG);
        assert_null(e);
        if (!strstr(err.text, rows[i].message)) fail_msg("%s: %s", rows[i].source, err.text);
    }
    char deep[2001];
    memset(deep, '(', 2000);
    deep[2000] = 0;
    tune_expr *e;
    assert_int_equal(tune_expr_parse(deep, names, 3, &e, NULL), XLSTM_EARG);
    memset(deep, '-', 2000);
    assert_int_equal(tune_expr_parse(deep, names, 3, &e, NULL), XLSTM_EARG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_pythons_values),
        cmocka_unit_test(expressions_refuse_what_they_do_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
