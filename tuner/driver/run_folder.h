/* Making a run's folder. The folder is made under its final name: whoever makes it has the name, so that runs that
 * start in one second each get a folder of their own. It is a run once run_meta.json is in it, which is written
 * last; what is there without one belongs to a process that was killed before its run began, and is removed by the
 * next run that starts beside it. */
#ifndef TUNE_DRIVER_RUN_FOLDER_H
#define TUNE_DRIVER_RUN_FOLDER_H

#include <xlstm/status.h>

#define TUNE_RUN_META "run_meta.json"

/* Makes `<log_dir>/<name>`, or with _2, _3, … after it where that exists, and takes its lock (tune_run_lock).
 * log_dir exists. *folder is malloc'd, *lock a descriptor. */
int tune_run_folder_make(const char *log_dir, const char *name, char **folder, int *lock, xlstm_error *err);
/* Removes a folder whose run did not begin, with what starting it left there. Anything else that lies in it keeps
 * it. */
void tune_run_folder_discard(const char *folder);
/* Removes the folders in log_dir that killed processes left before their runs began. */
void tune_run_folder_sweep(const char *log_dir);

#endif
