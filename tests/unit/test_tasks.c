/* Tasks of a fleet: claimed once, put back when their lease runs out, and stored once. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "study_rows.h"
#include "tuner/study/process_mark.h"
#include "tuner/study/study_address.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/tasks.h"

#define PATIENCE_S 1e6 /* longer than a test may take on a busy machine */

static tune_study *open_place(const char *path) {
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, path, true, &err), &err);
    return s;
}

static void add_node(tune_study *s, const char *uid) {
    xlstm_error err;
    const tune_node_row node = {
        .uid = text(uid), .fleet = text("f"), .kind = text("k"), .name = text("host"), .about = text("{}")};
    must(tune_study_node_add(s, &node, &err), &err);
}

static int64_t add_run(tune_study *s) {
    xlstm_error err;
    tune_run_row run = sample_run("u");
    run.fleet = text("f");
    run.kind = text("k");
    must(tune_study_fleet_add(s, "f", "engine", "{\"a\":1}", &err), &err);
    must(tune_study_run_add(s, &run, &err), &err);
    return run.id;
}

static bool claim(tune_study *s, int64_t run, const char *node, double lease_s, tune_task *task) {
    xlstm_error err;
    bool found;
    must(tune_study_task_claim(s, run, node, lease_s, task, &found, &err), &err);
    return found;
}

static bool finish(tune_study *s, const tune_task *task, const tune_trial_row *trial) {
    xlstm_error err;
    bool taken;
    const tune_sample_row sample = one_sample(task->number, 1);
    must(tune_study_task_finish(s, task, "{}", trial, &sample, 1, &taken, &err), &err);
    return taken;
}

