/* The driver on a simulated target: what it stores, what it never measures twice, and that a run which is killed
 * continues as if nothing had happened. */
#include "simulation.h"
#include "tuner/driver/row.h"
#include "tuner/target/wire.h"

static void duplicates_cost_nothing(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_run *k = new_run("dup");
    tune_drive_options o = quick("random", 90); /* with the real clock, beside whatever this machine does */
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 90);
    assert_true(r.duplicates >= 26); /* 64 points */
    assert_int_equal(r.measured + r.duplicates, 90);
    size_t count;
    const tune_trial_row *t = rows_of(k, &count);
    for (size_t i = 0; i < count; i++) {
        if (t[i].status != TUNE_TRIAL_DUPLICATE) continue;
        assert_true(t[i].duplicate_of >= 0 && t[i].duplicate_of < t[i].index);
        assert_string_equal(t[i].key, t[t[i].duplicate_of].key);
        assert_true(t[i].metric[TUNE_PREFILL_S] == t[t[i].duplicate_of].metric[TUNE_PREFILL_S]);
        assert_true(t[i].seconds == 0);
    }
    char *jsonl = test_read(tune_run_folder(k), "trials.jsonl"),
         *csv = test_read(tune_run_folder(k), "summary.csv");
    assert_int_equal(lines(jsonl), 90);
    assert_int_equal(lines(csv), 91);
    assert_ptr_equal(strstr(csv, "backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,"
                                 "decode_s,"),
                     csv);
    free(jsonl);
    free(csv);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void failures_are_rows(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.awkward = true;
    tune_run *k = new_run("awkward");
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    int kinds[TUNE_TRIAL_STATUS_COUNT] = {0};
    const tune_trial_row *t = rows_of(k, &count);
    for (size_t i = 0; i < count; i++) {
        kinds[t[i].status]++;
        if (t[i].status == TUNE_TRIAL_OK && i) assert_null(t[i].reason);
        else assert_non_null(t[i].reason);
    }
    /* The first point is the baseline by its settings: it has the baseline's samples, and no value of its own. */
    assert_int_equal(s.calls[0], 0);
    assert_string_equal(t[0].reason, "the baseline's own settings");
    assert_true(t[0].value == 1 && t[0].samples > 0);
    assert_int_equal(kinds[TUNE_TRIAL_FAILED], 8);
    assert_int_equal(kinds[TUNE_TRIAL_INFEASIBLE], 8);
    assert_int_equal(kinds[TUNE_TRIAL_TIMEOUT], 8);
    assert_int_equal(kinds[TUNE_TRIAL_OK], 40);
    char *csv = test_read(tune_run_folder(k), "summary.csv");
    assert_non_null(strstr(csv, "token 3 differs"));
    free(csv);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* Kills the run at random moments until it gets to its end. The proposals must be those of a run that was not
 * killed, and nothing that was stored may be measured again. */
static void killed_at_random(tune_drive_options o, uint64_t seed) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    o = on_its_clock(&s, o);
    tune_run *k = new_run("peace");
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    char *peace = points(k);
    tune_run_close(k, TUNE_RUN_FINISHED);
    const int whole = s.total;

    k = new_run("war");
    char *where = strdup(tune_run_folder(k));
    tune_run_close(k, NULL);
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    bool through = false;
    int deaths = 0;
    for (int round = 0; round < 200 && !through; round++) {
        fflush(NULL);
        pid_t child = fork();
        if (!child) {
            s.total = 0;
            /* Each process gets past its first trial, so that every round makes progress. */
            s.kill_at = 14 + (int)xl_rng_below(&rng, (uint64_t)whole / 3 + 1);
            xlstm_error why = {0};
            if (tune_run_resume(&k, where, &why) || tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &why)) {
                fprintf(stderr, "%s\n", why.text);
                _exit(1);
            }
            tune_run_close(k, TUNE_RUN_FINISHED);
            _exit(0);
        }
        xl_rng_next(&rng);
        int code;
        assert_int_equal(waitpid(child, &code, 0), child);
        through = WIFEXITED(code);
        if (through) assert_int_equal(WEXITSTATUS(code), 0);
        else deaths++;
        char *jsonl = test_read(where, "trials.jsonl");
        free(jsonl);
    }
    assert_true(through);
    assert_true(deaths > 1);
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    char *war = points(k);
    assert_string_equal(peace, war);
    tune_run_close(k, TUNE_RUN_FINISHED);
    char *jsonl = test_read(where, "trials.jsonl"), *csv = test_read(where, "summary.csv");
    assert_int_equal(lines(jsonl), lines(peace));
    assert_int_equal(lines(csv), lines(peace) + 1);
    free(jsonl);
    free(csv);
    free(peace);
    free(war);
    free(where);
    tune_space_destroy(s.space);
}

