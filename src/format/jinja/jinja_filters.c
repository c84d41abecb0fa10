#include "format/jinja/jinja_filters.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "format/jinja/jinja_compare.h"
#include "format/jinja/jinja_sequences.h"
#include "format/jinja/jinja_strings.h"
#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef xl_jinja_string string;
typedef const xl_jinja_args args;

/* ---- texts ---- */

static bool trim(run *r, value in, args *a, value *out) {
    string text, chars = {"", 0};
    const bool given = a->items[0].kind != XL_JINJA_UNDEFINED && a->items[0].kind != XL_JINJA_NONE;
    if (!xl_jinja_str(r, &in, &text) || (given && !xl_jinja_arg_text(r, "trim", &a->items[0], &chars)))
        return false;
    text = xl_jinja_strip(text, given ? &chars : NULL, true, true);
    *out = xl_jinja_string_of(text.data, text.bytes);
    return xl_jinja_charge(r, text.bytes / 64);
}

static bool upper(run *r, value in, args *a, value *out) {
    string text;
    return xl_jinja_str(r, &in, &text) && xl_jinja_case(r, text, true, out);
}

static bool lower(run *r, value in, args *a, value *out) {
    string text;
    return xl_jinja_str(r, &in, &text) && xl_jinja_case(r, text, false, out);
}

static bool capitalize(run *r, value in, args *a, value *out) {
    string text;
    return xl_jinja_str(r, &in, &text) && xl_jinja_capitalize(r, text, out);
}

/* A word begins behind white space, a hyphen or an opening bracket. */
static bool title(run *r, value in, args *a, value *out) {
    string text;
    const size_t mark = r->out.size;
    bool begins = true;
    if (!xl_jinja_str(r, &in, &text) || !xl_jinja_charge(r, text.bytes / 8)) return false;
    for (size_t at = 0; at < text.bytes;) {
        const bool breaks = strchr("-({[<", text.data[at]) ? text.data[at] != 0
                                                           : xl_jinja_space(text.data + at, text.bytes - at) > 0;
        const uint32_t cp = xl_jinja_next(text, &at);
        if (!(begins && !breaks ? xl_jinja_put_upper(r, cp) : xl_jinja_put_lower(r, cp))) return false;
        begins = breaks;
    }
    return xl_jinja_take(r, mark, out);
}

static bool replace(run *r, value in, args *a, value *out) {
    string text, old, new;
    int64_t most = -1;
    if (a->items[2].kind != XL_JINJA_NONE && !xl_jinja_arg_int(r, "replace", &a->items[2], &most)) return false;
    return xl_jinja_str(r, &in, &text) && xl_jinja_str(r, &a->items[0], &old) &&
           xl_jinja_str(r, &a->items[1], &new) && xl_jinja_replace(r, text, old, new, most, out);
}

static bool escape(run *r, value in, args *a, value *out) {
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    string text;
    if (!xl_jinja_str(r, &in, &text)) return false;
    const size_t mark = r->out.size;
    for (size_t i = 0; i < text.bytes; i++) {
        const char *found = text.data[i] ? strchr(from, text.data[i]) : NULL;
        if (!(found ? xl_jinja_put_text(r, to[found - from]) : xl_jinja_put(r, &text.data[i], 1))) return false;
    }
    return xl_jinja_take(r, mark, out);
}

static bool to_string(run *r, value in, args *a, value *out) {
    string text;
    if (!xl_jinja_str(r, &in, &text)) return false;
    *out = xl_jinja_string_of(text.data, text.bytes);
    return true;
}

/* Every line but the first, and but empty ones, is moved to the right. */
static bool indent(run *r, value in, args *a, value *out) {
    string text = in.text, by = {"", 0};
    int64_t width = 4;
    if (a->items[0].kind == XL_JINJA_STRING) by = a->items[0].text;
    else if (!xl_jinja_arg_int(r, "indent", &a->items[0], &width)) return false;
    if (width < 0) width = 0;
    if (in.kind != XL_JINJA_STRING)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "indent: found a value of type %s, wanted a text",
                             xl_jinja_type(&in));
    if (width > 1000) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "indent: the width is over 1000");
    const bool first = xl_jinja_true(&a->items[1]), blank = xl_jinja_true(&a->items[2]);
    const size_t mark = r->out.size;
    /* What jinja2 takes apart ends with one more newline, which a carriage return is a part of. */
    if (text.bytes && text.data[text.bytes - 1] == '\r') text.bytes--;
    if (!xl_jinja_charge(r, text.bytes / 16)) return false;
    for (size_t at = 0;;) {
        size_t end = at, length = 0;
        while (end < text.bytes && !(length = xl_jinja_line_end(text, end))) xl_jinja_next(text, &end);
        if (at ? end > at || blank : first) {
            if (!xl_jinja_put(r, by.data, by.bytes)) return false;
            for (int64_t i = 0; i < width && a->items[0].kind != XL_JINJA_STRING; i++) xl_jinja_put(r, " ", 1);
        }
        if (!xl_jinja_put(r, text.data + at, end - at)) return false;
        if (end == text.bytes) break;
        if (!xl_jinja_put(r, "\n", 1)) return false;
        at = end + length;
    }
    return xl_jinja_take(r, mark, out);
}

