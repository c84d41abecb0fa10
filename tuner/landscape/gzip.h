/* Packs and unpacks gzip in memory. */
#ifndef TUNE_SEARCH_GZIP_H
#define TUNE_SEARCH_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

bool tune_gzip_is(const char *data, size_t bytes);
/* *out is malloc'd and NUL-terminated (the NUL is not counted). XLSTM_EFORMAT, naming `path`, where the data is
 * damaged, truncated, followed by anything else, or larger than `limit` bytes when unpacked. */
int tune_gzip_unpack(const char *path, const char *data, size_t bytes, size_t limit, char **out, size_t *out_bytes,
                     xlstm_error *err);
/* *out is malloc'd. */
int tune_gzip_pack(const char *path, const char *data, size_t bytes, char **out, size_t *out_bytes,
                   xlstm_error *err);

#endif
