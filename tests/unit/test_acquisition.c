#include "helper.h"
#include "tuner/search/auto.h"
#include "tuner/search/models/acquisition.h"
#include "tuner/search/models/surrogate.h"
#include "tuner/search/strategy.h"

static void assert_near(double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance)) fail_msg("%.9g, wanted %.9g", value, wanted);
}

static void improvement(void **state) {
    /* Without uncertainty it is the difference; at the mean it is the density at 0. */
    assert_near(tune_improvement(3, (tune_normal){1, 0}), 2, 0);
    assert_near(tune_improvement(1, (tune_normal){3, 0}), 0, 0);
    assert_near(tune_improvement(2, (tune_normal){2, 1}), 0.39894228, 1e-7);
    assert_near(tune_improvement(2, (tune_normal){2, 10}), 3.9894228, 1e-6);
    /* max(t - x, 0) - max(x - t, 0) = t - x, so the means differ by 1.5 too. */
    double under = tune_improvement(2, (tune_normal){0.5, 0.7}),
           over = tune_improvement(0.5, (tune_normal){2, 0.7});
    assert_near(under - over, 1.5, 1e-12);
}

static void the_least_of_normal_variables(void **state) {
    const tune_normal one = {4, 2}, known[] = {{3, 0}, {2, 0}, {5, 0}};
    tune_normal many[100];
    assert_near(tune_least(&one, 1, 0.5, 100), 4, 0.02);
    assert_near(tune_least(&one, 1, 0.1586553, 100), 2, 0.02);
    /* Of n equal variables all are above y with the n-th power of the probability of one. */
    for (int i = 0; i < 100; i++) many[i] = one;
    const double z = (tune_least(many, 100, 0.5, 100) - 4) / 2, above = 0.5 * erfc(z * 0.7071067811865476);
    assert_near(pow(above, 100), 0.5, 0.01);
    assert_near(tune_least(known, 3, 0.5, 100), 2, 0.01);
    /* Not above the greatest value allowed. */
    assert_near(tune_least(known, 3, 0.5, 1), 1, 0);
    assert_near(tune_least(NULL, 0, 0.5, 7), 7, 0);
    assert_true(tune_least(many, 100, 0.2, 100) < tune_least(many, 100, 0.8, 100));
}

/* Expected improvement on the best value prefers the point that is known to be a little better; with an ambitious
 * target it is the one that may be much better. */
static void ambition_prefers_what_is_open(void **state) {
    const tune_normal x[] = {{-0.06, 0.01}, {1, 1}};
    double modest[2] = {0}, ambitious[2] = {0};
    tune_acquire(x, 2, 0.1, 0, modest);
    tune_acquire(x, 2, 0.1, 1, ambitious);
    assert_near(modest[0], 1, 0);
    assert_true(modest[1] < 1);
    assert_near(ambitious[1], 1, 0);
    assert_true(ambitious[0] < 0.5);
}

static void scores_are_added(void **state) {
    const tune_normal x[] = {{0, 1}, {0.5, 1}, {2, 0}};
    double once[3] = {0}, twice[3] = {0, 10, 20}, nothing[2] = {4, 5};
    tune_acquire(x, 3, 0.2, 0.5, once);
    tune_acquire(x, 3, 0.2, 0.5, twice);
    for (int i = 0; i < 3; i++) assert_near(twice[i], once[i] + 10 * i, 1e-12);
    assert_near(once[0], 1, 0);
    assert_true(once[1] > 0 && once[1] < 1);
    assert_near(once[2], 0, 0);
    /* The unit in which an objective is measured makes no difference. */
    const tune_normal large[] = {{0, 1e3}, {0.5e3, 1e3}, {2e3, 0}};
    double again[3] = {0};
    tune_acquire(large, 3, 0.2e3, 0.5, again);
    for (int i = 0; i < 3; i++) assert_near(again[i], once[i], 1e-9);
    /* Nothing is better than what is known: nothing is added, and nothing is divided by 0. */
    tune_acquire(x + 2, 1, 1, 0.5, nothing);
    assert_near(nothing[0], 4, 0);
}

