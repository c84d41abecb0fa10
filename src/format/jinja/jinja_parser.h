/* A template's text -> its tree. */
#ifndef XL_FORMAT_JINJA_PARSER_H
#define XL_FORMAT_JINJA_PARSER_H

#include "format/jinja/jinja_tree.h"

/* *body is the list of statements, in r's memory, as is a copy of the text. r gives name, memory and error.
 * EFORMAT: the text is no template; EUNSUPPORTED: it is one, with a statement that is not known here. */
bool xl_jinja_parse(xl_jinja_run *r, const char *source, size_t bytes, const xl_jinja_node **body);

#endif
