/* The two roles of a fleet where a search has a budget. Of a node: no sample of a trial begins after the end of the
 * search that the task has. The target is simulated and its clock is a number, so that the time that the machine
 * takes does not matter. */
#include "simulation.h"
#include "study_rows.h"
#include "tuner/driver/agent.h"
#include "tuner/driver/fleet_search.h"
#include "tuner/driver/row.h"

#define LONG_S 1e6 /* a day and more: what the machine takes beside it is nothing */

typedef struct world {
    simulation s;
    tune_study *study;
    int64_t run;
    tune_drive_options drive;
    tune_agent_options options;
    tune_agent_result result;
    int asked; /* whether it is to stop */
} world;

static world w;

/* Once the trial is stored, or after so many questions that it was seen several times. */
static int enough(void *ctx) {
    world *x = ctx;
    return ++x->asked > 12 || x->result.trials > 0;
}

static double simulated(void *ctx) {
    return ((world *)ctx)->s.now;
}

/* Every sample takes `sample_s` of the simulated time. */
static int take(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                xlstm_error *err) {
    simulation *s = self;
    s->now += s->slow_s;
    return simulate(self, candidate, repeats, limit, out, err);
}

static void begin(const char *name, double sample_s) {
    xlstm_error err;
    static const tune_node_row node = {.uid = (char *)(uintptr_t) "n",
                                       .fleet = (char *)(uintptr_t) "f",
                                       .kind = (char *)(uintptr_t) "k",
                                       .name = (char *)(uintptr_t) "host",
                                       .about = (char *)(uintptr_t) "{}"};
    char *path = place(name);
    w = (world){0};
    simulation_init(&w.s);
    w.s.slow_s = sample_s;
    w.s.target.measure = take;
    must(tune_study_open(&w.study, path, true, &err), &err);
    free(path);
    must(tune_study_fleet_add(w.study, "f", "engine", "{}", &err), &err);
    tune_run_row run = sample_run("u");
    run.fleet = text("f");
    run.kind = text("k");
    must(tune_study_run_add(w.study, &run, &err), &err);
    w.run = run.id;
    w.drive = quick("random", 0);
    w.drive.repeats = 1000;
    w.drive.every = true;
    w.drive.now_s = simulated;
    w.drive.now_ctx = &w;
    w.drive.stop = enough;
    w.drive.stop_ctx = &w;
    w.options = (tune_agent_options){.node = &node, .drive = &w.drive, .lease_s = 600, .patience_s = 600};
}

/* Proposes a trial whose search ends so many seconds from now, and has the agent work. */
static void measure(double left_s) {
    double now;
    xlstm_error err;
    must(tune_study_now(w.study, &now, &err), &err);
    char *what = xl_format("{\"point\": {\"a\": 5, \"b\": 6}, \"until\": %.17g}", now + left_s);
    must(tune_study_task_add(w.study, w.run, TUNE_WORK_TRIAL, 0, "{\"point\": {}}", NULL, &err), &err);
    must(tune_study_task_describe(w.study, w.run, TUNE_WORK_TRIAL, 0, what, &err), &err);
    free(what);
    must(tune_agent_run(&w.s.target, w.study, &w.options, &w.result, &err), &err);
}

static void end(void) {
    tune_study_close(w.study);
    tune_space_destroy(w.s.space);
}

static void a_trial_in_hand_ends(void **state) {
    (void)state;
    xlstm_error err;
    tune_trial_row *rows;
    size_t count;
    begin("inhand.sqlite", LONG_S / 100.5);
    measure(LONG_S);
    must(tune_study_trials(w.study, w.run, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].status, TUNE_TRIAL_OK);
    assert_true(rows[0].samples > 5 && rows[0].samples < 100);
    assert_true(w.s.now < 1.05 * LONG_S && w.s.now > 0.9 * LONG_S);
    tune_trial_rows_free(rows, count);
    end();
}

static void one_without_an_end_does_not(void **state) {
    (void)state;
    xlstm_error err;
    tune_trial_row *rows;
    size_t count;
    begin("noend.sqlite", LONG_S);
    must(tune_study_task_add(w.study, w.run, TUNE_WORK_TRIAL, 0, "{\"point\": {\"a\": 5, \"b\": 6}}", NULL, &err),
         &err);
    must(tune_agent_run(&w.s.target, w.study, &w.options, &w.result, &err), &err);
    must(tune_study_trials(w.study, w.run, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].samples, 1000);
    tune_trial_rows_free(rows, count);
    end();
}

