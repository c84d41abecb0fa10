/* The folder of a run: what is refused when one is made or resumed, what is left of it then, and the files of the
 * best settings. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "study_rows.h"
#include "tuner/run/run.h"
#include "tuner/run/run_meta.h"
#include "tuner/run/snapshot.h"

static tune_run *made(const char *logs, const char *tag) {
    tune_run *k = NULL;
    xlstm_error err;
    tune_run_row row = sample_run("");
    must(tune_run_create(&k, logs, tag, NULL, &row, &err), &err);
    return k;
}

/* Every run has a folder of its own, also within a second, and its files are there from the beginning. */
static void runs_have_folders(void **state) {
    char *logs = test_path("logs");
    for (int i = 0; i < 3; i++) tune_run_close(made(logs, "t"), TUNE_RUN_FINISHED);
    tune_run_close(made(logs, NULL), TUNE_RUN_FINISHED);
    tune_run_close(made(logs, ""), TUNE_RUN_FINISHED);
    assert_int_equal(test_entries(logs), 5);
    const mode_t mask = umask(0);
    umask(mask);
    DIR *d = opendir(logs);
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        char *folder = xl_path_join(logs, e->d_name);
        char *data = test_read(folder, "run_meta.json");
        json_t *meta = json_loads(data, 0, NULL);
        struct stat facts;
        assert_int_equal(stat(folder, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0777 & ~mask);
        assert_int_equal(strncmp(e->d_name, "queued_", 7), 0);
        assert_string_equal(json_string_value(json_object_get(meta, "study")), "study.sqlite");
        assert_int_equal(strlen(json_string_value(json_object_get(meta, "uid"))), 32);
        assert_int_equal(json_integer_value(json_object_get(meta, "new")), 64);
        json_decref(meta);
        free(data);
        free(folder);
    }
    closedir(d);
    free(logs);
}

static void refused(const char *logs, const char *tag, const char *study, int status, const char *says) {
    tune_run *k = NULL;
    xlstm_error err;
    tune_run_row row = sample_run("");
    assert_int_equal(tune_run_create(&k, logs, tag, study, &row, &err), status);
    assert_null(k);
    if (!strstr(err.text, says)) fail_msg("found \"%s\", wanted \"%s\"", err.text, says);
}

/* Where a run cannot begin, no folder remains. */
static void a_run_that_cannot_begin(void **state) {
    char *logs = test_path("none"), *foreign = test_path("foreign.sqlite"),
         *nowhere = test_path("no/such/study.sqlite");
    test_put("foreign.sqlite",
             "This is a text and no database, and it is long enough to be looked at as one. It stays as it is.");
    refused(logs, "a/b", NULL, XLSTM_EARG, "tag 'a/b': it becomes part of a folder's name and may hold no '/'");
    refused(logs, "t", foreign, XLSTM_EFORMAT, "foreign.sqlite");
    refused(logs, "t", nowhere, XLSTM_EIO, "no/such/study.sqlite");
    refused(foreign, "t", NULL, XLSTM_EIO, "foreign.sqlite");
    assert_int_equal(test_entries(logs), 0);
    char *left = test_read(test_folder, "foreign.sqlite");
    assert_int_equal(strncmp(left, "This is a text", 14), 0);
    free(left);
    free(nowhere);
    free(foreign);
    free(logs);
}

static void not_resumed(const char *folder, int status, const char *says) {
    tune_run *k = NULL;
    xlstm_error err;
    assert_int_equal(tune_run_resume(&k, folder, &err), status);
    assert_null(k);
    if (!strstr(err.text, says)) fail_msg("found \"%s\", wanted \"%s\"", err.text, says);
}

