#include "format/jinja/jinja_lexer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "format/jinja/jinja_text.h"

enum { BRACKETS = 128 };

typedef struct lexer {
    xl_jinja_run *r;
    const char *source;
    size_t bytes, at;
    xl_jinja_token *tokens;
    size_t count, capacity;
    char open[BRACKETS]; /* the closing brackets that are wanted */
    size_t depth;
} lexer;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static bool at_text(const lexer *l, size_t at, const char *text) {
    const size_t bytes = strlen(text);
    return at <= l->bytes && bytes <= l->bytes - at && !memcmp(l->source + at, text, bytes);
}

static bool add(lexer *l, xl_jinja_token_kind kind, const char *data, size_t bytes) {
    if (l->count == l->capacity) {
        const size_t wanted = l->capacity ? l->capacity * 2 : 256;
        xl_jinja_token *grown = xl_jinja_memory(l->r, wanted, sizeof *grown);
        if (!grown) return false;
        if (l->count) memcpy(grown, l->tokens, l->count * sizeof *grown);
        l->tokens = grown;
        l->capacity = wanted;
    }
    l->tokens[l->count++] = (xl_jinja_token){.kind = kind, .line = l->r->line, .text = {data, bytes}};
    return true;
}

/* Moves on to `to` and counts the lines in between. */
static void go(lexer *l, size_t to) {
    for (; l->at < to; l->at++) l->r->line += l->source[l->at] == '\n';
}

static size_t behind_space(const lexer *l, size_t at) {
    size_t length;
    while (at < l->bytes && (length = xl_jinja_space(l->source + at, l->bytes - at))) at += length;
    return at;
}

/* Where a tag ends that closes with `close` ("%}", "#}") at `at`: behind it, and behind the newline or the white
 * space that it takes with it. Returns `at` where there is no such end. `newline`: a plain end takes a newline. */
static size_t tag_end(const lexer *l, size_t at, const char *close, bool newline, bool plus) {
    const size_t from = at;
    const char sign = at < l->bytes ? l->source[at] : 0;
    if (sign == '-' || (sign == '+' && plus)) at++;
    if (!at_text(l, at, close)) return from;
    at += 2;
    if (at == from + 3) return sign == '-' ? behind_space(l, at) : at;
    return newline && at_text(l, at, "\n") ? at + 1 : at;
}

/* Adds the text before a tag without the white space that the tag takes away. `at` is behind the tag's two
 * characters; a variable leaves the beginning of its line alone. Returns where the tag goes on. */
static bool add_data(lexer *l, size_t tag, size_t begin, bool variable) {
    size_t end = tag, length;
    const char sign = begin < l->bytes ? l->source[begin] : 0;
    if (sign == '-') {
        while (end > l->at && (length = xl_jinja_space_before(l->source + l->at, end - l->at))) end -= length;
    } else if (sign != '+' && !variable) {
        size_t line = tag;
        while (line > l->at && l->source[line - 1] != '\n') line--;
        /* Nothing but white space since the line began, here or before this text. */
        const bool begins = line > l->at || !line || l->source[line - 1] == '\n';
        if (begins && behind_space(l, line) >= tag) end = line;
    }
    if (end > l->at && !add(l, XL_JINJA_T_DATA, l->source + l->at, end - l->at)) return false;
    go(l, sign == '-' || sign == '+' ? begin + 1 : begin);
    return true;
}

static bool read_comment(lexer *l) {
    const size_t from = l->at;
    for (size_t at = from; at < l->bytes; at++) {
        const size_t end = tag_end(l, at, "#}", true, true);
        if (end == at) continue;
        go(l, end);
        return true;
    }
    return xl_jinja_fail(l->r, XLSTM_EFORMAT, "a comment has no end");
}

/* Whether a tag that begins before `at` is `word`; *end is then behind it. */
static bool raw_tag(const lexer *l, size_t at, const char *word, bool trims, size_t *end) {
    if (at_text(l, at, "-") || at_text(l, at, "+")) at++;
    at = behind_space(l, at);
    if (!at_text(l, at, word)) return false;
    at = behind_space(l, at + strlen(word));
    *end = tag_end(l, at, "%}", trims, trims);
    return *end > at;
}

static bool read_raw(lexer *l) {
    for (size_t at = l->at; at < l->bytes; at++) {
        size_t end;
        if (!at_text(l, at, "{%") || !raw_tag(l, at + 2, "endraw", true, &end)) continue;
        if (!add_data(l, at, at + 2, false)) return false;
        go(l, end);
        return true;
    }
    return xl_jinja_fail(l->r, XLSTM_EFORMAT, "{%% raw %%} has no {%% endraw %%}");
}

/* ---- inside a tag ---- */

