/* SHA-256 (FIPS 180-4), for names of contents: checkpoints, states, token sequences. */
#ifndef XL_BASE_SHA256_H
#define XL_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct xl_sha256 {
    uint32_t h[8];
    uint64_t bytes; /* fed so far */
    unsigned char block[64];
} xl_sha256;

void xl_sha256_init(xl_sha256 *hash);
void xl_sha256_update(xl_sha256 *hash, const void *data, size_t bytes);
/* Writes 64 lower-case hexadecimal digits and a NUL. */
void xl_sha256_hex(xl_sha256 *hash, char text[65]);

#endif
