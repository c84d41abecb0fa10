/* Copies studies to and from other files: merge, export, import. Each of them is done completely or not at all. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "tuner/study/study_impl.h"
#include "tuner/study/trial_json.h"

#define FORMAT "xltune-run"
#define FORMAT_VERSION 2 /* version 1 has an engine's circumstances in members of their own */

/* Everything that belongs to one run. */
typedef struct whole {
    tune_run_row run;
    tune_trial_row *trials;
    tune_sample_row *samples;
    tune_event_row *events;
    size_t trial_count, sample_count, event_count;
} whole;

static void whole_clear(whole *w) {
    tune_run_row_clear(&w->run);
    tune_trial_rows_free(w->trials, w->trial_count);
    tune_event_rows_free(w->events, w->event_count);
    free(w->samples);
    *w = (whole){0};
}

static int whole_read(tune_study *s, int64_t run, whole *w, xlstm_error *err) {
    int status = tune_study_trials(s, run, &w->trials, &w->trial_count, err);
    if (!status) status = tune_study_samples(s, run, &w->samples, &w->sample_count, err);
    if (!status) status = tune_study_events(s, run, &w->events, &w->event_count, err);
    return status;
}

/* Stores the run; must be called inside a transaction. */
static int whole_put(tune_study *s, whole *w, xlstm_error *err) {
    int status = tune_study_put_run(s, &w->run, err);
    for (size_t i = 0; !status && i < w->trial_count; i++)
        status = tune_study_put_trial(s, w->run.id, &w->trials[i], false, err);
    if (!status) status = tune_study_put_samples(s, w->run.id, w->samples, w->sample_count, err);
    for (size_t i = 0; !status && i < w->event_count; i++)
        status = tune_study_put_event(s, w->run.id, w->events[i].at, w->events[i].kind, w->events[i].text, err);
    return status;
}

/* Sets *found to whether the study has a run of that uid. */
static int have(tune_study *s, const char *uid, bool *found, xlstm_error *err) {
    sqlite3_stmt *q;
    int status = tune_study_prepare(s, &q, "looking for a run", err, "SELECT 1 FROM run WHERE uid = ?", "s", uid);
    if (status) return status;
    int code = sqlite3_step(q);
    *found = code == SQLITE_ROW;
    if (code != SQLITE_ROW && code != SQLITE_DONE) status = tune_study_fail(s, "looking for a run", err);
    sqlite3_finalize(q);
    return status;
}

int tune_study_merge(tune_study *study, const char *from, size_t *added, xlstm_error *err) {
    tune_study *other = NULL;
    tune_run_row *runs = NULL;
    size_t count = 0;
    whole w = {0};
    *added = 0;
    int status = tune_study_open_reading(&other, from, err);
    if (!status) status = tune_study_runs(other, &runs, &count, err);
    if (!status) status = tune_study_begin(study, err);
    if (!status) {
        for (size_t i = 0; !status && i < count; i++) {
            bool found = false;
            status = have(study, runs[i].uid, &found, err);
            if (status || found) continue;
            int64_t id = runs[i].id;
            w.run = runs[i];
            runs[i] = (tune_run_row){0};
            status = whole_read(other, id, &w, err);
            if (!status) status = whole_put(study, &w, err);
            whole_clear(&w);
            ++*added;
        }
        status = tune_study_end(study, status, err);
    }
    tune_run_rows_free(runs, count);
    tune_study_close(other);
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
    whole w = {0};
    char name[32];
    sqlite3_snprintf(sizeof name, name, "%lld", (long long)run);
    int status = tune_study_run_find(study, name, &w.run, err);
    if (!status) status = whole_read(study, run, &w, err);
    if (!status) {
        json_t *j = json_object(), *trials = json_array(), *samples = json_array(), *events = json_array();
        json_object_set_new(j, "format", json_string(FORMAT));
        json_object_set_new(j, "version", json_integer(FORMAT_VERSION));
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
    whole_clear(&w);
    return status;
}

/* Reads the members of one object. The first wrong one is reported, and later calls do nothing. */
typedef struct reader {
    const char *file;
    char where[48]; /* the object's place in the file, as "trials[3]" */
    const json_t *object;
    int status;
    xlstm_error *err;
} reader;

static const json_t *member(reader *r, const char *key, const char *wanted, bool ok) {
    const json_t *j = json_object_get(r->object, key);
    if (!r->status && !ok)
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s.%s: found %s, wanted %s", r->file, r->where, key,
                            j ? "another type" : "nothing", wanted);
    return j;
}

