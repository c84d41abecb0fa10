/* xltune optimize: beginning a run, and continuing one. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/optimize.h"
#include "cli/streams.h"
#include "tuner/run/run_meta.h"
#include "tuner/search/strategy.h"
#include "tuner/study/machine.h"
#include "tuner/study/study_address.h"

/* ---- run_meta.json ---- */

static json_t *bounds_json(cli_config *cfg, const xlstm_hparams *hparams) {
    json_t *j = json_object();
    for (int i = 0; i < CLI_BOUND_COUNT; i++) {
        const cli_bound *keys = &cli_bound_at[i];
        int64_t low, high;
        /* Bounds that this search does not use are clipped without a notice. */
        const bool quiet = cli_object(cfg, "space") || cli_list_count(cfg, "tune") ||
                           (keys->queued_only && strcmp(cli_str(cfg, "backend"), "queued") != 0);
        if (quiet || cli_bounds(cfg, hparams, i, &low, &high, NULL)) {
            low = cli_int(cfg, keys->min);
            high = cli_int(cfg, keys->max);
        }
        json_object_set_new(j, keys->name, json_pack("[I, I]", (json_int_t)low, (json_int_t)high));
    }
    return j;
}

static json_t *sources_json(const cli_config *cfg) {
    json_t *all = cli_provenance_json(cfg), *j = json_object(), *value;
    const char *key;
    json_object_foreach(all, key, value) {
        json_object_set(j, key, json_object_get(value, "source"));
    }
    json_decref(all);
    return j;
}

static json_t *absolute(const char *path) {
    char *real = realpath(path, NULL);
    json_t *j = json_string(real ? real : path);
    free(real);
    return j;
}

static bool has_model(const cli_job *job) {
    return job->class->of_checkpoint || (job->class->told_request && cli_has(job->cfg, "model_path"));
}

/* The configuration in force, in a form that can be used again from another folder. */
static json_t *effective_json(const cli_job *job, const char *mode) {
    json_t *j = cli_effective_json(job->cfg);
    json_object_set_new(j, "mode", json_string(mode));
    json_object_set_new(j, "target", json_string(job->name));
    if (has_model(job)) json_object_set_new(j, "model_path", absolute(cli_model_path(job->cfg, NULL)));
    json_object_del(j, "resume");
    json_object_del(j, "print_effective_config");
    /* The default of `repeats` says "once", but as a given value it would limit the samples of a trial. */
    if (!cli_is_set(job->cfg, "repeats")) json_object_del(j, "repeats");
    return j;
}

static void set_facts(json_t *j, const tune_named_list *facts) {
    for (size_t i = 0; i < facts->count; i++) {
        if (!json_object_get(j, facts->item[i].name))
            json_object_set_new(j, facts->item[i].name, tune_value_json(facts->item[i].value));
    }
}

/* What a request to a checkpoint is. */
static void set_request(json_t *j, const cli_job *job) {
    if (has_model(job)) json_object_set_new(j, "model_path", absolute(cli_model_path(job->cfg, NULL)));
    json_object_set_new(j, "prompt", json_stringn(job->prompt, job->prompt_bytes));
    json_object_set_new(j, "new", json_integer(job->new_tokens));
}

