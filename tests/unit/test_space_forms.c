/* The forms in which people write a space: JSON, and names with their values. */
#include "helper.h"
#include "tuner/space/named.h"
#include "tuner/target/engine_space.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const pinnings[] = {"none", "compact", "spread", NULL};
static const tune_known known[] = {
    {"chunk_size", TUNE_AFFECTS_FIRST, 1, 512, 64, 1, 65536, NULL, false},
    {"workers", TUNE_AFFECTS_FIRST, 1, 4, 2, 1, 256, NULL, false},
    {"pinning", TUNE_AFFECTS_SECOND, 0, 2, 0, 0, 2, pinnings, false},
};

static int from_json(const char *text, tune_space **s, xlstm_error *err) {
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    int status = tune_space_from_json(j, known, COUNT(known), s, err);
    json_decref(j);
    return status;
}

static void json_form(void **state) {
    xlstm_error err;
    tune_space *s;
    assert_int_equal(
        from_json("{\"chunk_size\": {\"min\": 16, \"max\": 256, \"powers_of_two\": true}, \"workers\": true,"
                  "\"pinning\": [\"compact\", \"none\"], \"conditions\": [\"chunk_size * workers <= 512\"]}",
                  &s, &err),
        0);
    assert_int_equal(tune_space_seal(s, &err), 0);
    assert_int_equal(tune_space_params(s), 3);
    assert_int_equal(tune_space_size(s), 2 * (4 + 4 + 4 + 4 + 2));
    assert_int_equal(tune_space_affects(s), TUNE_AFFECTS_FIRST | TUNE_AFFECTS_SECOND);
    const tune_value preset[] = {{.number = 64}, {.number = 2}, {.text = "none"}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tune_space_param(s, i)->preset, tune_space_find_value(s, i, preset[i]));
    tune_space_destroy(s);
    assert_int_equal(from_json("{\"workers\": 3, \"chunk_size\": {\"step\": 100}}", &s, &err), 0);
    assert_int_equal(tune_space_param(s, 0)->count, 1);
    assert_int_equal(tune_space_param(s, 1)->count, 6);
    tune_space_destroy(s);
}

static void values_by_name(void **state) {
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    xlstm_error err;
    const tune_value texts[] = {{.text = "short"}, {.text = long_text}}, one = {.number = 0.1};
    tune_space *s = tune_space_create();
    assert_int_equal(tune_space_add_list(s, "how", 1, texts, 2, &err), 0);
    assert_int_equal(tune_space_add_list(s, "fixed", 1, &one, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s, "n", 1, 1, 4, 1, &err), 0);
    assert_int_equal(tune_space_seal(s, &err), 0);
    const tune_value values[] = {texts[1], one, {.number = 3}};
    const uint32_t point = tune_space_find_values(s, values);

    /* Texts are complete whatever their length, and unchanged after JSON. */
    tune_named_list list, again;
    assert_true(tune_named_of_point(&list, s, point));
    char *text = tune_named_text(&list);
    assert_int_equal(strlen(text), strlen("how=") + strlen(long_text) + strlen(" fixed=0.1 n=3"));
    json_t *j = tune_named_json(&list);
    assert_int_equal(tune_named_from_json(&again, j, &err), 0);
    assert_int_equal(tune_named_point(&again, s), point);
    char *second = tune_named_text(&again);
    assert_string_equal(text, second);
    assert_null(tune_named_find(&again, "m"));
    tune_named_clear(&again);

    /* Names that the space does not have are ignored, and fixed parameters may be missing, but no others. */
    json_object_del(j, "fixed");
    json_object_set_new(j, "more", json_integer(1));
    assert_int_equal(tune_named_from_json(&again, j, &err), 0);
    assert_int_equal(tune_named_point(&again, s), point);
    tune_named_clear(&again);
    json_object_del(j, "n");
    assert_int_equal(tune_named_from_json(&again, j, &err), 0);
    assert_int_equal(tune_named_point(&again, s), TUNE_NO_POINT);
    tune_named_clear(&again);

    json_object_set_new(j, "n", json_true());
    assert_int_equal(tune_named_from_json(&again, j, &err), XLSTM_EFORMAT);
    assert_string_equal(err.text, "n is neither a number nor a text");
    assert_int_equal(tune_named_from_json(&again, json_object_get(j, "n"), &err), XLSTM_EFORMAT);
    assert_int_equal(again.count, 0);
    json_decref(j);
    free(text);
    free(second);
    tune_named_clear(&list);
    tune_space_destroy(s);
}

