/* Reads a run of a study into a tune_report. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/report/import.h"
#include "tuner/report/report.h"
#include "tuner/study/study_address.h"

static const char *const original_settings[] = {"workers", "heads_per_band", "chunk_size"};
enum { ORIGINAL = sizeof original_settings / sizeof *original_settings };

static int no_memory(const char *what, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", what);
}

static bool is_original(const char *name) {
    for (int i = 0; i < ORIGINAL; i++) {
        if (!strcmp(name, original_settings[i])) return true;
    }
    return false;
}

/* ---- parameters and their levels ---- */

/* Returns a trial's value of a setting: its own, or else the baseline's. The scheduler ray uses workers only where
 * they were tuned. Returns false where there is no value. */
static bool setting_of(const tune_report *r, const tune_named_list *params, const char *name, tune_value *out) {
    const tune_value *own = tune_named_find(params, name);
    if (own) *out = *own;
    if (own || (!strcmp(name, "workers") && !strcmp(r->run.backend, "ray"))) return own;
    return tune_value_from_json(json_object_get(r->settings, name), out);
}

static char *value_text(tune_value value) {
    return value.text ? strdup(value.text) : xl_format("%.15g", value.number);
}

static int find_level(const tune_parameter *p, tune_value value) {
    for (size_t i = 0; i < p->levels; i++) {
        if (value.text ? isnan(p->number[i]) && !strcmp(p->text[i], value.text) : p->number[i] == value.number)
            return (int)i;
    }
    return -1;
}

/* Orders numbers ascending, and names after them. */
static bool is_before(double number, const char *text, double other, const char *other_text) {
    if (isnan(number) || isnan(other))
        return isnan(number) == isnan(other) ? strcmp(text, other_text) < 0 : isnan(other);
    return number < other;
}

static int add_level(tune_parameter *p, tune_value value, const char *folder, xlstm_error *err) {
    if (p->levels == TUNE_REPORT_LEVELS)
        return xl_fail(err, XLSTM_EFORMAT, "%s: %.60s has over %d different values", folder, p->name,
                       TUNE_REPORT_LEVELS);
    char *text = value_text(value);
    if (!text) return no_memory(folder, err);
    const double number = value.text ? NAN : value.number;
    size_t at = p->levels++;
    if (isnan(number)) p->numeric = false;
    for (; at && is_before(number, text, p->number[at - 1], p->text[at - 1]); at--) {
        p->number[at] = p->number[at - 1];
        p->text[at] = p->text[at - 1];
    }
    p->number[at] = number;
    p->text[at] = text;
    return XLSTM_OK;
}

static void clear_parameter(tune_parameter *p) {
    for (size_t i = 0; i < p->levels; i++) free((char *)(uintptr_t)p->text[i]);
    free(p->text);
    free(p->number);
    free((char *)(uintptr_t)p->name);
}

static bool is_parameter(const tune_parameter *p) {
    if (is_original(p->name)) return p->levels > 0;
    return p->levels > 1 || json_array_size(p->offered) > 1;
}

static int add_parameter(tune_report *r, const char *name, xlstm_error *err) {
    if (r->parameters == TUNE_REPORT_PARAMETERS) return XLSTM_OK;
    for (size_t p = 0; p < r->parameters; p++) {
        if (!strcmp(r->parameter[p].name, name)) return XLSTM_OK;
    }
    tune_parameter *p = &r->parameter[r->parameters];
    const json_t *offered = json_object_get(r->space, name);
    *p =
        (tune_parameter){.name = strdup(name), .numeric = true, .offered = json_is_array(offered) ? offered : NULL};
    p->text = xl_array(r->trials + 1, sizeof *p->text);
    p->number = xl_array(r->trials + 1, sizeof *p->number);
    int status = p->name && p->text && p->number ? XLSTM_OK : no_memory(r->folder, err);
    for (size_t i = 0; i < r->trials && !status; i++) {
        tune_value value;
        if (setting_of(r, &r->stored[i].params, name, &value) && find_level(p, value) < 0)
            status = add_level(p, value, r->folder, err);
    }
    if (!status && is_parameter(p)) {
        r->parameters++;
    } else {
        clear_parameter(p);
    }
    return status;
}