static json_t *meta_json(cli_job *job, const tune_drive_options *o, json_t *effective, const tune_run_row *row,
                         const tune_machine *machine, const json_t *first_points) {
    cli_config *cfg = job->cfg;
    json_t *j = json_object();
    json_object_set_new(j, "backend", json_string(row->backend));
    if (job->class->of_checkpoint || job->class->told_request) set_request(j, job);
    json_object_set_new(j, "mode", json_string(o->mode));
    json_object_set_new(j, "generations", json_integer(cli_int(cfg, "generations")));
    json_object_set_new(j, "population", json_integer(cli_int(cfg, "population")));
    json_object_set_new(j, "trials", json_integer(cli_int(cfg, "trials")));
    json_object_set_new(j, "repeats", json_integer(cli_int(cfg, "repeats")));
    if (job->class->of_checkpoint) json_object_set_new(j, "bounds", bounds_json(cfg, &job->hparams));
    json_object_set_new(j, "seed", json_integer(cli_int(cfg, "seed")));
    json_object_set_new(j, "config_file", xl_json_text(cli_config_file(cfg)));
    json_object_set_new(j, "config_source", sources_json(cfg));
    json_object_set(j, "effective_args", effective);
    json_t *facts = json_deep_copy(machine->info);
    json_object_set_new(facts, "fingerprint", json_string(machine->fingerprint));
    json_object_set_new(j, "machine", facts);
    set_facts(j, &row->identity);
    set_facts(j, &row->build);
    json_object_set_new(j, "version", json_string(row->version));
    json_object_set_new(j, "target", json_string(row->target));
    set_facts(j, &row->workload);
    json_object_set_new(j, "settings", tune_named_json(&job->target.baseline));
    json_object_set_new(j, "space", tune_space_json(job->target.space));
    /* Where a space is too large to be counted, its size is only an upper bound and not the number of points. */
    if (tune_space_counted(job->target.space))
        json_object_set_new(j, "points", json_integer((json_int_t)tune_space_size(job->target.space)));
    json_object_set_new(j, "strategy", json_string(tune_drive_strategy(o)));
    json_object_set_new(j, "first_points", first_points ? json_deep_copy(first_points) : json_array());
    return j;
}

/* ---- a new run ---- */

/* The first points of a new run: with a shared study the points that were best before, those of this machine first;
 * and a snapshot of another machine. They are only proposals: all are measured again before they are trusted, and a
 * notice says so. */
static json_t *known_points(const cli_job *job, const tune_run_row *row) {
    const char *file = cli_str(job->cfg, "study");
    json_t *all = json_array(), *snapshot = cli_best_elsewhere(job, row);
    tune_study *study = NULL;
    tune_known_point *points = NULL;
    size_t count = 0, here = 0;
    if (file && (tune_study_is_server(file) || xl_is_file(file)) && !tune_study_open_reading(&study, file, NULL) &&
        !tune_study_known(study, row, -1, 6, &points, &count, NULL)) {
        for (size_t i = 0; i < count; i++) {
            here += points[i].same_machine;
            json_array_append_new(all, json_loads(points[i].params, 0, NULL));
        }
    }
    if (count)
        cli_notice(
            "the first points are the best of earlier runs: %zu of this machine and version, %zu of others; all "
            "are measured again",
            here, count - here);
    if (snapshot) json_array_append_new(all, snapshot);
    tune_known_points_free(points, count);
    tune_study_close(study);
    return all;
}

static char *joined_objectives(const cli_job *job) {
    char *text = strdup("");
    for (int i = 0; text && i < job->objectives; i++) {
        char *grown =
            xl_format("%s%s%s", text, i ? "," : "", tune_metrics_name(job->target.metrics, job->objective[i]));
        free(text);
        text = grown;
    }
    return text;
}

static char *plain(const char *text) {
    return (char *)(uintptr_t)text;
}

/* Everything that a run is described by. */
typedef struct description {
    tune_machine machine;
    json_t *effective;
    char *space, *machine_info, *objectives, *kind_machine, *kind_version;
    tune_run_row row; /* its texts are those above, and the job's */
} description;

