#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fnv.h"
#include "study_rows.h"
#include "tuner/study/machine.h"
#include "tuner/study/run_lock.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/trial_samples.h"

static tune_sample_row sample_of(int64_t trial, int64_t block, double value) {
    tune_sample_row s = one_sample(trial, value);
    s.block = block;
    return s;
}

/* Those of the trials and of the baseline beside them, of this run alone, in the order in which they were stored.
 */
static void samples_of_some_trials(void **state) {
    char *path = place("some.sqlite");
    tune_study *s;
    tune_run_row run = sample_run("some"), second = sample_run("another");
    xlstm_error err;
    const int64_t base = TUNE_BASELINE_TRIAL;
    const tune_sample_row samples[] = {sample_of(4, 9, 1),    sample_of(base, 2, 2), sample_of(3, 3, 3),
                                       sample_of(base, 1, 4), sample_of(2, 2, 5),    sample_of(base, 5, 6),
                                       sample_of(3, 9, 7),    sample_of(base, 3, 8), sample_of(1, 1, 9),
                                       sample_of(base, 4, 10)};
    const double wanted[] = {1, 2, 3, 5, 7, 8, 10};
    tune_sample_row *rows = NULL;
    size_t count = 0;
    must(tune_study_open(&s, path, true, &err), &err);
    must(tune_study_run_add(s, &run, &err), &err);
    must(tune_study_run_add(s, &second, &err), &err);
    must(tune_study_samples_add(s, second.id, samples, 10, &err), &err);
    must(tune_study_samples_add(s, run.id, samples, 10, &err), &err);
    must(tune_study_samples_between(s, run.id, 2, 4, &rows, &count, &err), &err);
    assert_int_equal(count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < count; i++) assert_true(rows[i].value == wanted[i]);
    assert_int_equal(rows[1].trial, base);
    assert_int_equal(rows[4].block, 9);
    assert_string_equal(rows[4].stage, "search");
    free(rows);
    must(tune_study_samples_between(s, run.id, 5, 5, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_true(rows[0].value == 6);
    free(rows);
    must(tune_study_samples_between(s, run.id, 6, 1000, &rows, &count, &err), &err);
    assert_int_equal(count, 0);
    free(rows);
    tune_study_close(s);
    free(path);
}

static void hash_is_fnv1a_128(void **state) {
    char hex[33];
    xl_fnv_hex("", 0, hex);
    assert_string_equal(hex, "6c62272e07bb014262b821756295c58d");
    xl_fnv_hex("a", 1, hex);
    assert_string_equal(hex, "d228cb696f1a8caf78912b704e4a8964");
    xl_fnv_hex("foobar", 6, hex);
    assert_string_equal(hex, "343e1662793c64bf6f0d3597ba446f18");
}

static void machine_has_a_name(void **state) {
    tune_machine a, b;
    xlstm_error err;
    must(tune_machine_read(&a, &err), &err);
    must(tune_machine_read(&b, &err), &err);
    assert_int_equal(strlen(a.fingerprint), 32);
    assert_string_equal(a.fingerprint, b.fingerprint);
    assert_true(json_integer_value(json_object_get(a.info, "logical_cpus")) >= 1);
    assert_true(json_integer_value(json_object_get(a.info, "memory_mb")) > 0);
    tune_machine_clear(&a);
    tune_machine_clear(&b);
}

#ifdef __linux__
/* What follows `key` and `skip` in the first line that begins with the key, up to a letter of `end`; "": nothing.
 */
static void fact(const char *path, const char *key, const char *skip, const char *end, char out[256]) {
    FILE *f = fopen(path, "re");
    out[0] = 0;
    for (char line[512]; f && !out[0] && fgets(line, sizeof line, f);) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *value = line + strlen(key);
        snprintf(out, 256, "%.255s", value + strspn(value, skip));
        out[strcspn(out, end)] = 0;
    }
    if (f) fclose(f);
}

/* What is said of the machine is what the system says. */
static void machine_has_facts(void **state) {
    tune_machine m;
    xlstm_error err;
    char wanted[256], path[96], size[256], level[256], type[256];
    must(tune_machine_read(&m, &err), &err);
    fact("/proc/cpuinfo", "model name", "\t :", "\n", wanted);
    if (wanted[0]) assert_string_equal(json_string_value(json_object_get(m.info, "cpu")), wanted);
    fact("/etc/os-release", "PRETTY_NAME=\"", "", "\"\n", wanted);
    if (wanted[0]) assert_string_equal(json_string_value(json_object_get(m.info, "os")), wanted);
    const json_t *caches = json_object_get(m.info, "caches");
    for (int i = 0; i < 16; i++) {
        static const char folder[] = "/sys/devices/system/cpu/cpu0/cache";
        snprintf(path, sizeof path, "%s/index%d/level", folder, i);
        fact(path, "", "", "\n", level);
        if (!level[0]) break;
        snprintf(path, sizeof path, "%s/index%d/type", folder, i);
        fact(path, "", "", "\n", type);
        snprintf(path, sizeof path, "%s/index%d/size", folder, i);
        fact(path, "", "", "\n", size);
        snprintf(path, sizeof path, "L%.8s%s", level, type[0] == 'D' ? "d" : type[0] == 'I' ? "i" : "");
        assert_string_equal(json_string_value(json_object_get(caches, path)), size);
    }
    tune_machine_clear(&m);
}
#endif

static void stages_are_known(void **state) {
    assert_string_equal(tune_study_stage("search"), "search");
    assert_string_equal(tune_study_stage("check"), "check");
    assert_string_equal(tune_study_stage("final"), "final");
    assert_string_equal(tune_study_stage("finale"), "search");
    assert_string_equal(tune_study_stage(NULL), "search");
}

/* A study in memory has its tables, and ends with its closing. */
static void in_memory(void **state) {
    for (int i = 0; i < 2; i++) {
        tune_study *s;
        xlstm_error err;
        tune_run_row run = sample_run("only"), got;
        must(tune_study_open_memory(&s, &err), &err);
        must(tune_study_run_add(s, &run, &err), &err);
        must(tune_study_run_find(s, "only", &got, &err), &err);
        tune_run_row_clear(&got);
        tune_study_close(s);
    }
}

static void rows_come_back(void **state) {
    char *path = place("rows.sqlite");
    tune_study *s;
    xlstm_error err;
    if (!on_server()) assert_int_equal(tune_study_open(&s, path, false, &err), XLSTM_ENOTFOUND);
    must(tune_study_open(&s, path, true, &err), &err);
    tune_run_row run = sample_run("u1"), got;
    must(tune_study_run_add(s, &run, &err), &err);
    tune_trial_row t = sample_trial(0, 0.25);
    tune_sample_row samples[2] = {one_sample(0, 0.25), one_sample(3, 0.5)};
    must(tune_study_trial_add(s, run.id, &t, samples, 2, &err), &err);
    assert_int_equal(tune_study_trial_add(s, run.id, &t, samples, 2, &err), XLSTM_EARG);
    tune_trial_row d = sample_trial(1, 0.25);
    d.status = TUNE_TRIAL_DUPLICATE;
    d.duplicate_of = 0;
    d.reason = text("as trial 0");
    must(tune_study_trial_add(s, run.id, &d, NULL, 0, &err), &err);
    must(tune_study_run_update(s, run.id, TUNE_RUN_FINISHED, NULL, NULL, "{\"a\":1}", &err), &err);
    tune_study_close(s);

    must(tune_study_open(&s, path, false, &err), &err);
    must(tune_study_run_find(s, "", &got, &err), &err);
    assert_string_equal(got.uid, "u1");
    assert_string_equal(got.state, TUNE_RUN_FINISHED);
    assert_string_equal(got.result, "{\"a\":1}");
    assert_string_equal(got.meta, "{\"new\":64}");
    assert_null(got.baseline);
    assert_true(got.finished > 0);
    assert_int_equal(got.trials, 2);
    assert_true(tune_named_same(&got.identity, &run.identity) && tune_named_same(&got.workload, &run.workload));
    assert_true(tune_named_same(&got.build, &run.build));
    tune_run_row_clear(&got);
    must(tune_study_run_find(s, "runs/queued_20260101_000000_x/", &got, &err), &err);
    tune_run_row_clear(&got);
    assert_int_equal(tune_study_run_find(s, "nothing", &got, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "nothing"));

    tune_trial_row *trials;
    size_t count;
    must(tune_study_trials(s, run.id, &trials, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_true(trials[0].value == 0.25 && trials[0].metric[TUNE_PREFILL_S] == 0.125);
    assert_true(isnan(trials[0].metric[TUNE_KL]) && isnan(trials[0].spread));
    assert_int_equal(trials[0].duplicate_of, -1);
    assert_int_equal(trials[1].status, TUNE_TRIAL_DUPLICATE);
    assert_int_equal(trials[1].duplicate_of, 0);
    assert_string_equal(trials[1].reason, "as trial 0");
    tune_trial_rows_free(trials, count);
    tune_sample_row *rows;
    must(tune_study_samples(s, run.id, &rows, &count, &err), &err);
    assert_int_equal(count, 2); /* the samples of the refused trial were not stored */
    assert_true(rows[0].used && !rows[1].used && rows[1].trial == 3 && isnan(rows[0].parts[TUNE_PART_DECODE_S]));
    assert_string_equal(rows[1].why, "warm-up");
    assert_int_equal(rows[1].causes, TUNE_CAUSE_WARMUP);
    assert_int_equal(tune_causes_of_text("4 % steal time, 300 involuntary switches/s"),
                     TUNE_CAUSE_STEAL | TUNE_CAUSE_SWITCHES);
    assert_int_equal(tune_causes_of_text("stopped or waiting for 2.0 s"), TUNE_CAUSE_HALTED);
    assert_string_equal(tune_cause_name(8), "a halt of the process");
    assert_int_equal(tune_causes_of_text("a thing"), TUNE_CAUSE_ELSE);
    assert_int_equal(tune_causes_of_text(""), 0);
    free(rows);
    must(tune_study_run_remove(s, run.id, &err), &err);
    must(tune_study_samples(s, run.id, &rows, &count, &err), &err);
    assert_int_equal(count, 0);
    free(rows);
    tune_study_close(s);
    free(path);
}

static void assert_of_trial(const tune_trial_samples *all, int64_t trial, const double *values, size_t wanted) {
    size_t count = 77;
    const tune_sample_row *const *row = tune_trial_samples_of(all, trial, &count);
    assert_int_equal(count, wanted);
    for (size_t i = 0; i < wanted; i++) assert_true(row[i]->trial == trial && row[i]->value == values[i]);
}

/* Each trial's in the order in which they were stored; those of trials that are not asked for are left out. */
static void samples_by_trial(void **state) {
    const int64_t base = TUNE_BASELINE_TRIAL;
    const tune_sample_row rows[] = {sample_of(2, 0, 1),         sample_of(base, 0, 2), sample_of(0, 0, 3),
                                    sample_of(3, 0, 4),         sample_of(2, 0, 5),    sample_of(base, 0, 6),
                                    sample_of(INT64_MAX, 0, 7), sample_of(-7, 0, 8),   sample_of(0, 0, 9)};
    tune_trial_samples all;
    xlstm_error err;
    must(tune_trial_samples_sort(&all, rows, sizeof rows / sizeof *rows, 3, &err), &err);
    assert_of_trial(&all, base, (const double[]){2, 6}, 2);
    assert_of_trial(&all, 0, (const double[]){3, 9}, 2);
    assert_of_trial(&all, 1, NULL, 0);
    assert_of_trial(&all, 2, (const double[]){1, 5}, 2);
    assert_of_trial(&all, 3, NULL, 0);
    assert_of_trial(&all, -7, NULL, 0);
    tune_trial_samples_free(&all);
    must(tune_trial_samples_sort(&all, NULL, 0, 0, &err), &err);
    assert_of_trial(&all, base, NULL, 0);
    assert_of_trial(&all, 0, NULL, 0);
    tune_trial_samples_free(&all);
    assert_int_equal(tune_trial_samples_sort(&all, rows, 1, SIZE_MAX - 1, &err), XLSTM_ENOMEM);
    tune_trial_samples_free(&all);
}

/* Processes that open the missing file at the same time and write to it at once. */
static void several_processes(void **state) {
    enum { PROCESSES = 4, TRIALS = 40 };
    char *path = place("shared.sqlite");
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p]) continue;
        xlstm_error err = {0};
        tune_study *s;
        char uid[16];
        snprintf(uid, sizeof uid, "p%d", p);
        tune_run_row run = sample_run(uid);
        int status = tune_study_open(&s, path, true, &err);
        if (!status) status = tune_study_run_add(s, &run, &err);
        for (int i = 0; !status && i < TRIALS; i++) {
            tune_trial_row t = sample_trial(i, i + 1);
            tune_sample_row sample = one_sample(i, i + 1);
            status = tune_study_trial_add(s, run.id, &t, &sample, 1, &err);
        }
        if (status) fprintf(stderr, "%s\n", err.text);
        _exit(status ? 1 : 0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int code;
        assert_int_equal(waitpid(children[p], &code, 0), children[p]);
        assert_int_equal(code, 0);
    }
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, path, false, &err), &err);
    tune_run_row *runs;
    size_t count;
    must(tune_study_runs(s, &runs, &count, &err), &err);
    assert_int_equal(count, PROCESSES);
    for (size_t i = 0; i < count; i++) assert_int_equal(runs[i].trials, TRIALS);
    tune_run_rows_free(runs, count);
    tune_study_close(s);
    free(path);
}

