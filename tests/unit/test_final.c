/* The last comparison, on simulated processes whose times are known. */
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "helper.h"
#include "tuner/measure/final.h"
#include "tuner/measure/stats.h"

static void near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.12g, wanted %.12g", got, want);
}

typedef struct spawn {
    double value[300]; /* process means */
    int at, fail_first, cancel_at, other_at;
    double now, each_s;
    tune_culprit culprit; /* of those that fail first, */
    int failure;          /* and with what; 0: XLSTM_EIO */
} spawn;

static int spawn_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    spawn *s = ctx;
    s->now += s->each_s;
    if (s->fail_first-- > 0) {
        out->culprit = s->culprit;
        return xl_fail(err, s->failure ? s->failure : XLSTM_EIO, "cannot start");
    }
    if (s->other_at && s->at == s->other_at) return xl_fail(err, XLSTM_EMISMATCH, "another output");
    if (s->cancel_at && s->at == s->cancel_at) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
    double x = s->value[s->at++];
    *out = (tune_block_result){.blocks = plan->blocks, .baseline_cost = exp(x), .winner_cost = 1};
    for (int i = 0; i < plan->blocks; i++) out->log_ratio[i] = x;
    return 0;
}

static double spawn_now(void *ctx) {
    return ((spawn *)ctx)->now;
}

static void fill(spawn *s, double mean, double sd) {
    xl_rng rng;
    xl_rng_seed(&rng, 7);
    *s = (spawn){.each_s = 1};
    for (int i = 0; i < 300; i++) s->value[i] = mean + sd * xl_rng_normal(&rng);
}

static tune_final_options final_options(spawn *s) {
    tune_final_options o;
    tune_final_options_init(&o, TUNE_NORMAL);
    o.now_s = spawn_now;
    o.now_ctx = s;
    return o;
}

static void a_clear_difference(void **state) {
    spawn s;
    fill(&s, log(1.05), 0.002);
    tune_final_options o = final_options(&s);
    tune_final f;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_BETTER);
    assert_int_equal(f.stop, TUNE_STOP_WIDTH);
    assert_int_equal(f.processes, 8);
    assert_int_equal(f.blocks, 24);
    near(f.speedup, 0.05, 0.003);
    assert_true(f.low < 0.05 && 0.05 < f.high);
    tune_interval t = tune_mean_interval(f.process, 8, 0.95);
    near(f.log_low, t.low, 1e-12);
    char text[400];
    tune_final_text(text, sizeof text, &f);
    assert_memory_equal(text, "better by 5.", 12);
    assert_non_null(strstr(text, "(95 % interval over 8 fresh processes, 24 blocks; one state of the machine in "));
}

static void worse_and_no_difference_in_words(void **state) {
    spawn s;
    fill(&s, log(0.96), 0.002);
    tune_final_options o = final_options(&s);
    tune_final f;
    char text[400];
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_WORSE);
    tune_final_text(text, sizeof text, &f);
    assert_memory_equal(text, "worse by ", 9);
    fill(&s, 0, 0.01);
    o = final_options(&s);
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_NONE);
    tune_final_text(text, sizeof text, &f);
    assert_memory_equal(text, "no significant difference: ", 27);
}

static void scatter_decides_the_number_of_processes(void **state) {
    spawn s;
    fill(&s, 0.02, 0.010);
    tune_final_options o = final_options(&s);
    o.most_processes = 200;
    tune_final f;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.stop, TUNE_STOP_WIDTH);
    assert_true(f.processes > 8);
    double s0 = tune_sd(f.process, 8);
    assert_true(f.processes >= (int)pow(tune_t_quantile(0.975, 7) * s0 / 0.005, 2));
    assert_true(f.log_high - f.log_low <= 0.01);
    /* The same values shifted by a constant take exactly as many processes: the mean has no influence. */
    int n = f.processes;
    fill(&s, -0.3, 0.010);
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, n);
}

static void a_tight_budget_is_said(void **state) {
    spawn s;
    fill(&s, 0.05, 0.002);
    tune_final_options o = final_options(&s);
    o.budget_s = 3.5;
    tune_final f;
    char text[400];
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 3);
    assert_int_equal(f.stop, TUNE_STOP_BUDGET);
    tune_final_text(text, sizeof text, &f);
    assert_non_null(strstr(text, "3 fresh processes, 9 blocks; there was time for no more"));
    fill(&s, 0.05, 0.002);
    o.budget_s = 0.5;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 1);
    assert_int_equal(f.verdict, TUNE_VERDICT_UNMEASURED);
    tune_final_text(text, sizeof text, &f);
    assert_memory_equal(text, "not compared", 12);
}

