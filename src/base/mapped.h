/* The list of files that are mapped into memory, so that a handler of SIGBUS can name the file: when a mapped file
 * becomes shorter or its disk fails, nothing but the failing access tells so. */
#ifndef XL_BASE_MAPPED_H
#define XL_BASE_MAPPED_H

#include <stddef.h>

/* One mapping. It and its `path` are the owner's memory and must stay in place until it is removed. */
typedef struct xl_mapped {
    const char *begin, *path;
    size_t bytes;
    struct xl_mapped *next;
} xl_mapped;

void xl_mapped_add(xl_mapped *mapping, const void *begin, size_t bytes, const char *path);
/* Accepts one that was never added. */
void xl_mapped_remove(xl_mapped *mapping);

/* The path of the file that is mapped at an address; NULL where none is. May be called in a signal handler: takes
 * no lock, so that no other thread may be removing a mapping meanwhile. */
const char *xl_mapped_path(const void *address);

#endif
