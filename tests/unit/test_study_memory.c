/* Every allocation of a call to the study fails in turn. The call says so, nothing of it is left in the database or
 * in memory, and the study goes on. */
#include <fcntl.h>
#include <sys/stat.h>

#include "failing_memory.h"
#include "study_calls.h"
#include "tuner/study/machine.h"
#include "tuner/study/run_lock.h"
#include "tuner/study/study_address.h"

typedef struct attempt {
    tune_study *study;
    size_t call;
    char *before;
} attempt;

static int attempted(void *user, xlstm_error *err) {
    const attempt *a = user;
    a->study->metrics_run = 0; /* as in a study that was just opened */
    return calls[a->call].make(a->study, err);
}

/* A task that was claimed for a caller who did not get to know of it is free again when its lease ends. */
static void end_leases(tune_study *s) {
    xlstm_error err;
    must(tune_study_run_sql(s, "ending leases", &err,
                            "UPDATE task SET state = 'proposed', node = NULL, lease = NULL WHERE state = 'claimed' "
                            "AND number <> $1",
                            "i", claimed.number),
         &err);
}

static void unmerge(attempt *a) {
    xlstm_error err;
    must(tune_study_run_sql(a->study, "taking back", &err, "DELETE FROM run WHERE uid = 'elsewhere'", ""), &err);
    must(tune_study_run_sql(a->study, "taking back", &err, "DELETE FROM machine WHERE fingerprint = 'm3'", ""),
         &err);
    free(a->before);
    a->before = contents(a->study);
}

static bool unchanged(void *user, int status) {
    attempt *a = user;
    if (status && calls[a->call].make == claim_task) end_leases(a->study);
    char *after = contents(a->study);
    if (status && strcmp(a->before, after) != 0)
        fail_msg("%s: leaves %s where %s was", calls[a->call].name, after, a->before);
    free(a->before);
    a->before = after;
    if (!status && calls[a->call].make == merge) unmerge(a);
    return status || !calls[a->call].once;
}

static void every_call_says_so(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    char *path, *second = file("memory_other.sqlite");
    fill(second, "elsewhere", "m3");
    other = second;
    tune_study *s = filled("memory.sqlite", &path);
    attempt a = {.study = s, .before = contents(s)};
    for (; a.call < sizeof calls / sizeof *calls; a.call++) {
        const memory_tally tally = memory_each_fails(calls[a.call].name, attempted, &a, false, unchanged);
        if (tally.told < 15 || tally.survived > 5)
            fail_msg("%s: %d failures told, %d not", calls[a.call].name, tally.told, tally.survived);
    }
    free(a.before);
    emptied(s);
    free(path);
    free(second);
}

/* ---- opening ---- */

static int open_and_close(void *user, xlstm_error *err) {
    tune_study *s;
    const int status = tune_study_open(&s, user, true, err);
    if (status) assert_null(s);
    else tune_study_close(s);
    return status;
}

static int open_to_read(void *user, xlstm_error *err) {
    tune_study *s;
    const int status = tune_study_open_reading(&s, user, err);
    if (status) assert_null(s);
    else tune_study_close(s);
    return status;
}

/* As if the file could not be written: its schema is the newest one, or an older one, which is copied. */
static int open_protected(void *user, xlstm_error *err) {
    tune_database *db;
    const int status = tune_sqlite_open_protected(&db, user, tune_study_step_count, err);
    if (status) assert_null(db);
    else db->class->close(db);
    return status;
}

static int open_newer(void *user, xlstm_error *err) {
    tune_database *db;
    const int status = tune_sqlite_open_protected(&db, user, tune_study_step_count + 1, err);
    if (status) assert_null(db);
    else db->class->close(db);
    return status;
}

static int make_anew(void *user, xlstm_error *err) {
    unlink(user);
    return open_and_close(user, err);
}

static int open_in_memory(void *user, xlstm_error *err) {
    tune_study *s;
    const int status = tune_study_open_memory(&s, err);
    if (status) assert_null(s);
    else tune_study_close(s);
    return status;
}

