/* The language of chat templates: the part of Jinja that they use, with the results of Python's jinja2 as the
 * transformers library sets it up (trim_blocks, lstrip_blocks, loop controls, its own tojson). The folder's files,
 * each of which uses only those before it:
 *   jinja_value     values, their memory, and what an evaluation keeps: limits, errors, output
 *   jinja_text      values as text: str(), repr(), JSON; whitespace and letters
 *   jinja_compare   equality, order and membership
 *   jinja_lexer     text -> tokens, with Jinja's control of whitespace
 *   jinja_tree      what a parsed template is made of
 *   jinja_expressions, jinja_parser   tokens -> tree
 *   jinja_builtin   how a built-in function is called; items of a value
 *   jinja_attributes, jinja_strings, jinja_functions   attributes, methods of texts, global functions
 *   jinja_filters, jinja_sequences, jinja_tests   what follows | and `is`
 *   jinja_evaluate  expressions
 *   jinja_render    statements
 * A template and the messages that it gets are untrusted: steps, memory and depth of an evaluation are bounded. */
#ifndef XL_FORMAT_JINJA_VALUE_H
#define XL_FORMAT_JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/bytes.h"

enum {
    XL_JINJA_SOURCE_MAX = 1 << 20,  /* bytes of a template */
    XL_JINJA_MEMORY_MAX = 64 << 20, /* bytes of values, and of output, of one evaluation */
    XL_JINJA_STEPS_MAX = 10000000,  /* about a second */
    XL_JINJA_DEPTH_MAX = 300        /* nested expressions, statements and values */
};

/* Memory that is released at once. */
typedef struct xl_jinja_arena {
    struct xl_jinja_block *blocks;
    size_t used, limit; /* in bytes, over all blocks */
} xl_jinja_arena;
/* NULL when out of memory or over the limit. */
void *xl_jinja_alloc(xl_jinja_arena *arena, size_t count, size_t size);
void xl_jinja_release(xl_jinja_arena *arena);

/* UTF-8, not NUL-terminated; borrowed from an arena, the template or the caller. */
typedef struct xl_jinja_string {
    const char *data;
    size_t bytes;
} xl_jinja_string;
bool xl_jinja_is(xl_jinja_string a, const char *b);
bool xl_jinja_same(xl_jinja_string a, xl_jinja_string b);

typedef enum xl_jinja_kind {
    XL_JINJA_UNDEFINED, /* `text` is the name that was looked for */
    XL_JINJA_NONE,
    XL_JINJA_BOOL,
    XL_JINJA_INT,
    XL_JINJA_FLOAT,
    XL_JINJA_STRING,
    XL_JINJA_LIST,
    XL_JINJA_DICT,
    XL_JINJA_NAMESPACE,
    XL_JINJA_FUNCTION, /* a built-in function, or a method with what it belongs to */
    XL_JINJA_MACRO,
    XL_JINJA_LOOP
} xl_jinja_kind;

/* Values are immutable, apart from namespaces, and lists and dictionaries while they are built. */
typedef struct xl_jinja_value {
    xl_jinja_kind kind;
    union {
        bool flag;
        int64_t integer;
        double real;
        xl_jinja_string text;
        struct xl_jinja_list *list;
        struct xl_jinja_dict *dict; /* of NAMESPACE too */
        struct xl_jinja_bound *function;
        struct xl_jinja_macro *macro;
        struct xl_jinja_loop *loop;
    };
} xl_jinja_value;

typedef struct xl_jinja_list {
    xl_jinja_value *items;
    size_t count, capacity;
    bool tuple;
} xl_jinja_list;

typedef struct xl_jinja_entry {
    xl_jinja_value key, value;
} xl_jinja_entry;
typedef struct xl_jinja_dict {
    xl_jinja_entry *entries; /* in the order of insertion */
    size_t count, capacity;
} xl_jinja_dict;

/* The state of a `for`. */
typedef struct xl_jinja_loop {
    const xl_jinja_list *items;
    size_t index;
    xl_jinja_value changed; /* the last arguments of loop.changed; UNDEFINED at first */
} xl_jinja_loop;

/* The arguments of a call. */
typedef struct xl_jinja_args {
    xl_jinja_value *items;
    size_t count;
    xl_jinja_entry *named; /* keys are STRINGs */
    size_t named_count;
} xl_jinja_args;

