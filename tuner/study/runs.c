/* Reads and writes runs as rows of the database, and finds points of earlier runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/study/run_lock.h"
#include "tuner/study/study_impl.h"

#define RUN_COLUMNS                                                                                                \
    "run.id, uid, folder, backend, state, mode, objective, seed, machine.fingerprint, machine.info, target, "      \
    "identity, workload, build, version, created, finished, meta, space, baseline, result, (SELECT count(*) FROM " \
    "trial WHERE trial.run = run.id), metrics"
#define RUN_FROM " FROM run JOIN machine ON machine.id = run.machine "

int tune_study_put_run(tune_study *s, tune_run_row *run, xlstm_error *err) {
    int status = tune_study_run_sql(s, "adding a machine", err,
                                    "INSERT INTO machine(fingerprint, info) VALUES (?, ?) ON CONFLICT(fingerprint) "
                                    "DO UPDATE SET info = excluded.info",
                                    "ss", run->machine, run->machine_info);
    if (status) return status;
    char *metrics = tune_metrics_text(&run->metrics), *identity = tune_named_json_text(&run->identity);
    char *workload = tune_named_json_text(&run->workload), *build = tune_named_json_text(&run->build);
    status = metrics && identity && workload && build ? XLSTM_OK
                                                      : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    if (!status)
        status = tune_study_run_sql(
            s, "adding a run", err,
            "INSERT INTO run(uid, folder, backend, state, mode, objective, seed, machine, target, identity, "
            "workload, build, version, created, finished, meta, space, baseline, result, metrics) VALUES "
            "(?, ?, ?, ?, ?, ?, ?, (SELECT id FROM machine WHERE fingerprint = ?), ?, ?, ?, ?, ?, ?, "
            "nullif(?, 0.0), ?, ?, ?, ?, ?)",
            "ssssssissssssddsssss", run->uid, run->folder, run->backend, run->state, run->mode, run->objective,
            run->seed, run->machine, run->target, identity, workload, build, run->version, run->created,
            run->finished, run->meta, run->space, run->baseline, run->result, metrics);
    free(metrics);
    free(identity);
    free(workload);
    free(build);
    if (!status) run->id = sqlite3_last_insert_rowid(s->db);
    return status;
}

int tune_study_run_add(tune_study *study, tune_run_row *run, xlstm_error *err) {
    int status = tune_study_begin(study, err);
    if (status) return status;
    return tune_study_end(study, tune_study_put_run(study, run, err), err);
}

int tune_study_run_update(tune_study *study, int64_t run, const char *state, const char *meta, const char *baseline,
                          const char *result, xlstm_error *err) {
    double finished = state && !strcmp(state, TUNE_RUN_FINISHED) ? xl_wall_s() : NAN;
    return tune_study_run_sql(study, "changing a run", err,
                              "UPDATE run SET state = coalesce(?1, state), meta = coalesce(?2, meta), baseline = "
                              "coalesce(?3, baseline), result = coalesce(?4, result), finished = coalesce(?5, "
                              "finished) WHERE id = ?6",
                              "ssssdi", state, meta, baseline, result, finished, run);
}

/* Reads a column that holds values by name. */
static int read_list(const tune_study *s, sqlite3_stmt *q, int column, tune_named_list *out, xlstm_error *err) {
    xlstm_error why = {0};
    json_error_t bad;
    const char *text = (const char *)sqlite3_column_text(q, column);
    json_t *j = json_loads(text ? text : "", 0, &bad);
    int status =
        j ? tune_named_from_json(out, j, &why) : xl_fail(&why, XLSTM_EFORMAT, "found no JSON (%s)", bad.text);
    json_decref(j);
    if (!status) return XLSTM_OK;
    return xl_fail(err, status, "%s: run %lld, %s: %s", s->path, (long long)sqlite3_column_int64(q, 0),
                   sqlite3_column_name(q, column), why.text);
}