static void json_errors_name_key_and_wanted(void **state) {
    const struct {
        const char *json, *message;
    } rows[] = {
        {"[1]", "found a list, wanted an object"},
        {"{}", "no parameter is named"},
        {"{\"chunk_sise\": 4}", "did you mean \"chunk_size\""},
        {"{\"zzzzzzzz\": 4}", "wanted one of chunk_size, workers, pinning"},
        {"{\"workers\": null}", "space: workers: found null"},
        {"{\"workers\": [1, true]}", "space: workers: found true"},
        {"{\"workers\": {\"mim\": 1}}", "unknown key \"mim\", wanted \"min\""},
        {"{\"workers\": {\"min\": 1.5}}", "space: workers.min: found a number, wanted an integer"},
        {"{\"workers\": {\"factor\": null}}", "workers.factor: found null, wanted a number"},
        {"{\"workers\": {\"factor\": 0}}", "wanted a factor greater than 1"},
        {"{\"workers\": {\"max\": 300}}", "found 300, wanted an integer from 1 to 256"},
        {"{\"workers\": {\"step\": 2, \"powers_of_two\": true}}", "exclude each other"},
        {"{\"workers\": [2, 2]}", "value 2 is there twice"},
        {"{\"workers\": []}", "0 values"},
        {"{\"pinning\": \"compat\"}", "found compat, wanted one of none, compact, spread"},
        {"{\"workers\": true, \"conditions\": \"x\"}", "conditions: found a text, wanted a list"},
        {"{\"workers\": true, \"conditions\": [1]}", "conditions[0]: found an integer"},
        {"{\"workers\": true, \"conditions\": [\"worker > 1\"]}", "did you mean \"workers\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        tune_space *s;
        xlstm_error err;
        assert_true(from_json(rows[i].json, &s, &err) < 0);
        assert_null(s);
        if (!strstr(err.text, rows[i].message)) fail_msg("%s: %s", rows[i].json, err.text);
    }
}

static void names_form(void **state) {
    xlstm_error err;
    tune_space *s;
    assert_int_equal(tune_space_from_names("workers,chunk-size=16:64:16,pinning=none|spread", known, 3, &s, &err),
                     0);
    assert_int_equal(tune_space_seal(s, &err), 0);
    assert_int_equal(tune_space_size(s), 4 * 4 * 2);
    assert_string_equal(tune_space_param(s, 1)->name, "chunk_size");
    tune_space_destroy(s);
    assert_int_equal(tune_space_from_names("chunk_size", known, 3, &s, &err), 0);
    assert_int_equal(tune_space_param(s, 0)->count, 10); /* a long range: its powers of two */
    tune_space_destroy(s);
    /* The preset is among them, in its place, where it is no power of two. */
    const tune_known wide = {"wide", TUNE_AFFECTS_FIRST, 3, 300, 24, 1, 65536, NULL, false};
    const double useful[] = {4, 8, 16, 24, 32, 64, 128, 256};
    assert_int_equal(tune_space_from_names("wide", &wide, 1, &s, &err), 0);
    assert_int_equal(tune_space_param(s, 0)->count, COUNT(useful));
    for (size_t i = 0; i < COUNT(useful); i++) assert_true(tune_space_param(s, 0)->values[i].number == useful[i]);
    tune_space_destroy(s);
    assert_int_equal(tune_space_from_names("chunk_size=16:64:x2,workers=2", known, 3, &s, &err), 0);
    assert_int_equal(tune_space_param(s, 0)->count, 3);
    tune_space_destroy(s);
    const char *bad[] = {"", "workrs", "workers=x", "workers=1:x", "workers=", "pinning=nono", "workers,workers"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_true(tune_space_from_names(bad[i], known, 3, &s, &err) < 0);
        assert_null(s);
    }
}

/* The values of a parameter that nobody has declared, as they are written for a command. */
static void words_are_as_they_were_typed(void **state) {
    static const struct {
        const char *typed;
        bool numbers;
    } rows[] = {{"8|16|-2|0.5|17179869184", true},
                {"08|010", false},
                {"1|08", false}, /* all of one kind */
                {"1.10|1.20", false},
                {"0x3|0xf", false},
                {"1e3|5", false},
                {"inf|nan|infinity", false},
                {"12345678901234567890|0.12345678901", false},
                {"fast|slow", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        tune_space *s;
        char *text = xl_format("n=%s", rows[i].typed), found[256] = "", value[64];
        assert_int_equal(tune_space_from_names(text, NULL, 0, &s, NULL), 0);
        const tune_param *p = tune_space_param(s, 0);
        for (size_t v = 0; v < p->count; v++) {
            assert_int_equal(p->values[v].text == NULL, rows[i].numbers);
            strcat(found, v ? "|" : "");
            strcat(found, tune_value_print(p->values[v], value, sizeof value));
        }
        assert_string_equal(found, rows[i].typed);
        tune_space_destroy(s);
        free(text);
    }
    /* Blanks inside a value are its own; a blank before a name begins another parameter. */
    static const char *const with_blanks[][2] = {{"n=by row|by column", "by row|by column"},
                                                 {" n=by row|c , m=1", "by row|c"},
                                                 {"n=a b m=1", "a b"},
                                                 {"n=a b ", "a b"}};
    for (size_t i = 0; i < COUNT(with_blanks); i++) {
        tune_space *s;
        char found[64] = "";
        assert_int_equal(tune_space_from_names(with_blanks[i][0], NULL, 0, &s, NULL), 0);
        const tune_param *p = tune_space_param(s, 0);
        assert_string_equal(p->name, "n");
        for (size_t v = 0; v < p->count; v++) {
            strcat(found, v ? "|" : "");
            strcat(found, p->values[v].text);
        }
        assert_string_equal(found, with_blanks[i][1]);
        assert_int_equal(tune_space_params(s), strstr(with_blanks[i][0], "m=1") ? 2 : 1);
        tune_space_destroy(s);
    }
    static const char *const bad[] = {"n=", "n=a|", "n=|a", "n=a||b"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        tune_space *s;
        xlstm_error err;
        assert_int_equal(tune_space_from_names(bad[i], NULL, 0, &s, &err), XLSTM_EARG);
        assert_non_null(strstr(err.text, "n: an empty value"));
    }
}

/* The numbers of the first parameter, "0.1 0.2". */
static void print_numbers(const tune_space *s, char *out) {
    char value[64];
    *out = 0;
    for (uint32_t v = 0; v < tune_space_param(s, 0)->count; v++)
        sprintf(out + strlen(out), "%s%s", v ? " " : "",
                tune_value_print(tune_space_param(s, 0)->values[v], value, sizeof value));
}

/* A range of fractions or by factors has the numbers that one would write, in both forms. */
static void ranges_hold_the_numbers_one_would_write(void **state) {
    static const struct {
        const char *bounds, *names, *numbers;
    } rows[] = {
        {"'min': 0.1, 'max': 0.5, 'step': 0.1", "x=0.1:0.5:0.1", "0.1 0.2 0.3 0.4 0.5"},
        {"'min': -0.3, 'max': 0.3, 'step': 0.1", "x=-0.3:0.3:0.1", "-0.3 -0.2 -0.1 0 0.1 0.2 0.3"},
        {"'min': 0, 'max': 1, 'step': 0.3", "x=0:1:0.3", "0 0.3 0.6 0.9"},
        {"'min': 0.5, 'max': 2.9", "x=0.5:2.9", "0.5 1.5 2.5"},
        {"'min': 1e-9, 'max': 3e-9, 'step': 1e-9", "x=1e-9:3e-9:1e-9", "1e-09 2e-09 3e-09"},
        {"'min': 0.001, 'max': 1000, 'factor': 10", "x=0.001:1000:x10", "0.001 0.01 0.1 1 10 100 1000"},
        {"'min': 0.25, 'max': 9, 'factor': 2", "x=0.25:9:x2", "0.25 0.5 1 2 4 8"},
        {"'min': 3, 'max': 50, 'factor': 2", "x=3:50:x2.0000000000000001", NULL}, /* x2: the powers of two */
        {"'min': 1, 'max': 300, 'factor': 1.5", NULL, NULL},
        {"'min': 1e-5, 'max': 0.1, 'factor': 10", "x=1e-5:0.1:x10", "1e-05 0.0001 0.001 0.01 0.1"},
        {"'min': 7, 'max': 7, 'factor': 3", "x=7:7:x3", "7"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char found[512];
        tune_space *s;
        json_t *j = json_pack("{s:o}", "x", json_object());
        char *text = xl_format("{%s}", rows[i].bounds);
        for (char *c = text; *c; c++) *c = *c == '\'' ? '"' : *c;
        json_object_set_new(j, "x", json_loads(text, 0, NULL));
        assert_int_equal(tune_space_from_json(j, NULL, 0, &s, NULL), 0);
        print_numbers(s, found);
        if (rows[i].numbers) assert_string_equal(found, rows[i].numbers);
        else if (rows[i].names) assert_string_equal(found, "3 6 12 24 48");
        else
            assert_string_equal(found, "1 1.5 2.25 3.375 5.0625 7.59375 11.390625 17.0859375 25.62890625 "
                                       "38.443359375 57.6650390625 86.49755859375 129.746337890625 "
                                       "194.619506835938 291.929260253906");
        assert_true(tune_space_param(s, 0)->ordered);
        tune_space_destroy(s);
        json_decref(j);
        free(text);
        if (!rows[i].names) continue;
        assert_int_equal(tune_space_from_names(rows[i].names, NULL, 0, &s, NULL), 0);
        print_numbers(s, found);
        assert_string_equal(found, rows[i].numbers ? rows[i].numbers : "4 8 16 32");
        tune_space_destroy(s);
    }
    static const char *const bad[][2] = {
        {"x=0:1:x2", "no power of two"},
        {"x=-1:1:x3", "a min greater than 0"},
        {"x=1:8:x1", "a factor greater than 1"},
        {"x=1:8:x0", "a factor greater than 1"},
        {"x=1:8:0", "step 0, wanted more than 0"},
        {"x=0.5:0.1:0.1", "min 0.5 is greater"},
        {"x=0:1:1e-9", "more than 65535 values"},
        {"x=1:2:1e-300", "more than 65535 values"},
        {"x=1e-300:1e15:x1.0001", "more than 65535 values"},
        {"x=1:inf", "wanted MIN:MAX"},
        {"x=1:1e300", "between -2^53 and 2^53"},
        {"x=1:2:x", "wanted MIN:MAX"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        tune_space *s;
        xlstm_error err;
        assert_int_equal(tune_space_from_names(bad[i][0], NULL, 0, &s, &err), XLSTM_EARG);
        if (!strstr(err.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], err.text);
    }
    /* A parameter of whole numbers takes a factor as long as it gives such. */
    tune_space *s;
    xlstm_error err;
    assert_int_equal(tune_space_from_names("chunk_size=5:50:x3", known, 3, &s, &err), 0);
    assert_int_equal(tune_space_param(s, 0)->count, 3);
    tune_space_destroy(s);
    assert_int_equal(tune_space_from_names("chunk_size=1:8:x1.5", known, 3, &s, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "chunk_size: found 1.5, wanted an integer from 1 to 65536"));
}

static void original_space(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 64, 0, 0, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_int_equal(tune_space_size(s), 7 * 49);
    assert_int_equal(tune_space_param(s, 1)->moves[0], 12);
    tune_space_destroy(s);
    assert_int_equal(tune_space_original(2, 8, 16, 64, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_params(s), 3);
    assert_int_equal(tune_space_find_param(s, "chunk-size"), 1);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_form),
        cmocka_unit_test(values_by_name),
        cmocka_unit_test(json_errors_name_key_and_wanted),
        cmocka_unit_test(names_form),
        cmocka_unit_test(words_are_as_they_were_typed),
        cmocka_unit_test(ranges_hold_the_numbers_one_would_write),
        cmocka_unit_test(original_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
