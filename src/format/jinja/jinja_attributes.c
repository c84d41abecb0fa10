#include "format/jinja/jinja_attributes.h"

#include <string.h>

#include "format/jinja/jinja_compare.h"
#include "format/jinja/jinja_strings.h"
#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef const xl_jinja_args args;

/* ---- dictionaries and lists ---- */

static bool entries_of(run *r, value self, bool keys, bool values, value *out) {
    if (!xl_jinja_new_list(r, false, out)) return false;
    for (size_t i = 0; i < self.dict->count; i++) {
        const xl_jinja_entry *e = &self.dict->entries[i];
        value item = keys ? e->key : e->value;
        if (keys && values &&
            !(xl_jinja_new_list(r, true, &item) && xl_jinja_append(r, item.list, e->key) &&
              xl_jinja_append(r, item.list, e->value)))
            return false;
        if (!xl_jinja_append(r, out->list, item)) return false;
    }
    return true;
}

static bool dict_items(run *r, value self, args *a, value *out) {
    return entries_of(r, self, true, true, out);
}

static bool dict_keys(run *r, value self, args *a, value *out) {
    return entries_of(r, self, true, false, out);
}

static bool dict_values(run *r, value self, args *a, value *out) {
    return entries_of(r, self, false, true, out);
}

static bool dict_get(run *r, value self, args *a, value *out) {
    const value *found = xl_jinja_look_up(r, self.dict, &a->items[0]);
    *out = found ? *found : a->items[1].kind ? a->items[1] : xl_jinja_none();
    return !r->status;
}

static bool dict_copy(run *r, value self, args *a, value *out) {
    *out = self; /* nothing can change it */
    return true;
}

static const xl_jinja_builtin dict_methods[] = {
    {"items", dict_items, "", 0},        {"keys", dict_keys, "", 0}, {"values", dict_values, "", 0},
    {"get", dict_get, "key default", 1}, {"copy", dict_copy, "", 0}, {NULL, NULL, NULL, 0},
};

static bool list_count(run *r, value self, args *a, value *out) {
    int64_t count = 0;
    for (size_t i = 0; i < self.list->count; i++) {
        bool equal;
        if (!xl_jinja_equal(r, &self.list->items[i], &a->items[0], &equal)) return false;
        count += equal;
    }
    *out = xl_jinja_int(count);
    return true;
}

static bool list_index(run *r, value self, args *a, value *out) {
    for (size_t i = 0; i < self.list->count; i++) {
        bool equal;
        if (!xl_jinja_equal(r, &self.list->items[i], &a->items[0], &equal)) return false;
        *out = xl_jinja_int((int64_t)i);
        if (equal) return true;
    }
    return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "index: the list does not hold the value");
}

static const xl_jinja_builtin list_methods[] = {
    {"count", list_count, "value", 1}, {"index", list_index, "value", 1}, {NULL, NULL, NULL, 0}};

/* ---- the variable `loop` ---- */

static bool loop_cycle(run *r, value self, args *a, value *out) {
    if (!a->count) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "cycle: wanted at least one argument");
    *out = a->items[self.loop->index % a->count];
    return true;
}

static bool loop_changed(run *r, value self, args *a, value *out) {
    value now;
    bool equal = false;
    if (!xl_jinja_new_list(r, true, &now)) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!xl_jinja_append(r, now.list, a->items[i])) return false;
    }
    if (!xl_jinja_equal(r, &self.loop->changed, &now, &equal)) return false;
    self.loop->changed = now;
    *out = xl_jinja_bool(!equal);
    return true;
}

static const xl_jinja_builtin loop_methods[] = {
    {"cycle", loop_cycle, NULL, 0}, {"changed", loop_changed, NULL, 0}, {NULL, NULL, NULL, 0}};

static void loop_member(const xl_jinja_loop *loop, xl_jinja_string name, value *out) {
    const int64_t index = (int64_t)loop->index, count = (int64_t)loop->items->count;
    const struct {
        const char *name;
        int64_t number;
    } numbers[] = {{"index0", index},
                   {"index", index + 1},
                   {"revindex0", count - index - 1},
                   {"revindex", count - index},
                   {"length", count},
                   {"depth", 1},
                   {"depth0", 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (xl_jinja_is(name, numbers[i].name)) *out = xl_jinja_int(numbers[i].number);
    }
    if (xl_jinja_is(name, "first")) *out = xl_jinja_bool(!index);
    if (xl_jinja_is(name, "last")) *out = xl_jinja_bool(index + 1 == count);
    if (xl_jinja_is(name, "previtem") && index) *out = loop->items->items[index - 1];
    if (xl_jinja_is(name, "nextitem") && index + 1 < count) *out = loop->items->items[index + 1];
}

/* ---- access ---- */

static bool undefined(run *r, const value *of) {
    return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "\"%.*s\" is undefined and a member of it is used",
                         (int)(of->text.bytes < 100 ? of->text.bytes : 100), of->text.data);
}

static const xl_jinja_builtin *method_of(const value *of, xl_jinja_string name) {
    switch (of->kind) {
    case XL_JINJA_STRING:
        return xl_jinja_builtin_find(xl_jinja_string_methods, name);
    case XL_JINJA_DICT:
        return xl_jinja_builtin_find(dict_methods, name);
    case XL_JINJA_LIST:
        return xl_jinja_builtin_find(list_methods, name);
    case XL_JINJA_LOOP:
        return xl_jinja_builtin_find(loop_methods, name);
    default:
        return NULL;
    }
}

