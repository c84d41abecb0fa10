/* Which tensors a checkpoint holds, by name and shape (numerics.md's table), and the spellings they come in. */
#ifndef XL_MODEL_LAYOUT_H
#define XL_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/model.h>

#include "weights/formats.h"

#define XL_NAME_MAX 128 /* of a canonical tensor name, NUL included */

/* The canonical spelling of a stored tensor's name: "embedding.weight" -> "backbone.embeddings.weight",
 * "….mlstm_layer.query.weight" -> "….mlstm_layer.q.weight" (key, value alike); others stay. False where the
 * result does not fit: such a name is not a tensor of ours. */
bool xl_canonical_name(const char *stored, char out[XL_NAME_MAX]);

/* Whether a tensor of that name is a projection of the input or the forget gate; of the embedding or the head. */
bool xl_is_gate(const char *name);
bool xl_is_head(const char *name);

/* The format in which a matrix of `cols` columns is held where `wanted` was asked for: the gates' own projections
 * are kept out of blocks, since an error there is magnified by the cell's exponentials, and rows that are short
 * for the format's blocks are held in shorter ones. */
static inline xl_format_id xl_held_format(xl_format_id wanted, bool is_gate, int64_t cols) {
    return is_gate && xl_format_get((int)wanted)->block > 1 ? XL_FORMAT_F32 : xl_format_of_rows(wanted, cols);
}

/* Name of a block's tensor: "backbone.blocks.<block>.<part>". */
void xl_block_tensor_name(int64_t block, const char *part, char out[XL_NAME_MAX]);

#endif
