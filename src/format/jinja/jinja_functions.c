#include "format/jinja/jinja_functions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef const xl_jinja_args args;

static bool range(run *r, value self, args *a, value *out) {
    enum { MOST = 100000 };
    int64_t bounds[3] = {0, 0, 1};
    for (int i = 0; i < 3; i++) {
        if (!xl_jinja_arg_int(r, "range", &a->items[i], &bounds[i])) return false;
    }
    const bool one = a->items[1].kind == XL_JINJA_UNDEFINED;
    const int64_t from = one ? 0 : bounds[0], to = one ? bounds[0] : bounds[1], step = bounds[2];
    if (!step) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "range: the step is 0");
    if (!xl_jinja_new_list(r, false, out)) return false;
    for (int64_t i = from; step > 0 ? i < to : i > to;) {
        if (out->list->count == MOST)
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "range: more than %d numbers", (int)MOST);
        if (!xl_jinja_append(r, out->list, xl_jinja_int(i))) return false;
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return true;
}

/* The arguments with names, over the dictionary that may be the one without. */
static bool fill(run *r, const char *what, args *a, value *out) {
    if (!xl_jinja_new_dict(r, out)) return false;
    if (a->count > 1 || (a->count && a->items[0].kind != XL_JINJA_DICT))
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s: wanted one dictionary, or arguments with names", what);
    for (size_t i = 0; a->count && i < a->items[0].dict->count; i++) {
        const xl_jinja_entry *e = &a->items[0].dict->entries[i];
        if (!xl_jinja_set(r, out->dict, e->key, e->value)) return false;
    }
    for (size_t i = 0; i < a->named_count; i++) {
        if (!xl_jinja_set(r, out->dict, a->named[i].key, a->named[i].value)) return false;
    }
    return true;
}

static bool dict(run *r, value self, args *a, value *out) {
    return fill(r, "dict", a, out);
}

static bool namespace(run *r, value self, args *a, value *out) {
    if (!fill(r, "namespace", a, out)) return false;
    out->kind = XL_JINJA_NAMESPACE;
    return true;
}

/* The template itself says that it cannot take these messages. */
static bool raise_exception(run *r, value self, args *a, value *out) {
    xl_jinja_string text;
    if (!xl_jinja_str(r, &a->items[0], &text)) return false;
    return xl_jinja_fail(r, XLSTM_EARG, "%.*s", (int)(text.bytes < 400 ? text.bytes : 400), text.data);
}

static bool strftime_now(run *r, value self, args *a, value *out) {
    xl_jinja_string how = {"", 0};
    char format[128], text[512];
    if (!xl_jinja_arg_text(r, "strftime_now", &a->items[0], &how)) return false;
    if (how.bytes >= sizeof format || memchr(how.data, 0, how.bytes))
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "strftime_now: the format is too long");
    memcpy(format, how.data, how.bytes);
    format[how.bytes] = 0;
    struct tm tm;
    const time_t now = (time_t)r->now_s;
    if (!localtime_r(&now, &tm)) return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "strftime_now: there is no such time");
    const size_t bytes = how.bytes ? strftime(text, sizeof text, format, &tm) : 0; /* NOLINT: a format as data */
    const size_t mark = r->out.size;
    return xl_jinja_put(r, text, bytes) && xl_jinja_take(r, mark, out);
}

const xl_jinja_builtin xl_jinja_functions[] = {
    {"range", range, "start stop step", 1},      {"dict", dict, NULL, 0},
    {"namespace", namespace, NULL, 0},           {"raise_exception", raise_exception, "message", 1},
    {"strftime_now", strftime_now, "format", 1}, {NULL, NULL, NULL, 0},
};
