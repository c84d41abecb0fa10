/* Every allocation in the life of a run's files fails in turn: where it begins, is kept, is resumed. Each failure
 * is told, nothing stays in memory, a run that could not begin leaves no folder, and one that was cut short goes on
 * with every row that was stored, whole. */
#include <dirent.h>

#include "failing_memory.h"
#include "simulation.h"
#include "study_rows.h"
#include "tuner/driver/keeper.h"
#include "tuner/run/best_json.h"
#include "tuner/run/pareto_csv.h"
#include "tuner/run/run_meta.h"
#include "tuner/run/snapshot.h"

typedef struct life {
    simulation sim;
    char *logs;
    char *folder; /* of the run that is there; NULL: none */
    tune_run_row row;
} life;

static char *only_entry(const char *folder) {
    char *found = NULL;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        if (found) fail_msg("%s: more than %s: %s", folder, found, e->d_name);
        found = xl_path_join(folder, e->d_name);
    }
    if (d) closedir(d);
    return found;
}

static void remove_all(const char *folder) {
    char *command = xl_format("rm -rf '%s'", folder);
    assert_int_equal(system(command), 0); /* NOLINT: a folder of our own */
    free(command);
}

static void live(life *l, const char *name) {
    *l = (life){.logs = test_path(name), .row = sample_run("")};
    simulation_init(&l->sim);
    l->row.objective = text("request_s,peak_mb");
}

static void end_life(life *l) {
    tune_space_destroy(l->sim.space);
    free(l->logs);
    free(l->folder);
}

static int create(void *user, xlstm_error *err) {
    const life *l = user;
    tune_run *k = NULL;
    const int status = tune_run_create(&k, l->logs, "t", NULL, &l->row, err);
    if (status) assert_null(k);
    else tune_run_close(k, TUNE_RUN_FINISHED);
    return status;
}

static bool no_folder_of_a_failure(void *user, int status) {
    const life *l = user;
    char *left = only_entry(l->logs);
    if (status && left) fail_msg("a run that could not begin leaves %s", left);
    if (!status) assert_non_null(left);
    free(left);
    remove_all(l->logs);
    return true;
}

/* ---- what a search does with a run ---- */

static int keep(tune_run *k, simulation *s, xlstm_error *err) {
    tune_keeper *keeper = tune_run_keeper(k);
    tune_side side = {.samples = 3};
    tune_final final = {
        .verdict = TUNE_VERDICT_BETTER, .processes = 12, .speedup = 0.25, .low = 0.125, .high = 0.5};
    const int objective[] = {TUNE_REQUEST_S, TUNE_PEAK_MB};
    int status = tune_keeper_rebuild(keeper, &s->target, err);
    for (int i = 0; i < TUNE_METRICS; i++) side.metric[i] = 1 + i;
    for (int i = 0; i < 3 && !status; i++) {
        tune_trial_row t = sample_trial(tune_keeper_next(keeper), 1 + i);
        t.metric[TUNE_REQUEST_S] = 1 + i;
        t.metric[TUNE_PEAK_MB] = 9 - i;
        tune_named ab[] = {{"a", {.number = 1 + i}}, {"b", {.number = 2}}};
        const tune_sample_row sample = one_sample(t.index, 1 + i);
        t.params = (tune_named_list){ab, 2};
        t.point = (uint32_t)i;
        status = tune_keeper_add(keeper, &t, &t.params, &sample, 1, err);
    }
    tune_named own[] = {{"backend", {.text = "queued"}}, {"a", {.number = 2}}, {"b", {.number = 2}}};
    side.settings = (tune_named_list){own, 3};
    if (!status) status = tune_keeper_baseline(keeper, &side, err);
    const tune_standing standing = {.winner = 1,
                                    .best = side,
                                    .baseline = side,
                                    .final = &final,
                                    .verdict = "better",
                                    .text = "it is faster",
                                    .challenger = TUNE_NO_POINT};
    if (!status) status = tune_keeper_standing(keeper, &standing, err);
    if (!status) status = tune_keeper_front(keeper, objective, 2, err);
    if (!status) status = tune_run_set_meta(k, "{\"study\": \"study.sqlite\", \"uid\": \"x\", \"told\": 1}", err);
    return status;
}