static void what_cannot_be_resumed(void **state) {
    char *logs = test_path("again"), *path;
    tune_run *k = made(logs, "t");
    char *folder = strdup(tune_run_folder(k));
    path = xl_path_join(folder, "run_meta.json");
    not_resumed(folder, XLSTM_EARG, "another process is working on this run");
    tune_run_close(k, TUNE_RUN_INTERRUPTED);
    not_resumed(logs, XLSTM_ENOTFOUND, "run_meta.json");
    not_resumed(path, XLSTM_ENOTFOUND, "no such run folder");
    char *whole = test_read(folder, "run_meta.json");
    static const struct {
        const char *meta;
        int status;
        const char *says;
    } bad[] = {
        {"{", XLSTM_EFORMAT, "wanted the run_meta.json of a run of xltune"},
        {"[]", XLSTM_EFORMAT, "no \"study\" or no \"uid\""},
        {"{\"study\": \"study.sqlite\"}", XLSTM_EFORMAT, "no \"study\" or no \"uid\""},
        {"{\"study\": \"study.sqlite\", \"uid\": 4}", XLSTM_EFORMAT, "no \"study\" or no \"uid\""},
        {"{\"study\": \"study.sqlite\", \"uid\": \"another\"}", XLSTM_ENOTFOUND, "another"},
        {"{\"study\": \"gone.sqlite\", \"uid\": \"another\"}", XLSTM_ENOTFOUND, "gone.sqlite: no such study"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(xl_file_write(path, bad[i].meta, strlen(bad[i].meta), NULL), 0);
        not_resumed(folder, bad[i].status, bad[i].says);
    }
    /* As it was it goes on, what a killed process was writing is gone, and it says what it was. */
    assert_int_equal(xl_file_write(path, whole, strlen(whole), NULL), 0);
    char *temporary = xl_format("%s/xltune-%ld-4000000000.tmp", folder, (long)getpid());
    assert_int_equal(close(open(temporary, O_CREAT | O_WRONLY, 0666)), 0);
    xlstm_error err;
    must(tune_run_resume(&k, folder, &err), &err);
    assert_int_not_equal(access(temporary, F_OK), 0);
    tune_run_close(k, NULL); /* as a process that dies */
    must(tune_run_resume(&k, folder, &err), &err);
    tune_run_close(k, TUNE_RUN_FINISHED);
    must(tune_run_resume(&k, folder, &err), &err);
    tune_run_close(k, TUNE_RUN_FINISHED);
    char *database = xl_path_join(folder, "study.sqlite");
    tune_study *s;
    tune_event_row *events;
    size_t count;
    static const char *const was[] = {"started", "resumed after 0 trials; the run was interrupted",
                                      "resumed after 0 trials; the run was interrupted",
                                      "resumed after 0 trials; the run was finished"};
    must(tune_study_open(&s, database, false, &err), &err);
    must(tune_study_events(s, 1, &events, &count, &err), &err);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) assert_string_equal(events[i].text, was[i]);
    tune_event_rows_free(events, count);
    tune_study_close(s);
    free(database);
    free(temporary);
    free(whole);
    free(path);
    free(folder);
    free(logs);
}

/* The newest run of the same configuration that nobody finished and nobody works on. */
static void interrupted_runs_are_found(void **state) {
    char *logs = test_path("cut"), *found;
    xlstm_error err;
    int64_t trials = -1;
    json_t *mine = json_pack("{s:i}", "a", 1), *other = json_pack("{s:i}", "a", 2);
    tune_run_find_interrupted(logs, mine, &found, &trials);
    assert_null(found);
    char *folder[4];
    static const char *const meta[] = {
        "{\"effective_args\": {\"a\": 1}, \"settings\": {}}", "{\"effective_args\": {\"a\": 1}, \"settings\": {}}",
        "{\"effective_args\": {\"a\": 1}, \"settings\": {}}", "{\"effective_args\": {\"a\": 2}, \"settings\": {}}"};
    static const char *const ends[] = {TUNE_RUN_INTERRUPTED, NULL, TUNE_RUN_FINISHED, TUNE_RUN_INTERRUPTED};
    for (int i = 0; i < 4; i++) {
        tune_run *k = NULL;
        char tag[2] = {(char)('a' + i), 0};
        tune_run_row row = sample_run("");
        row.meta = text(meta[i]);
        must(tune_run_create(&k, logs, tag, NULL, &row, &err), &err);
        tune_trial_row t = sample_trial(0, 1);
        folder[i] = strdup(tune_run_folder(k));
        tune_run_close(k, ends[i]);
        if (i != 1) continue;
        char *database = xl_path_join(folder[i], "study.sqlite");
        tune_study *s;
        must(tune_study_open(&s, database, false, &err), &err);
        must(tune_study_trial_add(s, 1, &t, NULL, 0, &err), &err);
        tune_study_close(s);
        free(database);
    }
    tune_run_find_interrupted(logs, mine, &found, &trials);
    assert_string_equal(found, folder[1]);
    assert_int_equal(trials, 1);
    free(found);
    const int lock = open(folder[1], O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    tune_run_find_interrupted(logs, mine, &found, &trials);
    assert_string_equal(found, folder[0]);
    assert_int_equal(trials, 0);
    free(found);
    close(lock);
    tune_run_find_interrupted(logs, other, &found, &trials);
    assert_string_equal(found, folder[3]);
    free(found);
    json_t *read = NULL;
    must(tune_run_meta_read(folder[3], &read, &err), &err);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(read, "effective_args"), "a")), 2);
    json_decref(read);
    assert_int_equal(tune_run_meta_read(logs, &read, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "holds no run_meta.json"));
    for (int i = 0; i < 4; i++) free(folder[i]);
    json_decref(mine);
    json_decref(other);
    free(logs);
}