/* Collects the parameters: the original's three, then those of the space, then others that trials have. */
static int read_parameters(tune_report *r, xlstm_error *err) {
    int status = XLSTM_OK;
    const char *name;
    json_t *value;
    for (int i = 0; i < ORIGINAL && !status; i++) status = add_parameter(r, original_settings[i], err);
    json_object_foreach(r->space, name, value) {
        if (!status && json_is_array(value)) status = add_parameter(r, name, err);
    }
    for (size_t i = 0; i < r->trials && !status; i++) {
        const tune_named_list *params = &r->stored[i].params;
        for (size_t k = 0; k < params->count && !status; k++) status = add_parameter(r, params->item[k].name, err);
    }
    return status;
}

/* ---- trials ---- */

static double metric_of(const tune_report *r, const tune_trial_row *t, const char *name) {
    const int metric = tune_metrics_find(&r->run.metrics, name);
    return metric < 0 ? NAN : t->metric[metric];
}

static double apart_of(const tune_report *r, const tune_trial_row *t, int which) {
    const int metric = r->run.metrics.apart[which];
    return metric < 0 ? NAN : t->metric[metric];
}

static void read_trial(tune_report *r, size_t i) {
    const tune_trial_row *from = &r->stored[i];
    tune_report_trial *t = &r->trial[i];
    *t = (tune_report_trial){.row = i,
                             .ok = from->status == TUNE_TRIAL_OK || from->status == TUNE_TRIAL_DUPLICATE,
                             .duplicate = from->status == TUNE_TRIAL_DUPLICATE,
                             .prefill_tok_s = metric_of(r, from, "prefill_tok_s"),
                             .decode_tok_s = metric_of(r, from, "decode_tok_s"),
                             .part_s = {apart_of(r, from, 0), apart_of(r, from, 1)},
                             .request_s = from->metric[r->run.metrics.seconds],
                             .ratio = from->value,
                             .ppl = NAN};
    for (size_t p = 0; p < r->parameters; p++) {
        tune_value value;
        const bool there = setting_of(r, &from->params, r->parameter[p].name, &value);
        t->level[p] = there ? find_level(&r->parameter[p], value) : -1;
    }
}

/* Sets the value that the search minimised: the ratio, or where the folder has none, the request's time. */
static void read_values(tune_report *r) {
    bool ratios = false;
    for (size_t i = 0; i < r->trials; i++) ratios |= r->trial[i].ok && r->trial[i].ratio > 0;
    for (size_t i = 0; i < r->trials; i++) r->trial[i].value = ratios ? r->trial[i].ratio : r->trial[i].request_s;
}

static int read_trials(tune_report *r, tune_study *study, xlstm_error *err) {
    int status = tune_study_trials(study, r->run.id, &r->stored, &r->trials, err);
    if (status) return status;
    r->counts = tune_trials_count(r->stored, r->trials);
    r->trial = xl_array(r->trials + 1, sizeof *r->trial);
    if (!r->trial) status = no_memory(r->folder, err);
    if (!status) status = read_parameters(r, err);
    for (size_t i = 0; i < r->trials && !status; i++) read_trial(r, i);
    read_values(r);
    return status;
}

/* ---- samples ---- */

static int by_time(const void *a, const void *b) {
    double x = ((const tune_report_sample *)a)->at, y = ((const tune_report_sample *)b)->at;
    return (x > y) - (x < y);
}

static double part_of(const tune_report *r, const tune_sample_row *s, int metric) {
    const int part = metric < 0 ? -1 : r->run.metrics.at[metric].part;
    return part < 0 ? NAN : s->parts[part];
}

/* Finds the metric that the search compared in every sample. Where the first objective is derived from a part, as
 * tokens a second are from a time, it is the metric of the part by which samples were compared. */
static int noisy_metric(const tune_report *r, const tune_sample_row *rows, size_t count) {
    const tune_metrics *metrics = &r->run.metrics;
    const int objective = tune_metrics_find_first(metrics, r->run.objective);
    if (objective < 0 || objective == metrics->seconds) return metrics->seconds;
    if (metrics->at[objective].of_point) return metrics->seconds;
    if (metrics->at[objective].part >= 0) return objective;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(rows[i].value)) continue;
        for (int part = 0; part < metrics->parts; part++) {
            const int metric = tune_metrics_of_part(metrics, part);
            if (metric >= 0 && rows[i].parts[part] == rows[i].value) return metric;
        }
        break;
    }
    return metrics->seconds;
}

