#include "base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

const char *xlstm_status_name(int status) {
    switch (status) {
#define NAME(name, value, text)                                                                                    \
    case value:                                                                                                    \
        return #name;
        XLSTM_STATUS_MAP(NAME)
#undef NAME
    default:
        return "UNKNOWN";
    }
}

const char *xlstm_status_text(int status) {
    switch (status) {
#define TEXT(name, value, text)                                                                                    \
    case value:                                                                                                    \
        return text;
        XLSTM_STATUS_MAP(TEXT)
#undef TEXT
    default:
        return "unknown status";
    }
}

void xl_error_set(xlstm_error *err, int status, const char *format, ...) {
    if (!err) return;
    err->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    xl_utf8_clean(err->text);
}

static int fold(char c) {
    return c == '-' ? '_' : tolower((unsigned char)c);
}

unsigned xl_name_distance(const char *a, const char *b) {
    enum { LIMIT = 64 };
    unsigned row[LIMIT + 1];
    size_t n = strlen(b);
    if (n > LIMIT) n = LIMIT;
    for (size_t j = 0; j <= n; j++) row[j] = (unsigned)j;
    for (size_t i = 0; i < LIMIT && a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 1; j <= n; j++) {
            unsigned above = row[j];
            unsigned best = diagonal + (fold(a[i]) != fold(b[j - 1]));
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[n];
}

int xl_continued_name(const char *name, const char *const *names, int count) {
    const size_t length = strlen(name);
    int found = -1;
    for (int i = 0; i < count && length >= 3; i++) {
        size_t same = 0;
        while (same < length && fold(name[same]) == fold(names[i][same])) same++;
        if (same < length) continue;
        if (found >= 0) return -1;
        found = i;
    }
    return found;
}

int xl_nearest_name(const char *name, const char *const *names, int count) {
    const int continued = xl_continued_name(name, names, count);
    int best = -1;
    unsigned best_distance = ~0u;
    for (int i = 0; i < count; i++) {
        size_t longer = strlen(name) > strlen(names[i]) ? strlen(name) : strlen(names[i]);
        unsigned limit = (unsigned)(longer + 2) / 3;
        unsigned d = xl_name_distance(name, names[i]);
        if (d <= limit && d < best_distance) {
            best = i;
            best_distance = d;
        }
    }
    return continued >= 0 && best_distance > 1 ? continued : best;
}
