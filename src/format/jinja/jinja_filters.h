/* The filters: of single values here, of lists in jinja_sequences. */
#ifndef XL_FORMAT_JINJA_FILTERS_H
#define XL_FORMAT_JINJA_FILTERS_H

#include "format/jinja/jinja_builtin.h"

/* What xl_jinja_run.filter is. */
bool xl_jinja_filter(xl_jinja_run *r, xl_jinja_string name, xl_jinja_value in, const xl_jinja_args *args,
                     xl_jinja_value *out);

#endif
