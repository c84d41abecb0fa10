#include "format/jinja/jinja_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct xl_jinja_block {
    struct xl_jinja_block *next;
    size_t size, used;
    _Alignas(16) char data[];
};

void *xl_jinja_alloc(xl_jinja_arena *arena, size_t count, size_t size) {
    enum { BLOCK = 16 << 10, ALIGN = 16 };
    size_t bytes;
    if (!xl_mul(count, size, &bytes) || bytes > arena->limit - arena->used) return NULL;
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    struct xl_jinja_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        const size_t room = bytes > BLOCK ? bytes : BLOCK;
        block = malloc(sizeof *block + room);
        if (!block) return NULL;
        *block = (struct xl_jinja_block){.next = arena->blocks, .size = room};
        arena->blocks = block;
    }
    void *out = block->data + block->used;
    block->used += bytes;
    arena->used = bytes < arena->limit - arena->used ? arena->used + bytes : arena->limit;
    return out;
}

void xl_jinja_release(xl_jinja_arena *arena) {
    while (arena->blocks) {
        struct xl_jinja_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}

bool xl_jinja_is(xl_jinja_string a, const char *b) {
    return a.bytes == strlen(b) && !memcmp(a.data, b, a.bytes);
}

bool xl_jinja_same(xl_jinja_string a, xl_jinja_string b) {
    return a.bytes == b.bytes && (!a.bytes || !memcmp(a.data, b.data, a.bytes));
}

bool xl_jinja_fail(xl_jinja_run *r, int status, const char *format, ...) {
    if (r->status) return false;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->status = xl_fail(r->err, status, "%s: line %u: %s", r->name, (unsigned)r->line, text);
    return false;
}

bool xl_jinja_charge(xl_jinja_run *r, size_t steps) {
    if (steps > XL_JINJA_STEPS_MAX - r->steps) {
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "the template takes more than %d steps",
                             (int)XL_JINJA_STEPS_MAX);
    }
    r->steps += steps;
    return !r->status;
}

bool xl_jinja_enter(xl_jinja_run *r) {
    if (++r->depth > XL_JINJA_DEPTH_MAX) {
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "expressions, calls or values are nested more than %d deep",
                             (int)XL_JINJA_DEPTH_MAX);
    }
    return xl_jinja_charge(r, 1);
}

void xl_jinja_leave(xl_jinja_run *r) {
    r->depth--;
}

static bool too_large(xl_jinja_run *r) {
    return xl_jinja_fail(r, XLSTM_ENOMEM, "out of memory, or the template needs more than %d MiB",
                         (int)(XL_JINJA_MEMORY_MAX >> 20));
}

void *xl_jinja_memory(xl_jinja_run *r, size_t count, size_t size) {
    void *out = xl_jinja_alloc(&r->arena, count, size);
    if (!out) too_large(r);
    return out;
}

bool xl_jinja_put(xl_jinja_run *r, const char *data, size_t bytes) {
    if (!xl_jinja_charge(r, bytes / 64)) return false;
    if (bytes > XL_JINJA_MEMORY_MAX - r->out.size) return too_large(r);
    return xl_bytes_append(&r->out, data, bytes) || too_large(r);
}

bool xl_jinja_put_text(xl_jinja_run *r, const char *text) {
    return xl_jinja_put(r, text, strlen(text));
}

bool xl_jinja_take(xl_jinja_run *r, size_t mark, xl_jinja_value *out) {
    if (r->status) return false;
    const size_t bytes = r->out.size - mark;
    char *copy = xl_jinja_memory(r, bytes, 1);
    if (!copy) return false;
    if (bytes) memcpy(copy, r->out.data + mark, bytes);
    r->out.size = mark;
    *out = xl_jinja_string_of(copy, bytes);
    return true;
}

xl_jinja_value xl_jinja_undefined(const char *name) {
    return (xl_jinja_value){XL_JINJA_UNDEFINED, {.text = {name, strlen(name)}}};
}

xl_jinja_value xl_jinja_none(void) {
    return (xl_jinja_value){XL_JINJA_NONE, {.integer = 0}};
}

xl_jinja_value xl_jinja_bool(bool flag) {
    return (xl_jinja_value){XL_JINJA_BOOL, {.flag = flag}};
}

xl_jinja_value xl_jinja_int(int64_t integer) {
    return (xl_jinja_value){XL_JINJA_INT, {.integer = integer}};
}

xl_jinja_value xl_jinja_float(double real) {
    return (xl_jinja_value){XL_JINJA_FLOAT, {.real = real}};
}

xl_jinja_value xl_jinja_string_of(const char *data, size_t bytes) {
    return (xl_jinja_value){XL_JINJA_STRING, {.text = {data, bytes}}};
}

xl_jinja_value xl_jinja_text(const char *text) {
    return xl_jinja_string_of(text, strlen(text));
}

bool xl_jinja_new_list(xl_jinja_run *r, bool tuple, xl_jinja_value *out) {
    xl_jinja_list *list = xl_jinja_memory(r, 1, sizeof *list);
    if (!list) return false;
    *list = (xl_jinja_list){.tuple = tuple};
    *out = (xl_jinja_value){XL_JINJA_LIST, {.list = list}};
    return true;
}

