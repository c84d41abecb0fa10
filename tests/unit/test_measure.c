/* Sampler, race and blocks on simulated programs whose times are known. */
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "helper.h"
#include "tuner/measure/final.h"
#include "tuner/measure/stats.h"

static void near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.12g, wanted %.12g", got, want);
}

/* Candidate c takes cost[c], multiplied by a drift that grows with time; 9 fails, 8 cancels. */
typedef struct program {
    double cost[10];
    double drift;  /* per virtual second */
    double jitter; /* alternating, relative */
    double cold;   /* additional share of a candidate's first run */
    int runs[10], total, stopped;
    double now;
    int64_t order[4096];
} program;

static int run(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    program *p = ctx;
    if (c == 9) return xl_fail(err, XLSTM_EARG, "candidate 9 is broken");
    if (c == 8) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
    if (p->total < 4096) p->order[p->total] = c;
    double jitter = (p->runs[c] * 7 % 5 - 2) * p->jitter;
    double cost = p->cost[c] * (1 + p->drift * p->now) * (1 + jitter) * (p->runs[c] == 0 ? 1 + p->cold : 1);
    p->total++;
    p->runs[c]++;
    bool stop = cost > limit;
    p->now += stop ? limit : cost;
    p->stopped += stop;
    *out =
        (tune_reading){.cost = stop ? limit : cost, .parts = {cost / 4, 3 * cost / 4}, .hash = (uint64_t)c + 100};
    return stop ? TUNE_STOPPED : 0;
}

static double program_now(void *ctx) {
    return ((program *)ctx)->now;
}

static tune_sampler *sampler_of(program *p) {
    tune_sampler_options options;
    tune_sampler_options_init(&options);
    options.measure = run;
    options.ctx = p;
    options.watch = false;
    options.now_s = program_now;
    options.now_ctx = p;
    tune_sampler *s = NULL;
    assert_int_equal(tune_sampler_create(&s, &options, NULL), 0);
    return s;
}

static void clock_is_calibrated(void **state) {
    tune_clock clock;
    tune_clock_calibrate(&clock);
    assert_true(clock.resolution_s > 0 && clock.resolution_s < 1e-3);
    assert_true(clock.overhead_s > 0 && clock.overhead_s < 1e-4);
    assert_true(clock.shortest_s >= 1e-3);
    assert_int_equal(tune_clock_repeats(&clock, 10), 1);
    assert_int_equal(tune_clock_repeats(&clock, clock.shortest_s / 10), 10);
    assert_int_equal(tune_clock_repeats(&clock, 0), 1);
    assert_int_equal(tune_clock_repeats(&clock, 1e-30), 1000000);
}

static void watch_sees_a_quiet_machine_or_says_why(void **state) {
    tune_watch_limits limits;
    tune_watch_limits_init(&limits);
    tune_watch *watch;
    assert_int_equal(tune_watch_create(&watch, &limits, NULL), 0);
    tune_disturbance d;
    tune_watch_begin(watch);
    double until = xl_now_s() + 0.3;
    while (xl_now_s() < until) {
    }
    tune_watch_end(watch, &d);
    assert_true(d.steal >= 0 && d.steal <= 1);
    assert_true(d.neighbours >= 0 && d.neighbours <= 1);
    assert_true(d.frequency_mhz > 1e-3 && d.frequency_mhz < 20000);
    char text[200];
    tune_disturbance_text(text, sizeof text, &d);
    if (!d.reasons) assert_string_equal(text, "undisturbed");
    else assert_string_not_equal(text, "undisturbed");
    d = (tune_disturbance){.reasons = TUNE_STEAL | TUNE_HOT, .steal = 0.04, .temperature_c = 99};
    tune_disturbance_text(text, sizeof text, &d);
    assert_string_equal(text, "4 % steal time, 99 degrees");
    tune_watch_destroy(watch);
    tune_watch_destroy(NULL);
}

#define SHORT_S 5e-6

/* A function that takes SHORT_S, which the sampler must repeat until the real clock could measure it. It says how
 * long it takes, because a first call that a machine disturbs for a millisecond would look long enough. */
