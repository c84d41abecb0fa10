/* Spaces: which points exist, are neighbours, or are the same in effect; drawing and counting. */
#include "helper.h"
#include "tuner/space/named.h"
#include "tuner/target/engine_space.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_finds_the_points_that_exist),
        cmocka_unit_test(neighbours_differ_in_one_parameter),
        cmocka_unit_test(settings_of_one_schedule_are_one_point),
        cmocka_unit_test(equal_values_are_merged),
        cmocka_unit_test(merged_values_lie_anywhere),
        cmocka_unit_test(a_space_without_end_is_not_counted),
        cmocka_unit_test(a_sparse_space_is_drawn_from),
        cmocka_unit_test(bad_spaces_say_why),
        cmocka_unit_test(a_million_points_are_enumerated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
