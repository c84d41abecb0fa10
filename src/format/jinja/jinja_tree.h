/* What a parsed template is made of. A tree is immutable and lies in an arena. */
#ifndef XL_FORMAT_JINJA_TREE_H
#define XL_FORMAT_JINJA_TREE_H

#include "format/jinja/jinja_compare.h"
#include "format/jinja/jinja_value.h"

typedef enum xl_jinja_node_kind {
    /* Expressions. */
    XL_JINJA_N_CONST,    /* value */
    XL_JINJA_N_NAME,     /* text */
    XL_JINJA_N_LIST,     /* list: the items */
    XL_JINJA_N_TUPLE,    /* list: the items */
    XL_JINJA_N_DICT,     /* list: key, value, key, value, … */
    XL_JINJA_N_ATTR,     /* a.text */
    XL_JINJA_N_ITEM,     /* a[b] */
    XL_JINJA_N_SLICE,    /* a[b:c:list], any of them may be NULL */
    XL_JINJA_N_CALL,     /* a(list): the arguments; those with a name are NAMED */
    XL_JINJA_N_NAMED,    /* text=a */
    XL_JINJA_N_FILTER,   /* a|text(list); a is CAPTURED for a filter of a block */
    XL_JINJA_N_CAPTURED, /* the text of the block */
    XL_JINJA_N_TEST,     /* a is text(list) */
    XL_JINJA_N_NOT,      /* not a */
    XL_JINJA_N_NEGATE,   /* -a */
    XL_JINJA_N_PLUS,     /* +a */
    XL_JINJA_N_AND,      /* a and b */
    XL_JINJA_N_OR,       /* a or b */
    XL_JINJA_N_IF_ELSE,  /* a if b else c; c may be NULL */
    XL_JINJA_N_COMPARE,  /* a, then list: OPERANDs, each compared with the one before */
    XL_JINJA_N_OPERAND,  /* op, an xl_jinja_relation, and a */
    XL_JINJA_N_BINARY,   /* a op b, where op is one of + - * / % and, for // and **, f and p */
    XL_JINJA_N_CONCAT,   /* list, joined by ~ */
    XL_JINJA_N_NSREF,    /* text.(name of a): what `set` may assign to */
    /* Statements. */
    XL_JINJA_N_DATA,         /* text */
    XL_JINJA_N_OUTPUT,       /* a */
    XL_JINJA_N_IF,           /* list: BRANCHes */
    XL_JINJA_N_BRANCH,       /* condition a (NULL: else), list: the body */
    XL_JINJA_N_FOR,          /* for a in b if c; list: the body, other: the body of else */
    XL_JINJA_N_SET,          /* a = b */
    XL_JINJA_N_SET_BLOCK,    /* a = the text of list, through the filters b (NULL: none) */
    XL_JINJA_N_FILTER_BLOCK, /* the text of list through the filters b */
    XL_JINJA_N_WITH,         /* other: SETs in a scope of their own; list: the body */
    XL_JINJA_N_MACRO,        /* text(other: NAMED, a is the default or NULL); list: the body */
    XL_JINJA_N_BREAK,
    XL_JINJA_N_CONTINUE
} xl_jinja_node_kind;

typedef struct xl_jinja_node {
    xl_jinja_node_kind kind;
    uint32_t line;
    int op;
    xl_jinja_string text;
    xl_jinja_value value;
    struct xl_jinja_node *a, *b, *c, *list, *other;
    struct xl_jinja_node *next; /* in the list that it is part of */
} xl_jinja_node;

#endif
