#include "tuner/run/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/driver/front.h"
#include "tuner/run/best_json.h"
#include "tuner/run/pareto_csv.h"
#include "tuner/run/run_folder.h"
#include "tuner/run/run_tables.h"
#include "tuner/study/run_lock.h"
#include "tuner/study/study_address.h"

struct tune_run {
    char *folder;
    int lock; /* descriptor of the folder's lock (flock) */
    tune_study *study;
    tune_run_row row;
    tune_keeper *keeper;
    const tune_space *space; /* set by `begin` */
    json_t *baseline;        /* settings that decide which columns summary.csv has */
    tune_run_tables tables;
};

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "run folder: out of memory");
}

static bool copy_text(char **to, const char *from) {
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static tune_run *run_new(void) {
    tune_run *r = calloc(1, sizeof *r);
    if (r) r->lock = -1;
    if (r) tune_run_tables_init(&r->tables);
    return r;
}

/* ---- writing the files, called by the driver ---- */

static int replace(char **field, const char *text, xlstm_error *err) {
    char *copy = strdup(text);
    if (!copy) return no_memory(err);
    free(*field);
    *field = copy;
    return XLSTM_OK;
}

static int on_begin(void *ctx, const tune_space *space, const tune_named_list *baseline, xlstm_error *err) {
    tune_run *r = ctx;
    r->space = space;
    json_decref(r->baseline);
    r->baseline = tune_named_json(baseline);
    return r->baseline ? tune_run_tables_begin(&r->tables, r->folder, &r->row.metrics, r->baseline, err)
                       : no_memory(err);
}

static int on_trial(void *ctx, const tune_trial_row *trial, const tune_named_list *values,
                    const tune_sample_row *samples, size_t count, xlstm_error *err) {
    tune_run *r = ctx;
    json_t *settings = tune_named_json(values);
    int status = settings ? tune_run_tables_add(&r->tables, &r->row.metrics, r->baseline, trial, settings, samples,
                                                count, err)
                          : no_memory(err);
    json_decref(settings);
    return status;
}

static int on_ready(void *ctx, xlstm_error *err) {
    tune_run *r = ctx;
    return tune_run_tables_ready(&r->tables, err);
}

static int on_baseline(void *ctx, const tune_side *baseline, xlstm_error *err) {
    tune_run *r = ctx;
    char *text = tune_best_baseline(&r->row.metrics, baseline);
    int status = text ? replace(&r->row.baseline, text, err) : no_memory(err);
    if (!status) status = tune_study_run_update(r->study, r->row.id, NULL, NULL, text, NULL, err);
    free(text);
    return status;
}

/* Reads the trials that best.json is made from: with several objectives all, which stay the keeper's, else the
 * winner's, as *own. */
static int read_trials(const tune_run *r, const tune_standing *standing, const tune_trial_row **trials,
                       size_t *count, tune_trial_row *own, xlstm_error *err) {
    int objective[TUNE_METRICS];
    if (tune_front_objectives(&r->row.metrics, r->row.objective, objective) > 1)
        return tune_keeper_rows(r->keeper, trials, count, err);
    size_t all, at = 0;
    const tune_trial_mark *marks = tune_keeper_marks(r->keeper, &all);
    *trials = own;
    *count = 0;
    while (at < all && (marks[at].status != TUNE_TRIAL_OK || marks[at].point != standing->winner)) at++;
    if (standing->winner < 0 || at == all) return XLSTM_OK;
    int status = tune_keeper_read(r->keeper, (int64_t)at, own, err);
    *count = !status;
    return status;
}

/* Makes the text of best.json, malloc'd. */
static int best_text(const tune_run *r, const tune_standing *standing, char **text, xlstm_error *err) {
    const tune_trial_row *trials;
    tune_trial_row own = {0};
    size_t count;
    int status = read_trials(r, standing, &trials, &count, &own, err);
    if (status) return status;
    json_t *best = tune_best_json(&r->row, trials, count, r->space, standing);
    *text = json_dumps(best, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(best);
    tune_trial_row_clear(&own);
    return *text ? XLSTM_OK : no_memory(err);
}

static int on_standing(void *ctx, const tune_standing *standing, xlstm_error *err) {
    tune_run *r = ctx;
    char *text = NULL, *path = xl_path_join(r->folder, "best.json");
    int status = path ? best_text(r, standing, &text, err) : no_memory(err);
    if (!status) status = replace(&r->row.result, text, err);
    if (!status) status = tune_study_run_update(r->study, r->row.id, NULL, NULL, NULL, text, err);
    /* What best.json speaks of is on the disk before it is. */
    if (!status) status = tune_study_settle(r->study, err);
    if (!status) status = tune_run_tables_settle(&r->tables, err);
    if (!status) status = xl_file_write(path, text, strlen(text), err);
    free(text);
    free(path);
    return status;
}

static int on_front(void *ctx, const int *objective, int objectives, xlstm_error *err) {
    const tune_run *r = ctx;
    size_t count;
    const tune_trial_row *trials;
    int status = tune_keeper_rows(r->keeper, &trials, &count, err);
    if (status) return status;
    const tune_pareto what = {.metrics = &r->row.metrics,
                              .trials = trials,
                              .count = count,
                              .space = r->space,
                              .objective = objective,
                              .objectives = objectives};
    return tune_pareto_write(r->folder, &what, err);
}

static int on_ended(void *ctx, bool *ended, tune_drive_result *result, xlstm_error *err) {
    const tune_run *r = ctx;
    *ended = strcmp(r->row.state, TUNE_RUN_FINISHED) == 0 && tune_best_is_final(r->row.result);
    return *ended ? tune_best_read(r->row.result, r->space, r->folder, result, err) : XLSTM_OK;
}

static int keep(tune_run *r, xlstm_error *err) {
    const tune_keeper_files files = {.ctx = r,
                                     .begin = on_begin,
                                     .trial = on_trial,
                                     .ready = on_ready,
                                     .baseline = on_baseline,
                                     .standing = on_standing,
                                     .front = on_front,
                                     .ended = on_ended};
    return tune_keeper_open(&r->keeper, r->study, &r->row, r->folder, &files, err);
}

/* ---- a new folder ---- */

static int write_meta(const char *folder, const char *meta, xlstm_error *err) {
    char *path = xl_path_join(folder, TUNE_RUN_META);
    int status = path ? xl_file_write(path, meta, strlen(meta), err) : no_memory(err);
    free(path);
    return status;
}

/* Returns the caller's meta together with what only the keeper knows: the path of the study and the run's name in
 * it. */
static char *complete_meta(const char *meta, const char *study_file, const char *uid) {
    json_t *j = json_loads(meta, 0, NULL);
    if (!j) return NULL;
    json_object_set_new(j, "study", json_string(study_file ? study_file : TUNE_STUDY_FILE));
    json_object_set_new(j, "uid", json_string(uid));
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(j);
    return text;
}

/* Makes the folder, the study and the run in it. run_meta.json is written last, because it makes the folder a run
 * that can be resumed. On failure everything is removed. */
static int begin(tune_run *r, const char *log_dir, const char *name, const char *study_file, xlstm_error *err) {
    char *database = NULL, *meta = NULL;
    int status = tune_run_folder_make(log_dir, name, &r->folder, &r->lock, err);
    if (status) return status;
    r->row.folder = tune_study_absolute(r->folder);
    meta = complete_meta(r->row.meta, study_file, r->row.uid);
    database = study_file ? strdup(study_file) : xl_path_join(r->folder, TUNE_STUDY_FILE);
    if (!r->row.folder || !meta || !database) {
        status = no_memory(err);
        goto out;
    }
    free(r->row.meta);
    r->row.meta = meta;
    meta = NULL;
    status = tune_study_open(&r->study, database, true, err);
    if (!status) status = tune_study_run_add(r->study, &r->row, err);
    if (!status) status = tune_study_event_add(r->study, r->row.id, "start", "started", err);
    if (!status) status = keep(r, err);
    if (!status) status = tune_study_settle(r->study, err);
    if (!status) status = write_meta(r->folder, r->row.meta, err);
out:
    if (status) {
        if (r->study && r->row.id) tune_study_run_remove(r->study, r->row.id, NULL);
        tune_keeper_close(r->keeper);
        tune_study_close(r->study);
        r->keeper = NULL;
        r->study = NULL;
        tune_run_folder_discard(r->folder);
    }
    free(database);
    free(meta);
    return status;
}

static bool copy_list(tune_named_list *to, const tune_named_list *from) {
    return tune_named_copy(to, from->item, from->count);
}

static bool copy_run(tune_run_row *to, const tune_run_row *from) {
    *to = (tune_run_row){.seed = from->seed, .metrics = from->metrics, .created = xl_wall_s()};
    return copy_text(&to->backend, from->backend) && copy_text(&to->mode, from->mode) &&
           copy_text(&to->objective, from->objective) && copy_text(&to->machine, from->machine) &&
           copy_text(&to->machine_info, from->machine_info) && copy_text(&to->target, from->target) &&
           copy_list(&to->identity, &from->identity) && copy_list(&to->workload, &from->workload) &&
           copy_list(&to->build, &from->build) && copy_text(&to->version, from->version) &&
           copy_text(&to->meta, from->meta) && copy_text(&to->space, from->space) &&
           copy_text(&to->baseline, from->baseline) && copy_text(&to->fleet, from->fleet) &&
           copy_text(&to->kind, from->kind) && copy_text(&to->state, TUNE_RUN_RUNNING);
}

int tune_run_create(tune_run **out, const char *log_dir, const char *tag, const char *study_file,
                    const tune_run_row *run, xlstm_error *err) {
    tune_run *r = run_new();
    char *name = NULL, *study = study_file ? tune_study_absolute(study_file) : NULL;
    int status = XLSTM_OK;
    if (!r || !copy_run(&r->row, run) || (study_file && !study)) {
        status = no_memory(err);
        goto out;
    }
    char stamp[32], hash[33];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &local);
    name = xl_format("%s_%s%s%s", run->backend, stamp, tag && *tag ? "_" : "", tag ? tag : "");
    char *seed =
        xl_format("%s %s %ld %llu", log_dir, run->machine, (long)getpid(), (unsigned long long)xl_now_ns());
    if (seed) xl_fnv_hex(seed, strlen(seed), hash);
    if (seed) r->row.uid = strdup(hash);
    free(seed);
    if (!name || !r->row.uid) {
        status = no_memory(err);
        goto out;
    }
    if (strchr(name, '/')) {
        status = xl_fail(err, XLSTM_EARG, "tag '%s': it becomes part of a folder's name and may hold no '/'", tag);
        goto out;
    }
    status = xl_make_folder(log_dir, err);
    if (!status) tune_run_folder_sweep(log_dir);
    if (!status) status = begin(r, log_dir, name, study, err);
out:
    free(name);
    free(study);
    if (status) tune_run_close(r, NULL);
    else *out = r;
    return status;
}

/* ---- an existing folder ---- */

int tune_run_resume(tune_run **out, const char *folder, xlstm_error *err) {
    tune_run *r = run_new();
    char *path = NULL, *data = NULL, *database = NULL, *text = NULL;
    json_t *meta = NULL;
    size_t bytes, trials;
    int status;
    if (!r || !(r->folder = strdup(folder)) || !(path = xl_path_join(folder, TUNE_RUN_META))) {
        status = no_memory(err);
        goto out;
    }
    if (!xl_is_folder(folder)) {
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no such run folder", folder);
        goto out;
    }
    status = tune_run_lock(&r->lock, folder, err);
    if (!status) xl_output_sweep(folder);
    if (!status) status = xl_file_read(path, 64 << 20, &data, &bytes, err);
    if (status) goto out;
    json_error_t bad;
    meta = json_loadb(data, bytes, 0, &bad);
    const char *study = json_string_value(json_object_get(meta, "study"));
    const char *uid = json_string_value(json_object_get(meta, "uid"));
    if (!study || !uid) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: %s; wanted the run_meta.json of a run of xltune", path,
                         meta ? "no \"study\" or no \"uid\"" : bad.text);
        goto out;
    }
    database = tune_study_in_folder(folder, study);
    status = database ? tune_study_open(&r->study, database, false, err) : no_memory(err);
    if (!status) status = tune_study_run_find(r->study, uid, &r->row, err);
    if (!status) status = keep(r, err);
    if (status) goto out;
    trials = (size_t)tune_keeper_next(r->keeper);
    /* No other process holds the lock, so a run whose state is "running" was interrupted. */
    const bool cut = strcmp(r->row.state, TUNE_RUN_RUNNING) == 0;
    text = xl_format("resumed after %zu trials; the run was %s", trials, cut ? TUNE_RUN_INTERRUPTED : r->row.state);
    status = text ? tune_study_event_add(r->study, r->row.id, "resume", text, err) : no_memory(err);
    if (!status) status = tune_study_run_update(r->study, r->row.id, TUNE_RUN_RUNNING, NULL, NULL, NULL, err);