static int describe(cli_job *job, const tune_drive_options *o, description *d, xlstm_error *err) {
    const tune_target *target = &job->target;
    *d = (description){0};
    int status = tune_machine_read(&d->machine, err);
    if (status) return status;
    json_t *space = tune_space_json(target->space);
    d->effective = effective_json(job, o->mode);
    d->space = json_dumps(space, JSON_COMPACT | JSON_REAL_PRECISION(17));
    d->machine_info = json_dumps(d->machine.info, JSON_COMPACT);
    d->objectives = joined_objectives(job);
    json_decref(space);
    d->row = (tune_run_row){.backend =
                                plain(job->class->of_checkpoint ? cli_str(job->cfg, "backend") : job->class->name),
                            .mode = plain(o->mode),
                            .objective = d->objectives,
                            .seed = cli_int(job->cfg, "seed"),
                            .machine = d->machine.fingerprint,
                            .machine_info = d->machine_info,
                            .version = plain(xlstm_version()),
                            .target = plain(job->class->name),
                            .metrics = *target->metrics,
                            .space = d->space};
    if (d->space && d->machine_info && d->objectives && d->effective &&
        tune_named_copy(&d->row.identity, target->identity.item, target->identity.count) &&
        tune_named_copy(&d->row.workload, target->workload.item, target->workload.count) &&
        tune_named_copy(&d->row.build, target->build.item, target->build.count))
        return XLSTM_OK;
    return xl_fail(err, XLSTM_ENOMEM, "run: out of memory");
}

static void description_clear(description *d) {
    free(d->space);
    free(d->machine_info);
    free(d->objectives);
    free(d->kind_machine);
    free(d->kind_version);
    tune_named_clear(&d->row.identity);
    tune_named_clear(&d->row.workload);
    tune_named_clear(&d->row.build);
    json_decref(d->effective);
    tune_machine_clear(&d->machine);
}

/* Replaces the facts of this machine by those of a kind of nodes. */
static int take_kind(description *d, const cli_kind *kind, xlstm_error *err) {
    static const char *const names[] = {"identity", "workload", "build"};
    tune_named_list *const lists[] = {&d->row.identity, &d->row.workload, &d->row.build};
    const char *machine = json_string_value(json_object_get(kind->about, "machine"));
    const char *version = json_string_value(json_object_get(kind->about, "version"));
    int status = XLSTM_OK;
    for (int i = 0; !status && i < 3; i++) {
        tune_named_clear(lists[i]);
        status = tune_named_from_json(lists[i], json_object_get(kind->about, names[i]), err);
    }
    if (status) return status;
    free(d->space);
    free(d->machine_info);
    d->row.space = d->space =
        json_dumps(json_object_get(kind->about, "space"), JSON_COMPACT | JSON_REAL_PRECISION(17));
    d->row.machine_info = d->machine_info = json_dumps(json_object_get(kind->about, "machine_info"), JSON_COMPACT);
    d->row.machine = d->kind_machine = machine ? strdup(machine) : NULL;
    d->row.version = d->kind_version = version ? strdup(version) : NULL;
    d->row.fleet = plain(kind->fleet);
    d->row.kind = plain(kind->kind);
    return d->space && d->machine_info && d->row.machine && d->row.version
               ? XLSTM_OK
               : xl_fail(err, XLSTM_EFORMAT, "node: what it says of itself lacks something");
}

/* Says in the meta what another kind of nodes has instead. */
static void set_kind(json_t *meta, const cli_kind *kind) {
    json_t *machine = json_deep_copy(json_object_get(kind->about, "machine_info"));
    json_object_set(machine, "fingerprint", json_object_get(kind->about, "machine"));
    json_object_set_new(meta, "machine", machine);
    json_object_set(meta, "settings", json_object_get(kind->about, "baseline"));
    json_object_set(meta, "space", json_object_get(kind->about, "space"));
    json_object_set_new(meta, "fleet", json_string(kind->fleet));
    json_object_set_new(meta, "kind", json_string(kind->kind));
    json_object_del(meta, "points");
}

