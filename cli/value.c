#include "cli/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/value_words.h"

bool cli_key_is_path(const cli_key *key) {
    static const char *const paths[] = {"DIR", "FILE", "PATH", "RUN", "STUDY"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths && key->metavar; i++) {
        if (!strcmp(key->metavar, paths[i])) return true;
    }
    return false;
}

json_t *cli_value_home(const cli_key *key, json_t *value) {
    const char *path = json_string_value(value), *home = getenv("HOME");
    if (!path || !cli_key_is_path(key) || path[0] != '~' || (path[1] && path[1] != '/') || !home || !*home)
        return value;
    char *whole = xl_format("%s%s", home, path + 1);
    json_decref(value);
    value = whole ? json_string(whole) : NULL;
    free(whole);
    return value;
}

/* Splits off the n-th entry of "a|b|alias=b": its name and the name it stands for. Returns false past the end. */
static bool choice_entry(const char *choices, int n, char *name, char *main_name, size_t size) {
    const char *start = choices;
    for (; n > 0; n--) {
        start = strchr(start, '|');
        if (!start) return false;
        start++;
    }
    size_t length = strcspn(start, "|"), name_length = strcspn(start, "=|");
    if (length >= size) return false;
    memcpy(name, start, name_length);
    name[name_length] = 0;
    const char *target = name_length < length ? start + name_length + 1 : start;
    size_t target_length = (size_t)(start + length - target);
    memcpy(main_name, target, target_length);
    main_name[target_length] = 0;
    return true;
}

bool cli_choice_name(const cli_key *key, int n, char *out, size_t size) {
    char name[64];
    return key->choices && choice_entry(key->choices, n, name, out, size) && !strcmp(name, out);
}

static json_t *choose(const cli_key *key, const char *text) {
    if (key->type == CLI_NAMES) return json_string(text);
    char name[64], main_name[64];
    for (int n = 0; choice_entry(key->choices, n, name, main_name, sizeof name); n++) {
        if (!strcasecmp(name, text)) return json_string(main_name);
    }
    return NULL;
}

static void choice_list(const cli_key *key, char *out, size_t size) {
    char name[64];
    size_t used = 0;
    for (int n = 0; used < size && cli_choice_name(key, n, name, sizeof name); n++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", n ? ", " : "", name);
    }
}

#define WORD_MARKS "._-+=@"
#define WORD_MOST 100

/* A character outside ASCII may be part of a word unless it is a space or invisible. */
static bool is_letter(uint32_t cp) {
    const bool space = cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x206F) || cp == 0x3000 || cp == 0xFEFF;
    return cp >= 0xA0 && !space;
}

static bool is_word(const char *text) {
    size_t left = strlen(text);
    if (left > WORD_MOST) return false;
    while (left) {
        uint32_t cp;
        int step = xl_utf8_step(text, left, &cp);
        if (step <= 0) return false;
        bool plain = cp < 0x80 && (isalnum((int)cp) || strchr(WORD_MARKS, (int)cp));
        if (!plain && !is_letter(cp)) return false;
        text += step;
        left -= (size_t)step;
    }
    return true;
}

static bool bounded(const cli_key *key) {
    return key->min != 0 || key->max != 0;
}

void cli_value_wanted(const cli_key *key, char *out, size_t size) {
    char names[256] = "";
    switch (key->type) {
    case CLI_INT:
    case CLI_INTS: {
        const char *what = key->type == CLI_INT ? "an integer" : "integers such as 16,32 or 16-64+16 or 16-64*2,";
        if (bounded(key)) {
            snprintf(out, size, "%s from %.0f to %.0f", what, key->min, key->max);
        } else {
            snprintf(out, size, "%s", what);
        }
        break;
    }
    case CLI_NUM:
        if (bounded(key)) {
            snprintf(out, size, "a number from %.15g to %.15g", key->min, key->max);
        } else {
            snprintf(out, size, "a number");
        }
        break;
    case CLI_STR:
        snprintf(out, size, "text in UTF-8");
        break;
    case CLI_WORD:
        snprintf(out, size, "a word of at most %d bytes: letters, digits and any of " WORD_MARKS, WORD_MOST);
        break;
    case CLI_BOOL:
        snprintf(out, size, "true or false");
        break;
    case CLI_CHOICE:
        choice_list(key, names, sizeof names);
        snprintf(out, size, "one of %s", names);
        break;
    case CLI_CHOICES:
        choice_list(key, names, sizeof names);
        snprintf(out, size, "a list out of %s", names);
        break;
    case CLI_NAMES:
        snprintf(out, size, "a list of names");
        break;
    case CLI_DURATION:
        snprintf(out, size, "a time such as 90s, 30m or 2h");
        break;
    case CLI_OBJECT:
        snprintf(out, size, "a JSON object");
        break;
    case CLI_TEXTS:
        snprintf(out, size, "text in UTF-8, not empty");
        break;
    case CLI_WORDS:
        snprintf(out, size, "the words of a command");
        break;
    case CLI_INERT:
        snprintf(out, size, "anything");
        break;
    }
}

