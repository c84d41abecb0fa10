#include "format/jinja/jinja_sequences.h"

#include <string.h>

#include "format/jinja/jinja_attributes.h"
#include "format/jinja/jinja_compare.h"
#include "format/jinja/jinja_strings.h"
#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef xl_jinja_string string;
typedef const xl_jinja_args args;

/* ---- parts ---- */

static bool first(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    if (!xl_jinja_items(r, &in, &list)) return false;
    *out = list->count ? list->items[0] : xl_jinja_undefined("the first of nothing");
    return true;
}

static bool last(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    if (!xl_jinja_items(r, &in, &list)) return false;
    *out = list->count ? list->items[list->count - 1] : xl_jinja_undefined("the last of nothing");
    return true;
}

static bool to_list(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    if (!xl_jinja_items(r, &in, &list) || !xl_jinja_new_list(r, false, out)) return false;
    for (size_t i = 0; i < list->count; i++) {
        if (!xl_jinja_append(r, out->list, list->items[i])) return false;
    }
    return true;
}

static bool reverse(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    const size_t mark = r->out.size;
    if (!xl_jinja_items(r, &in, &list) || !xl_jinja_new_list(r, false, out)) return false;
    for (size_t i = list->count; i--;) {
        if (in.kind == XL_JINJA_STRING ? !xl_jinja_put_str(r, &list->items[i])
                                       : !xl_jinja_append(r, out->list, list->items[i]))
            return false;
    }
    return in.kind != XL_JINJA_STRING || xl_jinja_take(r, mark, out);
}

static bool items(run *r, value in, args *a, value *out) {
    value method;
    if (in.kind == XL_JINJA_UNDEFINED) return xl_jinja_new_list(r, false, out);
    if (in.kind != XL_JINJA_DICT)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "items: found a value of type %s, wanted a dict",
                             xl_jinja_type(&in));
    return xl_jinja_attribute(r, &in, (string){"items", 5}, &method) &&
           xl_jinja_call(r, method.function->builtin, in, &(xl_jinja_args){.count = 0}, out);
}

/* ---- each item ---- */

/* The member `path` of an item (UNDEFINED: the item itself). */
static bool member(run *r, const value *item, const value *path, value *out) {
    *out = *item;
    return path->kind == XL_JINJA_UNDEFINED || xl_jinja_path(r, item, path, out);
}

static bool join(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    const size_t mark = r->out.size;
    if (!xl_jinja_items(r, &in, &list)) return false;
    for (size_t i = 0; i < list->count; i++) {
        value item;
        if ((i && !xl_jinja_put_str(r, &a->items[0])) || !member(r, &list->items[i], &a->items[1], &item) ||
            !xl_jinja_put_str(r, &item))
            return false;
    }
    return xl_jinja_take(r, mark, out);
}

static const value *named(args *a, const char *name) {
    for (size_t i = 0; i < a->named_count; i++) {
        if (xl_jinja_is(a->named[i].key.text, name)) return &a->named[i].value;
    }
    return NULL;
}

static bool map(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    const value *path = named(a, "attribute"), *other = named(a, "default");
    if (!xl_jinja_items(r, &in, &list) || !xl_jinja_new_list(r, false, out)) return false;
    if (!path && (!a->count || a->items[0].kind != XL_JINJA_STRING))
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "map: wanted the name of a filter, or attribute=");
    const xl_jinja_args rest = {.items = a->items + 1,
                                .count = a->count ? a->count - 1 : 0,
                                .named = a->named,
                                .named_count = a->named_count};
    for (size_t i = 0; i < list->count; i++) {
        value item;
        if (!(path ? member(r, &list->items[i], path, &item)
                   : r->filter(r, a->items[0].text, list->items[i], &rest, &item)))
            return false;
        if (path && other && item.kind == XL_JINJA_UNDEFINED) item = *other;
        if (!xl_jinja_append(r, out->list, item)) return false;
    }
    return true;
}

/* Keeps the items that pass a test (`wanted`) or do not; of their member, which is the first argument, for `attr`.
 */
static bool choose(run *r, value in, args *a, bool attr, bool wanted, value *out) {
    const xl_jinja_list *list;
    const size_t skip = attr ? 1 : 0;
    if (!xl_jinja_items(r, &in, &list) || !xl_jinja_new_list(r, false, out)) return false;
    if (a->count < skip) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "selectattr: wanted the name of a member");
    const bool tested = a->count > skip;
    if (tested && a->items[skip].kind != XL_JINJA_STRING)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "select: wanted the name of a test");
    const xl_jinja_args rest = {.items = a->items + skip + 1, .count = tested ? a->count - skip - 1 : 0};
    for (size_t i = 0; i < list->count; i++) {
        value item = list->items[i];
        if (attr && !xl_jinja_path(r, &list->items[i], &a->items[0], &item)) return false;
        bool passed = xl_jinja_true(&item);
        if (tested && !r->test(r, a->items[skip].text, item, &rest, &passed)) return false;
        if (passed == wanted && !xl_jinja_append(r, out->list, list->items[i])) return false;
    }
    return true;
}

static bool select_items(run *r, value in, args *a, value *out) {
    return choose(r, in, a, false, true, out);
}

static bool reject(run *r, value in, args *a, value *out) {
    return choose(r, in, a, false, false, out);
}

static bool select_attr(run *r, value in, args *a, value *out) {
    return choose(r, in, a, true, true, out);
}

static bool reject_attr(run *r, value in, args *a, value *out) {
    return choose(r, in, a, true, false, out);
}

/* ---- order ---- */

/* What an item is sorted by: texts without regard to capitals, unless that is asked for. */
static bool sort_key(run *r, const value *item, const value *path, bool exact, value *out) {
    return member(r, item, path, out) &&
           (exact || out->kind != XL_JINJA_STRING || xl_jinja_case(r, out->text, false, out));
}