static int short_call(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    *(unsigned *)ctx = repeats;
    *out = (tune_reading){.cost = SHORT_S};
    return 0;
}

static void short_things_are_repeated(void **state) {
    unsigned repeats = 0;
    tune_sampler_options options;
    tune_sampler_options_init(&options);
    options.measure = short_call;
    options.ctx = &repeats;
    options.watch = false;
    tune_sampler *s;
    assert_int_equal(tune_sampler_create(&s, &options, NULL), 0);
    tune_sample sample;
    assert_int_equal(tune_sampler_take(s, 1, INFINITY, &sample, NULL), 0);
    assert_int_equal(sample.repeats, repeats);
    assert_true(repeats * SHORT_S >= 0.999e-3); /* at least a millisecond, and more where the clock is coarse */
    tune_sampler_destroy(s);
    tune_sampler_destroy(NULL);
    options.measure = NULL;
    assert_int_equal(tune_sampler_create(&s, &options, NULL), XLSTM_EARG);
}

/* A first run that lost the processor looked long enough to be timed once; later runs must not be treated so. */
static void repeats_are_learnt_anew(void **state) {
    program p = {.cost = {1e-8}, .cold = 1e6}; /* the simulated clock needs at least a microsecond */
    tune_sampler *s = sampler_of(&p);
    tune_sample sample;
    tune_sampler_counts counts;
    assert_int_equal(tune_sampler_take(s, 0, INFINITY, &sample, NULL), 0);
    assert_int_equal(sample.repeats, 1);
    assert_int_equal(tune_sampler_take(s, 0, INFINITY, &sample, NULL), 0);
    assert_int_equal(sample.repeats, 100);
    assert_false(sample.warmup);
    tune_sampler_get_counts(s, &counts);
    assert_int_equal(counts.taken, 3);
    assert_int_equal(counts.warmup, 1); /* the one that was too short */
    /* Half the duration is no reason to learn anew. */
    p.cost[0] = 0.5e-8;
    assert_int_equal(tune_sampler_take(s, 0, INFINITY, &sample, NULL), 0);
    assert_int_equal(sample.repeats, 100);
    tune_sampler_destroy(s);
}

static void race_finds_the_fastest_under_drift(void **state) {
    program p = {.cost = {1.0, 1.3, 0.93, 1.05, 0.97, 2.5, 1.0}, .drift = 0.01, .jitter = 0.002};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_NORMAL);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    tune_race_entry e[6];
    const int64_t all[] = {1, 3, 4, 5, 6, 2};
    for (int i = 0; i < 6; i++) assert_int_equal(tune_race_run(race, &all[i], 1, &e[i], NULL), 0);
    assert_int_equal(e[0].outcome, TUNE_RACE_OUT);
    assert_int_equal(e[0].samples, 1);
    near(e[0].value, log(1.3), 0.02);
    assert_int_equal(e[3].outcome, TUNE_RACE_STOPPED);
    assert_int_equal(p.stopped, 1);
    assert_int_equal(e[5].outcome, TUNE_RACE_NEW_INCUMBENT);
    near(e[5].value, log(0.93), 0.01);
    near(e[5].parts[0] / e[5].cost, 0.25, 1e-9);
    assert_int_equal(e[5].hash, 102);
    int64_t winner;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 2);
    assert_int_equal(tune_race_incumbent(race), 2);
    int n;
    const double *values = tune_race_values(race, 2, &n);
    assert_true(values && n >= 2);
    size_t base;
    assert_non_null(tune_race_baseline_costs(race, &base));
    assert_true(base > 6);
    assert_int_equal(tune_race_run(race, all, 1, e, NULL), XLSTM_EARG); /* known already */
    tune_race_destroy(race);
    tune_race_destroy(NULL);
    tune_sampler_destroy(s);
}

static void race_keeps_the_baseline_where_nothing_is_faster(void **state) {
    program p = {.cost = {1.0, 1.2, 1.1, 1.4}, .jitter = 0.002};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_QUICK);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    const int64_t all[] = {1, 2, 3};
    tune_race_entry e[3];
    assert_int_equal(tune_race_run(race, all, 3, e, NULL), 0);
    int64_t winner;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 0);
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

