#include "format/tokenizer/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/tokenizer/pattern_parts.h"

/* ---- atoms ---- */

static bool alternatives(xl_pattern *p);

static bool put_literal(xl_pattern *p, size_t from, uint32_t c) {
    if (p->ignore_case && (xl_pattern_folds_long(c) || (p->before && xl_pattern_folds_together(p->before, c))))
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from,
                                 "characters that together equal others when case is ignored");
    p->before = c;
    p->repeatable = true;
    return xl_pattern_put_character(p, p->out, c);
}

static bool put_atom(xl_pattern *p, const char *text, bool repeatable) {
    p->before = 0;
    p->repeatable = repeatable;
    return xl_pattern_put(p, p->out, text);
}

/* A set outside a class; case is not ignored in it. */
static bool put_set(xl_pattern *p, const xl_pattern_set *set, bool negated) {
    const char *in = set->in ? set->in : set->out;
    bool outside = negated == (set->in != NULL);
    return put_atom(p, p->ignore_case ? "(?-i:[" : "[", true) && (!outside || xl_pattern_put(p, p->out, "^")) &&
           xl_pattern_put(p, p->out, in) && xl_pattern_put(p, p->out, p->ignore_case ? "])" : "]");
}

/* \b and \B. Those of PCRE2 use another set of word characters. */
static bool put_boundary(xl_pattern *p, bool at) {
    const char *word = xl_pattern_type('w', false)->in;
    const char *const pieces[] = {
        "(?:(?<=[", word, at ? "])(?![" : "])(?=[", word, "])|(?<![", word, at ? "])(?=[" : "])(?![", word, "]))"};
    if (!put_atom(p, p->ignore_case ? "(?-i:" : "(?:", false)) return false;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        if (!xl_pattern_put(p, p->out, pieces[i])) return false;
    return xl_pattern_put(p, p->out, ")");
}

static bool back_reference(xl_pattern *p, size_t from, uint32_t digit) {
    char text[16];
    bool longer = xl_pattern_digit(xl_pattern_peek(p), 10) >= 0;
    p->numbers = true;
    if (longer || (int)(digit - '0') > p->groups || p->ignore_case)
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from,
                                 "a back-reference that is not to a group before it, or ignores case");
    snprintf(text, sizeof text, "\\g{%c}", (char)digit);
    return put_atom(p, text, true);
}

/* Takes the name of a group and `end`; false where something else is there. */
static bool take_name(xl_pattern *p, char end, xl_pattern_name *name) {
    size_t start = p->at;
    while (p->at < p->bytes) {
        uint32_t c = xl_pattern_next(p);
        bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = xl_pattern_digit(c, 10) >= 0 && p->at > start + 1;
        *name = (xl_pattern_name){.text = p->text + start, .bytes = p->at - 1 - start};
        if (c == (uint32_t)end) return name->bytes > 0;
        if (!letter && !digit) return false;
    }
    return false;
}

/* After \k: <name>, or 'name'. Where several groups have the name, Oniguruma tries all of them. */
static bool named_reference(xl_pattern *p, size_t from) {
    char text[24], end = xl_pattern_eat(p, "<") ? '>' : xl_pattern_eat(p, "'") ? '\'' : 0;
    xl_pattern_name name;
    int found = -1, count = 0;
    if (!end || !take_name(p, end, &name))
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a back-reference that is not to a name");
    for (int i = 0; i < p->names; i++) {
        if (p->name[i].bytes != name.bytes || memcmp(p->name[i].text, name.text, name.bytes) != 0) continue;
        found = i;
        count++;
    }
    if (count != 1 || !p->name[found].closed || p->ignore_case)
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from,
                                 "a back-reference that is not to one group before it, or ignores case");
    snprintf(text, sizeof text, "\\k<n%d>", found);
    return put_atom(p, text, true);
}

/* \K. Oniguruma keeps the place also where the branch that holds it fails later, PCRE2 does not; without other
 * branches both mean the same. */
