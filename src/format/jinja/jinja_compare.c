#include "format/jinja/jinja_compare.h"

#include <string.h>

static bool equal_lists(xl_jinja_run *r, const xl_jinja_list *a, const xl_jinja_list *b, bool *equal) {
    *equal = a->count == b->count && a->tuple == b->tuple;
    for (size_t i = 0; i < a->count && *equal; i++) {
        if (!xl_jinja_equal(r, &a->items[i], &b->items[i], equal)) return false;
    }
    return true;
}

static bool equal_dicts(xl_jinja_run *r, const xl_jinja_dict *a, const xl_jinja_dict *b, bool *equal) {
    *equal = a->count == b->count;
    for (size_t i = 0; i < a->count && *equal; i++) {
        const xl_jinja_value *other = xl_jinja_get(r, b, a->entries[i].key);
        *equal = other != NULL;
        if (other && !xl_jinja_equal(r, &a->entries[i].value, other, equal)) return false;
    }
    return true;
}

bool xl_jinja_equal(xl_jinja_run *r, const xl_jinja_value *a, const xl_jinja_value *b, bool *equal) {
    bool good = xl_jinja_enter(r);
    *equal = false;
    if (!good || a->kind <= XL_JINJA_STRING || b->kind <= XL_JINJA_STRING) *equal = xl_jinja_same_key(a, b);
    else if (a->kind != b->kind) *equal = false;
    else if (a->kind == XL_JINJA_LIST) good = equal_lists(r, a->list, b->list, equal);
    else if (a->kind == XL_JINJA_DICT) good = equal_dicts(r, a->dict, b->dict, equal);
    else *equal = a->dict == b->dict; /* the same object */
    xl_jinja_leave(r);
    return good;
}

bool xl_jinja_order(xl_jinja_run *r, const xl_jinja_value *a, const xl_jinja_value *b, int *order) {
    double x, y;
    int64_t i, j;
    if (!xl_jinja_charge(r, 1)) return false;
    if (xl_jinja_integer(a, &i) && xl_jinja_integer(b, &j)) {
        *order = (i > j) - (i < j);
        return true;
    }
    if (xl_jinja_number(a, &x) && xl_jinja_number(b, &y)) {
        *order = (x > y) - (x < y);
        return true;
    }
    if (a->kind == XL_JINJA_STRING && b->kind == XL_JINJA_STRING) {
        const size_t least = a->text.bytes < b->text.bytes ? a->text.bytes : b->text.bytes;
        *order = memcmp(a->text.data, b->text.data, least);
        if (!*order) *order = (a->text.bytes > b->text.bytes) - (a->text.bytes < b->text.bytes);
        return xl_jinja_charge(r, least / 64);
    }
    if (a->kind == XL_JINJA_UNDEFINED || b->kind == XL_JINJA_UNDEFINED)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "\"%.*s\" is undefined and is compared",
                             (int)(a->kind ? b->text.bytes : a->text.bytes), a->kind ? b->text.data : a->text.data);
    return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "values of the types %s and %s are put in order", xl_jinja_type(a),
                         xl_jinja_type(b));
}

bool xl_jinja_find(xl_jinja_string text, xl_jinja_string part, size_t from, bool last, size_t *at) {
    if (part.bytes > text.bytes || from > text.bytes - part.bytes) return false;
    const size_t end = text.bytes - part.bytes;
    for (size_t i = 0; i <= end - from; i++) {
        const size_t here = last ? end - i : from + i;
        if (part.bytes && memcmp(text.data + here, part.data, part.bytes) != 0) continue;
        *at = here;
        return true;
    }
    return false;
}

bool xl_jinja_contains(xl_jinja_run *r, const xl_jinja_value *container, const xl_jinja_value *item, bool *found) {
    *found = false;
    switch (container->kind) {
    case XL_JINJA_UNDEFINED:
        return true;
    case XL_JINJA_STRING: {
        size_t at;
        if (item->kind != XL_JINJA_STRING)
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s is looked for in a text",
                                 xl_jinja_type(item));
        *found = xl_jinja_find(container->text, item->text, 0, false, &at);
        return xl_jinja_charge(r, container->text.bytes / 64);
    }
    case XL_JINJA_LIST:
        for (size_t i = 0; i < container->list->count && !*found; i++) {
            if (!xl_jinja_equal(r, &container->list->items[i], item, found)) return false;
        }
        return true;
    case XL_JINJA_DICT:
        *found = xl_jinja_look_up(r, container->dict, item) != NULL;
        return !r->status;
    default:
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "something is looked for in a value of type %s",
                             xl_jinja_type(container));
    }
}

bool xl_jinja_compare(xl_jinja_run *r, xl_jinja_relation relation, const xl_jinja_value *a, const xl_jinja_value *b,
                      bool *out) {
    int order = 0;
    bool good;
    switch (relation) {
    case XL_JINJA_EQ:
    case XL_JINJA_NE:
        good = xl_jinja_equal(r, a, b, out);
        if (relation == XL_JINJA_NE) *out = !*out;
        return good;
    case XL_JINJA_IN:
    case XL_JINJA_NOT_IN:
        good = xl_jinja_contains(r, b, a, out);
        if (relation == XL_JINJA_NOT_IN) *out = !*out;
        return good;
    default:
        good = xl_jinja_order(r, a, b, &order);
        *out = relation == XL_JINJA_LT   ? order < 0
               : relation == XL_JINJA_LE ? order <= 0
               : relation == XL_JINJA_GT ? order > 0
                                         : order >= 0;
        return good;
    }
}