/* An incumbent whose value is due to a disturbed sample: candidates that are faster than the baseline are not
 * stopped because of it, and the playoff shows its value falling. */
static void a_lucky_incumbent_stops_nobody_and_falls(void **state) {
    program p = {.cost = {1.0, 0.9, 1.1}, .jitter = 0.002};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_QUICK);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    const double lucky = log(0.45), parts[TUNE_PARTS] = {0.1, 0.35};
    assert_int_equal(tune_race_restore(race, 2, &lucky, 1, 0.45, parts, NULL), 0);
    assert_int_equal(tune_race_incumbent(race), 2);
    const int64_t one = 1;
    tune_race_entry e;
    int64_t winner;
    int count;
    assert_int_equal(tune_race_run(race, &one, 1, &e, NULL), 0);
    assert_int_not_equal(e.outcome, TUNE_RACE_STOPPED);
    assert_int_equal(p.stopped, 0);
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 1);
    const tune_finalist *f = tune_race_finalists(race, &count);
    assert_int_equal(count, 2);
    assert_int_equal(f[0].candidate, 1);
    assert_int_equal(f[1].candidate, 2);
    assert_true(f[1].before == lucky && f[1].after > lucky && f[1].samples_before == 1 && f[1].samples > 3);
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

/* A candidate that was best and breaks in the playoff comes last among the finalists and does not win. */
static void a_finalist_that_breaks(void **state) {
    program p = {.cost = {1.0, 0.9, 0.85}, .jitter = 0.002};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_QUICK);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    const double lucky = log(0.45), parts[TUNE_PARTS] = {0.1, 0.35};
    assert_int_equal(tune_race_restore(race, 9, &lucky, 1, 0.45, parts, NULL), 0);
    for (int64_t c = 1; c <= 2; c++) {
        tune_race_entry e;
        assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    }
    int64_t winner;
    int count;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 2);
    const tune_finalist *f = tune_race_finalists(race, &count);
    assert_int_equal(count, 3);
    assert_int_equal(f[0].candidate, 2);
    assert_int_equal(f[1].candidate, 1);
    assert_int_equal(f[2].candidate, 9);
    assert_true(isnan(f[2].after) && f[2].before == lucky);
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

static void rounds_alternate_and_share_the_baseline(void **state) {
    program p = {.cost = {1.0, 1.0, 1.0, 1.0}, .jitter = 0.01};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_QUICK);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    const int64_t all[] = {1, 2, 3};
    tune_race_entry e[3];
    assert_int_equal(tune_race_run(race, all, 3, e, NULL), 0);
    int at = 0;
    while (p.order[at] == 0) at++;
    const int64_t want[] = {1, 2, 3, 0, 3, 2, 1, 0};
    assert_memory_equal(&p.order[at], want, sizeof want);
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

static void cold_first_runs_do_not_cost_the_race(void **state) {
    program p = {.cost = {1.0, 0.95, 1.0, 0.9, 1.02}, .cold = 0.5, .jitter = 0.002};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_NORMAL);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    tune_race_entry e;
    for (int64_t c = 1; c <= 4; c++) assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_true(tune_race_get(race, 3, &e));
    near(e.value, log(0.9), 0.01); /* the cold sample is not in the mean */
    near(e.parts[0] + e.parts[1], e.cost, 1e-9);
    int64_t winner;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 3);
    assert_false(tune_race_get(race, 77, &e));
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

static void failures_and_the_deadline(void **state) {
    program p = {.cost = {1, 0.9, 0.8}};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_NORMAL);
    options.deadline_s = 12;
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    tune_race_entry e;
    int64_t c = 9;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_int_equal(e.outcome, TUNE_RACE_FAILED);
    assert_int_equal(e.status, XLSTM_EARG);
    assert_string_equal(e.text, "candidate 9 is broken");
    c = 1;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_true(e.samples >= 1);
    xlstm_error err;
    c = 8;
    assert_int_equal(tune_race_run(race, &c, 1, &e, &err), XLSTM_ECANCELLED);
    assert_string_equal(err.text, "cancelled");
    p.now = 13;
    c = 2;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_int_equal(e.outcome, TUNE_RACE_UNTIMED);
    int64_t winner;
    int before = p.total;
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 1);
    assert_int_equal(p.total, before); /* nothing is measured after the deadline */
    tune_race_set_deadline(race, 1000);
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0); /* with more time it gets its turn */
    assert_int_not_equal(e.outcome, TUNE_RACE_UNTIMED);
    assert_true(e.samples > 0);
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), XLSTM_EARG);
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

