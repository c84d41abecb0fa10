/* Recordings of a whole space, of a simulated target. */
#include "cli/landscape_export.h"
#include "simulation.h"
#include "tuner/driver/recording.h"
#include "tuner/landscape/landscape.h"

static size_t samples_of(tune_run *k, tune_sample_row **rows) {
    xlstm_error err;
    size_t count;
    if (tune_study_samples(tune_keeper_study(tune_run_keeper(k)), tune_keeper_run(tune_run_keeper(k))->id, rows,
                           &count, &err))
        fail_msg("%s", err.text);
    return count;
}

/* The points of one round of a recording in the order in which they were first tried (a disturbed sample is taken
 * again at the end of the round); the baseline is -1. */
static void round_of(const tune_sample_row *rows, size_t count, int round, int64_t *trial) {
    int used[65] = {0};
    bool listed[65] = {false};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t at = rows[i].trial + 1;
        if (used[at] == round && !listed[at]) trial[n++] = rows[i].trial;
        listed[at] |= used[at] == round;
        used[at] += rows[i].used;
    }
    assert_int_equal(n, 65);
}

static void recorded_in_rounds(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.noise = 0.01;
    tune_run *k = new_run("rounds");
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    o.repeats = 4;
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.end == TUNE_DRIVE_DONE && r.points == 64 && r.rounds == 4 && r.missing == 0 && r.failed == 0);
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.fastest, name, sizeof name), "a=5 b=6");
    tune_sample_row *rows;
    size_t count = samples_of(k, &rows);
    int64_t round[4][65];
    int changed = 0;
    for (int i = 0; i < 4; i++) round_of(rows, count, i, round[i]);
    for (int i = 0; i < 65; i++) {
        /* Each pair of rounds runs in one order and its reverse, and no two pairs have the same order. */
        assert_int_equal(round[0][i], round[1][64 - i]);
        assert_int_equal(round[2][i], round[3][64 - i]);
        changed += round[0][i] != round[2][i];
    }
    assert_true(changed > 50);
    for (size_t i = 1; i < count; i++) assert_true(rows[i].seq > rows[i - 1].seq);
    assert_int_equal(r.taken, 65 * 4);
    assert_true(r.disturbed <= r.taken);
    char *jsonl = test_read(tune_run_folder(k), "trials.jsonl");
    int baseline = 0;
    for (const char *at = jsonl; (at = strstr(at, "\"baseline_samples\":[{")); at++) baseline++;
    assert_true(baseline >= 1); /* the baseline's samples are stored beside some trial */
    free(jsonl);
    free(rows);
    /* Rows hold the means, and the landscape holds the samples. */
    size_t trials;
    const tune_trial_row *t = rows_of(k, &trials);
    assert_int_equal(trials, 64);
    for (size_t i = 0; i < trials; i++) {
        assert_int_equal(t[i].samples, 4);
        assert_true(t[i].value > 0.5 && t[i].value < 1.2 && t[i].spread > 0 && t[i].spread < 0.05);
    }
    char *path = test_path("rounds.csv");
    if (cli_landscape_export(path, &s.target, tune_run_keeper(k), TUNE_REQUEST_S, 3, &err))
        fail_msg("%s", err.text);
    tune_landscape *l;
    if (tune_landscape_read(path, &l, &err)) fail_msg("%s", err.text);
    assert_int_equal(l->rows, 64);
    assert_int_equal(l->sample_first[64], 3 * 64);
    for (uint32_t p = 0; p < 64; p++) assert_true(tune_space_value(l->space, p, 0).number == p / 8 + 1);
    tune_landscape_destroy(l);
    free(path);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void recorded_failures(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.awkward = true;
    tune_run *k = new_run("failures");
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    o.repeats = 3;
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    /* A point that fails is called once, and slow ones are not stopped. */
    assert_true(r.points == 64 && r.failed == 16 && r.rounds == 3 && r.missing == 0);
    for (int p = 0; p < 64; p++) {
        const bool fails = p / 8 == 2 || p / 8 == 3;
        assert_true(s.calls[p] == 1 ? fails : s.calls[p] >= 3 && !fails);
    }
    char *path = test_path("failures.csv.gz");
    if (cli_landscape_export(path, &s.target, tune_run_keeper(k), TUNE_REQUEST_S, 0, &err))
        fail_msg("%s", err.text);
    tune_landscape *l;
    if (tune_landscape_read(path, &l, &err)) fail_msg("%s", err.text);
    assert_true(l->rows == 64 && l->valid == 48 && isnan(l->time[16]));
    tune_landscape_destroy(l);
    free(path);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* A recording that is stopped, killed or out of budget continues with the sample that it was at. */
static void recording_goes_on(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.stop_at = 100;
    s.stop_level = 1;
    tune_drive_options o = on_its_clock(&s, quick("grid", 0));
    o.repeats = 3;
    o.stop = stopped;
    o.stop_ctx = &s;
    tune_run *k = new_run("on");
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    /* Two calls warm up, and of the 98 samples one or two are the baseline's. */
    assert_true(r.end == TUNE_DRIVE_STOPPED && r.rounds == 1);
    assert_in_range(r.missing, 3 * 64 - 97, 3 * 64 - 96);
    char *where = strdup(tune_run_folder(k));
    tune_run_close(k, TUNE_RUN_INTERRUPTED);
    pid_t child = fork();
    if (!child) { /* killed in between */
        s.stop_at = s.stop = 0;
        s.kill_at = s.total + 60;
        if (!tune_run_resume(&k, where, &err))
            tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err);
        _exit(1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    s.stop_at = s.stop = 0;
    const int missing = r.missing;
    o.budget_s = 0;
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_in_range(r.missing, missing - 57, missing - 55); /* of 59 calls before the end 57 are samples */
    o.budget_s = INFINITY;
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.rounds == 3 && r.missing == 0);
    tune_sample_row *rows;
    size_t count = samples_of(k, &rows), used = 0;
    for (size_t i = 0; i < count; i++) used += rows[i].used;
    assert_int_equal(used, 65 * 3);
    free(rows);
    const int before = s.total;
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.total, before); /* nothing is left to do */
    free(where);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* A sample in which the process was stopped says so, and counts for nothing, or where the machine is busy all the
 * time as one that is marked; on the real clock. */
static void a_halted_sample(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.halt_at = 80;
    tune_run *k = new_run("halted");
    tune_drive_options o = quick("grid", 0);
    o.repeats = 2;
    if (tune_recording_run(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.end == TUNE_DRIVE_DONE && r.rounds == 2 && r.missing == 0);
    tune_sample_row *rows;
    size_t count = samples_of(k, &rows), used = 0, halted = 0;
    for (size_t i = 0; i < count; i++) {
        used += rows[i].used;
        halted += (rows[i].causes & TUNE_CAUSE_HALTED) != 0;
    }
    assert_int_equal(used, 65 * 2);
    assert_true(halted >= 1);
    free(rows);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_in_rounds),
        cmocka_unit_test(recorded_failures),
        cmocka_unit_test(recording_goes_on),
        cmocka_unit_test(a_halted_sample),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
