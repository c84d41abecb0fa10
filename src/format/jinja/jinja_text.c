#include "format/jinja/jinja_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

/* ---- characters ---- */

uint32_t xl_jinja_next(xl_jinja_string text, size_t *at) {
    uint32_t cp;
    const int bytes = xl_utf8_step(text.data + *at, text.bytes - *at, &cp);
    if (bytes > 0) {
        *at += (size_t)bytes;
        return cp;
    }
    return 0xDC00 + (unsigned char)text.data[(*at)++];
}

size_t xl_jinja_length(xl_jinja_string text) {
    size_t count = 0;
    for (size_t at = 0; at < text.bytes; count++) xl_jinja_next(text, &at);
    return count;
}

size_t xl_jinja_offset(xl_jinja_string text, size_t index) {
    size_t at = 0;
    while (at < text.bytes && index--) xl_jinja_next(text, &at);
    return at;
}

bool xl_jinja_is_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

size_t xl_jinja_space(const char *text, size_t bytes) {
    size_t at = 0;
    return bytes && xl_jinja_is_space(xl_jinja_next((xl_jinja_string){text, bytes}, &at)) ? at : 0;
}

size_t xl_jinja_space_before(const char *text, size_t bytes) {
    for (size_t length = 1; length <= 3 && length <= bytes; length++) {
        if (xl_jinja_space(text + bytes - length, length) == length) return length;
    }
    return 0;
}

size_t xl_jinja_line_end(xl_jinja_string text, size_t at) {
    size_t behind = at;
    const uint32_t cp = xl_jinja_next(text, &behind);
    if (!(cp >= 10 && cp <= 13) && !(cp >= 0x1c && cp <= 0x1e) && cp != 0x85 && cp != 0x2028 && cp != 0x2029)
        return 0;
    if (cp == '\r' && behind < text.bytes && text.data[behind] == '\n') behind++;
    return behind - at;
}

static utf8proc_category_t category(uint32_t cp) {
    return utf8proc_category((utf8proc_int32_t)cp);
}

bool xl_jinja_is_upper(uint32_t cp) {
    return category(cp) == UTF8PROC_CATEGORY_LU || category(cp) == UTF8PROC_CATEGORY_LT;
}

bool xl_jinja_is_lower(uint32_t cp) {
    return category(cp) == UTF8PROC_CATEGORY_LL || cp == 0xaa || cp == 0xba;
}

bool xl_jinja_is_letter(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool xl_jinja_is_digit(uint32_t cp) {
    return category(cp) == UTF8PROC_CATEGORY_ND || cp == 0xb2 || cp == 0xb3 || cp == 0xb9;
}

static bool put_cp(xl_jinja_run *r, uint32_t cp) {
    char bytes[4];
    if (cp >= 0xDC00 && cp < 0xE000) return xl_jinja_put(r, &(char){(char)(cp - 0xDC00)}, 1);
    return xl_jinja_put(r, bytes, (size_t)xl_utf8_put(cp, bytes));
}

bool xl_jinja_put_upper(xl_jinja_run *r, uint32_t cp) {
    if (cp == 0xdf) return xl_jinja_put_text(r, "SS"); /* the one common letter whose capital is two */
    return put_cp(r, (uint32_t)utf8proc_toupper((utf8proc_int32_t)cp));
}

bool xl_jinja_put_lower(xl_jinja_run *r, uint32_t cp) {
    return put_cp(r, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
}

static bool is_printable(uint32_t cp) {
    if (cp == ' ') return true;
    const utf8proc_category_t c = category(cp);
    return c != UTF8PROC_CATEGORY_CN && c < UTF8PROC_CATEGORY_ZS;
}

/* ---- numbers and repr ---- */

/* As Python: the fewest digits that read back as the same number, with an exponent below 1e-4 and from 1e16 on. */
static bool put_float(xl_jinja_run *r, double value, bool json) {
    if (isnan(value)) return xl_jinja_put_text(r, json ? "NaN" : "nan");
    if (isinf(value)) {
        if (value < 0 && !xl_jinja_put_text(r, "-")) return false;
        return xl_jinja_put_text(r, json ? "Infinity" : "inf");
    }
    char text[40];
    for (int digits = 0; digits <= 16; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    char *e = strchr(text, 'e');
    const int exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) return xl_jinja_put_text(r, text);
    const bool minus = text[0] == '-';
    char digits[24] = "";
    size_t count = 0;
    for (const char *c = text + minus; c < e; c++) {
        if (*c != '.') digits[count++] = *c;
    }
    char plain[64];
    if (exponent < 0) {
        snprintf(plain, sizeof plain, "0.%0*d%.*s", -exponent - 1, 0, (int)count, digits);
        if (exponent == -1) snprintf(plain, sizeof plain, "0.%.*s", (int)count, digits);
    } else {
        while (count < (size_t)exponent + 2) digits[count++] = '0';
        snprintf(plain, sizeof plain, "%.*s.%.*s", exponent + 1, digits, (int)(count - (size_t)exponent - 1),
                 digits + exponent + 1);
    }
    return (!minus || xl_jinja_put_text(r, "-")) && xl_jinja_put_text(r, plain);
}

static bool put_quoted(xl_jinja_run *r, xl_jinja_string text) {
    const char *single = memchr(text.data, '\'', text.bytes), *both = memchr(text.data, '"', text.bytes);
    const char quote = single && !both ? '"' : '\'';
    if (!xl_jinja_put(r, &quote, 1)) return false;
    for (size_t at = 0; at < text.bytes && !r->status;) {
        const size_t from = at;
        const uint32_t cp = xl_jinja_next(text, &at);
        char escaped[16];
        if (cp == (unsigned char)quote || cp == '\\') snprintf(escaped, sizeof escaped, "\\%c", (char)cp);
        else if (cp == '\n') snprintf(escaped, sizeof escaped, "\\n");
        else if (cp == '\r') snprintf(escaped, sizeof escaped, "\\r");
        else if (cp == '\t') snprintf(escaped, sizeof escaped, "\\t");
        else if (is_printable(cp)) {
            xl_jinja_put(r, text.data + from, at - from);
            continue;
        } else if (cp < 0x100) snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)cp);
        else if (cp < 0x10000) snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)cp);
        else snprintf(escaped, sizeof escaped, "\\U%08x", (unsigned)cp);
        xl_jinja_put_text(r, escaped);
    }
    return xl_jinja_put(r, &quote, 1);
}

