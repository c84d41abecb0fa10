#include "tuner/report/report_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "tuner/report/facts.h"
#include "tuner/report/words.h"

/* Names from the header of a CSV file may be invalid UTF-8, which JSON cannot hold. */
static json_t *name_of(const tune_parameter *p) {
    json_t *name = json_string(p->name);
    return name ? name : json_string("?");
}

static json_t *share_json(const tune_share *s) {
    return json_pack("{s:o,s:o,s:o}", "share", xl_json_number(s->share), "low", xl_json_number(s->low), "high",
                     xl_json_number(s->high));
}

static json_t *noise_json(const tune_noise *n, const tune_sample_counts *c) {
    return json_pack("{s:I,s:I,s:I,s:I,s:s,s:o,s:o,s:o,s:o,s:I,s:o,s:o}", "samples", (json_int_t)n->n, "warm_up",
                     (json_int_t)c->warmup, "set_aside", (json_int_t)c->disturbed, "kept_disturbed",
                     (json_int_t)c->marked, "disturbed_by", c->reasons, "spread", xl_json_number(n->spread), "step",
                     xl_json_number(n->step), "drift", xl_json_number(n->drift), "drift_p",
                     xl_json_number(n->drift_p), "outliers", (json_int_t)n->outliers, "worst_outlier",
                     xl_json_number(n->worst), "correlation_time", xl_json_number(n->correlation_time));
}

static json_t *parameters_json(const tune_report *r, const tune_analysis *a) {
    json_t *list = json_array();
    for (size_t p = 0; p < r->parameters; p++) {
        char gaps[256];
        tune_report_gaps(r, p, gaps, sizeof gaps);
        json_t *row = share_json(&a->importance[p]);
        json_object_set_new(row, "name", name_of(&r->parameter[p]));
        json_object_set_new(row, "values_tried", json_integer((json_int_t)r->parameter[p].levels));
        json_object_set_new(row, "never_tried", json_string(gaps));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *pairs_json(const tune_report *r, const tune_analysis *a) {
    json_t *list = json_array();
    for (size_t k = 0; k < a->pairs; k++) {
        const tune_pair *p = &a->pair[k];
        json_t *row = share_json(&p->strength);
        json_object_set_new(row, "a", name_of(&r->parameter[p->a]));
        json_object_set_new(row, "b", name_of(&r->parameter[p->b]));
        json_object_set_new(row, "tried", json_integer((json_int_t)p->tried));
        json_object_set_new(row, "possible", json_integer((json_int_t)p->possible));
        json_array_append_new(list, row);
    }
    return list;
}

/* Returns the Pareto front, or null where there is only one objective. */
static json_t *front_json(const tune_report *r) {
    size_t *front = r->objectives > 1 ? xl_array(r->trials + 1, sizeof *front) : NULL;
    if (!front) return json_null();
    json_t *list = json_array();
    const size_t n = tune_report_front(r, front);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_pack("{s:I}", "trial", (json_int_t)front[i]);
        for (int k = 0; k < r->objectives; k++)
            json_object_set_new(row, r->objective[k], xl_json_number(r->trial[front[i]].objective[k]));
        json_array_append_new(list, row);
    }
    free(front);
    return list;
}

/* Makes the sentences of `explain`, section by section. */
static int words_json(json_t **out, const tune_report *r, const tune_analysis *a, bool placed, xlstm_error *err) {
    tune_words w;
    int status = tune_words_make(&w, r, a, err);
    json_t *list = *out = json_array();
    for (size_t s = 0; s < w.sections && !status; s++) {
        json_t *lines = json_array();
        size_t rows = 0;
        for (size_t i = 0; i < w.section[s].lines; i++) {
            json_array_append_new(lines, json_string(w.section[s].line[i].text));
            rows += w.section[s].line[i].table;
        }
        json_t *section = json_pack("{s:s*,s:o}", "title", w.section[s].title, "lines", lines);
        if (placed) {
            json_object_set_new(section, "about", json_string(w.section[s].about));
            json_object_set_new(section, "rows", json_integer((json_int_t)rows));
        }
        json_array_append_new(list, section);
    }
    tune_words_clear(&w);
    return status;
}

int tune_report_json(json_t **out, const tune_report *r, const tune_analysis *a, bool placed, xlstm_error *err) {
    tune_noise noise;
    tune_sample_counts samples;
    int status = tune_report_noise(r, &noise, err);
    if (status) return status;
    tune_report_baseline_samples(r, &samples);
    const tune_trial_counts c = r->counts;
    json_t *j = json_object();
    json_object_set_new(j, "run", json_string(r->folder));
    json_object_set_new(j, "trials",
                        json_pack("{s:I,s:I,s:I,s:I,s:I}", "all", (json_int_t)c.trials, "measured",
                                  (json_int_t)c.measured, "duplicates", (json_int_t)c.duplicates, "failed",
                                  (json_int_t)c.failed, "points", (json_int_t)tune_report_points(r)));
    static const char *const from_best[] = {"verdict",  "verdict_text", "params",     "challenger",
                                            "baseline", "speedup",      "interaction"};
    for (size_t i = 0; i < sizeof from_best / sizeof *from_best; i++) {
        json_t *value = json_object_get(r->best, from_best[i]);
        json_object_set(j, from_best[i], value ? value : json_null());
    }
    if (tune_report_is_recording(r)) {
        tune_recorded n;
        status = tune_report_recorded(r, &n, err);
        if (status) {
            json_decref(j);
            return status;
        }
        json_object_set_new(j, "recording",
                            json_pack("{s:I,s:I,s:I,s:I,s:I}", "samples", (json_int_t)n.samples, "disturbed_in_use",
                                      (json_int_t)n.marked, "set_aside", (json_int_t)n.aside, "fewest_of_a_point",
                                      (json_int_t)n.fewest, "most_of_a_point", (json_int_t)n.most));
    }
    json_object_set_new(j, "winner_samples", json_integer((json_int_t)tune_report_winner_samples(r)));
    json_object_set_new(j, "front", front_json(r));
    json_object_set_new(j, "parameters", parameters_json(r, a));
    json_object_set_new(j, "unexplained", xl_json_number(a->unexplained));
    json_object_set_new(j, "pairs", pairs_json(r, a));
    json_object_set_new(j, "noise", noise_json(&noise, &samples));
    json_t *words;
    status = words_json(&words, r, a, placed, err);
    json_object_set_new(j, "words", words);
    if (status) {
        json_decref(j);
        return status;
    }
    *out = j;
    return XLSTM_OK;
}

static int write_run(const tune_report *r, const tune_analysis *a, xlstm_error *err) {
    json_t *j;
    int status = tune_report_json(&j, r, a, false, err);
    if (status) return status;
    /* JSON escapes only control characters of one byte; for a terminal the others are escaped too. */
    const size_t plain = isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0;
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(12) | plain);
    json_decref(j);
    if (!text) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    puts(text);
    free(text);
    return 0;
}

static int write_json(const tune_analysed *runs, size_t count, const tune_report_options *options,
                      xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; i < count && !status; i++) status = write_run(runs[i].report, runs[i].analysis, err);
    return status;
}

const tune_writer tune_writer_json = {"json", write_json};
