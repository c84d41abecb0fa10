/* What a checkpoint costs in each weight format, without its files. */
#include <stdlib.h>
#include <string.h>

#include <xlstm/model.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/store.h"

int xlstm_weight_format_cost(int index, const xlstm_hparams *hparams, uint64_t *resident_bytes,
                             uint64_t *decode_read_bytes, xlstm_error *err) {
    if (!xl_format_get(index))
        return xl_fail(err, XLSTM_ENOTFOUND, "weight format %d, wanted one of the list", index);
    size_t count = 0;
    int status = xlstm_checkpoint_layout(hparams, NULL, &count, err);
    if (status) return status;
    xlstm_tensor_spec *specs = xl_array(count, sizeof *specs);
    if (!specs) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    status = xlstm_checkpoint_layout(hparams, specs, &count, err);
    uint64_t resident = 0, embedding_rows = 0;
    for (size_t i = 0; i < count && !status; i++) {
        const xlstm_tensor_spec *t = &specs[i];
        if (t->rank == 1) {
            resident += (uint64_t)t->shape[0] * sizeof(float);
            continue;
        }
        xl_format_id format = xl_held_format((xl_format_id)index, xl_is_gate(t->name), t->shape[1]);
        uint64_t row = xl_format_row_bytes(format, t->shape[1]);
        resident += (uint64_t)t->shape[0] * row;
        /* A token reads only one row of the embedding, which is the first tensor. */
        if (i == 0 && !hparams->tie_word_embeddings) embedding_rows = (uint64_t)(t->shape[0] - 1) * row;
    }
    free(specs);
    if (resident_bytes) *resident_bytes = resident;
    if (decode_read_bytes) *decode_read_bytes = resident - embedding_rows;
    return status;
}
