#include "base/rng.h"
#include "helper.h"
#include "tuner/search/models/gp.h"

enum { POINTS = 8 * 6 * 5 * 2 };

static tune_space *make_space(void) {
    tune_space *s = tune_space_create();
    const tune_value texts[] = {{.text = "none"}, {.text = "all"}};
    assert_int_equal(tune_space_add_powers(s, "block", 0, 1, 128, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "tile", 0, 1, 6, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "step", 0, -2, 2, 1, NULL), 0);
    assert_int_equal(tune_space_add_list(s, "cache", 0, texts, 2, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    assert_int_equal(tune_space_size(s), POINTS);
    return s;
}

/* Every parameter has an effect, and two of them interact. */
static double truth(const tune_space *s, uint32_t point) {
    const uint16_t *i = tune_space_index(s, point);
    double block = i[0] - 4.2, tile = i[1] - 2.0, step = i[2] - 1.0;
    return 0.05 * block * block + 0.1 * fabs(tile) + 0.04 * step + 0.2 * i[3] + 0.03 * block * tile;
}

/* `count` different random points, followed by all others. */
static void shuffle(uint32_t *order, uint64_t seed) {
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    for (uint32_t i = 0; i < POINTS; i++) order[i] = i;
    for (uint32_t i = POINTS - 1; i > 0; i--) {
        uint32_t k = (uint32_t)xl_rng_below(&rng, i + 1), swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
}

static tune_gp *fit(const tune_space *s, const uint32_t *point, size_t count, double sd, uint64_t seed, float *y) {
    float noise[TUNE_GP_SAMPLES];
    tune_gp *g;
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    assert_int_equal(tune_gp_create(s, &g, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        y[i] = (float)(truth(s, point[i]) + sd * xl_rng_normal(&rng));
        noise[i] = (float)(sd * sd);
    }
    for (int i = 0; i < 20; i++) assert_int_equal(tune_gp_fit(g, point, y, noise, count, 3, &rng, NULL), 0);
    return g;
}

static void what_was_not_seen_is_foretold(void **state) {
    tune_space *s = make_space();
    uint32_t order[POINTS];
    float y[TUNE_GP_SAMPLES];
    double mean[POINTS], variance[POINTS], error = 0, all = 0, about = 0, z = 0;
    shuffle(order, 3);
    tune_gp *g = fit(s, order, 100, 0, 3, y);
    tune_gp_predict(g, order, POINTS, mean, variance);
    for (int i = 100; i < POINTS; i++) about += truth(s, order[i]) / (POINTS - 100);
    for (int i = 100; i < POINTS; i++) {
        double off = mean[i] - truth(s, order[i]), spread = truth(s, order[i]) - about;
        error += off * off;
        all += spread * spread;
        z += off * off / variance[i] / (POINTS - 100);
        assert_true(variance[i] > 0);
    }
    assert_true(error < 0.03 * all);
    /* Its variances are right: the squared errors are of their size. */
    assert_true(z > 0.05 && z < 3);
    tune_gp_destroy(g);
    tune_space_destroy(s);
}

static void what_was_seen_is_kept(void **state) {
    tune_space *s = make_space();
    uint32_t order[POINTS];
    float y[TUNE_GP_SAMPLES];
    double mean[POINTS], variance[POINTS], known, doubt, seen = 0, unseen = 0;
    shuffle(order, 4);
    tune_gp *g = fit(s, order, 60, 0, 4, y);
    tune_gp_predict(g, order, POINTS, mean, variance);
    for (size_t i = 0; i < 60; i++) {
        tune_gp_sample(g, i, &known, &doubt);
        assert_true(fabs(known - (double)y[i]) < 1e-6);
        assert_true(doubt < 1e-9);
        seen += variance[i] / 60;
    }
    for (size_t i = 60; i < POINTS; i++) unseen += variance[i] / (POINTS - 60);
    assert_true(seen < unseen);
    tune_gp_destroy(g);
    tune_space_destroy(s);
}

/* The estimate of a sample without its noise is nearer to the truth than the sample, and its variance says how
 * near. */
static void noise_is_taken_out(void **state) {
    tune_space *s = make_space();
    uint32_t order[POINTS];
    float y[TUNE_GP_SAMPLES];
    double raw = 0, known = 0, z = 0, low = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        shuffle(order, seed);
        tune_gp *g = fit(s, order, 120, 0.2, seed, y);
        for (size_t i = 0; i < 120; i++) {
            double mean, variance, right = truth(s, order[i]);
            tune_gp_sample(g, i, &mean, &variance);
            raw += ((double)y[i] - right) * ((double)y[i] - right) / 600;
            known += (mean - right) * (mean - right) / 600;
            z += (mean - right) * (mean - right) / variance / 600;
            low += (mean - right) / 600;
            assert_true(variance > 0 && variance < 0.2 * 0.2);
        }
        tune_gp_destroy(g);
    }
    assert_true(known < 0.6 * raw);
    assert_true(z > 0.4 && z < 2);
    assert_true(fabs(low) < 0.03);
    tune_space_destroy(s);
}

static void neither_batches_nor_order_matter(void **state) {
    tune_space *s = make_space();
    uint32_t order[POINTS];
    float y[TUNE_GP_SAMPLES];
    double mean[POINTS], variance[POINTS], m, v;
    shuffle(order, 6);
    tune_gp *g = fit(s, order, TUNE_GP_SAMPLES, 0.05, 6, y), *same = fit(s, order, TUNE_GP_SAMPLES, 0.05, 6, y);
    tune_gp_predict(g, order, POINTS, mean, variance);
    for (int i = POINTS - 1; i >= 0; i -= 7) {
        tune_gp_predict(same, &order[i], 1, &m, &v);
        assert_true(m == mean[i] && v == variance[i]);
    }
    tune_gp_destroy(g);
    tune_gp_destroy(same);
    tune_space_destroy(s);
}

/* Points whose values are expected change no mean, and variances as much as if the values had been told. */
static void expected_points_change_variances_alone(void **state) {
    enum { TOLD = 50, EXPECTED = 30, ALL = TOLD + EXPECTED };
    tune_space *s = make_space();
    uint32_t order[POINTS];
    float y[ALL], none[ALL] = {0};
    double before[POINTS], mean[POINTS], variance[POINTS], known[EXPECTED], all[POINTS], less[POINTS], least = 1;
    xl_rng rng;
    xl_rng_seed(&rng, 8);
    shuffle(order, 8);
    tune_gp *g = fit(s, order, TOLD, 0, 8, y);
    tune_gp_predict(g, order, POINTS, before, variance);
    tune_gp_expect(g, order + TOLD, EXPECTED, known);
    for (int i = 0; i < EXPECTED; i++) {
        assert_true(known[i] == before[TOLD + i]);
        y[TOLD + i] = (float)known[i];
    }
    tune_gp_predict(g, order, POINTS, mean, less);
    assert_int_equal(tune_gp_fit(g, order, y, none, ALL, 0, &rng, NULL), 0);
    tune_gp_predict(g, order, POINTS, all, variance);
    /* Without the expected points the scale is larger by the same factor everywhere, because they fit so well. */
    const double factor = less[POINTS - 1] / variance[POINTS - 1];
    assert_true(factor > 1.2);
    for (int i = 0; i < POINTS; i++) {
        assert_true(fabs(mean[i] - before[i]) < 1e-9);
        assert_true(fabs(all[i] - before[i]) < 1e-4);
        assert_true(fabs(less[i] / variance[i] / factor - 1) < 0.02);
        if (i >= TOLD && i < ALL) least = fmin(least, less[i] / less[POINTS - 1]);
    }
    assert_true(least < 0.5);
    tune_gp_destroy(g);
    tune_space_destroy(s);
}

/* A single sample, equal samples, and a parameter with more values than the model distinguishes. */
static void corners(void **state) {
    tune_space *s = tune_space_create();
    assert_int_equal(tune_space_add_range(s, "many", 0, 1, 5000, 1, NULL), 0);
    assert_int_equal(tune_space_add_range(s, "fixed", 0, 7, 7, 1, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    uint32_t point[] = {0, 4999, 2500};
    float y[] = {1, 1, 1}, noise[] = {0, 0, 0};
    double mean[3], variance[3];
    xl_rng rng;
    tune_gp *g;
    xl_rng_seed(&rng, 1);
    assert_int_equal(tune_gp_create(s, &g, NULL), 0);
    for (size_t n = 1; n <= 3; n++) {
        assert_int_equal(tune_gp_fit(g, point, y, noise, n, 5, &rng, NULL), 0);
        tune_gp_predict(g, point, 3, mean, variance);
        for (int i = 0; i < 3; i++) assert_true(fabs(mean[i] - 1) < 1e-5 && variance[i] >= 0);
    }
    tune_gp_destroy(g);
    tune_space_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_seen_is_foretold),
        cmocka_unit_test(what_was_seen_is_kept),
        cmocka_unit_test(noise_is_taken_out),
        cmocka_unit_test(neither_batches_nor_order_matter),
        cmocka_unit_test(expected_points_change_variances_alone),
        cmocka_unit_test(corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
