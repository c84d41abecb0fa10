#include "tuner/report/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"

#define MOST_JSON ((size_t)256 << 20)
#define MOST_VALUES 65535 /* values of a setting that are listed from its bounds, at most */

static const char *const original_settings[] = {"workers", "heads_per_band", "chunk_size"};
enum { ORIGINAL = sizeof original_settings / sizeof *original_settings };

typedef struct import {
    const char *folder;
    xl_csv csv;
    json_t *meta, *space, *best; /* objects */
    tune_setting_fn is_setting;
    tune_study *study;
    int64_t run;
    tune_metrics metrics;
    char objective[256]; /* with several objectives their names, separated by commas */
    xlstm_error *err;
} import;

static int no_memory(const import *m) {
    return xl_fail(m->err, XLSTM_ENOMEM, "%s: out of memory", m->folder);
}

int tune_report_read_object(json_t **out, const char *folder, const char *name, xlstm_error *err) {
    char *path = xl_path_join(folder, name), *data = NULL;
    size_t bytes;
    json_error_t bad;
    *out = NULL;
    int status = path ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", name);
    if (status || !xl_is_file(path)) goto out;
    status = xl_file_read(path, MOST_JSON, &data, &bytes, err);
    if (status) goto out;
    *out = json_loadb(data, bytes, 0, &bad);
    if (!*out) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: line %d: %s", path, bad.line, bad.text);
    } else if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        status = xl_fail(err, XLSTM_EFORMAT, "%s: wanted a JSON object", path);
    }
out:
    free(data);
    free(path);
    return status;
}

/* ---- the space ---- */

/* Turns [least, most] or {"min", "max"} into a list of integers; NULL where it is neither. */
static json_t *listed(const json_t *bounds) {
    const json_t *low = json_is_object(bounds) ? json_object_get(bounds, "min") : json_array_get(bounds, 0);
    const json_t *high = json_is_object(bounds) ? json_object_get(bounds, "max") : json_array_get(bounds, 1);
    if (!json_is_integer(low) || !json_is_integer(high)) return NULL;
    const json_int_t least = json_integer_value(low), most = json_integer_value(high);
    if (least < 0 || most < least || most - least >= MOST_VALUES) return NULL;
    json_t *list = json_array();
    for (json_int_t v = least; v <= most; v++) json_array_append_new(list, json_integer(v));
    return list;
}

/* Returns the space that the run declared; for the original, whose runs declare bounds, it is made from these. */
static json_t *space_of(const json_t *meta) {
    static const char *const keys[ORIGINAL] = {"workers", "heads", "chunks"};
    json_t *declared = json_object_get(meta, "space");
    if (json_is_object(declared)) return json_incref(declared);
    json_t *space = json_object();
    const json_t *bounds = json_object_get(meta, "bounds");
    for (int i = 0; i < ORIGINAL; i++) {
        json_t *list = listed(json_object_get(bounds, keys[i]));
        if (list) json_object_set_new(space, original_settings[i], list);
    }
    return space;
}

static bool is_setting(const import *m, const char *name) {
    for (int i = 0; i < ORIGINAL; i++) {
        if (!strcmp(name, original_settings[i])) return true;
    }
    return json_object_get(m->space, name) || (m->is_setting && m->is_setting(name));
}

/* ---- trials ---- */

/* Reads a cell as a number where it is one, else as text. From text that is not valid UTF-8 the bytes that JSON
 * cannot hold are removed, in a copy at *copy, which moves on. */
static tune_value value_of(const char *cell, char **copy) {
    double number;
    if (xl_number_read(cell, &number)) return (tune_value){.number = number};
    json_t *text = json_string(cell);
    json_decref(text);
    if (text) return (tune_value){.text = cell};
    char *plain = *copy;
    for (const char *c = cell; *c; c++) *(*copy)++ = (unsigned char)*c >= 0x80 ? '?' : *c;
    *(*copy)++ = '\0';
    return (tune_value){.text = plain};
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tune_named *)a)->name, ((const tune_named *)b)->name);
}

