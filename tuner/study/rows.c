/* Reads trials, samples and events from the database, and stores what was measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/study/plain_json.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/trial_json.h"

bool tune_study_grow(void **array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return true;
    size_t wanted = *capacity ? *capacity * 2 : 16, bytes;
    void *grown = xl_mul(wanted, size, &bytes) ? realloc(*array, bytes) : NULL;
    if (!grown) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

/* Reads a column of JSON with one of the functions tune_..._read. */
static int read_column(tune_study *s, tune_rows *q, int column, tune_trial_row *t,
                       int (*read)(tune_trial_row *, const json_t *, xlstm_error *), xlstm_error *err) {
    xlstm_error why = {0};
    json_error_t bad;
    const char *text = s->db->class->text(q, column);
    if (!text) return XLSTM_OK;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &bad);
    int status = j ? read(t, j, &why) : xl_fail(&why, XLSTM_EFORMAT, "found no JSON (%s)", bad.text);
    json_decref(j);
    if (!status) return XLSTM_OK;
    return xl_fail(err, status, "%s: trial %lld, %s: %s", s->path, (long long)t->index,
                   s->db->class->column(q, column), why.text);
}

/* Does the same with numbers, which are mostly plain. */
static int read_numbers(tune_study *s, tune_rows *q, int column, tune_trial_row *t, tune_numbers *out,
                        int (*read)(tune_trial_row *, const json_t *, xlstm_error *), xlstm_error *err) {
    double plain[TUNE_PLAIN_NUMBERS];
    size_t count;
    const char *text = s->db->class->text(q, column);
    if (!text || !tune_plain_numbers(text, plain, &count)) return read_column(s, q, column, t, read, err);
    if (!count) return XLSTM_OK;
    if (!(out->value = xl_array(count, sizeof *out->value)))
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    memcpy(out->value, plain, count * sizeof *plain);
    out->count = count;
    return XLSTM_OK;
}

/* `mark` is the text by which a cause is recognized where only the explanation was stored. */
static const struct {
    const char *name, *mark;
} causes[TUNE_CAUSES] = {{"warm-up", "warm-up"},
                         {"stopped early", "stopped early"},
                         {"steal time", "steal time"},
                         {"switches to other processes", "switches"},
                         {"other processes", "others used"},
                         {"the clock's frequency", "MHz"},
                         {"heat", "degrees"},
                         {"something else", NULL},
                         {"a halt of the process", "stopped or waiting"}};

const char *tune_cause_name(int bit) {
    return causes[bit].name;
}

unsigned tune_causes_of_text(const char *why) {
    unsigned found = 0;
    for (int i = 0; i < TUNE_CAUSES; i++) found |= causes[i].mark && strstr(why, causes[i].mark) ? 1u << i : 0;
    return found || !*why ? found : TUNE_CAUSE_ELSE;
}

/* A trial with its samples, or samples alone (trial: NULL). */
typedef struct measured {
    int64_t run;
    const tune_trial_row *trial;
    bool replace;
    const tune_sample_row *samples;
    size_t count;
} measured;

static int put_measured(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    const measured *m = ctx;
    int status = m->trial ? tune_study_put_trials(s, m->run, m->trial, 1, m->replace || again, err) : XLSTM_OK;
    return status ? status : tune_study_put_samples(s, m->run, m->samples, m->count, again, err);
}

int tune_study_trial_add(tune_study *study, int64_t run, const tune_trial_row *trial,
                         const tune_sample_row *samples, size_t count, xlstm_error *err) {
    measured m = {run, trial, false, samples, count};
    return tune_study_transaction(study, put_measured, &m, err);
}

int tune_study_trial_update(tune_study *study, int64_t run, const tune_trial_row *trial,
                            const tune_sample_row *samples, size_t count, xlstm_error *err) {
    measured m = {run, trial, true, samples, count};
    return tune_study_transaction(study, put_measured, &m, err);
}

int tune_study_samples_add(tune_study *study, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err) {
    measured m = {run, NULL, false, samples, count};
    return tune_study_transaction(study, put_measured, &m, err);
}

/* ---- trials ---- */