int cli_run_describe(cli_job *job, const tune_drive_options *o, char **text, xlstm_error *err) {
    description d;
    int status = describe(job, o, &d, err);
    json_t *meta = status ? NULL : meta_json(job, o, d.effective, &d.row, &d.machine, NULL);
    *text = meta ? json_dumps(meta, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    if (!status && !*text) status = xl_fail(err, XLSTM_ENOMEM, "run: out of memory");
    json_decref(meta);
    description_clear(&d);
    return status;
}

int cli_run_begin(cli_job *job, const tune_drive_options *o, const cli_kind *kind, tune_run **run, json_t **first,
                  xlstm_error *err) {
    cli_config *cfg = job->cfg;
    description d;
    json_t *meta = NULL;
    char *text = NULL;
    int status = describe(job, o, &d, err);
    if (!status && kind) status = take_kind(&d, kind, err);
    if (status) goto out;
    *first = tune_strategy_find(o->mode)->guided ? known_points(job, &d.row) : json_array();
    meta = meta_json(job, o, d.effective, &d.row, &d.machine, *first);
    if (kind) set_kind(meta, kind);
    d.row.meta = text = json_dumps(meta, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text) {
        status = xl_fail(err, XLSTM_ENOMEM, "run: out of memory");
        goto out;
    }
    if (!kind) cli_resume_hint(cli_str(cfg, "log_dir"), d.effective);
    status = tune_run_create(run, cli_str(cfg, "log_dir"), cli_str(cfg, "tag"), cli_str(cfg, "study"), &d.row, err);
out:
    free(text);
    json_decref(meta);
    description_clear(&d);
    return status;
}

/* ---- an old one ---- */

/* A run goes on only where it would have: same machine, identity, workload, space. */
static int check_same(const cli_job *job, const tune_run *run, xlstm_error *err) {
    tune_machine machine;
    char *note = NULL;
    int status = tune_machine_read(&machine, err);
    if (status) return status;
    json_t *space = tune_space_json(job->target.space);
    const tune_run_now now = {.name = tune_run_folder(run),
                              .machine = machine.fingerprint,
                              .target = job->class->name,
                              .version = xlstm_version(),
                              .identity = &job->target.identity,
                              .workload = &job->target.workload,
                              .build = &job->target.build,
                              .space = space};
    status = tune_run_same(tune_keeper_run(tune_run_keeper(run)), &now, &note, err);
    if (note) cli_notice("%s", note);
    free(note);
    json_decref(space);
    tune_machine_clear(&machine);
    return status;
}

/* Writes the limits that were raised into the run's stored configuration. */
static int raise_meta(const cli_job *job, tune_run *run, json_t *meta, xlstm_error *err) {
    static const char *const raised[] = {"trials", "generations", "budget", "spread", "effort"};
    json_t *effective = json_object_get(meta, "effective_args"), *now = cli_effective_json(job->cfg);
    bool changed = false;
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++) {
        json_t *value = json_object_get(now, raised[i]);
        if (!value || json_equal(value, json_object_get(effective, raised[i]))) continue;
        json_object_set(effective, raised[i], value);
        json_object_set_new(json_object_get(meta, "config_source"), raised[i], json_string("command line"));
        if (json_object_get(meta, raised[i])) json_object_set(meta, raised[i], value);
        changed = true;
    }
    json_decref(now);
    if (!changed) return XLSTM_OK;
    char *text = json_dumps(meta, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    int status = text ? tune_run_set_meta(run, text, err) : xl_fail(err, XLSTM_ENOMEM, "run: out of memory");
    free(text);
    return status;
}

int cli_run_continue(const cli_job *job, const char *folder, json_t *meta, tune_run **run, xlstm_error *err) {
    int status = tune_run_resume(run, folder, err);
    if (status) return status;
    status = check_same(job, *run, err);
    if (!status) status = raise_meta(job, *run, meta, err);
    if (!status) return XLSTM_OK;
    /* A run that cannot go on stays what it was. One that was running had been interrupted. */
    const char *was = tune_keeper_run(tune_run_keeper(*run))->state;
    tune_run_close(*run, strcmp(was, TUNE_RUN_RUNNING) != 0 ? was : TUNE_RUN_INTERRUPTED);
    *run = NULL;
    return status;
}
