/* A race of many candidates: each is found by its number, the race tells whose samples changed, and drift cancels;
 * and what the sampler remembers of them. */
#include "helper.h"
#include "tuner/measure/race.h"

enum { MANY = 3000 };

typedef struct program {
    double now;
    int64_t fast; /* this candidate is 5 % faster than the others */
} program;

static int run(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    (void)repeats, (void)limit, (void)err;
    program *p = ctx;
    /* All times differ a little, so that there is a scatter. */
    const double cost = (c == p->fast ? 0.95 : c < 0 ? 1 : 1.2) * (1 + 1e-4 * (double)((long)(p->now * 10) % 7));
    p->now += cost;
    *out = (tune_reading){.cost = cost, .parts = {(double)c}, .hash = (uint64_t)c};
    return 0;
}

static double program_now(void *ctx) {
    return ((program *)ctx)->now;
}

static tune_race *race_measured_by(tune_measure_fn measure, program *p, tune_sampler **sampler) {
    tune_sampler_options options;
    tune_race_options rules;
    tune_race *race;
    tune_sampler_options_init(&options);
    options.measure = measure;
    options.ctx = p;
    options.watch = false;
    options.now_s = program_now;
    options.now_ctx = p;
    tune_race_options_init(&rules, TUNE_QUICK);
    assert_int_equal(tune_sampler_create(sampler, &options, NULL), 0);
    assert_int_equal(tune_race_create(&race, *sampler, -1, &rules, NULL), 0);
    return race;
}

static tune_race *race_of(program *p, tune_sampler **sampler) {
    return race_measured_by(run, p, sampler);
}

/* Numbers that are far apart and in no order, as a strategy proposes them. */
static int64_t number_of(int i) {
    return (int64_t)i * 7919 % 1000003;
}

static void each_of_many_is_found(void **state) {
    program p = {.fast = number_of(MANY / 2 + 1)};
    tune_sampler *sampler;
    tune_race *race = race_of(&p, &sampler);
    tune_race_entry e;
    const double values[] = {0.25, 0.5}, parts[TUNE_PARTS] = {7};
    for (int i = 0; i < MANY; i++) {
        const int64_t c = number_of(i);
        assert_false(tune_race_get(race, c, &e));
        if (i % 3) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
        else assert_int_equal(tune_race_restore(race, c, values, 2, 1.5, parts, NULL), 0);
    }
    for (int i = 0; i < MANY; i++) {
        const int64_t c = number_of(i);
        int n;
        assert_true(tune_race_get(race, c, &e));
        assert_int_equal(e.candidate, c);
        assert_non_null(tune_race_values(race, c, &n));
        assert_int_equal(n, e.samples);
        if (i % 3) assert_true(e.parts[0] == (double)c);
        assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), XLSTM_EARG); /* known already */
        assert_int_equal(tune_race_restore(race, c, values, 2, 1.5, parts, NULL), XLSTM_EARG);
    }
    assert_true(tune_race_get(race, -1, &e) && e.samples > MANY / 3);
    assert_false(tune_race_get(race, 1000003, &e));
    assert_int_equal(tune_race_incumbent(race), p.fast);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* Candidates that the deadline left without a sample are as new as before, and the others stay where they are. */
static void an_untimed_one_is_new_again(void **state) {
    program p = {.fast = 5};
    tune_sampler *sampler;
    tune_race *race = race_of(&p, &sampler);
    tune_race_entry e[40];
    int64_t all[40];
    size_t changes;
    for (int i = 0; i < 40; i++) all[i] = i;
    assert_int_equal(tune_race_run(race, all, 20, e, NULL), 0);
    tune_race_forget_changes(race);
    tune_race_set_deadline(race, 0);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(tune_race_run(race, all + 20, 20, e, NULL), 0);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(e[i].outcome, TUNE_RACE_UNTIMED);
            assert_false(tune_race_get(race, all[20 + i], &e[i]));
            assert_true(tune_race_get(race, all[i], &e[i]));
        }
    }
    tune_race_changes(race, &changes);
    assert_int_equal(changes, 0);
    tune_race_set_deadline(race, INFINITY);
    assert_int_equal(tune_race_run(race, all + 20, 20, e, NULL), 0);
    for (int i = 0; i < 40; i++) assert_true(tune_race_get(race, all[i], &e[i]) && e[i].samples);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* What takes ever longer, whatever it is: the logarithm of a time grows evenly with the time of its middle. */
