/* The input is the metadata of a tensor file that says which tensors are weights in blocks. */
#include <stdlib.h>
#include <string.h>

#include "model/block_map.h"
#include "tests/fuzz/fuzz.h"

/* Objects to every eighth entry or so. */
static const char *found(void *user, const char *name, xl_format_id format) {
    size_t *count = user;
    if (xl_format_get((int)format)->block < 2) abort();
    ++*count;
    return strlen(name) % 8 == 7 ? "objected to" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* Exactly as long as the text, so that a read behind it is found. */
    char *text = malloc(size ? size : 1);
    size_t count = 0;
    xlstm_error err = {.status = XLSTM_OK};
    if (!text) return 0;
    memcpy(text, data, size);
    int status = xl_block_map_read("fuzz", text, size, found, &count, &err);
    if (status && (status != err.status || !err.text[0])) abort();
    free(text);
    return 0;
}