static int no_block(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    spawn *s = ctx;
    s->now += s->each_s;
    *out = (tune_block_result){0};
    return 0;
}

static void time_is_shared_out(void **state) {
    spawn s;
    fill(&s, 0, 0.01);
    tune_final_options o = final_options(&s);
    o.quads = 4;
    o.budget_s = 1e4;
    assert_true(tune_final_fit(&o, 1));
    assert_int_equal(o.blocks, 3);
    assert_int_equal(o.quads, 4);
    o.budget_s = 8 * (6 + 2 * 16); /* two blocks of four quads for each process */
    assert_true(tune_final_fit(&o, 1));
    assert_int_equal(o.blocks, 2);
    assert_int_equal(o.quads, 4);
    near(tune_final_seconds(&o, 1), o.budget_s, 1e-9);
    o.budget_s = 8 * (6 + 8); /* one block of two quads */
    assert_true(tune_final_fit(&o, 1));
    assert_int_equal(o.blocks, 1);
    assert_int_equal(o.quads, 2);
    o.budget_s = 20; /* two processes of the shortest block */
    assert_true(tune_final_fit(&o, 1));
    assert_int_equal(o.quads, 1);
    o.budget_s = 19;
    assert_false(tune_final_fit(&o, 1));
    o = final_options(&s);
    o.budget_s = 1;
    o.unhurried = true;
    assert_true(tune_final_fit(&o, 1));
    assert_int_equal(o.blocks, 3);
}

static void without_a_limit_the_first_processes_run(void **state) {
    spawn s;
    fill(&s, 0, 0.05);
    tune_final_options o = final_options(&s);
    o.budget_s = 2.5;
    o.unhurried = true;
    tune_final f;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 8);
    assert_int_equal(f.stop, TUNE_STOP_BUDGET);
    fill(&s, 0, 0.05);
    o.blocks = 2;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 10); /* until there are twenty blocks */
    /* A process that had no time for a block ends the comparison, which is not a failure. */
    o = final_options(&s);
    char text[400];
    assert_int_equal(tune_final_run(&o, no_block, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 0);
    assert_int_equal(f.lost, 0);
    assert_int_equal(f.stop, TUNE_STOP_BUDGET);
    assert_int_equal(f.verdict, TUNE_VERDICT_UNMEASURED);
    tune_final_text(text, sizeof text, &f);
    assert_memory_equal(text, "not compared: the time left", 27);
}

static int let_time_pass(void *ctx, double seconds) {
    spawn *s = ctx;
    s->now += seconds;
    return s->cancel_at ? XLSTM_ECANCELLED : 0;
}

static void processes_are_spread_over_a_time(void **state) {
    spawn s;
    fill(&s, 0.05, 0.0001);
    tune_final_options o = final_options(&s);
    tune_final f;
    o.most_processes = 11;
    o.spread_s = 3600;
    o.spread_whole = true;
    o.wait = let_time_pass;
    o.wait_ctx = &s;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 11); /* the width would have done after eight */
    assert_int_equal(f.stop, TUNE_STOP_MOST);
    near(f.at[1], 360, 1);
    near(f.at[10], 3600, 1);
    fill(&s, 0.05, 0.0001);
    o.budget_s = 1000;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 3);
    assert_int_equal(f.stop, TUNE_STOP_BUDGET);
    fill(&s, 0.05, 0.0001);
    s.cancel_at = 100;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 1);
    assert_int_equal(f.stop, TUNE_STOP_CANCELLED);
    /* Where they are spread over what a budget leaves, a narrow interval ends the comparison. */
    fill(&s, 0.05, 0.0001);
    s.cancel_at = 0;
    o.spread_whole = false;
    o.budget_s = 4000;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.stop, TUNE_STOP_WIDTH);
    assert_in_range(f.processes, 8, 9);
    near(f.at[7], 7 * 360, 1);
}

/* A machine that changes its state gets what is left of a budget. */
static void states_get_more_processes(void **state) {
    spawn s;
    fill(&s, 0.05, 0.001);
    for (int i = 0; i < TUNE_PROCESSES_MOST; i++) s.value[i] += i / 3 % 3 == 2 ? 0.3 : 0;
    tune_final_options o = final_options(&s);
    tune_final f;
    o.most_processes = 12;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 12);
    fill(&s, 0.05, 0.001);
    for (int i = 0; i < TUNE_PROCESSES_MOST; i++) s.value[i] += i / 3 % 3 == 2 ? 0.3 : 0;
    o.budget_s = 60.5;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 60);
    assert_int_equal(f.stop, TUNE_STOP_BUDGET);
    assert_int_equal(f.scope, TUNE_SCOPE_LONG_RUN);
}