static void snapshots(void **state) {
    char *folder = test_path("best"), *latest = test_path("best/queued_latest.json"),
         *none = test_path("best/none");
    xlstm_error err;
    tune_run_row run = sample_run("u");
    assert_int_equal(xl_make_folder(folder, NULL), 0);
    run.result = text(
        "{\"params\": {\"chunk_size\": 16}, \"metrics\": {\"request_s\": 2.5}, \"speedup\": 1.5, \"more\": 1}");
    for (int i = 0; i < 3; i++) must(tune_snapshot_write(folder, latest, &run, &err), &err);
    assert_int_equal(test_entries(folder), 4); /* none replaces another */
    json_t *j = tune_snapshot_read(latest);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "params"), "chunk_size")), 16);
    assert_true(json_real_value(json_object_get(j, "speedup")) == 1.5);
    assert_null(json_object_get(j, "more"));
    assert_string_equal(json_string_value(json_object_get(j, "version")), "0.1.0");
    assert_string_equal(json_string_value(json_object_get(j, "kernels")), "avx2");
    assert_string_equal(json_string_value(json_object_get(j, "run")), run.folder);
    assert_int_equal(strlen(json_string_value(json_object_get(j, "created"))), 19);
    assert_true(tune_snapshot_fits(j, "m1", &run.identity, &run.workload));
    assert_false(tune_snapshot_fits(j, "m2", &run.identity, &run.workload));
    tune_named device[] = {{"device", {.text = "gpu"}}, {"checkpoint", {.text = "c1"}}};
    const tune_named_list another = {device, 2};
    assert_false(tune_snapshot_fits(j, "m1", &another, &run.workload));
    /* A workload of the same class: each number within a factor of two; texts do not count. */
    const struct {
        double prompt, made;
        bool fits;
    } sizes[] = {{100, 64, true}, {200, 64, true}, {201, 64, false},
                 {50, 128, true}, {49, 64, false}, {100, 129, false}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tune_named numbers[] = {{"prompt_tokens", {.number = sizes[i].prompt}},
                                {"new", {.number = sizes[i].made}},
                                {"prompt_hash", {.text = "xyz"}}};
        const tune_named_list load = {numbers, 3};
        assert_int_equal(tune_snapshot_fits(j, "m1", &run.identity, &load), sizes[i].fits);
    }
    json_object_del(j, "params");
    assert_false(tune_snapshot_fits(j, "m1", &run.identity, &run.workload));
    json_decref(j);
    assert_null(tune_snapshot_read(none));
    test_put("best/none", "{\"params\":");
    assert_null(tune_snapshot_read(none));
    assert_false(tune_snapshot_fits(NULL, "m1", &run.identity, &run.workload));
    free(none);
    free(latest);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_have_folders),
        cmocka_unit_test(a_run_that_cannot_begin),
        cmocka_unit_test(what_cannot_be_resumed),
        cmocka_unit_test(interrupted_runs_are_found),
        cmocka_unit_test(snapshots),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
