/* Every call of the study, made on one that has rows of each kind, for tests that let something fail in it. */
#ifndef TESTS_STUDY_CALLS_H
#define TESTS_STUDY_CALLS_H

#include "study_rows.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/tasks.h"

#define PATIENCE_S 1e6 /* longer than a test may take on a busy machine */

static char *other;    /* another study, with a run of its own */
static FILE *exported; /* a file that is there */
static int64_t the_run;
static tune_task claimed;

/* Each makes one call, frees what came of it, and returns its status. */
typedef int (*call)(tune_study *s, xlstm_error *err);

static int add_run(tune_study *s, xlstm_error *err) {
    tune_run_row run = sample_run("second");
    run.machine = text("m2");
    return tune_study_run_add(s, &run, err);
}

static int update_run(tune_study *s, xlstm_error *err) {
    return tune_study_run_update(s, the_run, TUNE_RUN_FINISHED, "{\"new\":65}", "{}", "{\"best\":1}", err);
}

static int read_runs(tune_study *s, xlstm_error *err) {
    tune_run_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_runs(s, &rows, &count, err);
    if (!status) assert_true(count > 0);
    tune_run_rows_free(rows, count);
    return status;
}

static int find_run(tune_study *s, xlstm_error *err) {
    tune_run_row row = {0};
    const int status = tune_study_run_find(s, "queued_20260101_000000_x", &row, err);
    tune_run_row_clear(&row);
    return status;
}

/* One that was taken later than those that are there. */
static tune_sample_row later_sample(int64_t trial, double value) {
    tune_sample_row p = one_sample(trial, value);
    p.seq = 100 + trial;
    p.at = 7;
    return p;
}

static int add_trial(tune_study *s, xlstm_error *err) {
    const tune_trial_row t = sample_trial(20, 0.5);
    const tune_sample_row samples[] = {later_sample(20, 1), later_sample(TUNE_BASELINE_TRIAL, 2)};
    return tune_study_trial_add(s, the_run, &t, samples, 2, err);
}

static int update_trial(tune_study *s, xlstm_error *err) {
    const tune_trial_row t = sample_trial(2, 0.75);
    const tune_sample_row sample = later_sample(2, 1);
    return tune_study_trial_update(s, the_run, &t, &sample, 1, err);
}

static int add_samples(tune_study *s, xlstm_error *err) {
    const tune_sample_row samples[] = {later_sample(0, 1), later_sample(1, 2), later_sample(2, 3)};
    return tune_study_samples_add(s, the_run, samples, 3, err);
}

static int read_trials(tune_study *s, xlstm_error *err) {
    tune_trial_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_trials(s, the_run, &rows, &count, err);
    if (!status) assert_true(count >= 5);
    tune_trial_rows_free(rows, count);
    return status;
}

static int read_some_trials(tune_study *s, xlstm_error *err) {
    tune_trial_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_trials_between(s, the_run, 1, 3, &rows, &count, err);
    if (!status) assert_int_equal(count, 3);
    tune_trial_rows_free(rows, count);
    return status;
}

static int read_samples(tune_study *s, xlstm_error *err) {
    tune_sample_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_samples(s, the_run, &rows, &count, err);
    if (!status) assert_true(count >= 5);
    free(rows);
    return status;
}

static int read_samples_of(tune_study *s, xlstm_error *err) {
    tune_sample_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_samples_of(s, the_run, 3, &rows, &count, err);
    if (!status) assert_int_equal(count, 1);
    free(rows);
    return status;
}

static int read_samples_between(tune_study *s, xlstm_error *err) {
    tune_sample_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_samples_between(s, the_run, 1, 3, &rows, &count, err);
    if (!status) assert_true(count >= 3);
    free(rows);
    return status;
}

static int add_event(tune_study *s, xlstm_error *err) {
    return tune_study_event_add(s, the_run, "stop", "a signal", err);
}

static int read_events(tune_study *s, xlstm_error *err) {
    tune_event_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_events(s, the_run, &rows, &count, err);
    if (!status) assert_true(count > 0);
    tune_event_rows_free(rows, count);
    return status;
}

static int look_up_points(tune_study *s, xlstm_error *err) {
    tune_known_point *points = NULL;
    size_t count = 0;
    const tune_run_row like = sample_run("like");
    const int status = tune_study_known(s, &like, -1, 3, &points, &count, err);
    if (!status) assert_true(count > 0);
    tune_known_points_free(points, count);
    return status;
}