/* A method that is the best one with some settings and the worst one on average, beside parameters that matter
 * little: a search that polishes what it has found does not try it again. */
static double trap(const tune_space *s, uint32_t point) {
    const uint16_t *i = tune_space_index(s, point);
    const bool fits = i[1] == 0 && i[2] <= 2;
    const double detail = 1 + 0.01 * (i[3] + i[4]);
    return (i[0] == 0 ? (fits ? 1 : 20) : (fits ? 2 : 2 + 2.0 * i[2]) + i[0]) * detail;
}

static bool finds(const tune_space *s, int budget, uint64_t seed) {
    tune_strategy_options o;
    tune_strategy *t;
    tune_proposal p;
    tune_strategy_options_init(&o);
    o.seed = seed;
    assert_int_equal(tune_strategy_create("auto", s, &o, &t, NULL), 0);
    for (int i = 0; i < budget; i++) {
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(tune_strategy_tell(t, p.point, trap(s, p.point), 1, NULL), 0);
    }
    const bool found = tune_space_index(s, tune_strategy_best(t).point)[0] == 0;
    tune_strategy_destroy(t);
    return found;
}

static void polishing_does_not_hold_the_search(void **state) {
    static const tune_value methods[] = {{.text = "a"}, {.text = "b"}, {.text = "c"}, {.text = "d"}, {.text = "e"}};
    tune_space *s = tune_space_create();
    int found = 0;
    enum { RUNS = 40 };
    assert_int_equal(tune_space_add_list(s, "method", 0, methods, 5, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "off", 0, 0, 1, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "level", 0, 1, 6, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "files", 0, 1, 11, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "block", 0, 1, 13, 1, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    for (uint64_t seed = 0; seed < RUNS; seed++) found += finds(s, 50, seed);
    /* Without ambition it is 28 of the 40. */
    assert_true(found >= 33);
    tune_space_destroy(s);
}

enum { MEASURED = 60, ASKED = 20 };

static void promises(const tune_space *s, double ambition, double tempered, double out[ASKED]) {
    tune_surrogate_params params = tune_auto_defaults.models;
    tune_surrogate_sample sample[MEASURED];
    uint32_t point[ASKED];
    tune_surrogate *model;
    xl_rng rng;
    params.ambition = ambition;
    params.tempered = tempered;
    for (uint32_t i = 0; i < MEASURED; i++)
        sample[i] = (tune_surrogate_sample){.point = 3 * i, .y = 0.01f * (float)i + 0.1f * (float)(i % 7)};
    for (uint32_t i = 0; i < ASKED; i++) point[i] = 3 * i + 1;
    xl_rng_seed(&rng, 5);
    assert_int_equal(tune_surrogate_create(s, &params, &model, NULL), 0);
    assert_int_equal(tune_surrogate_fit(model, sample, MEASURED, NULL, 0, &rng, NULL), 0);
    tune_surrogate_promise(model, point, ASKED, 0, 1, out);
    tune_surrogate_destroy(model);
}

/* Twice as many points as leave the ambition whole halve it. */
static void ambition_falls_with_what_is_measured(void **state) {
    tune_space *s = tune_space_create();
    double whole[ASKED], tempered[ASKED], half[ASKED], just[ASKED];
    assert_int_equal(tune_space_add_range(s, "a", 0, 0, 19, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "b", 0, 0, 19, 1, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    promises(s, 0.5, 1e9, whole);
    promises(s, 0.5, MEASURED, just);
    promises(s, 0.5, MEASURED / 2, tempered);
    promises(s, 0.25, 1e9, half);
    assert_memory_equal(just, whole, sizeof whole);
    assert_memory_equal(tempered, half, sizeof half);
    assert_memory_not_equal(tempered, whole, sizeof whole);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(improvement),
        cmocka_unit_test(the_least_of_normal_variables),
        cmocka_unit_test(ambition_prefers_what_is_open),
        cmocka_unit_test(scores_are_added),
        cmocka_unit_test(polishing_does_not_hold_the_search),
        cmocka_unit_test(ambition_falls_with_what_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