static int import_runs(void *user, xlstm_error *err) {
    tune_import one = *(const tune_import *)user;
    tune_study *s = NULL;
    int status = tune_study_open_memory(&s, err);
    if (!status) status = tune_study_import(s, &one, 1, err);
    if (!status) assert_true(one.run > 0);
    tune_study_close(s);
    return status;
}

static int read_machine(void *user, xlstm_error *err) {
    static const char *const facts[] = {"cpu", "logical_cpus", "memory_mb", "os", "kernel", "arch", "host"};
    tune_machine m = {{0}, NULL};
    const int status = tune_machine_read(&m, err);
    for (size_t i = 0; !status && i < sizeof facts / sizeof *facts; i++) {
        if (!json_object_get(m.info, facts[i])) fail_msg("the machine has lost its %s", facts[i]);
    }
    if (!status) assert_string_equal(m.fingerprint, user);
    tune_machine_clear(&m);
    return status;
}

/* A call in which at least so many allocations can fail, and none of them without notice. */
static void all_told(const char *name, memory_call make, void *user, int least) {
    const memory_tally tally = memory_each_fails(name, make, user, true, NULL);
    /* SQLite asks for more than it needs in a few places. */
    if (tally.told < least || tally.survived > 5)
        fail_msg("%s: %d failures told, %d not", name, tally.told, tally.survived);
}

static void what_is_opened(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    char *path = file("opened.sqlite");
    fill(path, "first", "m1");
    /* Once before, because SQLite keeps some of what its first call makes. */
    xlstm_error err;
    must(open_and_close(path, &err), &err);
    all_told("open", open_and_close, path, 5);
    all_told("open to read", open_to_read, path, 5);
    all_told("open protected", open_protected, path, 5);
    all_told("copy to memory", open_newer, path, 5);
    all_told("make", make_anew, path, 20);
    all_told("open in memory", open_in_memory, NULL, 10);
    char *text = test_read(XL_SOURCE_DIR, "tests/data/run-v1.json");
    tune_import one = {.name = "run-v1.json", .text = text, .bytes = strlen(text)};
    all_told("import", import_runs, &one, 100);
    tune_machine here;
    must(tune_machine_read(&here, &err), &err);
    memory_each_fails("the machine", read_machine, here.fingerprint, true, NULL);
    tune_machine_clear(&here);
    free(text);
    free(path);
}

/* ---- what may not be written ---- */

/* Opens the study as a user to whom nothing belongs, and leaves that user again. */
static int open_as_nobody(tune_study **s, const char *path, xlstm_error *err) {
    enum { NOBODY = 65534 };
    assert_int_equal(chmod(test_folder, 0555), 0);
    assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
    const int status = tune_study_open_reading(s, path, err);
    assert_int_equal(setresuid(0, 0, 0), 0);
    assert_int_equal(chmod(test_folder, 0755), 0);
    return status;
}

static void others_studies_can_be_read(void **state) {
    if (geteuid() || !modes_bind()) TEST_SKIP("only root can become another user, and not everywhere");
    char *path = file("of another?#%.sqlite");
    tune_study *s, *own;
    xlstm_error err;
    tune_run_row *rows;
    size_t count;
    fill(path, "first", "m1");
    chmod(path, 0644);
    must(open_as_nobody(&s, path, &err), &err);
    must(tune_study_runs(s, &rows, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].trials, 5);
    assert_int_equal(tune_study_event_add(s, rows[0].id, "stop", "a signal", &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "cannot be written"));
    tune_run_rows_free(rows, count);
    tune_study_close(s);
    /* With an older schema it is brought up to date in memory, and the file stays as it is. */
    unlink(path);
    must(tune_study_open_steps(&own, path, true, tune_study_steps, 1, &err), &err);
    tune_study_close(own);
    chmod(path, 0644);
    must(open_as_nobody(&s, path, &err), &err);
    must(tune_study_runs(s, &rows, &count, &err), &err);
    assert_int_equal(count, 0);
    tune_run_rows_free(rows, count);
    tune_study_close(s);
    tune_database *db;
    int64_t version = 0;
    must(tune_sqlite_open(&db, path, false, &err), &err);
    must(db->class->version(db, &version, &err), &err);
    assert_int_equal(version, 1);
    db->class->close(db);
    /* What is no study is none for others either. */
    test_put("text.sqlite",
             "a letter to a friend, of more than a hundred bytes, which is what SQLite reads first of a file");
    char *text = test_path("text.sqlite");
    chmod(text, 0644);
    assert_int_equal(open_as_nobody(&s, text, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "not a study"));
    assert_int_equal(open_as_nobody(&s, "nowhere.sqlite", &err), XLSTM_ENOTFOUND);
    chmod(text, 0600);
    assert_int_equal(open_as_nobody(&s, text, &err), XLSTM_EIO);
    free(text);
    free(path);
}

