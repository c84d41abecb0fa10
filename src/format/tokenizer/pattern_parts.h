/* What the files of pattern.h share; each uses only those that are named before it there. */
#ifndef XL_FORMAT_PATTERN_PARTS_H
#define XL_FORMAT_PATTERN_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/bytes.h"

enum { XL_PATTERN_DEPTH = 64, XL_PATTERN_LIMIT = 1 << 16, XL_PATTERN_NAMES = 64 };

/* The name of a group; `closed`: its ')' has been taken. */
typedef struct xl_pattern_name {
    const char *text;
    size_t bytes;
    bool closed;
} xl_pattern_name;

typedef struct xl_pattern {
    const char *text;
    size_t bytes, at;
    bool ignore_case, dot_all, extended; /* in force here */
    bool repeatable;                     /* the atom just written may have a quantifier */
    bool numbers;                        /* a numbered back-reference was seen */
    bool keeps, branches;                /* \K was seen, and a '|' outside all groups */
    int groups, depth;
    xl_pattern_name name[XL_PATTERN_NAMES]; /* of the groups that have one, in order */
    int names;
    uint32_t before; /* the literal just written, 0: something else */
    xl_bytes *out;
    int status; /* the first refusal: its status, reason and place */
    const char *why;
    size_t from, to;
} xl_pattern;

/* Notes the refusal of the bytes from `from` to p->at, unless there is one already; always false. */
bool xl_pattern_refuse(xl_pattern *p, int status, size_t from, const char *why);
/* False, noted, when out of memory. */
bool xl_pattern_put(xl_pattern *p, xl_bytes *out, const char *text);
/* Writes a character so that it stands for itself, inside a class and outside. */
bool xl_pattern_put_character(xl_pattern *p, xl_bytes *out, uint32_t c);
/* Takes the next character; there is one. */
uint32_t xl_pattern_next(xl_pattern *p);
/* The value of a digit; -1 where c is none of that base. */
int xl_pattern_digit(uint32_t c, int base);
/* Takes up to `most` digits; returns how many. */
int xl_pattern_digits(xl_pattern *p, int base, int most, uint32_t *value);
/* The character at p->at, not taken; 0 at the end. */
uint32_t xl_pattern_peek(const xl_pattern *p);
/* Takes `text` where it comes next. */
bool xl_pattern_eat(xl_pattern *p, const char *text);

/* After a backslash: takes an escape that stands for one character. *is: it was one; otherwise nothing is taken.
 * `from` is where the backslash stands. */
bool xl_pattern_escaped(xl_pattern *p, size_t from, bool in_class, bool *is, uint32_t *c);
/* A character that, or a pair that together, equals several characters, or one, when case is ignored ("ss" and
 * U+00DF): Oniguruma matches the one for the other, PCRE2 does not. */
bool xl_pattern_folds_long(uint32_t c);
bool xl_pattern_folds_together(uint32_t a, uint32_t b);

/* A set of characters, as the inside of a class for PCRE2. */
typedef struct xl_pattern_set {
    const char *in;  /* what is in it */
    const char *out; /* what is not; NULL: cannot be written so */
    /* When case is ignored: */
    enum { XL_FOLDS_OPEN, XL_FOLDS_LETTERS, XL_FOLDS_CLOSED } folds;
    char text[48]; /* room for a made `in` or `out` */
} xl_pattern_set;
/* The set behind \d, \w, \s, \h (lower case); NULL: there is none. In a class, \w holds less than outside. */
const xl_pattern_set *xl_pattern_type(uint32_t letter, bool in_class);
/* After "[:": takes a POSIX bracket to its ":]". */
bool xl_pattern_posix(xl_pattern *p, size_t from, xl_pattern_set *set, bool *negated);
/* After \p or \P: takes {NAME}. */
bool xl_pattern_property(xl_pattern *p, size_t from, bool in_class, xl_pattern_set *set, bool *negated);

/* After '[': takes the class to its ']' and writes what matches one of its characters to `out`. */
bool xl_pattern_class(xl_pattern *p, size_t from, xl_bytes *out);

#endif