static void restored_values_take_part(void **state) {
    program p = {.cost = {1, 0.9, 0.8, 0.95}, .jitter = 0.002};
    tune_sampler *s = sampler_of(&p);
    tune_race_options options;
    tune_race_options_init(&options, TUNE_NORMAL);
    tune_race *race;
    assert_int_equal(tune_race_create(&race, s, 0, &options, NULL), 0);
    const double values[] = {-0.22, -0.23}, parts[TUNE_PARTS] = {0.2, 0.6};
    assert_int_equal(tune_race_restore(race, 2, values, 2, 0.8, parts, NULL), 0);
    assert_int_equal(tune_race_restore(race, 2, values, 2, 0.8, parts, NULL), XLSTM_EARG);
    assert_int_equal(tune_race_restore(race, 3, values, 0, 0.8, parts, NULL), XLSTM_EARG);
    assert_int_equal(tune_race_incumbent(race), 2);
    tune_race_entry e;
    int64_t c = 1, winner;
    assert_int_equal(tune_race_run(race, &c, 1, &e, NULL), 0);
    assert_int_equal(e.outcome, TUNE_RACE_OUT);
    assert_int_equal(tune_race_finish(race, &winner, NULL), 0);
    assert_int_equal(winner, 2);
    tune_race_destroy(race);
    tune_sampler_destroy(s);
}

static void blocks_are_balanced_abba(void **state) {
    program p = {.cost = {1.1, 1.0}, .drift = 0.02, .cold = 0.3};
    tune_sampler *s = sampler_of(&p);
    tune_block_plan plan = {.blocks = 5, .quads = 2, .spare = 2, .deadline_s = INFINITY, .seed = 4};
    tune_block_result r;
    tune_sample first;
    assert_int_equal(tune_sampler_take(s, 0, INFINITY, &first, NULL), 0);
    const double start = tune_sampler_seconds(s);
    assert_true(start > 0);
    assert_int_equal(tune_blocks_run(s, 0, 1, &plan, &r, NULL), 0);
    assert_true(fabs(r.seconds - (tune_sampler_seconds(s) - start)) < 1e-9);
    assert_int_equal(r.blocks, 5);
    assert_int_equal(r.disturbed, 0);
    int at = p.total - 40, abba = 0;
    for (int q = 0; q < 10; q++) {
        const int64_t *o = &p.order[at + 4 * q];
        assert_true(o[0] == o[3] && o[1] == o[2] && o[0] != o[1]);
        abba += o[0] == 0;
    }
    assert_in_range(abba, 1, 9); /* both orders occur */
    /* A linear drift changes the ratio only in second order. */
    for (int i = 0; i < 5; i++) near(r.log_ratio[i], log(1.1), 2e-3);
    near(r.baseline_parts[0] + r.baseline_parts[1], r.baseline_cost, 1e-9);
    assert_int_equal(r.winner_hash, 101);
    /* There is no time for the warm-up, so there is no block. */
    int before = p.total;
    plan.deadline_s = 1e-9;
    assert_int_equal(tune_blocks_run(s, 0, 1, &plan, &r, NULL), 0);
    assert_int_equal(r.blocks, 0);
    assert_int_equal(p.total - before, 2);
    /* There is time for the warm-up, about four runs of 2.3 s, and for half a block of eight. */
    before = p.total;
    plan.deadline_s = 20;
    assert_int_equal(tune_blocks_run(s, 0, 1, &plan, &r, NULL), 0);
    assert_int_equal(r.blocks, 0);
    assert_in_range(p.total - before, 4, 8);
    plan.blocks = 0;
    assert_int_equal(tune_blocks_run(s, 0, 1, &plan, &r, NULL), XLSTM_EARG);
    plan.blocks = 2;
    assert_int_equal(tune_blocks_run(s, 0, 9, &plan, &r, NULL), XLSTM_EARG);
    tune_sampler_destroy(s);
}