/* Reads a row's settings in the order of their names; returns false when out of memory. */
static bool params_of(const import *m, size_t row, tune_named_list *out) {
    size_t bytes = 0, count = 0;
    for (size_t c = 0; c < m->csv.columns; c++) bytes += strlen(xl_csv_cell(&m->csv, row, (int)c)) + 1;
    tune_named *items = xl_array(m->csv.columns, sizeof *items);
    char *copies = malloc(bytes ? bytes : 1), *at = copies;
    for (size_t c = 0; items && copies && c < m->csv.columns; c++) {
        const char *name = m->csv.cells[c], *cell = xl_csv_cell(&m->csv, row, (int)c);
        if (!*cell || !is_setting(m, name) || xl_csv_column(&m->csv, name) != (int)c) continue;
        items[count++] = (tune_named){name, value_of(cell, &at)};
    }
    if (count) qsort(items, count, sizeof *items, by_name);
    const bool ok = items && copies && tune_named_copy(out, items, count);
    free(items);
    free(copies);
    return ok;
}

/* Checks that a time or a rate, where there is one, is positive. */
static int positive(const import *m, const char *path, size_t row, int column, double value) {
    if (isnan(value) || value > 0) return XLSTM_OK;
    return xl_fail(m->err, XLSTM_EFORMAT, "%s: line %zu: %.60s is %.60s, wanted a number over 0", path,
                   m->csv.lines[row + 1], m->csv.cells[column], xl_csv_cell(&m->csv, row, column));
}

static int read_metrics(const import *m, const char *path, size_t row, tune_trial_row *t) {
    const tune_metrics *metrics = &m->metrics;
    for (int i = 0; i < TUNE_METRICS; i++) t->metric[i] = NAN;
    for (int i = 0; i < metrics->count; i++) {
        const int column = xl_csv_column(&m->csv, metrics->at[i].name);
        int status = xl_csv_number(&m->csv, path, row, column, &t->metric[i], m->err);
        /* a divergence may be 0 */
        if (!status && column >= 0 && strcmp(metrics->at[i].name, "kl") != 0)
            status = positive(m, path, row, column, t->metric[i]);
        if (status) return status;
    }
    if (isnan(t->metric[metrics->seconds]))
        t->metric[metrics->seconds] = t->metric[metrics->apart[0]] + t->metric[metrics->apart[1]];
    return xl_csv_number(&m->csv, path, row, xl_csv_column(&m->csv, "ratio"), &t->value, m->err);
}

static int add_trial(import *m, const char *path, size_t row) {
    const xl_csv *csv = &m->csv;
    const int status_column = xl_csv_column(csv, "status");
    const char *name = xl_csv_cell(csv, row, status_column);
    const int known = status_column < 0 ? TUNE_TRIAL_OK : tune_trial_status_find(name);
    double samples, original;
    tune_trial_row t = {.index = (int64_t)row,
                        .status = known < 0 ? TUNE_TRIAL_FAILED : (tune_trial_status)known,
                        .duplicate_of = -1,
                        .spread = NAN};
    int status = read_metrics(m, path, row, &t);
    if (!status) status = xl_csv_number(csv, path, row, xl_csv_column(csv, "samples"), &samples, m->err);
    if (!status) status = xl_csv_number(csv, path, row, xl_csv_column(csv, "duplicate_of"), &original, m->err);
    if (status) return status;
    if (samples > 0 && samples < 1e9) t.samples = (int64_t)samples;
    if (original >= 0 && original < (double)row) t.duplicate_of = (int64_t)original;
    const char *reason = xl_csv_cell(csv, row, xl_csv_column(csv, "reason"));
    t.reason = *reason ? (char *)(uintptr_t)reason : NULL;
    if (params_of(m, row, &t.params)) t.key = tune_named_text(&t.params);
    status = t.key ? tune_study_trial_add(m->study, m->run, &t, NULL, 0, m->err) : no_memory(m);
    tune_named_clear(&t.params);
    free(t.key);
    return status;
}

static int add_trials(import *m, const char *path) {
    static const char *const needed[] = {"prefill_tok_s", "decode_tok_s"};
    for (int i = 0; i < 2; i++) {
        if (xl_csv_column(&m->csv, needed[i]) < 0)
            return xl_fail(m->err, XLSTM_EFORMAT, "%s: no column %s in the header", path, needed[i]);
    }
    int status = XLSTM_OK;
    for (size_t row = 0; row < m->csv.rows && !status; row++) status = add_trial(m, path, row);
    return status;
}