static bool keep(xl_pattern *p, size_t from) {
    p->keeps = true;
    if (p->depth > 1) return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "\\K within a group");
    return put_atom(p, "\\K", false);
}

/* After a backslash. */
static bool escape(xl_pattern *p, size_t from) {
    static const struct {
        char letter;
        bool repeatable;
        const char *text;
    } same[] = {{'A', false, "\\A"},
                {'Z', false, "\\Z"},
                {'z', false, "\\z"},
                {'G', false, "\\G"},
                {'N', true, "[^\\n]"},
                {'O', true, "(?s:.)"},
                {'R', true, "(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])"}};
    bool is;
    uint32_t c;
    if (!xl_pattern_escaped(p, from, false, &is, &c)) return false;
    if (is) return put_literal(p, from, c);
    c = xl_pattern_next(p);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (c == (uint32_t)same[i].letter) return put_atom(p, same[i].text, same[i].repeatable);
    if (c == 'k') return named_reference(p, from);
    if (c == 'K') return keep(p, from);
    /* Of 60,000 random texts of letters, marks, emoji and Hangul PCRE2 10.42 cut 8,737 otherwise than Oniguruma. */
    if (c == 'X') return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "grapheme clusters");
    if (c == 'b' || c == 'B') return put_boundary(p, c == 'b');
    if (c >= '1' && c <= '9') return back_reference(p, from, c);
    bool negated = c >= 'A' && c <= 'Z';
    const xl_pattern_set *type = xl_pattern_type(negated ? c - 'A' + 'a' : c, false);
    if (type) return put_set(p, type, negated);
    xl_pattern_set set;
    if (c == 'p' || c == 'P')
        return xl_pattern_property(p, from, false, &set, &negated) && put_set(p, &set, negated);
    return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "an escape that is not known");
}

/* ---- groups ---- */

/* Takes the alternatives and the ')' that ends them; options that are switched inside end there. */
static bool group_rest(xl_pattern *p, size_t from, const char *open, bool repeatable) {
    bool ignore_case = p->ignore_case, dot_all = p->dot_all, extended = p->extended;
    if (!put_atom(p, open, true) || !alternatives(p)) return false;
    if (!xl_pattern_eat(p, ")")) return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a group that does not end");
    p->ignore_case = ignore_case;
    p->dot_all = dot_all;
    p->extended = extended;
    return put_atom(p, ")", repeatable);
}

/* After "(?": options. Without a ':' they hold to the end of the enclosing group, through its alternatives too. */
static bool options(xl_pattern *p, size_t from) {
    bool ignore_case = p->ignore_case, dot_all = p->dot_all, extended = p->extended, on = true;
    for (;;) {
        uint32_t c = p->at < p->bytes ? xl_pattern_next(p) : 0;
        if (c == '-' && on) on = false;
        else if (c == 'i') ignore_case = on;
        else if (c == 'm') dot_all = on;
        else if (c == 'x') extended = on;
        else if (c == ':' || c == ')') break;
        else return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a group that is not known");
    }
    bool isolated = p->text[p->at - 1] == ')';
    bool before_case = p->ignore_case, before_dot = p->dot_all, before_extended = p->extended;
    p->ignore_case = ignore_case;
    p->dot_all = dot_all;
    p->extended = extended;
    const char *open = ignore_case == before_case ? "(?:" : ignore_case ? "(?i:" : "(?-i:";
    bool fine = isolated ? put_atom(p, open, true) && alternatives(p) && put_atom(p, ")", false)
                         : group_rest(p, from, open, true);
    p->ignore_case = before_case;
    p->dot_all = before_dot;
    p->extended = before_extended;
    return fine;
}

/* After "(?<": a name and '>'. The group is given a name of ours, which is short and unlike all others. */
static bool named_group(xl_pattern *p, size_t from) {
    char open[24];
    int number = p->names;
    if (number == XL_PATTERN_NAMES)
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "more than 64 named groups");
    if (!take_name(p, '>', &p->name[number]))
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a group that is not known");
    p->names++;
    snprintf(open, sizeof open, "(?<n%d>", number);
    if (!group_rest(p, from, open, true)) return false;
    p->name[number].closed = true;
    return true;
}

