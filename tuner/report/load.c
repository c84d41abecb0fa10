/* A run folder's files into a tune_report. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/report/report.h"

#define MOST_JSON ((size_t)256 << 20)

static int no_memory(const char *what, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", what);
}

/* Columns that are results or marks, not settings. */
static bool is_result(const char *name) {
    static const char *const names[] = {
        "backend",   "prefill_tok_s", "decode_tok_s", "prefill_s", "decode_s", "trial", "status",  "duplicate_of",
        "request_s", "ttft_ms",       "peak_mb",      "kl",        "energy_j", "ratio", "samples", "token_hash",
        "reason",    "avg_logprob",   "ppl",          "spread",    "seconds",  "value", "started", "baseline",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(name, names[i])) return true;
    }
    return false;
}

static bool is_original(const char *name) {
    return !strcmp(name, "workers") || !strcmp(name, "heads_per_band") || !strcmp(name, "chunk_size");
}

/* ---- parameters and their levels ---- */

static bool parse_number(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

typedef struct level {
    double number;
    const char *text;
} level;

static int by_number(const void *a, const void *b) {
    const level *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Numbers among names come first, in their order. */
static int by_name(const void *a, const void *b) {
    const level *x = a, *y = b;
    double p, q;
    const bool left = parse_number(x->text, &p), right = parse_number(y->text, &q);
    if (left && right && p != q) return p < q ? -1 : 1;
    return left != right ? right - left : strcmp(x->text, y->text);
}

static bool same_level(const tune_parameter *p, size_t i, const char *cell, double number) {
    return p->numeric ? p->number[i] == number : !strcmp(p->text[i], cell);
}

static int find_level(const tune_parameter *p, const char *cell) {
    double number = NAN;
    if (!*cell) return -1;
    parse_number(cell, &number);
    for (size_t i = 0; i < p->levels; i++) {
        if (same_level(p, i, cell, number)) return (int)i;
    }
    return -1;
}

static int read_levels(const tune_csv *csv, tune_parameter *p, const char *path, xlstm_error *err) {
    p->text = xl_array(csv->rows + 1, sizeof *p->text);
    p->number = xl_array(csv->rows + 1, sizeof *p->number);
    level *sorted = xl_array(csv->rows + 1, sizeof *sorted);
    int status = p->text && p->number && sorted ? 0 : no_memory(path, err);
    double number;
    p->numeric = true;
    for (size_t r = 0; r < csv->rows && !status; r++) {
        const char *cell = tune_csv_cell(csv, r, p->column);
        if (*cell && !parse_number(cell, &number)) p->numeric = false;
    }
    for (size_t r = 0; r < csv->rows && !status; r++) {
        const char *cell = tune_csv_cell(csv, r, p->column);
        if (!*cell || find_level(p, cell) >= 0) continue;
        if (p->levels == TUNE_REPORT_LEVELS) {
            status = xl_fail(err, XLSTM_EFORMAT, "%s: %.60s has over %d different values", path, p->name,
                             TUNE_REPORT_LEVELS);
            break;
        }
        p->number[p->levels] = NAN;
        if (p->numeric) parse_number(cell, &p->number[p->levels]);
        p->text[p->levels++] = cell;
    }
    if (!status) {
        for (size_t i = 0; i < p->levels; i++) sorted[i] = (level){p->number[i], p->text[i]};
        qsort(sorted, p->levels, sizeof *sorted, p->numeric ? by_number : by_name);
        for (size_t i = 0; i < p->levels; i++) {
            p->number[i] = sorted[i].number;
            p->text[i] = sorted[i].text;
        }
    }
    free(sorted);
    return status;
}

static int read_parameters(tune_report *r, const char *path, xlstm_error *err) {
    const tune_csv *csv = &r->csv;
    for (size_t c = 0; c < csv->columns; c++) {
        const char *name = csv->header[c];
        if (is_result(name) || !*name || tune_csv_column(csv, name) != (int)c) continue;
        if (r->parameters == TUNE_REPORT_PARAMETERS) break;
        tune_parameter *p = &r->parameter[r->parameters++];
        *p = (tune_parameter){.name = name, .column = (int)c};
        int status = read_levels(csv, p, path, err);
        if (status) return status;
        bool wanted = is_original(name) ? p->levels > 0 : p->levels > 1;
        if (wanted) continue;
        free(p->text);
        free(p->number);
        r->parameters--;
    }
    return 0;
}

/* ---- trials ---- */

static int read_trials(tune_report *r, const char *path, xlstm_error *err) {
    static const char *const needed[] = {"prefill_tok_s", "decode_tok_s"};
    const tune_csv *csv = &r->csv;
    for (int i = 0; i < 2; i++) {
        if (tune_csv_column(csv, needed[i]) < 0) {
            return xl_fail(err, XLSTM_EFORMAT, "%s: no column %s in the header", path, needed[i]);
        }
    }
    r->trial = xl_array(csv->rows + 1, sizeof *r->trial);
    if (!r->trial) return no_memory(path, err);
    int status_column = tune_csv_column(csv, "status");
    bool ratios = false;
    for (size_t row = 0; row < csv->rows; row++) {
        tune_report_trial *t = &r->trial[row];
        *t = (tune_report_trial){.row = row, .ppl = NAN};
        struct {
            const char *name;
            double *to;
        } numbers[] = {{"prefill_tok_s", &t->prefill_tok_s}, {"decode_tok_s", &t->decode_tok_s},
                       {"prefill_s", &t->prefill_s},         {"decode_s", &t->decode_s},
                       {"request_s", &t->request_s},         {"ratio", &t->ratio}};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            int s = tune_csv_number(csv, path, row, tune_csv_column(csv, numbers[i].name), numbers[i].to, err);
            if (s) return s;
        }
        if (isnan(t->request_s)) t->request_s = t->prefill_s + t->decode_s;
        const char *status = tune_csv_cell(csv, row, status_column);
        t->duplicate = !strcmp(status, "duplicate");
        t->ok = status_column < 0 || !strcmp(status, "ok") || t->duplicate;
        ratios |= t->ok && t->ratio > 0;
        for (size_t p = 0; p < r->parameters; p++) {
            t->level[p] = find_level(&r->parameter[p], tune_csv_cell(csv, row, r->parameter[p].column));
        }
    }
    r->trials = csv->rows;
    for (size_t i = 0; i < r->trials; i++) r->trial[i].value = ratios ? r->trial[i].ratio : r->trial[i].request_s;
    return 0;
}

/* ---- samples ---- */

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int add_samples(tune_report *r, size_t *room, const json_t *list, long trial, const char *path,
                       xlstm_error *err) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        if (!json_is_object(s)) continue;
        if (r->samples == *room) {
            size_t more = *room ? 2 * *room : 256;
            tune_report_sample *grown = realloc(r->sample, more * sizeof *grown);
            if (!grown) return no_memory(path, err);
            r->sample = grown;
            *room = more;
        }
        tune_report_sample *to = &r->sample[r->samples++];
        *to = (tune_report_sample){.trial = trial,
                                   .at = number_of(s, "at"),
                                   .prefill_s = number_of(s, "prefill_s"),
                                   .decode_s = number_of(s, "decode_s"),
                                   .used = !json_is_false(json_object_get(s, "used"))};
        const char *why = json_string_value(json_object_get(s, "why"));
        if (why) snprintf(to->why, sizeof to->why, "%s", why);
    }
    return 0;
}

