/* model.safetensors.index.json: an accepted one must be sorted, hold each name once, and list every tensor's
 * file. */
#include <stdlib.h>
#include <string.h>

#include "format/shard_index.h"
#include "tests/fuzz/fuzz.h"

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size ? size : 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    xl_shard_index index;
    xlstm_error err;
    if (xl_shard_index_parse(&index, "fuzz", text, size, &err)) {
        if (!err.text[0] || err.status >= 0 || index.text || index.tensors || index.files) abort();
        return 0;
    }
    if (!index.count || !index.file_count || index.file_count > index.count) abort();
    for (size_t i = 0; i < index.count; i++) {
        const xl_sharded *t = &index.tensors[i];
        if (i && strcmp(t[-1].tensor, t->tensor) >= 0) abort();
        if (!bsearch(&t->file, index.files, index.file_count, sizeof *index.files, by_text)) abort();
    }
    for (size_t i = 1; i < index.file_count; i++) {
        if (strcmp(index.files[i - 1], index.files[i]) >= 0) abort();
    }
    xl_shard_index_release(&index);
    return 0;
}
