/* Opens studies and runs statements on their database. */
#include "tuner/study/study.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/study/study_address.h"
#include "tuner/study/study_impl.h"

static const char *const status_names[] = {"ok", "duplicate", "failed", "timeout", "infeasible"};
const char *tune_trial_status_name(int status) {
    return status >= 0 && status < TUNE_TRIAL_STATUS_COUNT ? status_names[status] : NULL;
}

int tune_trial_status_find(const char *name) {
    for (int i = 0; name && i < TUNE_TRIAL_STATUS_COUNT; i++) {
        if (!strcmp(name, status_names[i])) return i;
    }
    return -1;
}

/* ---- statements ---- */

enum { TUNE_ARGUMENTS = 32 }; /* that one call gives, at most */

/* Fills `out` from the arguments of a call; returns their number. */
static int collect(tune_argument out[TUNE_ARGUMENTS], const char *types, va_list *args) {
    int n = 0;
    for (; types[n]; n++) {
        out[n] = (tune_argument){.type = types[n]};
        /* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): both callers start the list. */
        if (types[n] == 's') out[n].text = va_arg(*args, const char *);
        else if (types[n] == 'd') out[n].real = va_arg(*args, double);
        else out[n].integer = va_arg(*args, int64_t);
        /* NOLINTEND(clang-analyzer-valist.Uninitialized) */
        /* A negative number that stands for none is stored as NULL, which is what a text without characters is. */
        if (types[n] == 'n') out[n].type = out[n].integer < 0 ? 's' : 'i';
    }
    return n;
}

int tune_study_query(tune_study *s, tune_rows **out, const char *doing, xlstm_error *err, const char *sql,
                     const char *types, ...) {
    tune_argument arguments[TUNE_ARGUMENTS];
    va_list args;
    va_start(args, types);
    const int count = collect(arguments, types, &args);
    va_end(args);
    return s->db->class->query(s->db, out, sql, arguments, count, doing, err);
}

int tune_study_run_sql(tune_study *s, const char *doing, xlstm_error *err, const char *sql, const char *types,
                       ...) {
    tune_argument arguments[TUNE_ARGUMENTS];
    tune_rows *rows = NULL;
    va_list args;
    va_start(args, types);
    const int count = collect(arguments, types, &args);
    va_end(args);
    int status = s->db->class->query(s->db, &rows, sql, arguments, count, doing, err);
    while (!status && tune_rows_next(s, rows, &status, err)) continue;
    tune_rows_end(s, rows);
    return status;
}

bool tune_rows_next(tune_study *s, tune_rows *rows, int *status, xlstm_error *err) {
    const int next = s->db->class->next(rows, err);
    if (next < 0) *status = next;
    return next > 0;
}

void tune_rows_end(tune_study *s, tune_rows *rows) {
    if (rows) s->db->class->end(rows);
}

char *tune_study_text(tune_study *s, tune_rows *rows, int column, bool *ok) {
    const char *text = s->db->class->text(rows, column);
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy) *ok = false;
    return copy;
}

int tune_study_transaction(tune_study *s, tune_study_work work, void *ctx, xlstm_error *err) {
    const tune_database_class *class = s->db->class;
    for (bool again = false;; again = true) {
        int status = class->begin(s->db, false, err);
        if (status) return status;
        status = work(s, ctx, again, err);
        if (!status) status = class->exec(s->db, "COMMIT", "writing", err);
        if (!status) return XLSTM_OK;
        if (class->revived && class->revived(s->db)) continue;
        class->exec(s->db, "ROLLBACK", "writing", NULL);
        return status;
    }
}

/* ---- opening ---- */

static int wrap(tune_study **out, tune_database *db, xlstm_error *err) {
    tune_study *s = calloc(1, sizeof *s);
    if (!s) {
        xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", db->name);
        db->class->close(db);
        return XLSTM_ENOMEM;
    }
    s->db = db;
    s->path = db->name;
    *out = s;
    return XLSTM_OK;
}

int tune_study_open_steps(tune_study **out, const char *path, bool create, const tune_study_step *steps, int count,
                          xlstm_error *err) {
    tune_database *db = NULL;
    *out = NULL;
    int status =
        tune_study_is_server(path) ? tune_postgres_open(&db, path, err) : tune_sqlite_open(&db, path, create, err);
    if (!status) {
        do status = tune_study_migrate(db, steps, count, err);
        while (status && db->class->revived && db->class->revived(db));
    }
    if (!status) return wrap(out, db, err);
    if (db) db->class->close(db);
    return status;
}

int tune_study_open(tune_study **out, const char *path, bool create, xlstm_error *err) {
    return tune_study_open_steps(out, path, create, tune_study_steps, tune_study_step_count, err);
}

static int open_protected(tune_study **out, const char *path, xlstm_error *err) {
    tune_database *db = NULL;
    int status = tune_sqlite_open_protected(&db, path, tune_study_step_count, err);
    if (!status) status = tune_study_migrate(db, tune_study_steps, tune_study_step_count, err);
    if (!status) return wrap(out, db, err);
    if (db) db->class->close(db);
    return status;
}

int tune_study_open_reading(tune_study **out, const char *path, xlstm_error *err) {
    tune_study *s = NULL;
    *out = NULL;
    const bool file = !tune_study_is_server(path);
    if (file && !xl_is_file(path)) return xl_fail(err, XLSTM_ENOTFOUND, "%s: no such study", path);
    int status = file && !tune_sqlite_may_write(path) ? open_protected(&s, path, err)
                                                      : tune_study_open(&s, path, false, err);
    if (!status) status = s->db->class->read_only(s->db, err);
    if (status) tune_study_close(s);
    else *out = s;
    return status;
}

int tune_study_open_memory(tune_study **out, xlstm_error *err) {
    tune_database *db = NULL;
    *out = NULL;
    int status = tune_sqlite_open(&db, ":memory:", true, err);
    if (!status) status = tune_study_migrate(db, tune_study_steps, tune_study_step_count, err);
    if (!status) return wrap(out, db, err);
    if (db) db->class->close(db);
    return status;
}

int tune_study_settle(tune_study *study, xlstm_error *err) {
    const tune_database_class *class = study->db->class;
    return class->settle ? class->settle(study->db, err) : XLSTM_OK;
}

void tune_study_close(tune_study *study) {
    if (!study) return;
    study->db->class->close(study->db);
    free(study);
}

const char *tune_study_stage(const char *name) {
    static const char *const stages[] = {"search", "check", "final"};
    for (size_t i = 0; name && i < sizeof stages / sizeof *stages; i++) {
        if (!strcmp(name, stages[i])) return stages[i];
    }
    return stages[0];
}
