/* The input is a whole tensor file in memory; an accepted one must be readable to its last byte. */
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t length = 0;
    if (size < 8) return 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | data[i];
    if (length > size - 8) length = size - 8;
    xl_safetensors header;
    xlstm_error err;
    const char *text = (const char *)data + 8;
    if (xl_safetensors_parse(&header, "fuzz", text, (size_t)length, size - 8 - (size_t)length, &err)) {
        if (!err.text[0] || err.status >= 0 || header.tensors) abort();
        return 0;
    }
    xl_safetensors_place(&header, text + length);
    for (size_t i = 0; i < header.count; i++) {
        const xlstm_tensor *t = &header.tensors[i];
        size_t elements, bytes;
        if (!xl_tensor_size(t->dtype, t->rank, t->shape, &elements, &bytes) || bytes != t->bytes) abort();
        if (xl_safetensors_find(&header, t->name) != t) abort();
        float last;
        if (elements && t->dtype != XLSTM_I32 && t->dtype != XLSTM_I64 && t->dtype != XLSTM_U8 &&
            xlstm_tensor_to_f32(t, elements - 1, 1, &last, &err))
            abort();
    }
    xl_safetensors_release(&header);
    return 0;
}
