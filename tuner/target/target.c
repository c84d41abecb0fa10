#include "tuner/target/target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

_Static_assert((int)TUNE_PARTS == (int)TUNE_METRIC_PARTS, "a sample has as many parts as metrics may name");

/* ---- what a describe function needs ---- */

/* The names of "tune" as one text. */
static char *joined(const json_t *names) {
    char *text = strdup("");
    for (size_t i = 0; text && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        char *grown = xl_format("%s%s%s", text, i ? "," : "", name ? name : "");
        free(text);
        text = grown;
    }
    return text;
}

/* Every parameter's whole range. */
static char *all_names(const tune_known *known, size_t count) {
    char *text = strdup("");
    for (size_t i = 0; text && i < count; i++) {
        char *grown = xl_format("%s%s%s", text, i ? "," : "", known[i].name);
        free(text);
        text = grown;
    }
    return text;
}

int tune_target_space(const tune_known *known, size_t count, const json_t *config, tune_space **out,
                      xlstm_error *err) {
    const json_t *space = json_object_get(config, "space"), *tune = json_object_get(config, "tune");
    if (json_is_object(space)) return tune_space_from_json(space, known, count, out, err);
    char *names = json_array_size(tune) ? joined(tune) : all_names(known, count);
    int status = names ? tune_space_from_names(names, known, count, out, err)
                       : xl_fail(err, XLSTM_ENOMEM, "tune: out of memory");
    free(names);
    return status;
}

int tune_target_baseline(const tune_known *known, size_t count, const json_t *settings, tune_named_list *out,
                         xlstm_error *err) {
    tune_named *all = xl_array(count, sizeof *all);
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "settings: out of memory");
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < count; i++) {
        const tune_known *k = &known[i];
        const json_t *given = json_object_get(settings, k->name);
        all[i].name = k->name;
        all[i].value = (tune_value){.number = k->choices ? 0 : k->preset,
                                    .text = k->choices ? k->choices[(size_t)k->preset] : NULL};
        if (given && !tune_value_from_json(given, &all[i].value))
            status = xl_fail(err, XLSTM_EFORMAT, "settings: %s is neither a number nor a text", k->name);
    }
    if (!status && !tune_named_copy(out, all, count))
        status = xl_fail(err, XLSTM_ENOMEM, "settings: out of memory");
    free(all);
    return status;
}

const json_t *tune_target_before(const json_t *config) {
    const json_t *given = json_object_get(config, "baseline"), *params = json_object_get(given, "params");
    return json_is_object(params) ? params : given;
}

/* What a parameter's value may be, for a message. */
static void print_wanted(const tune_value *values, size_t count, char *out, size_t bytes) {
    enum { SHOWN = 6 };
    size_t at = 0;
    *out = 0;
    if (count > SHOWN) snprintf(out, bytes, "one of its %zu values", count);
    for (size_t i = 0; i < count && count <= SHOWN && at < bytes; i++) {
        const char *before = !i ? "" : i + 1 < count ? ", " : " or ";
        at += (size_t)(values[i].text ? snprintf(out + at, bytes - at, "%s%.40s", before, values[i].text)
                                      : snprintf(out + at, bytes - at, "%s%.15g", before, values[i].number));
    }
}