static bool word_count(run *r, value in, args *a, value *out) {
    string text;
    int64_t words = 0;
    bool inside = false;
    if (!xl_jinja_str(r, &in, &text) || !xl_jinja_charge(r, text.bytes / 8)) return false;
    for (size_t at = 0; at < text.bytes;) {
        const uint32_t cp = xl_jinja_next(text, &at);
        const bool word = xl_jinja_is_letter(cp) || xl_jinja_is_digit(cp) || cp == '_';
        words += word && !inside;
        inside = word;
    }
    *out = xl_jinja_int(words);
    return true;
}

/* ---- JSON ---- */

static bool to_json(run *r, value in, args *a, value *out) {
    string indent_text;
    char spaces[33];
    int64_t width = 0;
    xl_jinja_json how = {.item = {", ", 2},
                         .key = {": ", 2},
                         .ascii = xl_jinja_true(&a->items[0]),
                         .sort = xl_jinja_true(&a->items[3])};
    const value *by = &a->items[1], *separators = &a->items[2];
    if (by->kind == XL_JINJA_STRING) {
        indent_text = by->text;
        how.indent = &indent_text;
    } else if (by->kind > XL_JINJA_NONE) {
        if (!xl_jinja_arg_int(r, "tojson", by, &width)) return false;
        if (width < 0) width = 0;
        if (width > 32) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "tojson: the indent is over 32");
        memset(spaces, ' ', sizeof spaces);
        indent_text = (string){spaces, (size_t)width};
        how.indent = &indent_text;
    }
    if (how.indent) how.item = (string){",", 1};
    if (separators->kind > XL_JINJA_NONE) {
        if (separators->kind != XL_JINJA_LIST || separators->list->count != 2 ||
            separators->list->items[0].kind != XL_JINJA_STRING ||
            separators->list->items[1].kind != XL_JINJA_STRING)
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "tojson: separators are not two texts");
        how.item = separators->list->items[0].text;
        how.key = separators->list->items[1].text;
    }
    const size_t mark = r->out.size;
    return xl_jinja_put_json(r, &in, &how) && xl_jinja_take(r, mark, out);
}

/* ---- numbers ---- */

static bool absolute(run *r, value in, args *a, value *out) {
    int64_t integer;
    if (xl_jinja_integer(&in, &integer) && integer > INT64_MIN) {
        *out = xl_jinja_int(integer < 0 ? -integer : integer);
        return true;
    }
    if (in.kind != XL_JINJA_FLOAT) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "abs: wanted a number");
    *out = xl_jinja_float(fabs(in.real));
    return true;
}

/* The number that a text holds between white space. */
static bool read_real(string text, double *out) {
    char copy[64];
    text = xl_jinja_strip(text, NULL, true, true);
    if (!text.bytes || text.bytes >= sizeof copy) return false;
    memcpy(copy, text.data, text.bytes);
    copy[text.bytes] = 0;
    return strspn(copy, "0123456789+-.eE") == text.bytes && xl_number_read(copy, out);
}

static bool is_there(run *r, const value *in) {
    return in->kind || xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "\"%.*s\" is undefined and is made a number",
                                     (int)(in->text.bytes < 100 ? in->text.bytes : 100), in->text.data);
}

static bool to_float(run *r, value in, args *a, value *out) {
    double real;
    if (!is_there(r, &in)) return false;
    if (xl_jinja_number(&in, &real) || (in.kind == XL_JINJA_STRING && read_real(in.text, &real))) {
        *out = xl_jinja_float(real);
    } else {
        *out = a->items[0].kind ? a->items[0] : xl_jinja_float(0);
    }
    return true;
}

