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
    "run.id, run.uid, folder, backend, run.state, mode, objective, seed, machine.fingerprint, machine.info, "      \
    "target, "                                                                                                     \
    "identity, workload, build, version, created, finished, meta, space, baseline, result, (SELECT count(*) FROM " \
    "trial WHERE trial.run = run.id), run.metrics, fleet, kind"
#define RUN_FROM " FROM run JOIN machine ON machine.id = run.machine "

int tune_study_put_run(tune_study *s, tune_run_row *run, xlstm_error *err) {
    int status =
        tune_study_run_sql(s, "adding a machine", err,
                           "INSERT INTO machine(fingerprint, info) VALUES ($1, $2) ON CONFLICT(fingerprint) "
                           "DO UPDATE SET info = excluded.info",
                           "ss", run->machine, run->machine_info);
    if (status) return status;
    tune_rows *q = NULL;
    char *metrics = tune_metrics_text(&run->metrics), *identity = tune_named_json_text(&run->identity);
    char *workload = tune_named_json_text(&run->workload), *build = tune_named_json_text(&run->build);
    status = metrics && identity && workload && build ? XLSTM_OK
                                                      : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    if (!status)
        status = tune_study_query(
            s, &q, "adding a run", err,
            "INSERT INTO run(uid, folder, backend, state, mode, objective, seed, machine, target, identity, "
            "workload, build, version, created, finished, meta, space, baseline, result, metrics, fleet, kind) "
            "VALUES "
            "($1, $2, $3, $4, $5, $6, $7, (SELECT id FROM machine WHERE fingerprint = $8), $9, $10, $11, $12, $13, "
            "$14, $15, $16, $17, $18, $19, $20, $21, $22) RETURNING id",
            "ssssssissssssddsssssss", run->uid, run->folder, run->backend, run->state, run->mode, run->objective,
            run->seed, run->machine, run->target, identity, workload, build, run->version, run->created,
            run->finished > 0 ? run->finished : NAN, run->meta, run->space, run->baseline, run->result, metrics,
            run->fleet, run->kind);
    if (q && tune_rows_next(s, q, &status, err)) run->id = s->db->class->integer(q, 0);
    tune_rows_end(s, q);
    free(metrics);
    free(identity);
    free(workload);
    free(build);
    return status;
}

static int add_run(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    tune_run_row *run = ctx;
    int status = again ? tune_study_run_sql(s, "adding a run", err, "DELETE FROM run WHERE uid = $1", "s", run->uid)
                       : XLSTM_OK;
    return status ? status : tune_study_put_run(s, run, err);
}

int tune_study_run_add(tune_study *study, tune_run_row *run, xlstm_error *err) {
    return tune_study_transaction(study, add_run, run, err);
}

int tune_study_run_update(tune_study *study, int64_t run, const char *state, const char *meta, const char *baseline,
                          const char *result, xlstm_error *err) {
    double finished = state && !strcmp(state, TUNE_RUN_FINISHED) ? xl_wall_s() : NAN;
    return tune_study_run_sql(study, "changing a run", err,
                              "UPDATE run SET state = coalesce($1, state), meta = coalesce($2, meta), baseline = "
                              "coalesce($3, baseline), result = coalesce($4, result), finished = coalesce($5, "
                              "finished) WHERE id = $6",
                              "ssssdi", state, meta, baseline, result, finished, run);
}

/* Reads a column that holds values by name. */
static int read_list(const tune_study *s, tune_rows *q, int column, tune_named_list *out, xlstm_error *err) {
    xlstm_error why = {0};
    json_error_t bad;
    const char *text = s->db->class->text(q, column);
    json_t *j = json_loads(text ? text : "", 0, &bad);
    int status =
        j ? tune_named_from_json(out, j, &why) : xl_fail(&why, XLSTM_EFORMAT, "found no JSON (%s)", bad.text);
    json_decref(j);
    if (!status) return XLSTM_OK;
    return xl_fail(err, status, "%s: run %lld, %s: %s", s->path, (long long)s->db->class->integer(q, 0),
                   s->db->class->column(q, column), why.text);
}

static int read_run(tune_study *s, tune_rows *q, tune_run_row *row, xlstm_error *err) {
    const tune_database_class *class = s->db->class;
    bool ok = true;
    *row = (tune_run_row){.id = class->integer(q, 0), .seed = class->integer(q, 7)};
    char **texts[] = {&row->uid, &row->folder, &row->backend, &row->state, &row->mode, &row->objective};
    for (int i = 0; i < 6; i++) *texts[i] = tune_study_text(s, q, 1 + i, &ok);
    char **more[] = {&row->machine, &row->machine_info, &row->target};
    for (int i = 0; i < 3; i++) *more[i] = tune_study_text(s, q, 8 + i, &ok);
    row->version = tune_study_text(s, q, 14, &ok);
    row->created = class->real(q, 15);
    row->finished = class->text(q, 16) ? class->real(q, 16) : 0;
    char **rest[] = {&row->meta, &row->space, &row->baseline, &row->result};
    for (int i = 0; i < 4; i++) *rest[i] = tune_study_text(s, q, 17 + i, &ok);
    row->trials = class->integer(q, 21);
    char *metrics = tune_study_text(s, q, 22, &ok);
    row->fleet = tune_study_text(s, q, 23, &ok);
    row->kind = tune_study_text(s, q, 24, &ok);
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
    char *texts[] = {row->uid,          row->folder, row->backend, row->state, row->mode,  row->objective,
                     row->machine,      row->target, row->version, row->meta,  row->space, row->baseline,
                     row->machine_info, row->result, row->fleet,   row->kind};
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
    tune_rows *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    int status = tune_study_query(study, &q, "reading runs", err,
                                  "SELECT " RUN_COLUMNS RUN_FROM "ORDER BY created, run.id", "");
    while (!status && tune_rows_next(study, q, &status, err)) {
        if (!tune_study_grow(&all, used, &capacity, sizeof(tune_run_row)))
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        else if (!(status = read_run(study, q, (tune_run_row *)all + used, err))) used++;
    }
    tune_rows_end(study, q);
    if (status) {
        tune_run_rows_free(all, used);
        return status;
    }
    *rows = all;
    *count = used;
    return XLSTM_OK;
}

