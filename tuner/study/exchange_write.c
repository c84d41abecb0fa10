/* Writes a run as JSON, a row at a time: a run may have more trials and samples than memory holds. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "tuner/study/exchange.h"
#include "tuner/study/exchange_walk.h"
#include "tuner/study/trial_json.h"

/* ---- values ---- */

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

static json_t *event_json(const tune_event_row *e) {
    json_t *j = json_object();
    json_object_set_new(j, "at", xl_json_number(e->at));
    json_object_set_new(j, "kind", xl_json_text(e->kind));
    json_object_set_new(j, "text", xl_json_text(e->text));
    return j;
}

/* ---- the text ---- */

typedef struct writer {
    const tune_study *study;
    FILE *out;
    const tune_metrics *metrics;
    size_t count; /* elements of the list that is being written */
} writer;

static int written(const writer *w, xlstm_error *err) {
    return ferror(w->out) ? xl_fail(err, XLSTM_EIO, "cannot write: %s", strerror(errno)) : XLSTM_OK;
}

/* Writes a value, whose reference it takes, `depth` levels within the document. Texts have no line ends of their
 * own, because JSON escapes them. */
static int put_value(const writer *w, json_t *value, int depth, xlstm_error *err) {
    char *text = json_dumps(value, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(value);
    if (!text) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for the export", w->study->path);
    for (const char *line = text; line;) {
        const char *end = strchr(line, '\n');
        fwrite(line, 1, end ? (size_t)(end + 1 - line) : strlen(line), w->out);
        if (end) fprintf(w->out, "%*s", depth, "");
        line = end ? end + 1 : NULL;
    }
    free(text);
    return written(w, err);
}

static void begin_list(writer *w, tune_run_list list) {
    w->count = 0;
    fprintf(w->out, ",\n \"%s\": [", tune_run_list_names[list]);
}

static int put_element(writer *w, json_t *value, xlstm_error *err) {
    fputs(w->count++ ? ",\n  " : "\n  ", w->out);
    return put_value(w, value, 2, err);
}

static void end_list(const writer *w) {
    fputs(w->count ? "\n ]" : "]", w->out);
}

static int put_trial(void *ctx, tune_trial_row *row, xlstm_error *err) {
    writer *w = ctx;
    return put_element(w, trial_json(w->metrics, row), err);
}

static int put_sample(void *ctx, const tune_sample_row *row, xlstm_error *err) {
    writer *w = ctx;
    return put_element(w, sample_json(w->metrics, row), err);
}

static int put_event(void *ctx, tune_event_row *row, xlstm_error *err) {
    return put_element(ctx, event_json(row), err);
}

int tune_study_export(tune_study *study, int64_t run, FILE *out, xlstm_error *err) {
    tune_run_row row = {0};
    char name[32];
    snprintf(name, sizeof name, "%lld", (long long)run);
    int status = tune_study_run_find(study, name, &row, err);
    if (status) return status;
    writer w = {.study = study, .out = out, .metrics = &row.metrics};
    fprintf(out, "{\n \"format\": \"" TUNE_EXPORT_FORMAT "\",\n \"version\": %d,\n \"run\": ", TUNE_EXPORT_VERSION);
    status = put_value(&w, run_json(&row), 1, err);
    if (!status) {
        begin_list(&w, TUNE_LIST_TRIALS);
        status = tune_study_trials_each(study, run, put_trial, &w, err);
    }
    if (!status) {
        end_list(&w);
        begin_list(&w, TUNE_LIST_SAMPLES);
        status = tune_study_samples_each(study, run, put_sample, &w, err);
    }
    if (!status) {
        end_list(&w);
        begin_list(&w, TUNE_LIST_EVENTS);
        status = tune_study_events_each(study, run, put_event, &w, err);
    }
    if (!status) {
        end_list(&w);
        fputs("\n}", out);
        status = written(&w, err);
    }
    tune_run_row_clear(&row);
    return status;
}