static tune_report_sample report_sample(const tune_report *r, const tune_sample_row *s) {
    const tune_metrics *metrics = &r->run.metrics;
    const double first = part_of(r, s, metrics->apart[0]), second = part_of(r, s, metrics->apart[1]);
    const double part = part_of(r, s, metrics->seconds), whole = isfinite(part) ? part : first + second;
    return (tune_report_sample){.trial = s->trial == TUNE_BASELINE_TRIAL ? -1 : (long)s->trial,
                                .at = s->at >= 0 ? s->at : NAN,
                                .part_s = {first, second},
                                .request_s = whole,
                                .seen = r->noisy == metrics->seconds ? whole : part_of(r, s, r->noisy),
                                .used = s->used,
                                .causes = s->causes};
}

static int read_samples(tune_report *r, tune_study *study, xlstm_error *err) {
    tune_sample_row *rows = NULL;
    size_t count = 0;
    int status = tune_study_samples(study, r->run.id, &rows, &count, err);
    if (!status && !(r->sample = xl_array(count + 1, sizeof *r->sample))) status = no_memory(r->folder, err);
    r->noisy = noisy_metric(r, rows, count);
    for (size_t i = 0; i < count && !status; i++) {
        const tune_sample_row *s = &rows[i];
        if (s->process > 0 || !strcmp(s->stage, "final")) continue; /* those of the last comparison */
        r->sample[r->samples++] = report_sample(r, s);
    }
    if (r->samples) qsort(r->sample, r->samples, sizeof *r->sample, by_time);
    free(rows);
    return status;
}

/* ---- several objectives, the result, ratings ---- */

static void read_objectives(tune_report *r) {
    const json_t *front = json_object_get(r->best, "front");
    char names[256], *rest = names;
    if (!json_is_array(front) || !strchr(r->run.objective, ',')) return;
    snprintf(names, sizeof names, "%s", r->run.objective);
    for (char *name; (name = strsep(&rest, ",")) && r->objectives < TUNE_REPORT_OBJECTIVES;) {
        const int metric = tune_metrics_find(&r->run.metrics, name);
        if (metric < 0) continue;
        for (size_t i = 0; i < r->trials; i++) r->trial[i].objective[r->objectives] = r->stored[i].metric[metric];
        r->objective[r->objectives++] = tune_metrics_name(&r->run.metrics, metric);
    }
    for (size_t i = 0; i < json_array_size(front); i++) {
        const json_int_t trial = json_integer_value(json_array_get(front, i));
        if (trial >= 0 && (size_t)trial < r->trials) r->trial[trial].front = true;
    }
}

