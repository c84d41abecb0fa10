/* What steers a search on a simulated target: several objectives, or two parts of the time that are searched apart.
 */
#include "simulation.h"
#include "tuner/driver/proposer.h"

/* The size of the Pareto front of the run's rows, by its definition. */
static int front_size(tune_run *k) {
    size_t count;
    const tune_trial_row *t = rows_of(k, &count);
    int n = 0;
    for (size_t i = 0; i < count; i++) {
        bool beaten = t[i].status != TUNE_TRIAL_OK;
        for (size_t j = 0; j < count && !beaten; j++) {
            const double *x = t[j].metric, *y = t[i].metric;
            if (t[j].status != TUNE_TRIAL_OK) continue;
            beaten = x[TUNE_REQUEST_S] <= y[TUNE_REQUEST_S] && x[TUNE_PEAK_MB] <= y[TUNE_PEAK_MB] &&
                     x[TUNE_KL] <= y[TUNE_KL] &&
                     (x[TUNE_REQUEST_S] < y[TUNE_REQUEST_S] || x[TUNE_PEAK_MB] < y[TUNE_PEAK_MB] ||
                      x[TUNE_KL] < y[TUNE_KL]);
        }
        n += !beaten;
    }
    return n;
}

static void all_objectives_steer(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.awkward = true;
    tune_run *k = new_run("front");
    tune_drive_options o = on_its_clock(&s, several("auto", 0));
    assert_string_equal(tune_drive_strategy(&o), "ehvi");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 64); /* all of a small space */
    assert_int_equal(r.duplicates, 0);
    size_t count;
    const tune_trial_row *t = rows_of(k, &count);
    int kinds[TUNE_TRIAL_STATUS_COUNT] = {0};
    for (size_t i = 0; i < count; i++) {
        kinds[t[i].status]++;
        assert_int_equal(t[i].told.count, 6);
        if (t[i].status == TUNE_TRIAL_OK) {
            double memory = t[i].told.value[4], kl = t[i].told.value[5];
            assert_true(fabs(memory - t[i].metric[TUNE_PEAK_MB] / 170) < 1e-9);
            assert_true(kl == t[i].metric[TUNE_KL]);
        }
    }
    /* With memory as a second objective, being nine times too slow is no reason to stop. */
    assert_int_equal(kinds[TUNE_TRIAL_TIMEOUT], 0);
    assert_int_equal(kinds[TUNE_TRIAL_FAILED], 8);
    assert_int_equal(kinds[TUNE_TRIAL_OK], 48);
    char *csv = test_read(tune_run_folder(k), "pareto.csv");
    assert_ptr_equal(strstr(csv, "trial,request_s,peak_mb,kl,a,b\n"), csv);
    assert_int_equal(lines(csv), front_size(k) + 1);
    assert_true(front_size(k) > 4);
    free(csv);
    /* The first objective decides the winner. */
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    tune_run_close(k, TUNE_RUN_FINISHED);

    /* With one objective, points nine times too slow are stopped, and auto stays auto. */
    o.objectives = 1;
    assert_string_equal(tune_drive_strategy(&o), "auto");
    tune_space_destroy(s.space);
}

/* Points that may be on the front get samples, however slow, and points that another one beats in everything do
 * not. */
static void racing_looks_at_the_front(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.noise = 0.004;
    tune_run *k = new_run("race");
    tune_drive_options o = on_its_clock(&s, several("grid", 0));
    o.objectives = 2;
    o.repeats = 0;
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    const tune_trial_row *t = rows_of(k, &count);
    assert_int_equal(count, 64);
    assert_string_equal(t[61].key, "a=8 b=6"); /* the point with the least memory, measured after the fastest */
    assert_true(t[61].samples >= 2);
    assert_string_equal(t[63].key, "a=8 b=8");
    assert_int_equal(t[63].samples, 1);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* Searching two phases apart finds as good a winner with far fewer measurements. */
static void searched_apart(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    assert_true(tune_space_divides(s.space));
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    o.apart = true;
    tune_run *k = new_run("apart");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 9); /* eight, and the joined point */
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* The check of the joined point finds no interaction. */
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL), *found = json_object_get(best, "interaction");
    assert_true(json_is_false(json_object_get(found, "interact")));
    assert_int_equal(json_integer_value(json_object_get(found, "rounds")), 6);
    assert_non_null(strstr(json_string_value(json_object_get(found, "text")), "within noise"));
    json_decref(best);
    free(text);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void interaction_is_found(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.coupled = true;
    s.noise = 0.002;
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    o.apart = true;
    tune_run *k = new_run("coupled");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL), *found = json_object_get(best, "interaction");
    const json_t *prefill = json_object_get(found, "prefill"), *decode = json_object_get(found, "decode");
    double value = json_number_value(json_object_get(prefill, "value"));
    assert_true(json_is_true(json_object_get(found, "interact")));
    assert_true(value > 0.03 && value < 0.05);
    assert_true(json_number_value(json_object_get(prefill, "low")) > 0);
    assert_true(fabs(json_number_value(json_object_get(decode, "value"))) < 1e-9); /* decode has no noise here */
    assert_non_null(strstr(json_string_value(json_object_get(found, "text")), "they interact"));
    json_decref(best);
    free(text);
    /* Its samples are stored in the study, with the stage "check", as those of three trials. */
    tune_sample_row *samples;
    size_t count, n = 0;
    assert_int_equal(tune_study_samples(tune_keeper_study(tune_run_keeper(k)),
                                        tune_keeper_run(tune_run_keeper(k))->id, &samples, &count, &err),
                     0);
    for (size_t i = 0; i < count; i++) n += !strcmp(samples[i].stage, "check") && samples[i].trial >= 0;
    assert_true(n >= 18);
    free(samples);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* Where time ends a search, the joined point is measured last. */
static void late_is_joined(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_drive_options o = on_its_clock(&s, quick("random", 40));
    o.apart = true;
    o.seed = 2; /* with this seed the two bests are found in different trials */
    o.budget_s = 8;
    s.slow_at = 40; /* so that between 55 % and 65 % of the budget are spent */
    s.slow_s = 4.5;
    tune_run *k = new_run("late");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    const tune_trial_row *t = rows_of(k, &count);
    assert_in_range(count, 2, 39);
    double prefill = INFINITY, decode = INFINITY;
    for (size_t i = 0; i < count; i++) {
        prefill = fmin(prefill, t[i].metric[TUNE_PREFILL_S]);
        decode = fmin(decode, t[i].metric[TUNE_DECODE_S]);
    }
    /* The last trial has the best prefill and the best decode, and no trial before it has both. */
    for (size_t i = 0; i < count; i++) {
        const bool both = t[i].metric[TUNE_PREFILL_S] == prefill && t[i].metric[TUNE_DECODE_S] == decode;
        assert_true(both == (i + 1 == count));
    }
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_objectives_steer), cmocka_unit_test(racing_looks_at_the_front),
        cmocka_unit_test(searched_apart),       cmocka_unit_test(interaction_is_found),
        cmocka_unit_test(late_is_joined),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
