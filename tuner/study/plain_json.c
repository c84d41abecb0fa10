#include "tuner/study/plain_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 18, BYTES = 40 }; /* of a whole number, and of any */

static const char *digits(const char *at) {
    while (*at >= '0' && *at <= '9') at++;
    return at;
}

/* Reads a number or null; returns what follows it, NULL where it is not plain. */
static const char *number(const char *at, double *out) {
    if (!strncmp(at, "null", 4)) {
        *out = NAN;
        return at + 4;
    }
    const char *first = at + (*at == '-'), *end = digits(first);
    if (end == first || (*first == '0' && end - first > 1)) return NULL;
    bool whole = true;
    if (*end == '.') {
        const char *after = digits(end + 1);
        if (after == end + 1) return NULL;
        end = after;
        whole = false;
    }
    if (*end == 'e' || *end == 'E') {
        const char *power = end + 1 + (end[1] == '-' || end[1] == '+'), *after = digits(power);
        if (after == power) return NULL;
        end = after;
        whole = false;
    }
    if (end - at > BYTES || (whole && end - first > DIGITS)) return NULL;
    char *stopped;
    *out = strtod(at, &stopped); /* stops early where the locale writes numbers in another way */
    return stopped == end && isfinite(*out) ? end : NULL;
}

bool tune_plain_numbers(const char *text, double out[TUNE_PLAIN_NUMBERS], size_t *count) {
    const char *at = text;
    *count = 0;
    if (*at++ != '[') return false;
    if (*at == ']') return !at[1];
    for (; *count < TUNE_PLAIN_NUMBERS; at++) {
        at = number(at, &out[*count]);
        if (!at || (*at != ',' && *at != ']')) return false;
        ++*count;
        if (*at == ']') return !at[1];
    }
    return false;
}

bool tune_plain_metrics(const char *text, const tune_metrics *metrics, double values[TUNE_METRICS]) {
    const char *at = text;
    for (int i = 0; i < TUNE_METRICS; i++) values[i] = NAN;
    if (*at++ != '{') return false;
    if (*at == '}') return !at[1];
    for (int i = 0; i < metrics->count; i++, at++) {
        const char *name = metrics->at[i].name;
        const size_t length = strlen(name);
        if (*at != '"' || strncmp(at + 1, name, length) != 0 || at[length + 1] != '"' || at[length + 2] != ':')
            return false;
        at = number(at + length + 3, &values[i]);
        if (!at || (*at != ',' && *at != '}')) return false;
        if (*at == '}') return !at[1];
    }
    return false;
}
