/* Tokens -> the tree of an expression, with the grammar of Jinja. */
#ifndef XL_FORMAT_JINJA_EXPRESSIONS_H
#define XL_FORMAT_JINJA_EXPRESSIONS_H

#include "format/jinja/jinja_lexer.h"
#include "format/jinja/jinja_tree.h"

typedef struct xl_jinja_reader {
    xl_jinja_run *r; /* memory and errors */
    const xl_jinja_token *at;
    int loops; /* around the statement at hand */
} xl_jinja_reader;

/* NULL after a failure. */
xl_jinja_node *xl_jinja_node_new(xl_jinja_reader *p, xl_jinja_node_kind kind);
/* Whether the token at hand is this name, or this operator. */
bool xl_jinja_at_name(const xl_jinja_reader *p, const char *name);
bool xl_jinja_at_operator(const xl_jinja_reader *p, const char *op);
/* The same, and the token is passed over. */
bool xl_jinja_skip_name(xl_jinja_reader *p, const char *name);
bool xl_jinja_skip_operator(xl_jinja_reader *p, const char *op);
/* Fails where the token at hand is something else; else passes over it. */
bool xl_jinja_want_operator(xl_jinja_reader *p, const char *op);
bool xl_jinja_want_name(xl_jinja_reader *p, xl_jinja_string *name);
bool xl_jinja_want(xl_jinja_reader *p, xl_jinja_token_kind kind, const char *wanted);
/* Fails: the token at hand is not what was wanted. */
bool xl_jinja_unexpected(xl_jinja_reader *p, const char *wanted);

/* All return NULL after a failure. */
xl_jinja_node *xl_jinja_expression(xl_jinja_reader *p);
/* An expression, or several with commas between them as a TUPLE; `conditions`: x if y else z may stand there. */
xl_jinja_node *xl_jinja_tuple(xl_jinja_reader *p, bool conditions);
/* What can be assigned to: a name, names with commas between them, or with `spaces` a namespace's member. */
xl_jinja_node *xl_jinja_assigned(xl_jinja_reader *p, bool spaces);
/* The filters name|name(…) at hand, applied to what a block captured. */
xl_jinja_node *xl_jinja_block_filters(xl_jinja_reader *p);
/* Appends to the list whose end *tail points at. */
void xl_jinja_link(xl_jinja_node ***tail, xl_jinja_node *node);

#endif
