/* A template's text -> tokens. Jinja's rules for white space (trim_blocks, lstrip_blocks and the signs - and + in a
 * tag) are applied here: a DATA token is what is written to the output. */
#ifndef XL_FORMAT_JINJA_LEXER_H
#define XL_FORMAT_JINJA_LEXER_H

#include "format/jinja/jinja_value.h"

typedef enum xl_jinja_token_kind {
    XL_JINJA_T_END,
    XL_JINJA_T_DATA,
    XL_JINJA_T_VARIABLE_BEGIN,
    XL_JINJA_T_VARIABLE_END,
    XL_JINJA_T_BLOCK_BEGIN,
    XL_JINJA_T_BLOCK_END,
    XL_JINJA_T_NAME,
    XL_JINJA_T_STRING,
    XL_JINJA_T_NUMBER,
    XL_JINJA_T_OPERATOR
} xl_jinja_token_kind;

typedef struct xl_jinja_token {
    xl_jinja_token_kind kind;
    uint32_t line;
    xl_jinja_string text; /* as written; of DATA and STRING what it stands for */
    xl_jinja_value value; /* of NUMBER */
} xl_jinja_token;

/* *tokens is an array in r's memory that ends with END. EFORMAT for a text that cannot be cut into tokens. */
bool xl_jinja_tokenize(xl_jinja_run *r, const char *source, size_t bytes, const xl_jinja_token **tokens);

#endif
