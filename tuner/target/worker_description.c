#include "tuner/target/worker_description.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/target/worker.h"

#define NUMBER_MOST 0x1p53 /* up to here a double holds every whole number */

/* "found 3", for a message; the JSON text of a value, cut. */
static const char *shown(const json_t *value, char text[48]) {
    char *dump =
        value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15))
              : NULL;
    snprintf(text, 48, "%.40s", dump ? dump : "nothing");
    free(dump);
    return text;
}

static int wrong(const char *where, const char *key, const json_t *found, const char *wanted, xlstm_error *err) {
    char text[48];
    return xl_fail(err, XLSTM_EFORMAT, "worker: %.64s: %s: found %s, wanted %s", where, key, shown(found, text),
                   wanted);
}

static bool is_name(const json_t *value, size_t most) {
    const char *s = json_string_value(value);
    if (!s || !(isalpha((unsigned char)*s) || *s == '_') || strlen(s) > most) return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '_') return false;
    }
    return true;
}

/* A number whose whole part a double holds. */
static bool is_number(const json_t *value) {
    return json_is_number(value) && fabs(json_number_value(value)) <= NUMBER_MOST;
}

static bool same_value(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

/* ---- tunables ---- */

static int read_affects(const char *name, const json_t *list, unsigned *out, xlstm_error *err) {
    static const struct {
        const char *name;
        unsigned bit;
    } effects[] = {{"time", TUNE_AFFECTS_TIMES},
                   {"memory", TUNE_AFFECTS_MEMORY},
                   {"output", TUNE_AFFECTS_OUTPUT},
                   {"opening", TUNE_AFFECTS_OPENING}};
    if (list && !json_is_array(list)) return wrong(name, "affects", list, "a list of effects", err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *effect = json_string_value(json_array_get(list, i));
        size_t k = 0;
        while (k < 4 && (!effect || strcmp(effect, effects[k].name) != 0)) k++;
        if (k == 4) return wrong(name, "affects", json_array_get(list, i), "time, memory, output or opening", err);
        *out |= effects[k].bit;
    }
    return XLSTM_OK;
}

/* A list of values: numbers, or texts. */
static int read_values(tune_worker_description *d, tune_known *k, const json_t *values, const json_t *preset,
                       xlstm_error *err) {
    const size_t count = json_array_size(values);
    const bool texts = json_is_string(json_array_get(values, 0));
    if (!count || count > TUNE_SPACE_VALUES) return wrong(k->name, "values", values, "a list of values", err);
    const char **choices = texts ? xl_array(count + 1, sizeof *choices) : NULL;
    if (texts && !choices) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    d->choices[d->count] = choices;
    k->choices = choices;
    k->preset = NAN;
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_array_get(values, i);
        if (texts ? !json_is_string(v) || !json_string_length(v) : !is_number(v))
            return wrong(k->name, "values", v, "numbers, or texts", err);
        for (size_t before = 0; before < i; before++) {
            if (same_value(v, json_array_get(values, before)))
                return wrong(k->name, "values", v, "each value once", err);
        }
        const double number = texts ? (double)i : json_number_value(v);
        k->fractions |= json_is_real(v);
        if (texts) choices[i] = json_string_value(v);
        if (i == 0 || number < k->min) k->min = number;
        if (i == 0 || number > k->max) k->max = number;
        if (preset ? same_value(v, preset) : i == 0) k->preset = number;
    }
    if (texts) choices[count] = NULL;
    if (isnan(k->preset)) return wrong(k->name, "default", preset, "one of the values", err);
    json_object_set(d->space, k->name, (json_t *)(uintptr_t)values);
    return XLSTM_OK;
}

