/* Copies runs to other studies and to JSON. A merge is done completely or not at all. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "tuner/study/exchange.h"
#include "tuner/study/trial_json.h"

void tune_whole_clear(tune_whole *w) {
    tune_run_row_clear(&w->run);
    tune_trial_rows_free(w->trials, w->trial_count);
    tune_event_rows_free(w->events, w->event_count);
    free(w->samples);
    *w = (tune_whole){0};
}

static int whole_read(tune_study *s, int64_t run, tune_whole *w, xlstm_error *err) {
    int status = tune_study_trials(s, run, &w->trials, &w->trial_count, err);
    if (!status) status = tune_study_samples(s, run, &w->samples, &w->sample_count, err);
    if (!status) status = tune_study_events(s, run, &w->events, &w->event_count, err);
    return status;
}

int tune_whole_put(tune_study *s, tune_whole *w, xlstm_error *err) {
    int status = tune_study_put_run(s, &w->run, err);
    if (!status) status = tune_study_put_trials(s, w->run.id, w->trials, w->trial_count, false, err);
    if (!status) status = tune_study_put_samples(s, w->run.id, w->samples, w->sample_count, false, err);
    for (size_t i = 0; !status && i < w->event_count; i++)
        status = tune_study_put_event(s, w->run.id, w->events[i].at, w->events[i].kind, w->events[i].text, err);
    return status;
}

int tune_study_have(tune_study *s, const char *uid, bool *found, xlstm_error *err) {
    tune_rows *q;
    int status = tune_study_query(s, &q, "looking for a run", err, "SELECT 1 FROM run WHERE uid = $1", "s", uid);
    if (status) return status;
    *found = tune_rows_next(s, q, &status, err);
    tune_rows_end(s, q);
    return status;
}

/* A study whose runs are copied into another. */
typedef struct merging {
    tune_study *from;
    size_t added;
} merging;

static int merge_runs(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    merging *m = ctx;
    (void)again;
    tune_run_row *runs = NULL;
    size_t count = 0;
    tune_whole w = {0};
    m->added = 0;
    int status = tune_study_runs(m->from, &runs, &count, err);
    for (size_t i = 0; !status && i < count; i++) {
        bool found = false;
        status = tune_study_have(s, runs[i].uid, &found, err);
        if (status || found) continue;
        int64_t id = runs[i].id;
        w.run = runs[i];
        runs[i] = (tune_run_row){0};
        status = whole_read(m->from, id, &w, err);
        if (!status) status = tune_whole_put(s, &w, err);
        tune_whole_clear(&w);
        m->added++;
    }
    tune_run_rows_free(runs, count);
    return status;
}

int tune_study_merge(tune_study *study, const char *from, size_t *added, xlstm_error *err) {
    merging m = {0};
    *added = 0;
    int status = tune_study_open_reading(&m.from, from, err);
    if (!status) status = tune_study_transaction(study, merge_runs, &m, err);
    if (!status) *added = m.added;
    tune_study_close(m.from);
    return status;
}

/* ---- JSON ---- */

/* Text columns that hold JSON are exported as JSON values. */
static json_t *parsed(const char *value) {
    json_t *j = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    return j ? j : xl_json_text(value);
}

/* The facts as members of the run too, for readers who know their names. */
static void set_members(json_t *j, const tune_named_list *facts) {
    for (size_t i = 0; i < facts->count; i++) {
        if (!json_object_get(j, facts->item[i].name))
            json_object_set_new(j, facts->item[i].name, tune_value_json(facts->item[i].value));
    }
}

static json_t *run_json(const tune_run_row *r) {
    json_t *j = json_object();
    json_object_set_new(j, "uid", xl_json_text(r->uid));
    json_object_set_new(j, "folder", xl_json_text(r->folder));
    json_object_set_new(j, "backend", xl_json_text(r->backend));
    json_object_set_new(j, "state", xl_json_text(r->state));
    json_object_set_new(j, "mode", xl_json_text(r->mode));
    json_object_set_new(j, "objective", xl_json_text(r->objective));
    json_object_set_new(j, "seed", json_integer(r->seed));
    json_object_set_new(j, "machine", xl_json_text(r->machine));
    json_object_set_new(j, "machine_info", parsed(r->machine_info));
    json_object_set_new(j, "target", xl_json_text(r->target));
    json_object_set_new(j, "identity", tune_named_json(&r->identity));
    json_object_set_new(j, "workload", tune_named_json(&r->workload));
    json_object_set_new(j, "build", tune_named_json(&r->build));
    set_members(j, &r->identity);
    set_members(j, &r->workload);
    set_members(j, &r->build);
    json_object_set_new(j, "version", xl_json_text(r->version));
    json_object_set_new(j, "created", xl_json_number(r->created));
    json_object_set_new(j, "finished", xl_json_number(r->finished));
    json_object_set_new(j, "meta", parsed(r->meta));
    json_object_set_new(j, "space", parsed(r->space));
    char *metrics = tune_metrics_text(&r->metrics);
    json_object_set_new(j, "metrics", parsed(metrics));
    free(metrics);
    json_object_set_new(j, "baseline", parsed(r->baseline));
    json_object_set_new(j, "result", parsed(r->result));
    return j;
}

