#include "helper.h"
#include "tuner/space/named.h"
#include "tuner/target/engine_space.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- expressions ---- */

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

/* ---- spaces ---- */

static tune_space *block_space(void) {
    xlstm_error err;
    tune_space *s = tune_space_create();
    assert_int_equal(tune_space_add_powers(s, "block_x", 1, 3, 64, &err), 0); /* 4 … 64 */
    assert_int_equal(tune_space_add_range(s, "tile", 2, 1, 7, 2, &err), 0);   /* 1 3 5 7 */
    const tune_value layouts[] = {{.text = "row"}, {.text = "column"}};
    assert_int_equal(tune_space_add_list(s, "layout", 0, layouts, 2, &err), 0);
    assert_int_equal(tune_space_add_condition(s, "block_x * tile <= 100", &err), 0);
    assert_int_equal(tune_space_add_condition(s, "layout == 'row' or tile > 1", &err), 0);
    return s;
}

static bool exists(const tune_space *s, const uint16_t *i) {
    double x = tune_space_param(s, 0)->values[i[0]].number, t = tune_space_param(s, 1)->values[i[1]].number;
    return x * t <= 100 && (i[2] == 0 || t > 1);
}

static void sealing_finds_the_points_that_exist(void **state) {
    xlstm_error err;
    tune_space *s = block_space();
    assert_int_equal(tune_space_size(s), 0);
    assert_int_equal(tune_space_seal(s, &err), 0);
    size_t points = 0;
    for (uint16_t x = 0; x < 5; x++) {
        for (uint16_t t = 0; t < 4; t++) {
            for (uint16_t l = 0; l < 2; l++) {
                const uint16_t index[] = {x, t, l};
                uint32_t p = tune_space_find(s, index);
                assert_int_equal(p != TUNE_NO_POINT, exists(s, index));
                if (p == TUNE_NO_POINT) continue;
                assert_int_equal(p, points++); /* enumeration order */
                assert_memory_equal(tune_space_index(s, p), index, sizeof index);
            }
        }
    }
    assert_int_equal(tune_space_size(s), points);
    assert_int_equal(tune_space_affects(s), 3);
    const tune_value values[] = {{.number = 16}, {.number = 3}, {.text = "column"}};
    uint32_t p = tune_space_find_values(s, values);
    tune_named_list named;
    assert_true(tune_named_of_point(&named, s, p));
    char *text = tune_named_text(&named);
    assert_string_equal(text, "block_x=16 tile=3 layout=column");
    assert_int_equal(tune_named_point(&named, s), p);
    free(text);
    tune_named_clear(&named);
    json_t *j = tune_space_point_json(s, p);
    assert_int_equal(json_integer_value(json_object_get(j, "block_x")), 16);
    assert_string_equal(json_string_value(json_object_get(j, "layout")), "column");
    json_decref(j);
    const tune_value far[] = {{.number = 63}, {.number = 7}, {.text = "other"}};
    assert_int_equal(tune_space_find_values(s, far), TUNE_NO_POINT);
    tune_space_destroy(s);
}

static void neighbours_differ_in_one_parameter(void **state) {
    tune_space *s = block_space();
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    for (uint32_t p = 0; p < tune_space_size(s); p++) {
        uint32_t found[128];
        size_t n = tune_space_some_neighbours(s, p, &rng, found, 128), wanted = 0;
        for (uint32_t q = 0; q < tune_space_size(s); q++) {
            const uint16_t *x = tune_space_index(s, p), *y = tune_space_index(s, q);
            int differ = 0;
            for (int i = 0; i < 3; i++) differ += x[i] != y[i];
            wanted += differ == 1;
        }
        assert_int_equal(n, wanted);
        for (size_t i = 0; i < n; i++) assert_int_not_equal(found[i], p);
        if (n > 1) assert_int_equal(tune_space_some_neighbours(s, p, &rng, found, 1), 1);
    }
    tune_space_destroy(s);
}

/* Bands with more heads than there are give the same schedule. */
static uint64_t bands(void *heads, const tune_space *s, const tune_value *values) {
    double h = *(int *)heads;
    return (uint64_t)ceil(h / fmin(values[0].number, h)) * 1000 + (uint64_t)values[1].number;
}

static void settings_of_one_schedule_are_one_point(void **state) {
    int heads = 4;
    tune_space *s = tune_space_create();
    assert_int_equal(tune_space_add_range(s, "heads_per_band", 1, 1, 8, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "workers", 1, 1, 2, 1, NULL), 0);
    tune_space_set_canonical(s, bands, &heads);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_int_equal(tune_space_size(s), 6); /* 4, 2 or 1 bands; two workers */
    const uint16_t eight[] = {7, 0}, four[] = {3, 0}, two[] = {1, 0}, three[] = {2, 0};
    assert_int_equal(tune_space_find(s, eight), tune_space_find(s, four));
    assert_int_equal(tune_space_find(s, two), tune_space_find(s, three));
    assert_int_not_equal(tune_space_find(s, two), tune_space_find(s, four));
    uint32_t near[8], p = tune_space_find(s, eight);
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    assert_int_equal(tune_space_some_neighbours(s, p, &rng, near, 8), 3); /* each once */
    tune_space_destroy(s);
}

