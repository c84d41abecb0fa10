/* config.json: an accepted one must have consistent sizes and a layout. */
#include <stdlib.h>

#include "format/model_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    xlstm_hparams h;
    xlstm_error err;
    if (xl_config_parse(&h, "fuzz", (const char *)data, size, &err)) {
        if (!err.text[0] || err.status >= 0) abort();
        return 0;
    }
    size_t count = 0;
    if (h.qk_head * h.num_heads != h.qk_dim || h.v_head * h.num_heads != h.v_dim || h.ffn_dim < 1 ||
        h.bos_token_id >= h.vocab_size || !(h.gate_soft_cap > 0) || !(h.norm_eps >= 0))
        abort();
    if (xlstm_checkpoint_layout(&h, NULL, &count, &err) || !count) abort();
    return 0;
}
