/* What the readers of tokenizer.json's parts share. */
#ifndef XL_FORMAT_TOKENIZER_JSON_H
#define XL_FORMAT_TOKENIZER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/tokenizer/vocabulary.h"

enum { XL_TOKENIZER_ID_LIMIT = 1 << 24 }; /* ids are below this */

/* Jansson's values are borrowed by all of these. */
typedef struct xl_tokenizer_json {
    const char *path;
    xlstm_tokenizer *tokenizer;
    struct json_t *vocab;
    xlstm_error *err;
} xl_tokenizer_json;
/* The id of an added token or of one in the vocabulary; -1: none. */
int32_t xl_tokenizer_find(const xl_tokenizer_json *in, const struct json_t *root, const char *text, size_t bytes);
/* An optional boolean member; false returned, err filled, where it is something else. */
bool xl_json_flag(const xl_tokenizer_json *in, const struct json_t *object, const char *where, const char *key,
                  bool preset, bool *out);
/* The id of a text in the vocabulary; -1: none. */
int32_t xl_vocab_id(const struct json_t *vocab, const char *text);

#endif
