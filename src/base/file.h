/* Reading whole files, and folders. Writing is in base/output.h. */
#ifndef XL_BASE_FILE_H
#define XL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

#include "base/mapped.h"

/* How long a FIFO without a partner is waited for, in seconds. */
#define XL_FIFO_WAIT_S 5

/* Reads a file of at most `limit` bytes. *data is malloc'd and NUL-terminated (the NUL is not counted). A pipe or
 * FIFO is read to its end; EIO where nobody opens it for writing within XL_FIFO_WAIT_S or where
 * its writer is silent for a minute. */
int xl_file_read(const char *path, size_t limit, char **data, size_t *bytes, xlstm_error *err);
/* A file's text, for reading once or a few times from its beginning to its end. */
typedef struct xl_text {
    const char *data; /* not NUL-terminated */
    size_t bytes;
    bool is_mapped;
    xl_mapped mapped;
} xl_text;
/* Does the same for a text that need not be in memory as a whole: a regular file is mapped, anything else is read.
 * *out and `path` must stay in place until xl_text_close, which accepts a zeroed one. */
int xl_text_open(xl_text *out, const char *path, size_t limit, xlstm_error *err);
void xl_text_close(xl_text *text);
/* Makes a folder and its parents, and waits until they are on the disk; one that exists is fine. */
int xl_make_folder(const char *path, xlstm_error *err);
/* Makes that `path` was made, renamed or removed durable: fsyncs the folder that holds it. Failure is not reported:
 * the data are safe. */
void xl_sync_folder(const char *path);
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
