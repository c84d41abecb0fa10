#include "format/jinja/jinja_strings.h"

#include <string.h>

#include "format/jinja/jinja_compare.h"
#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef xl_jinja_string string;
typedef const xl_jinja_args args;

static value part(string text, size_t from, size_t to) {
    return xl_jinja_string_of(text.data + from, to - from);
}

/* ---- shared with filters ---- */

static bool holds(string chars, uint32_t cp) {
    for (size_t at = 0; at < chars.bytes;) {
        if (xl_jinja_next(chars, &at) == cp) return true;
    }
    return false;
}

/* Length of the last character. */
static size_t last_length(string text) {
    size_t length = 1;
    while (length < text.bytes && length < 4 && ((unsigned char)text.data[text.bytes - length] & 0xC0) == 0x80)
        length++;
    return length;
}

string xl_jinja_strip(string text, const string *chars, bool left, bool right) {
    while (left && text.bytes) {
        size_t length = 0;
        if (!chars) length = xl_jinja_space(text.data, text.bytes);
        else if (!holds(*chars, xl_jinja_next(text, &length))) length = 0;
        if (!length) break;
        text.data += length;
        text.bytes -= length;
    }
    while (right && text.bytes) {
        size_t length = xl_jinja_space_before(text.data, text.bytes);
        if (chars) {
            size_t at = 0;
            length = last_length(text);
            if (!holds(*chars, xl_jinja_next((string){text.data + text.bytes - length, length}, &at))) length = 0;
        }
        if (!length) break;
        text.bytes -= length;
    }
    return text;
}

bool xl_jinja_replace(run *r, string text, string old, string new, int64_t most, value *out) {
    const size_t mark = r->out.size;
    size_t from = 0, at;
    if (!xl_jinja_charge(r, text.bytes / 16)) return false;
    while (most && from <= text.bytes && xl_jinja_find(text, old, from, false, &at)) {
        if (!old.bytes) {
            /* Nothing is found before each character and at the end. */
            if (!xl_jinja_put(r, new.data, new.bytes)) return false;
            if (from == text.bytes) break;
            xl_jinja_next(text, &at);
            if (!xl_jinja_put(r, text.data + from, at - from)) return false;
            from = at;
        } else {
            if (!xl_jinja_put(r, text.data + from, at - from) || !xl_jinja_put(r, new.data, new.bytes))
                return false;
            from = at + old.bytes;
        }
        if (most > 0) most--;
        if (!xl_jinja_charge(r, 1)) return false;
    }
    return xl_jinja_put(r, text.data + from, text.bytes - from) && xl_jinja_take(r, mark, out);
}

bool xl_jinja_case(run *r, string text, bool upper, value *out) {
    const size_t mark = r->out.size;
    if (!xl_jinja_charge(r, text.bytes / 8)) return false;
    for (size_t at = 0; at < text.bytes;) {
        const uint32_t cp = xl_jinja_next(text, &at);
        if (!(upper ? xl_jinja_put_upper(r, cp) : xl_jinja_put_lower(r, cp))) return false;
    }
    return xl_jinja_take(r, mark, out);
}

bool xl_jinja_capitalize(run *r, string text, value *out) {
    const size_t mark = r->out.size;
    if (!xl_jinja_charge(r, text.bytes / 8)) return false;
    for (size_t at = 0; at < text.bytes;) {
        const bool first = !at;
        const uint32_t cp = xl_jinja_next(text, &at);
        if (!(first ? xl_jinja_put_upper(r, cp) : xl_jinja_put_lower(r, cp))) return false;
    }
    return xl_jinja_take(r, mark, out);
}

/* ---- strip, change ---- */

static bool strip(run *r, string text, args *a, bool left, bool right, value *out) {
    string chars = {"", 0};
    const bool given = a->items[0].kind != XL_JINJA_UNDEFINED && a->items[0].kind != XL_JINJA_NONE;
    if (given && !xl_jinja_arg_text(r, "strip", &a->items[0], &chars)) return false;
    if (!xl_jinja_charge(r, text.bytes / 64)) return false;
    text = xl_jinja_strip(text, given ? &chars : NULL, left, right);
    *out = xl_jinja_string_of(text.data, text.bytes);
    return true;
}