int tune_target_check_before(const char *name, const json_t *given, const tune_value *values, size_t count,
                             xlstm_error *err) {
    tune_value value = {0};
    double least = INFINITY, most = -INFINITY;
    bool numbers = true, among = false;
    char wanted[300];
    const bool read = tune_value_from_json(given, &value);
    for (size_t i = 0; i < count; i++) {
        numbers &= !values[i].text;
        least = fmin(least, values[i].number);
        most = fmax(most, values[i].number);
        among |= read && tune_value_same(value, values[i]);
    }
    if (among || (read && numbers && !value.text && value.number >= least && value.number <= most)) return XLSTM_OK;
    if (numbers) snprintf(wanted, sizeof wanted, "a number from %.15g to %.15g", least, most);
    else print_wanted(values, count, wanted, sizeof wanted);
    char *found = json_dumps(given, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    xl_fail(err, XLSTM_EARG, "baseline: %s: found %.60s, wanted %s", name, found ? found : "something else",
            wanted);
    free(found);
    return XLSTM_EARG;
}

int tune_target_declare(tune_target *out, const tune_known *known, size_t count, const tune_target_options *options,
                        xlstm_error *err) {
    int status = tune_target_space(known, count, options->config, &out->declared, err);
    if (!status) status = tune_space_seal(out->declared, err);
    out->space = out->declared;
    return status ? status : tune_target_baseline(known, count, options->settings, &out->baseline, err);
}

const char *tune_target_objective_name(const json_t *config) {
    const json_t *value = json_object_get(config, "objective");
    return json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
}

int tune_target_objective(const tune_metrics *metrics, const json_t *config) {
    const char *name = tune_target_objective_name(config);
    return name ? tune_metrics_find(metrics, name) : metrics->objective;
}

/* ---- for whoever measures ---- */

tune_value tune_target_value(const tune_target *target, int64_t candidate, const char *name) {
    const int param = candidate < 0 ? -1 : tune_space_find_param(target->space, name);
    if (param >= 0) return tune_space_value(target->space, (uint32_t)candidate, (size_t)param);
    const tune_value *value = tune_named_find(&target->baseline, name);
    return value ? *value : (tune_value){.number = NAN};
}

bool tune_target_settings(const tune_target *target, int64_t candidate, tune_named_list *out) {
    *out = (tune_named_list){0};
    if (target->settings) return target->settings(target->self, candidate, out);
    const size_t count = target->baseline.count;
    tune_named *all = xl_array(count, sizeof *all);
    for (size_t i = 0; all && i < count; i++) {
        const char *name = target->baseline.item[i].name;
        all[i] = (tune_named){name, tune_target_value(target, candidate, name)};
    }
    const bool ok = all && tune_named_copy(out, all, count);
    free(all);
    return ok;
}

/* Sets *cost where a property of the point is optimized, which is known once the point was measured. */
static int cost_of_point(const tune_target *target, int64_t candidate, double *cost, xlstm_error *err) {
    const tune_metric *m = &target->metrics->at[target->objective];
    tune_outcome outcome;
    tune_outcome_init(&outcome);
    int status = target->outcome(target->self, candidate, &outcome, err);
    const double value = outcome.metric[target->objective];
    tune_named_clear(&outcome.in_force);
    if (!status && !(value > 0))
        status = xl_fail(err, XLSTM_EIO, "%s: found %g, wanted a number above 0 of what is optimized first",
                         m->name, value);
    *cost = m->larger_is_better ? 1 / value : value;
    return status;
}

int tune_meter_measure(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                       xlstm_error *err) {
    tune_meter *meter = ctx;
    const tune_target *target = meter->target;
    if (target->open && (!meter->opened || meter->candidate != candidate)) {
        meter->opened = false;
        const int status = target->open(target->self, candidate, err);
        if (status) return status;
        meter->opened = true;
        meter->candidate = candidate;
    }
    const int status = target->measure(target->self, candidate, repeats, limit, out, err);
    if (status < 0) return status;
    /* How often a sample is repeated depends on how long it takes, also where something else is optimized. */
    if (!(out->timed_s > 0)) out->timed_s = tune_target_seconds(target, out->parts);
    if (out->cost > 0) return status;
    if (target->metrics->at[target->objective].of_point && target->outcome) {
        const int described = cost_of_point(target, candidate, &out->cost, err);
        return described ? described : status;
    }
    out->cost = tune_target_cost(target, target->objective, out->parts);
    return status;
}

void tune_target_watch(const tune_target *target, tune_watch_limits *limits) {
    if (target->elsewhere) limits->halted_s = INFINITY;
}

bool tune_target_is_baseline(const tune_target *target, int64_t candidate) {
    if (candidate == TUNE_BASELINE) return true;
    if (target->is_baseline) return target->is_baseline(target->self, candidate);
    tune_named_list a = {0}, b = {0};
    const bool same = tune_target_settings(target, candidate, &a) &&
                      tune_target_settings(target, TUNE_BASELINE, &b) && tune_named_same(&a, &b);
    tune_named_clear(&a);
    tune_named_clear(&b);
    return same;
}

void tune_target_metrics(const tune_target *target, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    for (int i = 0; i < TUNE_METRICS; i++) metric[i] = NAN;
    if (target->derive) {
        target->derive(target->self, parts, metric);
        return;
    }
    for (int i = 0; i < target->metrics->count; i++) {
        const int part = target->metrics->at[i].part;
        if (part >= 0) metric[i] = parts[part];
    }
}

double tune_target_cost(const tune_target *target, int objective, const double parts[TUNE_PARTS]) {
    if (target->cost) return target->cost(target->self, objective, parts);
    const tune_metrics *m = target->metrics;
    return parts[m->at[m->at[objective].part < 0 ? m->seconds : objective].part];
}

double tune_target_seconds(const tune_target *target, const double parts[TUNE_PARTS]) {
    double metric[TUNE_METRICS];
    tune_target_metrics(target, parts, metric);
    return metric[target->metrics->seconds];
}

void tune_outcome_init(tune_outcome *out) {
    *out = (tune_outcome){.token_hash = ""};
    for (int i = 0; i < TUNE_METRICS; i++) out->metric[i] = NAN;
}