static bool put_escaped(lexer *l, uint32_t cp) {
    char bytes[4];
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return xl_jinja_fail(l->r, XLSTM_EUNSUPPORTED, "the escape of U+%04X is no character", (unsigned)cp);
    return xl_jinja_put(l->r, bytes, (size_t)xl_utf8_put(cp, bytes));
}

static bool read_digits(lexer *l, size_t *at, size_t end, int most, int base, uint32_t *cp) {
    int count = 0;
    for (*cp = 0; count < most && *at < end; count++, ++*at) {
        const char c = l->source[*at];
        const int digit = is_digit(c)            ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : 99;
        if (digit >= base) break;
        *cp = *cp * (uint32_t)base + (uint32_t)digit;
    }
    if (base == 16 ? count == most : count > 0) return true;
    return xl_jinja_fail(l->r, XLSTM_EFORMAT, "a text holds an escape with too few digits");
}

/* What the escape behind a backslash stands for; as in a literal of Python. */
static bool unescape(lexer *l, size_t *at, size_t end) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char c = l->source[(*at)++];
    uint32_t cp;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) return xl_jinja_put(l->r, &to[simple - from], 1);
    if (c == '\n') return true;
    if (c == 'x' || c == 'u' || c == 'U')
        return read_digits(l, at, end, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &cp) && put_escaped(l, cp);
    if (c >= '0' && c <= '7') {
        --*at;
        return read_digits(l, at, end, 3, 8, &cp) && put_escaped(l, cp);
    }
    if (c == 'N')
        return xl_jinja_fail(l->r, XLSTM_EUNSUPPORTED, "characters by their names (\\N{…}) are not supported");
    return xl_jinja_put(l->r, "\\", 1) && xl_jinja_put(l->r, &c, 1);
}

static bool read_string(lexer *l) {
    const char quote = l->source[l->at];
    size_t end = l->at + 1;
    bool plain = true;
    while (end < l->bytes && l->source[end] != quote) {
        plain = plain && l->source[end] != '\\';
        end += l->source[end] == '\\' ? 2 : 1;
    }
    if (end >= l->bytes) return xl_jinja_fail(l->r, XLSTM_EFORMAT, "a text in quotes has no end");
    const size_t from = l->at + 1;
    xl_jinja_value text = xl_jinja_string_of(l->source + from, end - from);
    if (!plain) {
        const size_t mark = l->r->out.size;
        for (size_t at = from; at < end;) {
            if (l->source[at] == '\\') {
                at++;
                if (!unescape(l, &at, end)) return false;
            } else if (!xl_jinja_put(l->r, &l->source[at++], 1)) {
                return false;
            }
        }
        if (!xl_jinja_take(l->r, mark, &text)) return false;
    }
    if (!add(l, XL_JINJA_T_STRING, text.text.data, text.text.bytes)) return false;
    go(l, end + 1);
    return true;
}

static size_t behind_digits(const lexer *l, size_t at) {
    while (at < l->bytes &&
           (is_digit(l->source[at]) || (l->source[at] == '_' && at + 1 < l->bytes && is_digit(l->source[at + 1]))))
        at++;
    return at;
}

static bool read_number(lexer *l) {
    char text[64];
    size_t used = 0, end = behind_digits(l, l->at);
    bool real = false;
    /* In a.0.1 there are two integers. */
    if (!l->at || l->source[l->at - 1] != '.') {
        if (at_text(l, end, ".") && end + 1 < l->bytes && is_digit(l->source[end + 1])) {
            end = behind_digits(l, end + 1);
            real = true;
        }
        size_t e = end + 1;
        if (at_text(l, end, "e") || at_text(l, end, "E")) {
            if (at_text(l, e, "+") || at_text(l, e, "-")) e++;
            if (e < l->bytes && is_digit(l->source[e])) {
                end = behind_digits(l, e);
                real = true;
            }
        }
    }
    for (size_t at = l->at; at < end && used + 1 < sizeof text; at++) {
        if (l->source[at] != '_') text[used++] = l->source[at];
    }
    text[used] = 0;
    errno = 0;
    const long long integer = real ? 0 : strtoll(text, NULL, 10);
    if (end - l->at >= sizeof text || (errno && !real))
        return xl_jinja_fail(l->r, XLSTM_EUNSUPPORTED, "the number %.40s is too large", text);
    if (!add(l, XL_JINJA_T_NUMBER, l->source + l->at, end - l->at)) return false;
    l->tokens[l->count - 1].value = real ? xl_jinja_float(strtod(text, NULL)) : xl_jinja_int(integer);
    l->at = end;
    return true;
}

