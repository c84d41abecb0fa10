/* How a search of a simulated target ends: with a winner, with none, or without the time to compare. */
#include "simulation.h"

#include "tuner/driver/comparison.h"

static void finds_and_says(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_run *k = new_run("better");
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 64);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* 4.2 + 3.75 over 3 + 3 */
    assert_true(fabs(r.final.speedup - 0.325) < 1e-9);
    char *best = test_read(tune_run_folder(k), "best.json");
    json_t *j = json_loads(best, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "params"), "a")), 5);
    assert_true(json_is_object(json_object_get(j, "metrics")));
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "better");
    json_decref(j);
    free(best);

    /* Nothing is left to do: resuming gives the same result without measuring. */
    char *where = strdup(tune_run_folder(k));
    tune_run_close(k, TUNE_RUN_FINISHED);
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    int before = s.total;
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.total, before);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* Only one process at a time may work on a run. */
    tune_run *second;
    assert_int_equal(tune_run_resume(&second, where, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "another process"));
    tune_run_close(k, TUNE_RUN_FINISHED);
    free(where);
    tune_space_destroy(s.space);
}

static void equal_programs(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.flat = true;
    s.noise = 0.02;
    int announced = 0;
    for (int i = 0; i < 20; i++) {
        tune_run *k = new_run("equal");
        tune_drive_options o = on_its_clock(&s, quick("random", 12));
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        announced += r.final.verdict == TUNE_VERDICT_BETTER;
        if (r.final.verdict != TUNE_VERDICT_BETTER) assert_int_equal(r.winner, TUNE_BASELINE);
        tune_run_close(k, TUNE_RUN_FINISHED);
    }
    assert_true(announced <= 4); /* 5 in a hundred are expected; more than 4 of 20 have a probability of 0.0003 */
    tune_space_destroy(s.space);
}

/* There is always a result, and it claims nothing that was not measured. */
static void no_time_at_all(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_drive_options o = on_its_clock(&s, quick("auto", 20));
    o.budget_s = 0;
    tune_run *k = new_run("hurry");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_int_equal(r.winner, TUNE_BASELINE);
    assert_int_equal(r.measured, 0);
    assert_string_equal(r.verdict,
                        "not enough was tried: 0 of 64 points were measured in the time given; the baseline stays");
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(best, "verdict")), "not enough was tried");
    assert_true(json_is_true(json_object_get(best, "is_baseline")));
    assert_true(json_is_null(json_object_get(json_object_get(best, "metrics"), "request_s")));
    assert_null(json_object_get(best, "speedup"));
    json_decref(best);
    free(text);
    /* With more time the same run continues. */
    o.budget_s = INFINITY;
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.measured, 20);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static bool is_other(void *self, int64_t candidate) {
    return false;
}

/* Where all points fail, and where all are hopeless, there are two different verdicts. */
static void nothing_to_compare(void **state) {
    for (int slow = 0; slow < 2; slow++) {
        simulation s;
        xlstm_error err;
        tune_drive_result r;
        simulation_init(&s);
        s.awkward = true;
        tune_space_destroy(s.space);
        s.space = tune_space_create();
        double only = slow ? 7 : 3;
        assert_int_equal(tune_space_add_range(s.space, "a", TUNE_AFFECTS_FIRST, only, only, 1, &err), 0);
        assert_int_equal(tune_space_add_range(s.space, "b", TUNE_AFFECTS_SECOND, 6, 8, 1, &err), 0);
        assert_int_equal(tune_space_seal(s.space, &err), 0);
        s.target.space = s.space;
        s.target.is_baseline = is_other;
        tune_drive_options o = on_its_clock(&s, quick("grid", 0));
        tune_run *k = new_run(slow ? "slow" : "fails");
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.winner, TUNE_BASELINE);
        assert_int_equal(r.failed, 3);
        assert_int_equal(r.final.verdict, slow ? TUNE_VERDICT_NOTHING : TUNE_VERDICT_UNMEASURED);
        assert_memory_equal(
            r.verdict,
            slow ? "nothing faster found: 3 of 3 points were" : "not compared: every point that was tried", 40);
        tune_run_close(k, TUNE_RUN_FINISHED);
        tune_space_destroy(s.space);
    }
}

/* Trying two points of 64 does not show that nothing is faster. */
static void too_little_was_tried(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.flat = s.awkward = true; /* a = 7 is slower than the baseline, all others are as fast */
    tune_space_destroy(s.space);
    s.space = tune_space_create();
    assert_int_equal(tune_space_add_range(s.space, "a", TUNE_AFFECTS_FIRST, 7, 7, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s.space, "b", TUNE_AFFECTS_SECOND, 1, 64, 1, &err), 0);
    assert_int_equal(tune_space_seal(s.space, &err), 0);
    s.target.space = s.space;
    for (int many = 0; many < 2; many++) {
        tune_drive_options o = on_its_clock(&s, quick("random", many ? 10 : 2));
        tune_run *k = new_run(many ? "many" : "few");
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.winner, TUNE_BASELINE);
        assert_int_equal(r.final.verdict, many ? TUNE_VERDICT_NOTHING : TUNE_VERDICT_TOO_LITTLE);
        assert_string_equal(r.verdict, many
                                           ? "nothing faster found: 10 of 64 points were measured, and none looked "
                                             "faster than the baseline, which stays; so nothing was compared"
                                           : "not enough was tried: 2 of 64 points were measured, and nothing "
                                             "looked faster; the baseline stays");
        tune_run_close(k, TUNE_RUN_FINISHED);
    }
    tune_space_destroy(s.space);
}

