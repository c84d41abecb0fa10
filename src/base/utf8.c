#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

int xl_utf8_step(const char *s, size_t n, uint32_t *cp) {
    const unsigned char *b = (const unsigned char *)s;
    unsigned lead = b[0];
    if (lead < 0x80) {
        if (cp) *cp = lead;
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) return -1;
    int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    /* The second byte's range leaves out overlong forms, surrogates and what lies past U+10FFFF. */
    unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    uint32_t value = lead & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        if ((size_t)i == n) return 0;
        if (b[i] < low || b[i] > high) return -i;
        value = value << 6 | (b[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    if (cp) *cp = value;
    return length;
}

size_t xl_utf8_valid(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        while (n - i >= sizeof word) {
            memcpy(&word, s + i, sizeof word);
            if (word & UINT64_C(0x8080808080808080)) break;
            i += sizeof word;
        }
        if (i == n) break;
        int step = xl_utf8_step(s + i, n - i, NULL);
        if (step <= 0) return i;
        i += (size_t)step;
    }
    return n;
}

size_t xl_utf8_mark(const char *s, size_t n) {
    static const char mark[] = "\xEF\xBB\xBF";
    return n >= sizeof mark - 1 && !memcmp(s, mark, sizeof mark - 1) ? sizeof mark - 1 : 0;
}

int xl_utf8_put(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

static bool is_unfit(uint32_t cp) {
    const bool control = cp < 0x20 || (cp >= 0x7F && cp < 0xA0);
    const bool separator = cp == 0x2028 || cp == 0x2029;
    const bool direction = (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
    return control || separator || direction;
}

bool xl_utf8_is_clean(const char *text) {
    for (size_t left = strlen(text); left;) {
        uint32_t cp = 0;
        int step = xl_utf8_step(text, left, &cp);
        if (step <= 0 || is_unfit(cp)) return false;
        text += step;
        left -= (size_t)step;
    }
    return true;
}

void xl_utf8_clean(char *text) {
    size_t left = strlen(text);
    const char *from = text;
    while (left) {
        uint32_t cp = 0;
        int step = xl_utf8_step(from, left, &cp);
        size_t length = step > 0 ? (size_t)step : step < 0 ? (size_t)-step : left;
        if (step <= 0 || is_unfit(cp)) {
            *text++ = '?';
        } else {
            memmove(text, from, length);
            text += length;
        }
        from += length;
        left -= length;
    }
    *text = 0;
}
