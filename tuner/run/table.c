#include "tuner/run/table.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const original_settings[] = {"backend", "workers", "heads_per_band", "chunk_size"};
enum { LEADING = 4 }; /* number of metrics that come before the trial's number, as in the original's table */

static int leading(const tune_metrics *metrics) {
    return metrics->count < LEADING ? metrics->count : LEADING;
}

static bool is_original(const char *name) {
    for (int i = 0; i < 4; i++) {
        if (!strcmp(name, original_settings[i])) return true;
    }
    return false;
}

/* Returns the value of one of the original's four columns; NULL where the column stays empty: the backend ray has
 * no workers unless they were tuned. */
static json_t *original(const char *name, const tune_named_list *params, const json_t *settings) {
    const char *backend = json_string_value(json_object_get(settings, "backend"));
    if (!strcmp(name, "workers") && backend && !strcmp(backend, "ray") && !tune_named_find(params, "workers"))
        return NULL;
    return json_object_get(settings, name);
}

static bool is_own(const char *name) {
    static const char *const own[] = {"trial",   "status",     "duplicate_of", "ratio",
                                      "samples", "token_hash", "reason"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(name, own[i])) return true;
    }
    return false;
}

static bool is_metric(const tune_metrics *metrics, const char *name) {
    for (int i = 0; i < metrics->count; i++) {
        if (!strcmp(name, metrics->at[i].name)) return true;
    }
    return false;
}

int tune_table_check(const tune_metrics *metrics, const tune_space *space, xlstm_error *err) {
    static const char taken[] = "a column of summary.csv has that name already, wanted another";
    for (int i = 0; i < metrics->count; i++) {
        const char *name = metrics->at[i].name;
        if (is_own(name) || is_original(name)) return xl_fail(err, XLSTM_EARG, "metrics: %s: %s", name, taken);
    }
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const char *name = tune_space_param(space, i)->name;
        if (is_own(name) || is_metric(metrics, name)) return xl_fail(err, XLSTM_EARG, "space: %s: %s", name, taken);
    }
    return XLSTM_OK;
}

static json_t *sample_json(const tune_metrics *metrics, const tune_sample_row *p) {
    json_t *j = json_pack("{s:o}", "at", xl_json_number(p->at));
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < metrics->parts; i++) {
            const int metric = tune_metrics_of_part(metrics, i);
            if (metric < 0 || (metric < LEADING) != (pass == 0)) continue;
            if (pass == 0 || isfinite(p->parts[i]))
                json_object_set_new(j, metrics->at[metric].name, xl_json_number(p->parts[i]));
        }
        if (pass == 0) json_object_set_new(j, "used", json_boolean(p->used));
    }
    if (p->why[0]) json_object_set_new(j, "why", json_string(p->why));
    return j;
}

json_t *tune_table_json(const tune_metrics *metrics, const tune_trial_row *trial, const json_t *settings,
                        const tune_sample_row *samples, size_t count) {
    json_t *j = json_object();
    for (int i = 0; i < 4; i++) {
        json_t *value = original(original_settings[i], &trial->params, settings);
        json_object_set_new(j, original_settings[i], value ? json_incref(value) : json_null());
    }
    for (int i = 0; i < leading(metrics); i++)
        json_object_set_new(j, metrics->at[i].name, xl_json_number(trial->metric[i]));
    json_object_set_new(j, "trial", json_integer(trial->index));
    json_object_set_new(j, "status", xl_json_text(tune_trial_status_name((int)trial->status)));
    if (trial->reason) json_object_set_new(j, "reason", xl_json_text(trial->reason));
    if (trial->duplicate_of >= 0) json_object_set_new(j, "duplicate_of", json_integer(trial->duplicate_of));
    for (int i = leading(metrics); i < metrics->count; i++)
        json_object_set_new(j, metrics->at[i].name, xl_json_number(trial->metric[i]));
    json_object_set_new(j, "ratio", xl_json_number(trial->value));
    json_object_set_new(j, "params", tune_named_json(&trial->params));
    json_object_set_new(j, "token_hash", xl_json_text(trial->token_hash));
    json_t *in_force = trial->in_force ? json_loads(trial->in_force, 0, NULL) : NULL;
    json_object_set_new(j, "in_force", in_force ? in_force : json_null());
    json_t *own = json_array(), *baseline = json_array();
    for (size_t i = 0; i < count; i++) {
        if (samples[i].trial == trial->index) json_array_append_new(own, sample_json(metrics, &samples[i]));
        else if (samples[i].trial == TUNE_BASELINE_TRIAL)
            json_array_append_new(baseline, sample_json(metrics, &samples[i]));
    }
    json_object_set_new(j, "samples", own);
    json_object_set_new(j, "baseline_samples", baseline);
    json_object_set_new(j, "started", xl_json_number(trial->started));
    json_object_set_new(j, "seconds", xl_json_number(trial->seconds));
    return j;
}

void tune_table_csv_header(FILE *out, const tune_metrics *metrics, const json_t *baseline) {
    fputs("backend,workers,heads_per_band,chunk_size", out);
    for (int i = 0; i < leading(metrics); i++) fprintf(out, ",%s", metrics->at[i].name);
    fputs(",trial,status,duplicate_of", out);
    for (int i = leading(metrics); i < metrics->count; i++) fprintf(out, ",%s", metrics->at[i].name);
    fputs(",ratio,samples,token_hash", out);
    const char *key;
    json_t *value, *all = json_incref((json_t *)(uintptr_t)baseline);
    json_object_foreach(all, key, value) {
        if (is_original(key)) continue;
        fputc(',', out);
        xl_csv_put_text(out, key);
    }
    json_decref(all);
    fputs(",reason\n", out);
}

void tune_table_csv_row(FILE *out, const tune_metrics *metrics, const json_t *baseline, const tune_trial_row *trial,
                        const json_t *settings) {
    for (int i = 0; i < 4; i++) {
        if (i) fputc(',', out);
        xl_json_put_cell(out, original(original_settings[i], &trial->params, settings), 0);
    }
    for (int i = 0; i < leading(metrics); i++) {
        fputc(',', out);
        xl_csv_put_number(out, trial->metric[i], 0);
    }
    fprintf(out, ",%lld,%s,", (long long)trial->index, tune_trial_status_name((int)trial->status));
    if (trial->duplicate_of >= 0) fprintf(out, "%lld", (long long)trial->duplicate_of);
    for (int i = leading(metrics); i < metrics->count; i++) {
        fputc(',', out);
        xl_csv_put_number(out, trial->metric[i], 0);
    }
    fputc(',', out);
    xl_csv_put_number(out, trial->value, 0);
    fprintf(out, ",%lld,", (long long)trial->samples);
    xl_csv_put_text(out, trial->token_hash);
    const char *key;
    json_t *value, *all = json_incref((json_t *)(uintptr_t)baseline);
    json_object_foreach(all, key, value) {
        if (is_original(key)) continue;
        fputc(',', out);
        xl_json_put_cell(out, json_object_get(settings, key), 0);
    }
    json_decref(all);
    fputc(',', out);
    xl_csv_put_text(out, trial->reason);
    fputc('\n', out);
}
