/* Arrays that grow. */
#ifndef XL_BASE_BYTES_H
#define XL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* A growing run of bytes. */
typedef struct xl_bytes {
    char *data;
    size_t size, capacity;
} xl_bytes;
/* False, nothing changed, when out of memory. */
bool xl_bytes_reserve(xl_bytes *bytes, size_t more);
bool xl_bytes_append(xl_bytes *bytes, const void *data, size_t size);

/* Returns the malloc'd array (NULL at first), moved where that is needed so that at least `need` elements of `size`
 * bytes fit; NULL, nothing changed, when out of memory. */
void *xl_grow(void *array, size_t *capacity, size_t need, size_t size);

#endif
