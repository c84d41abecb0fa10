#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tuner/scores/output_name.h"

/* Reads a number that fills the whole part of the name; -1 where it is not one. */
static int64_t number(const char *text, size_t bytes) {
    char digits[20];
    if (!bytes || bytes >= sizeof digits) return -1;
    memcpy(digits, text, bytes);
    digits[bytes] = 0;
    if (strspn(digits, "0123456789") != bytes) return -1;
    errno = 0;
    long long value = strtoll(digits, NULL, 10);
    return errno ? -1 : value;
}

static bool takes(const char *part, size_t bytes, const char *key, const char **value, size_t *left) {
    size_t n = strlen(key);
    if (bytes < n || memcmp(part, key, n) != 0) return false;
    *value = part + n;
    *left = bytes - n;
    return true;
}

void tune_output_name_parse(const char *file, tune_output_name *out) {
    *out = (tune_output_name){"", -1, -1, -1, -1};
    size_t bytes = strlen(file), n;
    const char *value;
    if (bytes >= 4 && !strcmp(file + bytes - 4, ".txt")) bytes -= 4;
    const char *end = file + bytes;
    for (const char *part = file; part < end;) {
        const char *stop = part;
        while (stop < end && !(end - stop >= 2 && stop[0] == '_' && stop[1] == '_')) stop++;
        size_t size = (size_t)(stop - part);
        if (takes(part, size, "b=", &value, &n)) {
            if (n < sizeof out->backend) {
                memcpy(out->backend, value, n);
                out->backend[n] = 0;
            }
        } else if (takes(part, size, "h=", &value, &n)) {
            out->heads_per_band = number(value, n);
        } else if (takes(part, size, "ck=", &value, &n)) {
            out->chunk_size = number(value, n);
        } else if (takes(part, size, "w=", &value, &n)) {
            out->workers = number(value, n);
        } else if (takes(part, size, "i=", &value, &n)) {
            out->row = number(value, n);
        }
        part = stop < end ? stop + 2 : end;
    }
}

/* "__w=4"; "" for -1. */
static const char *named(const char *key, int64_t value, char out[40]) {
    out[0] = 0;
    if (value >= 0) snprintf(out, 40, "__%s=%lld", key, (long long)value);
    return out;
}

char *tune_output_name_format(const tune_output_name *name) {
    char heads[40], chunk[40], workers[40], row[40];
    return xl_format("b=%s%s%s%s%s.txt", name->backend, named("h", name->heads_per_band, heads),
                     named("ck", name->chunk_size, chunk), named("w", name->workers, workers),
                     named("i", name->row, row));
}
