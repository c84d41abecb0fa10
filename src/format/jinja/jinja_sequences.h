/* The filters of lists. */
#ifndef XL_FORMAT_JINJA_SEQUENCES_H
#define XL_FORMAT_JINJA_SEQUENCES_H

#include "format/jinja/jinja_builtin.h"

extern const xl_jinja_builtin xl_jinja_sequence_filters[];

#endif