/* A member of a dictionary, a namespace or a loop. */
static bool member(run *r, const value *of, const value *key, value *out) {
    const value *found = NULL;
    if (of->kind == XL_JINJA_DICT || of->kind == XL_JINJA_NAMESPACE) found = xl_jinja_get(r, of->dict, *key);
    if (found) *out = *found;
    if (of->kind == XL_JINJA_LOOP && key->kind == XL_JINJA_STRING) loop_member(of->loop, key->text, out);
    return !r->status;
}

bool xl_jinja_attribute(run *r, const value *of, xl_jinja_string name, value *out) {
    *out = (value){XL_JINJA_UNDEFINED, {.text = name}};
    if (of->kind == XL_JINJA_UNDEFINED) return undefined(r, of);
    const xl_jinja_builtin *method = method_of(of, name);
    if (method) return xl_jinja_bind(r, method, *of, out);
    const value key = xl_jinja_string_of(name.data, name.bytes);
    return member(r, of, &key, out);
}

bool xl_jinja_item(run *r, const value *of, const value *key, value *out) {
    int64_t index;
    *out = key->kind == XL_JINJA_STRING ? (value){XL_JINJA_UNDEFINED, {.text = key->text}}
                                        : xl_jinja_undefined("an item");
    if (of->kind == XL_JINJA_UNDEFINED) return undefined(r, of);
    if (of->kind == XL_JINJA_LIST && xl_jinja_integer(key, &index)) {
        const int64_t count = (int64_t)of->list->count;
        if (index < 0) index += count;
        if (index >= 0 && index < count) *out = of->list->items[index];
        return true;
    }
    if (of->kind == XL_JINJA_STRING && xl_jinja_integer(key, &index)) {
        const int64_t count = (int64_t)xl_jinja_length(of->text);
        if (index < 0) index += count;
        if (index < 0 || index >= count) return xl_jinja_charge(r, of->text.bytes / 16);
        const size_t from = xl_jinja_offset(of->text, (size_t)index);
        size_t to = from;
        xl_jinja_next(of->text, &to);
        *out = xl_jinja_string_of(of->text.data + from, to - from);
        return xl_jinja_charge(r, of->text.bytes / 16);
    }
    if (!member(r, of, key, out)) return false;
    const xl_jinja_builtin *method = out->kind || key->kind != XL_JINJA_STRING ? NULL : method_of(of, key->text);
    return !method || xl_jinja_bind(r, method, *of, out);
}

bool xl_jinja_path(run *r, const value *of, const value *path, value *out) {
    if (path->kind != XL_JINJA_STRING) return xl_jinja_item(r, of, path, out);
    *out = *of;
    const char *at = path->text.data, *end = at + path->text.bytes;
    while (at <= end) {
        const char *dot = at < end ? memchr(at, '.', (size_t)(end - at)) : NULL;
        const size_t bytes = (size_t)((dot ? dot : end) - at);
        value key = xl_jinja_string_of(at, bytes);
        int64_t index = 0;
        bool number = bytes && bytes < 10;
        for (size_t i = 0; i < bytes && number; i++) {
            number = at[i] >= '0' && at[i] <= '9';
            index = index * 10 + (at[i] - '0');
        }
        if (number) key = xl_jinja_int(index);
        const value from = *out;
        if (from.kind == XL_JINJA_UNDEFINED && at > path->text.data) return true;
        if (!xl_jinja_item(r, &from, &key, out)) return false;
        at += bytes + 1;
    }
    return true;
}

/* A bound as Python's slice.indices gives it. */
static int64_t bound(const value *given, int64_t preset, int64_t count, int64_t step) {
    int64_t at;
    if (!xl_jinja_integer(given, &at)) return preset;
    if (at < 0) at = at < -count ? -1 : at + count;
    if (at < 0) return step < 0 ? -1 : 0;
    if (at >= count) return step < 0 ? count - 1 : count;
    return at;
}

bool xl_jinja_slice(run *r, const value *of, const value bounds[3], value *out) {
    int64_t step = 1, index;
    if (of->kind == XL_JINJA_UNDEFINED) return undefined(r, of);
    if (of->kind != XL_JINJA_LIST && of->kind != XL_JINJA_STRING)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a part of a value of type %s is taken", xl_jinja_type(of));
    for (int i = 0; i < 3; i++) {
        if (bounds[i].kind != XL_JINJA_NONE && !xl_jinja_integer(&bounds[i], &index))
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a bound of a slice is of type %s, wanted an int",
                                 xl_jinja_type(&bounds[i]));
    }
    if (xl_jinja_integer(&bounds[2], &step) && !step)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "the step of a slice is 0");
    const bool text = of->kind == XL_JINJA_STRING;
    const int64_t count = (int64_t)(text ? xl_jinja_length(of->text) : of->list->count);
    if (step > count) step = count + 1;
    if (step < -count) step = -count - 1;
    const int64_t from = bound(&bounds[0], step < 0 ? count - 1 : 0, count, step);
    const int64_t to = bound(&bounds[1], step < 0 ? -1 : count, count, step);
    if (text && step == 1) {
        const size_t begin = xl_jinja_offset(of->text, (size_t)from);
        const size_t end = to > from ? xl_jinja_offset(of->text, (size_t)to) : begin;
        *out = xl_jinja_string_of(of->text.data + begin, end - begin);
        return xl_jinja_charge(r, of->text.bytes / 16);
    }
    const xl_jinja_list *list;
    value part;
    if (!xl_jinja_items(r, of, &list) || !xl_jinja_new_list(r, !text && of->list->tuple, &part)) return false;
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step) {
        if (!xl_jinja_append(r, part.list, list->items[i])) return false;
    }
    *out = part;
    if (!text) return true;
    const size_t mark = r->out.size;
    for (size_t i = 0; i < part.list->count; i++) {
        if (!xl_jinja_put_str(r, &part.list->items[i])) return false;
    }
    return xl_jinja_take(r, mark, out);
}