/* Values that are equal in effect are merged; all of them can be found, and all are counted. */
static void equal_values_are_merged(void **state) {
    tune_space *s = tune_space_create();
    const int64_t comes_to[] = {8, 16, 20, 20, 20}; /* 8 16 24 32 40, at most 20 */
    assert_int_equal(tune_space_add_range(s, "chunk", 0, 8, 40, 8, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "named", 0, 8, 40, 8, NULL), 0);
    assert_int_equal(tune_space_add_condition(s, "named > 8", NULL), 0);
    for (size_t i = 0; i < 2; i++) assert_int_equal(tune_space_merge(s, i, comes_to, NULL), 0);
    tune_space_set_preset(s, 0, (tune_value){.number = 40});
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_int_equal(tune_space_param(s, 0)->count, 3);
    assert_int_equal(tune_space_param(s, 0)->declared_count, 5);
    assert_int_equal(tune_space_param(s, 0)->preset, 2);
    assert_int_equal(tune_space_param(s, 1)->count, 5); /* a condition distinguishes its values */
    assert_int_equal(tune_space_size(s), 3 * 4);
    assert_int_equal(tune_space_settings(s), 5 * 4);
    const tune_value x[] = {{.number = 24}, {.number = 32}}, y[] = {{.number = 40}, {.number = 32}};
    assert_int_not_equal(tune_space_find_values(s, x), TUNE_NO_POINT);
    assert_int_equal(tune_space_find_values(s, x), tune_space_find_values(s, y));
    size_t n = 0;
    uint64_t steps = 1000;
    tune_walk w = {.declared = true};
    for (; tune_space_walk(s, &w, &steps) == TUNE_WALK_SETTING; n++) {
    }
    assert_int_equal(n, 5 * 4);
    tune_space_destroy(s);
}

