/* Reads runs that were written as JSON, and stores them. All is done completely or not at all. A run may have more
 * trials and samples than memory holds, so each is stored as it is read, and taken back where a later one is wrong.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/study/exchange.h"
#include "tuner/study/exchange_walk.h"
#include "tuner/study/trial_json.h"

/* Reads the members of one object. The first wrong one is reported, and later calls do nothing. */
typedef struct reader {
    const tune_import *file;
    char where[48]; /* the object's place in the file, as "trials[3]", */
    size_t at;      /* and the byte where it begins; 0: not known */
    const json_t *object;
    int status;
    xlstm_error *err;
} reader;

/* Reports what is wrong with a member, unless something was wrong before. */
static void complain(reader *r, int status, const char *key, const char *why) {
    char line[40] = "";
    if (r->status) return;
    if (r->at) snprintf(line, sizeof line, "line %zu: ", tune_run_file_line(r->file, r->at));
    r->status = xl_fail(r->err, status, "%s: %s%s.%s: %s", r->file->name, line, r->where, key, why);
}

static const json_t *member(reader *r, const char *key, const char *wanted, bool ok) {
    const json_t *j = json_object_get(r->object, key);
    if (!ok) {
        char why[80];
        snprintf(why, sizeof why, "found %s, wanted %s", j ? "another type" : "nothing", wanted);
        complain(r, XLSTM_EFORMAT, key, why);
    }
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
    if (status) complain(r, status, key, why.text);
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
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s", r->file->name, why.text);
    free(metrics);
}

static void get_list(reader *r, const char *key, tune_trial_row *t,
                     int (*read)(tune_trial_row *, const json_t *, xlstm_error *)) {
    xlstm_error why = {0};
    int status = read(t, json_object_get(r->object, key), &why);
    if (status) complain(r, status, key, why.text);
}

static void read_trial(reader *r, const tune_metrics *metrics, tune_trial_row *t) {
    char *name = get_text(r, "status", false);
    int status = tune_trial_status_find(name);
    if (status < 0) {
        char why[120];
        snprintf(why, sizeof why, "found '%.40s', wanted ok, duplicate, failed, timeout or infeasible",
                 name ? name : "");
        complain(r, XLSTM_EFORMAT, "status", why);
    }
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
    if (why) snprintf(p->why, sizeof p->why, "%s", why);
    const int64_t causes = get_integer(r, "causes", -1);
    p->causes = causes < 0 ? tune_causes_of_text(p->why) : (unsigned)causes & ((1u << TUNE_CAUSES) - 1);
    free(stage);
    free(why);
}

static void read_event(reader *r, tune_event_row *e) {
    *e = (tune_event_row){
        .at = get_time(r, "at"), .kind = get_text(r, "kind", false), .text = get_text(r, "text", false)};
}

/* ---- the parts of a file ---- */

/* Where the elements of the lists go: into a study, or, while they are only checked, nowhere. */
typedef struct taker {
    const tune_import *file;
    const tune_metrics *metrics;
    tune_carrier carrier;
} taker;

static reader aim(const taker *k, tune_run_list list, size_t index, const json_t *object, size_t at,
                  xlstm_error *err) {
    reader r = {.file = k->file, .at = at, .object = object, .err = err};
    snprintf(r.where, sizeof r.where, "%s[%zu]", tune_run_list_names[list], index);
    if (!json_is_object(object))
        r.status = xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: %s: wanted an object", k->file->name,
                           tune_run_file_line(k->file, at), r.where);
    return r;
}

static int take_trial(void *ctx, size_t index, const json_t *object, size_t at, xlstm_error *err) {
    taker *k = ctx;
    reader r = aim(k, TUNE_LIST_TRIALS, index, object, at, err);
    if (r.status) return r.status;
    tune_trial_row t = {0};
    read_trial(&r, k->metrics, &t);
    if (!r.status) return tune_carry_trial(&k->carrier, &t, err);
    tune_trial_row_clear(&t);
    return r.status;
}

static int take_sample(void *ctx, size_t index, const json_t *object, size_t at, xlstm_error *err) {
    taker *k = ctx;
    reader r = aim(k, TUNE_LIST_SAMPLES, index, object, at, err);
    if (r.status) return r.status;
    tune_sample_row p;
    read_sample(&r, k->metrics, &p);
    return r.status ? r.status : tune_carry_sample(&k->carrier, &p, err);
}

static int take_event(void *ctx, size_t index, const json_t *object, size_t at, xlstm_error *err) {
    taker *k = ctx;
    reader r = aim(k, TUNE_LIST_EVENTS, index, object, at, err);
    if (r.status) return r.status;
    tune_event_row e;
    read_event(&r, &e);
    int status = r.status;
    const tune_carrier *to = &k->carrier;
    if (!status && to->study) status = tune_study_put_event(to->study, to->run, e.at, e.kind, e.text, err);
    free(e.kind);
    free(e.text);
    return status;
}

