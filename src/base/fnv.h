/* A short name for some bytes, not a defence against forgery (that is sha256.h). */
#ifndef XL_BASE_FNV_H
#define XL_BASE_FNV_H

#include <stddef.h>

/* The 32 hexadecimal digits (128 bits of FNV-1a) of some bytes, NUL-terminated. */
void xl_fnv_hex(const void *data, size_t bytes, char out[33]);

#endif