/* Fills *t from the current row. What it has got so far must be cleared also after a failure. */
static int read_trial(tune_study *s, tune_rows *q, const tune_metrics *metrics, tune_trial_row *t,
                      xlstm_error *err) {
    const tune_database_class *class = s->db->class;
    bool ok = true;
    *t = (tune_trial_row){.index = class->integer(q, 0), .point = TUNE_NO_POINT, .duplicate_of = -1};
    t->key = tune_study_text(s, q, 2, &ok);
    int known = tune_trial_status_find(class->text(q, 3));
    t->status = known < 0 ? TUNE_TRIAL_FAILED : (tune_trial_status)known;
    t->reason = tune_study_text(s, q, 4, &ok);
    if (class->text(q, 5)) t->duplicate_of = class->integer(q, 5);
    tune_study_read_metrics(metrics, class->text(q, 6), t->metric);
    const int after = 7;
    t->value = class->real(q, after);
    t->spread = class->real(q, after + 1);
    t->samples = class->integer(q, after + 4);
    t->token_hash = tune_study_text(s, q, after + 5, &ok);
    t->in_force = tune_study_text(s, q, after + 6, &ok);
    t->started = class->real(q, after + 7);
    t->seconds = class->real(q, after + 8);
    int status = ok ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    if (!status) status = read_column(s, q, 1, t, tune_params_read, err);
    if (!status) status = read_numbers(s, q, after + 2, t, &t->told, tune_told_read, err);
    if (!status) status = read_numbers(s, q, after + 3, t, &t->ratios, tune_ratios_read, err);
    return status;
}

static int visit_trials(tune_study *study, int64_t run, int64_t first, int64_t last, tune_trial_visit visit,
                        void *ctx, xlstm_error *err) {
    tune_rows *q = NULL;
    const tune_metrics *metrics;
    int status = tune_study_metrics(study, run, &metrics, err);
    if (status) return status;
    study->db->many = first == INT64_MIN;
    status = tune_study_query(study, &q, "reading trials", err,
                              "SELECT number, params, key, status, reason, duplicate_of, metrics, value, spread, "
                              "told, ratios, samples, token_hash, in_force, started, seconds "
                              "FROM trial "
                              "WHERE run = $1 AND number >= $2 AND number <= $3 ORDER BY number",
                              "iii", run, first, last);
    while (!status && tune_rows_next(study, q, &status, err)) {
        tune_trial_row t;
        status = read_trial(study, q, metrics, &t, err);
        if (!status) status = visit(ctx, &t, err);
        tune_trial_row_clear(&t);
    }
    tune_rows_end(study, q);
    return status;
}

int tune_study_trials_each(tune_study *study, int64_t run, tune_trial_visit visit, void *ctx, xlstm_error *err) {
    return visit_trials(study, run, INT64_MIN, INT64_MAX, visit, ctx, err);
}

/* An array of rows that are read. */
typedef struct rows_read {
    const char *study;
    void *all;
    size_t used, capacity;
} rows_read;

/* Puts a row of `size` bytes at the end of the array. */
static int keep(rows_read *r, const void *row, size_t size, xlstm_error *err) {
    if (!tune_study_grow(&r->all, r->used, &r->capacity, size))
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", r->study);
    memcpy((char *)r->all + r->used++ * size, row, size);
    return XLSTM_OK;
}

static int keep_trial(void *ctx, tune_trial_row *row, xlstm_error *err) {
    int status = keep(ctx, row, sizeof *row, err);
    if (!status) *row = (tune_trial_row){0};
    return status;
}

int tune_study_trials(tune_study *study, int64_t run, tune_trial_row **rows, size_t *count, xlstm_error *err) {
    return tune_study_trials_between(study, run, INT64_MIN, INT64_MAX, rows, count, err);
}

int tune_study_trials_between(tune_study *study, int64_t run, int64_t first, int64_t last, tune_trial_row **rows,
                              size_t *count, xlstm_error *err) {
    rows_read r = {.study = study->path};
    int status = visit_trials(study, run, first, last, keep_trial, &r, err);
    if (status) {
        tune_trial_rows_free(r.all, r.used);
        return status;
    }
    *rows = r.all;
    *count = r.used;
    return XLSTM_OK;
}

tune_trial_counts tune_trials_count(const tune_trial_row *rows, size_t count) {
    tune_trial_counts c = {.trials = count};
    for (size_t i = 0; i < count; i++) {
        if (rows[i].status == TUNE_TRIAL_OK) c.measured++;
        else if (rows[i].status == TUNE_TRIAL_DUPLICATE) c.duplicates++;
        else c.failed++;
    }
    return c;
}