static bool strip_both(run *r, value self, args *a, value *out) {
    return strip(r, self.text, a, true, true, out);
}

static bool strip_left(run *r, value self, args *a, value *out) {
    return strip(r, self.text, a, true, false, out);
}

static bool strip_right(run *r, value self, args *a, value *out) {
    return strip(r, self.text, a, false, true, out);
}

static bool replace(run *r, value self, args *a, value *out) {
    string old = {"", 0}, new = {"", 0};
    int64_t most = -1;
    return xl_jinja_arg_text(r, "replace", &a->items[0], &old) &&
           xl_jinja_arg_text(r, "replace", &a->items[1], &new) &&
           xl_jinja_arg_int(r, "replace", &a->items[2], &most) &&
           xl_jinja_replace(r, self.text, old, new, most, out);
}

static bool upper(run *r, value self, args *a, value *out) {
    return xl_jinja_case(r, self.text, true, out);
}

static bool lower(run *r, value self, args *a, value *out) {
    return xl_jinja_case(r, self.text, false, out);
}

static bool capitalize(run *r, value self, args *a, value *out) {
    return xl_jinja_capitalize(r, self.text, out);
}

static bool title(run *r, value self, args *a, value *out) {
    const size_t mark = r->out.size;
    bool inside = false;
    if (!xl_jinja_charge(r, self.text.bytes / 8)) return false;
    for (size_t at = 0; at < self.text.bytes;) {
        const uint32_t cp = xl_jinja_next(self.text, &at);
        if (!(inside ? xl_jinja_put_lower(r, cp) : xl_jinja_put_upper(r, cp))) return false;
        inside = xl_jinja_is_upper(cp) || xl_jinja_is_lower(cp);
    }
    return xl_jinja_take(r, mark, out);
}

static bool has_prefix(string text, string prefix) {
    return prefix.bytes <= text.bytes && !memcmp(text.data, prefix.data, prefix.bytes);
}

static bool has_suffix(string text, string suffix) {
    return suffix.bytes <= text.bytes && !memcmp(text.data + text.bytes - suffix.bytes, suffix.data, suffix.bytes);
}

static bool remove_prefix(run *r, value self, args *a, value *out) {
    string prefix = {"", 0};
    if (!xl_jinja_arg_text(r, "removeprefix", &a->items[0], &prefix)) return false;
    *out = part(self.text, has_prefix(self.text, prefix) ? prefix.bytes : 0, self.text.bytes);
    return true;
}

static bool remove_suffix(run *r, value self, args *a, value *out) {
    string suffix = {"", 0};
    if (!xl_jinja_arg_text(r, "removesuffix", &a->items[0], &suffix)) return false;
    *out = part(self.text, 0, self.text.bytes - (has_suffix(self.text, suffix) ? suffix.bytes : 0));
    return true;
}

/* ---- ask ---- */

/* The argument is a text or a tuple of texts. */
static bool any_of(run *r, const char *what, string text, const value *given, bool (*is)(string, string),
                   value *out) {
    const bool several = given->kind == XL_JINJA_LIST && given->list->tuple;
    const size_t count = several ? given->list->count : 1;
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        const value *one = several ? &given->list->items[i] : given;
        if (one->kind != XL_JINJA_STRING)
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: found an argument of type %s, wanted a text", what,
                                 xl_jinja_type(one));
        found = is(text, one->text);
    }
    *out = xl_jinja_bool(found);
    return xl_jinja_charge(r, count);
}

static bool starts_with(run *r, value self, args *a, value *out) {
    return any_of(r, "startswith", self.text, &a->items[0], has_prefix, out);
}

static bool ends_with(run *r, value self, args *a, value *out) {
    return any_of(r, "endswith", self.text, &a->items[0], has_suffix, out);
}