static json_t *refuse(const cli_key *key, const char *found, char *message) {
    char wanted[384], shown[96];
    cli_value_wanted(key, wanted, sizeof wanted);
    /* Cut between characters. */
    size_t length = strlen(found);
    if (length > 60) {
        length = 60;
        while (length && ((unsigned char)found[length] & 0xc0) == 0x80) length--;
    }
    snprintf(shown, sizeof shown, "%.*s%s", (int)length, found, found[length] ? "..." : "");
    snprintf(message, CLI_MESSAGE, "found %s, wanted %s", shown, wanted);
    return NULL;
}

static bool inside(const cli_key *key, double value) {
    return !bounded(key) || (value >= key->min && value <= key->max);
}

static bool parse_int(const char *text, const char **end, long long *out) {
    char *after;
    errno = 0;
    *out = strtoll(text, &after, 10);
    *end = after;
    return after != text && !errno && (*text == '-' || (*text >= '0' && *text <= '9'));
}

static bool append_int(const cli_key *key, json_t *list, long long value) {
    return inside(key, (double)value) && json_array_size(list) < CLI_LIST_MOST &&
           !json_array_append_new(list, json_integer(value));
}

/* Parses "16,32,64-128+32,1-8*2": numbers, and ranges first-last with a step or a factor. */
static json_t *parse_ints(const cli_key *key, const char *text) {
    json_t *list = json_array();
    const char *p = text;
    for (bool more = true; list && more;) {
        long long first, last, step = 1;
        bool times = false;
        if (!parse_int(p, &p, &first)) goto bad;
        last = first;
        if (*p == '-') {
            if (!parse_int(p + 1, &p, &last) || last < first) goto bad;
            if (*p == '+' || *p == '*') {
                times = *p == '*';
                if (!parse_int(p + 1, &p, &step) || step < (times ? 2 : 1)) goto bad;
            }
        }
        if (times && first < 1) goto bad;
        for (long long v = first; v <= last;) {
            if (!append_int(key, list, v)) goto bad;
            if (times ? __builtin_mul_overflow(v, step, &v) : __builtin_add_overflow(v, step, &v)) break;
        }
        more = *p == ',';
        if (more) p++;
    }
    if (list && !*p) return list;
bad:
    json_decref(list);
    return NULL;
}

static json_t *parse_choices(const cli_key *key, const char *text) {
    json_t *list = json_array();
    for (const char *p = text; list; p++) {
        size_t length = strcspn(p, ",");
        char name[128];
        json_t *one = NULL;
        if (length && length < sizeof name) {
            memcpy(name, p, length);
            name[length] = 0;
            one = choose(key, name);
        }
        if (!one || json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
        p += length;
        if (!*p) break;
    }
    return list;
}

static json_t *parse_duration(const cli_key *key, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value)) return NULL;
    if (!strcmp(end, "ms")) {
        value /= 1000;
    } else if (!strcmp(end, "m") || !strcmp(end, "min")) {
        value *= 60;
    } else if (!strcmp(end, "h")) {
        value *= 3600;
    } else if (*end && strcmp(end, "s") != 0) {
        return NULL;
    }
    return inside(key, value) ? json_real(value) : NULL;
}

static json_t *parse_bool(const char *text) {
    static const char *const yes[] = {"1", "true", "yes", "on"}, *const no[] = {"0", "false", "no", "off"};
    for (int i = 0; i < 4; i++) {
        if (!strcasecmp(text, yes[i])) return json_true();
        if (!strcasecmp(text, no[i])) return json_false();
    }
    return NULL;
}

enum { OBJECT_FILE_MOST = 1 << 24 };

/* The object that a text is, or that is in the file that it names. On failure `message` may say what is wrong with
 * the file; otherwise it is empty. */
static json_t *parse_object(const char *text, char *message) {
    json_t *out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    char *data = NULL;
    size_t bytes;
    json_error_t wrong;
    xlstm_error err;
    message[0] = 0;
    if (!out && *text && text[strspn(text, " \t\n")] != '{') {
        if (xl_file_read(text, OBJECT_FILE_MOST, &data, &bytes, &err)) {
            snprintf(message, CLI_MESSAGE, "%.300s, wanted a JSON object or the name of a file with one", err.text);
        } else if (!(out = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, &wrong))) {
            snprintf(message, CLI_MESSAGE, "%.200s: line %d, column %d: %s", text, wrong.line, wrong.column,
                     wrong.text);
        }
    }
    free(data);
    if (json_is_object(out)) return out;
    json_decref(out);
    return NULL;
}