static int die_after_put(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    void **what = ctx;
    (void)again;
    if (tune_study_put_trials(s, *(int64_t *)what[0], what[1], 1, false, err)) return XLSTM_EINTERNAL;
    kill(getpid(), SIGKILL);
    return XLSTM_OK;
}

/* A process that is killed inside a transaction leaves nothing of it, and no lock. */
static void killed_between_steps(void **state) {
    char *path = place("killed.sqlite");
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, path, true, &err), &err);
    tune_run_row run = sample_run("k");
    must(tune_study_run_add(s, &run, &err), &err);
    tune_study_close(s);
    pid_t child = fork();
    if (!child) {
        tune_trial_row t = sample_trial(0, 1), u = sample_trial(1, 2);
        if (tune_study_open(&s, path, false, NULL) || tune_study_trial_add(s, run.id, &t, NULL, 0, NULL) ||
            tune_study_transaction(s, die_after_put, (void *[]){&run.id, &u}, NULL))
            _exit(1);
        _exit(2);
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    must(tune_study_open(&s, path, false, &err), &err);
    tune_trial_row *trials;
    size_t count;
    must(tune_study_trials(s, run.id, &trials, &count, &err), &err);
    assert_int_equal(count, 1);
    tune_trial_rows_free(trials, count);
    tune_trial_row u = sample_trial(1, 2);
    must(tune_study_trial_add(s, run.id, &u, NULL, 0, &err), &err);
    tune_study_close(s);
    free(path);
}

