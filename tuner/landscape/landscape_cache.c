/* Reads Kernel Tuner's cache files: {"tune_params_keys": [...], "tune_params": {...}, "cache": {"16,1": {"time":
 * ms, "times": [...], "compile_time": ms, "verification_time": ms, "benchmark_time": ms, ...}}}. In the file of a
 * run that is in progress or was interrupted the last two braces are missing. A configuration that failed has a
 * text instead of a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/landscape/landscape_impl.h"

/* Old versions of Kernel Tuner wrote this time for a failure. */
#define FAILED_MS 1e20

static json_t *parse(const char *text, json_error_t *why) {
    json_t *all = json_loads(text, 0, why);
    size_t n = strlen(text);
    if (all) return all;
    while (n && strchr(" \r\n\t,", text[n - 1])) n--;
    char *closed = xl_format("%.*s}}", (int)n, text);
    all = closed ? json_loads(closed, 0, NULL) : NULL;
    free(closed);
    return all;
}

static double milliseconds(const json_t *entry, const char *key) {
    const json_t *value = json_object_get(entry, key);
    double ms = json_is_number(value) ? json_number_value(value) : 0;
    return isfinite(ms) && ms > 0 ? ms : 0;
}

static bool is_time(const json_t *value) {
    return json_is_number(value) && json_number_value(value) > 0 && json_number_value(value) < FAILED_MS;
}

static int read_entry(tune_landscape *l, table *t, const char *key, const json_t *entry, xlstm_error *err) {
    const size_t row = l->rows++;
    for (size_t p = 0; p < t->params; p++) {
        const json_t *value = json_object_get(entry, t->header[p]);
        tune_value *cell = &t->cells[row * t->params + p];
        if (json_is_string(value)) *cell = (tune_value){.text = json_string_value(value)};
        else if (json_is_number(value)) *cell = (tune_value){.number = json_number_value(value)};
        else if (json_is_boolean(value)) *cell = (tune_value){.number = json_is_true(value)};
        else
            return xl_fail(err, XLSTM_EFORMAT, "%s: cache.\"%.80s\": %s: wanted a number or a text", t->path, key,
                           t->header[p]);
    }
    const json_t *time = json_object_get(entry, "time");
    l->time[row] = is_time(time) ? json_number_value(time) : NAN;
    l->cost[row] = 1e-3 * (milliseconds(entry, "compile_time") + milliseconds(entry, "verification_time") +
                           milliseconds(entry, "benchmark_time"));
    return XLSTM_OK;
}

/* Reads the repeats of valid rows; elements that are not times are left out. */
static int read_samples(tune_landscape *l, const table *t, json_t *cache, xlstm_error *err) {
    size_t total = 0, at = 0, row = 0, i;
    const char *key;
    json_t *entry, *value;
    json_object_foreach(cache, key, entry) total += json_array_size(json_object_get(entry, "times"));
    l->samples = xl_array(total, sizeof *l->samples);
    if (!l->samples) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", t->path);
    json_object_foreach(cache, key, entry) {
        l->sample_first[row] = at;
        if (!isnan(l->time[row++])) {
            json_array_foreach(json_object_get(entry, "times"), i, value) {
                if (is_time(value)) l->samples[at++] = json_number_value(value);
            }
        }
    }
    l->sample_first[row] = at;
    return XLSTM_OK;
}

int tune_landscape_cache(tune_landscape *l, table *t, json_t **file, const json_t **declared, xlstm_error *err) {
    json_error_t why;
    json_t *all = *file = parse(t->text, &why), *cache = json_object_get(all, "cache"), *entry;
    const json_t *keys = json_object_get(all, "tune_params_keys");
    const char *key;
    if (!all) return xl_fail(err, XLSTM_EFORMAT, "%s: line %d: %s", t->path, why.line, why.text);
    if (!json_is_object(cache) || !json_object_size(cache) || !json_array_size(keys))
        return xl_fail(
            err, XLSTM_EFORMAT,
            "%s: wanted Kernel Tuner's cache: tune_params_keys, tune_params and a cache that is not empty",
            t->path);
    if (json_array_size(keys) > TUNE_SPACE_PARAMS)
        return xl_fail(err, XLSTM_EFORMAT, "%s: tune_params_keys: found %zu, wanted at most %d", t->path,
                       json_array_size(keys), TUNE_SPACE_PARAMS);
    for (; t->params < json_array_size(keys); t->params++) {
        t->header[t->params] = json_string_value(json_array_get(keys, t->params));
        if (!t->header[t->params])
            return xl_fail(err, XLSTM_EFORMAT, "%s: tune_params_keys: entry %zu is not a text", t->path, t->params);
    }
    *declared = json_object_get(all, "tune_params");
    int status = tune_landscape_reserve(l, t, json_object_size(cache), err);
    json_object_foreach(cache, key, entry) {
        if (!status) status = read_entry(l, t, key, entry, err);
    }
    return status ? status : read_samples(l, t, cache, err);
}
