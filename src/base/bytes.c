#include "base/bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void *xl_grow(void *array, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity && array) return array;
    size_t wanted = *capacity < SIZE_MAX / 2 && *capacity * 2 > need ? *capacity * 2 : need;
    if (wanted < 16) wanted = 16;
    size_t bytes;
    if (!xl_mul(wanted, size, &bytes)) return NULL;
    void *grown = realloc(array, bytes);
    if (grown) *capacity = wanted;
    return grown;
}

bool xl_bytes_reserve(xl_bytes *bytes, size_t more) {
    size_t need;
    if (!xl_add(bytes->size, more, &need)) return false;
    char *grown = xl_grow(bytes->data, &bytes->capacity, need, 1);
    if (!grown) return false;
    bytes->data = grown;
    return true;
}

bool xl_bytes_append(xl_bytes *bytes, const void *data, size_t size) {
    if (!size) return true;
    if (!xl_bytes_reserve(bytes, size)) return false;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}
