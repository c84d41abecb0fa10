/* JSON on standard output, built completely before the first byte of it is written. */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/config.h"

/* Writes the document and a newline to `out`. `flags` are Jansson's. Returns XLSTM_ENOTFINITE and writes nothing
 * where the document is NULL, which is what json_pack and json_real return for a number that is not finite and for
 * a text that is not UTF-8. */
int cli_print_json(const json_t *document, size_t flags, FILE *out, xlstm_error *err);

/* Adds to `flags` what is needed where standard output is a terminal, which must get no control characters: JSON
 * itself escapes only those of one byte. */
size_t cli_json_shown(size_t flags);

#endif
