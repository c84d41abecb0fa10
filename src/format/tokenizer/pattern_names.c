/* The sets of characters that have a name, as Oniguruma 6.9 defines them on Unicode. */
#include <stdio.h>
#include <string.h>

#include "format/tokenizer/pattern_parts.h"

#define WHITE                                                                                                      \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define NOT_WHITE                                                                                                  \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-"      \
    "\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"
#define HEX "0-9A-Fa-f"
#define NOT_HEX "\\x{0}-\\x{2f}\\x{3a}-\\x{40}G-\\x{60}g-\\x{10ffff}"
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Outside a class and at word boundaries these Latin-1 numbers are word characters as well. */
#define LATIN_NUMBERS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

const xl_pattern_set *xl_pattern_type(uint32_t letter, bool in_class) {
    static const xl_pattern_set digit = {"\\p{Nd}", "\\P{Nd}", XL_FOLDS_CLOSED, ""};
    static const xl_pattern_set white = {WHITE, NOT_WHITE, XL_FOLDS_CLOSED, ""};
    static const xl_pattern_set hex = {HEX, NOT_HEX, XL_FOLDS_CLOSED, ""};
    static const xl_pattern_set word = {WORD LATIN_NUMBERS, NULL, XL_FOLDS_LETTERS, ""};
    static const xl_pattern_set word_in_class = {WORD, NULL, XL_FOLDS_LETTERS, ""};
    switch (letter) {
    case 'd':
        return &digit;
    case 's':
        return &white;
    case 'h':
        return &hex;
    case 'w':
        return in_class ? &word_in_class : &word;
    default:
        return NULL;
    }
}

typedef struct entry {
    const char *name; /* lower case, without spaces, '-' and '_' */
    xl_pattern_set set;
} entry;

/* Names that POSIX brackets and properties share. */
static const entry posix[] = {
    {"alnum", {"\\p{Alphabetic}\\p{Nd}", NULL, XL_FOLDS_OPEN, ""}},
    {"alpha", {"\\p{Alphabetic}", NULL, XL_FOLDS_OPEN, ""}},
    {"ascii", {"\\x{0}-\\x{7f}", "\\x{80}-\\x{10ffff}", XL_FOLDS_OPEN, ""}},
    {"blank", {"\\p{Zs}\\x{9}", NULL, XL_FOLDS_CLOSED, ""}},
    {"cntrl", {"\\p{Cc}", "\\P{Cc}", XL_FOLDS_CLOSED, ""}},
    {"digit", {"\\p{Nd}", "\\P{Nd}", XL_FOLDS_CLOSED, ""}},
    {"graph", {NULL, WHITE "\\p{Cc}\\p{Cn}\\p{Cs}", XL_FOLDS_OPEN, ""}},
    {"lower", {"\\p{Lowercase}", NULL, XL_FOLDS_OPEN, ""}},
    {"print", {NULL, "\\p{Cc}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}", XL_FOLDS_OPEN, ""}},
    {"punct", {"\\p{P}\\p{S}", NULL, XL_FOLDS_CLOSED, ""}}, /* of the bracket alone */
    {"space", {WHITE, NOT_WHITE, XL_FOLDS_CLOSED, ""}},
    {"upper", {"\\p{Uppercase}", NULL, XL_FOLDS_OPEN, ""}},
    {"word", {WORD, NULL, XL_FOLDS_LETTERS, ""}},
    {"xdigit", {HEX, NOT_HEX, XL_FOLDS_CLOSED, ""}},
};

/* General categories under their long names, and what else PCRE2 has under the same name. Two letters that are
 * the same in both need no row. */
