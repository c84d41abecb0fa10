#include "tuner/report/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static json_t *parsed(const char *text) {
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    return j ? j : json_null();
}

static bool same_text(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static void add_name(json_t *list, const char *name, bool differ) {
    if (differ) json_array_append_new(list, json_string(name));
}

/* Adds the names of facts that two runs do not share. */
static void add_facts(json_t *list, const tune_named_list *a, const tune_named_list *b) {
    for (size_t i = 0; i < a->count; i++) {
        const tune_value *other = tune_named_find(b, a->item[i].name);
        add_name(list, a->item[i].name, !other || !tune_value_same(a->item[i].value, *other));
    }
    for (size_t i = 0; i < b->count; i++) add_name(list, b->item[i].name, !tune_named_find(a, b->item[i].name));
}

/* Names what differs between two runs and makes their times incomparable; with `all` also what is only worth
 * knowing. */
static json_t *differences(const tune_run_row *a, const tune_run_row *b, bool all) {
    json_t *list = json_array(), *x = parsed(a->meta), *y = parsed(b->meta);
    add_name(list, "machine", !same_text(a->machine, b->machine));
    add_name(list, "target", !same_text(a->target, b->target));
    add_facts(list, &a->identity, &b->identity);
    add_facts(list, &a->build, &b->build);
    add_name(list, "version", !same_text(a->version, b->version));
    add_name(list, "objective", !same_text(a->objective, b->objective));
    add_facts(list, &a->workload, &b->workload);
    add_name(list, "baseline", !json_equal(json_object_get(x, "settings"), json_object_get(y, "settings")));
    add_name(list, "backend", all && !same_text(a->backend, b->backend));
    json_decref(x);
    json_decref(y);
    return list;
}

static json_t *best_side(const tune_run_row *r) {
    json_t *result = parsed(r->result), *params = json_object_get(result, "params");
    json_t *verdict = json_object_get(result, "verdict_text");
    json_t *j = json_pack("{s:s, s:O?, s:O?, s:O?}", "run", r->folder, "params", params, "metrics",
                          json_object_get(result, "metrics"), "verdict", verdict);
    json_decref(result);
    return j;
}

/* ---- winners ---- */

/* The logarithm of the baseline's time divided by the winner's, its interval, and the interval's confidence
 * level. */
typedef struct gain {
    double value, low, high, level;
} gain;

/* Returns false where a run has no gain; *why then says why. */
static bool gain_of(const tune_run_row *r, const json_t *result, gain *out, const char **why) {
    json_t *meta = parsed(r->meta);
    const bool placebo = json_is_true(json_object_get(json_object_get(meta, "effective_args"), "placebo"));
    const json_t *s = json_object_get(result, "speedup");
    const double value = json_number_value(json_object_get(s, "value"));
    const json_t *low = json_object_get(s, "low"), *high = json_object_get(s, "high");
    json_decref(meta);
    *out = (gain){.level = json_number_value(json_object_get(s, "level"))};
    *why = NULL;
    if (placebo) *why = "is a placebo";
    else if (!json_is_object(result)) *why = "has no result yet";
    else if (!json_is_object(s)) *why = "has no last comparison";
    else if (!json_is_number(low) || !json_is_number(high)) *why = "has a last comparison without an interval";
    if (*why) return false;
    /* Where no candidate beat the baseline, the baseline is the winner: its gain is zero, whatever was compared
     * with it. */
    if (json_is_true(json_object_get(result, "is_baseline"))) return true;
    out->value = log1p(value);
    out->low = log1p(json_number_value(low));
    out->high = log1p(json_number_value(high));
    return true;
}

static json_t *in_words(const char *format, ...) __attribute__((format(printf, 1, 2)));
static json_t *in_words(const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return json_pack("{s:n, s:s}", "speedup", "text", text);
}

static json_t *difference_of(const gain *a, const gain *b) {
    const double value = b->value - a->value;
    const double low = expm1(value - hypot(b->value - b->low, a->high - a->value));
    const double high = expm1(value + hypot(b->high - b->value, a->value - a->low));
    char text[512];
    snprintf(
        text, sizeof text,
        "B's winner over A's: %+.1f %% [%+.1f, %+.1f] (%.0f %% interval, by way of the baseline; they were never "
        "interleaved, so it takes the ratio to the baseline to be the same on another day)%s",
        100 * expm1(value), 100 * low, 100 * high, 100 * b->level,
        low <= 0 && high >= 0 ? "; no significant difference" : "");
    return json_pack("{s:{s:f, s:f, s:f, s:f}, s:s}", "speedup", "value", expm1(value), "low", low, "high", high,
                     "level", b->level, "text", text);
}

static json_t *winners(const tune_run_row *a, const tune_run_row *b) {
    const tune_run_row *run[2] = {a, b};
    json_t *result[2] = {parsed(a->result), parsed(b->result)}, *differ = differences(a, b, false), *j = NULL;
    gain g[2];
    if (json_array_size(differ)) {
        char names[256] = "";
        for (size_t i = 0; i < json_array_size(differ); i++) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                     json_string_value(json_array_get(differ, i)));
        }
        j = in_words("the winners cannot be compared: the runs differ in %s, and nothing was interleaved", names);
    }
    for (int i = 0; i < 2 && !j; i++) {
        const char *why;
        if (!gain_of(run[i], result[i], &g[i], &why))
            j = in_words("the winners cannot be compared: %c %s", "AB"[i], why);
    }
    if (!j && g[0].level != g[1].level)
        j = in_words("the winners cannot be compared: the intervals' levels differ");
    if (!j && json_equal(json_object_get(result[0], "settings"), json_object_get(result[1], "settings")))
        j = in_words("both runs have the same winner");
    if (!j) j = difference_of(&g[0], &g[1]);
    json_decref(differ);
    json_decref(result[0]);
    json_decref(result[1]);
    return j;
}

