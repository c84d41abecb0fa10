#include "tuner/driver/keeper.h"

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
#include "tuner/driver/run_folder.h"
#include "tuner/driver/table.h"
#include "tuner/study/machine.h"
#include "tuner/study/run_lock.h"

struct tune_keeper {
    char *folder;
    int lock; /* descriptor of the folder's lock (flock) */
    tune_study *study;
    tune_run_row run;
    tune_trial_row *trials;
    size_t count, room;
    json_t *baseline; /* settings that decide which columns summary.csv has */
    FILE *jsonl, *csv;
};

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "run folder: out of memory");
}

static bool copy_text(char **to, const char *from) {
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static tune_keeper *keeper_new(void) {
    tune_keeper *k = calloc(1, sizeof *k);
    if (k) k->lock = -1;
    return k;
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

static char *absolute(const char *path) {
    if (path[0] == '/') return strdup(path);
    char *here = getcwd(NULL, 0), *all = here ? xl_path_join(here, path) : NULL;
    free(here);
    return all;
}

/* Makes the folder, the study and the run in it. run_meta.json is written last, because it makes the folder a run
 * that can be resumed. On failure everything is removed. */
static int begin(tune_keeper *k, const char *log_dir, const char *name, const char *study_file, xlstm_error *err) {
    char *database = NULL, *meta = NULL;
    int status = tune_run_folder_make(log_dir, name, &k->folder, &k->lock, err);
    if (status) return status;
    k->run.folder = absolute(k->folder);
    meta = complete_meta(k->run.meta, study_file, k->run.uid);
    database = study_file ? strdup(study_file) : xl_path_join(k->folder, TUNE_STUDY_FILE);
    if (!k->run.folder || !meta || !database) {
        status = no_memory(err);
        goto out;
    }
    free(k->run.meta);
    k->run.meta = meta;
    meta = NULL;
    status = tune_study_open(&k->study, database, true, err);
    if (!status) status = tune_study_run_add(k->study, &k->run, err);
    if (!status) status = tune_study_event_add(k->study, k->run.id, "start", "started", err);
    if (!status) status = write_meta(k->folder, k->run.meta, err);
out:
    if (status) {
        if (k->study && k->run.id) tune_study_run_remove(k->study, k->run.id, NULL);
        tune_study_close(k->study);
        k->study = NULL;
        tune_run_folder_discard(k->folder);
    }
    free(database);
    free(meta);
    return status;
}

static bool copy_run(tune_run_row *to, const tune_run_row *from) {
    *to = (tune_run_row){.seed = from->seed,
                         .prompt_tokens = from->prompt_tokens,
                         .new_tokens = from->new_tokens,
                         .metrics = from->metrics,
                         .created = xl_wall_s()};
    return copy_text(&to->backend, from->backend) && copy_text(&to->mode, from->mode) &&
           copy_text(&to->objective, from->objective) && copy_text(&to->machine, from->machine) &&
           copy_text(&to->machine_info, from->machine_info) && copy_text(&to->device, from->device) &&
           copy_text(&to->checkpoint, from->checkpoint) && copy_text(&to->kernels, from->kernels) &&
           copy_text(&to->version, from->version) && copy_text(&to->prompt_hash, from->prompt_hash) &&
           copy_text(&to->meta, from->meta) && copy_text(&to->space, from->space) &&
           copy_text(&to->baseline, from->baseline) && copy_text(&to->state, TUNE_RUN_RUNNING);
}

int tune_keeper_create(tune_keeper **out, const char *log_dir, const char *tag, const char *study_file,
                       const tune_run_row *run, xlstm_error *err) {
    tune_keeper *k = keeper_new();
    char *name = NULL, *study = study_file ? absolute(study_file) : NULL;
    int status = XLSTM_OK;
    if (!k || !copy_run(&k->run, run) || (study_file && !study)) {
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
    if (seed) k->run.uid = strdup(hash);
    free(seed);
    if (!name || !k->run.uid) {
        status = no_memory(err);
        goto out;
    }
    if (strchr(name, '/')) {
        status = xl_fail(err, XLSTM_EARG, "tag '%s': it becomes part of a folder's name and may hold no '/'", tag);
        goto out;
    }
    status = xl_make_folder(log_dir, err);
    if (!status) tune_run_folder_sweep(log_dir);
    if (!status) status = begin(k, log_dir, name, study, err);
out:
    free(name);
    free(study);
    if (status) tune_keeper_close(k, NULL);
    else *out = k;
    return status;
}

/* ---- an existing folder ---- */

int tune_keeper_resume(tune_keeper **out, const char *folder, xlstm_error *err) {
    tune_keeper *k = keeper_new();
    char *path = NULL, *data = NULL, *database = NULL, *text = NULL;
    json_t *meta = NULL;
    size_t bytes;
    int status;
    if (!k || !(k->folder = strdup(folder)) || !(path = xl_path_join(folder, TUNE_RUN_META))) {
        status = no_memory(err);
        goto out;
    }
    if (!xl_is_folder(folder)) {
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no such run folder", folder);
        goto out;
    }
    status = tune_run_lock(&k->lock, folder, err);
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
    database = xl_path_join(folder, study);
    status = database ? tune_study_open(&k->study, database, false, err) : no_memory(err);
    if (!status) status = tune_study_run_find(k->study, uid, &k->run, err);
    if (!status) status = tune_study_trials(k->study, k->run.id, &k->trials, &k->count, err);
    if (status) goto out;
    k->room = k->count;
    /* No other process holds the lock, so a run whose state is "running" was interrupted. */
    const bool cut = strcmp(k->run.state, TUNE_RUN_RUNNING) == 0;
    text =
        xl_format("resumed after %zu trials; the run was %s", k->count, cut ? TUNE_RUN_INTERRUPTED : k->run.state);
    status = text ? tune_study_event_add(k->study, k->run.id, "resume", text, err) : no_memory(err);
    if (!status) status = tune_study_run_update(k->study, k->run.id, TUNE_RUN_RUNNING, NULL, NULL, NULL, err);
out:
    free(path);
    free(data);
    free(database);
    free(text);
    json_decref(meta);
    if (status) tune_keeper_close(k, NULL);
    else *out = k;
    return status;
}

void tune_keeper_close(tune_keeper *keeper, const char *state) {
    if (!keeper) return;
    if (keeper->study && state) tune_study_run_update(keeper->study, keeper->run.id, state, NULL, NULL, NULL, NULL);
    tune_study_close(keeper->study);
    if (keeper->jsonl) fclose(keeper->jsonl);
    if (keeper->csv) fclose(keeper->csv);
    if (keeper->lock >= 0) close(keeper->lock);
    tune_run_row_clear(&keeper->run);
    tune_trial_rows_free(keeper->trials, keeper->count);
    json_decref(keeper->baseline);
    free(keeper->folder);
    free(keeper);
}

const char *tune_keeper_folder(const tune_keeper *keeper) {
    return keeper->folder;
}

tune_study *tune_keeper_study(tune_keeper *keeper) {
    return keeper->study;
}

const tune_run_row *tune_keeper_run(const tune_keeper *keeper) {
    return &keeper->run;
}

const tune_trial_row *tune_keeper_trials(const tune_keeper *keeper, size_t *count) {
    *count = keeper->count;
    return keeper->trials;
}

/* ---- the run as a whole ---- */

static int replace(char **field, const char *text, xlstm_error *err) {
    char *copy = strdup(text);
    if (!copy) return no_memory(err);
    free(*field);
    *field = copy;
    return XLSTM_OK;
}

int tune_keeper_set_meta(tune_keeper *keeper, const char *meta, xlstm_error *err) {
    int status = replace(&keeper->run.meta, meta, err);
    if (!status) status = write_meta(keeper->folder, meta, err);
    if (!status) status = tune_study_run_update(keeper->study, keeper->run.id, NULL, meta, NULL, NULL, err);
    return status;
}

int tune_keeper_set_baseline(tune_keeper *keeper, const char *baseline, xlstm_error *err) {
    int status = replace(&keeper->run.baseline, baseline, err);
    if (!status) status = tune_study_run_update(keeper->study, keeper->run.id, NULL, NULL, baseline, NULL, err);
    return status;
}

int tune_keeper_set_result(tune_keeper *keeper, const json_t *result, xlstm_error *err) {
    char *text = json_dumps(result, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    char *path = xl_path_join(keeper->folder, "best.json");
    int status = XLSTM_ENOMEM;
    if (!text || !path) {
        no_memory(err);
        goto out;
    }
    status = replace(&keeper->run.result, text, err);
    if (!status) status = tune_study_run_update(keeper->study, keeper->run.id, NULL, NULL, NULL, text, err);
    if (!status) status = xl_file_write(path, text, strlen(text), err);
out:
    free(text);
    free(path);
    return status;
}

/* ---- trials ---- */

static int write_row(tune_keeper *k, const tune_trial_row *trial, const json_t *settings,
                     const tune_sample_row *samples, size_t count, xlstm_error *err) {
    json_t *row = tune_table_json(&k->run.metrics, trial, settings, samples, count);
    char *line = row ? json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(row);
    if (!line) return no_memory(err);
    fprintf(k->jsonl, "%s\n", line);
    free(line);
    tune_table_csv_row(k->csv, &k->run.metrics, k->baseline, trial, settings);
    if (fflush(k->jsonl) || fflush(k->csv))
        return xl_fail(err, XLSTM_EIO, "%s: trials.jsonl or summary.csv: %s", k->folder, strerror(errno));
    return XLSTM_OK;
}

static int open_tables(tune_keeper *k, xlstm_error *err) {
    static const char *const names[] = {"trials.jsonl", "summary.csv"};
    FILE **files[] = {&k->jsonl, &k->csv};
    for (int i = 0; i < 2; i++) {
        if (*files[i]) fclose(*files[i]);
        char *path = xl_path_join(k->folder, names[i]);
        *files[i] = path ? fopen(path, "we") : NULL;
        free(path);
        if (!*files[i]) return xl_fail(err, XLSTM_EIO, "%s/%s: %s", k->folder, names[i], strerror(errno));
    }
    tune_table_csv_header(k->csv, &k->run.metrics, k->baseline);
    return fflush(k->csv) ? xl_fail(err, XLSTM_EIO, "%s/summary.csv: %s", k->folder, strerror(errno)) : XLSTM_OK;
}

int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const json_t *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err) {
    if (keeper->count == keeper->room) {
        size_t room = keeper->room ? 2 * keeper->room : 64;
        tune_trial_row *grown = realloc(keeper->trials, room * sizeof *grown);
        if (!grown) return no_memory(err);
        keeper->trials = grown;
        keeper->room = room;
    }
    if (!tune_trial_row_copy(&keeper->trials[keeper->count], trial)) return no_memory(err);
    int status = tune_study_trial_add(keeper->study, keeper->run.id, trial, samples, count, err);
    if (status) {
        tune_trial_row_clear(&keeper->trials[keeper->count]);
        return status;
    }
    keeper->count++;
    return write_row(keeper, trial, settings, samples, count, err);
}

int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err) {
    tune_trial_row copy;
    if (trial->index < 0 || (size_t)trial->index >= keeper->count)
        return xl_fail(err, XLSTM_EINTERNAL, "no trial %lld to change", (long long)trial->index);
    if (!tune_trial_row_copy(&copy, trial)) return no_memory(err);
    tune_trial_row_clear(&keeper->trials[trial->index]);
    keeper->trials[trial->index] = copy;
    return tune_study_trial_update(keeper->study, keeper->run.id, &copy, NULL, 0, err);
}

int tune_keeper_samples(tune_keeper *keeper, const tune_sample_row *samples, size_t count, xlstm_error *err) {
    return count ? tune_study_samples_add(keeper->study, keeper->run.id, samples, count, err) : XLSTM_OK;
}

int tune_keeper_event(tune_keeper *keeper, const char *kind, const char *text, xlstm_error *err) {
    return tune_study_event_add(keeper->study, keeper->run.id, kind, text, err);
}

/* Returns all settings of a trial; where it is not a point of the space only its own params. */
static json_t *settings_of(const tune_target *problem, const tune_trial_row *trial) {
    return trial->point == TUNE_NO_POINT ? tune_named_json(&trial->params)
                                         : problem->settings(problem->self, trial->point);
}

int tune_keeper_rebuild(tune_keeper *keeper, const tune_target *problem, xlstm_error *err) {
    tune_sample_row *samples = NULL, *mine = NULL;
    size_t count = 0;
    json_decref(keeper->baseline);
    keeper->baseline = problem->settings(problem->self, TUNE_BASELINE_TRIAL);
    int status = keeper->baseline ? open_tables(keeper, err) : no_memory(err);
    if (!status) status = tune_study_samples(keeper->study, keeper->run.id, &samples, &count, err);
    if (!status && count && !(mine = malloc(count * sizeof *mine))) status = no_memory(err);
    for (size_t i = 0; !status && i < keeper->count; i++) {
        tune_trial_row *trial = &keeper->trials[i];
        if (trial->point == TUNE_NO_POINT) trial->point = tune_named_point(&trial->params, problem->space);
        json_t *settings = settings_of(problem, trial);
        size_t n = 0;
        for (size_t s = 0; s < count; s++) {
            bool near = samples[s].trial == TUNE_BASELINE_TRIAL && samples[s].block == trial->index;
            if (strcmp(samples[s].stage, "search") == 0 && (near || samples[s].trial == trial->index))
                mine[n++] = samples[s];
        }
        status = settings ? write_row(keeper, trial, settings, mine, n, err) : no_memory(err);
        json_decref(settings);
    }
    free(samples);
    free(mine);
    return status;
}
