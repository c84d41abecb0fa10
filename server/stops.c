#include "server/stops.h"

#include <stdlib.h>
#include <string.h>

bool serve_stops_add(serve_stops *stops, const char *text, size_t bytes) {
    char *copy = malloc(bytes);
    if (!copy) return false;
    memcpy(copy, text, bytes);
    stops->text[stops->count] = copy;
    stops->bytes[stops->count++] = bytes;
    return true;
}

void serve_stops_clear(serve_stops *stops) {
    for (size_t i = 0; i < stops->count; i++) free(stops->text[i]);
    stops->count = 0;
}

size_t serve_stops_scan(const serve_stops *stops, const xl_bytes *held, bool last, int *found) {
    *found = -1;
    for (size_t at = 0; at < held->size; at++) {
        const size_t left = held->size - at;
        bool may_begin = false;
        for (size_t i = 0; i < stops->count; i++) {
            const size_t bytes = stops->bytes[i];
            if (memcmp(held->data + at, stops->text[i], left < bytes ? left : bytes) != 0) continue;
            if (bytes <= left) {
                *found = (int)i;
                return at;
            }
            may_begin = true;
        }
        /* A longer one that may still begin here comes before a shorter one further on. */
        if (may_begin && !last) return at;
    }
    return held->size;
}