static bool find_at(run *r, string text, args *a, bool last, value *out) {
    string wanted = {"", 0};
    size_t at;
    if (!xl_jinja_arg_text(r, "find", &a->items[0], &wanted) || !xl_jinja_charge(r, text.bytes / 16)) return false;
    const bool found = xl_jinja_find(text, wanted, 0, last, &at);
    *out = xl_jinja_int(found ? (int64_t)xl_jinja_length((string){text.data, at}) : -1);
    return true;
}

static bool find(run *r, value self, args *a, value *out) {
    return find_at(r, self.text, a, false, out);
}

static bool find_last(run *r, value self, args *a, value *out) {
    return find_at(r, self.text, a, true, out);
}

static bool index_of(run *r, value self, args *a, value *out) {
    if (!find_at(r, self.text, a, false, out)) return false;
    return out->integer >= 0 || xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "index: the text is not found");
}

static bool count(run *r, value self, args *a, value *out) {
    string wanted = {"", 0};
    if (!xl_jinja_arg_text(r, "count", &a->items[0], &wanted) || !xl_jinja_charge(r, self.text.bytes / 16))
        return false;
    int64_t n = 0;
    if (!wanted.bytes) n = (int64_t)xl_jinja_length(self.text) + 1;
    for (size_t at, from = 0; wanted.bytes && xl_jinja_find(self.text, wanted, from, false, &at); n++)
        from = at + wanted.bytes;
    *out = xl_jinja_int(n);
    return true;
}

static bool all(run *r, string text, bool (*is)(uint32_t), value *out) {
    bool good = text.bytes != 0;
    for (size_t at = 0; at < text.bytes && good;) good = is(xl_jinja_next(text, &at));
    *out = xl_jinja_bool(good);
    return xl_jinja_charge(r, text.bytes / 8);
}

static bool is_alnum_cp(uint32_t cp) {
    return xl_jinja_is_letter(cp) || xl_jinja_is_digit(cp);
}

static bool is_digit(run *r, value self, args *a, value *out) {
    return all(r, self.text, xl_jinja_is_digit, out);
}

static bool is_alpha(run *r, value self, args *a, value *out) {
    return all(r, self.text, xl_jinja_is_letter, out);
}

static bool is_alnum(run *r, value self, args *a, value *out) {
    return all(r, self.text, is_alnum_cp, out);
}

static bool is_space(run *r, value self, args *a, value *out) {
    return all(r, self.text, xl_jinja_is_space, out);
}

static bool one_case(run *r, string text, bool capitals, value *out) {
    bool some = false, other = false;
    for (size_t at = 0; at < text.bytes;) {
        const uint32_t cp = xl_jinja_next(text, &at);
        some = some || (capitals ? xl_jinja_is_upper(cp) : xl_jinja_is_lower(cp));
        other = other || (capitals ? xl_jinja_is_lower(cp) : xl_jinja_is_upper(cp));
    }
    *out = xl_jinja_bool(some && !other);
    return xl_jinja_charge(r, text.bytes / 8);
}

static bool is_upper(run *r, value self, args *a, value *out) {
    return one_case(r, self.text, true, out);
}

static bool is_lower(run *r, value self, args *a, value *out) {
    return one_case(r, self.text, false, out);
}

/* ---- split and join ---- */

static bool add_part(run *r, value *list, string text, size_t from, size_t to) {
    return xl_jinja_append(r, list->list, part(text, from, to));
}

static bool reverse(value *list) {
    value *items = list->list->items;
    for (size_t i = 0, n = list->list->count; i < n / 2; i++) {
        const value kept = items[i];
        items[i] = items[n - 1 - i];
        items[n - 1 - i] = kept;
    }
    return true;
}

