/* A mark of a process, by which another on the same machine sees that it is gone, in whatever way it ended. */
#ifndef TUNE_STUDY_PROCESS_MARK_H
#define TUNE_STUDY_PROCESS_MARK_H

#include <stdbool.h>

#include <jansson.h>

/* The mark of this process, owned by the caller: {"boot": …, "space": …, "pid": …, "start": …}, that is the boot of
 * the machine, the space of process numbers (a container may have its own), the number, and when the process
 * started. NULL where the system does not tell these, as on a Mac. */
json_t *tune_process_mark(void);

/* Whether the process of a mark is gone for sure: it had its number on this machine since its last boot, as seen
 * from here, and no process has that number now, or another one, or one that has ended and was not waited for.
 * False where anything is not known, and for a mark that is NULL or none. */
bool tune_process_is_gone(const json_t *mark);

#endif
