/* Reading whole files, and folders. Writing is in base/output.h. */
#ifndef XL_BASE_FILE_H
#define XL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

/* How long a FIFO without a partner is waited for, in seconds. */
#define XL_FIFO_WAIT_S 5

/* Reads a file of at most `limit` bytes. *data is malloc'd and NUL-terminated (the NUL is not counted). A pipe or
 * FIFO is read to its end; EIO where nobody opens it for writing within XL_FIFO_WAIT_S or where
 * its writer is silent for a minute. */
int xl_file_read(const char *path, size_t limit, char **data, size_t *bytes, xlstm_error *err);
/* Makes a folder and its parents; one that exists is fine. */
int xl_make_folder(const char *path, xlstm_error *err);
/* Takes the only lock of a folder, to change a file in it that others change too; waits for it. *lock is for
 * xl_folder_unlock, which accepts a lock that was not taken (-1). A process that dies lets go of it. */
int xl_folder_lock(int *lock, const char *path, xlstm_error *err);
void xl_folder_unlock(int *lock);
bool xl_is_folder(const char *path);
bool xl_is_file(const char *path);
/* dir + "/" + name, malloc'd; name alone where it is absolute or dir is empty. NULL when out of memory. */
char *xl_path_join(const char *dir, const char *name);
/* The folder part of a path, malloc'd; "." where there is none. */
char *xl_path_folder(const char *path);

#endif
