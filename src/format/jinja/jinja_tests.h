/* The tests that follow `is`. */
#ifndef XL_FORMAT_JINJA_TESTS_H
#define XL_FORMAT_JINJA_TESTS_H

#include "format/jinja/jinja_builtin.h"

/* What xl_jinja_run.test is. */
bool xl_jinja_test(xl_jinja_run *r, xl_jinja_string name, xl_jinja_value in, const xl_jinja_args *args, bool *out);

#endif