/* ---- samples ---- */

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A line of trials.jsonl, for messages. */
typedef struct line {
    const char *path;
    size_t number;
} line;

/* Checks that a time, where there is one, was really measured: not negative, and not zero in a sample that
 * counts. */
static int check_time(const import *m, const line *at, const json_t *object, const char *key, bool counts) {
    const double value = number_of(object, key);
    if (isnan(value) || value > 0 || (value == 0 && !counts)) return XLSTM_OK;
    return xl_fail(m->err, XLSTM_EFORMAT, "%s: line %zu: %s is %g, wanted a number over 0", at->path, at->number,
                   key, value);
}

static int check_trial(const import *m, const line *at, const json_t *trial) {
    int status = XLSTM_OK;
    for (int i = 0; i < m->metrics.count && !status; i++) {
        const char *name = m->metrics.at[i].name;
        if (strcmp(name, "kl") != 0) status = check_time(m, at, trial, name, true); /* a divergence may be 0 */
    }
    return status;
}

static int add_samples(import *m, const line *place, const json_t *list, int64_t trial, int64_t block) {
    const size_t n = json_array_size(list);
    tune_sample_row *rows = xl_array(n, sizeof *rows);
    size_t used = 0;
    if (!rows) return no_memory(m);
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(list, i);
        const char *why = json_string_value(json_object_get(s, "why"));
        const double at = number_of(s, "at");
        if (!json_is_object(s)) continue;
        const bool counts = !json_is_false(json_object_get(s, "used"));
        int bad = check_time(m, place, s, "prefill_s", counts);
        if (!bad) bad = check_time(m, place, s, "decode_s", counts);
        if (bad) {
            free(rows);
            return bad;
        }
        tune_sample_row *to = &rows[used++];
        *to = (tune_sample_row){.trial = trial,
                                .stage = "search",
                                .block = block,
                                .at = isfinite(at) ? at : -1, /* unknown */
                                .value = NAN,
                                .used = counts};
        for (int k = 0; k < TUNE_METRIC_PARTS; k++)
            to->parts[k] = number_of(s, tune_metrics_name(&m->metrics, tune_metrics_of_part(&m->metrics, k)));
        if (why) snprintf(to->why, sizeof to->why, "%s", why);
        to->causes = tune_causes_of_text(to->why);
    }
    int status = used ? tune_study_samples_add(m->study, m->run, rows, used, m->err) : XLSTM_OK;
    free(rows);
    return status;
}

static int read_samples(import *m, const char *path) {
    char *data;
    size_t bytes;
    line place = {path, 0};
    int status = xl_file_read(path, MOST_JSON, &data, &bytes, m->err);
    if (status) return status;
    int64_t trial = 0;
    for (char *at = data; at < data + bytes && !status;) {
        char *end = memchr(at, '\n', (size_t)(data + bytes - at));
        size_t length = end ? (size_t)(end - at) : (size_t)(data + bytes - at);
        place.number++;
        json_error_t bad;
        json_t *j = length ? json_loadb(at, length, JSON_DISABLE_EOF_CHECK, &bad) : NULL;
        if (j) {
            const json_t *index = json_object_get(j, "trial");
            int64_t row = json_is_integer(index) ? json_integer_value(index) : trial;
            status = check_trial(m, &place, j);
            if (!status) status = add_samples(m, &place, json_object_get(j, "samples"), row, row);
            if (!status)
                status = add_samples(m, &place, json_object_get(j, "baseline_samples"), TUNE_BASELINE_TRIAL, row);
            trial++;
        } else if (length && end) {
            /* A last line without a newline is left by a crash; any other unreadable line is an error. */
            status = xl_fail(m->err, XLSTM_EFORMAT, "%s: line %zu: %s", path, place.number, bad.text);
        }
        json_decref(j);
        at += length + 1;
    }
    free(data);
    return status;
}

/* ---- several objectives ---- */

/* Reads which trials are on the Pareto front, and of which objectives, into `front` of best.json and the run's
 * objective. */
