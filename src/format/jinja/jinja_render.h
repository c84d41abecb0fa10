/* A parsed template and variables -> text. */
#ifndef XL_FORMAT_JINJA_RENDER_H
#define XL_FORMAT_JINJA_RENDER_H

#include "format/jinja/jinja_scope.h"
#include "format/jinja/jinja_tree.h"

/* Makes a run ready: `name` of the template for messages; it is released by xl_jinja_end, failed or not. False when
 * out of memory. */
bool xl_jinja_begin(xl_jinja_run *r, const char *name, int64_t now_s, xlstm_error *err);
void xl_jinja_end(xl_jinja_run *r);
/* Appends the text to r->out. The variables are those of r->scope. */
bool xl_jinja_render(xl_jinja_run *r, const xl_jinja_node *body);

#endif