static int read_range(tune_worker_description *d, tune_known *k, const json_t *t, const json_t *preset,
                      xlstm_error *err) {
    static const char *const keys[] = {"min", "max", "step", "factor", "powers_of_two"};
    const json_t *low = json_object_get(t, "min"), *high = json_object_get(t, "max"),
                 *step = json_object_get(t, "step");
    const json_t *factor = json_object_get(t, "factor"), *powers = json_object_get(t, "powers_of_two");
    if (!is_number(low)) return wrong(k->name, "min", low, "a number, or a list \"values\"", err);
    if (!is_number(high) || json_number_value(high) < json_number_value(low))
        return wrong(k->name, "max", high, "a number that is not below min", err);
    if (step && (!is_number(step) || json_number_value(step) <= 0))
        return wrong(k->name, "step", step, "a number greater than 0", err);
    if (factor && (!is_number(factor) || json_number_value(factor) <= 1 || json_number_value(low) <= 0))
        return wrong(k->name, "factor", factor, "a number greater than 1, and a min greater than 0", err);
    if (powers && !json_is_boolean(powers)) return wrong(k->name, "powers_of_two", powers, "true or false", err);
    if ((step != NULL) + (factor != NULL) + json_is_true(powers) > 1)
        return wrong(k->name, "step", step ? step : factor, "one of step, factor and powers_of_two", err);
    if (json_is_true(powers) && !(json_is_integer(low) && json_is_integer(high)))
        return wrong(k->name, "powers_of_two", powers, "whole bounds", err);
    k->fractions = json_is_real(low) || json_is_real(high) || json_is_real(step) || factor;
    k->min = json_number_value(low);
    k->max = json_number_value(high);
    k->preset = preset ? json_number_value(preset) : k->min;
    if (preset && (!is_number(preset) || (!k->fractions && !json_is_integer(preset)) || k->preset < k->min ||
                   k->preset > k->max))
        return wrong(k->name, "default", preset,
                     k->fractions ? "a number between min and max" : "a whole number between min and max", err);
    json_t *range = json_object();
    int failed = !range;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !failed; i++) {
        json_t *value = json_object_get(t, keys[i]);
        if (value && !json_is_false(value)) failed = json_object_set(range, keys[i], value);
    }
    if (failed) json_decref(range);
    return failed || json_object_set_new(d->space, k->name, range)
               ? xl_fail(err, XLSTM_ENOMEM, "worker: out of memory")
               : XLSTM_OK;
}

static int read_tunables(tune_worker_description *d, xlstm_error *err) {
    const json_t *list = json_object_get(d->answer, "tunables");
    if (!json_array_size(list) || json_array_size(list) > TUNE_SPACE_PARAMS)
        return wrong("description", "tunables", list, "a list of 1 to 64 tunables", err);
    for (; d->count < json_array_size(list); d->count++) {
        const json_t *t = json_array_get(list, d->count), *name = json_object_get(t, "name");
        tune_known *k = &d->known[d->count];
        if (!is_name(name, 63) || !strcmp(json_string_value(name), "conditions"))
            return wrong("tunables", "name", name, "letters, digits and _", err);
        k->name = json_string_value(name);
        if (json_object_get(d->space, k->name)) return wrong("tunables", "name", name, "each name once", err);
        const json_t *values = json_object_get(t, "values"), *preset = json_object_get(t, "default");
        int status = read_affects(k->name, json_object_get(t, "affects"), &k->affects, err);
        if (!status) status = values ? read_values(d, k, values, preset, err) : read_range(d, k, t, preset, err);
        if (status) {
            d->count++; /* its choices are to be freed */
            return status;
        }
        k->hard_min = k->min;
        k->hard_max = k->max;
    }
    json_t *conditions = json_object_get(d->answer, "conditions");
    if (conditions && json_object_set(d->space, "conditions", conditions))
        return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    return XLSTM_OK;
}

/* ---- metrics ---- */

static int read_metric(tune_metrics *m, const json_t *j, xlstm_error *err) {
    const json_t *name = json_object_get(j, "name"), *unit = json_object_get(j, "unit");
    const json_t *better = json_object_get(j, "better"), *exact = json_object_get(j, "exact");
    tune_metric *at = &m->at[m->count];
    if (!is_name(name, sizeof at->name - 1)) return wrong("metrics", "name", name, "letters, digits and _", err);
    *at = (tune_metric){.of_point = json_is_true(exact), .part = -1};
    snprintf(at->name, sizeof at->name, "%s", json_string_value(name));
    if (tune_metrics_find(m, at->name) >= 0) return wrong("metrics", "name", name, "each name once", err);
    if (unit && (!json_is_string(unit) || json_string_length(unit) >= sizeof at->unit))
        return wrong(at->name, "unit", unit, "a text of at most 15 bytes", err);
    if (unit) snprintf(at->unit, sizeof at->unit, "%s", json_string_value(unit));
    const char *direction = better ? json_string_value(better) : "smaller";
    if (!direction || (strcmp(direction, "smaller") != 0 && strcmp(direction, "larger") != 0))
        return wrong(at->name, "better", better, "smaller or larger", err);
    if (exact && !json_is_boolean(exact)) return wrong(at->name, "exact", exact, "true or false", err);
    at->larger_is_better = direction[0] == 'l';
    if (!at->of_point && m->parts == TUNE_METRIC_PARTS)
        return wrong("metrics", "exact", exact, "true for all but 8 metrics", err);
    if (!at->of_point) at->part = m->parts++;
    if (m->seconds < 0 && at->part >= 0 && !at->larger_is_better && !strcmp(at->unit, "s")) m->seconds = m->count;
    m->count++;
    return XLSTM_OK;
}

