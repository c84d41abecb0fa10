/* Who works on a run folder: the process that holds the folder's lock. The system drops the lock when the process
 * ends, however it ends, so that a run whose process was killed is never taken for one that goes on. */
#ifndef TUNE_STUDY_RUN_LOCK_H
#define TUNE_STUDY_RUN_LOCK_H

#include <stdbool.h>

#include <xlstm/status.h>

/* Takes the lock of an existing folder for this process; *lock is a descriptor, released by close. ENOTFOUND where
 * the folder is gone, EARG where another process holds it, EIO for the rest. */
int tune_run_lock(int *lock, const char *folder, xlstm_error *err);
/* Whether no process works on the folder. A folder that is not there is free; one that may not be looked into is
 * not known to be. */
bool tune_run_is_free(const char *folder);

#endif