/* At white space; what is empty is left out. */
static bool split_words(run *r, string text, int64_t most, bool last, value *out) {
    string rest = xl_jinja_strip(text, NULL, !last, last);
    while (rest.bytes) {
        size_t length = 0;
        if (!most--) break;
        while (length < rest.bytes && !(last ? xl_jinja_space_before(rest.data, rest.bytes - length)
                                             : xl_jinja_space(rest.data + length, rest.bytes - length)))
            length++;
        if (!add_part(r, out, rest, last ? rest.bytes - length : 0, last ? rest.bytes : length)) return false;
        if (!last) rest.data += length;
        rest.bytes -= length;
        rest = xl_jinja_strip(rest, NULL, !last, last);
    }
    if (rest.bytes && !add_part(r, out, rest, 0, rest.bytes)) return false;
    return !last || reverse(out);
}

static bool split_at(run *r, string text, string at, int64_t most, bool last, value *out) {
    size_t begin = 0, end = text.bytes, here;
    while (most-- && xl_jinja_find((string){text.data, end}, at, begin, last, &here)) {
        if (!add_part(r, out, text, last ? here + at.bytes : begin, last ? end : here)) return false;
        if (last) end = here;
        else begin = here + at.bytes;
    }
    return add_part(r, out, text, begin, end) && (!last || reverse(out));
}

static bool split_any(run *r, string text, args *a, bool last, value *out) {
    string at = {"", 0};
    int64_t most = -1;
    const bool words = a->items[0].kind == XL_JINJA_UNDEFINED || a->items[0].kind == XL_JINJA_NONE;
    if (!xl_jinja_new_list(r, false, out) || (!words && !xl_jinja_arg_text(r, "split", &a->items[0], &at)) ||
        !xl_jinja_arg_int(r, "split", &a->items[1], &most) || !xl_jinja_charge(r, text.bytes / 16))
        return false;
    if (words) return split_words(r, text, most, last, out);
    if (!at.bytes) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "split: the separator is empty");
    return split_at(r, text, at, most, last, out);
}

static bool split(run *r, value self, args *a, value *out) {
    return split_any(r, self.text, a, false, out);
}

static bool split_last(run *r, value self, args *a, value *out) {
    return split_any(r, self.text, a, true, out);
}

static bool partition_at(run *r, string text, args *a, bool last, value *out) {
    string at = {"", 0};
    size_t here;
    if (!xl_jinja_new_list(r, true, out) || !xl_jinja_arg_text(r, "partition", &a->items[0], &at) ||
        !xl_jinja_charge(r, text.bytes / 16))
        return false;
    if (!at.bytes) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "partition: the separator is empty");
    if (xl_jinja_find(text, at, 0, last, &here))
        return add_part(r, out, text, 0, here) && add_part(r, out, text, here, here + at.bytes) &&
               add_part(r, out, text, here + at.bytes, text.bytes);
    const size_t end = last ? 0 : text.bytes;
    return add_part(r, out, text, 0, end) && add_part(r, out, text, 0, 0) &&
           add_part(r, out, text, end, text.bytes);
}

static bool partition(run *r, value self, args *a, value *out) {
    string whole = self.text;
    if (!partition_at(r, whole, a, false, out)) return false;
    if (out->list->items[1].text.bytes == 0) out->list->items[2] = xl_jinja_text("");
    return true;
}

static bool partition_last(run *r, value self, args *a, value *out) {
    return partition_at(r, self.text, a, true, out);
}

static bool split_lines(run *r, value self, args *a, value *out) {
    const bool keep = xl_jinja_true(&a->items[0]);
    const string text = self.text;
    if (!xl_jinja_new_list(r, false, out) || !xl_jinja_charge(r, text.bytes / 16)) return false;
    size_t from = 0;
    for (size_t at = 0; at < text.bytes;) {
        const size_t end = at, length = xl_jinja_line_end(text, at);
        if (!length) {
            xl_jinja_next(text, &at);
            continue;
        }
        at += length;
        if (!add_part(r, out, text, from, keep ? at : end)) return false;
        from = at;
    }
    return from == text.bytes || add_part(r, out, text, from, text.bytes);
}

