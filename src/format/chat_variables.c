#include "format/chat_variables.h"

#include <string.h>

#include "base/error.h"
#include "format/jinja/jinja_scope.h"

int xl_chat_json(json_t **out, const char *text, const char *what, xlstm_error *err) {
    json_error_t bad;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &bad);
    if (!object)
        return xl_fail(err, XLSTM_EARG, "%s: line %d, column %d: %s", what, bad.line, bad.column, bad.text);
    if (!json_is_object(object)) {
        json_decref(object);
        return xl_fail(err, XLSTM_EARG, "%s: wanted a JSON object", what);
    }
    *out = object;
    return XLSTM_OK;
}

static bool convert(xl_jinja_run *r, const json_t *json, xl_jinja_value *out);

static bool convert_array(xl_jinja_run *r, const json_t *json, xl_jinja_value *out) {
    if (!xl_jinja_new_list(r, false, out)) return false;
    for (size_t i = 0; i < json_array_size(json); i++) {
        xl_jinja_value item;
        if (!convert(r, json_array_get(json, i), &item) || !xl_jinja_append(r, out->list, item)) return false;
    }
    return true;
}

static bool convert_object(xl_jinja_run *r, const json_t *json, xl_jinja_value *out) {
    if (!xl_jinja_new_dict(r, out)) return false;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)json, key, member) {
        xl_jinja_value value;
        if (!convert(r, member, &value) || !xl_jinja_set(r, out->dict, xl_jinja_text(key), value)) return false;
    }
    return true;
}

static bool convert(xl_jinja_run *r, const json_t *json, xl_jinja_value *out) {
    bool good = xl_jinja_enter(r);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        good = good && convert_object(r, json, out);
        break;
    case JSON_ARRAY:
        good = good && convert_array(r, json, out);
        break;
    case JSON_STRING:
        *out = xl_jinja_string_of(json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        *out = xl_jinja_int(json_integer_value(json));
        break;
    case JSON_REAL:
        *out = xl_jinja_float(json_real_value(json));
        break;
    case JSON_NULL:
        *out = xl_jinja_none();
        break;
    default:
        *out = xl_jinja_bool(json_is_true(json));
    }
    xl_jinja_leave(r);
    return good;
}

bool xl_chat_set(xl_jinja_run *r, const char *name, xl_jinja_value value) {
    return xl_jinja_scope_set(r, r->scope, (xl_jinja_string){name, strlen(name)}, value);
}

bool xl_chat_set_members(xl_jinja_run *r, const json_t *object) {
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)object, key, member) {
        xl_jinja_value value;
        if (!convert(r, member, &value) || !xl_chat_set(r, key, value)) return false;
    }
    return true;
}