/* Every point takes a little longer than the baseline. */
static int a_little_longer(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                           xlstm_error *err) {
    int status = simulate(self, candidate, repeats, limit, out, err);
    if (candidate < 0 || status < 0) return status;
    out->cost *= 1.01;
    out->parts[0] *= 1.01;
    out->parts[1] *= 1.01;
    return status;
}

/* A point that looked faster than the baseline is not passed over in silence, where the playoff dropped it. */
static void what_looked_faster_is_not_denied(void **state) {
    int dropped = 0, none = 0;
    for (int seed = 0; seed < 40; seed++) {
        simulation s;
        xlstm_error err;
        tune_drive_result r;
        char tag[20];
        simulation_init(&s);
        s.flat = true;
        s.noise = 0.04;
        xl_rng_seed(&s.rng, (uint64_t)seed);
        s.target.measure = a_little_longer;
        tune_drive_options o = quick("random", seed % 2 ? 6 : 50);
        o.repeats = 1;
        o.seed = (uint64_t)seed;
        o.now_s = simulated_now;
        o.now_ctx = &s;
        snprintf(tag, sizeof tag, "denied%d", seed);
        tune_run *k = new_run(tag);
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        size_t count;
        const tune_trial_row *all = rows_of(k, &count);
        bool faster = false;
        for (size_t i = 0; i < count; i++) faster |= all[i].status == TUNE_TRIAL_OK && all[i].value < 1;
        const bool little = r.final.verdict == TUNE_VERDICT_TOO_LITTLE;
        if (little || r.final.verdict == TUNE_VERDICT_NOTHING) {
            dropped += faster;
            none += !faster;
            assert_true(!faster == !strstr(r.verdict, "the playoff's best was not faster"));
            assert_true(faster == !strstr(r.verdict, little ? "nothing looked faster" : "none looked faster than"));
        }
        tune_run_close(k, TUNE_RUN_FINISHED);
        tune_space_destroy(s.space);
    }
    print_message("%d dropped, %d none\n", dropped, none);
    assert_true(dropped > 0 && none > 0);
}

/* Where nothing looked faster there is no comparison, and its share of the budget is used for the search. */
static void the_rest_of_a_budget_is_used(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.flat = s.awkward = true;
    tune_space_destroy(s.space);
    s.space = tune_space_create();
    assert_int_equal(tune_space_add_range(s.space, "a", TUNE_AFFECTS_FIRST, 7, 7, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s.space, "b", TUNE_AFFECTS_SECOND, 1, 4000, 1, &err), 0);
    assert_int_equal(tune_space_seal(s.space, &err), 0);
    s.target.space = s.space;
    tune_drive_options o = on_its_clock(&s, quick("random", 0));
    o.budget_s = 2000 * CALL_S;
    tune_run *k = new_run("rest");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.winner, TUNE_BASELINE);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_NOTHING);
    assert_true(s.now > 0.95 * o.budget_s);
    assert_true(s.now < 1.05 * o.budget_s);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* The search's choice is named where the comparison did not confirm it. */
static void a_challenger_is_named(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_drive_options o = on_its_clock(&s, quick("random", 12));
    o.budget_s = 50; /* requests report that they take six seconds */
    tune_run *k = new_run("short");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.winner, TUNE_BASELINE);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_UNMEASURED);
    assert_memory_equal(r.verdict, "not compared: the time left was too short", 41);
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL);
    assert_true(json_is_integer(json_object_get(json_object_get(best, "challenger"), "a")));
    json_decref(best);
    free(text);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* How many fresh processes ran, and which of them fails with the winner or stops the run. */
static struct { int ran, fails, stops; } fresh;

static int run_fresh(void *self, const tune_named_list *baseline, int64_t winner, const tune_block_plan *plan,
                     tune_sample_fn on_sample, void *ctx, tune_block_result *out, xlstm_error *err) {
    simulation *s = self;
    (void)baseline;
    (void)winner;
    (void)on_sample;
    (void)ctx;
    *out = (tune_block_result){.blocks = plan->blocks, .baseline_cost = 8, .winner_cost = 6, .seconds = 1};
    for (int i = 0; i < plan->blocks; i++) out->log_ratio[i] = log(8.0 / 6);
    s->now += 1;
    fresh.ran++;
    if (fresh.ran == fresh.stops) s->stop = 1;
    if (fresh.ran != fresh.fails) return XLSTM_OK;
    out->culprit = TUNE_CULPRIT_WINNER;
    return xl_fail(err, XLSTM_EIO, "exit code 3");
}