json_t *cli_value_from_text(const cli_key *key, const char *text, char *message) {
    json_t *out = NULL;
    const char *end;
    char *after;
    long long integer;
    switch (key->type) {
    case CLI_INT:
        if (parse_int(text, &end, &integer) && !*end && inside(key, (double)integer)) out = json_integer(integer);
        break;
    case CLI_NUM: {
        double value = strtod(text, &after);
        if (after != text && !*after && isfinite(value) && inside(key, value)) out = json_real(value);
        break;
    }
    case CLI_STR:
    case CLI_INERT:
        out = json_string(text);
        break;
    case CLI_WORD:
        if (is_word(text)) out = json_string(text);
        break;
    case CLI_BOOL:
        out = parse_bool(text);
        break;
    case CLI_CHOICE:
        out = choose(key, text);
        break;
    case CLI_DURATION:
        out = parse_duration(key, text);
        break;
    case CLI_INTS:
        out = parse_ints(key, text);
        break;
    case CLI_CHOICES:
    case CLI_NAMES:
        out = parse_choices(key, text);
        break;
    case CLI_OBJECT:
        out = parse_object(text, message);
        if (!out && *message) return NULL;
        break;
    case CLI_TEXTS:
        if (*text) out = json_pack("[s]", text);
        break;
    case CLI_WORDS:
        out = cli_value_text_of_words(text);
        break;
    }
    char quoted[128];
    snprintf(quoted, sizeof quoted, "'%.100s'", text);
    return out ? out : refuse(key, *text ? quoted : "nothing", message);
}

static bool whole(const json_t *json, long long *out) {
    if (json_is_integer(json)) {
        *out = json_integer_value(json);
        return true;
    }
    double value = json_is_real(json) ? json_real_value(json) : NAN;
    if (!(fabs(value) <= 0x1p53) || value != floor(value)) return false;
    *out = (long long)value;
    return true;
}

static json_t *list_from_json(const cli_key *key, const json_t *json) {
    json_t *list = json_array();
    size_t i;
    const json_t *item;
    json_array_foreach(json, i, item) {
        long long integer;
        bool good;
        if (key->type == CLI_INTS) {
            good = whole(item, &integer) && append_int(key, list, integer);
        } else {
            json_t *one = json_is_string(item) ? choose(key, json_string_value(item)) : NULL;
            good = one && !json_array_append_new(list, one);
        }
        if (!good) {
            json_decref(list);
            return NULL;
        }
    }
    if (json_array_size(list)) return list;
    json_decref(list);
    return NULL;
}

json_t *cli_value_from_json(const cli_key *key, const json_t *json, char *message) {
    json_t *out = NULL;
    const char *text = json_string_value(json);
    long long integer;
    switch (key->type) {
    case CLI_INT:
        if (whole(json, &integer) && inside(key, (double)integer)) out = json_integer(integer);
        break;
    case CLI_NUM:
        if (json_is_number(json) && inside(key, json_number_value(json))) out = json_real(json_number_value(json));
        break;
    case CLI_STR:
        if (text) out = json_string(text);
        break;
    case CLI_WORD:
        if (text && is_word(text)) out = json_string(text);
        break;
    case CLI_BOOL:
        if (json_is_boolean(json)) out = json_boolean(json_is_true(json));
        if (json_is_integer(json) && (json_integer_value(json) | 1) == 1)
            out = json_boolean(json_integer_value(json));
        break;
    case CLI_CHOICE:
        if (text) out = choose(key, text);
        break;
    case CLI_DURATION:
        if (json_is_number(json) && inside(key, json_number_value(json))) out = json_real(json_number_value(json));
        if (text) out = parse_duration(key, text);
        break;
    case CLI_INTS:
        if (json_is_array(json)) out = list_from_json(key, json);
        if (text) out = parse_ints(key, text);
        if (whole(json, &integer) && (out = json_array()) && !append_int(key, out, integer)) {
            json_decref(out);
            out = NULL;
        }
        break;
    case CLI_CHOICES:
    case CLI_NAMES:
        if (json_is_array(json)) out = list_from_json(key, json);
        if (text) out = parse_choices(key, text);
        break;
    case CLI_OBJECT:
        if (json_is_object(json)) out = json_deep_copy(json);
        break;
    case CLI_TEXTS:
        if (text && *text) out = json_pack("[s]", text);
        else out = cli_value_texts(json);
        for (size_t i = 0; i < json_array_size(out); i++) {
            if (json_string_length(json_array_get(out, i))) continue;
            json_decref(out);
            out = NULL;
        }
        break;
    case CLI_WORDS:
        if (text) out = cli_value_text_of_words(text);
        else out = cli_value_texts(json);
        break;
    case CLI_INERT:
        out = json_deep_copy(json);
        break;
    }
    if (out) return out;
    char *found = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6) | JSON_COMPACT);
    refuse(key, found ? found : "?", message);
    free(found);
    return NULL;
}
