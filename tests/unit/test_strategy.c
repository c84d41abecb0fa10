/* Strategies by what they propose: seeds, small spaces, noise, several in flight; and the original's operators. */
#include "base/rng.h"
#include "helper.h"
#include "tuner/search/original.h"
#include "tuner/search/strategy.h"
#include "tuner/target/engine_space.h"

static void assert_near(double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance)) fail_msg("found %.17g, wanted %.17g", value, wanted);
}

static tune_space *box(int params, int values) {
    tune_space *s = tune_space_create();
    for (int i = 0; i < params; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(tune_space_add_range(s, name, 0, 1, values, 1, NULL), 0);
    }
    assert_int_equal(tune_space_seal(s, NULL), 0);
    return s;
}

/* A bowl whose minimum is not in the middle; every seventh point fails. */
static double bowl(const tune_space *s, uint32_t point) {
    double y = 1;
    if (point % 7 == 3) return NAN;
    for (size_t i = 0; i < tune_space_params(s); i++) {
        double x = tune_space_value(s, point, i).number / tune_space_param(s, i)->count - 0.3 - 0.1 * (double)i;
        y += x * x;
    }
    return y;
}

static tune_strategy *make(const char *name, const tune_space *s, uint64_t seed) {
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.seed = seed;
    assert_int_equal(tune_strategy_create(name, s, &o, &t, NULL), 0);
    return t;
}

static void a_seed_gives_the_same_proposals(void **state) {
    tune_space *s = box(4, 6);
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        int differ = 0;
        tune_strategy *a = make(c->name, s, 5), *b = make(c->name, s, 5), *other = make(c->name, s, 6);
        for (int i = 0; i < 120; i++) {
            tune_proposal x, y, z;
            assert_int_equal(tune_strategy_ask(a, &x, NULL), 0);
            assert_int_equal(tune_strategy_ask(b, &y, NULL), 0);
            assert_int_equal(tune_strategy_ask(other, &z, NULL), 0);
            assert_int_equal(x.point, y.point);
            assert_int_equal(x.again, y.again);
            differ += x.point != z.point;
            assert_int_equal(tune_strategy_tell(a, x.point, bowl(s, x.point), 1, NULL), 0);
            assert_int_equal(tune_strategy_tell(b, y.point, bowl(s, y.point), 1, NULL), 0);
            assert_int_equal(tune_strategy_tell(other, z.point, bowl(s, z.point), 1, NULL), 0);
        }
        assert_true(c->exhaustive ? differ == 0 : differ > 60);
        tune_strategy_destroy(a);
        tune_strategy_destroy(b);
        tune_strategy_destroy(other);
    }
    tune_space_destroy(s);
}

/* Runs a strategy to its end; returns the number of proposals, of which *repeats had `again` set. */
static int run_out(tune_strategy *t, const tune_space *s, double noise, int *repeats) {
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    int n = 0;
    size_t size = tune_space_size(s);
    uint8_t *seen = calloc(size, 1);
    for (*repeats = 0; !tune_strategy_done(t) && n < 100000; n++) {
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_true(p.point < size);
        if (seen[p.point]) assert_true(p.again);
        else assert_false(p.again);
        seen[p.point] = 1;
        *repeats += p.again;
        double value = bowl(s, p.point) * (1 + noise * xl_rng_normal(&rng));
        assert_int_equal(tune_strategy_tell(t, p.point, value, 1, NULL), 0);
    }
    for (size_t i = 0; i < size; i++) assert_int_equal(seen[i], 1);
    free(seen);
    tune_proposal p;
    assert_int_equal(tune_strategy_ask(t, &p, NULL), XLSTM_EARG);
    return n;
}

static uint32_t bottom(const tune_space *s) {
    uint32_t best = TUNE_NO_POINT;
    for (uint32_t p = 0; p < tune_space_size(s); p++) {
        if (isnan(bowl(s, p))) continue;
        if (best == TUNE_NO_POINT || bowl(s, p) < bowl(s, best)) best = p;
    }
    return best;
}

