/* A run, its trials and samples, for tests of the study. */
#ifndef TESTS_STUDY_ROWS_H
#define TESTS_STUDY_ROWS_H

#include <sys/wait.h>

#include "helper.h"
#include "tuner/study/study.h"
#include "tuner/target/engine_metrics.h"

/* Whether the studies of these tests are on a server, which tests/postgres.py has started. */
static inline bool on_server(void) {
    return getenv("XLTUNE_TEST_POSTGRES") != NULL;
}

/* Whether this process can have another one look at files as a user who is bound by their modes. Root cannot where
 * a container has no other user or does not let it become one. */
static inline bool modes_bind(void) {
    if (geteuid()) return true;
    const pid_t child = fork();
    if (!child) _exit(setgid(65534) || setuid(65534));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return !status;
}

/* Returns where a new study is: a path in the test's folder, or the address of a new, empty database; owned by the
 * caller. */
static inline char *place(const char *name) {
    char *path = test_path(name);
    unlink(path);
    if (!on_server()) return path;
    free(path);
    char *command = xl_format("dropdb --if-exists '%s' 2>/dev/null && createdb '%s'", name, name);
    assert_int_equal(system(command), 0); /* NOLINT: a database of our own */
    free(command);
    return xl_format("postgresql:///%s", name);
}

/* The same for what only a file can be. */
static inline char *file(const char *name) {
    if (on_server()) TEST_SKIP("only a file can be this");
    return place(name);
}

static inline char *text(const char *s) {
    return (char *)(uintptr_t)s;
}

static tune_named identity[] = {{"device", {.text = "cpu"}}, {"checkpoint", {.text = "c1"}}};

static tune_named workload[] = {
    {"prompt_tokens", {.number = 100}}, {"new", {.number = 64}}, {"prompt_hash", {.text = "abc"}}};

static tune_named build = {"kernels", {.text = "avx2"}};

static inline tune_run_row sample_run(const char *uid) {
    return (tune_run_row){.uid = text(uid),
                          .metrics = tune_engine_metrics,
                          .folder = text("/runs/queued_20260101_000000_x"),
                          .backend = text("queued"),
                          .state = text(TUNE_RUN_RUNNING),
                          .mode = text("random"),
                          .objective = text("request_s"),
                          .seed = 1337,
                          .machine = text("m1"),
                          .machine_info = text("{\"cpu\":\"x\"}"),
                          .target = text("engine"),
                          .identity = {identity, 2},
                          .workload = {workload, 3},
                          .build = {&build, 1},
                          .version = text("0.1.0"),
                          .created = 1000,
                          .meta = text("{\"new\":64}"),
                          .space = text("{\"chunk_size\":[16,32]}")};
}

static tune_named small_chunks = {"chunk_size", {.number = 16}};

static inline tune_trial_row sample_trial(int64_t index, double value) {
    tune_trial_row t = {.index = index,
                        .params = {&small_chunks, 1},
                        .key = text("chunk_size=16"),
                        .status = TUNE_TRIAL_OK,
                        .duplicate_of = -1,
                        .value = value,
                        .spread = NAN,
                        .samples = 1,
                        .token_hash = text("abc"),
                        .started = 5,
                        .seconds = 0.5};
    for (int i = 0; i < TUNE_METRICS; i++) t.metric[i] = NAN;
    t.metric[TUNE_PREFILL_S] = value / 2;
    return t;
}

static inline tune_sample_row one_sample(int64_t trial, double value) {
    return (tune_sample_row){.trial = trial,
                             .stage = "search",
                             .parts = {value, NAN, NAN, 12},
                             .value = value,
                             .used = trial != 3,
                             .causes = TUNE_CAUSE_WARMUP,
                             .why = "warm-up"};
}

static inline void must(int status, const xlstm_error *err) {
    if (status) fail_msg("%s", err->text);
}

static inline void fill(const char *path, const char *uid, const char *machine) {
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, path, true, &err), &err);
    tune_run_row run = sample_run(uid);
    run.machine = text(machine);
    must(tune_study_run_add(s, &run, &err), &err);
    for (int i = 0; i < 5; i++) {
        tune_trial_row t = sample_trial(i, 1 + 0.125 * ((i + 2) % 5));
        tune_named chunks = {"chunk_size", {.number = 16 * (i + 1)}};
        t.params = (tune_named_list){&chunks, 1};
        double told[] = {0.1, NAN, 0.5}, ratios[] = {0.5, 0.25};
        t.told = (tune_numbers){told, 3};
        t.joined = i == 3;
        t.ratios = (tune_numbers){ratios, 2};
        t.status = i == 4 ? TUNE_TRIAL_FAILED : TUNE_TRIAL_OK;
        tune_sample_row sample = one_sample(i, 0.1 * i);
        must(tune_study_trial_add(s, run.id, &t, &sample, 1, &err), &err);
    }
    must(tune_study_event_add(s, run.id, "start", "began", &err), &err);
    tune_study_close(s);
}

#endif