static int search(void *user, xlstm_error *err) {
    life *l = user;
    tune_run *k = NULL;
    int status = tune_run_create(&k, l->logs, "t", NULL, &l->row, err);
    if (!status) status = keep(k, &l->sim, err);
    tune_run_close(k, status ? TUNE_RUN_INTERRUPTED : TUNE_RUN_FINISHED);
    return status;
}

static int count_lines(const char *text) {
    int n = 0;
    for (; (text = strchr(text, '\n')); text++) n++;
    return n;
}

/* The tables hold the rows of all stored trials, each of them whole. */
static void tables_are_whole(const char *folder, size_t trials) {
    char *jsonl = test_read(folder, "trials.jsonl"), *csv = test_read(folder, "summary.csv");
    assert_int_equal(count_lines(jsonl), trials);
    assert_int_equal(count_lines(csv), trials + 1);
    for (char *line = strtok(jsonl, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *j = json_loads(line, 0, NULL);
        assert_non_null(json_object_get(j, "params"));
        json_decref(j);
    }
    const size_t commas = strcspn(csv, "\n");
    size_t columns = 0, cells = 0;
    for (size_t i = 0; i < commas; i++) columns += csv[i] == ',';
    for (const char *at = csv; *at; at++) cells += *at == ',';
    assert_int_equal(cells, columns * (trials + 1));
    free(jsonl);
    free(csv);
}

/* What was cut short is resumed, and its tables are made again. */
static bool goes_on(void *user, int status) {
    life *l = user;
    char *folder = only_entry(l->logs), *meta = folder ? test_read(folder, "run_meta.json") : NULL;
    xlstm_error err;
    tune_run *k = NULL;
    if (!folder) {
        assert_int_not_equal(status, 0);
        return true;
    }
    if (!strstr(meta, "\"told\"")) {
        size_t count;
        must(tune_run_resume(&k, folder, &err), &err);
        must(tune_keeper_rebuild(tune_run_keeper(k), &l->sim.target, &err), &err);
        count = (size_t)tune_keeper_next(tune_run_keeper(k));
        assert_in_range(count, status ? 0 : 3, 3);
        tune_run_close(k, TUNE_RUN_INTERRUPTED);
        tables_are_whole(folder, count);
    } else {
        tables_are_whole(folder, 3);
        char *best = test_read(folder, "best.json"), *front = test_read(folder, "pareto.csv");
        json_t *j = json_loads(best, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(j, "verdict")), "better");
        assert_int_equal(json_array_size(json_object_get(j, "front")), 3);
        assert_int_equal(count_lines(front), 4);
        json_decref(j);
        free(best);
        free(front);
    }
    free(meta);
    free(folder);
    remove_all(l->logs);
    return true;
}

static int resume(void *user, xlstm_error *err) {
    life *l = user;
    tune_run *k = NULL;
    int status = tune_run_resume(&k, l->folder, err);
    if (status) assert_null(k);
    if (!status) status = tune_keeper_rebuild(tune_run_keeper(k), &l->sim.target, err);
    bool ended = false;
    tune_drive_result result = {.winner = TUNE_BASELINE};
    if (!status) status = tune_keeper_ended(tune_run_keeper(k), &ended, &result, err);
    if (!status) assert_false(ended);
    tune_run_close(k, TUNE_RUN_INTERRUPTED);
    return status;
}

static bool still_whole(void *user, int status) {
    const life *l = user;
    if (!status) tables_are_whole(l->folder, 3);
    return true;
}

