/* Reads and writes trials, samples and events as rows of the database. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
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

/* Makes the text of a column from a value, whose reference it takes; *out is NULL for null. */
static int column_text(char **out, json_t *value, const tune_study *s, xlstm_error *err) {
    const bool none = json_is_null(value);
    *out = none ? NULL : json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(value);
    return *out || none ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
}

/* Reads such a column back with one of the functions tune_..._read. */
static int read_column(tune_study *s, sqlite3_stmt *q, int column, tune_trial_row *t,
                       int (*read)(tune_trial_row *, const json_t *, xlstm_error *), xlstm_error *err) {
    xlstm_error why = {0};
    json_error_t bad;
    const char *text = (const char *)sqlite3_column_text(q, column);
    if (!text) return XLSTM_OK;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &bad);
    int status = j ? read(t, j, &why) : xl_fail(&why, XLSTM_EFORMAT, "found no JSON (%s)", bad.text);
    json_decref(j);
    if (!status) return XLSTM_OK;
    return xl_fail(err, status, "%s: trial %lld, %s: %s", s->path, (long long)t->index,
                   sqlite3_column_name(q, column), why.text);
}

int tune_study_put_trial(tune_study *s, int64_t run, const tune_trial_row *t, bool replace, xlstm_error *err) {
    if (!replace) {
        sqlite3_stmt *q;
        int status = tune_study_prepare(s, &q, "adding a trial", err,
                                        "SELECT 1 FROM trial WHERE run = ? AND number = ?", "ii", run, t->index);
        if (status) return status;
        int code = sqlite3_step(q);
        if (code == SQLITE_ROW)
            status = xl_fail(err, XLSTM_EARG, "%s: run %lld has trial %lld already", s->path, (long long)run,
                             (long long)t->index);
        else if (code != SQLITE_DONE) status = tune_study_fail(s, "adding a trial", err);
        sqlite3_finalize(q);
        if (status) return status;
    }
    char *params = NULL, *told = NULL, *ratios = NULL, *values = NULL;
    const tune_metrics *metrics;
    int status = tune_study_metrics(s, run, &metrics, err);
    if (!status) status = column_text(&params, tune_params_json(t), s, err);
    if (!status) status = column_text(&told, tune_told_json(t), s, err);
    if (!status) status = column_text(&ratios, tune_ratios_json(t), s, err);
    if (!status && !(values = tune_study_metric_text(metrics, t->metric)))
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    if (status) goto out;
    status =
        tune_study_run_sql(s, "adding a trial", err,
                           "INSERT OR REPLACE INTO trial(run, number, params, key, status, reason, "
                           "duplicate_of, metrics, value, spread, "
                           "told, ratios, samples, token_hash, in_force, started, seconds) "
                           "VALUES (?, ?, ?, ?, ?, ?, nullif(?, -1), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           "iissssisddssissdd", run, t->index, params, t->key,
                           tune_trial_status_name((int)t->status), t->reason, t->duplicate_of, values, t->value,
                           t->spread, told, ratios, t->samples, t->token_hash, t->in_force, t->started, t->seconds);
out:
    free(params);
    free(values);
    free(told);
    free(ratios);
    return status;
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

int tune_study_put_samples(tune_study *s, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err) {
    const tune_metrics *metrics;
    int status = count ? tune_study_metrics(s, run, &metrics, err) : XLSTM_OK;
    for (size_t i = 0; !status && i < count; i++) {
        const tune_sample_row *p = &samples[i];
        char *parts = tune_study_part_text(metrics, p->parts);
        if (!parts) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
        status = tune_study_run_sql(s, "adding a sample", err,
                                    "INSERT INTO sample(run, trial, stage, block, process, seq, at, parts, value, "
                                    "used, why, causes) VALUES "
                                    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)",
                                    "iisiiidsdisi", run, p->trial, p->stage, p->block, p->process, p->seq, p->at,
                                    parts, p->value, (int64_t)p->used, p->why, (int64_t)p->causes);
        free(parts);
    }
    return status;
}

static int put_trial(tune_study *study, int64_t run, const tune_trial_row *trial, bool replace,
                     const tune_sample_row *samples, size_t count, xlstm_error *err) {
    int status = tune_study_begin(study, err);
    if (status) return status;
    if (trial) status = tune_study_put_trial(study, run, trial, replace, err);
    if (!status) status = tune_study_put_samples(study, run, samples, count, err);
    return tune_study_end(study, status, err);
}

int tune_study_trial_add(tune_study *study, int64_t run, const tune_trial_row *trial,
                         const tune_sample_row *samples, size_t count, xlstm_error *err) {
    return put_trial(study, run, trial, false, samples, count, err);
}

int tune_study_trial_update(tune_study *study, int64_t run, const tune_trial_row *trial,
                            const tune_sample_row *samples, size_t count, xlstm_error *err) {
    return put_trial(study, run, trial, true, samples, count, err);
}

int tune_study_samples_add(tune_study *study, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err) {
    return put_trial(study, run, NULL, false, samples, count, err);
}