/* After '('. */
static bool group(xl_pattern *p, size_t from) {
    static const struct {
        const char *open;
        bool repeatable;
    } kinds[] = {{"?:", true}, {"?>", true}, {"?=", false}, {"?!", false}, {"?<=", false}, {"?<!", false}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!xl_pattern_eat(p, kinds[i].open)) continue;
        char open[8];
        snprintf(open, sizeof open, "(%s", kinds[i].open);
        return group_rest(p, from, open, kinds[i].repeatable);
    }
    if (xl_pattern_eat(p, "?<")) return named_group(p, from);
    if (xl_pattern_eat(p, "?")) return options(p, from);
    if (xl_pattern_eat(p, "*")) return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a group that is not known");
    p->groups++;
    return group_rest(p, from, "(", true);
}

/* ---- quantifiers ---- */

/* Takes an interval, {n,m}; takes nothing and returns false where the brace stands for itself. *most is -1 without
 * a limit. */
static bool interval(xl_pattern *p, int *least, int *most, bool *fixed) {
    size_t start = p->at;
    uint32_t low = 0, high = 0;
    bool brace = xl_pattern_eat(p, "{");
    int low_digits = brace ? xl_pattern_digits(p, 10, 6, &low) : 0;
    *fixed = brace && !xl_pattern_eat(p, ",");
    int high_digits = *fixed ? 0 : xl_pattern_digits(p, 10, 6, &high);
    if (!brace || low_digits + high_digits == 0 || !xl_pattern_eat(p, "}")) {
        p->at = start;
        return false;
    }
    *least = (int)low;
    *most = *fixed ? (int)low : high_digits ? (int)high : -1;
    return true;
}

/* Takes a quantifier with its suffix and gives PCRE2's spelling of it; takes nothing and returns false where there
 * is none. In Oniguruma's syntax a '+' after an interval, and a '?' after a fixed one, is a quantifier of its own.
 */
static bool take_quantifier(xl_pattern *p, char text[32]) {
    size_t from = p->at;
    int least, most;
    bool fixed;
    uint32_t c = xl_pattern_peek(p);
    if (c == '*' || c == '+' || c == '?') {
        p->at++;
        snprintf(text, 32, "%c%s", (char)c, xl_pattern_eat(p, "?") ? "?" : xl_pattern_eat(p, "+") ? "+" : "");
        return true;
    }
    if (c != '{' || !interval(p, &least, &most, &fixed)) return false;
    if (least > 65535 || most > 65535)
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "an interval above 65535");
    if (most >= 0 && least > most)
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "an interval whose ends are in the wrong order");
    const char *lazy = !fixed && xl_pattern_eat(p, "?") ? "?" : "";
    if (fixed) snprintf(text, 32, "{%d}", least);
    else if (most < 0) snprintf(text, 32, "{%d,}%s", least, lazy);
    else snprintf(text, 32, "{%d,%d}%s", least, most, lazy);
    return true;
}

/* Puts "(?:" before what was written from `start` on, and ")" behind. */
static bool enclose(xl_pattern *p, size_t start) {
    if (!xl_pattern_put(p, p->out, "(?:)")) return false;
    char *at = p->out->data + start;
    memmove(at + 3, at, p->out->size - 4 - start);
    at[0] = '(';
    at[1] = '?';
    at[2] = ':';
    p->out->data[p->out->size - 1] = ')';
    return true;
}

/* ---- sequences ---- */