static int write_snapshot(void *user, xlstm_error *err) {
    const life *l = user;
    char *latest = xl_path_join(l->logs, "latest.json");
    if (!latest) return xl_fail(err, XLSTM_ENOMEM, "the test's own");
    const int status = tune_snapshot_write(l->logs, latest, &l->row, err);
    free(latest);
    return status;
}

static int read_meta(void *user, xlstm_error *err) {
    const life *l = user;
    json_t *meta = NULL;
    const int status = tune_run_meta_read(l->folder, &meta, err);
    json_decref(meta);
    return status;
}

/* Finding nothing is right where there is no memory to look with. */
static int find_interrupted(void *user, xlstm_error *err) {
    const life *l = user;
    char *found = NULL;
    int64_t trials = 0;
    json_t *effective = json_object();
    tune_run_find_interrupted(l->logs, effective, &found, &trials);
    json_decref(effective);
    if (found && strcmp(found, l->folder) != 0) fail_msg("found %s", found);
    const int status = found ? XLSTM_OK : xl_fail(err, XLSTM_ENOTFOUND, "none");
    free(found);
    return status;
}

/* A front that there is no memory for is not left out. */
static int make_best(void *user, xlstm_error *err) {
    const life *l = user;
    tune_trial_row trials[3];
    for (int i = 0; i < 3; i++) {
        trials[i] = sample_trial(i, 1);
        trials[i].metric[TUNE_REQUEST_S] = 1 + i;
        trials[i].metric[TUNE_PEAK_MB] = i == 1 ? 20 : 9 - i;
    }
    const tune_standing standing = {
        .winner = TUNE_BASELINE, .verdict = "baseline", .text = "nothing is faster", .challenger = TUNE_NO_POINT};
    json_t *j = tune_best_json(&l->row, trials, 3, l->sim.space, &standing);
    if (j) assert_int_equal(json_array_size(json_object_get(j, "front")), 2);
    const int status = j ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "none");
    json_decref(j);
    return status;
}

/* Before anything is allocated that the rest of the test would give back. */
static void need_failing_memory(void) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
}

static void told(const char *name, memory_call make, void *user, bool (*look)(void *, int), int least) {
    const memory_tally tally = memory_each_fails(name, make, user, true, look);
    if (tally.told < least) fail_msg("%s: %d failures told, %d not", name, tally.told, tally.survived);
}

static void a_run_begins(void **state) {
    need_failing_memory();
    life l;
    live(&l, "begins");
    told("create", create, &l, no_folder_of_a_failure, 100);
    end_life(&l);
}

static void a_run_is_kept(void **state) {
    need_failing_memory();
    life l;
    live(&l, "kept");
    told("search", search, &l, goes_on, 200);
    end_life(&l);
}

static void a_run_is_resumed(void **state) {
    need_failing_memory();
    life l;
    xlstm_error err;
    live(&l, "resumed");
    l.row.meta = text("{\"effective_args\": {}, \"settings\": {}}");
    tune_run *k = NULL;
    must(tune_run_create(&k, l.logs, "t", NULL, &l.row, &err), &err);
    char *meta = test_read(tune_run_folder(k), "run_meta.json");
    must(keep(k, &l.sim, &err), &err);
    must(tune_run_set_meta(k, meta, &err), &err);
    l.folder = strdup(tune_run_folder(k));
    tune_run_close(k, TUNE_RUN_INTERRUPTED);
    told("resume", resume, &l, still_whole, 200);
    told("read the meta", read_meta, &l, NULL, 2);
    told("look for interrupted runs", find_interrupted, &l, NULL, 50);
    l.row.result = text("{\"params\": {\"a\": 1}, \"metrics\": {}, \"speedup\": 1.5}");
    told("snapshot", write_snapshot, &l, NULL, 3);
    told("best.json", make_best, &l, NULL, 1);
    free(meta);
    end_life(&l);
}

int main(void) {
    memory_spare_json();
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_begins), cmocka_unit_test(a_run_is_kept),
                                       cmocka_unit_test(a_run_is_resumed)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
