/* States of the machine during a search: found in its conditions, and candidates compared within them. */
#include "base/rng.h"
#include "helper.h"
#include "tuner/measure/race.h"
#include "tuner/measure/race_impl.h"
#include "tuner/measure/strata.h"

static double noise(xl_rng *rng, double sd) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += xl_rng_uniform(rng);
    return sd * sum;
}

static void two_levels_are_found(void **state) {
    double x[200];
    xl_rng rng;
    int found = 0;
    xl_rng_seed(&rng, 1);
    for (int i = 0; i < 200; i++) x[i] = (i / 20 % 3 == 2 ? 90 : 64) * exp(noise(&rng, 0.04));
    x[50] = 76; /* it changed while it was looked at */
    assert_true(tune_two_levels(x, 200) > 70 && tune_two_levels(x, 200) < 83);
    assert_true(tune_two_levels(x + 30, 24) > 70);
    assert_true(tune_two_levels(x, 7) == 0); /* too few */
    x[3] = NAN;
    assert_true(tune_two_levels(x, 200) == 0);
    /* Noise of one level, of a level that drifts, and one outlier are no states. */
    for (int run = 0; run < 1000; run++) {
        const int n = 8 + run % 100;
        for (int i = 0; i < n; i++) x[i] = 64 * exp(run % 2 ? noise(&rng, 0.05) : 0.3 * i / n + noise(&rng, 0.02));
        if (run % 3 == 0) x[0] = 30;
        found += tune_two_levels(x, (size_t)n) > 0;
    }
    assert_in_range(found, 0, 10);
}

static void samples_belong_to_states(void **state) {
    tune_strata *strata;
    tune_condition c;
    assert_int_equal(tune_strata_create(&strata, NULL), 0);
    for (int i = 0; i < 40; i++) {
        tune_condition_init(&c);
        c.value[TUNE_FREQUENCY] = 3000;
        c.value[TUNE_READING] = (i % 10 < 4 ? 90 : 64) + i % 3;
        assert_int_equal(tune_strata_add(strata, &c, NULL), i);
        if (i == 3) assert_int_equal(tune_strata_count(strata), 1);
    }
    assert_int_equal(tune_strata_count(strata), 2);
    assert_int_equal(tune_strata_quantity(strata), TUNE_READING);
    assert_int_equal(tune_strata_of(strata, 0, 1), 1);
    assert_int_equal(tune_strata_of(strata, 5, 5), 0);
    assert_int_equal(tune_strata_of(strata, 3, 4), TUNE_NO_STRATUM); /* it changed */
    assert_int_equal(tune_strata_of(strata, TUNE_NO_STRATUM, 4), TUNE_NO_STRATUM);
    assert_int_equal(tune_strata_of(strata, 4, 40), TUNE_NO_STRATUM);
    assert_true(tune_strata_level(strata, 0) == 65 && tune_strata_level(strata, 1) == 91);
    char text[TUNE_QUANTITY_TEXT];
    tune_quantity_print(text, sizeof text, TUNE_READING, 64.04);
    assert_string_equal(text, "memory at 64.0 GB/s");
    tune_strata_destroy(strata);
    tune_strata_destroy(NULL);
}

/* A long search: what counts is how the machine was lately. */
static void habits_change(void **state) {
    tune_strata *strata;
    tune_condition c;
    assert_int_equal(tune_strata_create(&strata, NULL), 0);
    for (int i = 0; i < 900; i++) {
        tune_condition_init(&c);
        c.value[TUNE_FREQUENCY] = 3000;
        c.value[TUNE_READING] = i < 450 ? (i % 10 < 4 ? 90 : 64) + i % 3 : (i % 10 < 4 ? 50 : 40) + i % 3;
        assert_int_equal(tune_strata_add(strata, &c, NULL), i);
    }
    assert_int_equal(tune_strata_count(strata), 2);
    assert_int_equal(tune_strata_of(strata, 890, 891), 1);
    assert_int_equal(tune_strata_of(strata, 898, 899), 0);
    assert_true(tune_strata_level(strata, 0) == 41 && tune_strata_level(strata, 1) == 51);
    tune_strata_destroy(strata);
}

/* A machine with two states. The baseline takes a second in both; candidates use more threads and are much faster
 * in one of them. Candidate 1 is 3 % faster than all others in either state. */