/* Whether a trial has the parameters that an object names, as far as both have values of them. */
static bool has_params(const tune_report *r, const tune_report_trial *t, const json_t *params) {
    int known = 0;
    for (size_t p = 0; p < r->parameters; p++) {
        tune_value want;
        if (t->level[p] < 0 || !tune_value_from_json(json_object_get(params, r->parameter[p].name), &want))
            continue;
        if (find_level(&r->parameter[p], want) != t->level[p]) return false;
        known++;
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

static int read_ratings(tune_report *r, const char *path, xlstm_error *err) {
    xl_csv csv;
    int status = xl_csv_read(&csv, path, XL_CSV_BYTES, err);
    if (status) return status;
    int file = xl_csv_column(&csv, "file"), ppl = xl_csv_column(&csv, "ppl");
    if (file < 0 || ppl < 0) status = xl_fail(err, XLSTM_EFORMAT, "%s: no columns file and ppl", path);
    for (size_t row = 0; row < csv.rows && !status; row++) {
        const char *name = xl_csv_cell(&csv, row, file), *mark = strstr(name, "__i=");
        double value;
        status = xl_csv_number(&csv, path, row, ppl, &value, err);
        if (status || !mark || isnan(value)) continue;
        char *end;
        errno = 0;
        unsigned long i = strtoul(mark + 4, &end, 10);
        if (end == mark + 4 || errno || i >= r->trials)
            continue; /* the file belongs to a run that was changed since */
        r->rated += isnan(r->trial[i].ppl);
        r->trial[i].ppl = value;
    }
    xl_csv_free(&csv);
    return status;
}

static int find_ratings(tune_report *r, xlstm_error *err) {
    char *path = xl_path_join(r->folder, "outputs/ratings.csv");
    int status = path ? XLSTM_OK : no_memory(r->folder, err);
    if (!status && xl_is_file(path)) status = read_ratings(r, path, err);
    free(path);
    return status;
}

/* ---- the run ---- */

/* Opens the run's study: its own, or the shared one that run_meta.json names. *study is NULL where there is
 * none. */
static int open_study(tune_report *r, tune_study **study, xlstm_error *err) {
    const char *file = json_string_value(json_object_get(r->meta, "study"));
    const char *uid = json_string_value(json_object_get(r->meta, "uid"));
    char *path = tune_study_in_folder(r->folder, file ? file : TUNE_STUDY_FILE);
    *study = NULL;
    int status = path ? XLSTM_OK : no_memory(r->folder, err);
    if (!status && (xl_is_file(path) || tune_study_is_server(path))) {
        status = tune_study_open_reading(study, path, err);
        if (!status) status = tune_study_run_find(*study, uid, &r->run, err);
        if (status) {
            tune_study_close(*study);
            *study = NULL;
        }
        if (status == XLSTM_ENOTFOUND)
            status = XLSTM_OK; /* the run was removed from the study, so only the files remain */
    }
    free(path);
    return status;
}

static int find_run(tune_report *r, tune_study **study, tune_setting_fn is_setting, xlstm_error *err) {
    int status = tune_report_read_object(&r->meta, r->folder, "run_meta.json", err);
    if (!status) status = open_study(r, study, err);
    if (status || *study) return status;
    int64_t run;
    char name[32];
    r->imported = true;
    status = tune_report_import(study, &run, r->folder, r->meta, is_setting, err);
    snprintf(name, sizeof name, "%lld", (long long)run);
    return status ? status : tune_study_run_find(*study, name, &r->run, err);
}

/* Parses JSON that the study stores as text. */
static json_t *object_of(const char *text) {
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(j)) return j;
    json_decref(j);
    return NULL;
}

static void read_objects(tune_report *r) {
    json_t *baseline = object_of(r->run.baseline);
    json_t *settings = json_object_get(baseline, "settings");
    if (!json_is_object(settings)) settings = r->imported ? NULL : json_object_get(r->meta, "settings");
    r->settings = json_incref(settings);
    r->space = object_of(r->run.space);
    json_object_del(r->space, "conditions"); /* these are not settings but relations between them */
    r->best = object_of(r->run.result);
    const json_t *points = json_object_get(r->meta, "points");
    if (json_is_integer(points) && json_integer_value(points) > 0) r->points = (size_t)json_integer_value(points);
    json_decref(baseline);
}

/* Reads everything of r->run, which is of this study. */
static int read_run(tune_report *r, tune_study *study, xlstm_error *err) {
    read_objects(r);
    int status = read_trials(r, study, err);
    if (!status) status = read_samples(r, study, err);
    if (!status) status = find_ratings(r, err);
    if (status) return status;
    read_objectives(r);
    r->winner = find_row(r, "params");
    r->challenger = find_row(r, "challenger");
    return XLSTM_OK;
}

int tune_report_read(tune_report **out, const char *folder, tune_setting_fn is_setting, xlstm_error *err) {
    tune_report *r = calloc(1, sizeof *r);
    tune_study *study = NULL;
    int status = XLSTM_OK;
    if (!r || !(r->folder = xl_path_join("", folder))) status = no_memory(folder, err);
    if (!status && !xl_is_folder(folder)) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no such run folder", folder);
    for (size_t n = status ? 0 : strlen(r->folder); n > 1 && r->folder[n - 1] == '/';) r->folder[--n] = '\0';
    if (!status) status = find_run(r, &study, is_setting, err);
    if (!status) status = read_run(r, study, err);
    tune_study_close(study);
    if (status) {
        tune_report_free(r);
        return status;
    }
    *out = r;
    return XLSTM_OK;
}

int tune_report_read_from(tune_report **out, const char *study_path, const char *uid, xlstm_error *err) {
    tune_report *r = calloc(1, sizeof *r);
    tune_study *study = NULL;
    int status = r ? tune_study_open_reading(&study, study_path, err) : no_memory(study_path, err);
    if (!status) status = tune_study_run_find(study, uid, &r->run, err);
    if (!status && !(r->folder = strdup(r->run.folder ? r->run.folder : ""))) status = no_memory(study_path, err);
    if (!status) {
        r->meta = object_of(r->run.meta);
        status = read_run(r, study, err);
    }
    tune_study_close(study);
    if (status) {
        tune_report_free(r);
        return status;
    }
    *out = r;
    return XLSTM_OK;
}

void tune_report_free(tune_report *r) {
    if (!r) return;
    for (size_t p = 0; p < r->parameters; p++) clear_parameter(&r->parameter[p]);
    tune_trial_rows_free(r->stored, r->trials);
    tune_run_row_clear(&r->run);
    free(r->trial);
    free(r->sample);
    json_decref(r->meta);
    json_decref(r->space);
    json_decref(r->best);
    json_decref(r->settings);
    free(r->folder);
    free(r);
}
