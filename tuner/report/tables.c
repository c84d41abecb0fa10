/* The report as JSON and as CSV. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/report/facts.h"

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* Header names of a CSV may be no UTF-8, which JSON cannot hold. */
static json_t *name_of(const tune_parameter *p) {
    json_t *name = json_string(p->name);
    return name ? name : json_string("?");
}

static json_t *share_json(const tune_share *s) {
    return json_pack("{s:o,s:o,s:o}", "share", number(s->share), "low", number(s->low), "high", number(s->high));
}

static json_t *noise_json(const tune_noise *n, const tune_sample_counts *c) {
    return json_pack("{s:I,s:I,s:I,s:I,s:s,s:o,s:o,s:o,s:o,s:I,s:o,s:o}", "samples", (json_int_t)n->n, "warm_up",
                     (json_int_t)c->warmup, "set_aside", (json_int_t)c->disturbed, "kept_disturbed",
                     (json_int_t)c->marked, "disturbed_by", c->reasons, "spread", number(n->spread), "step",
                     number(n->step), "drift", number(n->drift), "drift_p", number(n->drift_p), "outliers",
                     (json_int_t)n->outliers, "worst_outlier", number(n->worst), "correlation_time",
                     number(n->correlation_time));
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

/* null where there is one objective. */
static json_t *front_json(const tune_report *r) {
    size_t *front = r->objectives > 1 ? xl_array(r->trials + 1, sizeof *front) : NULL;
    if (!front) return json_null();
    json_t *list = json_array();
    const size_t n = tune_report_front(r, front);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_pack("{s:I}", "trial", (json_int_t)front[i]);
        for (int k = 0; k < r->objectives; k++)
            json_object_set_new(row, r->objective[k], number(r->trial[front[i]].objective[k]));
        json_array_append_new(list, row);
    }
    free(front);
    return list;
}

static int write_json(const tune_report *r, const tune_analysis *a, const tune_report_options *options,
                      xlstm_error *err) {
    tune_noise noise;
    tune_sample_counts samples;
    int status = tune_report_noise(r, &noise, err);
    if (status) return status;
    tune_report_baseline_samples(r, &samples);
    const tune_trial_counts c = tune_report_counts(r);
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
    json_object_set_new(j, "unexplained", number(a->unexplained));
    json_object_set_new(j, "pairs", pairs_json(r, a));
    json_object_set_new(j, "noise", noise_json(&noise, &samples));
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(j);
    if (!text) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    puts(text);
    free(text);
    return 0;
}

const tune_writer tune_writer_json = {"json", write_json};

static void csv_text(FILE *out, const char *text) {
    bool quote = strpbrk(text, ",\"\r\n");
    if (quote) fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    if (quote) fputc('"', out);
}

static void csv_number(FILE *out, double x) {
    fputc(',', out);
    if (isfinite(x)) fprintf(out, "%.6g", x);
}

static void csv_share(FILE *out, const tune_share *s) {
    csv_number(out, s->share);
    csv_number(out, s->low);
    csv_number(out, s->high);
}

static int save(const char *folder, const char *name, const char *text, const tune_report_options *options,
                xlstm_error *err) {
    char *path = xl_path_join(folder, name);
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", name);
    int status = xl_file_write(path, text, strlen(text), err);
    if (!status && options->wrote) options->wrote(options->ctx, path);
    free(path);
    return status;
}

static int write_csv(const tune_report *r, const tune_analysis *a, const tune_report_options *options,
                     xlstm_error *err) {
    const char *folder = options->folder ? options->folder : r->folder;
    char *text = NULL;
    size_t bytes;
    int status = 0;
    for (int table = 0; table < 2 && !status; table++) {
        FILE *out = open_memstream(&text, &bytes);
        if (!out) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
        fputs(table == 0 ? "parameter,share,low,high,values_tried\n" : "a,b,share,low,high,tried,possible\n", out);
        for (size_t p = 0; p < r->parameters && table == 0; p++) {
            csv_text(out, r->parameter[p].name);
            csv_share(out, &a->importance[p]);
            fprintf(out, ",%zu\n", r->parameter[p].levels);
        }
        for (size_t k = 0; k < a->pairs && table == 1; k++) {
            const tune_pair *p = &a->pair[k];
            csv_text(out, r->parameter[p->a].name);
            fputc(',', out);
            csv_text(out, r->parameter[p->b].name);
            csv_share(out, &p->strength);
            fprintf(out, ",%zu,%zu\n", p->tried, p->possible);
        }
        if (fclose(out)) status = xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
        if (!status) status = save(folder, table == 0 ? "importance.csv" : "interactions.csv", text, options, err);
        free(text);
        text = NULL;
    }
    return status;
}

const tune_writer tune_writer_csv = {"csv", write_csv};