static json_t *trial_json(const tune_metrics *metrics, const tune_trial_row *t) {
    json_t *j = json_object();
    json_object_set_new(j, "trial", json_integer(t->index));
    json_object_set_new(j, "params", tune_params_json(t));
    json_object_set_new(j, "key", xl_json_text(t->key));
    json_object_set_new(j, "status", xl_json_text(tune_trial_status_name((int)t->status)));
    json_object_set_new(j, "reason", xl_json_text(t->reason));
    json_object_set_new(j, "duplicate_of", t->duplicate_of < 0 ? json_null() : json_integer(t->duplicate_of));
    for (int i = 0; i < metrics->count; i++)
        json_object_set_new(j, metrics->at[i].name, xl_json_number(t->metric[i]));
    json_object_set_new(j, "value", xl_json_number(t->value));
    json_object_set_new(j, "spread", xl_json_number(t->spread));
    json_object_set_new(j, "told", tune_told_json(t));
    json_object_set_new(j, "ratios", tune_ratios_json(t));
    json_object_set_new(j, "samples", json_integer(t->samples));
    json_object_set_new(j, "token_hash", xl_json_text(t->token_hash));
    json_object_set_new(j, "in_force", parsed(t->in_force));
    json_object_set_new(j, "started", xl_json_number(t->started));
    json_object_set_new(j, "seconds", xl_json_number(t->seconds));
    return j;
}

static json_t *sample_json(const tune_metrics *metrics, const tune_sample_row *p) {
    json_t *j = json_object();
    json_object_set_new(j, "trial", json_integer(p->trial));
    json_object_set_new(j, "stage", xl_json_text(p->stage));
    json_object_set_new(j, "block", json_integer(p->block));
    json_object_set_new(j, "process", json_integer(p->process));
    json_object_set_new(j, "seq", json_integer(p->seq));
    json_object_set_new(j, "at", xl_json_number(p->at));
    for (int i = 0; i < metrics->parts; i++)
        json_object_set_new(j, tune_metrics_name(metrics, tune_metrics_of_part(metrics, i)),
                            xl_json_number(p->parts[i]));
    json_object_set_new(j, "value", xl_json_number(p->value));
    json_object_set_new(j, "used", json_boolean(p->used));
    json_object_set_new(j, "why", xl_json_text(p->why[0] ? p->why : NULL));
    json_object_set_new(j, "causes", json_integer(p->causes));
    return j;
}

int tune_study_export(tune_study *study, int64_t run, char **out, xlstm_error *err) {
    tune_whole w = {0};
    char name[32];
    snprintf(name, sizeof name, "%lld", (long long)run);
    int status = tune_study_run_find(study, name, &w.run, err);
    if (!status) status = whole_read(study, run, &w, err);
    if (!status) {
        json_t *j = json_object(), *trials = json_array(), *samples = json_array(), *events = json_array();
        json_object_set_new(j, "format", json_string(TUNE_EXPORT_FORMAT));
        json_object_set_new(j, "version", json_integer(TUNE_EXPORT_VERSION));
        json_object_set_new(j, "run", run_json(&w.run));
        for (size_t i = 0; i < w.trial_count; i++)
            json_array_append_new(trials, trial_json(&w.run.metrics, &w.trials[i]));
        for (size_t i = 0; i < w.sample_count; i++)
            json_array_append_new(samples, sample_json(&w.run.metrics, &w.samples[i]));
        for (size_t i = 0; i < w.event_count; i++)
            json_array_append_new(events, json_pack("{s:f, s:s, s:s}", "at", w.events[i].at, "kind",
                                                    w.events[i].kind, "text", w.events[i].text));
        json_object_set_new(j, "trials", trials);
        json_object_set_new(j, "samples", samples);
        json_object_set_new(j, "events", events);
        *out = json_dumps(j, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
        json_decref(j);
        if (!*out) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for the export", study->path);
    }
    tune_whole_clear(&w);
    return status;
}