static int read_samples(tune_report *r, const char *path, xlstm_error *err) {
    char *data;
    size_t bytes, room = 0, line = 0;
    int status = xl_file_read(path, MOST_JSON, &data, &bytes, err);
    if (status) return status;
    long trial = 0;
    for (char *at = data; at < data + bytes && !status;) {
        char *end = memchr(at, '\n', (size_t)(data + bytes - at));
        size_t length = end ? (size_t)(end - at) : (size_t)(data + bytes - at);
        line++;
        json_error_t bad;
        json_t *j = length ? json_loadb(at, length, JSON_DISABLE_EOF_CHECK, &bad) : NULL;
        if (j) {
            const json_t *index = json_object_get(j, "trial");
            long row = json_is_integer(index) ? (long)json_integer_value(index) : trial;
            status = add_samples(r, &room, json_object_get(j, "samples"), row, path, err);
            if (!status) status = add_samples(r, &room, json_object_get(j, "baseline_samples"), -1, path, err);
            trial++;
        } else if (length && end) {
            /* A last line without its newline is what a crash leaves; any other is damage. */
            status = xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: %s", path, line, bad.text);
        }
        json_decref(j);
        at += length + 1;
    }
    free(data);
    return status;
}

static int by_time(const void *a, const void *b) {
    double x = ((const tune_report_sample *)a)->at, y = ((const tune_report_sample *)b)->at;
    return (x > y) - (x < y);
}

