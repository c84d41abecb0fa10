#include "tuner/run/run_folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/study/run_lock.h"
#include "tuner/study/study.h"

enum { MOST = 10000 };

/* Whether a file may belong to a run that has not begun: its study, run_meta.json, or what is written aside for the
 * latter (base/output.h). */
static bool is_of_start(const char *name) {
    const size_t length = strlen(name);
    if (length > 4 && !strncmp(name, "xltune-", 7) && !strcmp(name + length - 4, ".tmp")) return true;
    return !strncmp(name, TUNE_STUDY_FILE, strlen(TUNE_STUDY_FILE)) ||
           !strncmp(name, TUNE_RUN_META, strlen(TUNE_RUN_META));
}

static bool is_dots(const char *name) {
    return !strcmp(name, ".") || !strcmp(name, "..");
}

void tune_run_folder_discard(const char *folder) {
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        char *path = is_of_start(e->d_name) ? xl_path_join(folder, e->d_name) : NULL;
        if (path) unlink(path);
        free(path);
    }
    closedir(d);
    rmdir(folder);
}

/* Whether a folder is named "<backend>_YYYYMMDD_HHMMSS…". No other folder may be removed. */
static bool is_named_as_run(const char *name) {
    static const char form[] = "_00000000_000000";
    for (const char *at = strchr(name, '_'); at && at > name; at = strchr(at + 1, '_')) {
        size_t i = 0;
        while (form[i] && (form[i] == '_' ? at[i] == '_' : isdigit((unsigned char)at[i]))) i++;
        if (!form[i]) return true;
    }
    return false;
}

static bool has_begun_or_is_not_ours(const char *folder) {
    DIR *d = opendir(folder);
    if (!d) return true;
    bool other = false;
    for (struct dirent *e; !other && (e = readdir(d));)
        other = !strcmp(e->d_name, TUNE_RUN_META) || !(is_dots(e->d_name) || is_of_start(e->d_name));
    closedir(d);
    return other;
}

int tune_run_folder_make(const char *log_dir, const char *name, char **folder, int *lock, xlstm_error *err) {
    for (int n = 1; n < MOST; n++) {
        char *path = n == 1 ? xl_format("%s/%s", log_dir, name) : xl_format("%s/%s_%d", log_dir, name, n);
        if (!path) return xl_fail(err, XLSTM_ENOMEM, "run folder: out of memory");
        int status = XLSTM_OK;
        if (!mkdir(path, 0777)) {
            status = tune_run_lock(lock, path, err);
            if (!status && !has_begun_or_is_not_ours(path)) {
                xl_sync_folder(path);
                *folder = path;
                return XLSTM_OK;
            }
            if (!status) {
                rmdir(path); /* goes only where it is empty, and could not be looked into */
                close(*lock);
            }
            /* Between the two calls another process may have taken the folder for one left by a killed process and
             * removed it, and a third may have made it again. Whoever holds the lock of a folder in which no run
             * has begun owns it. */
            if (status == XLSTM_ENOTFOUND || status == XLSTM_EARG) status = XLSTM_OK;
            if (status) rmdir(path);
        } else if (errno != EEXIST) {
            status = xl_fail(err, XLSTM_EIO, "%s: cannot be made: %s", path, strerror(errno));
        }
        free(path);
        if (status) return status;
    }
    return xl_fail(err, XLSTM_EIO, "%s/%s: every suffix up to _%d is taken", log_dir, name, MOST - 1);
}

void tune_run_folder_sweep(const char *log_dir) {
    DIR *d = opendir(log_dir);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        int lock;
        char *folder = is_named_as_run(e->d_name) ? xl_path_join(log_dir, e->d_name) : NULL;
        if (folder && !has_begun_or_is_not_ours(folder) && tune_run_is_free(folder) &&
            !tune_run_lock(&lock, folder, NULL)) {
            /* Checked again under the lock, because the process that made the folder may have begun its run
             * meanwhile. */
            if (!has_begun_or_is_not_ours(folder)) tune_run_folder_discard(folder);
            close(lock);
        }
        free(folder);
    }
    closedir(d);
}
