/* Which tensors of a file are weights in blocks: the value of the metadata key XL_BLOCKS_KEY, a JSON object of
 * names and formats (docs/formats/converted-folder.md). */
#ifndef XL_MODEL_BLOCK_MAP_H
#define XL_MODEL_BLOCK_MAP_H

#include <stddef.h>

#include <xlstm/status.h>

#include "weights/formats.h"

/* Takes a tensor's name and its format, one of blocks; returns what is wrong with the two, or NULL. */
typedef const char *(*xl_block_map_fn)(void *user, const char *name, xl_format_id format);

/* Reads text[0 … bytes), which is changed in place, and hands every entry to `found`, in order. `where` is for
 * messages. EFORMAT where it is no object of strings or `found` objects; EUNSUPPORTED for a format that is not
 * known. */
int xl_block_map_read(const char *where, char *text, size_t bytes, xl_block_map_fn found, void *user,
                      xlstm_error *err);

#endif
