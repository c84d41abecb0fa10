/* Plain JSON is read as a whole parser reads it, and everything else is left to that. */
#include "helper.h"

#include <jansson.h>

#include "tuner/study/plain_json.h"
#include "tuner/study/study.h"

/* What is read is what jansson reads; `plain`: whether it is to be read at all. */
static void numbers(const char *text, bool plain) {
    double out[TUNE_PLAIN_NUMBERS];
    size_t count;
    const bool read = tune_plain_numbers(text, out, &count);
    if (read != plain) print_error("%s\n", text);
    assert_int_equal(read, plain);
    if (!read) return;
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    assert_int_equal(json_array_size(j), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(j, i);
        if (json_is_null(value)) assert_true(isnan(out[i]));
        else assert_true(json_is_number(value) && json_number_value(value) == out[i]);
    }
    json_decref(j);
}

static void arrays(void **state) {
    static const char *const plain[] = {"[]",
                                        "[0]",
                                        "[-0.0,1,2.5,-3e-7,1E+10,null]",
                                        "[null]",
                                        "[123456789012345678]",
                                        "[0.10000000000000001,2.2250738585072014e-308,1.7976931348623157e308]"};
    static const char *const other[] = {"",
                                        "[",
                                        "]",
                                        "[1",
                                        "[1,]",
                                        "[,1]",
                                        "[1]x",
                                        "[ 1]",
                                        "[1 ]",
                                        "[01]",
                                        "[1.]",
                                        "[.5]",
                                        "[1e]",
                                        "[+1]",
                                        "[1e999]",
                                        "[nan]",
                                        "[inf]",
                                        "[0x10]",
                                        "[1,\"a\"]",
                                        "[[1]]",
                                        "{}",
                                        "null",
                                        "1",
                                        "[nullx]",
                                        "[1]]",
                                        "[--1]",
                                        "[-]",
                                        "[1e+]",
                                        "[1,joined]",
                                        "[1e5.]",
                                        "[\"joined\"]",
                                        "[1234567890123456789]"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) numbers(plain[i], true);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) numbers(other[i], false);
    char text[400] = "[0";
    for (int i = 1; i < TUNE_PLAIN_NUMBERS; i++) strcat(text, ",1");
    strcat(text, "]");
    numbers(text, true);
    strcpy(text + strlen(text) - 1, ",1]");
    numbers(text, false); /* one too many */
}

static void objects(void **state) {
    tune_metrics metrics;
    double values[TUNE_METRICS];
    tune_study_first_metrics(&metrics);
    char *all = strdup("{");
    for (int i = 0; i < metrics.count; i++) {
        char *more = xl_format("%s%s\"%s\":%d.5", all, i ? "," : "", metrics.at[i].name, i);
        free(all);
        all = more;
    }
    char *whole = xl_format("%s}", all), *many = xl_format("%s,\"x\":1}", all);
    assert_true(tune_plain_metrics(whole, &metrics, values));
    for (int i = 0; i < TUNE_METRICS; i++) {
        if (i < metrics.count) assert_true(values[i] == i + 0.5);
        else assert_true(isnan(values[i]));
    }
    assert_false(tune_plain_metrics(many, &metrics, values));
    assert_true(tune_plain_metrics("{}", &metrics, values) && isnan(values[0]));
    char *first = xl_format("{\"%s\":null}", metrics.at[0].name),
         *second = xl_format("{\"%s\":1}", metrics.at[1].name);
    assert_true(tune_plain_metrics(first, &metrics, values) && isnan(values[0]) && isnan(values[1]));
    assert_false(tune_plain_metrics(second, &metrics, values)); /* in another order */
    assert_false(tune_plain_metrics("", &metrics, values));
    assert_false(tune_plain_metrics("{", &metrics, values));
    assert_false(tune_plain_metrics("{\"", &metrics, values));
    assert_false(tune_plain_metrics("{}x", &metrics, values));
    free(all);
    free(whole);
    free(many);
    free(first);
    free(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arrays), cmocka_unit_test(objects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
