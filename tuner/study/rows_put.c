/* Stores trials and samples, several with one statement: on a server each statement is a way there and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/trial_json.h"

enum { AT_ONCE = 32, TRIAL_COLUMNS = 17, SAMPLE_COLUMNS = 12, TEXTS = 4 };

/* Rows on their way into a table: the arguments of the statement, and the texts that were made for them. */
typedef struct batch {
    tune_study *study;
    size_t count; /* rows in it */
    tune_argument arguments[AT_ONCE * TRIAL_COLUMNS];
    char *texts[AT_ONCE * TEXTS];
    size_t text_count;
    bool failed; /* out of memory */
} batch;

static int no_memory(const tune_study *s, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
}

static batch *new_batch(tune_study *s, xlstm_error *err) {
    batch *b = malloc(sizeof *b);
    if (!b) {
        no_memory(s, err);
        return NULL;
    }
    b->study = s;
    b->count = b->text_count = 0;
    b->failed = false;
    return b;
}

static void empty(batch *b) {
    for (size_t i = 0; i < b->text_count; i++) free(b->texts[i]);
    b->count = b->text_count = 0;
}

static void free_batch(batch *b) {
    if (b) empty(b);
    free(b);
}

/* ---- arguments ---- */

static tune_argument text(const char *value) {
    return (tune_argument){.type = 's', .text = value};
}

static tune_argument integer(int64_t value) {
    return (tune_argument){.type = 'i', .integer = value};
}

static tune_argument real(double value) {
    return (tune_argument){.type = 'd', .real = value};
}

/* A text that belongs to the batch from now on. */
static tune_argument own(batch *b, char *value) {
    b->failed = b->failed || !value;
    if (value) b->texts[b->text_count++] = value;
    return text(value);
}

/* The text of a column from a value, whose reference it takes; NULL for null. */
static tune_argument column(batch *b, json_t *value) {
    const bool none = json_is_null(value);
    char *dumped = none ? NULL : json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(value);
    return none ? text(NULL) : own(b, dumped);
}

/* Stores what is in the batch: `head` names the table and its columns, `tail` follows the values. */
static int send_batch(batch *b, const char *head, const char *tail, size_t columns, const char *doing,
                      tune_rows **out, xlstm_error *err) {
    char *sql = NULL;
    size_t bytes;
    FILE *f = b->failed ? NULL : open_memstream(&sql, &bytes);
    *out = NULL;
    if (!f) return no_memory(b->study, err);
    fputs(head, f);
    for (size_t row = 0, n = 1; row < b->count; row++) {
        fputs(row ? ", (" : "(", f);
        for (size_t i = 0; i < columns; i++, n++) fprintf(f, "%s$%zu", i ? ", " : "", n);
        fputc(')', f);
    }
    fputs(tail, f);
    int status = xl_text_end(f, &sql) ? XLSTM_OK : no_memory(b->study, err);
    tune_database *db = b->study->db;
    if (!status) status = db->class->query(db, out, sql, b->arguments, (int)(b->count * columns), doing, err);
    free(sql);
    return status;
}

/* ---- trials ---- */

static void add_trial(batch *b, const tune_metrics *metrics, int64_t run, const tune_trial_row *t) {
    tune_argument *a = b->arguments + b->count++ * TRIAL_COLUMNS;
    *a++ = integer(run);
    *a++ = integer(t->index);
    *a++ = column(b, tune_params_json(t));
    *a++ = text(t->key);
    *a++ = text(tune_trial_status_name((int)t->status));
    *a++ = text(t->reason);
    *a++ = t->duplicate_of < 0 ? text(NULL) : integer(t->duplicate_of);
    *a++ = own(b, tune_study_metric_text(metrics, t->metric));
    *a++ = real(t->value);
    *a++ = real(t->spread);
    *a++ = column(b, tune_told_json(t));
    *a++ = column(b, tune_ratios_json(t));
    *a++ = integer(t->samples);
    *a++ = text(t->token_hash);
    *a++ = text(t->in_force);
    *a++ = real(t->started);
    *a = real(t->seconds);
}

