/* Which tensors a checkpoint holds, by name and shape (numerics.md's table), and the spellings they come in. */
#ifndef XL_MODEL_LAYOUT_H
#define XL_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/model.h>

#define XL_NAME_MAX 128 /* of a canonical tensor name, NUL included */

/* The canonical spelling of a stored tensor's name: "embedding.weight" -> "backbone.embeddings.weight",
 * "….mlstm_layer.query.weight" -> "….mlstm_layer.q.weight" (key, value alike); others stay. False where the
 * result does not fit: such a name is not a tensor of ours. */
bool xl_canonical_name(const char *stored, char out[XL_NAME_MAX]);

/* Name of a block's tensor: "backbone.blocks.<block>.<part>". */
void xl_block_tensor_name(int64_t block, const char *part, char out[XL_NAME_MAX]);

#endif
