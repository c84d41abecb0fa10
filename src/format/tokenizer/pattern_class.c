#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/tokenizer/pattern_parts.h"

/* One part of a class between "&&": what fits into one pair of brackets, and alternatives that do not. */
typedef struct part {
    xl_bytes flat, others; /* others: "|A|B" */
} part;

static void part_free(part *a) {
    free(a->flat.data);
    free(a->others.data);
}

/* Writes what matches one character that is in the part, or is not. */
static bool put_part(xl_pattern *p, xl_bytes *out, const part *a, bool negated) {
    bool flat = a->flat.size > 0, others = a->others.size > 0, group = others && (flat || negated);
    if (group && !xl_pattern_put(p, out, negated ? "(?:(?!" : "(?:")) return false;
    if (others && negated) {
        if (!xl_bytes_append(out, a->others.data + 1, a->others.size - 1) || !xl_pattern_put(p, out, ")"))
            return false;
        if (!flat && !xl_pattern_put(p, out, "(?s:.)")) return false;
    }
    if (flat && (!xl_pattern_put(p, out, negated ? "[^" : "[") ||
                 !xl_bytes_append(out, a->flat.data, a->flat.size) || !xl_pattern_put(p, out, "]")))
        return false;
    if (others && !negated) {
        if (!flat && !xl_pattern_put(p, out, "(?:")) return false;
        size_t skip = flat ? 0 : 1;
        if (!xl_bytes_append(out, a->others.data + skip, a->others.size - skip)) return false;
        group = true;
    }
    return !group || xl_pattern_put(p, out, ")");
}

/* Whether a set may stand in a class that ignores case: Oniguruma then adds the other cases of all its characters,
 * and sequences such as "ss" for U+00DF. */
static bool set_folds(xl_pattern *p, size_t from, const xl_pattern_set *set, bool set_negated, bool class_negated,
                      part *a) {
    if (!p->ignore_case || set->folds == XL_FOLDS_CLOSED) return true;
    if (set->folds != XL_FOLDS_LETTERS || set_negated || !class_negated)
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a set of letters in a class that ignores case");
    return xl_pattern_put(p, &a->flat, "\\x{345}"); /* the one mark whose other cases are letters */
}

static bool put_set(xl_pattern *p, part *a, const xl_pattern_set *set, bool negated) {
    const char *in = negated ? set->out : set->in, *out = negated ? set->in : set->out;
    if (in) return xl_pattern_put(p, &a->flat, in);
    return xl_pattern_put(p, &a->others, "|[^") && xl_pattern_put(p, &a->others, out) &&
           xl_pattern_put(p, &a->others, "]");
}

/* A range or a single character, a == b. */
static bool put_range(xl_pattern *p, part *to, size_t from, uint32_t a, uint32_t b, bool class_negated) {
    if (a > b) return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a range whose ends are in the wrong order");
    if (p->ignore_case && !class_negated) {
        bool folds = b - a > 0x2000; /* such a range holds some */
        for (uint32_t c = a; c <= b && !folds; c++) folds = xl_pattern_folds_long(c);
        if (folds)
            return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from,
                                     "a character that equals several others when case is ignored");
    }
    return xl_pattern_put_character(p, &to->flat, a) &&
           (a == b || (xl_pattern_put(p, &to->flat, "-") && xl_pattern_put_character(p, &to->flat, b)));
}

/* ---- the members of a class ---- */
typedef enum member { CHARACTER, SET } member;

/* Takes a member that begins with `c`, already taken at `from`. */
static bool take_member(xl_pattern *p, size_t from, uint32_t c, bool class_negated, part *a, member *kind,
                        uint32_t *character) {
    *kind = CHARACTER;
    *character = c;
    xl_pattern_set set;
    bool negated = false, is = false;
    if (c == '[' && xl_pattern_eat(p, ":")) {
        *kind = SET;
        return xl_pattern_posix(p, from, &set, &negated) && set_folds(p, from, &set, negated, class_negated, a) &&
               put_set(p, a, &set, negated);
    }
    if (c == '[') {
        *kind = SET;
        if (p->ignore_case)
            return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a class inside a class that ignores case");
        return xl_pattern_put(p, &a->others, "|") && xl_pattern_class(p, from, &a->others);
    }
    if (c != '\\') return true;
    if (!xl_pattern_escaped(p, from, true, &is, character)) return false;
    if (is) return true;
    *kind = SET;
    uint32_t letter = p->at < p->bytes ? xl_pattern_next(p) : 0;
    negated = letter >= 'A' && letter <= 'Z';
    const xl_pattern_set *type = xl_pattern_type(negated ? letter - 'A' + 'a' : letter, true);
    if (type) set = *type;
    else if (letter != 'p' && letter != 'P')
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "an escape that is not known in a class");
    else if (!xl_pattern_property(p, from, true, &set, &negated)) return false;
    /* the made text of a set lies in the set itself */
    return set_folds(p, from, &set, negated, class_negated, a) && put_set(p, a, &set, negated);
}

