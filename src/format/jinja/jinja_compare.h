/* Equality, order and membership, as Python has them. */
#ifndef XL_FORMAT_JINJA_COMPARE_H
#define XL_FORMAT_JINJA_COMPARE_H

#include "format/jinja/jinja_value.h"

bool xl_jinja_equal(xl_jinja_run *r, const xl_jinja_value *a, const xl_jinja_value *b, bool *equal);
/* *order is below, equal to or above 0; a failure where the two have no order. */
bool xl_jinja_order(xl_jinja_run *r, const xl_jinja_value *a, const xl_jinja_value *b, int *order);
/* Whether `item in container`. */
bool xl_jinja_contains(xl_jinja_run *r, const xl_jinja_value *container, const xl_jinja_value *item, bool *found);
/* Offset of the first occurrence in text[from …), of the last one for `last`; false where there is none. */
bool xl_jinja_find(xl_jinja_string text, xl_jinja_string part, size_t from, bool last, size_t *at);

/* The operators of a comparison. */
typedef enum xl_jinja_relation {
    XL_JINJA_EQ,
    XL_JINJA_NE,
    XL_JINJA_LT,
    XL_JINJA_LE,
    XL_JINJA_GT,
    XL_JINJA_GE,
    XL_JINJA_IN,
    XL_JINJA_NOT_IN
} xl_jinja_relation;
bool xl_jinja_compare(xl_jinja_run *r, xl_jinja_relation relation, const xl_jinja_value *a, const xl_jinja_value *b,
                      bool *out);

#endif
