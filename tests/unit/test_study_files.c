/* Files of a study that others wrote: of an older version, from another study, damaged, or nothing of the kind. */
#include <sqlite3.h>

#include "base/error.h"
#include "study_rows.h"
#include "tuner/study/study_impl.h"

static void migrates(void **state) {
    char *path = place("old.sqlite");
    tune_study *s;
    xlstm_error err;
    must(tune_study_open(&s, path, true, &err), &err);
    tune_run_row run = sample_run("old");
    must(tune_study_run_add(s, &run, &err), &err);
    tune_study_close(s);
    tune_study_step steps[16] = {{0}};
    int count = tune_study_step_count;
    memcpy(steps, tune_study_steps, (size_t)count * sizeof *steps);
    steps[count].sql = "ALTER TABLE run ADD COLUMN note TEXT DEFAULT 'none'";
    /* A migration step that fails leaves the old version unchanged. */
    steps[count + 1].sql = "ALTER TABLE run ADD COLUMN other TEXT; ALTER TABLE nowhere ADD COLUMN x TEXT";
    assert_int_not_equal(tune_study_open_steps(&s, path, false, steps, count + 2, &err), XLSTM_OK);
    must(tune_study_open(&s, path, false, &err), &err);
    tune_study_close(s);
    must(tune_study_open_steps(&s, path, false, steps, count + 1, &err), &err);
    tune_rows *q;
    int status = XLSTM_OK;
    must(tune_study_query(s, &q, "test", &err, "SELECT note FROM run WHERE uid = 'old'", ""), &err);
    assert_true(tune_rows_next(s, q, &status, &err));
    assert_string_equal(s->db->class->text(q, 0), "none");
    tune_rows_end(s, q);
    tune_study_close(s);
    /* A newer version is refused with both version numbers. */
    assert_int_equal(tune_study_open(&s, path, false, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "newer"));
    free(path);
}

/* What an older version wrote of an engine's run is there as facts, and nothing of its trials is lost. */
static void check_older(const tune_run_row *run, const tune_trial_row *trials, size_t count) {
    assert_string_equal(run->target, "engine");
    assert_int_equal(run->identity.count, 2);
    assert_string_equal(tune_named_find(&run->identity, "device")->text, "cpu");
    assert_memory_equal(tune_named_find(&run->identity, "checkpoint")->text, "a152fecc10116ac8", 16);
    assert_int_equal(run->workload.count, 3);
    assert_true(tune_named_find(&run->workload, "prompt_tokens")->number == 3);
    assert_true(tune_named_find(&run->workload, "new")->number == 4);
    assert_memory_equal(tune_named_find(&run->workload, "prompt_hash")->text, "db8450c7166d3146", 16);
    assert_string_equal(tune_named_find(&run->build, "kernels")->text, "avx512");
    assert_string_equal(run->version, "0.1.0");
    assert_int_equal(run->metrics.count, 10);
    assert_int_equal(count, 3);
    assert_string_equal(trials[1].key, "heads_per_band=2 chunk_size=16");
    assert_true(trials[1].metric[TUNE_PREFILL_TOK_S] > 13000 && trials[1].samples > 0);
}

static void older_schema(void **state) {
    char *path = file("v4.sqlite"), *sql = test_read(XL_SOURCE_DIR, "tests/data/study-v4.sql");
    tune_study *s;
    xlstm_error err;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    tune_run_row run;
    tune_trial_row *trials;
    tune_sample_row *samples;
    size_t count, sample_count;
    must(tune_study_open(&s, path, false, &err), &err);
    must(tune_study_run_find(s, "", &run, &err), &err);
    must(tune_study_trials(s, run.id, &trials, &count, &err), &err);
    check_older(&run, trials, count);
    must(tune_study_samples(s, run.id, &samples, &sample_count, &err), &err);
    assert_true(sample_count > 5 && samples[0].parts[TUNE_PART_PREFILL_S] > 0);
    /* Its points are known to a run of this version. */
    tune_known_point *points;
    size_t known;
    must(tune_study_known(s, &run, -1, 8, &points, &known, &err), &err);
    assert_int_equal(known, 3);
    tune_known_points_free(points, known);
    free(samples);
    tune_trial_rows_free(trials, count);
    tune_run_row_clear(&run);
    tune_study_close(s);
    free(sql);
    free(path);
}

static void older_export(void **state) {
    char *path = place("v1.sqlite"), *data = test_read(XL_SOURCE_DIR, "tests/data/run-v1.json");
    tune_study *s;
    xlstm_error err;
    tune_import one = {.name = "run-v1.json", .text = data, .bytes = strlen(data)};
    tune_run_row run;
    tune_trial_row *trials;
    size_t count;
    must(tune_study_open(&s, path, true, &err), &err);
    must(tune_study_import(s, &one, 1, &err), &err);
    must(tune_study_run_find(s, "", &run, &err), &err);
    must(tune_study_trials(s, run.id, &trials, &count, &err), &err);
    check_older(&run, trials, count);
    tune_trial_rows_free(trials, count);
    tune_run_row_clear(&run);
    tune_study_close(s);
    free(data);
    free(path);
}

static void damaged_and_foreign_files(void **state) {
    char *path = file("bad.sqlite");
    tune_study *s = (tune_study *)1;
    xlstm_error err;
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    must(xl_file_write(path, junk, sizeof junk, &err), &err);
    assert_int_equal(tune_study_open(&s, path, true, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, path));
    assert_null(s);

    /* A real study whose pages were overwritten. */
    unlink(path);
    must(tune_study_open(&s, path, true, &err), &err);
    tune_run_row run = sample_run("b");
    must(tune_study_run_add(s, &run, &err), &err);
    for (int i = 0; i < 200; i++) {
        tune_trial_row t = sample_trial(i, 1);
        must(tune_study_trial_add(s, run.id, &t, NULL, 0, &err), &err);
    }
    tune_study_close(s);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    for (long at = 4096; at + 4096 <= size; at += 4096) {
        fseek(f, at, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, sizeof junk, f), sizeof junk);
    }
    fclose(f);
    tune_trial_row *trials;
    size_t count;
    int status = tune_study_open(&s, path, false, &err);
    if (!status) {
        status = tune_study_trials(s, 1, &trials, &count, &err);
        tune_study_close(s);
    }
    assert_int_equal(status, XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "damaged"));

    /* One of which only the last pages are gone: it opens, and reading fails on the way instead of ending early. */
    unlink(path);
    must(tune_study_open(&s, path, true, &err), &err);
    must(tune_study_run_add(s, &run, &err), &err);
    for (int i = 0; i < 200; i++) {
        tune_trial_row t = sample_trial(i, 1);
        must(tune_study_trial_add(s, run.id, &t, NULL, 0, &err), &err);
    }
    tune_study_close(s);
    f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    assert_true(size > 16 * 4096);
    fseek(f, size - 4 * 4096, SEEK_SET);
    for (int i = 0; i < 4; i++) assert_int_equal(fwrite(junk, 1, sizeof junk, f), sizeof junk);
    fclose(f);
    must(tune_study_open(&s, path, false, &err), &err);
    assert_int_equal(tune_study_trials(s, 1, &trials, &count, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "damaged"));
    tune_study_close(s);

    /* A database of another program. */
    unlink(path);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(tune_study_open(&s, path, true, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "not a study"));
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrates),
        cmocka_unit_test(older_schema),
        cmocka_unit_test(older_export),
        cmocka_unit_test(damaged_and_foreign_files),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