/* Whether a '-' comes next that makes a range; before "]" and "&&" it stands for itself. */
static bool is_range(const xl_pattern *p) {
    size_t left = p->bytes - p->at;
    const char *next = p->text + p->at;
    if (left < 2 || next[0] != '-' || next[1] == ']') return false;
    return left < 3 || next[1] != '&' || next[2] != '&';
}

/* Takes the members up to "&&" or the class's end, neither taken. */
static bool take_part(xl_pattern *p, size_t open, bool class_negated, part *a) {
    size_t start = p->at;
    bool set_before = false;
    while (p->at < p->bytes) {
        size_t from = p->at;
        bool first = from == start;
        if (p->text[from] == ']' && !(first && from == open)) break;
        if (p->text[from] == '&' && from + 1 < p->bytes && p->text[from + 1] == '&') break;
        uint32_t c = xl_pattern_next(p), character, end;
        if (c == '-' && !first && xl_pattern_peek(p) != ']' && (set_before || xl_pattern_peek(p) == '-'))
            return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a hyphen that is neither a range nor last");
        member kind;
        if (!take_member(p, from, c, class_negated, a, &kind, &character)) return false;
        bool dash = kind == CHARACTER && is_range(p);
        set_before = kind == SET;
        end = character;
        if (dash) {
            xl_pattern_next(p);
            size_t second = p->at;
            uint32_t other = xl_pattern_next(p);
            if (other == '[' || other == ']')
                return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a range that ends in a class");
            if (!take_member(p, second, other, class_negated, a, &kind, &end)) return false;
            if (kind != CHARACTER)
                return xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a range that ends in a set of characters");
        }
        if (!set_before && !put_range(p, a, from, character, end, class_negated)) return false;
    }
    if (a->flat.size || a->others.size) return true;
    if (p->at == p->bytes) return xl_pattern_refuse(p, XLSTM_EFORMAT, start, "a class that does not end");
    return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, start, "an empty part of a class");
}

/* Writes a class of several parts: a character that is in all of them. */
static bool put_all(xl_pattern *p, xl_bytes *out, const xl_bytes *before, const part *last, bool negated) {
    return xl_pattern_put(p, out, negated ? "(?:(?!" : "(?:") && xl_bytes_append(out, before->data, before->size) &&
           put_part(p, out, last, false) && xl_pattern_put(p, out, negated ? ")(?s:.))" : ")");
}

bool xl_pattern_class(xl_pattern *p, size_t from, xl_bytes *out) {
    if (++p->depth > XL_PATTERN_DEPTH) return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "nested too deeply");
    bool negated = xl_pattern_eat(p, "^"), fine = true;
    size_t open = p->at;
    xl_bytes before = {NULL, 0, 0}; /* "(?=A)(?=B)": the parts that are done */
    part a = {{NULL, 0, 0}, {NULL, 0, 0}};
    for (;;) {
        fine = take_part(p, open, negated, &a);
        if (!fine || !xl_pattern_eat(p, "&&")) break;
        if (p->ignore_case)
            fine = xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "an intersection that ignores case");
        fine = fine && xl_pattern_put(p, &before, "(?=") && put_part(p, &before, &a, false) &&
               xl_pattern_put(p, &before, ")");
        a.flat.size = a.others.size = 0;
        if (!fine) break;
    }
    if (fine && !xl_pattern_eat(p, "]"))
        fine = xl_pattern_refuse(p, XLSTM_EFORMAT, from, "a class that does not end");
    if (fine) fine = before.size ? put_all(p, out, &before, &a, negated) : put_part(p, out, &a, negated);
    free(before.data);
    part_free(&a);
    p->depth--;
    return fine;
}
