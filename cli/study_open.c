#include "cli/study_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/study/study_address.h"

#define META_MOST ((size_t)1 << 30)

void cli_opened_close(cli_opened *o) {
    tune_run_row_clear(&o->run);
    tune_study_close(o->study);
    *o = (cli_opened){0};
}

/* Opens a folder that has a study and is no run's, such as that in which the agents of a search write:
 * runs/agents_…. */
static int open_bare(const char *folder, cli_opened *o, xlstm_error *err) {
    char *path = xl_path_join(folder, TUNE_STUDY_FILE);
    int status = path ? tune_study_open_reading(&o->study, path, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(path);
    if (!status) status = tune_study_run_find(o->study, "", &o->run, err);
    if (status == XLSTM_ENOTFOUND && o->study)
        return xl_fail(err, status, "%s: holds no run: a search began here and has none yet, or ended before",
                       folder);
    return status;
}

bool cli_has_file(const char *folder, const char *name) {
    char *path = xl_path_join(folder, name);
    const bool there = path && xl_is_file(path);
    free(path);
    return there;
}

bool cli_is_bare_study(const char *folder) {
    return cli_has_file(folder, TUNE_STUDY_FILE) && !cli_has_file(folder, "run_meta.json");
}

int cli_open_folder(const char *folder, cli_opened *o, xlstm_error *err) {
    char *path = xl_path_join(folder, "run_meta.json"), *data = NULL, *database = NULL;
    size_t bytes;
    json_t *meta = NULL;
    int status =
        path ? xl_file_read(path, META_MOST, &data, &bytes, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (status) goto out;
    meta = json_loadb(data, bytes, 0, NULL);
    const char *study = json_string_value(json_object_get(meta, "study"));
    const char *uid = json_string_value(json_object_get(meta, "uid"));
    if (!study || !uid) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: names no study: the folder is not a run of xltune", path);
        goto out;
    }
    database = tune_study_in_folder(folder, study);
    status =
        database ? tune_study_open_reading(&o->study, database, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status) status = tune_study_run_find(o->study, uid, &o->run, err);
out:
    json_decref(meta);
    free(path);
    free(data);
    free(database);
    return status;
}

int cli_open_run(const cli_config *cfg, const char *name, cli_opened *o, xlstm_error *err) {
    *o = (cli_opened){0};
    const char *file = cli_str(cfg, "study");
    int status;
    if (!file && xl_is_folder(name)) {
        status = cli_is_bare_study(name) ? open_bare(name, o, err) : cli_open_folder(name, o, err);
    } else {
        status = tune_study_open_reading(&o->study, file ? file : name, err);
        if (!status) status = tune_study_run_find(o->study, file ? name : "", &o->run, err);
    }
    if (status) cli_opened_close(o);
    return status;
}

bool cli_study_narrow(const cli_config *cfg) {
    return !cli_str(cfg, "out") && isatty(STDOUT_FILENO);
}

void cli_study_when(double at, char *out, size_t size) {
    time_t t = (time_t)at;
    struct tm local;
    localtime_r(&t, &local);
    strftime(out, size, "%Y-%m-%d %H:%M:%S", &local);
}

json_t *cli_study_json(const char *text) {
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    return j ? j : json_null();
}

const char *cli_study_text(const json_t *j, const char *key) {
    const char *text = json_string_value(json_object_get(j, key));
    return text ? text : "";
}

const char *cli_study_last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