int tune_study_trials(tune_study *study, int64_t run, tune_trial_row **rows, size_t *count, xlstm_error *err) {
    sqlite3_stmt *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    const tune_metrics *metrics;
    int status = tune_study_metrics(study, run, &metrics, err);
    if (status) return status;
    status = tune_study_prepare(study, &q, "reading trials", err,
                                "SELECT number, params, key, status, reason, duplicate_of, metrics, value, spread, "
                                "told, ratios, samples, token_hash, in_force, started, seconds "
                                "FROM trial "
                                "WHERE run = ? ORDER BY number",
                                "i", run);
    int code = SQLITE_DONE;
    while (!status && (code = sqlite3_step(q)) == SQLITE_ROW) {
        if (!tune_study_grow(&all, used, &capacity, sizeof(tune_trial_row))) {
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
            break;
        }
        bool ok = true;
        tune_trial_row *t = (tune_trial_row *)all + used++;
        *t = (tune_trial_row){.index = sqlite3_column_int64(q, 0), .point = TUNE_NO_POINT, .duplicate_of = -1};
        t->key = tune_study_text(q, 2, &ok);
        int known = tune_trial_status_find((const char *)sqlite3_column_text(q, 3));
        t->status = known < 0 ? TUNE_TRIAL_FAILED : (tune_trial_status)known;
        t->reason = tune_study_text(q, 4, &ok);
        if (sqlite3_column_type(q, 5) != SQLITE_NULL) t->duplicate_of = sqlite3_column_int64(q, 5);
        tune_study_read_metrics(metrics, (const char *)sqlite3_column_text(q, 6), t->metric);
        const int after = 7;
        t->value = tune_study_real(q, after);
        t->spread = tune_study_real(q, after + 1);
        t->samples = sqlite3_column_int64(q, after + 4);
        t->token_hash = tune_study_text(q, after + 5, &ok);
        t->in_force = tune_study_text(q, after + 6, &ok);
        t->started = sqlite3_column_double(q, after + 7);
        t->seconds = sqlite3_column_double(q, after + 8);
        if (!ok) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
        if (!status) status = read_column(study, q, 1, t, tune_params_read, err);
        if (!status) status = read_column(study, q, after + 2, t, tune_told_read, err);
        if (!status) status = read_column(study, q, after + 3, t, tune_ratios_read, err);
    }
    if (!status && code != SQLITE_DONE) status = tune_study_fail(study, "reading trials", err);
    sqlite3_finalize(q);
    if (status) {
        tune_trial_rows_free(all, used);
        return status;
    }
    *rows = all;
    *count = used;
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

int tune_study_samples(tune_study *study, int64_t run, tune_sample_row **rows, size_t *count, xlstm_error *err) {
    sqlite3_stmt *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    int status = tune_study_prepare(study, &q, "reading samples", err,
                                    "SELECT trial, stage, block, process, seq, at, parts, value, used, why, causes "
                                    "FROM sample WHERE run = ? ORDER BY id",
                                    "i", run);
    int code = SQLITE_DONE;
    while (!status && (code = sqlite3_step(q)) == SQLITE_ROW) {
        if (!tune_study_grow(&all, used, &capacity, sizeof(tune_sample_row))) {
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
            break;
        }
        tune_sample_row *p = (tune_sample_row *)all + used++;
        *p = (tune_sample_row){.trial = sqlite3_column_int64(q, 0),
                               .stage = tune_study_stage((const char *)sqlite3_column_text(q, 1)),
                               .block = sqlite3_column_int64(q, 2),
                               .process = sqlite3_column_int64(q, 3),
                               .seq = sqlite3_column_int64(q, 4),
                               .at = sqlite3_column_double(q, 5),
                               .value = tune_study_real(q, 7),
                               .used = sqlite3_column_int(q, 8) != 0,
                               .causes = (unsigned)sqlite3_column_int(q, 10)};
        tune_study_read_parts((const char *)sqlite3_column_text(q, 6), p->parts);
        const char *why = (const char *)sqlite3_column_text(q, 9);
        if (why) sqlite3_snprintf(sizeof p->why, p->why, "%s", why);
    }
    if (!status && code != SQLITE_DONE) status = tune_study_fail(study, "reading samples", err);
    sqlite3_finalize(q);
    if (status) {
        free(all);
        return status;
    }
    *rows = all;
    *count = used;
    return XLSTM_OK;
}

int tune_study_put_event(tune_study *s, int64_t run, double at, const char *kind, const char *text,
                         xlstm_error *err) {
    return tune_study_run_sql(s, "noting an event", err,
                              "INSERT INTO event(run, at, kind, text) VALUES (?, ?, ?, ?)", "idss", run, at, kind,
                              text);
}

int tune_study_event_add(tune_study *study, int64_t run, const char *kind, const char *text, xlstm_error *err) {
    return tune_study_put_event(study, run, xl_wall_s(), kind, text, err);
}

int tune_study_events(tune_study *study, int64_t run, tune_event_row **rows, size_t *count, xlstm_error *err) {
    sqlite3_stmt *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    int status = tune_study_prepare(study, &q, "reading events", err,
                                    "SELECT at, kind, text FROM event WHERE run = ? ORDER BY id", "i", run);
    int code = SQLITE_DONE;
    while (!status && (code = sqlite3_step(q)) == SQLITE_ROW) {
        bool ok = tune_study_grow(&all, used, &capacity, sizeof(tune_event_row));
        if (ok) {
            tune_event_row *e = (tune_event_row *)all + used++;
            *e = (tune_event_row){.at = sqlite3_column_double(q, 0)};
            e->kind = tune_study_text(q, 1, &ok);
            e->text = tune_study_text(q, 2, &ok);
        }
        if (!ok) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    }
    if (!status && code != SQLITE_DONE) status = tune_study_fail(study, "reading events", err);
    sqlite3_finalize(q);
    if (status) {
        tune_event_rows_free(all, used);
        return status;
    }
    *rows = all;
    *count = used;
    return XLSTM_OK;
}

void tune_event_rows_free(tune_event_row *rows, size_t count) {
    for (size_t i = 0; rows && i < count; i++) {
        free(rows[i].kind);
        free(rows[i].text);
    }
    free(rows);
}
