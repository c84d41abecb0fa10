/* The lock of a run folder, held by the process that works on it. The system drops it when the process ends in any
 * way, so that a run whose process was killed never looks as if it were running. */
#ifndef TUNE_STUDY_RUN_LOCK_H
#define TUNE_STUDY_RUN_LOCK_H

#include <stdbool.h>

#include <xlstm/status.h>

/* Takes the lock of an existing folder for this process; *lock is a descriptor, released by close. ENOTFOUND where
 * the folder is gone, EARG where another process holds it, EIO for the rest. */
int tune_run_lock(int *lock, const char *folder, xlstm_error *err);
/* Whether no process works on the folder. True for a folder that does not exist; false for one that may not be
 * looked into, because nothing is known about it. */
bool tune_run_is_free(const char *folder);

#endif
