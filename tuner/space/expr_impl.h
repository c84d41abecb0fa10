/* A compiled condition, as expr_parse.c makes it and expr.c evaluates it. Private to these two. */
#ifndef TUNE_EXPR_IMPL_H
#define TUNE_EXPR_IMPL_H

#include "tuner/space/expr.h"

typedef enum op {
    OP_CONST,
    OP_NAME,
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_IF, /* a if b else c */
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_IN, /* a in the list that begins with item b */
    OP_NOT_IN,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_FLOOR,
    OP_MOD,
    OP_POW,
    OP_NEG,
    OP_MIN, /* over the list a */
    OP_MAX,
    OP_ABS
} op;

typedef struct node {
    op kind;
    int a, b, c;      /* operands; for OP_NAME a is the index of the name */
    int next;         /* next item of a list; -1: the last one */
    tune_value value; /* of OP_CONST */
} node;

struct tune_expr {
    char *source;
    char *texts; /* owns the texts of string constants */
    node *nodes;
    int root, last_name;
    uint64_t uses; /* set of the names used, one bit for each of the first 64 */
};

#endif