static int read_run(tune_study *s, sqlite3_stmt *q, tune_run_row *row, xlstm_error *err) {
    bool ok = true;
    *row = (tune_run_row){.id = sqlite3_column_int64(q, 0), .seed = sqlite3_column_int64(q, 7)};
    char **texts[] = {&row->uid, &row->folder, &row->backend, &row->state, &row->mode, &row->objective};
    for (int i = 0; i < 6; i++) *texts[i] = tune_study_text(q, 1 + i, &ok);
    char **more[] = {&row->machine, &row->machine_info, &row->target};
    for (int i = 0; i < 3; i++) *more[i] = tune_study_text(q, 8 + i, &ok);
    row->version = tune_study_text(q, 14, &ok);
    row->created = sqlite3_column_double(q, 15);
    row->finished = sqlite3_column_double(q, 16);
    char **rest[] = {&row->meta, &row->space, &row->baseline, &row->result};
    for (int i = 0; i < 4; i++) *rest[i] = tune_study_text(q, 17 + i, &ok);
    row->trials = sqlite3_column_int64(q, 21);
    char *metrics = tune_study_text(q, 22, &ok);
    int status = ok && metrics ? tune_metrics_parse(&row->metrics, metrics, err) : XLSTM_OK;
    if (!status) status = read_list(s, q, 11, &row->identity, err);
    if (!status) status = read_list(s, q, 12, &row->workload, err);
    if (!status) status = read_list(s, q, 13, &row->build, err);
    free(metrics);
    if (status) {
        tune_run_row_clear(row);
        return status;
    }
    /* The process of a run whose state is "running" may have been killed without changing it. */
    if (ok && !strcmp(row->state, TUNE_RUN_RUNNING) && tune_run_is_free(row->folder)) {
        free(row->state);
        ok = (row->state = strdup(TUNE_RUN_INTERRUPTED)) != NULL;
    }
    if (ok) return XLSTM_OK;
    tune_run_row_clear(row);
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
}

void tune_run_row_clear(tune_run_row *row) {
    if (!row) return;
    char *texts[] = {row->uid,       row->folder,   row->backend,      row->state,   row->mode,
                     row->objective, row->machine,  row->target,       row->version, row->meta,
                     row->space,     row->baseline, row->machine_info, row->result};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
    tune_named_clear(&row->identity);
    tune_named_clear(&row->workload);
    tune_named_clear(&row->build);
    *row = (tune_run_row){0};
}

bool tune_workload_alike(const tune_named_list *a, const tune_named_list *b) {
    size_t numbers[2] = {0};
    for (size_t i = 0; i < b->count; i++) numbers[1] += !b->item[i].value.text;
    for (size_t i = 0; i < a->count; i++) {
        if (a->item[i].value.text) continue;
        const tune_value *other = tune_named_find(b, a->item[i].name);
        if (!other || other->text) return false;
        const double x = fmax(1, a->item[i].value.number), y = fmax(1, other->number);
        if (x > 2 * y || y > 2 * x) return false;
        numbers[0]++;
    }
    return numbers[0] == numbers[1];
}

void tune_run_rows_free(tune_run_row *rows, size_t count) {
    for (size_t i = 0; rows && i < count; i++) tune_run_row_clear(&rows[i]);
    free(rows);
}

int tune_study_runs(tune_study *study, tune_run_row **rows, size_t *count, xlstm_error *err) {
    sqlite3_stmt *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    int status = tune_study_prepare(study, &q, "reading runs", err,
                                    "SELECT " RUN_COLUMNS RUN_FROM "ORDER BY created, run.id", "");
    int code = SQLITE_DONE;
    while (!status && (code = sqlite3_step(q)) == SQLITE_ROW) {
        if (!tune_study_grow(&all, used, &capacity, sizeof(tune_run_row)))
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        else if (!(status = read_run(study, q, (tune_run_row *)all + used, err))) used++;
    }
    if (!status && code != SQLITE_DONE) status = tune_study_fail(study, "reading runs", err);
    sqlite3_finalize(q);
    if (status) {
        tune_run_rows_free(all, used);
        return status;
    }
    *rows = all;
    *count = used;
    return XLSTM_OK;
}