static void lost_processes_and_cancelling(void **state) {
    spawn s;
    fill(&s, 0.05, 0.002);
    s.fail_first = 2;
    tune_final_options o = final_options(&s);
    tune_final f;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.processes, 8);
    fill(&s, 0.05, 0.002);
    s.fail_first = 100;
    xlstm_error err;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, &err), XLSTM_EIO);
    assert_string_equal(err.text, "cannot start");
    fill(&s, 0.05, 0.002);
    s.cancel_at = 4;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.stop, TUNE_STOP_CANCELLED);
    assert_int_equal(f.processes, 4);
    o.width = 0;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, &err), XLSTM_EARG);
}

static tune_final failing(tune_culprit culprit, int times, int failure) {
    spawn s;
    tune_final f;
    fill(&s, 0.05, 0.002);
    s.fail_first = times;
    s.culprit = culprit;
    s.failure = failure;
    const tune_final_options o = final_options(&s);
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 8);
    assert_int_equal(f.lost, times);
    return f;
}

/* The processes that end well do not make settings better that fail in others. */
static void a_winner_that_fails_at_times_is_not_better(void **state) {
    char text[900];
    tune_final f = failing(TUNE_CULPRIT_WINNER, 2, 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_FAILS);
    assert_true(f.low > 0 && f.failed[TUNE_CULPRIT_WINNER] == 2);
    tune_final_text(text, sizeof text, &f);
    static const char wanted[] =
        "fails at times: 2 of 10 fresh processes failed, 2 with these settings, 0 with the "
        "baseline's (cannot start), so nothing is claimed; the others say +";
    assert_memory_equal(text, wanted, sizeof wanted - 1);
    f = failing(TUNE_CULPRIT_EITHER, 1, 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_FAILS);
    tune_final_text(text, sizeof text, &f);
    assert_non_null(
        strstr(text, "0 with these settings, 0 with the baseline's, 1 with one of the two (cannot start)"));
    /* What is the baseline's failure, the machine's or ours says nothing against the winner. */
    f = failing(TUNE_CULPRIT_BASELINE, 1, 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_BETTER);
    tune_final_text(text, sizeof text, &f);
    assert_memory_equal(text, "better by ", 10);
    assert_non_null(strstr(text, "; 1 of 9 fresh processes failed, 0 with these settings, 1 with the baseline's"));
    f = failing(TUNE_CULPRIT_NEITHER, 2, 0);
    assert_int_equal(f.verdict, TUNE_VERDICT_BETTER);
    tune_final_text(text, sizeof text, &f);
    assert_null(strstr(text, "failed"));
    f = failing(TUNE_CULPRIT_WINNER, 2, XLSTM_ENOMEM);
    assert_int_equal(f.verdict, TUNE_VERDICT_BETTER);
    assert_int_equal(f.failed[TUNE_CULPRIT_NEITHER], 2);
    /* Both failed as often. */
    f.failed[TUNE_CULPRIT_BASELINE] = f.failed[TUNE_CULPRIT_WINNER] = 2;
    assert_int_equal(tune_final_decide(&f), TUNE_VERDICT_BETTER);
    f.failed[TUNE_CULPRIT_WINNER] = 3;
    assert_int_equal(tune_final_decide(&f), TUNE_VERDICT_FAILS);
    /* What is slower or no different stays that. */
    f.log_low = -1;
    assert_int_equal(tune_final_decide(&f), TUNE_VERDICT_NONE);
    f.log_high = -0.5;
    assert_int_equal(tune_final_decide(&f), TUNE_VERDICT_WORSE);
    /* One process alone ended well. */
    spawn s;
    fill(&s, 0.05, 0.002);
    s.fail_first = 1;
    s.culprit = TUNE_CULPRIT_WINNER;
    tune_final_options o = final_options(&s);
    o.budget_s = 2.3;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, NULL), 0);
    assert_int_equal(f.processes, 1);
    tune_final_text(text, sizeof text, &f);
    assert_string_equal(
        text, "fails at times: 1 of 2 fresh processes failed, 1 with these settings, 0 with the baseline's "
              "(cannot start), so nothing is claimed");
    assert_int_equal(tune_verdict_find("fails at times"), TUNE_VERDICT_FAILS);
}