/* ---- ratings, best.json ---- */

static int read_ratings(tune_report *r, const char *path, xlstm_error *err) {
    tune_csv csv;
    int status = tune_csv_read(&csv, path, err);
    if (status) return status;
    int file = tune_csv_column(&csv, "file"), ppl = tune_csv_column(&csv, "ppl");
    if (file < 0 || ppl < 0) status = xl_fail(err, XLSTM_EFORMAT, "%s: no columns file and ppl", path);
    for (size_t row = 0; row < csv.rows && !status; row++) {
        const char *name = tune_csv_cell(&csv, row, file), *mark = strstr(name, "__i=");
        double value;
        status = tune_csv_number(&csv, path, row, ppl, &value, err);
        if (status || !mark || isnan(value)) continue;
        char *end;
        errno = 0;
        unsigned long i = strtoul(mark + 4, &end, 10);
        if (end == mark + 4 || errno || i >= r->trials) continue; /* of a run that was changed since */
        r->rated += isnan(r->trial[i].ppl);
        r->trial[i].ppl = value;
    }
    tune_csv_clear(&csv);
    return status;
}

/* Which trials no other beats, and in what. */
static int read_front(tune_report *r, const char *path, xlstm_error *err) {
    static const char *const metrics[] = {"request_s", "prefill_s", "decode_s", "prefill_tok_s", "decode_tok_s",
                                          "ttft_ms",   "peak_mb",   "kl",       "energy_j",      "ppl"};
    tune_csv csv;
    int status = tune_csv_read(&csv, path, err);
    if (status) return status;
    int trial = tune_csv_column(&csv, "trial");
    if (trial < 0) status = xl_fail(err, XLSTM_EFORMAT, "%s: no column trial in the header", path);
    for (size_t c = 0; c < csv.columns && r->objectives < TUNE_REPORT_OBJECTIVES && !status; c++) {
        for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
            if (strcmp(csv.header[c], metrics[m]) || tune_csv_column(&r->csv, metrics[m]) < 0) continue;
            r->objective[r->objectives++] = metrics[m];
            break;
        }
    }
    for (size_t row = 0; row < csv.rows && !status; row++) {
        double index;
        status = tune_csv_number(&csv, path, row, trial, &index, err);
        if (!status && index >= 0 && index < (double)r->trials) r->trial[(size_t)index].front = true;
    }
    tune_csv_clear(&csv);
    for (size_t i = 0; i < r->trials; i++) {
        for (int k = 0; k < r->objectives && !status; k++) {
            int column = tune_csv_column(&r->csv, r->objective[k]);
            status = tune_csv_number(&r->csv, path, r->trial[i].row, column, &r->trial[i].objective[k], err);
        }
    }
    return status;
}

