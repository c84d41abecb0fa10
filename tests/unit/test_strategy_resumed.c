/* Strategies that go on where an earlier process with several points in flight ended. */
#include "helper.h"
#include "tuner/search/strategy.h"

enum { SIDE = 5, POINTS = SIDE * SIDE, AHEAD = 4, BEFORE = 10 };

static tune_space *square(void) {
    tune_space *s = tune_space_create();
    assert_int_equal(tune_space_add_range(s, "a", 0, 1, SIDE, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "b", 0, 1, SIDE, 1, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    return s;
}

static tune_strategy *make(const tune_strategy_class *c, const tune_space *s) {
    tune_strategy *t;
    tune_strategy_options o;
    tune_strategy_options_init(&o);
    o.seed = 7;
    o.noise = 0;
    o.objectives = c->tell_all ? 2 : 1;
    assert_int_equal(tune_strategy_create(c->name, s, &o, &t, NULL), 0);
    return t;
}

static uint32_t ask(tune_strategy *t) {
    tune_proposal p;
    assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
    return p.point;
}

static void tell(const tune_strategy_class *c, tune_strategy *t, uint32_t point) {
    const double a = point % SIDE, b = (double)point / SIDE, values[] = {1 + a * a + (b - 3) * (b - 3), 9 - a + b};
    if (c->tell_all) assert_int_equal(tune_strategy_tell_all(t, point, values, 1, NULL), 0);
    else assert_int_equal(tune_strategy_tell(t, point, values[0], 1, NULL), 0);
}

/* The search that goes on asks again for all that was asked for, and gets other points since results came late
 * then. It still tries every point once, and ends. */
static void every_point_is_tried_once(void **state) {
    tune_space *s = square();
    int differ = 0;
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        if (c->ends != TUNE_ENDS_SPACE) continue;
        uint32_t asked[AHEAD + BEFORE];
        int times[POINTS] = {0};
        tune_strategy *t = make(c, s);
        for (int i = 0; i < AHEAD; i++) asked[i] = ask(t);
        /* Of each two the second is over first: 3, 2, 5, 4, … 11, 10. The first two and the last two stay in
         * flight. */
        for (int i = AHEAD; i < AHEAD + BEFORE; i++) {
            tell(c, t, asked[i % 2 ? i - 3 : i - 1]);
            asked[i] = ask(t);
        }
        tune_strategy_destroy(t);
        t = make(c, s);
        for (int i = 0; i < AHEAD + BEFORE; i++) {
            const uint32_t again = ask(t);
            differ += again != asked[i];
            assert_int_equal(tune_strategy_exchange(t, again, asked[i], NULL), 0);
            if (i >= 2 && i < BEFORE + 2) tell(c, t, asked[i]);
            times[asked[i]]++;
        }
        for (int i = AHEAD + BEFORE; i < POINTS; i++) {
            assert_false(tune_strategy_done(t));
            const uint32_t point = ask(t);
            times[point]++;
            tell(c, t, point);
        }
        const int flying[AHEAD] = {0, 1, BEFORE + 2, BEFORE + 3};
        for (int i = 0; i < AHEAD; i++) tell(c, t, asked[flying[i]]);
        assert_true(tune_strategy_done(t));
        for (int i = 0; i < POINTS; i++) assert_int_equal(times[i], 1);
        tune_strategy_destroy(t);
    }
    assert_true(differ > 0);
    tune_space_destroy(s);
}

/* Points that a search which goes on leaves out are proposed by a grid in their place, and none twice. */
static void a_grid_comes_back_to_what_was_left_out(void **state) {
    static const uint32_t out[] = {0, 3, 4, 9};
    enum { REACHED = 12, OUT = sizeof out / sizeof *out };
    tune_space *s = square();
    tune_strategy *t = make(tune_strategy_find("grid"), s);
    uint32_t order[POINTS];
    for (uint32_t i = 0, left = 0; i < REACHED; i++) {
        if (left < OUT && out[left] == i) {
            left++;
            continue;
        }
        assert_int_equal(tune_strategy_exchange(t, ask(t), i, NULL), 0);
        tell(tune_strategy_find("grid"), t, i);
    }
    for (int i = 0; i < OUT + POINTS - REACHED; i++) {
        assert_false(tune_strategy_done(t));
        order[i] = ask(t);
        assert_int_equal(order[i], i < OUT ? out[i] : (uint32_t)(REACHED + i - OUT));
        tell(tune_strategy_find("grid"), t, order[i]);
    }
    assert_true(tune_strategy_done(t));
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void refused(void **state) {
    tune_space *s = square();
    tune_strategy *t = make(tune_strategies[0], s);
    xlstm_error err;
    const uint32_t point = ask(t);
    assert_int_equal(tune_strategy_exchange(t, point, POINTS, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "25"));
    assert_int_equal(tune_strategy_exchange(t, POINTS, point, NULL), XLSTM_EARG);
    assert_int_equal(tune_strategy_exchange(t, point, point, NULL), 0);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_is_tried_once),
        cmocka_unit_test(a_grid_comes_back_to_what_was_left_out),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
