/* Variables. A scope lives as long as the evaluation, since macros keep the one that they were defined in. */
#ifndef XL_FORMAT_JINJA_SCOPE_H
#define XL_FORMAT_JINJA_SCOPE_H

#include "format/jinja/jinja_value.h"

typedef struct xl_jinja_scope xl_jinja_scope;

/* A MACRO: its node, and the scope in which its free names are looked for. */
typedef struct xl_jinja_macro {
    const struct xl_jinja_node *node;
    xl_jinja_scope *scope;
} xl_jinja_macro;

/* A new scope inside `outer` (NULL: none); NULL after a failure. */
xl_jinja_scope *xl_jinja_scope_new(xl_jinja_run *r, xl_jinja_scope *outer);
/* Removes all variables of the scope itself, as for the next turn of a loop. */
void xl_jinja_scope_clear(xl_jinja_scope *scope);
/* Sets a variable of the scope itself. */
bool xl_jinja_scope_set(xl_jinja_run *r, xl_jinja_scope *scope, xl_jinja_string name, xl_jinja_value value);
/* Looks in the scope and in those around it; UNDEFINED where there is no such variable. */
bool xl_jinja_scope_get(xl_jinja_run *r, const xl_jinja_scope *scope, xl_jinja_string name, xl_jinja_value *out);

#endif
