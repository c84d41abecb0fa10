/* Writes points and spaces as text and as JSON. */
#include <stdio.h>

#include "tuner/space/space_impl.h"

char *tune_space_size_print(const tune_space *s, char *out, size_t bytes) {
    size_t size = tune_space_size(s);
    double many = 1;
    for (size_t i = 0; i < s->count; i++) many *= s->params[i].count;
    if (tune_space_counted(s)) snprintf(out, bytes, "%zu", size);
    else snprintf(out, bytes, "up to %.3g", many);
    return out;
}

json_t *tune_space_point_json(const tune_space *s, uint32_t point) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < s->count; i++) {
        if (json_object_set_new(object, s->params[i].name, tune_value_json(tune_space_value(s, point, i)))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *tune_space_json(const tune_space *s) {
    json_t *object = json_object();
    bool failed = !object;
    for (size_t i = 0; !failed && i < s->count; i++) {
        json_t *list = json_array();
        for (uint32_t v = 0; v < s->params[i].count; v++) {
            failed |= json_array_append_new(list, tune_value_json(s->params[i].values[v])) != 0;
        }
        failed |= json_object_set_new(object, s->params[i].name, list) != 0;
    }
    if (!failed && s->condition_count) {
        json_t *list = json_array();
        for (size_t i = 0; i < s->condition_count; i++) {
            failed |= json_array_append_new(list, json_string(tune_expr_source(s->conditions[i]))) != 0;
        }
        failed |= json_object_set_new(object, "conditions", list) != 0;
    }
    if (!failed) return object;
    json_decref(object);
    return NULL;
}