static char *get_text(reader *r, const char *key, bool optional) {
    const json_t *j = json_object_get(r->object, key);
    member(r, key, optional ? "text or null" : "text", json_is_string(j) || (optional && (!j || json_is_null(j))));
    char *copy = json_is_string(j) ? strdup(json_string_value(j)) : NULL;
    if (json_is_string(j) && !copy && !r->status) r->status = xl_fail(r->err, XLSTM_ENOMEM, "out of memory");
    return copy;
}

static char *get_json(reader *r, const char *key, bool optional) {
    const json_t *j = json_object_get(r->object, key);
    bool none = !j || json_is_null(j);
    member(r, key, "JSON", optional || !none);
    if (none) return NULL;
    char *dumped = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!dumped && !r->status) r->status = xl_fail(r->err, XLSTM_ENOMEM, "out of memory");
    return dumped;
}

static int64_t get_integer(reader *r, const char *key, int64_t missing) {
    const json_t *j = json_object_get(r->object, key);
    bool none = !j || json_is_null(j);
    member(r, key, "an integer", json_is_integer(j) || (none && missing == -1));
    return none ? missing : json_integer_value(j);
}

static double get_number(reader *r, const char *key) {
    const json_t *j = json_object_get(r->object, key);
    member(r, key, "a number or null", !j || json_is_null(j) || json_is_number(j));
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static double get_time(reader *r, const char *key) {
    double at = get_number(r, key);
    return isnan(at) ? 0 : at;
}

static void get_values(reader *r, const char *key, tune_named_list *out) {
    xlstm_error why = {0};
    int status = tune_named_from_json(out, json_object_get(r->object, key), &why);
    if (status && !r->status)
        r->status = xl_fail(r->err, status, "%s: %s.%s: %s", r->file, r->where, key, why.text);
}

/* What format version 1 says of a run of the engine. */
static void read_first_circumstances(reader *r, tune_run_row *run) {
    char *device = get_text(r, "device", false), *checkpoint = get_text(r, "checkpoint", false);
    char *kernels = get_text(r, "kernels", false), *prompt = get_text(r, "prompt_hash", true);
    const tune_named identity[] = {{"device", {.text = device}}, {"checkpoint", {.text = checkpoint}}};
    const tune_named workload[] = {{"prompt_tokens", {.number = (double)get_integer(r, "prompt_tokens", 0)}},
                                   {"new", {.number = (double)get_integer(r, "new_tokens", 0)}},
                                   {"prompt_hash", {.text = prompt}}};
    const tune_named build = {"kernels", {.text = kernels}};
    run->target = strdup("engine");
    const bool ok = tune_named_copy(&run->identity, identity, 2) &&
                    tune_named_copy(&run->workload, workload, prompt ? 3 : 2) &&
                    tune_named_copy(&run->build, &build, 1) && run->target;
    if (!ok && !r->status) r->status = xl_fail(r->err, XLSTM_ENOMEM, "out of memory");
    free(device);
    free(checkpoint);
    free(kernels);
    free(prompt);
}

static void read_run(reader *r, int64_t format, tune_run_row *run) {
    run->uid = get_text(r, "uid", false);
    run->folder = get_text(r, "folder", false);
    run->backend = get_text(r, "backend", false);
    run->state = get_text(r, "state", false);
    run->mode = get_text(r, "mode", false);
    run->objective = get_text(r, "objective", false);
    run->seed = get_integer(r, "seed", 0);
    run->machine = get_text(r, "machine", false);
    run->machine_info = get_json(r, "machine_info", false);
    run->version = get_text(r, "version", false);
    if (format == 1) {
        read_first_circumstances(r, run);
    } else {
        run->target = get_text(r, "target", false);
        get_values(r, "identity", &run->identity);
        get_values(r, "workload", &run->workload);
        get_values(r, "build", &run->build);
    }
    run->created = get_time(r, "created");
    run->finished = get_time(r, "finished");
    run->meta = get_json(r, "meta", false);
    run->space = get_json(r, "space", false);
    run->baseline = get_json(r, "baseline", true);
    run->result = get_json(r, "result", true);
    char *metrics = get_json(r, "metrics", true);
    xlstm_error why;
    if (!r->status && tune_metrics_parse(&run->metrics, metrics ? metrics : tune_study_metrics_0, &why))
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s", r->file, why.text);
    free(metrics);
}

static void get_list(reader *r, const char *key, tune_trial_row *t,
                     int (*read)(tune_trial_row *, const json_t *, xlstm_error *)) {
    xlstm_error why = {0};
    int status = read(t, json_object_get(r->object, key), &why);
    if (status && !r->status)
        r->status = xl_fail(r->err, status, "%s: %s.%s: %s", r->file, r->where, key, why.text);
}

static void read_trial(reader *r, const tune_metrics *metrics, tune_trial_row *t) {
    char *name = get_text(r, "status", false);
    int status = tune_trial_status_find(name);
    if (!r->status && status < 0)
        r->status = xl_fail(r->err, XLSTM_EFORMAT,
                            "%s: %s.status: found '%s', wanted ok, duplicate, failed, timeout or infeasible",
                            r->file, r->where, name ? name : "");
    free(name);
    t->status = status < 0 ? TUNE_TRIAL_FAILED : (tune_trial_status)status;
    t->index = get_integer(r, "trial", 0);
    t->point = TUNE_NO_POINT;
    get_list(r, "params", t, tune_params_read);
    t->key = get_text(r, "key", false);
    t->reason = get_text(r, "reason", true);
    t->duplicate_of = get_integer(r, "duplicate_of", -1);
    for (int i = 0; i < TUNE_METRICS; i++)
        t->metric[i] = i < metrics->count ? get_number(r, metrics->at[i].name) : NAN;
    t->value = get_number(r, "value");
    t->spread = get_number(r, "spread");
    get_list(r, "told", t, tune_told_read);
    get_list(r, "ratios", t, tune_ratios_read);
    t->samples = get_integer(r, "samples", 0);
    t->token_hash = get_text(r, "token_hash", true);
    t->in_force = get_json(r, "in_force", true);
    t->started = get_time(r, "started");
    t->seconds = get_time(r, "seconds");
}

static void read_sample(reader *r, const tune_metrics *metrics, tune_sample_row *p) {
    char *stage = get_text(r, "stage", false), *why = get_text(r, "why", true);
    *p = (tune_sample_row){.trial = get_integer(r, "trial", 0),
                           .stage = tune_study_stage(stage),
                           .block = get_integer(r, "block", 0),
                           .process = get_integer(r, "process", 0),
                           .seq = get_integer(r, "seq", 0),
                           .at = get_time(r, "at"),
                           .value = get_number(r, "value")};
    for (int i = 0; i < TUNE_METRIC_PARTS; i++)
        p->parts[i] =
            i < metrics->parts ? get_number(r, tune_metrics_name(metrics, tune_metrics_of_part(metrics, i))) : NAN;
    const json_t *used = json_object_get(r->object, "used");
    member(r, "used", "true or false", json_is_boolean(used));
    p->used = json_is_true(used);
    if (why) sqlite3_snprintf(sizeof p->why, p->why, "%s", why);
    const int64_t causes = get_integer(r, "causes", -1);
    p->causes = causes < 0 ? tune_causes_of_text(p->why) : (unsigned)causes & ((1u << TUNE_CAUSES) - 1);
    free(stage);
    free(why);
}

static void read_event(reader *r, tune_event_row *e) {
    *e = (tune_event_row){
        .at = get_time(r, "at"), .kind = get_text(r, "kind", false), .text = get_text(r, "text", false)};
}

/* Returns a zeroed array with one element for each row of the array `key` of the root, plus one. */
static void *rows_of(reader *root, const char *key, size_t size, const json_t **array) {
    *array = member(root, key, "an array", json_is_array(json_object_get(root->object, key)));
    if (root->status) return NULL;
    void *rows = calloc(json_array_size(*array) + 1, size);
    if (!rows) root->status = xl_fail(root->err, XLSTM_ENOMEM, "out of memory");
    return rows;
}

static void aim(reader *r, const char *list, size_t index, const json_t *object) {
    snprintf(r->where, sizeof r->where, "%s[%zu]", list, index);
    r->object = object;
    if (!r->status && !json_is_object(object))
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s: wanted an object", r->file, r->where);
}

static int whole_parse(const json_t *root, const char *file, whole *w, xlstm_error *err) {
    reader top = {.file = file, .where = "run file", .object = root, .err = err};
    const json_t *format = json_object_get(root, "format"), *version = json_object_get(root, "version");
    if (!json_is_string(format) || strcmp(json_string_value(format), FORMAT) != 0)
        return xl_fail(err, XLSTM_EFORMAT, "%s: no exported run: \"format\" is not \"" FORMAT "\"", file);
    const int64_t number = json_integer_value(version);
    if (number < 1 || number > FORMAT_VERSION)
        return xl_fail(err, XLSTM_EFORMAT, "%s: format version %lld, this xltune reads up to %d", file,
                       (long long)number, FORMAT_VERSION);
    const json_t *trials = NULL, *samples = NULL, *events = NULL;
    w->trials = rows_of(&top, "trials", sizeof *w->trials, &trials);
    w->samples = rows_of(&top, "samples", sizeof *w->samples, &samples);
    w->events = rows_of(&top, "events", sizeof *w->events, &events);
    if (top.status) return top.status;
    reader r = {.file = file, .where = "run", .object = json_object_get(root, "run"), .err = err};
    if (!json_is_object(r.object)) return xl_fail(err, XLSTM_EFORMAT, "%s: run: wanted an object", file);
    read_run(&r, number, &w->run);
    for (size_t i = 0; !r.status && i < json_array_size(trials); i++) {
        aim(&r, "trials", i, json_array_get(trials, i));
        w->trial_count = i + 1;
        read_trial(&r, &w->run.metrics, &w->trials[i]);
    }
    for (size_t i = 0; !r.status && i < json_array_size(samples); i++) {
        aim(&r, "samples", i, json_array_get(samples, i));
        read_sample(&r, &w->run.metrics, &w->samples[i]);
        w->sample_count = i + 1;
    }
    for (size_t i = 0; !r.status && i < json_array_size(events); i++) {
        aim(&r, "events", i, json_array_get(events, i));
        w->event_count = i + 1;
        read_event(&r, &w->events[i]);
    }
    return r.status;
}

static int parse_file(const tune_import *file, whole *w, xlstm_error *err) {
    json_error_t bad;
    json_t *root = json_loadb(file->text, file->bytes, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %d, column %d: %s", file->name, bad.line, bad.column,
                       bad.text);
    int status = whole_parse(root, file->name, w, err);
    json_decref(root);
    return status;
}

int tune_study_import(tune_study *study, tune_import *files, size_t count, xlstm_error *err) {
    whole *all = calloc(count + 1, sizeof *all);
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for the import", study->path);
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < count; i++) status = parse_file(&files[i], &all[i], err);
    if (!status) status = tune_study_begin(study, err);
    if (!status) {
        for (size_t i = 0; !status && i < count; i++) {
            bool found = false;
            status = have(study, all[i].run.uid, &found, err);
            if (!status && found)
                status = xl_fail(err, XLSTM_EARG, "%s: run %s is in %s already", files[i].name, all[i].run.uid,
                                 study->path);
            if (!status) status = whole_put(study, &all[i], err);
            files[i].run = all[i].run.id;
        }
        status = tune_study_end(study, status, err);
    }
    for (size_t i = 0; i < count; i++) whole_clear(&all[i]);
    free(all);
    return status;
}