static bool read_operator(lexer *l) {
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<=", NULL};
    const char c = l->source[l->at];
    for (const char *const *op = two; *op; op++) {
        if (!at_text(l, l->at, *op)) continue;
        l->at += 2;
        return add(l, XL_JINJA_T_OPERATOR, *op, 2);
    }
    if (!c || !strchr("+-*/%~[](){}<>=.:|,;", c)) {
        return xl_jinja_fail(l->r, XLSTM_EFORMAT, "a character that belongs to no expression: '%.*s'",
                             xl_utf8_step(l->source + l->at, l->bytes - l->at, NULL) < 1
                                 ? 1
                                 : xl_utf8_step(l->source + l->at, l->bytes - l->at, NULL),
                             l->source + l->at);
    }
    const char *closing = c == '(' ? ")" : c == '[' ? "]" : c == '{' ? "}" : NULL;
    if (closing) {
        if (l->depth == BRACKETS) return xl_jinja_fail(l->r, XLSTM_EUNSUPPORTED, "too many open brackets");
        l->open[l->depth++] = *closing;
    } else if (c == ')' || c == ']' || c == '}') {
        if (!l->depth || l->open[--l->depth] != c)
            return xl_jinja_fail(l->r, XLSTM_EFORMAT, "the bracket '%c' closes none", c);
    }
    return add(l, XL_JINJA_T_OPERATOR, l->source + l->at++, 1);
}

static bool read_inside(lexer *l, bool variable) {
    const uint32_t line = l->r->line;
    l->depth = 0;
    for (;;) {
        go(l, behind_space(l, l->at));
        if (l->at >= l->bytes) {
            l->r->line = line;
            return xl_jinja_fail(l->r, XLSTM_EFORMAT, "a tag has no end, wanted %s", variable ? "}}" : "%}");
        }
        const size_t end = l->depth ? l->at : tag_end(l, l->at, variable ? "}}" : "%}", !variable, !variable);
        if (end > l->at) {
            const bool good =
                add(l, variable ? XL_JINJA_T_VARIABLE_END : XL_JINJA_T_BLOCK_END, l->source + l->at, 2);
            go(l, end);
            return good;
        }
        const char c = l->source[l->at];
        bool good;
        if (is_digit(c)) {
            good = read_number(l);
        } else if (is_name(c)) {
            const size_t from = l->at;
            while (l->at < l->bytes && is_name(l->source[l->at])) l->at++;
            good = add(l, XL_JINJA_T_NAME, l->source + from, l->at - from);
        } else {
            good = c == '"' || c == '\'' ? read_string(l) : read_operator(l);
        }
        if (!good) return false;
    }
}

/* The text with newlines as Jinja sees them: of one kind, and none at the very end. */
static bool normalize(xl_jinja_run *r, const char *source, size_t bytes, lexer *l) {
    char *copy = xl_jinja_memory(r, bytes, 1);
    if (!copy) return false;
    l->source = copy;
    for (size_t i = 0; i < bytes; i++) {
        if (source[i] == '\r' && i + 1 < bytes && source[i + 1] == '\n') continue;
        copy[l->bytes++] = source[i];
        if (source[i] == '\r') copy[l->bytes - 1] = '\n';
    }
    if (l->bytes && copy[l->bytes - 1] == '\n') l->bytes--;
    return true;
}

static size_t next_tag(const lexer *l) {
    for (size_t at = l->at; at + 1 < l->bytes; at++) {
        if (l->source[at] == '{' &&
            (l->source[at + 1] == '{' || l->source[at + 1] == '%' || l->source[at + 1] == '#'))
            return at;
    }
    return l->bytes;
}

bool xl_jinja_tokenize(xl_jinja_run *r, const char *source, size_t bytes, const xl_jinja_token **tokens) {
    lexer l = {.r = r};
    r->line = 1;
    bool good = normalize(r, source, bytes, &l);
    while (good && l.at < l.bytes) {
        const size_t tag = next_tag(&l);
        size_t end;
        if (tag == l.bytes) {
            good = add(&l, XL_JINJA_T_DATA, l.source + l.at, l.bytes - l.at);
            go(&l, l.bytes);
            break;
        }
        const char kind = l.source[tag + 1];
        const bool raw = kind == '%' && raw_tag(&l, tag + 2, "raw", false, &end);
        good = add_data(&l, tag, tag + 2, kind == '{');
        if (!good) break;
        if (raw) {
            go(&l, end);
            good = read_raw(&l);
        } else if (kind == '#') {
            good = read_comment(&l);
        } else {
            good = add(&l, kind == '{' ? XL_JINJA_T_VARIABLE_BEGIN : XL_JINJA_T_BLOCK_BEGIN, l.source + tag, 2) &&
                   read_inside(&l, kind == '{');
        }
    }
    good = good && add(&l, XL_JINJA_T_END, "", 0);
    *tokens = l.tokens;
    return good;
}