static void small_spaces_are_exhausted_each_point_once(void **state) {
    for (int params = 1; params <= 3; params++) {
        tune_space *s = box(params, 4);
        const char *names[] = {"auto", "grid"};
        for (int i = 0; i < 2; i++) {
            int repeats;
            tune_strategy *t = make(names[i], s, 3);
            int n = run_out(t, s, 0, &repeats);
            assert_true(repeats <= 1); /* auto checks for noise once */
            assert_int_equal(n, tune_space_size(s) + (size_t)repeats);
            assert_int_equal(tune_strategy_best(t).point, bottom(s));
            assert_near(tune_strategy_best(t).estimate, bowl(s, bottom(s)), 1e-9);
            tune_strategy_destroy(t);
        }
        tune_space_destroy(s);
    }
}

static void a_space_without_a_valid_point_ends(void **state) {
    tune_space *s = box(2, 5);
    tune_strategy *t = make("auto", s, 1);
    int n = 0;
    for (; !tune_strategy_done(t); n++) {
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(tune_strategy_tell(t, p.point, NAN, 1, NULL), 0);
    }
    assert_int_equal(n, 25);
    assert_int_equal(tune_strategy_best(t).point, TUNE_NO_POINT);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void noise_is_averaged_and_the_estimate_is_fair(void **state) {
    tune_space *s = box(2, 8);
    double over = 0;
    enum { RUNS = 40 };
    for (int i = 0; i < RUNS; i++) {
        int repeats;
        tune_strategy *t = make("auto", s, (uint64_t)i);
        run_out(t, s, 0.05, &repeats);
        tune_best best = tune_strategy_best(t);
        assert_true(repeats > 10 && best.samples > 10);
        assert_true(best.relative_sd > 0 && best.relative_sd < 0.02);
        over += bowl(s, best.point) / best.estimate - 1;
        tune_strategy_destroy(t);
    }
    assert_true(fabs(over / RUNS) < 0.01);
    tune_space_destroy(s);
}

static void known_noise_free_values_are_not_repeated(void **state) {
    tune_space *s = box(3, 4);
    tune_strategy_options o;
    tune_strategy *t;
    int repeats;
    tune_strategy_options_init(&o);
    o.noise = 0;
    assert_int_equal(tune_strategy_create("auto", s, &o, &t, NULL), 0);
    assert_int_equal(run_out(t, s, 0.05, &repeats), tune_space_size(s));
    assert_int_equal(repeats, 0);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void first_points_come_first(void **state) {
    tune_space *s = box(3, 5);
    const uint32_t priors[] = {77, 12, 77, 30};
    tune_strategy_options o;
    tune_strategy_options_init(&o);
    o.priors = priors;
    o.prior_count = 4;
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        tune_strategy *t;
        tune_proposal p;
        assert_int_equal(tune_strategy_create(c->name, s, &o, &t, NULL), 0);
        assert_int_equal(tune_strategy_tell(t, 12, 2.0, NAN, NULL), 0); /* known already */
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(p.point, 77);
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(p.point, 30);
        assert_int_equal(tune_strategy_best(t).point, 12);
        tune_strategy_destroy(t);
    }
    tune_strategy *t;
    const uint32_t beyond[] = {125};
    o.priors = beyond;
    o.prior_count = 1;
    assert_int_equal(tune_strategy_create("auto", s, &o, &t, NULL), XLSTM_EARG);
    tune_space_destroy(s);
}

static void several_may_be_asked_before_one_is_told(void **state) {
    tune_space *s = box(3, 4);
    tune_strategy *t = make("auto", s, 9);
    uint8_t seen[64] = {0};
    for (int round = 0; round < 16; round++) {
        tune_proposal p[4];
        for (int i = 0; i < 4; i++) {
            assert_int_equal(tune_strategy_ask(t, &p[i], NULL), 0);
            if (!p[i].again) assert_int_equal(seen[p[i].point]++, 0);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(tune_strategy_tell(t, p[i].point, bowl(s, p[i].point), 1, NULL), 0);
    }
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void bad_calls_are_refused(void **state) {
    tune_space *s = box(2, 3);
    tune_strategy_options o;
    tune_strategy *t;
    xlstm_error err;
    tune_strategy_options_init(&o);
    assert_int_equal(tune_strategy_create("atuo", s, &o, &t, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "did you mean \"auto\""));
    t = make("auto", s, 1);
    assert_int_equal(tune_strategy_tell(t, 9, 1, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_strategy_tell(t, 0, -1, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_strategy_tell(t, 0, INFINITY, 1, &err), XLSTM_EARG);
    tune_strategy_destroy(t);
    tune_space *empty = tune_space_create();
    assert_int_equal(tune_strategy_create("auto", empty, &o, &t, &err), XLSTM_EARG);
    tune_space_destroy(empty);
    tune_space_destroy(s);
}

/* ---- the original's operators ---- */

static void the_originals_random_point(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 65, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    int heads[9] = {0}, chunks[66] = {0}, workers[9] = {0};
    for (int i = 0; i < 6000; i++) {
        uint32_t p = tune_original_draw(s, &rng);
        heads[(int)tune_space_value(s, p, 0).number]++;
        chunks[(int)tune_space_value(s, p, 1).number]++;
        workers[(int)tune_space_value(s, p, 2).number]++;
    }
    for (int h = 2; h <= 8; h++) assert_in_range(heads[h], 750, 970);
    for (int w = 4; w <= 8; w++) assert_in_range(workers[w], 1080, 1320);
    assert_in_range(chunks[16], 1850, 2150);
    assert_in_range(chunks[40], 1850, 2150); /* floor((16 + 65) / 2) */
    assert_int_equal(chunks[16] + chunks[40] + chunks[65], 6000);
    tune_space_destroy(s);
}

static void the_originals_child(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 64, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    xl_rng rng;
    xl_rng_seed(&rng, 2);
    const tune_value one[] = {{.number = 2}, {.number = 20}, {.number = 4}};
    uint32_t parent = tune_space_find_values(s, one);
    int same = 0, moved[3] = {0}, heads[9] = {0};
    for (int i = 0; i < 10000; i++) {
        uint32_t p = tune_original_child(s, parent, parent, &rng);
        int h = (int)tune_space_value(s, p, 0).number, c = (int)tune_space_value(s, p, 1).number,
            w = (int)tune_space_value(s, p, 2).number;
        assert_true(h >= 2 && h <= 4);              /* ± 1 or 2, clamped below */
        assert_true(c == 20 || c == 16 || c == 32); /* ± 12, clamped */
        assert_true(w == 4 || w == 5);
        same += p == parent;
        heads[h]++;
        moved[1] += c != 20;
        moved[2] += w != 4;
    }
    assert_in_range(moved[1], 3800, 4200); /* 0.4 */
    assert_in_range(moved[2], 1850, 2150); /* 0.4, half of them clamped back */
    assert_in_range(heads[3], 850, 1150);
    assert_in_range(heads[4], 850, 1150);
    assert_in_range(same, 3550, 4100); /* 0.8 0.6 0.8 */
    const tune_value other[] = {{.number = 8}, {.number = 20}, {.number = 4}};
    uint32_t father = tune_space_find_values(s, other);
    int from_mother = 0;
    for (int i = 0; i < 10000; i++) {
        from_mother += tune_space_value(s, tune_original_child(s, parent, father, &rng), 0).number < 5;
    }
    assert_in_range(from_mother, 4800, 5200);
    tune_space_destroy(s);
}

static void generations_keep_their_elites(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 64, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.population = 10;
    o.generations = 4;
    assert_int_equal(tune_strategy_create("ga", s, &o, &t, NULL), 0);
    uint32_t asked[4][10];
    for (int i = 0; i < 40; i++) {
        tune_proposal p;
        assert_false(tune_strategy_done(t));
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_false(p.again); /* a duplicate costs nothing */
        asked[i / 10][i % 10] = p.point;
        assert_int_equal(tune_strategy_tell(t, p.point, 1 + p.point, 1, NULL), 0);
    }
    assert_true(tune_strategy_done(t)); /* proposals are counted, duplicates included */
    for (int g = 1; g < 4; g++) {
        for (int e = 0; e < 3; e++) { /* 0.3 of the population, the best of the previous generation, in order */
            int better = 0, found = 0;
            for (int i = 0; i < 10; i++) {
                better += asked[g - 1][i] < asked[g][e];
                found += asked[g - 1][i] == asked[g][e];
            }
            assert_true(found > 0 && better <= e);
        }
    }
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_proposals),
        cmocka_unit_test(small_spaces_are_exhausted_each_point_once),
        cmocka_unit_test(a_space_without_a_valid_point_ends),
        cmocka_unit_test(noise_is_averaged_and_the_estimate_is_fair),
        cmocka_unit_test(known_noise_free_values_are_not_repeated),
        cmocka_unit_test(first_points_come_first),
        cmocka_unit_test(several_may_be_asked_before_one_is_told),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(the_originals_random_point),
        cmocka_unit_test(the_originals_child),
        cmocka_unit_test(generations_keep_their_elites),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
