/* JSON on standard output, proved to be whole before a byte of it is written. */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/config.h"

/* Writes the document and a newline to `out`. `flags` are Jansson's. A NULL document is what json_pack and
 * json_real give for a number that is not finite, or a text that is not UTF-8: ENOTFINITE, and nothing is written.
 */
int cli_print_json(const json_t *document, size_t flags, FILE *out, xlstm_error *err);

/* Flags of JSON that goes to standard output: a terminal gets no control characters, of which JSON itself escapes
 * those of one byte alone. */
size_t cli_json_shown(size_t flags);

#endif