/* One evaluation of a template. Every function that takes it returns false after a failure, which is kept in it. */
typedef struct xl_jinja_run xl_jinja_run;
struct xl_jinja_run {
    xl_jinja_arena arena;
    xl_bytes out;     /* the output; at its end, texts that are being built */
    const char *name; /* of the template, for messages */
    uint32_t line;    /* of what is being evaluated */
    uint64_t steps;
    int depth;
    int64_t now_s; /* for strftime_now, seconds since 1970 */
    xlstm_error *err;
    int status;
    struct xl_jinja_scope *scope;
    xl_jinja_value captured; /* the text of a block, for the filters that are applied to it */
    int jump;                /* 0, or what leaves the body of a loop: XL_JINJA_BREAK, XL_JINJA_CONTINUE */
    /* What files further down this list supply to those before them. */
    bool (*filter)(xl_jinja_run *r, xl_jinja_string name, xl_jinja_value in, const xl_jinja_args *args,
                   xl_jinja_value *out);
    bool (*test)(xl_jinja_run *r, xl_jinja_string name, xl_jinja_value in, const xl_jinja_args *args, bool *out);
    bool (*macro)(xl_jinja_run *r, const struct xl_jinja_macro *macro, const xl_jinja_args *args,
                  xl_jinja_value *out);
};
enum { XL_JINJA_BREAK = 1, XL_JINJA_CONTINUE };

/* Stores "NAME: line N: text" and returns false. */
bool xl_jinja_fail(xl_jinja_run *r, int status, const char *format, ...) XLSTM_PRINTF(3, 4);
/* Counts work, about one step for each value or 64 bytes that are looked at. */
bool xl_jinja_charge(xl_jinja_run *r, size_t steps);
/* Guard a recursion; leave is called after every enter, failed or not. */
bool xl_jinja_enter(xl_jinja_run *r);
void xl_jinja_leave(xl_jinja_run *r);
/* Memory of the evaluation; NULL after a failure. */
void *xl_jinja_memory(xl_jinja_run *r, size_t count, size_t size);

/* Build a text: take the mark r->out.size, put, take. What was put since the mark becomes a STRING. */
bool xl_jinja_put(xl_jinja_run *r, const char *data, size_t bytes);
bool xl_jinja_put_text(xl_jinja_run *r, const char *text);
bool xl_jinja_take(xl_jinja_run *r, size_t mark, xl_jinja_value *out);

xl_jinja_value xl_jinja_undefined(const char *name);
xl_jinja_value xl_jinja_none(void);
xl_jinja_value xl_jinja_bool(bool flag);
xl_jinja_value xl_jinja_int(int64_t integer);
xl_jinja_value xl_jinja_float(double real);
xl_jinja_value xl_jinja_string_of(const char *data, size_t bytes); /* borrows */
xl_jinja_value xl_jinja_text(const char *text);                    /* borrows */
/* *out is an empty list (dictionary), and its value is returned in the value's out pointer. */
bool xl_jinja_new_list(xl_jinja_run *r, bool tuple, xl_jinja_value *out);
bool xl_jinja_new_dict(xl_jinja_run *r, xl_jinja_value *out);
bool xl_jinja_append(xl_jinja_run *r, xl_jinja_list *list, xl_jinja_value item);
/* Adds or replaces. A key must be a text, a number, true, false or none. */
bool xl_jinja_set(xl_jinja_run *r, xl_jinja_dict *dict, xl_jinja_value key, xl_jinja_value value);
/* NULL: there is none. */
const xl_jinja_value *xl_jinja_get(xl_jinja_run *r, const xl_jinja_dict *dict, xl_jinja_value key);
/* The same, but a list or a dictionary as the key is a failure, as in Python. */
const xl_jinja_value *xl_jinja_look_up(xl_jinja_run *r, const xl_jinja_dict *dict, const xl_jinja_value *key);

/* The name of a value's type in Python, for messages. */
const char *xl_jinja_type(const xl_jinja_value *value);
/* Whether it counts as true. */
bool xl_jinja_true(const xl_jinja_value *value);
/* Whether it is a bool, an int or a float, and which number it then is. */
bool xl_jinja_number(const xl_jinja_value *value, double *real);
/* The same for a bool or an int. */
bool xl_jinja_integer(const xl_jinja_value *value, int64_t *integer);
/* Equality of values that may be keys. */
bool xl_jinja_same_key(const xl_jinja_value *a, const xl_jinja_value *b);

#endif
