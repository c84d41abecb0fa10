/* Whole files, folders, and atomic writing. */
#ifndef XL_BASE_FILE_H
#define XL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

/* Reads a regular file of at most `limit` bytes. *data is malloc'd and NUL-terminated (the NUL is not counted). */
int xl_file_read(const char *path, size_t limit, char **data, size_t *bytes, xlstm_error *err);
/* Writes a temporary beside `path`, fsyncs, renames over it and fsyncs the folder. */
int xl_file_write(const char *path, const void *data, size_t bytes, xlstm_error *err);
/* Makes a rename of `path` durable: fsyncs the folder that holds it. Failure is not reported: the data are safe. */
void xl_sync_folder(const char *path);
/* Makes a folder and its parents; one that exists is fine. */
int xl_make_folder(const char *path, xlstm_error *err);
bool xl_is_folder(const char *path);
bool xl_is_file(const char *path);
/* dir + "/" + name, malloc'd; name alone where it is absolute or dir is empty. NULL when out of memory. */
char *xl_path_join(const char *dir, const char *name);
/* The folder part of a path, malloc'd; "." where there is none. */
char *xl_path_folder(const char *path);

#endif
