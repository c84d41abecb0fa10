#include "base/fnv.h"

#include <stdint.h>
#include <stdio.h>

void xl_fnv_hex(const void *data, size_t bytes, char out[33]) {
    const unsigned char *p = data;
    uint64_t high = UINT64_C(0x6c62272e07bb0142), low = UINT64_C(0x62b821756295c58d);
    for (size_t i = 0; i < bytes; i++) {
        low ^= p[i];
        uint64_t a = (low & 0xffffffffu) * 0x13b, b = (low >> 32) * 0x13b + (a >> 32);
        high = high * 0x13b + (b >> 32) + (low << 24);
        low = low * 0x13b;
    }
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
}
