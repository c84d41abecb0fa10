/* tokenizer.json's normalizer, pre-tokenizer and decoder. */
#ifndef XL_FORMAT_READ_STEPS_H
#define XL_FORMAT_READ_STEPS_H

#include "format/tokenizer/tokenizer_json.h"

int xl_read_steps(xl_tokenizer_json *in, const struct json_t *root);

#endif