static void a_task_once(void **state) {
    char *path = place("once.sqlite");
    tune_study *s = open_place(path);
    xlstm_error err;
    const int64_t run = add_run(s);
    int64_t found;
    tune_task a, b;
    must(tune_study_fleet_run(s, "f", "k", &found, &err), &err);
    assert_int_equal(found, run);
    must(tune_study_fleet_run(s, "f", "other", &found, &err), &err);
    assert_int_equal(found, 0);
    for (int i = 0; i < 2; i++)
        must(tune_study_task_add(s, run, TUNE_WORK_TRIAL, i, "{\"point\":{}}", NULL, &err), &err);
    must(tune_study_task_add(s, run, TUNE_WORK_TRIAL, 1, "{\"other\":1}", NULL, &err), &err);
    assert_true(claim(s, run, "n1", PATIENCE_S, &a) && a.number == 0 && a.turn == 1);
    assert_true(claim(s, run, "n2", PATIENCE_S, &b) && b.number == 1);
    assert_string_equal(b.what, "{\"point\":{}}");
    tune_task none;
    assert_false(claim(s, run, "n3", PATIENCE_S, &none));
    const tune_trial_row t = sample_trial(0, 0.5);
    assert_true(finish(s, &a, &t));
    assert_false(finish(s, &a, &t));
    must(tune_study_task_return(s, &b, &err), &err);
    assert_false(finish(s, &b, NULL));
    tune_task_clear(&b);
    assert_true(claim(s, run, "n3", PATIENCE_S, &b) && b.number == 1 && b.turn == 1);
    tune_task *over;
    size_t count;
    must(tune_study_tasks(s, run, TUNE_WORK_TRIAL, 0, true, &over, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(over[0].state, TUNE_TASK_DONE);
    assert_string_equal(over[0].node, "n1");
    tune_tasks_free(over, count);
    tune_sample_row *samples;
    must(tune_study_samples(s, run, &samples, &count, &err), &err);
    assert_int_equal(count, 1);
    free(samples);
    tune_task_clear(&a);
    tune_task_clear(&b);
    tune_study_close(s);
    free(path);
}

static void a_lease_runs_out(void **state) {
    char *path = place("lease.sqlite");
    tune_study *s = open_place(path);
    xlstm_error err;
    const int64_t run = add_run(s);
    int64_t count;
    tune_task late, task;
    must(tune_study_task_add(s, run, TUNE_WORK_TRIAL, 0, "{}", NULL, &err), &err);
    assert_true(claim(s, run, "n1", -1, &late));
    must(tune_study_tasks_expire(s, run, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_true(claim(s, run, "n2", PATIENCE_S, &task) && task.turn == 2);
    must(tune_study_tasks_expire(s, run, &count, &err), &err);
    assert_int_equal(count, 0);
    const tune_trial_row t = sample_trial(0, 0.5);
    assert_false(finish(s, &late, &t)); /* the first node comes too late */
    assert_true(finish(s, &task, &t));
    tune_task_clear(&late);
    tune_task_clear(&task);
    /* A task that every node loses has failed. */
    must(tune_study_task_add(s, run, TUNE_WORK_TRIAL, 1, "{}", NULL, &err), &err);
    for (int i = 0; i < TUNE_TASK_TURNS; i++) {
        assert_true(claim(s, run, "n1", -1, &task));
        tune_task_clear(&task);
        must(tune_study_tasks_expire(s, run, &count, &err), &err);
    }
    assert_false(claim(s, run, "n1", PATIENCE_S, &task));
    tune_study_close(s);
    free(path);
}

static void heartbeats_and_wishes(void **state) {
    char *path = place("beats.sqlite");
    tune_study *s = open_place(path);
    xlstm_error err;
    const int64_t run = add_run(s);
    int64_t count;
    bool current;
    tune_task task;
    add_node(s, "n1");
    must(tune_study_task_add(s, run, TUNE_WORK_PROCESS, 0, "{}", "n2", &err), &err);
    assert_false(claim(s, run, "n1", PATIENCE_S, &task)); /* it is n2's */
    must(tune_study_task_want(s, run, TUNE_WORK_PROCESS, 0, "n1", &err), &err);
    assert_true(claim(s, run, "n1", -1, &task));
    must(tune_study_node_seen(s, "n1", run, PATIENCE_S, PATIENCE_S, &current, &err), &err);
    assert_true(current);
    must(tune_study_tasks_expire(s, run, &count, &err), &err);
    assert_int_equal(count, 0); /* the lease was renewed */
    must(tune_study_node_seen(s, "n1", run, PATIENCE_S, 0, &current, &err), &err);
    assert_false(current); /* the proposing process is silent for too long */
    must(tune_study_fleet_seen(s, "f", TUNE_FLEET_ENDED, &err), &err);
    must(tune_study_node_seen(s, "n1", run, PATIENCE_S, PATIENCE_S, &current, &err), &err);
    assert_false(current);
    tune_fleet_row fleet;
    bool found;
    must(tune_study_fleet_find(s, NULL, &fleet, &found, &err), &err);
    assert_false(found);
    must(tune_study_fleet_find(s, "f", &fleet, &found, &err), &err);
    assert_true(found && fleet.silent < PATIENCE_S);
    assert_string_equal(fleet.meta, "{\"a\":1}");
    tune_fleet_row_clear(&fleet);
    tune_node_row *nodes;
    size_t n;
    must(tune_study_node_set(s, "n1", TUNE_NODE_ASIDE, "odd", &err), &err);
    must(tune_study_nodes(s, "f", &nodes, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_string_equal(nodes[0].reason, "odd");
    tune_node_rows_free(nodes, n);
    tune_task_clear(&task);
    tune_study_close(s);
    free(path);
}

/* Processes that claim at the same time get each task once, and all of them. */
static void many_at_once(void **state) {
    enum { PROCESSES = 6, TASKS = 120 };
    char *path = place("many.sqlite");
    tune_study *s = open_place(path);
    xlstm_error err;
    const int64_t run = add_run(s);
    for (int i = 0; i < TASKS; i++) must(tune_study_task_add(s, run, TUNE_WORK_TRIAL, i, "{}", NULL, &err), &err);
    tune_study_close(s);
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p]) continue;
        tune_study *own = NULL;
        char node[8];
        tune_task task;
        bool found = true, taken = true;
        snprintf(node, sizeof node, "n%d", p);
        int status = tune_study_open(&own, path, false, NULL);
        while (!status && found && taken) {
            status = tune_study_task_claim(own, run, node, PATIENCE_S, &task, &found, NULL);
            if (status || !found) break;
            const tune_trial_row t = sample_trial(task.number, 1);
            status = tune_study_task_finish(own, &task, "{}", &t, NULL, 0, &taken, NULL);
        }
        _exit(status || !taken ? 1 : 0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int code;
        assert_int_equal(waitpid(children[p], &code, 0), children[p]);
        assert_int_equal(code, 0);
    }
    s = open_place(path);
    tune_trial_row *trials;
    tune_task *tasks;
    size_t count;
    must(tune_study_trials(s, run, &trials, &count, &err), &err);
    assert_int_equal(count, TASKS);
    tune_trial_rows_free(trials, count);
    must(tune_study_tasks(s, run, TUNE_WORK_TRIAL, 0, true, &tasks, &count, &err), &err);
    assert_int_equal(count, TASKS);
    for (size_t i = 0; i < count; i++) assert_int_equal(tasks[i].turn, 1);
    tune_tasks_free(tasks, count);
    tune_study_close(s);
    free(path);
}

static void hidden(const char *address, const char *wanted, const char *password) {
    char *copy = strdup(address);
    tune_study_hide_password(copy);
    assert_string_equal(copy, wanted);
    const char *found = tune_study_password(strstr(copy, "postgres") ? strstr(copy, "postgres") : copy);
    if (password) assert_string_equal(found, password);
    free(copy);
}

static void passwords(void **state) {
    hidden("postgresql://u:pw@h:5/d", "postgresql://u@h:5/d", "pw");
    hidden("--study=postgres://u:p%40w%2F@h/d?sslmode=require", "--study=postgres://u@h/d?sslmode=require", "p@w/");
    hidden("postgresql://u:a@b@h2/d", "postgresql://u@h2/d", "a@b");
    hidden("postgresql://h3/d?user=u&password=pw&sslmode=x", "postgresql://h3/d?user=u&sslmode=x", "pw");
    hidden("postgresql://h4/d?password=pw", "postgresql://h4/d?", "pw");
    hidden("postgresql://h5:5/d", "postgresql://h5:5/d", NULL);
    assert_null(tune_study_password("postgresql://h5:5/d"));
    hidden("a:b@c", "a:b@c", NULL);
    hidden("", "", NULL);
    hidden("postgresql://", "postgresql://", NULL);
}

/* A node that is gone keeps nothing, and one that is there after all comes back. */
static void a_node_is_gone(void **state) {
    char *path = place("gone.sqlite");
    tune_study *s = open_place(path);
    xlstm_error err;
    const int64_t run = add_run(s);
    int64_t expired;
    size_t count;
    bool current;
    tune_node_row *nodes;
    tune_task lost, kept, again;
    for (int i = 0; i < 2; i++) must(tune_study_task_add(s, run, TUNE_WORK_TRIAL, i, "{}", NULL, &err), &err);
    add_node(s, "n1");
    add_node(s, "n2");
    assert_true(claim(s, run, "n1", PATIENCE_S, &lost) && claim(s, run, "n2", PATIENCE_S, &kept));
    must(tune_study_node_gone(s, "n1", run, &err), &err);
    must(tune_study_tasks_expire(s, run, &expired, &err), &err);
    assert_int_equal(expired, 1);
    must(tune_study_nodes(s, "f", &nodes, &count, &err), &err);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) assert_int_equal(nodes[i].silent > PATIENCE_S, !strcmp(nodes[i].uid, "n1"));
    tune_node_rows_free(nodes, count);
    assert_true(claim(s, run, "n3", PATIENCE_S, &again) && again.number == 0 && again.turn == 2);
    must(tune_study_node_seen(s, "n1", run, PATIENCE_S, PATIENCE_S, &current, &err), &err);
    must(tune_study_nodes(s, "f", &nodes, &count, &err), &err);
    for (size_t i = 0; i < count; i++) assert_true(nodes[i].silent < PATIENCE_S);
    tune_node_rows_free(nodes, count);
    const tune_trial_row t = sample_trial(0, 0.5);
    assert_false(finish(s, &lost, &t));
    assert_true(finish(s, &again, &t) && finish(s, &kept, NULL));
    tune_task_clear(&lost);
    tune_task_clear(&kept);
    tune_task_clear(&again);
    tune_study_close(s);
    free(path);
}

/* What can be changed of a mark, and whether its process is then taken for gone. */
static void a_process_is_gone(void **state) {
    json_t *own = tune_process_mark();
    if (!own) TEST_SKIP("this system does not tell of processes");
    assert_false(tune_process_is_gone(own) || tune_process_is_gone(NULL));
    /* Its number is another's now. */
    json_object_set_new(own, "start", json_integer(json_integer_value(json_object_get(own, "start")) + 1));
    assert_true(tune_process_is_gone(own));
    static const char *const places[] = {"boot", "space"};
    for (int i = 0; i < 2; i++) { /* of another machine, or another container, nothing is known */
        json_t *other = json_deep_copy(own);
        json_object_set_new(other, places[i], json_string("another"));
        assert_false(tune_process_is_gone(other));
        json_object_del(other, places[i]);
        assert_false(tune_process_is_gone(other));
        json_decref(other);
    }
    json_decref(own);
    int pipes[2], life[2]; /* the child ends with this process, whatever that finds */
    char text[512] = "";
    assert_int_equal(pipe(pipes) || pipe(life), 0);
    const pid_t child = fork();
    if (!child) {
        char *mark = json_dumps(tune_process_mark(), JSON_COMPACT), none;
        const ssize_t told = mark ? write(pipes[1], mark, strlen(mark)) : 0;
        close(life[1]);
        _exit(told < 0 || read(life[0], &none, 1));
    }
    assert_true(read(pipes[0], text, sizeof text - 1) > 0);
    json_t *mark = json_loads(text, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(mark, "pid")), child);
    assert_false(tune_process_is_gone(mark));
    kill(child, SIGSTOP);
    assert_false(tune_process_is_gone(mark));
    kill(child, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_true(tune_process_is_gone(mark)); /* not waited for yet */
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(tune_process_is_gone(mark));
    json_decref(mark);
    for (int i = 0; i < 2; i++) {
        close(pipes[i]);
        close(life[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_task_once),
                                       cmocka_unit_test(a_lease_runs_out),
                                       cmocka_unit_test(a_node_is_gone),
                                       cmocka_unit_test(a_process_is_gone),
                                       cmocka_unit_test(heartbeats_and_wishes),
                                       cmocka_unit_test(many_at_once),
                                       cmocka_unit_test(passwords)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
