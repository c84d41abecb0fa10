#include "tuner/report/marks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tuner/report/facts.h"

bool tune_report_tuned(const tune_report *r, const char *parameter) {
    return !json_object_size(r->space) || json_object_get(r->space, parameter);
}

static bool setting_text(const json_t *value, char *text, size_t bytes) {
    if (json_is_string(value)) snprintf(text, bytes, "%s", json_string_value(value));
    else if (json_is_number(value)) snprintf(text, bytes, "%.10g", json_number_value(value));
    else return false;
    return true;
}

bool tune_report_baseline_setting(const tune_report *r, const char *parameter, char *text, size_t bytes) {
    const json_t *baseline = json_object_get(json_object_get(r->best, "baseline"), "params");
    return setting_text(json_object_get(baseline, parameter), text, bytes) ||
           setting_text(json_object_get(json_object_get(r->meta, "settings"), parameter), text, bytes);
}

static double number_in(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Returns the number of tokens behind a speed, from any trial that has both speed and time; NAN where none has. */
static double tokens(const tune_report *r, bool decode) {
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        double n = decode ? t->decode_tok_s * t->part_s[1] : t->prefill_tok_s * t->part_s[0];
        if (t->ok && isfinite(n)) return n;
    }
    return NAN;
}

enum { WHOLE = 2, SEEN = 3 }; /* beside 0 and 1, the two of part_s */

/* The mean over the baseline's samples in use. */
static double mean_of_samples(const tune_report *r, int part) {
    double sum = 0, n = 0;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        const double value = part < WHOLE ? s->part_s[part] : part == WHOLE ? s->request_s : s->seen;
        if (s->trial >= 0 || !s->used || !isfinite(value)) continue;
        sum += value;
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

static double baseline_metric(const tune_report *r, int metric, int part) {
    const json_t *search = json_object_get(json_object_get(r->best, "baseline"), "search_metrics");
    const double value = metric < 0 ? NAN : number_in(search, tune_metrics_name(&r->run.metrics, metric));
    return isnan(value) ? mean_of_samples(r, part) : value;
}

tune_baseline_speed tune_report_baseline_speed(const tune_report *r) {
    const tune_metrics *m = &r->run.metrics;
    tune_baseline_speed b;
    for (int i = 0; i < 2; i++) b.part_s[i] = baseline_metric(r, m->apart[i], i);
    b.request_s = m->apart[0] >= 0 ? b.part_s[0] + b.part_s[1] : baseline_metric(r, m->seconds, WHOLE);
    b.seen = r->noisy == m->seconds ? b.request_s : baseline_metric(r, r->noisy, SEEN);
    b.prefill_tok_s = tokens(r, false) / b.part_s[0];
    b.decode_tok_s = tokens(r, true) / b.part_s[1];
    return b;
}

const char *tune_report_time_name(const tune_report *r) {
    static char name[32];
    if (r->run.metrics.apart[0] >= 0) return "whole request";
    tune_metrics_stem(&r->run.metrics, r->run.metrics.seconds, name);
    return name;
}

const char *tune_report_noise_name(const tune_report *r) {
    static char name[32];
    if (r->noisy == r->run.metrics.seconds) return tune_report_time_name(r);
    if (!strcmp(tune_report_noise_unit(r), "s")) tune_metrics_stem(&r->run.metrics, r->noisy, name);
    else snprintf(name, sizeof name, "%s", tune_metrics_name(&r->run.metrics, r->noisy));
    return name;
}

const char *tune_report_noise_unit(const tune_report *r) {
    return r->run.metrics.at[r->noisy].unit;
}

bool tune_report_timed(const tune_report *r) {
    static const char *const units[] = {"s", "ms", "tok/s"};
    const int objective = tune_metrics_find_first(&r->run.metrics, r->run.objective);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (objective >= 0 && !strcmp(r->run.metrics.at[objective].unit, units[i])) return true;
    }
    return objective < 0;
}

bool tune_report_has_ratio(const tune_report *r) {
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok && r->trial[i].ratio > 0) return true;
    }
    return false;
}

const char *tune_report_ratio_name(const tune_report *r) {
    static char name[96];
    if (tune_report_timed(r)) return "time / baseline's";
    const tune_metric *m = &r->run.metrics.at[tune_metrics_find_first(&r->run.metrics, r->run.objective)];
    if (m->larger_is_better) snprintf(name, sizeof name, "baseline's %s / %s", m->name, m->name);
    else snprintf(name, sizeof name, "%s / baseline's", m->name);
    return name;
}

int tune_report_times(const tune_report *r) {
    return r->run.metrics.apart[0] >= 0 ? 3 : 1;
}

const tune_report_trial *tune_report_chosen(const tune_report *r, const char **what) {
    const tune_comparison c = tune_report_comparison(r);
    const bool stays = json_is_true(json_object_get(r->best, "is_baseline"));
    const long row = stays ? r->challenger : r->winner;
    *what = "winner"; /* also where no comparison was made */
    if (tune_report_is_recording(r)) *what = "fastest";
    else if (stays) *what = "best found, not confirmed";
    else if (c.verdict && !c.there) *what = "best found, not compared";
    return row >= 0 ? &r->trial[row] : NULL;
}

bool tune_report_cold_first(const tune_report *r) {
    size_t others = 0;
    double prefill = 0, decode = 0;
    if (r->samples || r->trials < 3 || !r->trial[0].ok) return false;
    for (size_t i = 1; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (!t->ok || !isfinite(t->part_s[0]) || !isfinite(t->part_s[1])) continue;
        prefill = fmax(prefill, t->part_s[0]);
        decode = fmax(decode, t->part_s[1]);
        others++;
    }
    return others >= 2 && r->trial[0].part_s[0] > 1.5 * prefill && r->trial[0].part_s[1] > decode;
}

size_t tune_report_trial_samples(const tune_report *r, const tune_report_trial *t) {
    size_t n = 0;
    if (r->stored[t->row].samples > 0) return (size_t)r->stored[t->row].samples;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        n += s->used && s->trial >= 0 && (size_t)s->trial == t->row;
    }
    return n;
}