static void what_is_known(void **state) {
    char *path = place("known.sqlite");
    fill(path, "r1", "m2");
    fill(path, "r2", "m1");
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, path, false, &err), &err);
    tune_run_row like = sample_run("new");
    tune_known_point *points;
    size_t count;
    must(tune_study_known(s, &like, 0, 8, &points, &count, &err), &err);
    assert_int_equal(
        count, 3); /* the same three points from both machines, those of this one first, the failed one never */
    assert_string_equal(points[0].params, "{\"chunk_size\":64}");
    assert_true(points[0].same_machine);
    tune_known_points_free(points, count);
    tune_named more[] = {workload[0], {"new", {.number = 200}}}; /* another class of workload */
    like.workload = (tune_named_list){more, 2};
    must(tune_study_known(s, &like, 0, 8, &points, &count, &err), &err);
    assert_int_equal(count, 0);
    tune_known_points_free(points, count);
    tune_study_close(s);
    free(path);
}

/* A run is running as long as a process holds the lock of its folder, whatever its row says. */
static void liveness(void **state) {
    xlstm_error err;
    tune_study *s;
    char *path = place("live.sqlite"), *folder = test_path("queued_20260101_000000_live");
    tune_run_row run = sample_run("live"), got;
    int lock, second;
    must(xl_make_folder(folder, &err), &err);
    must(tune_study_open(&s, path, true, &err), &err);
    run.folder = folder;
    must(tune_study_run_add(s, &run, &err), &err);
    must(tune_run_lock(&lock, folder, &err), &err);
    assert_false(tune_run_is_free(folder));
    assert_int_equal(tune_run_lock(&second, folder, &err), XLSTM_EARG);
    must(tune_study_run_find(s, "live", &got, &err), &err);
    assert_string_equal(got.state, TUNE_RUN_RUNNING);
    tune_run_row_clear(&got);
    close(lock); /* as the system does when the process ends */
    assert_true(tune_run_is_free(folder));
    must(tune_study_run_find(s, "live", &got, &err), &err);
    assert_string_equal(got.state, TUNE_RUN_INTERRUPTED);
    tune_run_row_clear(&got);
    rmdir(folder);
    assert_true(tune_run_is_free(folder));
    assert_int_equal(tune_run_lock(&lock, folder, &err), XLSTM_ENOTFOUND);
    must(tune_study_run_update(s, run.id, TUNE_RUN_FINISHED, NULL, NULL, NULL, &err), &err);
    must(tune_study_run_find(s, "live", &got, &err), &err);
    assert_string_equal(got.state, TUNE_RUN_FINISHED);
    tune_run_row_clear(&got);
    tune_study_close(s);
    free(folder);
    free(path);
}

