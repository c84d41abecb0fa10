/* The database fails at every point in turn: the n-th statement, row or transaction of a call to the study, for
 * each n. The call says so, what it has written is gone, and the study goes on. */
#include "base/error.h"
#include "study_calls.h"

/* ---- a database that fails once ---- */

static const tune_database_class *real;
static int left; /* calls until the one that fails; 0: none is to fail */

static bool fails(xlstm_error *err) {
    if (!left || --left) return false;
    xl_fail(err, XLSTM_EIO, "the cable is out");
    return true;
}

static int failing_begin(tune_database *db, bool alone, xlstm_error *err) {
    return fails(err) ? XLSTM_EIO : real->begin(db, alone, err);
}

static int failing_exec(tune_database *db, const char *sql, const char *doing, xlstm_error *err) {
    /* What ends a transaction that has failed is not refused as well. */
    return strcmp(sql, "ROLLBACK") != 0 && fails(err) ? XLSTM_EIO : real->exec(db, sql, doing, err);
}

static int failing_query(tune_database *db, tune_rows **out, const char *sql, const tune_argument *arguments,
                         int count, const char *doing, xlstm_error *err) {
    *out = NULL;
    return fails(err) ? XLSTM_EIO : real->query(db, out, sql, arguments, count, doing, err);
}

static int failing_next(tune_rows *rows, xlstm_error *err) {
    /* A server has made all the rows, and committed what it was told outside of a transaction, before the first. */
    return !on_server() && fails(err) ? XLSTM_EIO : real->next(rows, err);
}

static tune_database_class failing;

static void let_fail(tune_study *s, int at) {
    left = at;
    if (s->db->class == &failing) return;
    real = s->db->class;
    failing = *real;
    failing.begin = failing_begin;
    failing.exec = failing_exec;
    failing.query = failing_query;
    failing.next = failing_next;
    s->db->class = &failing;
}

/* ---- the tests ---- */

static void every_failure_is_told(void **state) {
    (void)state;
    char *path, *second = place("faults_other.sqlite");
    fill(second, "elsewhere", "m3");
    other = second;
    tune_study *s = filled("faults.sqlite", &path);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int at = 1;
        for (bool over = false; !over; at++) {
            xlstm_error err = {0};
            let_fail(s, 0);
            char *before = contents(s);
            s->metrics_run = 0; /* as in a study that was just opened */
            let_fail(s, at);
            const int status = calls[i].make(s, &err);
            over = left > 0;
            let_fail(s, 0);
            char *after = contents(s);
            if (over && status) fail_msg("%s: %s", calls[i].name, err.text);
            if (!over && !status) fail_msg("%s: failure %d is not told", calls[i].name, at);
            if (!over && !strstr(err.text, "the cable is out"))
                fail_msg("%s: failure %d is told as '%s'", calls[i].name, at, err.text);
            if (status && strcmp(before, after) != 0)
                fail_msg("%s: failure %d leaves %s where %s was", calls[i].name, at, after, before);
            free(before);
            free(after);
        }
        if (at < 3) fail_msg("%s: nothing could fail", calls[i].name);
    }
    emptied(s);
    free(path);
    free(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_failure_is_told)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
