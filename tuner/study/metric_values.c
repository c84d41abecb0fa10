/* Converts metrics (by name) and parts of samples (in order) to the JSON text that the database stores, and
 * back. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/study/plain_json.h"
#include "tuner/study/study_impl.h"

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static double value_of(const json_t *j) {
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static char *dumped(json_t *j) {
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(j);
    return text;
}

char *tune_study_metric_text(const tune_metrics *metrics, const double *values) {
    json_t *j = json_object();
    for (int i = 0; i < metrics->count; i++) json_object_set_new(j, metrics->at[i].name, number(values[i]));
    return dumped(j);
}

void tune_study_read_metrics(const tune_metrics *metrics, const char *text, double values[TUNE_METRICS]) {
    if (text && tune_plain_metrics(text, metrics, values)) return;
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    for (int i = 0; i < TUNE_METRICS; i++)
        values[i] = i < metrics->count ? value_of(json_object_get(j, metrics->at[i].name)) : NAN;
    json_decref(j);
}

char *tune_study_part_text(const tune_metrics *metrics, const double *parts) {
    json_t *j = json_array();
    for (int i = 0; i < metrics->parts; i++) json_array_append_new(j, number(parts[i]));
    return dumped(j);
}

void tune_study_read_parts(const char *text, double parts[TUNE_METRIC_PARTS]) {
    double plain[TUNE_PLAIN_NUMBERS];
    size_t count;
    if (text && tune_plain_numbers(text, plain, &count)) {
        for (size_t i = 0; i < TUNE_METRIC_PARTS; i++) parts[i] = i < count ? plain[i] : NAN;
        return;
    }
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    for (int i = 0; i < TUNE_METRIC_PARTS; i++) parts[i] = value_of(json_array_get(j, (size_t)i));
    json_decref(j);
}

int tune_study_metrics(tune_study *s, int64_t run, const tune_metrics **out, xlstm_error *err) {
    *out = &s->metrics;
    if (s->metrics_run == run) return XLSTM_OK;
    tune_rows *q;
    bool ok = true;
    s->metrics_run = 0;
    int status =
        tune_study_query(s, &q, "reading a run's metrics", err, "SELECT metrics FROM run WHERE id = $1", "i", run);
    if (status) return status;
    const bool found = tune_rows_next(s, q, &status, err);
    char *text = found ? tune_study_text(s, q, 0, &ok) : NULL;
    tune_rows_end(s, q);
    if (text) status = tune_metrics_parse(&s->metrics, text, err);
    else if (found) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    else if (!status) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no run %lld", s->path, (long long)run);
    free(text);
    if (!status) s->metrics_run = run;
    return status;
}

void tune_study_first_metrics(tune_metrics *out) {
    (void)tune_metrics_parse(out, tune_study_metrics_0, NULL);
}
