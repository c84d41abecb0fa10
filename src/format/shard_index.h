/* model.safetensors.index.json: which shard of a checkpoint holds which tensor.
 *
 *     {"metadata": {…}, "weight_map": {"tensor": "file", …}}
 *
 * weight_map alone is used. Anything beside it is skipped, whatever its value. */
#ifndef XL_FORMAT_SHARD_INDEX_H
#define XL_FORMAT_SHARD_INDEX_H

#include <stddef.h>

#include <xlstm/status.h>

typedef struct xl_sharded {
    const char *tensor, *file;
} xl_sharded;

typedef struct xl_shard_index {
    xl_sharded *tensors; /* [count] sorted by tensor, each once */
    size_t count;
    const char **files; /* [file_count] sorted, each once: plain names of files beside the index */
    size_t file_count;
    char *text; /* in which all names lie */
} xl_shard_index;

/* Reads the index, text[0 … bytes), which is malloc'd, becomes the index's and is changed. `path` is for messages.
 * EFORMAT where there is no weight_map or an empty one, where a value is not the name of a file beside the index,
 * and where a tensor (or weight_map itself) comes twice with different values. On failure *out is empty. Release
 * with xl_shard_index_release. */
int xl_shard_index_parse(xl_shard_index *out, const char *path, char *text, size_t bytes, xlstm_error *err);
void xl_shard_index_release(xl_shard_index *index);

#endif
