/* The methods of texts. */
#ifndef XL_FORMAT_JINJA_STRINGS_H
#define XL_FORMAT_JINJA_STRINGS_H

#include "format/jinja/jinja_builtin.h"

extern const xl_jinja_builtin xl_jinja_string_methods[];

/* What filters share with the methods. The text without the characters of `chars` (NULL: white space) at its sides;
 * `text` is returned in part. */
xl_jinja_string xl_jinja_strip(xl_jinja_string text, const xl_jinja_string *chars, bool left, bool right);
/* The first `most` (below 0: all) occurrences replaced. */
bool xl_jinja_replace(xl_jinja_run *r, xl_jinja_string text, xl_jinja_string old, xl_jinja_string new, int64_t most,
                      xl_jinja_value *out);
bool xl_jinja_case(xl_jinja_run *r, xl_jinja_string text, bool upper, xl_jinja_value *out);
bool xl_jinja_capitalize(xl_jinja_run *r, xl_jinja_string text, xl_jinja_value *out);

#endif