static bool copy_text(char **to, const char *from) {
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_numbers(tune_numbers *to, const tune_numbers *from) {
    if (!from->count) return true;
    if (!(to->value = xl_array(from->count, sizeof *to->value))) return false;
    memcpy(to->value, from->value, from->count * sizeof *to->value);
    to->count = from->count;
    return true;
}

bool tune_trial_row_copy(tune_trial_row *to, const tune_trial_row *from) {
    *to = *from;
    to->key = to->reason = to->token_hash = to->in_force = NULL;
    to->params = (tune_named_list){0};
    to->told = to->ratios = (tune_numbers){0};
    if (tune_named_copy(&to->params, from->params.item, from->params.count) && copy_text(&to->key, from->key) &&
        copy_text(&to->reason, from->reason) && copy_numbers(&to->told, &from->told) &&
        copy_numbers(&to->ratios, &from->ratios) && copy_text(&to->token_hash, from->token_hash) &&
        copy_text(&to->in_force, from->in_force))
        return true;
    tune_trial_row_clear(to);
    return false;
}

void tune_trial_row_clear(tune_trial_row *row) {
    if (!row) return;
    tune_named_clear(&row->params);
    free(row->key);
    free(row->reason);
    free(row->told.value);
    free(row->ratios.value);
    free(row->token_hash);
    free(row->in_force);
    *row = (tune_trial_row){.point = TUNE_NO_POINT, .duplicate_of = -1};
}

void tune_trial_rows_free(tune_trial_row *rows, size_t count) {
    for (size_t i = 0; rows && i < count; i++) tune_trial_row_clear(&rows[i]);
    free(rows);
}

/* ---- samples ---- */

#define SAMPLE_COLUMNS "trial, stage, block, process, seq, at, parts, value, used, why, causes"

static tune_sample_row read_sample(tune_study *s, tune_rows *q) {
    const tune_database_class *class = s->db->class;
    tune_sample_row p = {.trial = class->integer(q, 0),
                         .stage = tune_study_stage(class->text(q, 1)),
                         .block = class->integer(q, 2),
                         .process = class->integer(q, 3),
                         .seq = class->integer(q, 4),
                         .at = class->real(q, 5),
                         .value = class->real(q, 7),
                         .used = class->integer(q, 8) != 0,
                         .causes = (unsigned)class->integer(q, 10)};
    tune_study_read_parts(class->text(q, 6), p.parts);
    const char *why = class->text(q, 9);
    if (why) snprintf(p.why, sizeof p.why, "%s", why);
    return p;
}

/* Visits all rows of the statement, and ends it. */
static int visit_samples(tune_study *study, tune_rows *q, tune_sample_visit visit, void *ctx, xlstm_error *err) {
    int status = XLSTM_OK;
    while (!status && tune_rows_next(study, q, &status, err)) {
        const tune_sample_row p = read_sample(study, q);
        status = visit(ctx, &p, err);
    }
    tune_rows_end(study, q);
    return status;
}

int tune_study_samples_each(tune_study *study, int64_t run, tune_sample_visit visit, void *ctx, xlstm_error *err) {
    tune_rows *q;
    study->db->many = true;
    int status = tune_study_query(study, &q, "reading samples", err,
                                  "SELECT " SAMPLE_COLUMNS " FROM sample WHERE run = $1 ORDER BY id", "i", run);
    return status ? status : visit_samples(study, q, visit, ctx, err);
}

static int keep_sample(void *ctx, const tune_sample_row *row, xlstm_error *err) {
    return keep(ctx, row, sizeof *row, err);
}

/* Hands over the samples that were read, or frees them after a failure. */
static int give_samples(const rows_read *r, int status, tune_sample_row **rows, size_t *count) {
    if (status) {
        free(r->all);
        return status;
    }
    *rows = r->all;
    *count = r->used;
    return XLSTM_OK;
}

int tune_study_samples(tune_study *study, int64_t run, tune_sample_row **rows, size_t *count, xlstm_error *err) {
    rows_read r = {.study = study->path};
    const int status = tune_study_samples_each(study, run, keep_sample, &r, err);
    return give_samples(&r, status, rows, count);
}

int tune_study_samples_of(tune_study *study, int64_t run, int64_t trial, tune_sample_row **rows, size_t *count,
                          xlstm_error *err) {
    tune_rows *q;
    rows_read r = {.study = study->path};
    int status = tune_study_query(study, &q, "reading samples", err,
                                  "SELECT " SAMPLE_COLUMNS " FROM sample WHERE run = $1 AND trial = $2 ORDER BY id",
                                  "ii", run, trial);
    if (!status) status = visit_samples(study, q, keep_sample, &r, err);
    return give_samples(&r, status, rows, count);
}

int tune_study_samples_between(tune_study *study, int64_t run, int64_t first, int64_t last, tune_sample_row **rows,
                               size_t *count, xlstm_error *err) {
    tune_rows *q;
    rows_read r = {.study = study->path};
    int status =
        tune_study_query(study, &q, "reading samples", err,
                         "SELECT " SAMPLE_COLUMNS ", id FROM sample WHERE run = $1 AND trial >= $2 AND trial <= $3"
                         " UNION ALL SELECT " SAMPLE_COLUMNS
                         ", id FROM sample WHERE run = $1 AND trial = -1 AND block >= $2 AND block <= $3"
                         " ORDER BY id",
                         "iii", run, first, last);
    if (!status) status = visit_samples(study, q, keep_sample, &r, err);
    return give_samples(&r, status, rows, count);
}

/* ---- events ---- */

int tune_study_put_event(tune_study *s, int64_t run, double at, const char *kind, const char *text,
                         xlstm_error *err) {
    return tune_study_run_sql(s, "noting an event", err,
                              "INSERT INTO event(run, at, kind, text) VALUES ($1, $2, $3, $4)", "idss", run, at,
                              kind, text);
}

/* Where the connection is lost before the answer comes the statement is repeated: it must not note the event twice.
 */
int tune_study_event_add(tune_study *study, int64_t run, const char *kind, const char *text, xlstm_error *err) {
    return tune_study_run_sql(
        study, "noting an event", err,
        "INSERT INTO event(run, at, kind, text) SELECT CAST($1 AS BIGINT), CAST($2 AS DOUBLE "
        "PRECISION), CAST($3 AS TEXT), CAST($4 AS TEXT) WHERE NOT EXISTS (SELECT 1 FROM event "
        "WHERE run = $1 AND at = $2 AND kind = $3 AND text = $4)",
        "idss", run, xl_wall_s(), kind, text);
}

static int visit_events(tune_study *study, int64_t run, bool many, tune_event_visit visit, void *ctx,
                        xlstm_error *err) {
    tune_rows *q = NULL;
    study->db->many = many;
    int status = tune_study_query(study, &q, "reading events", err,
                                  "SELECT at, kind, text FROM event WHERE run = $1 ORDER BY id", "i", run);
    while (!status && tune_rows_next(study, q, &status, err)) {
        bool ok = true;
        tune_event_row e = {.at = study->db->class->real(q, 0)};
        e.kind = tune_study_text(study, q, 1, &ok);
        e.text = tune_study_text(study, q, 2, &ok);
        status = ok ? visit(ctx, &e, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        free(e.kind);
        free(e.text);
    }
    tune_rows_end(study, q);
    return status;
}

int tune_study_events_each(tune_study *study, int64_t run, tune_event_visit visit, void *ctx, xlstm_error *err) {
    return visit_events(study, run, true, visit, ctx, err);
}

static int keep_event(void *ctx, tune_event_row *row, xlstm_error *err) {
    int status = keep(ctx, row, sizeof *row, err);
    if (!status) *row = (tune_event_row){0};
    return status;
}

int tune_study_events(tune_study *study, int64_t run, tune_event_row **rows, size_t *count, xlstm_error *err) {
    rows_read r = {.study = study->path};
    int status = visit_events(study, run, false, keep_event, &r, err);
    if (status) {
        tune_event_rows_free(r.all, r.used);
        return status;
    }
    *rows = r.all;
    *count = r.used;
    return XLSTM_OK;
}

void tune_event_rows_free(tune_event_row *rows, size_t count) {
    for (size_t i = 0; rows && i < count; i++) {
        free(rows[i].kind);
        free(rows[i].text);
    }
    free(rows);
}
