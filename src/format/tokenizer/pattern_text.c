/* A pattern being read, and the one for PCRE2 being written. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "format/tokenizer/pattern_parts.h"

/* ---- reading and writing ---- */

bool xl_pattern_refuse(xl_pattern *p, int status, size_t from, const char *why) {
    if (p->status) return false;
    p->status = status;
    p->why = why;
    p->from = from;
    p->to = p->at;
    return false;
}

static bool no_memory(xl_pattern *p) {
    return xl_pattern_refuse(p, XLSTM_ENOMEM, p->at, "out of memory");
}

bool xl_pattern_put(xl_pattern *p, xl_bytes *out, const char *text) {
    return xl_bytes_append(out, text, strlen(text)) || no_memory(p);
}

bool xl_pattern_put_character(xl_pattern *p, xl_bytes *out, uint32_t c) {
    char text[16];
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    snprintf(text, sizeof text, plain ? "%c" : "\\x{%x}", (unsigned)c);
    return xl_pattern_put(p, out, text);
}

uint32_t xl_pattern_peek(const xl_pattern *p) {
    uint32_t c = 0;
    if (p->at < p->bytes) xl_utf8_step(p->text + p->at, p->bytes - p->at, &c);
    return c;
}

uint32_t xl_pattern_next(xl_pattern *p) {
    uint32_t c = 0;
    int n = xl_utf8_step(p->text + p->at, p->bytes - p->at, &c);
    p->at += n > 0 ? (size_t)n : 1;
    return c;
}

bool xl_pattern_eat(xl_pattern *p, const char *text) {
    size_t n = strlen(text);
    if (p->bytes - p->at < n || memcmp(p->text + p->at, text, n) != 0) return false;
    p->at += n;
    return true;
}

/* ---- when case is ignored ---- */

/* Those whose full case folding in Unicode's CaseFolding.txt is longer than one character, by blocks. */
bool xl_pattern_folds_long(uint32_t c) {
    return c == 0xDF || c == 0x130 || c == 0x149 || c == 0x1F0 || c == 0x390 || c == 0x3B0 || c == 0x587 ||
           (c >= 0x1E96 && c <= 0x1E9E) || (c >= 0x1F50 && c <= 0x1FFF) || (c >= 0xFB00 && c <= 0xFB17);
}

static uint32_t folded(uint32_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A' + 'a';
    return c == 0x17F ? 's' : c;
}

/* The pairs that such a folding begins or holds. */
bool xl_pattern_folds_together(uint32_t a, uint32_t b) {
    static const char pairs[][2] = {{'s', 's'}, {'s', 't'}, {'f', 'f'}, {'f', 'i'}, {'f', 'l'}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (folded(a) == (uint32_t)pairs[i][0] && folded(b) == (uint32_t)pairs[i][1]) return true;
    bool armenian = a >= 0x531 && a <= 0x587 && b >= 0x531 && b <= 0x587;
    return armenian || a == 0x2BC || b == 0x2BE || (b >= 0x300 && b <= 0x345) || b == 0x399 || b == 0x3B9 ||
           b == 0x1FBE;
}

/* ---- escapes of one character ---- */

int xl_pattern_digit(uint32_t c, int base) {
    int value = c >= '0' && c <= '9' ? (int)c - '0' : c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1;
    if (c >= 'A' && c <= 'F') value = (int)c - 'A' + 10;
    return value < base ? value : -1;
}

int xl_pattern_digits(xl_pattern *p, int base, int most, uint32_t *value) {
    int n = 0;
    *value = 0;
    for (; n < most && p->at < p->bytes; n++) {
        int digit = xl_pattern_digit((unsigned char)p->text[p->at], base);
        if (digit < 0) break;
        *value = *value * (uint32_t)base + (uint32_t)digit;
        p->at++;
    }
    return n;
}

/* After \x, \u or \0. */
static bool take_number(xl_pattern *p, size_t from, char kind, uint32_t *c) {
    bool good;
    if (kind == 'u') {
        good = xl_pattern_digits(p, 16, 4, c) == 4;
    } else if (kind == '0') {
        xl_pattern_digits(p, 8, 2, c);
        good = true;
    } else if (xl_pattern_eat(p, "{")) {
        good = xl_pattern_digits(p, 16, 8, c) > 0 && xl_pattern_eat(p, "}");
    } else {
        good = xl_pattern_digits(p, 16, 2, c) > 0;
        if (good && *c >= 0x80)
            return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a byte of a character, \\x{…} is wanted");
    }
    if (good && *c < 0x110000 && !(*c >= 0xD800 && *c < 0xE000)) return true;
    return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a number that is not that of a character");
}

bool xl_pattern_escaped(xl_pattern *p, size_t from, bool in_class, bool *is, uint32_t *c) {
    static const char letters[] = "tnrfvae", values[] = "\t\n\r\f\v\a\x1b";
    *is = true;
    if (p->at == p->bytes) return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a backslash at the end");
    size_t start = p->at;
    *c = xl_pattern_next(p);
    const char *letter = *c && *c < 0x80 ? strchr(letters, (int)*c) : NULL;
    if (letter) {
        *c = (uint32_t)values[letter - letters];
        return true;
    }
    if (*c == 'x' || *c == 'u' || *c == '0') return take_number(p, from, (char)*c, c);
    if (in_class && *c == 'b') {
        *c = '\b';
        return true;
    }
    if (xl_pattern_digit(*c, 10) >= 0 || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z')) {
        *is = false;
        p->at = start;
    }
    return true;
}