static int read_metrics(tune_worker_description *d, xlstm_error *err) {
    const json_t *list = json_object_get(d->answer, "metrics"), *first = json_object_get(d->answer, "objective");
    tune_metrics *m = &d->metrics;
    *m = (tune_metrics){.seconds = -1, .apart = {-1, -1}};
    if (!json_array_size(list) || json_array_size(list) > TUNE_METRICS)
        return wrong("description", "metrics", list, "a list of 1 to 16 metrics", err);
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < json_array_size(list); i++)
        status = read_metric(m, json_array_get(list, i), err);
    if (status) return status;
    if (m->seconds < 0)
        return xl_fail(err, XLSTM_EFORMAT,
                       "worker: metrics: found none in seconds, wanted the time of one execution, with the unit s");
    m->objective = first ? json_is_string(first) ? tune_metrics_find(m, json_string_value(first)) : -1 : m->seconds;
    if (m->objective < 0) return wrong("description", "objective", first, "the name of one of its metrics", err);
    for (size_t i = 0; i < d->count; i++) {
        if (tune_metrics_find(m, d->known[i].name) >= 0)
            return xl_fail(err, XLSTM_EFORMAT, "worker: %s is a tunable and a metric", d->known[i].name);
    }
    return XLSTM_OK;
}

/* ---- the whole ---- */

static int read_abilities(tune_worker_description *d, xlstm_error *err) {
    const json_t *list = json_object_get(d->answer, "can");
    if (list && !json_is_array(list)) return wrong("description", "can", list, "a list", err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name) return wrong("description", "can", json_array_get(list, i), "continue or score", err);
        d->can_continue |= !strcmp(name, "continue");
        d->can_score |= !strcmp(name, "score"); /* a later protocol may know more */
    }
    return XLSTM_OK;
}

static int read_facts(const json_t *answer, const char *key, tune_named_list *out, xlstm_error *err) {
    const json_t *facts = json_object_get(answer, key);
    if (!facts) return XLSTM_OK;
    if (json_object_size(facts) <= 32 && !tune_named_from_json(out, facts, NULL)) return XLSTM_OK;
    return wrong("description", key, facts, "an object of at most 32 numbers and texts", err);
}

int tune_worker_description_read(tune_worker_description *out, json_t *answer, xlstm_error *err) {
    *out = (tune_worker_description){.answer = answer, .space = json_object()};
    const json_t *version = json_object_get(answer, "protocol");
    if (!json_is_integer(version) || json_integer_value(version) != TUNE_WORKER_PROTOCOL)
        return wrong("description", "protocol", version, "1", err);
    int status = read_tunables(out, err);
    if (!status) status = read_metrics(out, err);
    if (!status) status = read_abilities(out, err);
    if (!status) status = read_facts(answer, "identity", &out->identity, err);
    if (!status) status = read_facts(answer, "workload", &out->workload, err);
    return status ? status : read_facts(answer, "build", &out->build, err);
}

void tune_worker_description_clear(tune_worker_description *d) {
    for (size_t i = 0; i < d->count; i++) free(d->choices[i]);
    tune_named_clear(&d->identity);
    tune_named_clear(&d->workload);
    tune_named_clear(&d->build);
    json_decref(d->space);
    json_decref(d->answer);
    *d = (tune_worker_description){0};
}

/* "name=1|2|4" or "name=1:9:2"; malloc'd. */
static char *with_values(const char *name, const json_t *values) {
    char number[4][48] = {"", "", "", ""};
    if (json_is_object(values)) {
        static const char *const keys[] = {"min", "max", "step", "factor"};
        for (size_t i = 0; i < 4; i++) {
            tune_value v;
            if (tune_value_from_json(json_object_get(values, keys[i]), &v)) tune_value_print(v, number[i], 48);
        }
        if (json_object_get(values, "powers_of_two")) snprintf(number[3], sizeof number[3], "2");
        return xl_format("%s=%s:%s%s%s%s%s", name, number[0], number[1], *number[2] ? ":" : "", number[2],
                         *number[3] ? ":x" : "", number[3]);
    }
    char *text = xl_format("%s=", name);
    for (size_t i = 0; text && i < json_array_size(values); i++) {
        tune_value v = {0};
        tune_value_from_json(json_array_get(values, i), &v);
        char *grown = xl_format("%s%s%s", text, i ? "|" : "", v.text ? v.text : tune_value_print(v, number[0], 48));
        free(text);
        text = grown;
    }
    return text;
}

json_t *tune_worker_description_tune(const tune_worker_description *d, const json_t *names) {
    json_t *out = json_array();
    for (size_t i = 0; out && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const json_t *values = name ? json_object_get(d->space, name) : NULL;
        char *text = values ? with_values(name, values) : NULL;
        const int failed = values ? !text || json_array_append_new(out, json_string(text))
                                  : json_array_append(out, json_array_get(names, i));
        free(text);
        if (failed) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}
