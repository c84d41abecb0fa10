#include "tuner/run/run_meta.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/run/run_folder.h"
#include "tuner/study/run_lock.h"
#include "tuner/study/study_address.h"

enum { META_MOST = 64 << 20 };

int tune_run_meta_read(const char *folder, json_t **meta, xlstm_error *err) {
    char *path = xl_path_join(folder, TUNE_RUN_META), *data = NULL;
    size_t bytes;
    json_error_t bad;
    json_t *j = NULL;
    int status = path ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status && !xl_is_folder(folder)) status = xl_fail(err, XLSTM_ENOTFOUND, "%s: no such run folder", folder);
    if (!status && access(path, F_OK))
        status = xl_fail(err, XLSTM_ENOTFOUND,
                         "%s: holds no run_meta.json: it is not a run of xltune, or one that ended before it began",
                         folder);
    if (!status) status = xl_file_read(path, META_MOST, &data, &bytes, err);
    if (!status && !(j = json_loadb(data, bytes, 0, &bad)))
        status = xl_fail(err, XLSTM_EFORMAT, "%s: line %d: %s", path, bad.line, bad.text);
    if (!status &&
        (!json_is_object(json_object_get(j, "effective_args")) || !json_is_object(json_object_get(j, "settings"))))
        status =
            xl_fail(err, XLSTM_EFORMAT,
                    "%s: no \"effective_args\" and \"settings\" of xltune: such a run cannot be resumed", path);
    free(path);
    free(data);
    if (status) json_decref(j);
    else *meta = j;
    return status;
}

/* ---- interrupted runs ---- */

static bool is_interrupted(const char *folder, const json_t *effective, int64_t *trials) {
    char *path = xl_path_join(folder, TUNE_RUN_META), *data = NULL;
    size_t bytes;
    bool cut = false;
    tune_study *study = NULL;
    tune_run_row run = {0};
    if (path && xl_is_file(path) && !xl_file_read(path, META_MOST, &data, &bytes, NULL)) {
        json_t *meta = json_loadb(data, bytes, 0, NULL);
        const char *name = json_string_value(json_object_get(meta, "study"));
        const char *uid = json_string_value(json_object_get(meta, "uid"));
        char *database = name ? tune_study_in_folder(folder, name) : NULL;
        if (database && uid && json_equal(json_object_get(meta, "effective_args"), effective) &&
            tune_run_is_free(folder) && !tune_study_open_reading(&study, database, NULL) &&
            !tune_study_run_find(study, uid, &run, NULL)) {
            cut = strcmp(run.state, TUNE_RUN_FINISHED) != 0;
            *trials = run.trials;
        }
        free(database);
        json_decref(meta);
    }
    tune_run_row_clear(&run);
    tune_study_close(study);
    free(path);
    free(data);
    return cut;
}

void tune_run_find_interrupted(const char *log_dir, const json_t *effective, char **folder, int64_t *trials) {
    DIR *d = opendir(log_dir);
    *folder = NULL;
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        int64_t n = 0;
        if (e->d_name[0] == '.' || (*folder && strcmp(strrchr(*folder, '/') + 1, e->d_name) > 0)) continue;
        char *path = xl_format("%s/%s", log_dir, e->d_name);
        if (path && is_interrupted(path, effective, &n)) {
            free(*folder);
            *folder = path;
            *trials = n;
        } else {
            free(path);
        }
    }
    closedir(d);
}

/* ---- the same run ---- */

static const char *text_of(tune_value v, char number[64]) {
    return v.text ? v.text : tune_value_print(v, number, 64);
}

/* The first fact that is another one now; NULL: none. A fact that the run lacks is new and compares with nothing.
 */
static const tune_named *other_fact(const tune_named_list *then, const tune_named_list *now,
                                    const tune_value **was) {
    for (size_t i = 0; i < now->count; i++) {
        *was = tune_named_find(then, now->item[i].name);
        if (*was && !tune_value_same(**was, now->item[i].value)) return &now->item[i];
    }
    return NULL;
}

/* "version 0.1.0, kernels avx2"; malloc'd. */
static char *built_text(const char *version, const tune_named_list *build) {
    char *text = xl_format("version %s", version);
    for (size_t i = 0; text && i < build->count; i++) {
        char number[64];
        char *grown = xl_format("%s, %s %s", text, build->item[i].name, text_of(build->item[i].value, number));
        free(text);
        text = grown;
    }
    return text;
}

int tune_run_same(const tune_run_row *run, const tune_run_now *now, char **note, xlstm_error *err) {
    char a[64], b[64];
    const tune_value *was;
    const tune_named *fact;
    *note = NULL;
    if (strcmp(now->machine, run->machine) != 0)
        return xl_fail(err, XLSTM_EMISMATCH,
                       "%s: measured on another machine (%.8s, this one is %.8s): start a new run", now->name,
                       run->machine, now->machine);
    if (strcmp(now->target, run->target) != 0)
        return xl_fail(err, XLSTM_EMISMATCH, "%s: its target is %s, this one is %s", now->name, run->target,
                       now->target);
    if ((fact = other_fact(&run->identity, now->identity, &was)))
        return xl_fail(err, XLSTM_EMISMATCH, "%s: measured with another %s (%.8s, this one is %.8s)", now->name,
                       fact->name, text_of(*was, a), text_of(fact->value, b));
    if ((fact = other_fact(&run->workload, now->workload, &was)))
        return xl_fail(err, XLSTM_EMISMATCH, "%s: its %s is another one now (%.8s, it was %.8s)", now->name,
                       fact->name, text_of(fact->value, b), text_of(*was, a));
    json_t *stored = json_loads(run->space, 0, NULL);
    const bool same_space = json_equal(now->space, stored);
    json_decref(stored);
    if (!same_space)
        return xl_fail(err, XLSTM_EMISMATCH,
                       "%s: its search space is not the one with which the run began: start a new run", now->name);
    if (!other_fact(&run->build, now->build, &was) && !strcmp(now->version, run->version)) return XLSTM_OK;
    char *then = built_text(run->version, &run->build), *here = built_text(now->version, now->build);
    if (then && here) *note = xl_format("%s was begun with %s; it is continued with %s", now->name, then, here);
    free(then);
    free(here);
    return XLSTM_OK;
}