/* ---- points ---- */

static int by_key(const void *a, const void *b) {
    const tune_trial_row *x = *(const tune_trial_row *const *)a, *y = *(const tune_trial_row *const *)b;
    const int order = strcmp(x->key, y->key);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Returns the measured trials of a run ordered by point, each point once; NULL when out of memory. */
static const tune_trial_row **measured(const tune_compared *c, size_t *count) {
    const tune_trial_row **list = xl_array(c->count + 1, sizeof(const tune_trial_row *));
    size_t n = 0, kept = 0;
    if (!list) return NULL;
    for (size_t i = 0; i < c->count; i++) {
        if (c->trials[i].status == TUNE_TRIAL_OK && c->trials[i].key) list[n++] = &c->trials[i];
    }
    qsort((void *)list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++) {
        if (!kept || strcmp(list[kept - 1]->key, list[i]->key) != 0) list[kept++] = list[i];
    }
    *count = kept;
    return list;
}

/* Looks up the point of a trial; NULL where the list does not have it. */
static const tune_trial_row *find_point(const tune_trial_row **list, size_t count, const tune_trial_row *t) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(list[middle]->key, t->key);
        if (order == 0) return list[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

/* The metric of which the points' values are listed: the objective, where both runs have the same one, otherwise
 * the time of an execution. Its index in the metrics of each run. */
static void listed_metric(const tune_run_row *a, const tune_run_row *b, int *of_a, int *of_b) {
    *of_a = tune_metrics_find_first(&a->metrics, a->objective ? a->objective : "");
    *of_b = tune_metrics_find_first(&b->metrics, b->objective ? b->objective : "");
    if (*of_a >= 0 && *of_b >= 0 && !strcmp(a->metrics.at[*of_a].name, b->metrics.at[*of_b].name)) return;
    *of_a = a->metrics.seconds;
    *of_b = b->metrics.seconds;
}

static json_t *shared_points(const tune_compared *a, const tune_compared *b, int of_a, int of_b) {
    size_t count = 0;
    const tune_trial_row **others = measured(b, &count);
    json_t *all = json_array();
    for (size_t i = 0; i < a->count && others; i++) {
        const tune_trial_row *t = &a->trials[i];
        const tune_trial_row *other = t->status == TUNE_TRIAL_OK && t->key ? find_point(others, count, t) : NULL;
        const double x = t->metric[of_a], y = other ? other->metric[of_b] : NAN;
        if (!isfinite(x) || !isfinite(y)) continue;
        json_array_append_new(all, json_pack("{s:s, s:f, s:f}", "point", t->key, "a", x, "b", y));
    }
    free((void *)others);
    return all;
}

json_t *tune_compare_runs(const tune_compared *a, const tune_compared *b) {
    int of_a, of_b;
    listed_metric(a->run, b->run, &of_a, &of_b);
    const tune_metric *m = &a->run->metrics.at[of_a];
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:s, s:s}, s:o}", "a", best_side(a->run), "b", best_side(b->run),
                     "differ", differences(a->run, b->run, true), "winners", winners(a->run, b->run), "metric",
                     "name", m->name, "unit", m->unit, "points", shared_points(a, b, of_a, of_b));
}