/* Sorts `list` by `keys`, item by item, and keeps the order of equal ones. */
static bool sort_by(run *r, xl_jinja_list *list, xl_jinja_list *keys, bool backwards) {
    for (size_t i = 1; i < list->count; i++) {
        const value item = list->items[i], key = keys->items[i];
        size_t at = i;
        for (; at; at--) {
            int order;
            if (!xl_jinja_order(r, &keys->items[at - 1], &key, &order)) return false;
            if (backwards ? order >= 0 : order <= 0) break;
            list->items[at] = list->items[at - 1];
            keys->items[at] = keys->items[at - 1];
        }
        list->items[at] = item;
        keys->items[at] = key;
    }
    return true;
}

static bool sort(run *r, value in, args *a, value *out) {
    const bool backwards = xl_jinja_true(&a->items[0]), exact = xl_jinja_true(&a->items[1]);
    value keys, key;
    if (!to_list(r, in, a, out) || !xl_jinja_new_list(r, false, &keys)) return false;
    for (size_t i = 0; i < out->list->count; i++) {
        if (!sort_key(r, &out->list->items[i], &a->items[2], exact, &key) || !xl_jinja_append(r, keys.list, key))
            return false;
    }
    return sort_by(r, out->list, keys.list, backwards);
}

static bool dict_sort(run *r, value in, args *a, value *out) {
    const bool exact = xl_jinja_true(&a->items[0]), backwards = xl_jinja_true(&a->items[2]);
    string by = {"key", 3};
    value keys, key;
    if (!xl_jinja_arg_text(r, "dictsort", &a->items[1], &by) || !items(r, in, a, out) ||
        !xl_jinja_new_list(r, false, &keys))
        return false;
    if (in.kind == XL_JINJA_UNDEFINED) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "dictsort: of nothing");
    if (!xl_jinja_is(by, "key") && !xl_jinja_is(by, "value"))
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "dictsort: wanted by=\"key\" or by=\"value\"");
    const value path = xl_jinja_int(xl_jinja_is(by, "value") ? 1 : 0);
    for (size_t i = 0; i < out->list->count; i++) {
        if (!sort_key(r, &out->list->items[i], &path, exact, &key) || !xl_jinja_append(r, keys.list, key))
            return false;
    }
    return sort_by(r, out->list, keys.list, backwards);
}

static bool unique(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    const bool exact = xl_jinja_true(&a->items[0]);
    value keys, key;
    if (!xl_jinja_items(r, &in, &list) || !xl_jinja_new_list(r, false, out) || !xl_jinja_new_list(r, false, &keys))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        bool known;
        if (!sort_key(r, &list->items[i], &a->items[1], exact, &key) || !xl_jinja_contains(r, &keys, &key, &known))
            return false;
        if (!known && (!xl_jinja_append(r, keys.list, key) || !xl_jinja_append(r, out->list, list->items[i])))
            return false;
    }
    return true;
}

static bool extreme(run *r, value in, args *a, bool most, value *out) {
    const xl_jinja_list *list;
    const bool exact = xl_jinja_true(&a->items[0]);
    value best, key;
    if (!xl_jinja_items(r, &in, &list)) return false;
    *out = xl_jinja_undefined("the extreme of nothing");
    for (size_t i = 0; i < list->count; i++) {
        int order = -1;
        if (!sort_key(r, &list->items[i], &a->items[1], exact, &key) ||
            (i && !(most ? xl_jinja_order(r, &best, &key, &order) : xl_jinja_order(r, &key, &best, &order))))
            return false;
        if (order >= 0) continue;
        best = key;
        *out = list->items[i];
    }
    return true;
}

static bool least(run *r, value in, args *a, value *out) {
    return extreme(r, in, a, false, out);
}

static bool most(run *r, value in, args *a, value *out) {
    return extreme(r, in, a, true, out);
}

static bool sum(run *r, value in, args *a, value *out) {
    const xl_jinja_list *list;
    value item;
    *out = a->items[1].kind ? a->items[1] : xl_jinja_int(0);
    if (!xl_jinja_items(r, &in, &list)) return false;
    for (size_t i = 0; i < list->count; i++) {
        int64_t x, y, total;
        double u, v;
        if (!member(r, &list->items[i], &a->items[0], &item)) return false;
        if (xl_jinja_integer(out, &x) && xl_jinja_integer(&item, &y) && !__builtin_add_overflow(x, y, &total))
            *out = xl_jinja_int(total);
        else if (xl_jinja_number(out, &u) && xl_jinja_number(&item, &v)) *out = xl_jinja_float(u + v);
        else return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "sum: wanted numbers");
    }
    return true;
}

const xl_jinja_builtin xl_jinja_sequence_filters[] = {
    {"dictsort", dict_sort, "case_sensitive by reverse", 0},
    {"first", first, "", 0},
    {"items", items, "", 0},
    {"join", join, "d attribute", 0},
    {"last", last, "", 0},
    {"list", to_list, "", 0},
    {"map", map, NULL, 0},
    {"max", most, "case_sensitive attribute", 0},
    {"min", least, "case_sensitive attribute", 0},
    {"reject", reject, NULL, 0},
    {"rejectattr", reject_attr, NULL, 0},
    {"reverse", reverse, "", 0},
    {"select", select_items, NULL, 0},
    {"selectattr", select_attr, NULL, 0},
    {"sort", sort, "reverse case_sensitive attribute", 0},
    {"sum", sum, "attribute start", 0},
    {"unique", unique, "case_sensitive attribute", 0},
    {NULL, NULL, NULL, 0},
};
