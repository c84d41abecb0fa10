#include "tuner/space/named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static size_t text_bytes(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

/* Copies a text to *at, and moves *at behind the copy. */
static const char *put_text(char **at, const char *text) {
    const size_t bytes = text_bytes(text);
    char *copy = *at;
    if (!text) return NULL;
    memcpy(copy, text, bytes);
    *at += bytes;
    return copy;
}

bool tune_named_copy(tune_named_list *out, const tune_named *from, size_t count) {
    size_t bytes = 0;
    *out = (tune_named_list){0};
    if (!count) return true;
    for (size_t i = 0; i < count; i++) bytes += text_bytes(from[i].name) + text_bytes(from[i].value.text);
    size_t whole;
    if (!xl_mul(count, sizeof *from, &whole) || !xl_add(whole, bytes, &whole)) return false;
    if (!(out->item = malloc(whole))) return false;
    char *at = (char *)(out->item + count);
    for (size_t i = 0; i < count; i++) {
        out->item[i].name = put_text(&at, from[i].name);
        out->item[i].value = (tune_value){from[i].value.number, put_text(&at, from[i].value.text)};
    }
    out->count = count;
    return true;
}

void tune_named_clear(tune_named_list *list) {
    free(list->item);
    *list = (tune_named_list){0};
}

bool tune_named_share(tune_named_list *list, xl_intern *texts) {
    for (size_t i = 0; i < list->count; i++) {
        tune_named *item = &list->item[i];
        const char *name = xl_intern_text(texts, item->name);
        const char *text = item->value.text ? xl_intern_text(texts, item->value.text) : NULL;
        if (!name || (item->value.text && !text)) return false;
        item->name = name;
        item->value.text = text;
    }
    /* The copies behind the items are not needed any more. */
    tune_named *shorter = list->count ? realloc(list->item, list->count * sizeof *list->item) : NULL;
    if (shorter) list->item = shorter;
    return true;
}

const tune_value *tune_named_find(const tune_named_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (!strcmp(list->item[i].name, name)) return &list->item[i].value;
    }
    return NULL;
}

bool tune_named_same(const tune_named_list *a, const tune_named_list *b) {
    for (size_t i = 0; i < a->count; i++) {
        const tune_value *other = tune_named_find(b, a->item[i].name);
        if (!other || !tune_value_same(a->item[i].value, *other)) return false;
    }
    return a->count == b->count;
}

bool tune_named_of_point(tune_named_list *out, const tune_space *space, uint32_t point) {
    tune_named all[TUNE_SPACE_PARAMS];
    const size_t count = tune_space_params(space);
    for (size_t i = 0; i < count; i++)
        all[i] = (tune_named){tune_space_param(space, i)->name, tune_space_value(space, point, i)};
    return tune_named_copy(out, all, count);
}

uint32_t tune_named_point(const tune_named_list *list, const tune_space *space) {
    tune_value values[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_param *p = tune_space_param(space, i);
        const tune_value *own = tune_named_find(list, p->name);
        if (!own && p->count != 1) return TUNE_NO_POINT;
        values[i] = own ? *own : p->values[0];
    }
    return tune_space_find_values(space, values);
}

char *tune_named_text(const tune_named_list *list) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return NULL;
    for (size_t i = 0; i < list->count; i++) {
        const tune_value v = list->item[i].value;
        char number[64];
        fprintf(out, "%s%s=%s", i ? " " : "", list->item[i].name,
                v.text ? v.text : tune_value_print(v, number, sizeof number));
    }
    if (xl_text_end(out, &text)) return text;
    free(text);
    return NULL;
}

json_t *tune_named_json(const tune_named_list *list) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < list->count; i++) {
        if (!json_object_set_new(object, list->item[i].name, tune_value_json(list->item[i].value))) continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

char *tune_named_json_text(const tune_named_list *list) {
    json_t *j = tune_named_json(list);
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(j);
    return text;
}

int tune_named_from_json(tune_named_list *out, const json_t *object, xlstm_error *err) {
    json_t *all = (json_t *)(uintptr_t)object, *value;
    const char *name;
    size_t count = 0;
    int status = XLSTM_OK;
    *out = (tune_named_list){0};
    if (!json_is_object(object))
        return xl_fail(err, XLSTM_EFORMAT, "found %s, wanted an object of numbers and texts",
                       object ? "another type" : "nothing");
    tune_named *items = xl_array(json_object_size(object), sizeof *items);
    if (!items) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    json_object_foreach(all, name, value) {
        items[count].name = name;
        if (!tune_value_from_json(value, &items[count++].value))
            status = xl_fail(err, XLSTM_EFORMAT, "%.60s is neither a number nor a text", name);
    }
    if (!status && !tune_named_copy(out, items, count)) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(items);
    return status;
}