int tune_study_run_find(tune_study *study, const char *name, tune_run_row *row, xlstm_error *err) {
    sqlite3_stmt *q;
    const char *wanted = name ? name : "";
    size_t length = strlen(wanted);
    while (length > 1 && wanted[length - 1] == '/') length--;
    char *trimmed = xl_format("%.*s", (int)length, wanted);
    if (!trimmed) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    const char *slash = strrchr(trimmed, '/'), *last = slash && slash[1] ? slash + 1 : trimmed;
    int status = tune_study_prepare(study, &q, "looking for a run", err,
                                    "SELECT " RUN_COLUMNS RUN_FROM
                                    "WHERE ?1 = '' OR uid = ?1 OR cast(run.id AS TEXT) = ?1 OR folder = ?1 OR "
                                    "substr(folder, -length(?2) - 1) = '/' || ?2 ORDER BY uid = ?1 DESC, "
                                    "folder = ?1 DESC, created DESC, run.id DESC LIMIT 1",
                                    "ss", trimmed, last);
    if (!status) {
        int code = sqlite3_step(q);
        if (code == SQLITE_ROW) status = read_run(study, q, row, err);
        else if (code != SQLITE_DONE) status = tune_study_fail(study, "looking for a run", err);
        else if (*wanted)
            status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no run '%s'; `xltune study list` shows them", study->path,
                             wanted);
        else status = xl_fail(err, XLSTM_ENOTFOUND, "%s: holds no run", study->path);
    }
    sqlite3_finalize(q);
    free(trimmed);
    return status;
}

int tune_study_run_remove(tune_study *study, int64_t run, xlstm_error *err) {
    return tune_study_run_sql(study, "removing a run", err, "DELETE FROM run WHERE id = ?", "i", run);
}

/* Whether the workload in a column is of the class of another. */
static bool is_alike(sqlite3_stmt *q, int column, const tune_named_list *workload) {
    tune_named_list other = {0};
    json_t *j = json_loads((const char *)sqlite3_column_text(q, column), 0, NULL);
    const bool alike = !tune_named_from_json(&other, j, NULL) && tune_workload_alike(&other, workload);
    tune_named_clear(&other);
    json_decref(j);
    return alike;
}

int tune_study_known(tune_study *study, const tune_run_row *like, int64_t except, size_t limit,
                     tune_known_point **points, size_t *count, xlstm_error *err) {
    sqlite3_stmt *q;
    tune_known_point *all = calloc(limit ? limit : 1, sizeof *all);
    size_t used = 0;
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    char *identity = tune_named_json_text(&like->identity);
    if (!identity) {
        free(all);
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    }
    /* Takes the three best trials of each run, because the first of a run may only have been lucky. */
    int status = tune_study_prepare(
        study, &q, "looking for earlier bests", err,
        "SELECT params, mine, workload FROM (SELECT trial.params AS params, trial.value AS value, run.id AS run, "
        "run.created AS created, run.workload AS workload, machine.fingerprint = ?1 AND run.version = ?2 AS mine, "
        "row_number() OVER (PARTITION BY run.id ORDER BY trial.value) AS place FROM trial JOIN run ON run.id = "
        "trial.run JOIN machine ON machine.id = run.machine WHERE trial.status = 'ok' AND trial.value IS NOT NULL "
        "AND run.target = ?3 AND run.identity = ?4 AND run.objective = ?5 AND run.id <> ?6) WHERE place <= 3 ORDER "
        "BY mine DESC, created DESC, run DESC, place",
        "sssssi", like->machine, like->version, like->target, identity, like->objective, except);
    free(identity);
    int code = SQLITE_DONE;
    while (!status && used < limit && (code = sqlite3_step(q)) == SQLITE_ROW) {
        bool ok = true, seen = false;
        if (!is_alike(q, 2, &like->workload)) continue;
        char *params = tune_study_text(q, 0, &ok);
        for (size_t i = 0; params && i < used; i++) seen |= !strcmp(all[i].params, params);
        if (!params) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        else if (seen) free(params);
        else all[used++] = (tune_known_point){params, sqlite3_column_int(q, 1) != 0};
    }
    if (!status && code != SQLITE_DONE && code != SQLITE_ROW)
        status = tune_study_fail(study, "looking for earlier bests", err);
    sqlite3_finalize(q);
    if (status) {
        tune_known_points_free(all, used);
        return status;
    }
    *points = all;
    *count = used;
    return XLSTM_OK;
}

void tune_known_points_free(tune_known_point *points, size_t count) {
    for (size_t i = 0; points && i < count; i++) free(points[i].params);
    free(points);
}
