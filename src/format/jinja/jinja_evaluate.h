/* The value of an expression. */
#ifndef XL_FORMAT_JINJA_EVALUATE_H
#define XL_FORMAT_JINJA_EVALUATE_H

#include "format/jinja/jinja_tree.h"

bool xl_jinja_evaluate(xl_jinja_run *r, const xl_jinja_node *n, xl_jinja_value *out);

#endif
