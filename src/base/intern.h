/* A set of texts and other bytes, each of which is stored once however often it is put in. */
#ifndef XL_BASE_INTERN_H
#define XL_BASE_INTERN_H

#include <stddef.h>

/* {0} is the empty set. Nothing leaves it before xl_intern_clear. */
typedef struct xl_intern {
    struct xl_intern_entry **slot; /* [slots]: a hash table with linear probing; NULL: free */
    size_t slots, count;           /* slots is 0 or a power of two, and more than `count` */
} xl_intern;

/* Returns the set's own copy of some bytes, aligned for every type, which is the same pointer for equal bytes and
 * valid until the set is cleared. NULL when out of memory; the set is then as before. */
const void *xl_intern_put(xl_intern *set, const void *data, size_t bytes);
/* The same for a NUL-terminated text. */
const char *xl_intern_text(xl_intern *set, const char *text);
/* Frees the copies; the set is empty then. */
void xl_intern_clear(xl_intern *set);

#endif