int tune_study_run_find(tune_study *study, const char *name, tune_run_row *row, xlstm_error *err) {
    tune_rows *q;
    const char *wanted = name ? name : "";
    size_t length = strlen(wanted);
    while (length > 1 && wanted[length - 1] == '/') length--;
    char *trimmed = xl_format("%.*s", (int)length, wanted);
    if (!trimmed) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    const char *slash = strrchr(trimmed, '/'), *last = slash && slash[1] ? slash + 1 : trimmed;
    int status = tune_study_query(study, &q, "looking for a run", err,
                                  "SELECT " RUN_COLUMNS RUN_FROM
                                  "WHERE $1 = '' OR run.uid = $1 OR cast(run.id AS TEXT) = $1 OR folder = $1 OR "
                                  "substr(folder, length(folder) - length($2)) = '/' || $2 ORDER BY run.uid = $1 "
                                  "DESC, folder = $1 DESC, created DESC, run.id DESC LIMIT 1",
                                  "ss", trimmed, last);
    if (!status) {
        if (tune_rows_next(study, q, &status, err)) status = read_run(study, q, row, err);
        else if (!status && *wanted)
            status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no run '%s'; `xltune study list` shows them", study->path,
                             wanted);
        else if (!status) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: holds no run", study->path);
    }
    tune_rows_end(study, q);
    free(trimmed);
    return status;
}

int tune_study_run_remove(tune_study *study, int64_t run, xlstm_error *err) {
    return tune_study_run_sql(study, "removing a run", err, "DELETE FROM run WHERE id = $1", "i", run);
}

/* Says in *alike whether the workload in a column is of the class of another. */
static int compare_workload(tune_study *s, tune_rows *q, int column, const tune_named_list *workload, bool *alike,
                            xlstm_error *err) {
    tune_named_list other = {0};
    const int status = read_list(s, q, column, &other, err);
    *alike = !status && tune_workload_alike(&other, workload);
    tune_named_clear(&other);
    return status;
}

/* An earlier run whose best points may be worth trying. */
typedef struct earlier {
    int64_t run;
    bool mine; /* of the same machine and version */
} earlier;

/* Finds them, the most promising first. */
static int find_earlier(tune_study *study, const tune_run_row *like, int64_t except, earlier **out, size_t *count,
                        xlstm_error *err) {
    tune_rows *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    char *identity = tune_named_json_text(&like->identity);
    if (!identity) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    int status = tune_study_query(
        study, &q, "looking for earlier runs", err,
        "SELECT run.id, CASE WHEN machine.fingerprint = $1 AND run.version = $2 THEN 1 ELSE 0 END AS mine, "
        "run.workload FROM run JOIN machine ON machine.id = run.machine WHERE run.target = $3 AND run.identity = "
        "$4 AND run.objective = $5 AND run.id <> $6 ORDER BY mine DESC, run.created DESC, run.id DESC",
        "sssssi", like->machine, like->version, like->target, identity, like->objective, except);
    free(identity);
    if (status) return status;
    while (!status && tune_rows_next(study, q, &status, err)) {
        bool alike = false;
        status = compare_workload(study, q, 2, &like->workload, &alike, err);
        if (!alike) continue;
        if (!tune_study_grow(&all, used, &capacity, sizeof(earlier)))
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        else
            ((earlier *)all)[used++] =
                (earlier){study->db->class->integer(q, 0), study->db->class->integer(q, 1) != 0};
    }
    tune_rows_end(study, q);
    if (status) free(all);
    else *out = all;
    *count = used;
    return status;
}

/* Adds the three best trials of a run, because the first may only have been lucky. */
static int add_best(tune_study *study, const earlier *from, size_t limit, tune_known_point *all, size_t *used,
                    xlstm_error *err) {
    tune_rows *q;
    int status = tune_study_query(study, &q, "looking for earlier bests", err,
                                  "SELECT params FROM trial WHERE run = $1 AND status = 'ok' AND value IS NOT NULL "
                                  "ORDER BY value, number LIMIT 3",
                                  "i", from->run);
    if (status) return status;
    while (!status && *used < limit && tune_rows_next(study, q, &status, err)) {
        bool ok = true, seen = false;
        char *params = tune_study_text(study, q, 0, &ok);
        for (size_t i = 0; params && i < *used; i++) seen |= !strcmp(all[i].params, params);
        if (!params) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        else if (seen) free(params);
        else all[(*used)++] = (tune_known_point){params, from->mine};
    }
    tune_rows_end(study, q);
    return status;
}

int tune_study_known(tune_study *study, const tune_run_row *like, int64_t except, size_t limit,
                     tune_known_point **points, size_t *count, xlstm_error *err) {
    tune_known_point *all = calloc(limit ? limit : 1, sizeof *all);
    earlier *runs = NULL;
    size_t used = 0, found = 0;
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    int status = find_earlier(study, like, except, &runs, &found, err);
    for (size_t i = 0; !status && i < found && used < limit; i++)
        status = add_best(study, &runs[i], limit, all, &used, err);
    free(runs);
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