enum { CANDIDATES = 12 };
typedef struct machine {
    double now, until; /* of the state */
    int state;
    xl_rng rng;
} machine;

static int run(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    machine *m = ctx;
    while (m->now > m->until) {
        m->state = !m->state;
        m->until += 3 + 30 * xl_rng_uniform(&m->rng);
    }
    double cost = exp(noise(&m->rng, 0.005));
    if (c > 0) cost *= (m->state ? 0.55 : 0.80) * (c == 1 ? 0.97 : 1);
    m->now += cost;
    *out = (tune_reading){.cost = cost};
    return 0;
}

static double now(void *ctx) {
    return ((machine *)ctx)->now;
}

static void condition_of(void *ctx, tune_condition *out) {
    machine *m = ctx;
    tune_condition_init(out);
    out->value[TUNE_READING] = (m->state ? 90 : 64) * exp(noise(&m->rng, 0.03));
    m->now += 0.03;
}

/* Races all candidates and returns whether the playoff chose candidate 1; *off is how far the value of candidate 2
 * was from the mean over the states, at the end of its race, and *effect how much higher the values are in the
 * second state, as far as candidates have samples in both. */
static bool best_wins(uint64_t seed, bool looks, double *off, double *effect) {
    machine m = {0};
    xl_rng_seed(&m.rng, seed);
    tune_sampler_options options;
    tune_sampler_options_init(&options);
    options.measure = run;
    options.ctx = &m;
    options.watch = false;
    options.now_s = now;
    options.now_ctx = &m;
    tune_sampler *sampler;
    tune_race *race;
    tune_race_options rules;
    tune_race_options_init(&rules, TUNE_QUICK);
    if (looks) {
        rules.condition = condition_of;
        rules.condition_ctx = &m;
    }
    assert_int_equal(tune_sampler_create(&sampler, &options, NULL), 0);
    assert_int_equal(tune_race_create(&race, sampler, 0, &rules, NULL), 0);
    for (int64_t k = 0; k < CANDIDATES; k++) {
        const int64_t c = (k + (int64_t)seed) % CANDIDATES + 1; /* each is the first in some runs */
        tune_race_entry e;
        assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
        if (c == 2) *off = fabs(e.value - (log(0.55) + log(0.80)) / 2);
    }
    int64_t winner;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    /* What was added up sample by sample is what all candidates together say. */
    *effect = tune_race_state_effect(race);
    tune_race_restate(race);
    assert_true(fabs(*effect - tune_race_state_effect(race)) < 1e-9);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
    return winner == 1;
}

static void like_is_compared_with_like(void **state) {
    enum { RUNS = 60 };
    int with = 0, without = 0, known = 0;
    double off = 0, off_with = 0, off_without = 0, effect = 0;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        with += best_wins(seed, true, &off, &effect);
        known += effect < -0.3 && effect > -0.45;
        off_with += off / RUNS;
        without += best_wins(seed, false, &off, &effect);
        assert_true(effect == 0);
        off_without += off / RUNS;
    }
    print_message("the best wins %d of %d times, %d without a look at the machine; values are off by %.3f, %.3f\n",
                  with, RUNS, without, off_with, off_without);
    assert_true(known >= RUNS / 2);
    assert_true(with >= RUNS * 9 / 10);
    assert_true(without < with);
    assert_true(off_with < off_without);
}

/* ---- what a race concludes from samples whose states are known ---- */

enum { IN_SLOW = 5, IN_FAST = 0 }; /* numbers of conditions that show the first and the second state */

static tune_race *race_with_states(tune_sampler **sampler, machine *m) {
    tune_sampler_options options;
    tune_race_options rules;
    tune_race *race;
    tune_sampler_options_init(&options);
    options.measure = run;
    options.ctx = m;
    options.watch = false;
    options.now_s = now;
    options.now_ctx = m;
    tune_race_options_init(&rules, TUNE_QUICK);
    assert_int_equal(tune_sampler_create(sampler, &options, NULL), 0);
    assert_int_equal(tune_race_create(&race, *sampler, 0, &rules, NULL), 0);
    for (int i = 0; i < 40; i++) {
        tune_condition c;
        tune_condition_init(&c);
        c.value[TUNE_READING] = (i % 10 < 4 ? 90 : 64) + i % 3;
        assert_int_equal(tune_strata_add(race->strata, &c, NULL), i);
    }
    assert_int_equal(tune_strata_count(race->strata), 2);
    assert_int_equal(tune_race_reserve(race, 2, NULL), 0);
    return race;
}

