#include "format/json_reader.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/recognize.h"

/* Columns count bytes, from 1. */
static size_t column(const xl_json_reader *r, const char *at) {
    return (size_t)(at - r->line_begin) + 1;
}

static void expected(xl_json_reader *r, const char *what) {
    if (r->status) return;
    size_t left = (size_t)(r->end - r->at);
    if (left)
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s expected near '%.*s' (line %zu column %zu)", r->path,
                            what, left < 20 ? (int)left : 20, r->at, r->line, column(r, r->at));
    else
        r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: %s expected, and the text ends (line %zu column %zu)",
                            r->path, what, r->line, column(r, r->at));
}

/* The next character that is no blank; 0 at the end. */
static char skip_blanks(xl_json_reader *r) {
    for (; r->at < r->end; r->at++) {
        char c = *r->at;
        if (c == '\n') {
            r->line++;
            r->line_begin = r->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return c;
        }
    }
    return 0;
}

static void flaw(const xl_json_reader *r, xl_json_string *s, const char *at, const char *why) {
    if (s->flaw) return;
    s->flaw = why;
    s->line = r->line;
    s->column = column(r, at);
}

/* The value of four hexadecimal digits, or -1. */
static long hex4(const char *at, const char *end) {
    long value = 0;
    if (end - at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Replaces an escape by what it stands for, which is never longer; returns where the text goes on. */
static char *unescape(const xl_json_reader *r, xl_json_string *s, char *in, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *end = r->end, *begin = in++;
    const char *known = in < end && *in ? strchr(from, *in) : NULL;
    if (known) {
        *(*out)++ = to[known - from];
        return in + 1;
    }
    if (in == end) return in;
    if (*in != 'u') {
        flaw(r, s, begin, "an unknown escape");
        *(*out)++ = '?';
        return in;
    }
    in++;
    long code = hex4(in, end), low = -1;
    if (code < 0) {
        flaw(r, s, begin, "\\u without four hexadecimal digits");
        *(*out)++ = '?';
        return in;
    }
    in += 4;
    bool high = code >= 0xD800 && code < 0xDC00;
    if (high && end - in >= 6 && in[0] == '\\' && in[1] == 'u') low = hex4(in + 2, end);
    if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        in += 6;
    } else if (code >= 0xD800 && code < 0xE000) {
        flaw(r, s, begin, "half of a surrogate pair");
        code = 0xFFFD;
    } else if (!code) {
        flaw(r, s, begin, "a NUL (\\u0000)");
        code = '?';
    }
    *out += xl_utf8_put((uint32_t)code, *out);
    return in;
}

static bool is_plain(char c) {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Reads the string that begins at a quotation mark, with its flaw where it has one. */
static void read_string(xl_json_reader *r, xl_json_string *s) {
    char *in = r->at + 1, *out;
    *s = (xl_json_string){.text = in};
    while (in < r->end && is_plain(*in)) in++;
    for (out = in; in < r->end && *in != '"';) {
        unsigned char c = (unsigned char)*in;
        if (c == '\\') {
            in = unescape(r, s, in, &out);
            continue;
        }
        int step = xl_utf8_step(in, (size_t)(r->end - in), NULL);
        if (step <= 0) flaw(r, s, in, "a byte that is not UTF-8");
        else if (c < 0x20) flaw(r, s, in, "a control character that is not written as an escape");
        step = step <= 0 ? 1 : step;
        memmove(out, in, (size_t)step);
        out += step;
        in += step;
        if (c == '\n') {
            r->line++;
            r->line_begin = in;
        }
    }
    if (in >= r->end) {
        r->at = r->end;
        expected(r, "the quotation mark at the end of a string");
        return;
    }
    *out = 0;
    r->at = in + 1;
}

char xl_json_peek(xl_json_reader *r) {
    return r->status ? 0 : skip_blanks(r);
}

void xl_json_enter(xl_json_reader *r) {
    if (r->status) return;
    r->at++;
    r->fresh = true;
}

/* Goes behind the comma before the next member or element, or behind the closing bracket. */
static bool another(xl_json_reader *r, char close) {
    if (r->status) return false;
    char c = skip_blanks(r);
    bool first = r->fresh;
    r->fresh = false;
    if (c == close) {
        r->at++;
        return false;
    }
    if (first) return true;
    if (c != ',') {
        expected(r, close == '}' ? "',' or '}'" : "',' or ']'");
        return false;
    }
    r->at++;
    return true;
}

/* A number of any size, or one of the words that JSON or Python know. */
static void skip_scalar(xl_json_reader *r) {
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    if (r->status) return;
    size_t left = (size_t)(r->end - r->at), n = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words && !n; i++) {
        size_t length = strlen(words[i]);
        if (left >= length && !memcmp(r->at, words[i], length)) n = length;
    }
    if (!n) {
        while (n < left && r->at[n] && strchr("+-.0123456789eE", r->at[n])) n++;
    }
    if (!n) expected(r, "a value");
    r->at += n;
}

/* Reads a key and its colon; the value is then at hand. */
static void read_key(xl_json_reader *r, xl_json_string *key) {
    if (xl_json_peek(r) != '"') {
        expected(r, "a key in quotation marks");
        return;
    }
    read_string(r, key);
    if (r->status) return;
    if (skip_blanks(r) != ':') {
        expected(r, "':' after a key");
        return;
    }
    r->at++;
    skip_blanks(r);
}

void xl_json_skip(xl_json_reader *r) {
    /* The text that was skipped already serves as the stack of open brackets, so that no depth is too much. */
    char *stack = r->at;
    size_t depth = 0;
    xl_json_string unused;
    do {
        char c = xl_json_peek(r);
        if (c == '{' || c == '[') {
            xl_json_enter(r);
            stack[depth++] = c == '{' ? '}' : ']';
        } else if (c == '"') {
            read_string(r, &unused);
        } else {
            skip_scalar(r);
        }
        while (depth && !another(r, stack[depth - 1]) && !r->status) depth--;
        if (depth && stack[depth - 1] == '}') read_key(r, &unused);
    } while (depth && !r->status);
}

void xl_json_open(xl_json_reader *r, const char *path, char *text, size_t bytes, xlstm_error *err) {
    *r = (xl_json_reader){.path = path, .at = text, .end = text + bytes, .line_begin = text, .line = 1, .err = err};
    r->at += xl_utf8_mark(text, bytes);
    if (skip_blanks(r) == '{') {
        xl_json_enter(r);
        return;
    }
    const char *other = xl_recognize(text, bytes);
    r->status = other ? xl_fail(err, XLSTM_EFORMAT, "%s: is %s", path, other)
                      : xl_fail(err, XLSTM_EFORMAT, "%s: no JSON object", path);
}

int xl_json_close(xl_json_reader *r) {
    xl_json_peek(r);
    if (r->at < r->end) expected(r, "the end of the text");
    return r->status;
}

bool xl_json_member(xl_json_reader *r, xl_json_string *key) {
    if (!another(r, '}')) return false;
    read_key(r, key);
    return !r->status;
}

bool xl_json_element(xl_json_reader *r) {
    return another(r, ']');
}

bool xl_json_check(xl_json_reader *r, const xl_json_string *s) {
    if (r->status) return false;
    if (!s->flaw) return true;
    r->status = xl_fail(r->err, XLSTM_EFORMAT, "%s: a string holds %s (line %zu column %zu)", r->path, s->flaw,
                        s->line, s->column);
    return false;
}

const char *xl_json_text(xl_json_reader *r) {
    xl_json_string s;
    if (r->status) return NULL;
    read_string(r, &s);
    return xl_json_check(r, &s) ? s.text : NULL;
}

bool xl_json_integer(xl_json_reader *r, int64_t *value) {
    if (r->status) return false;
    skip_blanks(r);
    const char *at = r->at;
    bool negative = at < r->end && *at == '-';
    const char *digits = at += negative;
    int64_t x = 0;
    for (; at < r->end && *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        if (__builtin_mul_overflow(x, 10, &x) || __builtin_sub_overflow(x, digit, &x)) return false;
    }
    if (at == digits || (*digits == '0' && at > digits + 1)) return false;
    if (at < r->end && *at && strchr("+-.eE", *at)) return false;
    if (!negative && __builtin_sub_overflow((int64_t)0, x, &x)) return false;
    r->at += at - r->at;
    *value = x;
    return true;
}