/* Equal ones need not lie beside each other; the first of them stands for the rest. */
static void merged_values_lie_anywhere(void **state) {
    tune_space *s = tune_space_create();
    const int64_t comes_to[] = {4, 9, 4, 7, 9};
    assert_int_equal(tune_space_add_range(s, "p", 0, 1, 5, 1, NULL), 0);
    assert_int_equal(tune_space_merge(s, 0, comes_to, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_int_equal(tune_space_size(s), 3);
    uint32_t point[5];
    for (int i = 0; i < 5; i++) {
        point[i] = tune_space_find_values(s, &(tune_value){.number = i + 1});
        for (int j = 0; j < i; j++) assert_int_equal(point[i] == point[j], comes_to[i] == comes_to[j]);
    }
    const tune_param *p = tune_space_param(s, 0);
    const double stands[] = {1, 2, 4};
    for (int i = 0; i < 3; i++) assert_true(p->values[i].number == stands[i]);
    tune_space_destroy(s);
}

/* Twelve parameters of ten values, half of them with a condition. */
static void a_space_without_end_is_not_counted(void **state) {
    for (int conditions = 0; conditions < 2; conditions++) {
        tune_space *s = tune_space_create();
        xl_rng rng;
        char name[8], text[40];
        for (int i = 0; i < 12; i++) {
            snprintf(name, sizeof name, "p%d", i);
            assert_int_equal(tune_space_add_range(s, name, 0, 1, 10, 1, NULL), 0);
            if (!conditions || i % 2 == 0) continue;
            snprintf(text, sizeof text, "p%d + p%d == 7", i - 1, i);
            assert_int_equal(tune_space_add_condition(s, text, NULL), 0);
        }
        assert_int_equal(tune_space_seal(s, NULL), 0);
        assert_int_equal(tune_space_counted(s), conditions); /* 6^6 points meet the conditions */
        if (!conditions) assert_true(tune_space_size(s) == 1000000000000);
        else assert_int_equal(tune_space_size(s), 46656);
        xl_rng_seed(&rng, 5);
        size_t known = tune_space_known(s);
        uint32_t first = tune_space_random(s, &rng), near[200];
        uint16_t index[12];
        memcpy(index, tune_space_index(s, first), sizeof index);
        assert_int_equal(tune_space_find(s, index), first);
        size_t n = tune_space_some_neighbours(s, first, &rng, near, 200);
        assert_int_equal(n, conditions ? 0 : 12 * 9);
        for (size_t i = 1; i < n; i++) assert_int_not_equal(near[i], near[0]);
        for (size_t i = 0; i < n; i++) {
            int changed = 0;
            for (int k = 0; k < 12; k++) changed += tune_space_index(s, near[i])[k] != index[k];
            assert_int_equal(changed, 1);
        }
        /* Points whose ids were removed are found again under the same ids. */
        uint16_t last[12];
        if (n) memcpy(last, tune_space_index(s, near[n - 1]), sizeof last);
        tune_space_forget(s, known);
        assert_int_equal(tune_space_known(s), known);
        if (n) assert_int_equal(tune_space_find(s, last), known);
        if (n) assert_int_equal(tune_space_find(s, index), known + 1);
        tune_space_destroy(s);
    }
}

/* Only guided draws find a point here, and walking would take long. */
static void a_sparse_space_is_drawn_from(void **state) {
    tune_space *s = tune_space_create();
    xlstm_error err;
    xl_rng rng;
    for (int i = 0; i < 3; i++) {
        const char *name[] = {"a", "b", "c"};
        assert_int_equal(tune_space_add_range(s, name[i], 0, 1, 60000, 1, NULL), 0);
    }
    assert_int_equal(tune_space_add_condition(s, "a % 1000 == 7", NULL), 0);
    assert_int_equal(tune_space_add_condition(s, "b == a + 1", NULL), 0);
    assert_int_equal(tune_space_seal(s, &err), 0);
    assert_false(tune_space_counted(s));
    xl_rng_seed(&rng, 3);
    uint32_t a = tune_space_random(s, &rng), b = a;
    for (int i = 0; i < 4 && b == a; i++) b = tune_space_random(s, &rng);
    assert_true((int)tune_space_value(s, a, 0).number % 1000 == 7);
    assert_true(tune_space_value(s, a, 1).number == tune_space_value(s, a, 0).number + 1);
    tune_space_destroy(s);
}

static void bad_spaces_say_why(void **state) {
    xlstm_error err;
    tune_space *s = tune_space_create();
    assert_int_equal(tune_space_seal(s, &err), XLSTM_EARG);
    assert_int_equal(tune_space_add_range(s, "a", 0, 3, 1, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_space_add_range(s, "a", 0, 1, 3, 0, &err), XLSTM_EARG);
    assert_int_equal(tune_space_add_range(s, "a", 0, 0, INT64_MAX, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_space_add_powers(s, "a", 0, 5, 7, &err), XLSTM_EARG);
    const tune_value twice[] = {{.number = 1}, {.number = 1}};
    assert_int_equal(tune_space_add_list(s, "a", 0, twice, 2, &err), XLSTM_EARG);
    assert_int_equal(tune_space_add_range(s, "a_b", 0, 1, 3, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s, "a-b", 0, 1, 3, 1, &err), XLSTM_EARG);
    assert_string_equal(err.text, "parameter a-b: given twice");
    assert_int_equal(tune_space_add_condition(s, "a_b > 3", &err), 0);
    assert_int_equal(tune_space_seal(s, &err), XLSTM_EARG);
    tune_space_destroy(s);
    s = tune_space_create();
    for (int i = 0; i < 4; i++) {
        const char *name[] = {"p0", "p1", "p2", "p3"};
        assert_int_equal(tune_space_add_range(s, name[i], 0, 1, 60000, 1, &err), 0);
    }
    assert_int_equal(tune_space_add_condition(s, "p0 < 0", &err), 0); /* excluded at the first parameter */
    assert_int_equal(tune_space_seal(s, &err), XLSTM_EARG);
    tune_space_destroy(s);
}

static void a_million_points_are_enumerated(void **state) {
    tune_space *s = tune_space_create();
    for (int i = 0; i < 6; i++) {
        const char *name[] = {"p0", "p1", "p2", "p3", "p4", "p5"};
        assert_int_equal(tune_space_add_range(s, name[i], 0, 1, 10, 1, NULL), 0);
    }
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_int_equal(tune_space_size(s), 1000000);
    const uint16_t index[] = {9, 8, 7, 6, 5, 4};
    assert_int_equal(tune_space_find(s, index), 987654);
    tune_space_destroy(s);
}

/* ---- forms ---- */

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
        cmocka_unit_test(expressions_have_pythons_values),
        cmocka_unit_test(expressions_refuse_what_they_do_not_know),
        cmocka_unit_test(sealing_finds_the_points_that_exist),
        cmocka_unit_test(neighbours_differ_in_one_parameter),
        cmocka_unit_test(settings_of_one_schedule_are_one_point),
        cmocka_unit_test(equal_values_are_merged),
        cmocka_unit_test(merged_values_lie_anywhere),
        cmocka_unit_test(a_space_without_end_is_not_counted),
        cmocka_unit_test(a_sparse_space_is_drawn_from),
        cmocka_unit_test(bad_spaces_say_why),
        cmocka_unit_test(a_million_points_are_enumerated),
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
