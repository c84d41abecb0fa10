#include "format/jinja/jinja_builtin.h"

#include <string.h>

#include "format/jinja/jinja_text.h"

const xl_jinja_builtin *xl_jinja_builtin_find(const xl_jinja_builtin *table, xl_jinja_string name) {
    for (; table->name; table++) {
        if (xl_jinja_is(name, table->name)) return table;
    }
    return NULL;
}

/* Index of a name in "old new count", and their number; -1: it is not among them. */
static int parameter(const char *names, xl_jinja_string name, int *count) {
    int found = -1;
    for (*count = 0; *names; ++*count) {
        const size_t length = strcspn(names, " ");
        if (xl_jinja_same((xl_jinja_string){names, length}, name)) found = *count;
        names += length;
        names += strspn(names, " ");
    }
    return found;
}

bool xl_jinja_call(xl_jinja_run *r, const xl_jinja_builtin *b, xl_jinja_value self, const xl_jinja_args *args,
                   xl_jinja_value *out) {
    if (!b->parameters) return b->function(r, self, args, out);
    xl_jinja_value items[XL_JINJA_PARAMETERS];
    bool given[XL_JINJA_PARAMETERS] = {false};
    int count;
    parameter(b->parameters, (xl_jinja_string){"", 0}, &count);
    for (int i = 0; i < XL_JINJA_PARAMETERS; i++) items[i] = xl_jinja_undefined("");
    if (args->count > (size_t)count)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: found %zu arguments, wanted at most %d", b->name,
                             args->count, count);
    for (size_t i = 0; i < args->count; i++) {
        items[i] = args->items[i];
        given[i] = true;
    }
    for (size_t i = 0; i < args->named_count; i++) {
        const xl_jinja_string name = args->named[i].key.text;
        const int at = parameter(b->parameters, name, &count);
        if (at < 0 || given[at])
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: the argument %.*s is %s", b->name, (int)name.bytes,
                                 name.data, at < 0 ? "not supported" : "given twice");
        items[at] = args->named[i].value;
        given[at] = true;
    }
    for (int i = 0; i < b->least; i++) {
        if (!given[i])
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: found too few arguments, wanted %s", b->name,
                                 b->parameters);
    }
    return b->function(r, self, &(xl_jinja_args){.items = items, .count = (size_t)count}, out);
}

bool xl_jinja_bind(xl_jinja_run *r, const xl_jinja_builtin *builtin, xl_jinja_value self, xl_jinja_value *out) {
    xl_jinja_bound *bound = xl_jinja_memory(r, 1, sizeof *bound);
    if (!bound) return false;
    *bound = (xl_jinja_bound){builtin, self};
    *out = (xl_jinja_value){XL_JINJA_FUNCTION, {.function = bound}};
    return true;
}

bool xl_jinja_arg_int(xl_jinja_run *r, const char *what, const xl_jinja_value *value, int64_t *out) {
    return value->kind == XL_JINJA_UNDEFINED || xl_jinja_integer(value, out) ||
           xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: found an argument of type %s, wanted an int", what,
                         xl_jinja_type(value));
}

bool xl_jinja_arg_text(xl_jinja_run *r, const char *what, const xl_jinja_value *value, xl_jinja_string *out) {
    if (value->kind == XL_JINJA_STRING) *out = value->text;
    return value->kind == XL_JINJA_UNDEFINED || value->kind == XL_JINJA_STRING ||
           xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: found an argument of type %s, wanted a text", what,
                         xl_jinja_type(value));
}

bool xl_jinja_items(xl_jinja_run *r, const xl_jinja_value *value, const xl_jinja_list **out) {
    xl_jinja_value list;
    switch (value->kind) {
    case XL_JINJA_LIST:
        *out = value->list;
        return true;
    case XL_JINJA_UNDEFINED:
    case XL_JINJA_STRING:
    case XL_JINJA_DICT:
        break;
    default:
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s has no items", xl_jinja_type(value));
    }
    if (!xl_jinja_new_list(r, false, &list)) return false;
    *out = list.list;
    if (value->kind == XL_JINJA_DICT) {
        for (size_t i = 0; i < value->dict->count; i++) {
            if (!xl_jinja_append(r, list.list, value->dict->entries[i].key)) return false;
        }
    } else if (value->kind == XL_JINJA_STRING) {
        for (size_t at = 0; at < value->text.bytes;) {
            const size_t from = at;
            xl_jinja_next(value->text, &at);
            if (!xl_jinja_append(r, list.list, xl_jinja_string_of(value->text.data + from, at - from)))
                return false;
        }
    }
    return true;
}
