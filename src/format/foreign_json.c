#include "format/foreign_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/recognize.h"

/* Values nested deeper than this are left for Jansson to judge. */
#define NESTING_MAX 512
/* How many used members of one object are checked for repeated keys here; Jansson alone checks those after them. */
#define SEEN_MAX 64

/* A used member of an object. */
typedef struct seen {
    char key[XL_JSON_KEY_MAX];
    const char *value;
    size_t bytes;
} seen;

/* Walks through the text and overwrites what is not used with blanks: every character stays in its place, so that
 * lines and columns in later messages are those of the file. */
typedef struct scan {
    char *at, *end;
    int nesting;
    xl_json_use_fn use;
    const char *keys[XL_JSON_DEPTH_MAX];
    seen list[XL_JSON_DEPTH_MAX][SEEN_MAX]; /* used members of the objects at hand, by depth */
} scan;

bool xl_json_listed(const char *key, const char *const *list) {
    for (; *list; list++) {
        if (!strcmp(key, *list)) return true;
    }
    return false;
}

static char skip_blanks(scan *s) {
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at) s->at++;
    return s->at < s->end ? *s->at : 0;
}

static bool skip_string(scan *s) {
    if (s->at >= s->end || *s->at != '"') return false;
    for (s->at++; s->at < s->end; s->at++) {
        if (*s->at == '"') {
            s->at++;
            return true;
        }
        if (*s->at == '\\') s->at++;
    }
    return false;
}

/* A number of any size, or one of the words that JSON or Python know. */
static bool skip_scalar(scan *s) {
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    size_t left = (size_t)(s->end - s->at), n = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (left >= length && !memcmp(s->at, words[i], length)) {
            s->at += length;
            return true;
        }
    }
    while (n < left && s->at[n] && strchr("+-.0123456789eE", s->at[n])) n++;
    s->at += n;
    return n > 0;
}

static bool skip_value(scan *s);

/* Skips the rest of an array or object after its bracket. */
static bool skip_members(scan *s, bool object) {
    const char close = object ? '}' : ']';
    if (skip_blanks(s) == close) {
        s->at++;
        return true;
    }
    for (;;) {
        skip_blanks(s);
        if (object) {
            if (!skip_string(s) || skip_blanks(s) != ':') return false;
            s->at++;
        }
        if (!skip_value(s)) return false;
        char next = skip_blanks(s);
        if (next != close && next != ',') return false;
        s->at++;
        if (next == close) return true;
    }
}

static bool skip_value(scan *s) {
    char first = skip_blanks(s);
    if (first == '"') return skip_string(s);
    if (first != '{' && first != '[') return skip_scalar(s);
    if (s->nesting >= NESTING_MAX) return false;
    s->nesting++;
    s->at++;
    bool good = skip_members(s, first == '{');
    s->nesting--;
    return good;
}

/* The key at hand as xl_json_use_fn is given it. */
static bool read_key(scan *s, char key[XL_JSON_KEY_MAX]) {
    const char *text = s->at + 1;
    if (!skip_string(s)) return false;
    const char *end = s->at - 1;
    size_t n = 0;
    while (text < end && n < XL_JSON_KEY_MAX - 1) {
        char c = *text++;
        if (c == '\\') {
            char hex[5] = {0};
            bool ascii = end - text >= 5 && text[0] == 'u' && text[1] == '0' && text[2] == '0';
            if (ascii) memcpy(hex, text + 1, 4);
            long code = ascii ? strtol(hex, NULL, 16) : 0;
            size_t step = *text == 'u' ? 5 : 1;
            text = (size_t)(end - text) < step ? end : text + step;
            c = code > 0 && code < 128 ? (char)code : '?';
        }
        key[n++] = c;
    }
    key[n] = 0;
    return true;
}

static void blank(char *from, const char *to) {
    for (; from < to; from++) {
        if (*from != '\n') *from = ' ';
    }
}

static bool equal_values(const seen *a, const seen *b) {
    json_t *x = json_loadb(a->value, a->bytes, JSON_DECODE_ANY, NULL);
    json_t *y = json_loadb(b->value, b->bytes, JSON_DECODE_ANY, NULL);
    bool equal = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return equal;
}

/* Whether the same key with an equal value occurred before; if not, it is remembered. */
static bool repeats(seen *list, size_t *count, const seen *member) {
    for (size_t i = 0; i < *count; i++) {
        if (!strcmp(list[i].key, member->key)) return equal_values(&list[i], member);
    }
    if (*count < SEEN_MAX) list[(*count)++] = *member;
    return false;
}

/* Walks through the current object, whose members' keys have this depth. False where the text is not JSON even by
 * these lenient rules. */
static bool filter(scan *s, size_t depth) {
    size_t count = 0;
    bool any = false; /* member is left */
    char *comma = NULL;
    s->at++;
    if (skip_blanks(s) == '}') {
        s->at++;
        return true;
    }
    for (;;) {
        skip_blanks(s);
        seen member;
        char *begin = s->at;
        if (!read_key(s, member.key) || skip_blanks(s) != ':') return false;
        s->at++;
        char first = skip_blanks(s);
        s->keys[depth] = member.key;
        xl_json_use use = s->use(depth, s->keys, first);
        if (use == XL_JSON_ENTER && (first != '{' || depth + 1 == XL_JSON_DEPTH_MAX)) use = XL_JSON_USE;
        member.value = s->at;
        if (!(use == XL_JSON_ENTER ? filter(s, depth + 1) : skip_value(s))) return false;
        member.bytes = (size_t)(s->at - member.value);
        bool out = use == XL_JSON_IGNORE || (use == XL_JSON_USE && repeats(s->list[depth], &count, &member));
        if (out) blank(begin, s->at);
        if (comma && (out || !any)) *comma = ' ';
        any = any || !out;
        char next = skip_blanks(s);
        if (next != '}' && next != ',') return false;
        comma = s->at++;
        if (next == '}') return true;
    }
}

int xl_json_read(json_t **out, const char *path, const char *text, size_t bytes, size_t flags, xl_json_use_fn use,
                 xlstm_error *err) {
    *out = NULL;
    char *copy = xl_array(bytes + 1, 1);
    scan *s = malloc(sizeof *s);
    if (!copy || !s) {
        free(copy);
        free(s);
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu bytes of JSON", path, bytes);
    }
    if (bytes) memcpy(copy, text, bytes);
    s->at = copy;
    s->end = copy + bytes;
    s->use = use;
    s->nesting = 0;
    blank(copy, copy + xl_utf8_mark(copy, bytes));
    /* Where the walk stops early the text is malformed; Jansson is given it as it is and says where. */
    bool whole = skip_blanks(s) == '{' && filter(s, 0);
    json_error_t where;
    json_t *root = json_loadb(whole ? copy : text, bytes, JSON_REJECT_DUPLICATES | flags, &where);
    free(copy);
    free(s);
    if (json_is_object(root)) {
        *out = root;
        return XLSTM_OK;
    }
    json_decref(root);
    const char *other = xl_recognize(text, bytes);
    if (other) return xl_fail(err, XLSTM_EFORMAT, "%s: is %s", path, other);
    if (root) return xl_fail(err, XLSTM_EFORMAT, "%s: no JSON object", path);
    return xl_fail(err, XLSTM_EFORMAT, "%s: %s (line %d column %d)", path, where.text, where.line, where.column);
}
