/* Files that are not what their name says. */
#ifndef XL_FORMAT_RECOGNIZE_H
#define XL_FORMAT_RECOGNIZE_H

#include <stddef.h>

/* What a file that begins with data[0 … bytes) is, and what to do about it: "a Git LFS pointer, …". NULL where that
 * is not known. A few hundred bytes are enough. Static storage. */
const char *xl_recognize(const void *data, size_t bytes);

#endif