static void quads_outlast_the_noise(void **state) {
    double x[400];
    xl_rng rng;
    xl_rng_seed(&rng, 2);
    for (int i = 0; i < 400; i++) x[i] = 1 + 0.01 * xl_rng_normal(&rng);
    assert_int_equal(tune_block_quads(x, 400, 1, 1), 1);
    x[0] = 0;
    for (int i = 1; i < 400; i++) x[i] = 0.9 * x[i - 1] + 0.01 * xl_rng_normal(&rng);
    for (int i = 0; i < 400; i++) x[i] += 1;
    assert_in_range(tune_block_quads(x, 400, 1, 1), 3, 8);
    assert_int_equal(tune_block_quads(x, 5, 1, 1), 1);
    assert_int_equal(tune_block_quads(x, 400, 1, 0), 1);
}

/* Takes time without computing, the first two times, like a process that was stopped. */
static int halting(void *ctx, int64_t c, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    int *calls = ctx;
    if ((*calls)++ < 2) nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
    volatile double x = 1;
    for (double start = xl_now_s(); xl_now_s() - start < 0.02;) x = x * 1.0000001;
    *out = (tune_reading){.cost = 0.02};
    return 0;
}

static void seen_halted(void *ctx, const tune_sample *s) {
    int *halted = ctx;
    if (!(s->disturbance.reasons & TUNE_HALTED)) return;
    char text[256];
    ++*halted;
    assert_true(s->set_aside || s->warmup);
    assert_true(s->disturbance.halted_s > 0.5);
    tune_disturbance_text(text, sizeof text, &s->disturbance);
    assert_non_null(strstr(text, "stopped or waiting for"));
}

/* Such a sample is set aside, on a busy machine too, and the handler of SIGCONT reports a stop that the times do
 * not show. */
static void a_halted_sample_is_set_aside(void **state) {
    int calls = 0, halted = 0;
    xlstm_error err;
    tune_sampler *s;
    tune_sample sample;
    tune_sampler_options options;
    tune_sampler_options_init(&options);
    options.measure = halting;
    options.retakes = 1000; /* the machine may halt it more often than the two times */
    options.ctx = &calls;
    options.on_sample = seen_halted;
    options.on_sample_ctx = &halted;
    assert_int_equal(tune_sampler_create(&s, &options, &err), 0);
    assert_int_equal(tune_sampler_take(s, 0, INFINITY, &sample, &err), 0);
    assert_true(halted >= 2);
    assert_false(sample.disturbance.reasons & TUNE_HALTED);
    tune_sampler_destroy(s);

    tune_watch *watch;
    tune_disturbance d;
    tune_watch_limits limits;
    tune_watch_limits_init(&limits);
    assert_int_equal(tune_watch_create(&watch, &limits, NULL), 0);
    tune_watch_begin(watch);
    tune_watch_continued();
    tune_watch_end(watch, &d);
    assert_true(d.reasons & TUNE_HALTED);
    tune_watch_destroy(watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_is_calibrated),
        cmocka_unit_test(watch_sees_a_quiet_machine_or_says_why),
        cmocka_unit_test(a_halted_sample_is_set_aside),
        cmocka_unit_test(short_things_are_repeated),
        cmocka_unit_test(repeats_are_learnt_anew),
        cmocka_unit_test(race_finds_the_fastest_under_drift),
        cmocka_unit_test(race_keeps_the_baseline_where_nothing_is_faster),
        cmocka_unit_test(a_lucky_incumbent_stops_nobody_and_falls),
        cmocka_unit_test(rounds_alternate_and_share_the_baseline),
        cmocka_unit_test(cold_first_runs_do_not_cost_the_race),
        cmocka_unit_test(failures_and_the_deadline),
        cmocka_unit_test(a_finalist_that_breaks),
        cmocka_unit_test(restored_values_take_part),
        cmocka_unit_test(blocks_are_balanced_abba),
        cmocka_unit_test(quads_outlast_the_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