out:
    free(path);
    free(data);
    free(database);
    free(text);
    json_decref(meta);
    if (status) tune_run_close(r, NULL);
    else *out = r;
    return status;
}

/* ---- the run as a whole ---- */

void tune_run_close(tune_run *run, const char *state) {
    if (!run) return;
    if (run->study && state && !tune_study_run_update(run->study, run->row.id, state, NULL, NULL, NULL, NULL))
        tune_study_settle(run->study, NULL);
    tune_run_tables_settle(&run->tables, NULL);
    tune_keeper_close(run->keeper);
    tune_study_close(run->study);
    tune_run_tables_close(&run->tables);
    if (run->lock >= 0) close(run->lock);
    tune_run_row_clear(&run->row);
    json_decref(run->baseline);
    free(run->folder);
    free(run);
}

const char *tune_run_folder(const tune_run *run) {
    return run->folder;
}

tune_keeper *tune_run_keeper(const tune_run *run) {
    return run->keeper;
}

int tune_run_set_meta(tune_run *run, const char *meta, xlstm_error *err) {
    int status = replace(&run->row.meta, meta, err);
    if (!status) status = tune_study_run_update(run->study, run->row.id, NULL, meta, NULL, NULL, err);
    if (!status) status = tune_study_settle(run->study, err);
    if (!status) status = write_meta(run->folder, meta, err);
    return status;
}
