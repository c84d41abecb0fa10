/* What a race concludes from samples that are known: numbers worked out by hand from the definitions in
 * race_impl.h, cold first samples, the deadline, and the end of the playoff. */
#include "helper.h"
#include "tuner/measure/race.h"
#include "tuner/measure/race_impl.h"

enum { LISTED = 8 };

/* A machine whose clock is moved by its samples. Candidate c costs cost[c][i] the i-th time, the last of them from
 * then on; 0: 1 always. */
typedef struct machine {
    double now;
    double cost[12][LISTED];
    int taken[12], baseline;
} machine;

static int run(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    (void)repeats, (void)limit, (void)err;
    machine *m = ctx;
    double cost = 1;
    if (c >= 0) {
        int i = m->taken[c]++;
        if (i >= LISTED) i = LISTED - 1;
        while (i > 0 && !(m->cost[c][i] > 0)) i--;
        if (m->cost[c][i] > 0) cost = m->cost[c][i];
    } else {
        m->baseline++;
    }
    m->now += cost;
    *out = (tune_reading){.cost = cost, .parts = {cost}};
    return 0;
}

static double now_of(void *ctx) {
    return ((machine *)ctx)->now;
}

static bool always(void *ctx, const tune_race_entry *entry) {
    (void)ctx, (void)entry;
    return true;
}

static tune_race *race_on(machine *m, tune_sampler **sampler, tune_effort effort) {
    tune_sampler_options options;
    tune_race_options rules;
    tune_race *race;
    tune_sampler_options_init(&options);
    options.measure = run;
    options.ctx = m;
    options.watch = false;
    options.now_s = now_of;
    options.now_ctx = m;
    tune_race_options_init(&rules, effort);
    rules.hopeless = INFINITY;
    assert_int_equal(tune_sampler_create(sampler, &options, NULL), 0);
    assert_int_equal(tune_race_create(&race, *sampler, -1, &rules, NULL), 0);
    return race;
}

static void near(double value, double wanted) {
    if (!(fabs(value - wanted) <= 1e-12)) fail_msg("%.17g, wanted %.17g", value, wanted);
}

static void give(tune_race *race, tune_arm *arm, double value) {
    const tune_race_cost sample = {exp(value), TUNE_NO_STRATUM, TUNE_NO_STRATUM};
    assert_int_equal(tune_race_push(race, arm, value, &sample, NULL), 0);
    tune_race_refresh(race, arm);
}