/* What a user who is bound by file modes finds in a study: 0, or the number of the step that failed. */
static int look(const char *path, size_t runs) {
    tune_study *s;
    tune_run_row *rows;
    size_t count = 0;
    xlstm_error err;
    if (!geteuid() && (setgid(65534) || setuid(65534))) return 1;
    if (!access(path, W_OK)) return 2;
    if (tune_study_open_reading(&s, path, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 3;
    }
    if (tune_study_runs(s, &rows, &count, &err)) return 4;
    tune_run_rows_free(rows, count);
    tune_run_row more = sample_run("more");
    if (!tune_study_run_add(s, &more, &err)) return 5;
    tune_study_close(s);
    return count == runs ? 0 : 6;
}

static void looked_at_by_another(const char *path, size_t runs) {
    int status;
    chmod(path, 0444);
    chmod(test_folder, 0555);
    pid_t pid = fork();
    if (!pid) _exit(look(path, runs));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    chmod(test_folder, 0755);
    assert_int_equal(status, 0);
}

/* A study that may only be read can be read: when it is closed, while another process works on it, and with an
 * older schema. */
static void read_only(void **state) {
    if (!modes_bind()) TEST_SKIP("no user is there who is bound by file modes");
    tune_study *s;
    xlstm_error err;
    char *path = file("only%20read?#.sqlite");
    fill(path, "a", "m1");
    looked_at_by_another(path, 1);
    chmod(path, 0644);
    must(tune_study_open(&s, path, false, &err), &err);
    tune_run_row run = sample_run("b");
    must(tune_study_run_add(s, &run, &err), &err);
    looked_at_by_another(path, 2);
    chmod(path, 0644);
    tune_study_close(s);
    unlink(path);
    must(tune_study_open_steps(&s, path, true, tune_study_steps, 1, &err), &err);
    tune_study_close(s);
    looked_at_by_another(path, 0);
    assert_int_equal(tune_study_open_reading(&s, "nowhere.sqlite", &err), XLSTM_ENOTFOUND);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef __linux__
        cmocka_unit_test(machine_has_facts),
#endif
        cmocka_unit_test(hash_is_fnv1a_128),    cmocka_unit_test(machine_has_a_name),
        cmocka_unit_test(stages_are_known),     cmocka_unit_test(in_memory),
        cmocka_unit_test(rows_come_back),       cmocka_unit_test(samples_of_some_trials),
        cmocka_unit_test(samples_by_trial),     cmocka_unit_test(several_processes),
        cmocka_unit_test(killed_between_steps), cmocka_unit_test(read_only),
        cmocka_unit_test(what_is_known),        cmocka_unit_test(liveness),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
