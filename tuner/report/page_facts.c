#include "tuner/report/page_facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "tuner/report/marks.h"
#include "tuner/report/page_columns.h"
#include "tuner/report/page_json.h"
#include "tuner/report/report_json.h"

static void put_member(FILE *out, const char *name, json_t *value) {
    fprintf(out, "\"%s\":", name);
    if (value) tune_page_put_json(out, value);
    else fputs("null", out);
    fputc(',', out);
    json_decref(value);
}

static void put_text_member(FILE *out, const char *name, const char *text) {
    fprintf(out, "\"%s\":", name);
    if (text) tune_page_put_text(out, text);
    else fputs("null", out);
    fputc(',', out);
}

/* ---- the parts ---- */

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static json_t *parsed(const char *text) {
    return text ? json_loads(text, 0, NULL) : NULL;
}

static void put_run(FILE *out, const tune_report *r) {
    put_text_member(out, "uid", r->run.uid);
    put_text_member(out, "name", last_part(r->folder));
    put_text_member(out, "folder", r->folder);
    put_text_member(out, "state", r->imported ? NULL : r->run.state);
    put_text_member(out, "backend", r->run.backend);
    put_text_member(out, "mode", r->run.mode);
    put_text_member(out, "objective", r->run.objective);
    put_text_member(out, "target", r->run.target);
    put_text_member(out, "version", r->run.version);
    put_member(out, "seed", json_integer((json_int_t)r->run.seed));
    put_member(out, "created", tune_page_date(r->run.created));
    put_member(out, "finished", tune_page_date(r->run.finished));
    put_member(out, "machine", parsed(r->run.machine_info));
    put_member(out, "identity", tune_named_json(&r->run.identity));
    put_member(out, "workload", tune_named_json(&r->run.workload));
    put_member(out, "build", tune_named_json(&r->run.build));
    put_member(out, "settings", json_incref(r->settings));
    put_member(out, "is_baseline", json_boolean(json_is_true(json_object_get(r->best, "is_baseline"))));
    put_member(out, "final", json_boolean(!json_is_false(json_object_get(r->best, "final"))));
    put_member(out, "imported", json_boolean(r->imported));
    put_member(out, "metrics_of_winner", json_incref(json_object_get(r->best, "metrics")));
}

/* What the pictures mark. */
static void put_marks(FILE *out, const tune_report *r) {
    const char *what;
    const tune_report_trial *chosen = tune_report_chosen(r, &what);
    bool ratio = false;
    for (size_t i = 0; i < r->trials && !ratio; i++) ratio = r->trial[i].ok && r->trial[i].ratio > 0;
    put_member(out, "chosen",
               chosen ? json_pack("{s:I, s:s}", "trial", (json_int_t)chosen->row, "what", what) : NULL);
    put_member(out, "cold_first", json_boolean(tune_report_cold_first(r)));
    put_member(out, "ratio", json_boolean(ratio));
    put_text_member(out, "time_name", tune_report_time_name(r));
    put_text_member(out, "sample_name", tune_report_noise_name(r));
    put_text_member(out, "sample_unit", tune_report_noise_unit(r));
    json_t *causes = json_array();
    for (int i = 0; i < TUNE_CAUSES; i++) json_array_append_new(causes, json_string(tune_cause_name(i)));
    put_member(out, "causes", causes);
}

static void put_metrics(FILE *out, const tune_report *r) {
    const tune_metrics *m = &r->run.metrics;
    json_t *list = json_array();
    for (int i = 0; i < m->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", m->at[i].name, "unit", m->at[i].unit,
                                              "larger_is_better", m->at[i].larger_is_better));
    put_member(out, "metrics", list);
    put_member(out, "timed", json_boolean(tune_report_timed(r)));
    put_text_member(out, "ratio_name", tune_report_ratio_name(r));
}

/* The values of the parameters, which trials.level counts; in the order of "parameters". */
static void put_axes(FILE *out, const tune_report *r, tune_unit_fn unit) {
    fputs("\"axes\":[", out);
    for (size_t k = 0; k < r->parameters; k++) {
        const tune_parameter *p = &r->parameter[k];
        const char *its_unit = unit ? unit(p->name) : NULL;
        char baseline[256];
        fputs(k ? ",{" : "{", out);
        put_text_member(out, "name", p->name);
        put_text_member(out, "unit", its_unit ? its_unit : "");
        put_member(out, "flag", json_boolean(its_unit != NULL));
        put_member(out, "numeric", json_boolean(p->numeric));
        put_member(out, "tuned", json_boolean(tune_report_tuned(r, p->name)));
        const bool known = tune_report_baseline_setting(r, p->name, baseline, sizeof baseline);
        put_text_member(out, "baseline", known ? baseline : NULL);
        fputs("\"values\":[", out);
        for (size_t i = 0; i < p->levels; i++) {
            if (i) fputc(',', out);
            tune_page_put_text(out, p->text[i]);
        }
        fputs("]}", out);
    }
    fputs("],", out);
}

int tune_page_facts(FILE *out, const tune_report *r, const tune_analysis *a, tune_unit_fn unit, xlstm_error *err) {
    json_t *told = NULL;
    int status = tune_report_json(&told, r, a, true, err);
    if (status) return status;
    fputc('{', out);
    put_run(out, r);
    put_marks(out, r);
    put_metrics(out, r);
    put_axes(out, r, unit);
    put_member(out, "report", told);
    tune_page_put_trials(out, r);
    fputc(',', out);
    status = tune_page_put_samples(out, r, err);
    fputc('}', out);
    return status;
}