static void killed_random(void **state) {
    killed_at_random(quick("random", 40), 1);
}

static void killed_ga(void **state) {
    killed_at_random(quick("ga", 36), 2);
}

static void killed_auto(void **state) {
    killed_at_random(quick("auto", 30), 3);
}

static void killed_with_several_objectives(void **state) {
    killed_at_random(several("auto", 40), 4);
    killed_at_random(several("ga", 36), 5);
}

/* Every reason of a disturbance is stored as a cause of its own, which its words tell too. */
static void every_disturbance_has_a_cause(void **state) {
    unsigned seen = 0;
    for (unsigned reason = TUNE_STEAL; reason <= TUNE_HALTED; reason *= 2) {
        const tune_sample sample = {.disturbance = {.reasons = reason, .halted_s = 2, .steal = 0.5}};
        const tune_sample_row row = tune_row_sample(&sample, 0, "search", 0, 0);
        assert_false(row.causes & (seen | TUNE_CAUSE_ELSE));
        assert_true(row.causes & TUNE_CAUSES_DISTURBED);
        assert_int_equal(tune_causes_of_text(row.why), row.causes);
        seen |= row.causes;
    }
}

static void stopped_and_continued(void **state) {
    for (int level = 1; level <= 2; level++) {
        simulation s;
        xlstm_error err;
        tune_drive_result r;
        simulation_init(&s);
        s.stop_at = 25;
        s.stop_level = level;
        tune_drive_options o = on_its_clock(&s, quick("random", 30));
        o.stop = stopped;
        o.stop_ctx = &s;
        tune_run *k = new_run("stop");
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.end, TUNE_DRIVE_STOPPED);
        assert_true(r.trials > 1 && r.trials < 30);
        char *where = strdup(tune_run_folder(k)), *best = test_read(where, "best.json");
        assert_non_null(strstr(best, "stopped"));
        free(best);
        tune_run_close(k, TUNE_RUN_INTERRUPTED);
        s.stop_at = 0;
        s.stop = 0;
        o.trials = 40; /* further than the first limit */
        if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
        if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.trials, 40);
        assert_int_equal(r.end, TUNE_DRIVE_DONE);
        tune_run_close(k, TUNE_RUN_FINISHED);
        free(where);
        tune_space_destroy(s.space);
    }
}

static void wire_keeps_everything(void **state) {
    tune_block_plan plan = {.blocks = 3, .quads = 2, .spare = 1, .deadline_s = INFINITY, .seed = UINT64_MAX - 3}, p;
    json_t *j = tune_wire_plan(&plan);
    assert_true(tune_wire_read_plan(j, &p));
    assert_true(p.deadline_s == INFINITY && p.seed == plan.seed && p.blocks == 3 && p.quads == 2 && p.spare == 1);
    json_object_set_new(j, "quads", json_string("x"));
    assert_false(tune_wire_read_plan(j, &p));
    json_decref(j);
    tune_block_result result = {.blocks = 2, .log_ratio = {0.1, -0.2}, .winner_hash = UINT64_MAX, .seconds = 1.5},
                      q;
    result.baseline_parts[2] = NAN;
    result.at = 1.75e9 + 0.125;
    result.before.value[TUNE_TOGETHER] = 0.57;
    result.after.value[TUNE_FREQUENCY] = NAN;
    j = tune_wire_result(&result);
    assert_true(tune_wire_read_result(j, &q));
    assert_true(q.log_ratio[1] == -0.2 && q.winner_hash == UINT64_MAX && isnan(q.baseline_parts[2]));
    assert_true(q.at == result.at && q.before.value[TUNE_TOGETHER] == 0.57 && q.after.value[TUNE_TOGETHER] == 0);
    assert_true(isnan(q.after.value[TUNE_FREQUENCY]));
    json_object_del(j, "before"); /* as version 0.1 wrote results */
    json_object_del(j, "at");
    assert_true(tune_wire_read_result(j, &q));
    assert_true(q.at == 0 && isnan(q.before.value[TUNE_TOGETHER]) && q.after.value[TUNE_TOGETHER] == 0);
    json_object_set_new(j, "blocks", json_integer(3));
    assert_false(tune_wire_read_result(j, &q));
    json_decref(j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_keeps_everything),
        cmocka_unit_test(duplicates_cost_nothing),
        cmocka_unit_test(failures_are_rows),
        cmocka_unit_test(killed_random),
        cmocka_unit_test(killed_ga),
        cmocka_unit_test(killed_auto),
        cmocka_unit_test(killed_with_several_objectives),
        cmocka_unit_test(every_disturbance_has_a_cause),
        cmocka_unit_test(stopped_and_continued),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
