/* The files that are mapped into memory now, so that who catches SIGBUS can say which one it was: a mapped file
 * that becomes shorter, or whose disk fails, is noticed by the access alone. */
#ifndef XL_BASE_MAPPED_H
#define XL_BASE_MAPPED_H

#include <stddef.h>

/* One mapping; the owner's memory, in place until it is removed. `path` is the owner's too. */
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
