/* Stop strings, found also where they are spread over several tokens. */
#ifndef SERVE_STOPS_H
#define SERVE_STOPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum { SERVE_STOPS_MAX = 16, SERVE_STOP_BYTES_MAX = 1024 };

typedef struct serve_stops {
    char *text[SERVE_STOPS_MAX]; /* malloc'd UTF-8, not empty */
    size_t bytes[SERVE_STOPS_MAX];
    size_t count;
} serve_stops;

/* Adds a copy; false when out of memory. There must be room, and 0 < bytes <= SERVE_STOP_BYTES_MAX. */
bool serve_stops_add(serve_stops *stops, const char *text, size_t bytes);
void serve_stops_clear(serve_stops *stops);

/* How many bytes at the beginning of `held` are no part of a stop string, whatever text follows (`last`: none
 * follows). *found is the index of the stop string that begins right behind them, or -1. */
size_t serve_stops_scan(const serve_stops *stops, const xl_bytes *held, bool last, int *found);

#endif
