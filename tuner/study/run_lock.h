/* The lock of a run folder, held by the process that works on it. The system releases it when the process ends,
 * however that happens, so a run whose process was killed is never taken for a running one. */
#ifndef TUNE_STUDY_RUN_LOCK_H
#define TUNE_STUDY_RUN_LOCK_H

#include <stdbool.h>

#include <xlstm/status.h>

/* Takes the lock of an existing folder for this process; *lock is a descriptor, released by close. XLSTM_ENOTFOUND
 * where the folder does not exist any more, XLSTM_EARG where another process holds the lock, XLSTM_EIO for other
 * failures. */
int tune_run_lock(int *lock, const char *folder, xlstm_error *err);
/* Whether no process works on the folder. True for a folder that does not exist; false for one that this user may
 * not open, because nothing is known about it. */
bool tune_run_is_free(const char *folder);

#endif