static int slower_and_slower(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out,
                             xlstm_error *err) {
    (void)c, (void)repeats, (void)limit, (void)err;
    program *p = ctx;
    double cost = 1;
    for (int i = 0; i < 50; i++) cost = exp(0.002 * (p->now + cost / 2));
    p->now += cost;
    *out = (tune_reading){.cost = cost};
    return 0;
}

/* Wherever a candidate is between two samples of the baseline, it is compared with the baseline at that time. */
static void drift_cancels(void **state) {
    enum { AT_ONCE = 9, ROUNDS = 5 };
    program p = {.fast = 0};
    tune_sampler *sampler;
    tune_race *race = race_measured_by(slower_and_slower, &p, &sampler);
    for (int round = 0; round < ROUNDS; round++) {
        tune_race_entry e[AT_ONCE];
        int64_t c[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) c[i] = round * AT_ONCE + i;
        assert_int_equal(tune_race_run(race, c, AT_ONCE, e, NULL), 0);
        for (int i = 0; i < AT_ONCE; i++) assert_true(fabs(e[i].value) < 1e-9);
    }
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

static bool has(const tune_race *race, int64_t candidate) {
    size_t count;
    int found = 0;
    const int64_t *list = tune_race_changes(race, &count);
    for (size_t i = 0; i < count; i++) found += list[i] == candidate;
    assert_in_range(found, 0, 1);
    return found;
}

/* The race tells of every candidate with other samples than before, and of no other one. */
static void it_tells_whose_samples_changed(void **state) {
    program p = {.fast = 30};
    tune_sampler *sampler;
    tune_race *race = race_of(&p, &sampler);
    const double values[] = {0.3}, parts[TUNE_PARTS] = {0};
    int samples[61] = {0}, told = 0;
    int64_t winner;
    assert_int_equal(tune_race_restore(race, 0, values, 1, 1.3, parts, NULL), 0);
    assert_false(has(race, 0));
    samples[0] = 1;
    for (int64_t c = 1; c <= 61; c++) {
        tune_race_entry e;
        if (c < 61) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
        else assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
        for (int64_t i = 0; i < 61; i++) {
            const int now = tune_race_get(race, i, &e) ? e.samples : 0;
            if (now != samples[i]) {
                assert_true(has(race, i));
                told += i != c;
            } else {
                assert_false(has(race, i));
            }
            samples[i] = now;
        }
        assert_false(has(race, -1));
        tune_race_forget_changes(race);
        assert_false(has(race, c));
    }
    assert_int_equal(winner, 30);
    assert_true(told >= 3); /* the incumbent beside others, and the finalists */
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
}

/* ---- the sampler's memory ---- */

typedef struct calls {
    int count;
    double now;
} calls;

static int short_run(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    (void)c, (void)limit, (void)err;
    calls *k = ctx;
    k->count++;
    k->now += 1e-8 * repeats;
    *out = (tune_reading){.cost = 1e-8};
    return 0;
}

static double calls_now(void *ctx) {
    return ((calls *)ctx)->now;
}

static int calls_for(tune_sampler *s, calls *k, int64_t candidate) {
    tune_sample sample;
    const int before = k->count;
    assert_int_equal(tune_sampler_take(s, candidate, INFINITY, &sample, NULL), 0);
    assert_int_equal(sample.repeats, 100);
    return k->count - before;
}

/* How often a short thing must be repeated is learnt once, and remembered of what is measured again and again. */
static void what_is_in_use_is_not_forgotten(void **state) {
    calls k = {0};
    tune_sampler_options options;
    tune_sampler *s;
    tune_sampler_options_init(&options);
    options.measure = short_run;
    options.ctx = &k;
    options.watch = false;
    options.now_s = calls_now;
    options.now_ctx = &k;
    assert_int_equal(tune_sampler_create(&s, &options, NULL), 0);
    assert_int_equal(calls_for(s, &k, -1), 2);
    assert_int_equal(calls_for(s, &k, 9999), 2);
    for (int64_t c = 0; c < MANY; c++) {
        assert_int_equal(calls_for(s, &k, c), 2);
        assert_int_equal(calls_for(s, &k, -1), 1);
        if (c % 500 == 0) assert_int_equal(calls_for(s, &k, 9999), 1);
        if (c >= 400) assert_int_equal(calls_for(s, &k, c - 400), 1);
    }
    tune_sampler_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_many_is_found),
        cmocka_unit_test(an_untimed_one_is_new_again),
        cmocka_unit_test(drift_cancels),
        cmocka_unit_test(it_tells_whose_samples_changed),
        cmocka_unit_test(what_is_in_use_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