static void numbers_in_one_state(void **state) {
    machine m = {0};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
    assert_int_equal(tune_race_reserve(race, 2, NULL), 0);
    tune_arm *a = tune_race_add(race, 1), *b = tune_race_add(race, 2), *baseline = &race->arms[0];
    double df, weight;
    give(race, a, 0.1);
    assert_true(isnan(tune_race_scatter(race, &df)) && df == 0);
    assert_true(isinf(tune_race_half_width(race, 1)));
    give(race, a, 0.3);
    near(a->value, 0.2);
    near(a->cost, (exp(0.1) + exp(0.3)) / 2);
    near(tune_race_scatter(race, &df), sqrt(0.02));
    near(df, 1);
    give(race, b, 0.4);
    give(race, b, 0.7);
    give(race, b, 1.0);
    near(tune_race_scatter(race, &df), sqrt((0.02 + 0.18) / 3));
    near(df, 3);
    near(tune_race_scatter_without(race, b, &df), sqrt(0.02));
    near(df, 1);
    near(tune_race_difference(race, a, b, &weight), -0.5);
    near(weight, 1 / (1.0 / 2 + 1.0 / 3));
    near(tune_race_difference(race, a, baseline, &weight), 0.2);
    near(weight, 2); /* the baseline is 0 by definition, without an error */
    near(tune_race_standing(race, a), 0.2);
    const double t_of_3 = 2.3533634348; /* Student's t, 95 % */
    assert_true(fabs(tune_race_half_width(race, 2) - t_of_3 * sqrt(0.2 / 3) / sqrt(2)) < 1e-8);
    assert_true(fabs(tune_race_half_width(race, 0.5) - t_of_3 * sqrt(0.2 / 3) / sqrt(0.5)) < 1e-8);
    /* Below 8 degrees of freedom the baseline's own scatter counts too, two thirds of a degree for each pair of
     * neighbours. */
    const double d = log(1.1);
    race->base_cost = malloc(3 * sizeof *race->base_cost);
    race->base_room = race->base_n = 3;
    for (int i = 0; i < 3; i++) race->base_cost[i] = exp(i * d);
    near(tune_race_scatter(race, &df), sqrt((0.2 + 2 * d * d / 2) / (3 + 4.0 / 3)));
    near(df, 3 + 4.0 / 3);
    for (int i = 0; i < 5; i++) give(race, b, 0.7);
    near(tune_race_scatter(race, &df), sqrt(0.2 / 8));
    near(df, 8);
    /* Computed anew from all samples, nothing changes. */
    tune_race_restate(race);
    near(tune_race_scatter(race, &df), sqrt(0.2 / 8));
    near(df, 8);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* By how much first samples are slower is a quantile of what was seen lately, where that is more than noise. */
static void how_cold_first_samples_are(void **state) {
    machine m = {0};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
    near(tune_race_coldness(race, 0.5), 0);
    tune_race_learn(race, 0.02);
    tune_race_learn(race, 0.03);
    near(tune_race_coldness(race, 0.9), 0);
    for (int i = 2; i <= 4; i++) tune_race_learn(race, i * 0.1);
    near(tune_race_coldness(race, 0.5), 0.2);
    near(tune_race_coldness(race, 0), 0.02);
    near(tune_race_coldness(race, 1), 0.4);
    for (int i = 0; i < TUNE_EXCESSES; i++) tune_race_learn(race, 0.7);
    near(tune_race_coldness(race, 0), 0.7); /* the others are forgotten */
    for (int i = 0; i < TUNE_EXCESSES; i++) tune_race_learn(race, i % 4 ? 0.7 : -0.1);
    near(tune_race_coldness(race, 0), 0); /* never negative */
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

static void first_samples_that_are_cold_do_not_count(void **state) {
    machine m = {.cost = {{1.5, 0.9}, {3, 2.5, 2, 1.5, 1.2}, {0.93, 0.9}}};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
    race->options.worthy = always; /* none is out for its first sample */
    int64_t c = 0;
    tune_race_entry e;
    int n;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    const double *values = tune_race_values(race, 0, &n);
    assert_int_equal(n, 2);
    for (int i = 0; i < n; i++) near(values[i], log(0.9));
    near(e.parts[0], 0.9); /* nor in the means of the parts */
    assert_int_equal(e.outcome, TUNE_RACE_NEW_INCUMBENT);
    /* What becomes faster for ever is warming up three times at most. */
    c = 1;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    values = tune_race_values(race, 1, &n);
    assert_int_equal(n, 2);
    near(values[0], log(1.5));
    near(values[1], log(1.2));
    near(e.parts[0], (1.5 + 1.2) / 2);
    assert_int_equal(m.taken[1], 5);
    /* What was learnt: of the baseline, of the first candidate, and of this one. */
    near(race->excess[0], 0);
    near(race->excess[1], log(1.5 / 0.9));
    near(race->excess[2], log(3) - (log(1.5) + log(1.2)) / 2);
    assert_int_equal(race->excesses, 3);
    /* A little slower is not cold, and stays. */
    c = 2;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    values = tune_race_values(race, 2, &n);
    assert_int_equal(n, 2);
    near(values[0], log(0.93));
    near(race->excess[3], log(0.93 / 0.9));
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* A deadline in the middle of a round leaves what was measured, ranked by what there is, and takes the others as if
 * they had never been proposed. */
static void the_deadline_leaves_what_was_measured(void **state) {
    machine m = {.cost = {[1] = {0.8}, [2] = {0.7, 0.95}, [3] = {0.6}, [4] = {0.9, 0.95}}};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_NORMAL);
    assert_int_equal(tune_race_take_baseline(race, NULL), 0);
    const double begin = m.now;
    const int64_t both[] = {1, 2}, others[] = {3, 4};
    tune_race_entry e[2];
    /* In the second round, behind the first of the two, which then runs backwards: 1, 2, baseline, 2. */
    tune_race_set_deadline(race, begin + 0.8 + 0.7 + 1 + 0.95 - 1e-9);
    assert_int_equal(tune_race_run(race, both, 2, e, NULL), 0);
    assert_int_equal(e[0].samples, 1);
    assert_int_equal(e[1].samples, 2);
    assert_int_equal(e[0].outcome, TUNE_RACE_SURVIVED); /* a single sample makes no incumbent */
    assert_int_equal(e[1].outcome, TUNE_RACE_NEW_INCUMBENT);
    assert_int_equal(tune_race_incumbent(race), 2);
    near(e[1].value, (log(0.7) + log(0.95)) / 2);
    /* Before any sample: nobody is known afterwards. */
    assert_int_equal(tune_race_run(race, others, 2, e, NULL), 0);
    assert_int_equal(e[0].outcome, TUNE_RACE_UNTIMED);
    assert_int_equal(e[1].outcome, TUNE_RACE_UNTIMED);
    assert_false(tune_race_get(race, 3, &e[0]) || tune_race_get(race, 4, &e[0]));
    assert_int_equal(m.taken[3] + m.taken[4], 0);
    assert_int_equal(tune_race_take_baseline(race, NULL), TUNE_TIME_UP);
    /* In its second round, beside the incumbent: what is no better than that survives. */
    tune_race_set_deadline(race, m.now + 0.9 + 1 + 0.95 + 0.95 - 1e-9);
    assert_int_equal(tune_race_run(race, &others[1], 1, e, NULL), 0);
    assert_int_equal(e[0].samples, 2);
    assert_int_equal(e[0].outcome, TUNE_RACE_SURVIVED);
    assert_int_equal(tune_race_incumbent(race), 2);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* The playoff measures the best finalists against each other, and ends when one is left. */
static void the_playoff_ends_when_it_is_decided(void **state) {
    machine m = {.cost = {[1] = {0.90, 0.901},
                          [2] = {0.80, 0.801},
                          [3] = {0.85, 0.851},
                          [4] = {0.95, 0.951},
                          [5] = {1.1, 1.101}}};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
    tune_race_entry e;
    for (int64_t c = 1; c <= 5; c++) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    int before[6], n, finalists;
    for (int64_t c = 1; c <= 5; c++) {
        tune_race_values(race, c, &n);
        before[c] = n;
    }
    int64_t winner;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 2);
    assert_int_equal(tune_race_incumbent(race), 2);
    const tune_finalist *list = tune_race_finalists(race, &finalists);
    assert_int_equal(finalists, 3); /* of TUNE_QUICK */
    const int64_t order[] = {2, 3, 1};
    for (int i = 0; i < finalists; i++) {
        assert_int_equal(list[i].candidate, order[i]);
        assert_int_equal(list[i].samples_before, before[order[i]]);
        tune_race_values(race, order[i], &n);
        assert_int_equal(list[i].samples, n);
        /* They differ by far more than they scatter: after two rounds there is nobody left to compare with. */
        assert_int_equal(n, before[order[i]] + 2);
        near(list[i].after, tune_mean(tune_race_values(race, order[i], &n), (size_t)n));
    }
    for (int64_t c = 4; c <= 5; c++) {
        tune_race_values(race, c, &n);
        assert_int_equal(n, before[c]);
    }
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* How many samples a candidate got in the playoff. */
static int played(tune_race *race, int64_t candidate) {
    int count;
    const tune_finalist *list = tune_race_finalists(race, &count);
    for (int i = 0; i < count; i++)
        if (list[i].candidate == candidate) return list[i].samples - list[i].samples_before;
    return -1;
}

/* Of those that are alike the half goes on in each stage, and the stages share the samples of the playoff. Two that
 * differ are told apart as well as three. */
static void the_samples_of_the_playoff_are_shared(void **state) {
    for (int64_t count = 2; count <= 3; count++) {
        machine m = {.cost = {[1] = {0.90, 0.92, 0.90, 0.92, 0.90, 0.92, 0.90, 0.92},
                              [2] = {0.92, 0.90, 0.92, 0.90, 0.92, 0.90, 0.92, 0.90},
                              [3] = {0.91, 0.91, 0.90, 0.92, 0.90, 0.92, 0.91, 0.91}}};
        tune_sampler *sampler;
        tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
        tune_race_entry e;
        int64_t winner;
        for (int64_t c = 1; c <= count; c++) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
        assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
        /* TUNE_QUICK has 6: two play them in one stage, three in two stages of 3, of which one plays the first
         * only. */
        int with[7] = {0};
        for (int64_t c = 1; c <= count; c++) with[played(race, c)]++;
        assert_int_equal(with[6], 2);
        assert_int_equal(with[3], count - 2);
        tune_race_destroy(race);
        tune_sampler_destroy(sampler);
    }
    machine m = {.cost = {[1] = {0.9, 0.901}, [2] = {0.8, 0.801}}};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
    race->options.worthy = always;
    tune_race_entry e;
    int64_t winner;
    for (int64_t c = 1; c <= 2; c++) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 2);
    assert_int_equal(played(race, 1), 2);
    assert_int_equal(played(race, 2), 2);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* Where the best is no better than the baseline, the baseline wins. */
static void the_baseline_wins_where_none_is_faster(void **state) {
    machine m = {.cost = {[1] = {1.0}, [2] = {1.05, 1.051}}};
    tune_sampler *sampler;
    tune_race *race = race_on(&m, &sampler, TUNE_QUICK);
    tune_race_entry e;
    int64_t winner = 7;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, -1); /* nobody took part */
    for (int64_t c = 1; c <= 2; c++) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, -1);
    assert_int_equal(tune_race_incumbent(race), -1);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_one_state),
        cmocka_unit_test(how_cold_first_samples_are),
        cmocka_unit_test(first_samples_that_are_cold_do_not_count),
        cmocka_unit_test(the_deadline_leaves_what_was_measured),
        cmocka_unit_test(the_playoff_ends_when_it_is_decided),
        cmocka_unit_test(the_samples_of_the_playoff_are_shared),
        cmocka_unit_test(the_baseline_wins_where_none_is_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