static int send_trials(batch *b, bool replace, bool *stored, xlstm_error *err) {
    tune_rows *q;
    int status = send_batch(
        b,
        "INSERT INTO trial(run, number, params, key, status, reason, duplicate_of, metrics, value, spread, told, "
        "ratios, samples, token_hash, in_force, started, seconds) VALUES ",
        replace ? " ON CONFLICT (run, number) DO UPDATE SET params = excluded.params, key = excluded.key, "
                  "status = excluded.status, reason = excluded.reason, duplicate_of = excluded.duplicate_of, "
                  "metrics = excluded.metrics, value = excluded.value, spread = excluded.spread, "
                  "told = excluded.told, ratios = excluded.ratios, samples = excluded.samples, "
                  "token_hash = excluded.token_hash, in_force = excluded.in_force, "
                  "started = excluded.started, seconds = excluded.seconds"
                : " ON CONFLICT (run, number) DO NOTHING RETURNING number",
        TRIAL_COLUMNS, "adding a trial", &q, err);
    while (!status && tune_rows_next(b->study, q, &status, err)) {
        const int64_t number = b->study->db->class->integer(q, 0);
        for (size_t i = 0; i < b->count; i++) {
            if (stored[i] || b->arguments[i * TRIAL_COLUMNS + 1].integer != number) continue;
            stored[i] = true;
            break;
        }
    }
    tune_rows_end(b->study, q);
    return status;
}

int tune_study_put_trials(tune_study *s, int64_t run, const tune_trial_row *rows, size_t count, bool replace,
                          xlstm_error *err) {
    const tune_metrics *metrics;
    batch *b = new_batch(s, err);
    int status = b ? tune_study_metrics(s, run, &metrics, err) : XLSTM_ENOMEM;
    for (size_t from = 0; !status && from < count;) {
        /* A row may be replaced only once by one statement. */
        const size_t most = replace ? 1 : AT_ONCE, n = count - from < most ? count - from : most;
        bool stored[AT_ONCE] = {false};
        for (size_t i = 0; i < n; i++) add_trial(b, metrics, run, &rows[from + i]);
        status = send_trials(b, replace, stored, err);
        for (size_t i = 0; !status && !replace && i < n; i++) {
            if (!stored[i])
                status = xl_fail(err, XLSTM_EARG, "%s: run %lld has trial %lld already", s->path, (long long)run,
                                 (long long)rows[from + i].index);
        }
        empty(b);
        from += n;
    }
    free_batch(b);
    return status;
}

/* ---- samples ---- */

static void add_sample(batch *b, const tune_metrics *metrics, int64_t run, const tune_sample_row *p) {
    tune_argument *a = b->arguments + b->count++ * SAMPLE_COLUMNS;
    *a++ = integer(run);
    *a++ = integer(p->trial);
    *a++ = text(p->stage);
    *a++ = integer(p->block);
    *a++ = integer(p->process);
    *a++ = integer(p->seq);
    *a++ = real(p->at);
    *a++ = own(b, tune_study_part_text(metrics, p->parts));
    *a++ = real(p->value);
    *a++ = integer(p->used);
    *a++ = text(*p->why ? p->why : NULL);
    *a = integer(p->causes);
}

static int send_samples(batch *b, xlstm_error *err) {
    tune_rows *q;
    int status =
        send_batch(b,
                   "INSERT INTO sample(run, trial, stage, block, process, seq, at, parts, value, used, why, "
                   "causes) VALUES ",
                   "", SAMPLE_COLUMNS, "adding a sample", &q, err);
    while (!status && tune_rows_next(b->study, q, &status, err)) continue;
    tune_rows_end(b->study, q);
    empty(b);
    return status;
}

/* Whether the sample is stored already. */
static int is_stored(tune_study *s, int64_t run, const tune_sample_row *p, bool *stored, xlstm_error *err) {
    tune_rows *q;
    int status =
        tune_study_query(s, &q, "looking for a sample", err,
                         "SELECT 1 FROM sample WHERE run = $1 AND trial = $2 AND stage = $3 AND seq = $4 AND "
                         "at = $5",
                         "iisid", run, p->trial, p->stage, p->seq, p->at);
    *stored = !status && tune_rows_next(s, q, &status, err);
    if (q) tune_rows_end(s, q);
    return status;
}

int tune_study_put_samples(tune_study *s, int64_t run, const tune_sample_row *samples, size_t count, bool again,
                           xlstm_error *err) {
    const tune_metrics *metrics;
    if (!count) return XLSTM_OK;
    batch *b = new_batch(s, err);
    int status = b ? tune_study_metrics(s, run, &metrics, err) : XLSTM_ENOMEM;
    for (size_t i = 0; !status && i < count; i++) {
        bool stored = false;
        if (again) status = is_stored(s, run, &samples[i], &stored, err);
        if (status || stored) continue;
        add_sample(b, metrics, run, &samples[i]);
        if (b->count == AT_ONCE) status = send_samples(b, err);
    }
    if (!status && b->count) status = send_samples(b, err);
    free_batch(b);
    return status;
}