bool xl_jinja_new_dict(xl_jinja_run *r, xl_jinja_value *out) {
    xl_jinja_dict *dict = xl_jinja_memory(r, 1, sizeof *dict);
    if (!dict) return false;
    *dict = (xl_jinja_dict){.count = 0};
    *out = (xl_jinja_value){XL_JINJA_DICT, {.dict = dict}};
    return true;
}

/* Room for one more element of an array in the arena. */
static void *one_more(xl_jinja_run *r, void *array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return array;
    const size_t wanted = *capacity ? *capacity * 2 : 8;
    void *grown = xl_jinja_memory(r, wanted, size);
    if (!grown) return NULL;
    if (count) memcpy(grown, array, count * size);
    *capacity = wanted;
    return grown;
}

bool xl_jinja_append(xl_jinja_run *r, xl_jinja_list *list, xl_jinja_value item) {
    xl_jinja_value *items = one_more(r, list->items, list->count, &list->capacity, sizeof *items);
    if (!items) return false;
    list->items = items;
    items[list->count++] = item;
    return xl_jinja_charge(r, 1);
}

static xl_jinja_entry *entry_of(xl_jinja_run *r, const xl_jinja_dict *dict, const xl_jinja_value *key) {
    xl_jinja_charge(r, dict->count / 8);
    for (size_t i = 0; i < dict->count; i++) {
        if (xl_jinja_same_key(&dict->entries[i].key, key)) return &dict->entries[i];
    }
    return NULL;
}

bool xl_jinja_set(xl_jinja_run *r, xl_jinja_dict *dict, xl_jinja_value key, xl_jinja_value value) {
    if (key.kind < XL_JINJA_NONE || key.kind > XL_JINJA_STRING)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s is the key of a dictionary",
                             xl_jinja_type(&key));
    xl_jinja_entry *entry = entry_of(r, dict, &key);
    if (!entry) {
        xl_jinja_entry *entries = one_more(r, dict->entries, dict->count, &dict->capacity, sizeof *entries);
        if (!entries) return false;
        dict->entries = entries;
        entry = &entries[dict->count++];
        entry->key = key;
    }
    entry->value = value;
    return xl_jinja_charge(r, 1);
}

const xl_jinja_value *xl_jinja_look_up(xl_jinja_run *r, const xl_jinja_dict *dict, const xl_jinja_value *key) {
    if (key->kind != XL_JINJA_DICT && (key->kind != XL_JINJA_LIST || key->list->tuple))
        return xl_jinja_get(r, dict, *key);
    xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s is looked for in a dictionary", xl_jinja_type(key));
    return NULL;
}

const xl_jinja_value *xl_jinja_get(xl_jinja_run *r, const xl_jinja_dict *dict, xl_jinja_value key) {
    const xl_jinja_entry *entry = entry_of(r, dict, &key);
    return entry ? &entry->value : NULL;
}

const char *xl_jinja_type(const xl_jinja_value *value) {
    static const char *const names[] = {[XL_JINJA_UNDEFINED] = "Undefined", [XL_JINJA_NONE] = "NoneType",
                                        [XL_JINJA_BOOL] = "bool",           [XL_JINJA_INT] = "int",
                                        [XL_JINJA_FLOAT] = "float",         [XL_JINJA_STRING] = "str",
                                        [XL_JINJA_LIST] = "list",           [XL_JINJA_DICT] = "dict",
                                        [XL_JINJA_NAMESPACE] = "Namespace", [XL_JINJA_FUNCTION] = "function",
                                        [XL_JINJA_MACRO] = "Macro",         [XL_JINJA_LOOP] = "LoopContext"};
    return value->kind == XL_JINJA_LIST && value->list->tuple ? "tuple" : names[value->kind];
}

bool xl_jinja_true(const xl_jinja_value *value) {
    switch (value->kind) {
    case XL_JINJA_UNDEFINED:
    case XL_JINJA_NONE:
        return false;
    case XL_JINJA_BOOL:
        return value->flag;
    case XL_JINJA_INT:
        return value->integer != 0;
    case XL_JINJA_FLOAT:
        return value->real != 0;
    case XL_JINJA_STRING:
        return value->text.bytes != 0;
    case XL_JINJA_LIST:
        return value->list->count != 0;
    case XL_JINJA_DICT:
        return value->dict->count != 0;
    default:
        return true;
    }
}

bool xl_jinja_integer(const xl_jinja_value *value, int64_t *integer) {
    if (value->kind != XL_JINJA_BOOL && value->kind != XL_JINJA_INT) return false;
    *integer = value->kind == XL_JINJA_BOOL ? value->flag : value->integer;
    return true;
}

bool xl_jinja_number(const xl_jinja_value *value, double *real) {
    int64_t integer;
    if (xl_jinja_integer(value, &integer)) {
        *real = (double)integer;
        return true;
    }
    if (value->kind != XL_JINJA_FLOAT) return false;
    *real = value->real;
    return true;
}

bool xl_jinja_same_key(const xl_jinja_value *a, const xl_jinja_value *b) {
    double x, y;
    int64_t i, j;
    if (a->kind == XL_JINJA_STRING || b->kind == XL_JINJA_STRING)
        return a->kind == b->kind && xl_jinja_same(a->text, b->text);
    if (xl_jinja_integer(a, &i) && xl_jinja_integer(b, &j)) return i == j;
    if (xl_jinja_number(a, &x)) return xl_jinja_number(b, &y) && x == y;
    return a->kind == b->kind && (a->kind == XL_JINJA_NONE || a->kind == XL_JINJA_UNDEFINED);
}