static int read_front(import *m, const char *path) {
    xl_csv csv;
    int status = xl_csv_read(&csv, path, XL_CSV_BYTES, m->err);
    if (status) return status;
    json_t *front = json_array();
    int trial = xl_csv_column(&csv, "trial");
    if (trial < 0) status = xl_fail(m->err, XLSTM_EFORMAT, "%s: no column trial in the header", path);
    for (size_t c = 0; c < csv.columns && !status; c++) {
        const size_t used = strlen(m->objective);
        if (tune_metrics_find(&m->metrics, csv.cells[c]) < 0 || xl_csv_column(&m->csv, csv.cells[c]) < 0) continue;
        if (used + strlen(csv.cells[c]) + 2 > sizeof m->objective) break;
        snprintf(m->objective + used, sizeof m->objective - used, "%s%s", used ? "," : "", csv.cells[c]);
    }
    for (size_t row = 0; row < csv.rows && !status; row++) {
        double index;
        status = xl_csv_number(&csv, path, row, trial, &index, m->err);
        if (!status && index >= 0 && index < (double)m->csv.rows)
            json_array_append_new(front, json_integer((json_int_t)index));
    }
    xl_csv_free(&csv);
    if (!status && !m->best) m->best = json_object();
    if (!status) json_object_set(m->best, "front", front);
    json_decref(front);
    return status;
}

/* ---- the whole folder ---- */

static int optional(import *m, const char *name, int (*read)(import *, const char *)) {
    char *path = xl_path_join(m->folder, name);
    int status = path ? XLSTM_OK : no_memory(m);
    if (!status && xl_is_file(path)) status = read(m, path);
    free(path);
    return status;
}

static const char *text_of(const json_t *object, const char *key, const char *otherwise) {
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : otherwise;
}

static char *plain(const char *text) {
    return (char *)(uintptr_t)text;
}

static int add_run(import *m) {
    const char *objective =
        m->objective[0] ? m->objective : text_of(m->best, "objective", text_of(m->meta, "objective", ""));
    char *meta = m->meta ? json_dumps(m->meta, JSON_COMPACT | JSON_REAL_PRECISION(17)) : strdup("{}");
    char *space = json_dumps(m->space, JSON_COMPACT | JSON_REAL_PRECISION(17));
    char *best = m->best ? json_dumps(m->best, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    tune_run_row row = {.uid = plain("imported"),
                        .folder = plain(m->folder),
                        .backend = plain(text_of(m->meta, "backend", "")),
                        .state = plain(TUNE_RUN_FINISHED),
                        .mode = plain(text_of(m->meta, "mode", "")),
                        .objective = plain(objective),
                        .machine = plain(""),
                        .machine_info = plain("{}"),
                        .target = plain(""),
                        .version = plain(""),
                        .meta = meta,
                        .space = space,
                        .metrics = m->metrics};
    int status = meta && space && (best || !m->best) ? XLSTM_OK : no_memory(m);
    if (!status) status = tune_study_run_add(m->study, &row, m->err);
    if (!status && best) status = tune_study_run_update(m->study, row.id, NULL, NULL, NULL, best, m->err);
    m->run = row.id;
    free(meta);
    free(space);
    free(best);
    return status;
}

int tune_report_import(tune_study **study, int64_t *run, const char *folder, const json_t *meta,
                       tune_setting_fn known, xlstm_error *err) {
import m = {.folder = folder, .meta =(json_t *)(uintptr_t) meta, .is_setting = known, .err = err };
    tune_study_first_metrics(&m.metrics);
    char *path = xl_path_join(folder, "summary.csv");
    int status = path && (m.space = space_of(meta)) ? XLSTM_OK : no_memory(&m);
    if (!status && !xl_is_file(path))
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no summary.csv, wanted the folder of a run", folder);
    if (!status) status = xl_csv_read(&m.csv, path, XL_CSV_BYTES, err);
    if (!status) status = tune_report_read_object(&m.best, folder, "best.json", err);
    if (!status) status = optional(&m, "pareto.csv", read_front);
    if (!status) status = tune_study_open_memory(&m.study, err);
    if (!status) status = add_run(&m);
    if (!status) status = add_trials(&m, path);
    if (!status) status = optional(&m, "trials.jsonl", read_samples);
    xl_csv_free(&m.csv);
    json_decref(m.space);
    json_decref(m.best);
    free(path);
    if (status) tune_study_close(m.study);
    *study = status ? NULL : m.study;
    *run = m.run;
    return status;
}
