#include "tuner/metric/metric.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

int tune_metrics_find(const tune_metrics *metrics, const char *name) {
    for (int i = 0; name && i < metrics->count; i++) {
        if (!strcmp(metrics->at[i].name, name)) return i;
    }
    return -1;
}

int tune_metrics_find_first(const tune_metrics *m, const char *names) {
    char name[sizeof m->at->name];
    const size_t length = strcspn(names, ",");
    if (length >= sizeof name) return -1;
    snprintf(name, sizeof name, "%.*s", (int)length, names);
    return tune_metrics_find(m, name);
}

int tune_metrics_of_part(const tune_metrics *metrics, int part) {
    for (int i = 0; i < metrics->count; i++) {
        if (metrics->at[i].part == part) return i;
    }
    return -1;
}

const char *tune_metrics_name(const tune_metrics *metrics, int index) {
    return index >= 0 && index < metrics->count ? metrics->at[index].name : "";
}

double tune_metric_cost(const tune_metric *metric, double value) {
    if (isnan(value)) return INFINITY;
    return metric->larger_is_better ? -value : value;
}

char *tune_metrics_text(const tune_metrics *metrics) {
    json_t *list = json_array();
    for (int i = 0; i < metrics->count; i++) {
        const tune_metric *m = &metrics->at[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:i, s:f, s:f, s:i}", "name", m->name, "unit",
                                              m->unit, "larger_is_better", m->larger_is_better, "of_point",
                                              m->of_point, "part", m->part, "least", m->least, "least_share",
                                              m->least_share, "affected", (int)m->affected));
    }
    json_t *j =
        json_pack("{s:i, s:i, s:i, s:[i, i], s:o}", "parts", metrics->parts, "objective", metrics->objective,
                  "seconds", metrics->seconds, "apart", metrics->apart[0], metrics->apart[1], "metrics", list);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    return text;
}

/* Reads an index into the list, or -1 for none. Returns false for anything else. */
static bool read_index(const json_t *j, int count, int *out) {
    *out = (int)json_integer_value(j);
    return json_is_integer(j) && *out >= -1 && *out < count;
}

static bool read_metric(const json_t *j, tune_metric *m) {
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *unit = json_string_value(json_object_get(j, "unit"));
    if (!name || !unit || strlen(name) >= sizeof m->name || strlen(unit) >= sizeof m->unit) return false;
    *m = (tune_metric){.larger_is_better = json_is_true(json_object_get(j, "larger_is_better")),
                       .of_point = json_is_true(json_object_get(j, "of_point")),
                       .least = json_number_value(json_object_get(j, "least")),
                       .least_share = json_number_value(json_object_get(j, "least_share")),
                       .affected = (unsigned)json_integer_value(json_object_get(j, "affected"))};
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->unit, sizeof m->unit, "%s", unit);
    return read_index(json_object_get(j, "part"), TUNE_METRIC_PARTS, &m->part);
}

int tune_metrics_parse(tune_metrics *metrics, const char *text, xlstm_error *err) {
    json_error_t bad;
    json_t *j = json_loads(text, 0, &bad);
    const json_t *list = json_object_get(j, "metrics"), *apart = json_object_get(j, "apart");
    const size_t count = json_array_size(list);
    *metrics = (tune_metrics){.count = (int)count};
    bool ok = count > 0 && count <= TUNE_METRICS;
    for (size_t i = 0; ok && i < count; i++) ok = read_metric(json_array_get(list, i), &metrics->at[i]);
    ok = ok && read_index(json_object_get(j, "parts"), TUNE_METRIC_PARTS + 1, &metrics->parts) &&
         read_index(json_object_get(j, "objective"), (int)count, &metrics->objective) && metrics->objective >= 0 &&
         read_index(json_object_get(j, "seconds"), (int)count, &metrics->seconds) && metrics->seconds >= 0 &&
         read_index(json_array_get(apart, 0), (int)count, &metrics->apart[0]) &&
         read_index(json_array_get(apart, 1), (int)count, &metrics->apart[1]);
    json_decref(j);
    return ok ? XLSTM_OK : xl_fail(err, XLSTM_EFORMAT, "the list of metrics is damaged: '%.80s'", text);
}

void tune_metrics_stem(const tune_metrics *metrics, int index, char stem[32]) {
    const char *name = tune_metrics_name(metrics, index), *unit = index < 0 ? "" : metrics->at[index].unit;
    const size_t length = strlen(name), tail = strlen(unit) + 1;
    snprintf(stem, 32, "%s", name);
    if (length > tail && name[length - tail] == '_' && !strcmp(name + length - tail + 1, unit))
        stem[length - tail] = 0;
}

/* "request_s, prefill_s or ppl"; malloc'd. */
static char *metric_names(const tune_metrics *metrics) {
    char *text = strdup("");
    for (int i = 0; text && i < metrics->count; i++) {
        const char *between = i == 0 ? "" : i + 1 == metrics->count ? " or " : ", ";
        char *grown = xl_format("%s%s%s", text, between, metrics->at[i].name);
        free(text);
        text = grown;
    }
    return text;
}

int tune_metrics_unknown(const tune_metrics *metrics, const char *name, xlstm_error *err) {
    const char *names[TUNE_METRICS];
    for (int m = 0; m < metrics->count; m++) names[m] = metrics->at[m].name;
    const int near = xl_nearest_name(name, names, metrics->count);
    char *all = metric_names(metrics);
    int status =
        xl_fail(err, XLSTM_EARG, "objective: found %s%s%s%s, wanted %s", name, near < 0 ? "" : " (did you mean ",
                near < 0 ? "" : names[near], near < 0 ? "" : "?)", all ? all : "a metric");
    free(all);
    return status;
}