static bool to_int(run *r, value in, args *a, value *out) {
    int64_t integer, base = 10;
    double real;
    char copy[64];
    *out = a->items[0].kind ? a->items[0] : xl_jinja_int(0);
    if (!is_there(r, &in) || !xl_jinja_arg_int(r, "int", &a->items[1], &base)) return false;
    if (base != 10) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "int: bases other than 10 are not supported");
    if (xl_jinja_integer(&in, &integer)) {
        *out = xl_jinja_int(integer);
        return true;
    }
    if (in.kind == XL_JINJA_STRING) {
        const string text = xl_jinja_strip(in.text, NULL, true, true);
        if (text.bytes && text.bytes < sizeof copy) {
            memcpy(copy, text.data, text.bytes);
            copy[text.bytes] = 0;
            char *end;
            errno = 0;
            const long long read = strtoll(copy, &end, 10);
            if (end == copy + text.bytes && !errno) {
                *out = xl_jinja_int(read);
                return true;
            }
        }
    }
    const bool number = xl_jinja_number(&in, &real) || (in.kind == XL_JINJA_STRING && read_real(in.text, &real));
    if (number && fabs(real) < 9e18) *out = xl_jinja_int((int64_t)real);
    return true;
}

static bool round_number(run *r, value in, args *a, value *out) {
    int64_t digits = 0;
    string how = {"common", 6};
    double real;
    if (!xl_jinja_arg_int(r, "round", &a->items[0], &digits) || !xl_jinja_arg_text(r, "round", &a->items[1], &how))
        return false;
    if (!xl_jinja_number(&in, &real) || digits < 0 || digits > 15)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "round: wanted a number and 0 to 15 digits");
    if (xl_jinja_is(how, "common")) {
        int64_t integer;
        if (xl_jinja_integer(&in, &integer)) {
            *out = xl_jinja_int(integer);
            return true;
        }
        char text[400];
        snprintf(text, sizeof text, "%.*f", (int)digits, real);
        real = strtod(text, NULL);
    } else if (!xl_jinja_is(how, "ceil") && !xl_jinja_is(how, "floor")) {
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "round: wanted the method common, ceil or floor");
    } else {
        const double scale = pow(10, (double)digits);
        real = (xl_jinja_is(how, "ceil") ? ceil(real * scale) : floor(real * scale)) / scale;
    }
    *out = xl_jinja_float(real);
    return true;
}

/* ---- any value ---- */

static bool preset(run *r, value in, args *a, value *out) {
    const bool wanted = in.kind == XL_JINJA_UNDEFINED || (xl_jinja_true(&a->items[1]) && !xl_jinja_true(&in));
    *out = !wanted ? in : a->items[0].kind ? a->items[0] : xl_jinja_text("");
    return true;
}

static bool same(run *r, value in, args *a, value *out) {
    *out = in;
    return true;
}

static bool length(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    if (in.kind == XL_JINJA_STRING) {
        *out = xl_jinja_int((int64_t)xl_jinja_length(in.text));
        return xl_jinja_charge(r, in.text.bytes / 16);
    }
    if (!xl_jinja_items(r, &in, &list)) return false;
    *out = xl_jinja_int((int64_t)list->count);
    return true;
}

static const xl_jinja_builtin filters[] = {
    {"abs", absolute, "", 0},
    {"capitalize", capitalize, "", 0},
    {"count", length, "", 0},
    {"d", preset, "default_value boolean", 0},
    {"default", preset, "default_value boolean", 0},
    {"e", escape, "", 0},
    {"escape", escape, "", 0},
    {"float", to_float, "default", 0},
    {"indent", indent, "width first blank", 0},
    {"int", to_int, "default base", 0},
    {"length", length, "", 0},
    {"lower", lower, "", 0},
    {"replace", replace, "old new count", 2},
    {"round", round_number, "precision method", 0},
    {"safe", same, "", 0},
    {"string", to_string, "", 0},
    {"title", title, "", 0},
    {"tojson", to_json, "ensure_ascii indent separators sort_keys", 0},
    {"trim", trim, "chars", 0},
    {"upper", upper, "", 0},
    {"wordcount", word_count, "", 0},
    {NULL, NULL, NULL, 0},
};

bool xl_jinja_filter(run *r, string name, value in, args *a, value *out) {
    const xl_jinja_builtin *b = xl_jinja_builtin_find(filters, name);
    if (!b) b = xl_jinja_builtin_find(xl_jinja_sequence_filters, name);
    if (!b) {
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "the filter \"%.*s\" is not known here",
                             (int)(name.bytes < 40 ? name.bytes : 40), name.data);
    }
    bool good = xl_jinja_enter(r) && xl_jinja_call(r, b, in, a, out);
    xl_jinja_leave(r);
    return good;
}
