/* a.name, a[key] and a[from:to:step]. */
#ifndef XL_FORMAT_JINJA_ATTRIBUTES_H
#define XL_FORMAT_JINJA_ATTRIBUTES_H

#include "format/jinja/jinja_builtin.h"

/* A member or method; UNDEFINED where there is none. A failure where `of` itself is UNDEFINED. */
bool xl_jinja_attribute(xl_jinja_run *r, const xl_jinja_value *of, xl_jinja_string name, xl_jinja_value *out);
bool xl_jinja_item(xl_jinja_run *r, const xl_jinja_value *of, const xl_jinja_value *key, xl_jinja_value *out);
/* The member that a path "a.b.0" leads to, as filters take it (attribute="a.b"); a number is an index. */
bool xl_jinja_path(xl_jinja_run *r, const xl_jinja_value *of, const xl_jinja_value *path, xl_jinja_value *out);
/* Bounds that are not given are NONE. */
bool xl_jinja_slice(xl_jinja_run *r, const xl_jinja_value *of, const xl_jinja_value bounds[3], xl_jinja_value *out);

#endif
