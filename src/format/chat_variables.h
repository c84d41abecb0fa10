/* JSON as the variables of a chat template. */
#ifndef XL_FORMAT_CHAT_VARIABLES_H
#define XL_FORMAT_CHAT_VARIABLES_H

#include <jansson.h>

#include "format/jinja/jinja_value.h"

/* Reads a JSON object, which the caller owns then; EARG calls it `what`. */
int xl_chat_json(json_t **out, const char *text, const char *what, xlstm_error *err);

/* Set variables of the run's scope: one, and all members of a JSON object (NULL: none), which must live as long as
 * the run. */
bool xl_chat_set(xl_jinja_run *r, const char *name, xl_jinja_value value);
bool xl_chat_set_members(xl_jinja_run *r, const json_t *object);

#endif