static int read_object(json_t **out, const char *path, xlstm_error *err) {
    char *data;
    size_t bytes;
    int status = xl_file_read(path, MOST_JSON, &data, &bytes, err);
    if (status) return status;
    json_error_t bad;
    *out = json_loadb(data, bytes, 0, &bad);
    free(data);
    if (!*out) return xl_fail(err, XLSTM_EFORMAT, "%s: line %d: %s", path, bad.line, bad.text);
    if (json_is_object(*out)) return 0;
    json_decref(*out);
    *out = NULL;
    return xl_fail(err, XLSTM_EFORMAT, "%s: wanted a JSON object", path);
}

/* Whether a trial has the parameters that an object names, as far as both know them. */
static bool has_params(const tune_report *r, const tune_report_trial *t, const json_t *params) {
    int known = 0;
    for (size_t p = 0; p < r->parameters; p++) {
        const json_t *want = json_object_get(params, r->parameter[p].name);
        if (!want || json_is_null(want)) continue;
        if (t->level[p] < 0) continue;
        known++;
        double number = r->parameter[p].number[t->level[p]];
        if (json_is_number(want) ? !(number == json_number_value(want))
                                 : strcmp(json_string_value(want) ? json_string_value(want) : "",
                                          r->parameter[p].text[t->level[p]]) != 0) {
            return false;
        }
    }
    return known > 0;
}

static long find_row(const tune_report *r, const char *key) {
    const json_t *params = json_object_get(r->best, key);
    long row = -1;
    for (size_t i = 0; i < r->trials && params; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (!t->ok || t->duplicate || !has_params(r, t, params)) continue;
        if (row < 0 || t->value < r->trial[row].value) row = (long)i;
    }
    return row;
}

static int read_optional(tune_report *r, const char *name, int (*read)(tune_report *, const char *, xlstm_error *),
                         json_t **object, xlstm_error *err) {
    char *path = xl_path_join(r->folder, name);
    int status = path ? 0 : no_memory(name, err);
    if (!status && xl_is_file(path)) status = read ? read(r, path, err) : read_object(object, path, err);
    free(path);
    return status;
}

int tune_report_read(tune_report **out, const char *folder, xlstm_error *err) {
    tune_report *r = calloc(1, sizeof *r);
    char *path = xl_path_join(folder, "summary.csv");
    int status = 0;
    if (!r || !path || !(r->folder = xl_path_join("", folder))) status = no_memory(folder, err);
    if (!status && !xl_is_folder(folder)) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no such run folder", folder);
    if (!status && !xl_is_file(path)) {
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no summary.csv, wanted the folder of a run", folder);
    }
    if (!status) status = tune_csv_read(&r->csv, path, err);
    if (!status) status = read_parameters(r, path, err);
    if (!status) status = read_trials(r, path, err);
    if (!status) status = read_optional(r, "trials.jsonl", read_samples, NULL, err);
    if (!status) status = read_optional(r, "outputs/ratings.csv", read_ratings, NULL, err);
    if (!status) status = read_optional(r, "pareto.csv", read_front, NULL, err);
    if (!status) status = read_optional(r, "run_meta.json", NULL, &r->meta, err);
    if (!status) status = read_optional(r, "best.json", NULL, &r->best, err);
    free(path);
    if (status) {
        tune_report_free(r);
        return status;
    }
    if (r->samples) qsort(r->sample, r->samples, sizeof *r->sample, by_time);
    for (size_t n = strlen(r->folder); n > 1 && r->folder[n - 1] == '/';) r->folder[--n] = '\0';
    r->winner = find_row(r, "params");
    r->challenger = find_row(r, "challenger");
    *out = r;
    return 0;
}

void tune_report_free(tune_report *r) {
    if (!r) return;
    for (size_t p = 0; p < r->parameters; p++) {
        free(r->parameter[p].text);
        free(r->parameter[p].number);
    }
    tune_csv_clear(&r->csv);
    free(r->trial);
    free(r->sample);
    json_decref(r->meta);
    json_decref(r->best);
    free(r->folder);
    free(r);
}