/* Fails with the second candidate from its n-th sample on. */
typedef struct bench {
    int64_t failing;
    int from, taken;
} bench;

static int measure_until(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                         xlstm_error *err) {
    bench *b = ctx;
    (void)repeats;
    (void)limit;
    if (candidate == b->failing && ++b->taken >= b->from) return xl_fail(err, XLSTM_EIO, "exit code 3");
    *out = (tune_reading){.cost = 1};
    return XLSTM_OK;
}

/* A process knows with which of the two it failed, in the warm-up as in a block. */
static void a_process_knows_the_culprit(void **state) {
    for (int from = 1; from < 8; from += 6) {
        for (int64_t failing = -1; failing < 1; failing++) {
            bench b = {.failing = failing, .from = from};
            tune_sampler_options options;
            tune_sampler *sampler;
            tune_block_result r;
            xlstm_error err;
            tune_sampler_options_init(&options);
            options.measure = measure_until;
            options.ctx = &b;
            options.watch = false;
            assert_int_equal(tune_sampler_create(&sampler, &options, &err), 0);
            const tune_block_plan plan = {.blocks = 8, .quads = 1, .deadline_s = INFINITY, .seed = 3};
            assert_int_equal(tune_blocks_run(sampler, -1, 0, &plan, &r, &err), XLSTM_EIO);
            assert_int_equal(r.culprit, failing < 0 ? TUNE_CULPRIT_BASELINE : TUNE_CULPRIT_WINNER);
            tune_sampler_destroy(sampler);
        }
    }
}

/* Once is enough, although the other processes say that it is faster. */
static void another_output_ends_it(void **state) {
    spawn s;
    fill(&s, 0.05, 0.002);
    s.other_at = 5;
    tune_final_options o = final_options(&s);
    tune_final f;
    xlstm_error err;
    assert_int_equal(tune_final_run(&o, spawn_process, &s, &f, &err), XLSTM_EMISMATCH);
    assert_string_equal(err.text, "another output");
    assert_true(tune_final_unusable(XLSTM_EMISMATCH) && tune_final_unusable(XLSTM_EIO));
    assert_false(tune_final_unusable(XLSTM_OK) || tune_final_unusable(XLSTM_ECANCELLED) ||
                 tune_final_unusable(XLSTM_ECHANGED) || tune_final_unusable(XLSTM_EDEVICE));
}

static void efforts_by_name(void **state) {
    assert_int_equal(tune_effort_parse("quick"), TUNE_QUICK);
    assert_int_equal(tune_effort_parse("thorough"), TUNE_THOROUGH);
    assert_int_equal(tune_effort_parse("fast"), -1);
    assert_string_equal(tune_effort_name(TUNE_NORMAL), "normal");
}

static void options_that_cannot_be(void **state) {
    spawn s;
    fill(&s, 0, 0.01);
    const tune_final_options good = final_options(&s);
    tune_final_options bad[6];
    for (int i = 0; i < 6; i++) bad[i] = good;
    bad[0].level = 0;
    bad[1].level = 1;
    bad[2].width = 0;
    bad[3].width = NAN;
    bad[4].blocks = 0;
    bad[5].first_processes = 1;
    for (int i = 0; i < 6; i++) {
        tune_final f;
        xlstm_error err;
        assert_int_equal(tune_final_run(&bad[i], spawn_process, &s, &f, &err), XLSTM_EARG);
        assert_int_equal(strncmp(err.text, "comparison: level ", 18), 0);
        assert_int_equal(s.at, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_difference),
        cmocka_unit_test(worse_and_no_difference_in_words),
        cmocka_unit_test(scatter_decides_the_number_of_processes),
        cmocka_unit_test(a_tight_budget_is_said),
        cmocka_unit_test(time_is_shared_out),
        cmocka_unit_test(options_that_cannot_be),
        cmocka_unit_test(without_a_limit_the_first_processes_run),
        cmocka_unit_test(processes_are_spread_over_a_time),
        cmocka_unit_test(states_get_more_processes),
        cmocka_unit_test(lost_processes_and_cancelling),
        cmocka_unit_test(a_winner_that_fails_at_times_is_not_better),
        cmocka_unit_test(a_process_knows_the_culprit),
        cmocka_unit_test(another_output_ends_it),
        cmocka_unit_test(efforts_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
