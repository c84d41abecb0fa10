/* The functions that every template has: range, dict, namespace, raise_exception, strftime_now. */
#ifndef XL_FORMAT_JINJA_FUNCTIONS_H
#define XL_FORMAT_JINJA_FUNCTIONS_H

#include "format/jinja/jinja_builtin.h"

extern const xl_jinja_builtin xl_jinja_functions[];

#endif