/* A winner that failed in one of the fresh processes does not win by the others, nor by a resume that forgets it.
 */
static void a_failure_is_not_forgotten(void **state) {
    static const char wanted[] = "fails at times: 1 of 9 fresh processes failed, 1 with these settings, 0 with the "
                                 "baseline's (exit code 3), so nothing is claimed; the others say +33.3 %";
    for (int resumed = 0; resumed < 2; resumed++) {
        simulation s;
        xlstm_error err;
        tune_drive_result r;
        simulation_init(&s);
        s.target.spawn = run_fresh;
        fresh.ran = 0;
        fresh.fails = 2;
        fresh.stops = resumed ? 4 : 0;
        tune_drive_options o = on_its_clock(&s, quick("grid", 0));
        o.stop = stopped;
        o.stop_ctx = &s;
        tune_run *k = new_run(resumed ? "forgets" : "fails");
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        if (resumed) {
            char *where = strdup(tune_run_folder(k));
            assert_int_equal(r.end, TUNE_DRIVE_STOPPED);
            tune_run_close(k, TUNE_RUN_INTERRUPTED);
            s.stop = 0;
            if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
            if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
            free(where);
        }
        assert_int_equal(r.end, TUNE_DRIVE_DONE);
        assert_int_equal(r.final.verdict, TUNE_VERDICT_FAILS);
        assert_int_equal(r.winner, TUNE_BASELINE);
        assert_int_equal(r.final.processes, 8);
        assert_memory_equal(r.verdict, wanted, sizeof wanted - 1);
        assert_non_null(strstr(r.verdict, "; the baseline stays"));
        /* Of the four, the one that was stopped after it had run is run anew. */
        assert_int_equal(fresh.ran, resumed ? 10 : 9);
        tune_run_close(k, TUNE_RUN_FINISHED);
        tune_space_destroy(s.space);
    }
}

/* Numbers of the processes that ran elsewhere. */
static struct { int count, number[64]; } elsewhere;

/* Those with the numbers 1 and 3 are lost with their machines; the run is stopped in the sixth. */
static int run_elsewhere(void *ctx, int64_t winner, const tune_block_plan *plan, int number, tune_block_result *out,
                         xlstm_error *err) {
    simulation *s = ctx;
    (void)winner;
    *out = (tune_block_result){.blocks = plan->blocks, .baseline_cost = 8, .winner_cost = 6, .seconds = 1};
    for (int i = 0; i < plan->blocks; i++) out->log_ratio[i] = log(8.0 / 6);
    s->now += 1;
    assert_true(elsewhere.count < 64);
    elsewhere.number[elsewhere.count++] = number;
    if (elsewhere.count == 6) s->stop = 1;
    if (number != 1 && number != 3) return XLSTM_OK;
    out->culprit = TUNE_CULPRIT_NEITHER; /* so it is not stored */
    return xl_fail(err, XLSTM_EIO, "lost by every node");
}

/* A resumed comparison goes on behind the processes whose results it has, so that none counts twice. */
static void no_process_counts_twice(void **state) {
    simulation s;
    xlstm_error err;
    int64_t process = 0;
    double origin = 0;
    simulation_init(&s);
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    o.stop = stopped;
    o.stop_ctx = &s;
    tune_run *k = new_run("twice");
    tune_drive_result r;
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    const tune_comparison c = {.target = &s.target,
                               .options = &o,
                               .keeper = tune_run_keeper(k),
                               .in_time = true,
                               .process = &process,
                               .origin = &origin,
                               .run = run_elsewhere,
                               .run_ctx = &s};
    const int64_t other = r.winner - 1; /* the search's own comparison is none of it */
    for (int resumed = 0; resumed < 2; resumed++) {
        tune_comparison again = c;
        r = (tune_drive_result){.winner = other};
        s.stop = 0;
        if (!resumed) assert_int_equal(tune_comparison_run(&again, &r, &err), XLSTM_ECANCELLED);
        else if (tune_comparison_run(&again, &r, &err)) fail_msg("%s", err.text);
    }
    /* The sixth was stopped and runs anew. */
    assert_true(elsewhere.count > 8);
    for (int i = 0; i < elsewhere.count; i++) assert_int_equal(elsewhere.number[i], i < 6 ? i : i - 1);
    assert_int_equal(r.final.processes, elsewhere.count - 3);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_and_says),
        cmocka_unit_test(equal_programs),
        cmocka_unit_test(no_time_at_all),
        cmocka_unit_test(a_challenger_is_named),
        cmocka_unit_test(nothing_to_compare),
        cmocka_unit_test(too_little_was_tried),
        cmocka_unit_test(what_looked_faster_is_not_denied),
        cmocka_unit_test(the_rest_of_a_budget_is_used),
        cmocka_unit_test(a_failure_is_not_forgotten),
        cmocka_unit_test(no_process_counts_twice),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
