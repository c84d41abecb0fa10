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
        double n = decode ? t->decode_tok_s * t->decode_s : t->prefill_tok_s * t->prefill_s;
        if (t->ok && isfinite(n)) return n;
    }
    return NAN;
}

tune_baseline_speed tune_report_baseline_speed(const tune_report *r) {
    const json_t *search = json_object_get(json_object_get(r->best, "baseline"), "search_metrics");
    tune_baseline_speed b = {.prefill_s = number_in(search, "prefill_s"),
                             .decode_s = number_in(search, "decode_s")};
    double prefill = 0, decode = 0, n = 0;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (s->trial >= 0 || !s->used || !isfinite(s->prefill_s) || !isfinite(s->decode_s)) continue;
        prefill += s->prefill_s;
        decode += s->decode_s;
        n++;
    }
    if (isnan(b.prefill_s) && n > 0) b.prefill_s = prefill / n;
    if (isnan(b.decode_s) && n > 0) b.decode_s = decode / n;
    b.request_s = b.prefill_s + b.decode_s;
    b.prefill_tok_s = tokens(r, false) / b.prefill_s;
    b.decode_tok_s = tokens(r, true) / b.decode_s;
    return b;
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
        if (!t->ok || !isfinite(t->prefill_s) || !isfinite(t->decode_s)) continue;
        prefill = fmax(prefill, t->prefill_s);
        decode = fmax(decode, t->decode_s);
        others++;
    }
    return others >= 2 && r->trial[0].prefill_s > 1.5 * prefill && r->trial[0].decode_s > decode;
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