static void locks_of_runs(void **state) {
    char *folder = test_path("run"), *plain = test_path("plain");
    int lock, second;
    xlstm_error err;
    assert_true(tune_run_is_free(folder));
    assert_int_equal(tune_run_lock(&lock, folder, &err), XLSTM_ENOTFOUND);
    test_put("plain", "x");
    assert_true(tune_run_is_free(plain));
    assert_int_equal(tune_run_lock(&lock, plain, &err), XLSTM_EIO);
    mkdir(folder, 0755);
    must(tune_run_lock(&lock, folder, &err), &err);
    assert_false(tune_run_is_free(folder));
    assert_int_equal(tune_run_lock(&second, folder, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "another process is working on this run"));
    close(lock);
    assert_true(tune_run_is_free(folder));
    free(folder);
    free(plain);
}

static void addresses(void **state) {
    char *here = getcwd(NULL, 0), *wanted = xl_path_join(here, "a.sqlite");
    char *found[] = {tune_study_absolute("a.sqlite"), tune_study_absolute("/b.sqlite"),
                     tune_study_absolute("postgres://h/d"), tune_study_in_folder("runs", "c.sqlite"),
                     tune_study_in_folder("runs", "postgresql://h/d")};
    const char *const expected[] = {wanted, "/b.sqlite", "postgres://h/d", "runs/c.sqlite", "postgresql://h/d"};
    for (int i = 0; i < 5; i++) {
        assert_string_equal(found[i], expected[i]);
        free(found[i]);
    }
    /* What is no escape stands for itself, and what others are called does not hide a password. */
    static const char *const passwords[][3] = {
        {"postgresql://u:a%4@h/d", "postgresql://u@h/d", "a%4"},
        {"postgresql://u:a%zz%C3b@h/e", "postgresql://u@h/e", "a%zz\303b"},
        {"postgresql://u:%4Ab%@h/f", "postgresql://u@h/f", "Jb%"},
        {"postgresql://h/g?mypassword=x&password=y", "postgresql://h/g?mypassword=x&", "y"},
        {"postgresql://u:first@h/i?password=second", "postgresql://u@h/i?", "second"},
        {"postgresql://h/j?sslpassword=z&password=w&x=1", "postgresql://h/j?x=1", "w"},
    };
    for (size_t i = 0; i < sizeof passwords / sizeof *passwords; i++) {
        char *address = strdup(passwords[i][0]);
        tune_study_hide_password(address);
        assert_string_equal(address, passwords[i][1]);
        assert_string_equal(tune_study_password(address), passwords[i][2]);
        free(address);
    }
    /* The newest of an address counts; of more addresses than are kept, the last ones' are there. */
    for (int i = 0; i < 12; i++) {
        char *address = xl_format("postgresql://u:p%d@h%d/d", i, i),
             *again = xl_format("postgresql://u:q@h%d/d", i);
        tune_study_hide_password(address);
        assert_non_null(tune_study_password(address));
        tune_study_hide_password(again);
        assert_string_equal(tune_study_password(address), "q");
        free(address);
        free(again);
    }
    free(wanted);
    free(here);
}

int main(void) {
    memory_spare_json();
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_says_so), cmocka_unit_test(what_is_opened),
                                       cmocka_unit_test(others_studies_can_be_read),
                                       cmocka_unit_test(locks_of_runs), cmocka_unit_test(addresses)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
