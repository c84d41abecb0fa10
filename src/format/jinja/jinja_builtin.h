/* Built-in functions, filters and methods, and what they share. */
#ifndef XL_FORMAT_JINJA_BUILTIN_H
#define XL_FORMAT_JINJA_BUILTIN_H

#include "format/jinja/jinja_value.h"

typedef bool (*xl_jinja_function)(xl_jinja_run *r, xl_jinja_value self, const xl_jinja_args *args,
                                  xl_jinja_value *out);

typedef struct xl_jinja_builtin {
    const char *name;
    xl_jinja_function function;
    /* The names of the parameters, "old new count", of which the first `least` must be given: args->items has one
     * value for each, UNDEFINED where it was left out. NULL: any arguments, handed on as they were given. */
    const char *parameters;
    int least;
} xl_jinja_builtin;
enum { XL_JINJA_PARAMETERS = 6 };

/* A FUNCTION: what is called, and the value that it is a method of. */
typedef struct xl_jinja_bound {
    const xl_jinja_builtin *builtin;
    xl_jinja_value self;
} xl_jinja_bound;

/* The row of a table that ends with a name of NULL; NULL: there is none. */
const xl_jinja_builtin *xl_jinja_builtin_find(const xl_jinja_builtin *table, xl_jinja_string name);
bool xl_jinja_call(xl_jinja_run *r, const xl_jinja_builtin *builtin, xl_jinja_value self, const xl_jinja_args *args,
                   xl_jinja_value *out);
/* The FUNCTION of a row. */
bool xl_jinja_bind(xl_jinja_run *r, const xl_jinja_builtin *builtin, xl_jinja_value self, xl_jinja_value *out);

/* Reads an argument of a built-in function that is called `what`; where it is UNDEFINED, *out stays as it is. */
bool xl_jinja_arg_int(xl_jinja_run *r, const char *what, const xl_jinja_value *value, int64_t *out);
bool xl_jinja_arg_text(xl_jinja_run *r, const char *what, const xl_jinja_value *value, xl_jinja_string *out);

/* What a `for` goes through: the items of a list, the keys of a dictionary, the characters of a text; nothing for
 * UNDEFINED. A failure for anything else. */
bool xl_jinja_items(xl_jinja_run *r, const xl_jinja_value *value, const xl_jinja_list **out);

#endif