static void one_that_comes_too_late_is_put_back(void **state) {
    (void)state;
    xlstm_error err;
    tune_trial_row *rows;
    tune_task *tasks;
    size_t count;
    begin("late.sqlite", 1);
    measure(-LONG_S);
    assert_int_equal(w.s.total, 0);
    must(tune_study_trials(w.study, w.run, &rows, &count, &err), &err);
    assert_int_equal(count, 0);
    tune_trial_rows_free(rows, count);
    must(tune_study_tasks(w.study, w.run, TUNE_WORK_TRIAL, 0, false, &tasks, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(tasks[0].state, TUNE_TASK_PROPOSED);
    assert_int_equal(tasks[0].turn, 0);
    tune_tasks_free(tasks, count);
    assert_true(w.asked > 12); /* it was taken again and again, and neither counted as lost nor ended the agent */
    end();
}

static int once_all_are_stored(void *ctx) {
    world *x = ctx;
    return ++x->asked > 100 || x->result.trials > 1;
}

/* The best trial of a node is sampled again beside the next ones. Such samples are that trial's, not the
 * baseline's, with whose they would spoil every ratio. */
static void samples_of_the_best_stay_its_own(void **state) {
    (void)state;
    xlstm_error err;
    tune_sample_row *rows;
    size_t count;
    int again = 0, baseline = 0;
    begin("best.sqlite", 0);
    w.drive.every = false;
    w.drive.repeats = 4;
    w.drive.stop = once_all_are_stored;
    must(tune_study_task_add(w.study, w.run, TUNE_WORK_TRIAL, 0, "{\"point\": {\"a\": 4, \"b\": 6}}", NULL, &err),
         &err);
    must(tune_study_task_add(w.study, w.run, TUNE_WORK_TRIAL, 1, "{\"point\": {\"a\": 5, \"b\": 6}}", NULL, &err),
         &err);
    must(tune_agent_run(&w.s.target, w.study, &w.options, &w.result, &err), &err);
    assert_int_equal(w.result.trials, 2);
    must(tune_study_samples(w.study, w.run, &rows, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].seq, i); /* one task after the other, and each sample once */
        if (rows[i].trial == 0 && rows[i].block == 1) again++;
        if (rows[i].trial != TUNE_BASELINE_TRIAL) continue;
        baseline++;
        assert_true(rows[i].parts[0] > 4); /* 3 + 0.3 * 4; the trials take 3.3 and 3 */
    }
    assert_true(again > 0 && baseline > 0);
    free(rows);
    end();
}

/* ---- the proposing role ---- */

static tune_keeper *keeper;
static tune_run_row the_run;

static int begin_run(void *ctx, const tune_node_row *node, tune_keeper **out, xlstm_error *err) {
    (void)ctx;
    (void)node;
    *out = keeper;
    return keeper ? XLSTM_OK : xl_fail(err, XLSTM_EINTERNAL, "no keeper");
}

static int end_run(void *ctx, tune_keeper *of, const tune_drive_result *result, xlstm_error *err) {
    (void)ctx;
    (void)of;
    (void)result;
    (void)err;
    return XLSTM_OK;
}

/* After some turns, of which the first takes up what is there. */
static int after_some(void *ctx) {
    return ++((world *)ctx)->asked > 3;
}

static double until_of(const tune_task *task) {
    json_t *what = json_loads(task->what, 0, NULL);
    const double until = json_number_value(json_object_get(what, "until"));
    json_decref(what);
    return until;
}

/* Adds a node of the simulated machine's kind and opens the run's keeper. Returns what the kind is made of,
 * malloc'd. */
static char *add_node(void) {
    xlstm_error err;
    char kind[33];
    w.s.target.baseline = (tune_named_list){0};
    char *about = tune_agent_about(&w.s.target, "m", "m1", NULL, "0.1.0", kind);
    const tune_node_row node = {
        .uid = text("n"), .fleet = text("f"), .kind = text("k"), .name = text("host"), .about = about};
    must(tune_study_node_add(w.study, &node, &err), &err);
    the_run = sample_run("u");
    the_run.id = w.run;
    must(tune_keeper_open(&keeper, w.study, &the_run, "run", NULL, &err), &err);
    return about;
}

/* Proposes for some turns. */
static void propose(tune_drive_options *drive) {
    xlstm_error err;
    bool stopped;
    w.asked = 0;
    drive->stop = after_some;
    drive->stop_ctx = &w;
    const tune_fleet_options o = {.uid = "f",
                                  .lease_s = 6000,
                                  .drive = drive,
                                  .target = &w.s.target,
                                  .hooks = {.begin = begin_run, .ended = end_run}};
    must(tune_fleet_run(w.study, &o, &stopped, &err), &err);
    assert_true(stopped);
}

static void a_search_that_goes_on_gives_time_anew(void **state) {
    (void)state;
    xlstm_error err;
    tune_task *tasks, held;
    size_t count;
    bool found;
    double now;
    begin("anew.sqlite", 1);
    char *about = add_node();
    /* What was open when the process before ended: one that a node holds, and one that waits. */
    for (int i = 0; i < 2; i++) {
        char *what = xl_format("{\"point\": {\"a\": %d, \"b\": 6}, \"until\": 1000.5}", i + 1);
        must(tune_study_task_add(w.study, w.run, TUNE_WORK_TRIAL, i, what, NULL, &err), &err);
        free(what);
    }
    must(tune_study_task_claim(w.study, w.run, "n", 6000, &held, &found, &err), &err);
    assert_true(found);
    tune_drive_options drive = quick("random", 4);
    drive.budget_s = LONG_S;
    propose(&drive);
    must(tune_study_now(w.study, &now, &err), &err);
    must(tune_study_tasks(w.study, w.run, TUNE_WORK_TRIAL, 0, false, &tasks, &count, &err), &err);
    assert_true(count >= 2);
    for (size_t i = 0; i < count; i++) {
        assert_true(until_of(&tasks[i]) > now + LONG_S / 2 && until_of(&tasks[i]) < now + LONG_S);
        assert_true(until_of(&tasks[i]) == until_of(&tasks[0]));
    }
    assert_string_equal(tasks[0].state, TUNE_TASK_CLAIMED);
    tune_tasks_free(tasks, count);
    tune_task_clear(&held);
    tune_keeper_close(keeper);
    free(about);
    end();
}

static json_t *point_of(const tune_task *task) {
    json_t *what = json_loads(task->what, 0, NULL), *point = json_incref(json_object_get(what, "point"));
    json_decref(what);
    return point;
}

/* What the end of the time left unmeasured is proposed anew by a search that goes on. */
static void what_was_not_measured_is_proposed_anew(void **state) {
    (void)state;
    enum { OPEN = 2 };
    xlstm_error err;
    tune_task *tasks;
    size_t count;
    json_t *first[OPEN];
    begin("unmeasured.sqlite", 1);
    char *about = add_node();
    tune_drive_options drive = quick("grid", 0);
    propose(&drive);
    must(tune_study_tasks(w.study, w.run, TUNE_WORK_TRIAL, 0, false, &tasks, &count, &err), &err);
    assert_int_equal(count, OPEN);
    for (int i = 0; i < OPEN; i++) {
        tune_trial_row t = sample_trial(i, NAN);
        assert_int_equal(tasks[i].number, i);
        first[i] = point_of(&tasks[i]);
        must(tune_named_from_json(&t.params, first[i], &err), &err);
        t.status = TUNE_TRIAL_FAILED;
        t.reason = text(i ? "exit code 1" : TUNE_ROW_TIME_UP);
        must(tune_study_trial_add(w.study, w.run, &t, NULL, 0, &err), &err);
        tune_named_clear(&t.params);
    }
    tune_tasks_free(tasks, count);
    must(tune_study_tasks_drop(w.study, w.run, TUNE_WORK_TRIAL, &err), &err);
    tune_keeper_close(keeper);
    must(tune_keeper_open(&keeper, w.study, &the_run, "run", NULL, &err), &err);
    propose(&drive);
    must(tune_study_tasks(w.study, w.run, TUNE_WORK_TRIAL, 0, false, &tasks, &count, &err), &err);
    assert_int_equal(count, OPEN);
    for (int i = 0; i < OPEN; i++) {
        json_t *now = point_of(&tasks[i]);
        assert_int_equal(tasks[i].number, OPEN + i);
        assert_int_equal(json_equal(now, first[0]), i == 0);
        assert_false(json_equal(now, first[1])); /* it was measured, and failed */
        json_decref(now);
    }
    tune_tasks_free(tasks, count);
    for (int i = 0; i < OPEN; i++) json_decref(first[i]);
    tune_keeper_close(keeper);
    free(about);
    end();
}

/* An answer that takes long says less about a clock, and nothing against it. */
static void slow_answers_are_no_skew(void **state) {
    (void)state;
    double doubt;
    assert_true(fabs(tune_agent_clock_ahead(1000, 1000.5, 880.25, &doubt) - 120) < 1e-9);
    assert_true(fabs(doubt - 0.25) < 1e-9);
    /* The clocks agree, and the question or the answer took all of the 30 s. */
    assert_true(fabs(tune_agent_clock_ahead(1000, 1030, 1000, &doubt)) <= doubt);
    assert_true(fabs(tune_agent_clock_ahead(1000, 1030, 1030, &doubt)) <= doubt);
    assert_true(fabs(tune_agent_clock_ahead(1000, 1030, 930, &doubt) - 85) < 1e-9 && fabs(doubt - 15) < 1e-9);
    /* This clock was set back meanwhile. */
    tune_agent_clock_ahead(1000, 900, 950, &doubt);
    assert_true(doubt >= 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_in_hand_ends),
        cmocka_unit_test(one_without_an_end_does_not),
        cmocka_unit_test(one_that_comes_too_late_is_put_back),
        cmocka_unit_test(samples_of_the_best_stay_its_own),
        cmocka_unit_test(a_search_that_goes_on_gives_time_anew),
        cmocka_unit_test(what_was_not_measured_is_proposed_anew),
        cmocka_unit_test(slow_answers_are_no_skew),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