static int merge(tune_study *s, xlstm_error *err) {
    size_t added = 0;
    const int status = tune_study_merge(s, other, &added, err);
    if (!status) assert_int_equal(added, 1);
    return status;
}

static int export_run(tune_study *s, xlstm_error *err) {
    rewind(exported);
    const int status = tune_study_export(s, the_run, exported, err);
    assert_int_equal(fflush(exported), 0);
    return status;
}

static int remove_run(tune_study *s, xlstm_error *err) {
    return tune_study_run_remove(s, the_run, err);
}

static int read_clock(tune_study *s, xlstm_error *err) {
    double now = 0;
    const int status = tune_study_now(s, &now, err);
    if (!status) assert_true(now > 1.5e9);
    return status;
}

static int add_fleet(tune_study *s, xlstm_error *err) {
    return tune_study_fleet_add(s, "g", "engine", "{}", err);
}

static int find_fleet(tune_study *s, xlstm_error *err) {
    tune_fleet_row row;
    bool found = true;
    const int status = tune_study_fleet_find(s, "f", &row, &found, err);
    assert_int_equal(found, !status);
    if (found) tune_fleet_row_clear(&row);
    return status;
}

static int see_fleet(tune_study *s, xlstm_error *err) {
    return tune_study_fleet_seen(s, "f", TUNE_FLEET_OPEN, err);
}

static int add_node(tune_study *s, xlstm_error *err) {
    const tune_node_row node = {
        .uid = text("n2"), .fleet = text("f"), .kind = text("k"), .name = text("host"), .about = text("{}")};
    return tune_study_node_add(s, &node, err);
}

static int set_node(tune_study *s, xlstm_error *err) {
    return tune_study_node_set(s, "n1", TUNE_NODE_ASIDE, "it is slow", err);
}

static int read_nodes(tune_study *s, xlstm_error *err) {
    tune_node_row *rows = NULL;
    size_t count = 0;
    const int status = tune_study_nodes(s, "f", &rows, &count, err);
    if (!status) assert_true(count > 0);
    tune_node_rows_free(rows, count);
    return status;
}

static int find_fleets_run(tune_study *s, xlstm_error *err) {
    int64_t run = 0;
    const int status = tune_study_fleet_run(s, "f", "k", &run, err);
    if (!status) assert_int_equal(run, the_run);
    return status;
}

static int add_task(tune_study *s, xlstm_error *err) {
    return tune_study_task_add(s, the_run, TUNE_WORK_TRIAL, 50, "{}", NULL, err);
}

static int want_task(tune_study *s, xlstm_error *err) {
    return tune_study_task_want(s, the_run, TUNE_WORK_TRIAL, 31, "n1", err);
}

static int describe_task(tune_study *s, xlstm_error *err) {
    return tune_study_task_describe(s, the_run, TUNE_WORK_TRIAL, 33, "{\"until\": 1}", err);
}

static int settle_task(tune_study *s, xlstm_error *err) {
    return tune_study_task_settle(s, the_run, TUNE_WORK_TRIAL, 32, err);
}

static int claim_task(tune_study *s, xlstm_error *err) {
    bool found = false;
    tune_task task;
    const int status = tune_study_task_claim(s, the_run, "n1", 30, &task, &found, err);
    assert_int_equal(found, !status);
    if (found) tune_task_clear(&task);
    return status;
}

static int see_node(tune_study *s, xlstm_error *err) {
    bool current = false;
    const int status = tune_study_node_seen(s, "n1", the_run, 30, PATIENCE_S, &current, err);
    if (!status) assert_true(current);
    return status;
}

static int finish_task(tune_study *s, xlstm_error *err) {
    bool taken = false;
    const tune_trial_row t = sample_trial(claimed.number, 0.5);
    const tune_sample_row sample = later_sample(claimed.number, 1);
    const int status = tune_study_task_finish(s, &claimed, "{}", &t, &sample, 1, &taken, err);
    assert_int_equal(taken, !status);
    return status;
}

static int return_task(tune_study *s, xlstm_error *err) {
    return tune_study_task_return(s, &claimed, err);
}

static int expire_tasks(tune_study *s, xlstm_error *err) {
    int64_t count = 0;
    return tune_study_tasks_expire(s, the_run, &count, err);
}

static int drop_tasks(tune_study *s, xlstm_error *err) {
    return tune_study_tasks_drop(s, the_run, TUNE_WORK_TRIAL, err);
}

