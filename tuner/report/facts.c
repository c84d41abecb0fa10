#include "tuner/report/facts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/study/study.h"

#define MOST_GAPS 8 /* gaps listed for one parameter, at most */

static bool same_point(const tune_report *r, const tune_report_trial *a, const tune_report_trial *b) {
    for (size_t p = 0; p < r->parameters; p++) {
        if (a->level[p] != b->level[p]) return false;
    }
    return true;
}

void tune_counts_text(char *text, size_t bytes, const tune_trial_counts *c) {
    char twice[48] = "", failed[64] = "";
    if (c->duplicates)
        snprintf(twice, sizeof twice, ", %zu duplicate%s", c->duplicates, c->duplicates == 1 ? "" : "s");
    if (c->failed) snprintf(failed, sizeof failed, ", %zu failed, infeasible or too slow", c->failed);
    snprintf(text, bytes, "%zu trial%s: %zu measured%s%s", c->trials, c->trials == 1 ? "" : "s", c->measured, twice,
             failed);
}

/* The levels of parameters that the report does not have are zero in every trial. */
static int by_point(const void *a, const void *b) {
    const tune_report_trial *x = *(const tune_report_trial *const *)a, *y = *(const tune_report_trial *const *)b;
    return memcmp(x->level, y->level, sizeof x->level);
}

size_t tune_report_points(const tune_report *r) {
    const tune_report_trial **list = xl_array(r->trials + 1, sizeof(const tune_report_trial *));
    size_t n = 0, points = 0;
    if (!list) return r->counts.measured; /* nearly the same number */
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok) list[n++] = &r->trial[i];
    }
    qsort((void *)list, n, sizeof *list, by_point);
    for (size_t i = 0; i < n; i++) points += i == 0 || by_point(&list[i - 1], &list[i]) != 0;
    free((void *)list);
    return points;
}

double tune_report_first_value(const tune_trial_row *trial) {
    return trial->told.count ? trial->told.value[0] : NAN;
}

size_t tune_report_winner_samples(const tune_report *r) {
    size_t n = 0;
    const long row = r->challenger >= 0 ? r->challenger : r->winner;
    if (row < 0) return 0;
    if (r->stored[row].samples > 0) return (size_t)r->stored[row].samples;
    /* The folder has no count of samples. */
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (!s->used || s->trial < 0 || (size_t)s->trial >= r->trials) continue;
        n += same_point(r, &r->trial[s->trial], &r->trial[row]);
    }
    return n;
}

void tune_report_baseline_samples(const tune_report *r, tune_sample_counts *out) {
    size_t count[TUNE_CAUSES] = {0};
    *out = (tune_sample_counts){0};
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (s->trial >= 0) continue;
        const bool warm = s->causes & TUNE_CAUSE_WARMUP;
        out->used += s->used;
        out->marked += s->used && s->causes;
        out->warmup += !s->used && warm;
        out->disturbed += !s->used && !warm;
        for (int k = 0; k < TUNE_CAUSES; k++) count[k] += (s->causes & TUNE_CAUSES_DISTURBED) >> k & 1;
    }
    for (;;) {
        int most = 0;
        for (int k = 1; k < TUNE_CAUSES; k++) most = count[k] > count[most] ? k : most;
        if (!count[most]) break;
        size_t used = strlen(out->reasons);
        snprintf(out->reasons + used, sizeof out->reasons - used, "%s%s (%zu)", used ? ", " : "",
                 tune_cause_name(most), count[most]);
        count[most] = 0;
    }
}

bool tune_report_is_recording(const tune_report *r) {
    const char *mode = json_string_value(json_object_get(r->meta, "mode"));
    const json_t *path = json_object_get(json_object_get(r->meta, "effective_args"), "export_landscape");
    return mode && !strcmp(mode, "grid") && json_is_string(path);
}

int tune_report_recorded(const tune_report *r, tune_recorded *out, xlstm_error *err) {
    size_t *of = xl_array(r->trials + 1, sizeof *of);
    *out = (tune_recorded){0};
    if (!of) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    memset(of, 0, (r->trials + 1) * sizeof *of);
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        out->samples += s->used;
        out->marked += s->used && s->causes;
        out->aside += !s->used && s->causes && !(s->causes & TUNE_CAUSE_WARMUP);
        if (s->used && s->trial >= 0 && (size_t)s->trial < r->trials) of[s->trial]++;
    }
    bool any = false;
    for (size_t i = 0; i < r->trials; i++) {
        if (!r->trial[i].ok) continue;
        if (!any || of[i] < out->fewest) out->fewest = of[i];
        if (of[i] > out->most) out->most = of[i];
        any = true;
    }
    free(of);
    return 0;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const json_t *array(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_array(value) ? value : NULL;
}