/* Reads the lists from their beginning to their end, into the study where there is one. */
static int read_lists(const tune_run_file *f, const tune_metrics *metrics, tune_study *study, int64_t run,
                      xlstm_error *err) {
    taker *k = malloc(sizeof *k);
    if (!k) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", f->file->name);
    k->file = f->file;
    k->metrics = metrics;
    tune_carrier *to = &k->carrier;
    to->study = study;
    to->run = run;
    to->trial_count = to->sample_count = 0;
    int status = tune_run_file_walk(f, TUNE_LIST_TRIALS, take_trial, k, err);
    if (!status) status = tune_carry_rest(to, err);
    if (!status) status = tune_run_file_walk(f, TUNE_LIST_SAMPLES, take_sample, k, err);
    if (!status) status = tune_carry_rest(to, err);
    if (!status) status = tune_run_file_walk(f, TUNE_LIST_EVENTS, take_event, k, err);
    tune_carrier_clear(to);
    free(k);
    return status;
}

/* What is known of a file before it is stored. */
typedef struct part {
    tune_run_file file;
    tune_run_row run;
} part;

static int check_part(part *p, bool lists, xlstm_error *err) {
    const tune_import *file = p->file.file;
    const json_t *root = p->file.root, *format = json_object_get(root, "format");
    if (!json_is_string(format) || strcmp(json_string_value(format), TUNE_EXPORT_FORMAT) != 0)
        return xl_fail(err, XLSTM_EFORMAT, "%s: no exported run: \"format\" is not \"" TUNE_EXPORT_FORMAT "\"",
                       file->name);
    const int64_t number = json_integer_value(json_object_get(root, "version"));
    if (number < 1 || number > TUNE_EXPORT_VERSION)
        return xl_fail(err, XLSTM_EFORMAT, "%s: format version %lld, this xltune reads up to %d", file->name,
                       (long long)number, TUNE_EXPORT_VERSION);
    for (int i = 0; i < TUNE_LISTS; i++) {
        if (!p->file.found[i])
            return xl_fail(err, XLSTM_EFORMAT, "%s: run file.%s: wanted an array", file->name,
                           tune_run_list_names[i]);
    }
    reader r = {
        .file = file, .where = "run", .at = p->file.run_at, .object = json_object_get(root, "run"), .err = err};
    if (!json_is_object(r.object)) return xl_fail(err, XLSTM_EFORMAT, "%s: run: wanted an object", file->name);
    read_run(&r, number, &p->run);
    return r.status || !lists ? r.status : read_lists(&p->file, &p->run.metrics, NULL, 0, err);
}

struct tune_imports {
    tune_import *files;
    part *parts;
    size_t count;
};

static const char *uid_of(const tune_imports *m, size_t i) {
    return m->parts[i].run.uid;
}

int tune_imports_read(tune_imports **out, tune_import *files, size_t count, bool lists, xlstm_error *err) {
    tune_imports *m = calloc(1, sizeof *m);
    int status = XLSTM_OK;
    *out = m;
    if (m) *m = (tune_imports){files, calloc(count + 1, sizeof *m->parts), count};
    if (!m || !m->parts) status = xl_fail(err, XLSTM_ENOMEM, "out of memory for the import");
    for (size_t i = 0; !status && i < count; i++) {
        status = tune_run_file_find(&m->parts[i].file, &files[i], err);
        if (!status) status = check_part(&m->parts[i], lists, err);
        for (size_t j = 0; !status && j < i; j++) {
            if (!strcmp(uid_of(m, j), uid_of(m, i)))
                status = xl_fail(err, XLSTM_EARG, "%s: run %s is in %s already", files[i].name, uid_of(m, i),
                                 files[j].name);
        }
    }
    return status;
}

void tune_imports_free(tune_imports *m) {
    if (!m) return;
    for (size_t i = 0; m->parts && i < m->count; i++) {
        tune_run_file_clear(&m->parts[i].file);
        tune_run_row_clear(&m->parts[i].run);
    }
    free(m->parts);
    free(m);
}

static int import_runs(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    tune_imports *m = ctx;
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < m->count; i++) {
        tune_run_row *run = &m->parts[i].run;
        int64_t found;
        status = tune_study_have(s, uid_of(m, i), &found, err);
        /* Where the answer was lost the transaction before may have been committed. */
        if (!status && again && found && found == m->files[i].run) continue;
        if (!status && found)
            status =
                xl_fail(err, XLSTM_EARG, "%s: run %s is in %s already", m->files[i].name, uid_of(m, i), s->path);
        if (!status) status = tune_study_put_run(s, run, err);
        if (!status) status = read_lists(&m->parts[i].file, &run->metrics, s, run->id, err);
        m->files[i].run = run->id;
    }
    return status;
}

int tune_imports_store(tune_imports *m, tune_study *study, xlstm_error *err) {
    return tune_study_transaction(study, import_runs, m, err);
}

int tune_study_import(tune_study *study, tune_import *files, size_t count, xlstm_error *err) {
    tune_imports *m = NULL;
    int status = tune_imports_read(&m, files, count, false, err);
    if (!status) status = tune_imports_store(m, study, err);
    tune_imports_free(m);
    return status;
}