static int read_tasks(tune_study *s, xlstm_error *err) {
    tune_task *tasks = NULL;
    size_t count = 0;
    const int status = tune_study_tasks(s, the_run, TUNE_WORK_TRIAL, 0, false, &tasks, &count, err);
    if (!status) assert_true(count > 0);
    tune_tasks_free(tasks, count);
    return status;
}

/* Rows of each table, and what else a call could leave changed. */
static char *contents(tune_study *s) {
    static const char *const counts[] = {"SELECT count(*) FROM machine",
                                         "SELECT count(*) FROM run",
                                         "SELECT count(*) FROM trial",
                                         "SELECT count(*) FROM sample",
                                         "SELECT count(*) FROM event",
                                         "SELECT count(*) FROM fleet",
                                         "SELECT count(*) FROM node",
                                         "SELECT count(*) FROM task",
                                         "SELECT count(*) FROM run WHERE state = 'finished'",
                                         "SELECT count(*) FROM task WHERE state = 'claimed'",
                                         "SELECT count(*) FROM task WHERE state = 'done'",
                                         "SELECT count(*) FROM node WHERE state = 'here'",
                                         "SELECT coalesce(sum(length(metrics)), 0) FROM trial",
                                         "SELECT coalesce(sum(length(parts)), 0) FROM sample"};
    char *all = strdup("");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        tune_rows *q;
        int status = 0;
        xlstm_error err;
        must(tune_study_query(s, &q, "counting", &err, counts[i], ""), &err);
        assert_true(tune_rows_next(s, q, &status, &err));
        char *longer = xl_format("%s %lld", all, (long long)s->db->class->integer(q, 0));
        tune_rows_end(s, q);
        free(all);
        all = longer;
    }
    return all;
}

static tune_study *filled(const char *name, char **path) {
    tune_study *s;
    xlstm_error err;
    bool found;
    *path = place(name);
    fill(*path, "first", "m1");
    must(tune_study_open(&s, *path, true, &err), &err);
    must(tune_study_fleet_add(s, "f", "engine", "{}", &err), &err);
    must(tune_study_run_sql(s, "joining", &err, "UPDATE run SET fleet = 'f', kind = 'k'", ""), &err);
    must(tune_study_fleet_run(s, "f", "k", &the_run, &err), &err);
    const tune_node_row node = {
        .uid = text("n1"), .fleet = text("f"), .kind = text("k"), .name = text("host"), .about = text("{}")};
    must(tune_study_node_add(s, &node, &err), &err);
    for (int i = 30; i < 34; i++) must(tune_study_task_add(s, the_run, TUNE_WORK_TRIAL, i, "{}", NULL, &err), &err);
    must(tune_study_task_claim(s, the_run, "n1", PATIENCE_S, &claimed, &found, &err), &err);
    assert_true(found);
    exported = tmpfile();
    assert_non_null(exported);
    return s;
}

static void emptied(tune_study *s) {
    fclose(exported);
    tune_task_clear(&claimed);
    tune_study_close(s);
}

static const struct {
    const char *name;
    call make;
    bool once; /* what it has done cannot be done again */
} calls[] = {
    {"add a run", add_run, true},
    {"update a run", update_run, false},
    {"read runs", read_runs, false},
    {"find a run", find_run, false},
    {"add a trial", add_trial, true},
    {"update a trial", update_trial, false},
    {"add samples", add_samples, false},
    {"read trials", read_trials, false},
    {"read some trials", read_some_trials, false},
    {"read samples", read_samples, false},
    {"read samples of a trial", read_samples_of, false},
    {"read samples of trials", read_samples_between, false},
    {"add an event", add_event, false},
    {"read events", read_events, false},
    {"look up points", look_up_points, false},
    {"merge", merge, false},
    {"export", export_run, false},
    {"read the clock", read_clock, false},
    {"add a fleet", add_fleet, true},
    {"find a fleet", find_fleet, false},
    {"see a fleet", see_fleet, false},
    {"add a node", add_node, true},
    {"set a node", set_node, false},
    {"read nodes", read_nodes, false},
    {"find a fleet's run", find_fleets_run, false},
    {"add a task", add_task, true},
    {"want a task", want_task, true},
    {"describe a task", describe_task, false},
    {"settle a task", settle_task, true},
    {"see a node", see_node, false},
    {"finish a task", finish_task, true},
    {"return a task", return_task, true},
    {"claim a task", claim_task, true},
    {"expire tasks", expire_tasks, false},
    {"read tasks", read_tasks, false},
    {"drop tasks", drop_tasks, true},
    {"remove a run", remove_run, true},
};

#endif
