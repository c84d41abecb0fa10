/* Making a run's folder. It is made under its final name, so that runs which start in the same second each get a
 * folder of their own. It becomes a run when run_meta.json, which is written last, is in it. A folder without that
 * file belongs to a process that was killed before its run began, and the next run that starts beside it removes
 * it. */
#ifndef TUNE_RUN_FOLDER_H
#define TUNE_RUN_FOLDER_H

#include <xlstm/status.h>

#define TUNE_RUN_META "run_meta.json"

/* Makes `<log_dir>/<name>`, or with _2, _3, … after it where that exists, and takes its lock (tune_run_lock).
 * log_dir exists. *folder is malloc'd, *lock a descriptor. */
int tune_run_folder_make(const char *log_dir, const char *name, char **folder, int *lock, xlstm_error *err);
/* Removes a folder whose run did not begin, with the files that starting it left there. A folder that holds
 * anything else is kept. */
void tune_run_folder_discard(const char *folder);
/* Removes the folders in log_dir that killed processes left before their runs began. */
void tune_run_folder_sweep(const char *log_dir);

#endif