static bool put_list(xl_jinja_run *r, const xl_jinja_list *list) {
    if (!xl_jinja_put_text(r, list->tuple ? "(" : "[")) return false;
    for (size_t i = 0; i < list->count; i++) {
        if ((i && !xl_jinja_put_text(r, ", ")) || !xl_jinja_put_repr(r, &list->items[i])) return false;
    }
    if (list->tuple && list->count == 1 && !xl_jinja_put_text(r, ",")) return false;
    return xl_jinja_put_text(r, list->tuple ? ")" : "]");
}

static bool put_dict(xl_jinja_run *r, const xl_jinja_dict *dict) {
    if (!xl_jinja_put_text(r, "{")) return false;
    for (size_t i = 0; i < dict->count; i++) {
        if ((i && !xl_jinja_put_text(r, ", ")) || !xl_jinja_put_repr(r, &dict->entries[i].key) ||
            !xl_jinja_put_text(r, ": ") || !xl_jinja_put_repr(r, &dict->entries[i].value))
            return false;
    }
    return xl_jinja_put_text(r, "}");
}

static bool put_int(xl_jinja_run *r, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    return xl_jinja_put_text(r, text);
}

static bool put_nested(xl_jinja_run *r, const xl_jinja_value *value) {
    bool good = xl_jinja_enter(r);
    if (good) good = value->kind == XL_JINJA_LIST ? put_list(r, value->list) : put_dict(r, value->dict);
    xl_jinja_leave(r);
    return good;
}

bool xl_jinja_put_repr(xl_jinja_run *r, const xl_jinja_value *value) {
    switch (value->kind) {
    case XL_JINJA_UNDEFINED:
        return xl_jinja_put_text(r, "Undefined");
    case XL_JINJA_NONE:
        return xl_jinja_put_text(r, "None");
    case XL_JINJA_BOOL:
        return xl_jinja_put_text(r, value->flag ? "True" : "False");
    case XL_JINJA_INT:
        return put_int(r, value->integer);
    case XL_JINJA_FLOAT:
        return put_float(r, value->real, false);
    case XL_JINJA_STRING:
        return put_quoted(r, value->text);
    case XL_JINJA_LIST:
    case XL_JINJA_DICT:
        return put_nested(r, value);
    default:
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s is used as text", xl_jinja_type(value));
    }
}

bool xl_jinja_put_str(xl_jinja_run *r, const xl_jinja_value *value) {
    if (value->kind == XL_JINJA_STRING) return xl_jinja_put(r, value->text.data, value->text.bytes);
    return value->kind == XL_JINJA_UNDEFINED || xl_jinja_put_repr(r, value);
}

bool xl_jinja_str(xl_jinja_run *r, const xl_jinja_value *value, xl_jinja_string *out) {
    if (value->kind == XL_JINJA_STRING) {
        *out = value->text;
        return true;
    }
    const size_t mark = r->out.size;
    xl_jinja_value text;
    if (!xl_jinja_put_str(r, value) || !xl_jinja_take(r, mark, &text)) return false;
    *out = text.text;
    return true;
}

/* ---- JSON ---- */