static bool is_other_space(uint32_t c) {
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Takes what matches nothing: comments, and with the option x white space. */
static bool skip(xl_pattern *p) {
    for (;;) {
        size_t from = p->at;
        uint32_t c = xl_pattern_peek(p);
        if (xl_pattern_eat(p, "(?#")) {
            while (p->at < p->bytes && p->text[p->at] != ')') p->at += p->text[p->at] == '\\' ? 2 : 1;
            if (p->at > p->bytes) p->at = p->bytes;
            if (!xl_pattern_eat(p, ")"))
                return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a comment that does not end");
        } else if (p->extended && c == '#') {
            while (p->at < p->bytes && p->text[p->at] != '\n') p->at++;
        } else if (p->extended && (c == ' ' || (c >= '\t' && c <= '\r'))) {
            p->at++;
        } else if (p->extended && is_other_space(c)) {
            return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "white space outside ASCII with the option x");
        } else {
            return true;
        }
    }
}

static bool atom(xl_pattern *p) {
    size_t from = p->at;
    char text[32];
    if (take_quantifier(p, text)) return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "nothing to repeat");
    if (p->status) return false;
    uint32_t c = xl_pattern_next(p);
    switch (c) {
    case '\\':
        return escape(p, from);
    case '(':
        return group(p, from);
    case '[':
        return put_atom(p, "", true) && xl_pattern_class(p, from, p->out);
    case '.':
        return put_atom(p, p->dot_all ? "(?s:.)" : "[^\\n]", true);
    case '^':
        return put_atom(p, "^", false);
    case '$':
        return put_atom(p, "$", false);
    default:
        return put_literal(p, from, c);
    }
}

/* An atom and its quantifiers. */
static bool term(xl_pattern *p) {
    enum { STACKED = 8 };
    size_t start = p->out->size, from = p->at;
    char text[32];
    if (!atom(p)) return false;
    for (int count = 0;; count++) {
        if (!skip(p)) return false;
        size_t at = p->at;
        if (!take_quantifier(p, text)) return !p->status;
        if (!p->repeatable) return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "it cannot be repeated");
        if (count == STACKED) return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, at, "too many quantifiers in a row");
        if (count && !enclose(p, start)) return false;
        if (!xl_pattern_put(p, p->out, text)) return false;
    }
}

/* Up to the end or a ')', which is not taken. */
static bool alternatives(xl_pattern *p) {
    if (++p->depth > XL_PATTERN_DEPTH) return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, p->at, "nested too deeply");
    while (skip(p) && p->at < p->bytes && p->text[p->at] != ')') {
        bool branch = xl_pattern_eat(p, "|");
        p->branches |= branch && p->depth == 1;
        if (branch ? !put_atom(p, "|", false) : !term(p)) return false;
    }
    p->depth--;
    return !p->status;
}

/* ---- the whole ---- */

static size_t whole_characters(const char *text, size_t bytes, size_t most) {
    return xl_utf8_valid(text, bytes < most ? bytes : most);
}

int xl_pattern_translate(const char *pattern, size_t bytes, xl_bytes *out, const char *path, xlstm_error *err) {
    xl_pattern p = {.text = pattern, .bytes = bytes, .out = out};
    if (bytes > XL_PATTERN_LIMIT) {
        xl_pattern_refuse(&p, XLSTM_EUNSUPPORTED, 0, "a pattern of more than 65536 bytes");
    } else if (alternatives(&p)) {
        if (p.at < bytes) {
            p.at++;
            xl_pattern_refuse(&p, XLSTM_EFORMAT, p.at - 1, "a parenthesis that was not opened");
        } else if (p.names && p.numbers) {
            xl_pattern_refuse(&p, XLSTM_EUNSUPPORTED, 0, "numbered back-references beside named groups");
        } else if (p.keeps && p.branches) {
            xl_pattern_refuse(&p, XLSTM_EUNSUPPORTED, 0, "\\K beside alternatives");
        }
    }
    if (!p.status) return XLSTM_OK;
    size_t shown = whole_characters(pattern, bytes, 200);
    size_t construct = whole_characters(pattern + p.from, p.to - p.from, 40);
    return xl_fail(err, p.status, "%s: pre_tokenizer: regular expression \"%.*s\": \"%.*s\" at byte %zu: %s", path,
                   (int)shown, pattern, (int)construct, pattern + p.from, p.from, p.why);
}