static const struct {
    const char *name, *in;
} aliases[] = {
    {"letter", "L"},
    {"casedletter", "LC"},
    {"uppercaseletter", "Lu"},
    {"lowercaseletter", "Ll"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"mark", "M"},
    {"combiningmark", "M"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punct", "P"},
    {"punctuation", "P"},
    {"connectorpunctuation", "Pc"},
    {"dashpunctuation", "Pd"},
    {"openpunctuation", "Ps"},
    {"closepunctuation", "Pe"},
    {"initialpunctuation", "Pi"},
    {"finalpunctuation", "Pf"},
    {"otherpunctuation", "Po"},
    {"symbol", "S"},
    {"mathsymbol", "Sm"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"spaceseparator", "Zs"},
    {"lineseparator", "Zl"},
    {"paragraphseparator", "Zp"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"unassigned", "Cn"},
    {"privateuse", "Co"},
    {"alphabetic", "Alphabetic"},
    {"lowercase", "Lowercase"},
    {"uppercase", "Uppercase"},
    {"whitespace", "White_Space"},
    {"ideographic", "Ideographic"},
    {"unifiedideograph", "Unified_Ideograph"},
    {"emoji", "Emoji"},
    {"emojipresentation", "Emoji_Presentation"},
    {"emojimodifier", "Emoji_Modifier"},
    {"emojimodifierbase", "Emoji_Modifier_Base"},
    {"emojicomponent", "Emoji_Component"},
    {"extendedpictographic", "Extended_Pictographic"},
    {"idstart", "ID_Start"},
    {"idcontinue", "ID_Continue"},
    {"xidstart", "XID_Start"},
    {"xidcontinue", "XID_Continue"},
    {"math", "Math"},
    {"dash", "Dash"},
    {"diacritic", "Diacritic"},
    {"joincontrol", "Join_Control"},
    {"variationselector", "Variation_Selector"},
};

static const char categories[] =
    " C Cc Cf Cn Co Cs L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs ";

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The general category that `name` is, written as it is known; "" where it is none. */
static void category(const char *name, char found[4]) {
    size_t n = strlen(name);
    found[0] = 0;
    if (n > 2) return;
    for (const char *c = categories + 1; *c; c = strchr(c, ' ') + 1) {
        if (lower(c[0]) != name[0] || (n == 2 ? lower(c[1]) != name[1] : c[1] != ' ')) continue;
        memcpy(found, c, n);
        found[n] = 0;
        return;
    }
}

/* A set that PCRE2 knows by name. */
static void named(xl_pattern_set *set, const char *prefix, const char *name) {
    size_t n = strlen(prefix) + strlen(name) + 4, half = sizeof set->text / 2;
    *set = (xl_pattern_set){.folds = XL_FOLDS_OPEN};
    if (!*prefix && !strcmp(name, "L")) set->folds = XL_FOLDS_LETTERS;
    if (!*prefix && strchr("NPSZC", name[0]) && strlen(name) < 3) set->folds = XL_FOLDS_CLOSED;
    char *in = set->text, *out = n < half ? set->text + half : NULL;
    snprintf(in, n + 1, "\\p{%s%s}", prefix, name);
    set->in = in;
    if (out) {
        memcpy(out, in, n + 1);
        out[1] = 'P';
        set->out = out;
    }
}

/* Takes letters up to `end`, folded; false where there are others or too many. */
static bool take_name(xl_pattern *p, char *name, size_t size, const char *end) {
    size_t n = 0;
    while (!xl_pattern_eat(p, end)) {
        if (p->at == p->bytes) return false;
        char c = p->text[p->at++];
        if (c == ' ' || c == '-' || c == '_') continue;
        c = lower(c);
        if (c < 'a' || c > 'z' || n + 1 >= size) return false;
        name[n++] = c;
    }
    name[n] = 0;
    return n > 0;
}

static const entry *posix_entry(const char *name) {
    for (size_t i = 0; i < sizeof posix / sizeof posix[0]; i++)
        if (!strcmp(posix[i].name, name)) return &posix[i];
    return NULL;
}

bool xl_pattern_posix(xl_pattern *p, size_t from, xl_pattern_set *set, bool *negated) {
    char name[16];
    *negated = xl_pattern_eat(p, "^");
    bool clean = !memchr(p->text + p->at, ' ', p->bytes - p->at < 8 ? p->bytes - p->at : 8);
    const entry *found = take_name(p, name, sizeof name, ":]") && clean ? posix_entry(name) : NULL;
    if (!found) return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a POSIX bracket that is not known");
    *set = found->set;
    return true;
}

bool xl_pattern_property(xl_pattern *p, size_t from, bool in_class, xl_pattern_set *set, bool *negated) {
    char name[24], short_name[4];
    if (!xl_pattern_eat(p, "{"))
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a property without braces, \\p{NAME} is wanted");
    if (xl_pattern_eat(p, "^")) *negated = !*negated;
    if (!take_name(p, name, sizeof name, "}"))
        return xl_pattern_refuse(p, XLSTM_EUNSUPPORTED, from, "a property that is not known");
    category(name, short_name);
    if (!strcmp(short_name, "LC")) { /* PCRE2 writes it so in all its versions */
        named(set, "", "L&");
    } else if (*short_name) {
        named(set, "", short_name);
    } else if (!strcmp(name, "any")) {
        *set = (xl_pattern_set){"\\x{0}-\\x{10ffff}", NULL, XL_FOLDS_CLOSED, ""};
    } else if (!strcmp(name, "assigned")) {
        *set = (xl_pattern_set){"\\P{Cn}", "\\p{Cn}", XL_FOLDS_CLOSED, ""};
    } else if (!strcmp(name, "word")) {
        *set = *xl_pattern_type('w', in_class);
    } else if (strcmp(name, "punct") != 0 && posix_entry(name)) {
        *set = posix_entry(name)->set;
    } else {
        /* What is left are scripts; PCRE2 refuses what it does not know as one. */
        size_t i = 0, count = sizeof aliases / sizeof aliases[0];
        while (i < count && strcmp(aliases[i].name, name) != 0) i++;
        if (i == count) named(set, "sc:", name);
        else if (!strcmp(aliases[i].in, "LC")) named(set, "", "L&");
        else named(set, "", aliases[i].in);
    }
    return true;
}
