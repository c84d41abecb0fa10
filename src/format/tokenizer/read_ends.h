/* Which tokens begin and end a text. */
#ifndef XL_FORMAT_READ_ENDS_H
#define XL_FORMAT_READ_ENDS_H

#include "format/tokenizer/tokenizer_json.h"

/* Reads the files beside tokenizer.json in `dir` too. */
int xl_read_ends(xl_tokenizer_json *in, const struct json_t *root, const char *dir);

#endif