tune_comparison tune_report_comparison(const tune_report *r) {
    const json_t *s = json_object_get(r->best, "speedup");
    return (tune_comparison){
        .there = json_is_object(s),
        .value = number(s, "value"),
        .low = number(s, "low"),
        .high = number(s, "high"),
        .level = number(s, "level"),
        .processes = (long)json_integer_value(json_object_get(s, "processes")),
        .blocks = (long)json_integer_value(json_object_get(s, "blocks")),
        .discarded = (long)json_integer_value(json_object_get(s, "discarded_blocks")),
        .kept = (long)json_integer_value(json_object_get(s, "kept_disturbed_blocks")),
        .lost = (long)json_integer_value(json_object_get(s, "lost_processes")),
        .failed = json_object_get(s, "failed"),
        .stopped_by = json_string_value(json_object_get(s, "stopped_by")),
        .log_ratios = array(s, "log_ratios"),
        .begun_s = array(s, "begun_s"),
        .states = array(s, "states"),
        .state_of = array(s, "state_of"),
        .condition = json_object_get(s, "condition"),
        .changes = (long)json_integer_value(json_object_get(s, "state_changes")),
        .holds_for = json_string_value(json_object_get(s, "holds_for")),
        .also_aside = (long)json_integer_value(json_object_get(s, "also_with_machines_aside")),
        .seconds = number(s, "seconds"),
        .verdict = json_string_value(json_object_get(r->best, "verdict")),
        .text = json_string_value(json_object_get(r->best, "verdict_text")),
    };
}

size_t tune_report_front(const tune_report *r, size_t *front) {
    const int first = r->objectives ? tune_metrics_find(&r->run.metrics, r->objective[0]) : -1;
    const bool larger = first >= 0 && r->run.metrics.at[first].larger_is_better;
    size_t n = 0;
    for (size_t i = 0; i < r->trials; i++) {
        if (!r->trial[i].front) continue;
        size_t at = n++;
        for (; at; at--) {
            double before = r->trial[front[at - 1]].objective[0], own = r->trial[i].objective[0];
            if (!(larger ? own > before : own < before)) break;
            front[at] = front[at - 1];
        }
        front[at] = i;
    }
    return n;
}

double tune_report_baseline(const tune_report *r, int objective) {
    const json_t *baseline = json_object_get(r->best, "baseline");
    const json_t *metrics = json_object_get(baseline, "search_metrics");
    return number(metrics ? metrics : json_object_get(baseline, "metrics"), r->objective[objective]);
}

/* Appends to a text without exceeding `bytes`. */
static void add(char *text, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t bytes, const char *format, ...) {
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, bytes - used, format, args);
    va_end(args);
}

static bool is_tried(const tune_parameter *p, const json_t *value) {
    for (size_t i = 0; i < p->levels; i++) {
        if (json_is_number(value) ? p->number[i] == json_number_value(value)
                                  : !strcmp(p->text[i], json_string_value(value) ? json_string_value(value) : ""))
            return true;
    }
    return false;
}

static void add_value(char *text, size_t bytes, const char *before, const json_t *value) {
    if (json_is_string(value)) add(text, bytes, "%s%.60s", before, json_string_value(value));
    else add(text, bytes, "%s%.9g", before, json_number_value(value));
}

void tune_report_gaps(const tune_report *r, size_t parameter, char *text, size_t bytes) {
    const tune_parameter *p = &r->parameter[parameter];
    const size_t n = json_array_size(p->offered);
    int gaps = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const json_t *first = json_array_get(p->offered, i), *last = first;
        if (is_tried(p, first)) continue;
        if (gaps++ == MOST_GAPS) {
            add(text, bytes, ", ...");
            return;
        }
        while (json_is_number(first) && i + 1 < n && !is_tried(p, json_array_get(p->offered, i + 1)))
            last = json_array_get(p->offered, ++i);
        add_value(text, bytes, gaps > 1 ? ", " : "", first);
        if (last != first) add_value(text, bytes, " to ", last);
    }
}

bool tune_report_space_is_known(const tune_report *r) {
    for (size_t p = 0; p < r->parameters; p++) {
        if (r->parameter[p].offered) return true;
    }
    return false;
}

size_t tune_report_combinations(const tune_report *r) {
    size_t product = 1;
    bool any = false;
    for (size_t p = 0; p < r->parameters; p++) {
        const tune_parameter *q = &r->parameter[p];
        if (!q->offered && q->levels > 1) return 0;
        if (!q->offered) continue;
        if (!xl_mul(product, json_array_size(q->offered), &product)) return 0;
        any = true;
    }
    return any ? product : 0;
}

bool tune_report_all_tried(const tune_report *r) {
    /* A point that failed was tried too; a failed point is not measured again. */
    const size_t tried = r->counts.measured + r->counts.failed;
    const size_t points = r->points ? r->points : tune_report_combinations(r);
    return points && tried >= points;
}

void tune_report_point(const tune_report *r, const tune_report_trial *t, char *text, size_t bytes) {
    text[0] = '\0';
    for (size_t p = 0; p < r->parameters; p++) {
        if (t->level[p] < 0) continue;
        add(text, bytes, "%s%.40s %.40s", text[0] ? ", " : "", r->parameter[p].name,
            r->parameter[p].text[t->level[p]]);
    }
}