static bool join(run *r, value self, args *a, value *out) {
    const xl_jinja_list *list;
    const size_t mark = r->out.size;
    if (!xl_jinja_items(r, &a->items[0], &list)) return false;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != XL_JINJA_STRING)
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "join: found an item of type %s, wanted texts",
                                 xl_jinja_type(&list->items[i]));
        if ((i && !xl_jinja_put_str(r, &self)) || !xl_jinja_put_str(r, &list->items[i])) return false;
    }
    return xl_jinja_take(r, mark, out);
}

/* "{} and {name}".format(…), without conversions and formats. */
static bool format(run *r, value self, args *a, value *out) {
    const size_t mark = r->out.size;
    const string text = self.text;
    size_t next = 0;
    int mixed = 0; /* 1: arguments in order, 2: by their numbers; both is an error in Python */
    for (size_t at = 0; at < text.bytes; at++) {
        const char c = text.data[at];
        if ((c == '{' || c == '}') && at + 1 < text.bytes && text.data[at + 1] == c) at++;
        else if (c == '{') {
            size_t end = at + 1, index = 0;
            while (end < text.bytes && text.data[end] != '}') end++;
            const string name = {text.data + at + 1, end - at - 1};
            bool number = true;
            for (size_t i = 0; i < name.bytes; i++) {
                number = number && name.data[i] >= '0' && name.data[i] <= '9' && index < 1000;
                if (number) index = index * 10 + (size_t)(name.data[i] - '0');
            }
            const value *found = NULL;
            if (number) {
                mixed = name.bytes ? mixed | 2 : mixed | 1;
                if (!name.bytes) index = next++;
                if (index < a->count) found = &a->items[index];
            }
            for (size_t i = 0; i < a->named_count && !number; i++) {
                if (xl_jinja_same(a->named[i].key.text, name)) found = &a->named[i].value;
            }
            if (!found || mixed == 3 || end == text.bytes)
                return xl_jinja_fail(r, XLSTM_EUNSUPPORTED,
                                     "format: \"{%.*s}\" is no argument; formats are not "
                                     "supported",
                                     (int)(name.bytes < 40 ? name.bytes : 40), name.data);
            if (!xl_jinja_put_str(r, found)) return false;
            at = end;
            continue;
        } else if (c == '}') return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "format: a \"}\" that ends nothing");
        if (!xl_jinja_put(r, &text.data[at], 1)) return false;
    }
    return xl_jinja_take(r, mark, out);
}

const xl_jinja_builtin xl_jinja_string_methods[] = {
    {"strip", strip_both, "chars", 0},
    {"lstrip", strip_left, "chars", 0},
    {"rstrip", strip_right, "chars", 0},
    {"replace", replace, "old new count", 2},
    {"upper", upper, "", 0},
    {"lower", lower, "", 0},
    {"capitalize", capitalize, "", 0},
    {"title", title, "", 0},
    {"removeprefix", remove_prefix, "prefix", 1},
    {"removesuffix", remove_suffix, "suffix", 1},
    {"startswith", starts_with, "prefix", 1},
    {"endswith", ends_with, "suffix", 1},
    {"find", find, "sub", 1},
    {"rfind", find_last, "sub", 1},
    {"index", index_of, "sub", 1},
    {"count", count, "sub", 1},
    {"isdigit", is_digit, "", 0},
    {"isnumeric", is_digit, "", 0},
    {"isdecimal", is_digit, "", 0},
    {"isalpha", is_alpha, "", 0},
    {"isalnum", is_alnum, "", 0},
    {"isspace", is_space, "", 0},
    {"isupper", is_upper, "", 0},
    {"islower", is_lower, "", 0},
    {"split", split, "sep maxsplit", 0},
    {"rsplit", split_last, "sep maxsplit", 0},
    {"partition", partition, "sep", 1},
    {"rpartition", partition_last, "sep", 1},
    {"splitlines", split_lines, "keepends", 0},
    {"join", join, "iterable", 1},
    {"format", format, NULL, 0},
    {NULL, NULL, NULL, 0},
};