static void give(tune_race *race, tune_arm *arm, double value, int before, int after) {
    const tune_race_cost sample = {exp(value), before, after};
    assert_int_equal(tune_race_push(race, arm, value, &sample, NULL), 0);
    tune_race_refresh(race, arm);
}

static void near(double value, double wanted) {
    if (fabs(value - wanted) > 1e-12) fail_msg("%.17g, wanted %.17g", value, wanted);
}

/* All numbers are worked out by hand from the definitions in race_impl.h. */
static void numbers_are_those_of_the_definitions(void **state) {
    machine m = {0};
    tune_sampler *sampler;
    tune_race *race = race_with_states(&sampler, &m);
    tune_arm *a = tune_race_add(race, 1), *b = tune_race_add(race, 2), *baseline = &race->arms[0];
    double df, weight;
    give(race, a, 0.1, IN_SLOW, IN_SLOW);
    give(race, a, 0.6, IN_FAST, IN_FAST + 1);
    give(race, a, 9, 3, 4); /* the state changed meanwhile: it tells of neither */
    assert_true(isnan(tune_race_scatter(race, &df)) && df == 0);
    near(tune_race_state_effect(race), 0.5);
    assert_true(isnan(tune_race_difference(race, a, b, &weight)) && weight == 0);
    assert_true(isinf(tune_race_half_width(race, weight)));
    give(race, a, 0.3, IN_SLOW, IN_SLOW + 1);
    near(tune_race_scatter(race, &df), sqrt(0.02)); /* 0.1 and 0.3 about 0.2; a single sample tells nothing */
    near(df, 1);
    near(tune_race_state_effect(race), 0.4); /* 0.6 against 0.2 */
    give(race, b, 0.4, IN_SLOW, IN_SLOW);
    assert_true(tune_race_difference(race, a, b, &weight) < 0);
    near(weight, 2.0 / 3); /* they have one state in common, with two samples and one */
    give(race, b, 0.7, IN_FAST, IN_FAST);
    give(race, b, 0.8, IN_FAST, IN_FAST);
    give(race, b, 1.2, IN_FAST, IN_FAST);
    const double sd = sqrt((0.02 + 0.04 + 0.01 + 0.09) / 3);
    near(tune_race_scatter(race, &df), sd);
    near(df, 3);
    near(tune_race_scatter_without(race, b, &df), sqrt(0.02));
    near(df, 1);
    const double effect = (2.0 / 3 * 0.4 + 0.75 * 0.5) / (2.0 / 3 + 0.75);
    near(tune_race_state_effect(race), effect);
    near(tune_race_difference(race, a, b, &weight), (2.0 / 3 * -0.2 + 0.75 * -0.3) / (2.0 / 3 + 0.75));
    near(weight, 2.0 / 3 + 0.75);
    assert_true(fabs(tune_race_half_width(race, weight) - 2.3533634348 * sd / sqrt(weight)) <
                1e-8); /* t, 3 df, 95 % */
    near(tune_race_difference(race, a, baseline, &weight), (2 * 0.2 + 0.6) / 3);
    near(weight, 3); /* the baseline is 0 by definition, without an error */
    /* 16 of the 40 conditions show the second state. */
    near(tune_strata_share(race->strata, 1), 0.4);
    near(tune_race_standing(race, a), (0.1 + 0.3 + 0.6 + (2 * 0.4 - 0.6) * effect) / 3);
    a->value -= 0.05; /* as for a first sample that was cold */
    near(tune_race_standing(race, a), (0.1 + 0.3 + 0.6 + (2 * 0.4 - 0.6) * effect) / 3 - 0.05);
    tune_race_refresh(race, a);
    /* Computed anew from all samples, nothing changes. */
    tune_race_restate(race);
    near(tune_race_state_effect(race), effect);
    near(tune_race_scatter(race, NULL), sd);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_levels_are_found),
        cmocka_unit_test(samples_belong_to_states),
        cmocka_unit_test(habits_change),
        cmocka_unit_test(like_is_compared_with_like),
        cmocka_unit_test(numbers_are_those_of_the_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