static bool put_json_text(xl_jinja_run *r, xl_jinja_string text, bool ascii) {
    static const char letters[] = "btn?fr"; /* of the characters 8 to 13; 11 has none */
    xl_jinja_put_text(r, "\"");
    for (size_t at = 0; at < text.bytes && !r->status;) {
        const size_t from = at;
        const uint32_t cp = xl_jinja_next(text, &at);
        char escaped[16];
        if (cp == '"' || cp == '\\') snprintf(escaped, sizeof escaped, "\\%c", (char)cp);
        else if (cp >= 8 && cp <= 13 && cp != 11) snprintf(escaped, sizeof escaped, "\\%c", letters[cp - 8]);
        else if (cp < 0x20 || (ascii && cp > 0x7e && cp < 0x10000))
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)cp);
        else if (ascii && cp > 0xffff)
            snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
                     (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
        else {
            xl_jinja_put(r, text.data + from, at - from);
            continue;
        }
        xl_jinja_put_text(r, escaped);
    }
    return xl_jinja_put_text(r, "\"");
}

static bool put_line(xl_jinja_run *r, const xl_jinja_json *how, int level) {
    if (!how->indent) return true;
    xl_jinja_put_text(r, "\n");
    for (int i = 0; i < level; i++) xl_jinja_put(r, how->indent->data, how->indent->bytes);
    return !r->status;
}

static int by_key(const void *a, const void *b) {
    const xl_jinja_string x = ((const xl_jinja_entry *)a)->key.text, y = ((const xl_jinja_entry *)b)->key.text;
    const int order = memcmp(x.data, y.data, x.bytes < y.bytes ? x.bytes : y.bytes);
    return order ? order : (x.bytes > y.bytes) - (x.bytes < y.bytes);
}

/* The entries in the order of their keys. */
static const xl_jinja_entry *sorted(xl_jinja_run *r, const xl_jinja_dict *dict) {
    xl_jinja_entry *copy = xl_jinja_memory(r, dict->count, sizeof *copy);
    if (!copy) return NULL;
    for (size_t i = 0; i < dict->count; i++) {
        copy[i] = dict->entries[i];
        if (copy[i].key.kind == XL_JINJA_STRING) continue;
        xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "tojson sorts keys that are not texts");
        return NULL;
    }
    qsort(copy, dict->count, sizeof *copy, by_key);
    return xl_jinja_charge(r, dict->count) ? copy : NULL;
}

static bool put_json(xl_jinja_run *r, const xl_jinja_value *value, const xl_jinja_json *how, int level);

static bool put_json_key(xl_jinja_run *r, const xl_jinja_value *key, const xl_jinja_json *how) {
    if (key->kind == XL_JINJA_STRING) return put_json_text(r, key->text, how->ascii);
    return xl_jinja_put_text(r, "\"") && put_json(r, key, how, 0) && xl_jinja_put_text(r, "\"");
}

static bool put_json_object(xl_jinja_run *r, const xl_jinja_dict *dict, const xl_jinja_json *how, int level) {
    if (!dict->count) return xl_jinja_put_text(r, "{}");
    const xl_jinja_entry *entries = how->sort ? sorted(r, dict) : dict->entries;
    if (!entries) return false;
    xl_jinja_put_text(r, "{");
    for (size_t i = 0; i < dict->count && !r->status; i++) {
        if (i) xl_jinja_put(r, how->item.data, how->item.bytes);
        if (put_line(r, how, level + 1) && put_json_key(r, &entries[i].key, how) &&
            xl_jinja_put(r, how->key.data, how->key.bytes))
            put_json(r, &entries[i].value, how, level + 1);
    }
    return put_line(r, how, level) && xl_jinja_put_text(r, "}");
}

static bool put_json_array(xl_jinja_run *r, const xl_jinja_list *list, const xl_jinja_json *how, int level) {
    if (!list->count) return xl_jinja_put_text(r, "[]");
    xl_jinja_put_text(r, "[");
    for (size_t i = 0; i < list->count && !r->status; i++) {
        if (i) xl_jinja_put(r, how->item.data, how->item.bytes);
        if (put_line(r, how, level + 1)) put_json(r, &list->items[i], how, level + 1);
    }
    return put_line(r, how, level) && xl_jinja_put_text(r, "]");
}

static bool put_json(xl_jinja_run *r, const xl_jinja_value *value, const xl_jinja_json *how, int level) {
    switch (value->kind) {
    case XL_JINJA_NONE:
        return xl_jinja_put_text(r, "null");
    case XL_JINJA_BOOL:
        return xl_jinja_put_text(r, value->flag ? "true" : "false");
    case XL_JINJA_INT:
        return put_int(r, value->integer);
    case XL_JINJA_FLOAT:
        return put_float(r, value->real, true);
    case XL_JINJA_STRING:
        return put_json_text(r, value->text, how->ascii);
    case XL_JINJA_LIST:
    case XL_JINJA_DICT: {
        bool good = xl_jinja_enter(r);
        if (good && value->kind == XL_JINJA_LIST) good = put_json_array(r, value->list, how, level);
        else if (good) good = put_json_object(r, value->dict, how, level);
        xl_jinja_leave(r);
        return good;
    }
    default:
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s is written as JSON", xl_jinja_type(value));
    }
}

bool xl_jinja_put_json(xl_jinja_run *r, const xl_jinja_value *value, const xl_jinja_json *how) {
    return put_json(r, value, how, 0);
}
