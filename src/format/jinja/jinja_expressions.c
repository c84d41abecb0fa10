#include "format/jinja/jinja_expressions.h"

#include <stdio.h>

typedef xl_jinja_reader reader;
typedef xl_jinja_node node;

static node *expression(reader *p, bool conditions);
static node *unary(reader *p, bool filters);

node *xl_jinja_node_new(reader *p, xl_jinja_node_kind kind) {
    node *n = xl_jinja_memory(p->r, 1, sizeof *n);
    if (n) *n = (node){.kind = kind, .line = p->at->line};
    return n;
}

void xl_jinja_link(node ***tail, node *n) {
    **tail = n;
    *tail = &n->next;
}

bool xl_jinja_unexpected(reader *p, const char *wanted) {
    p->r->line = p->at->line;
    if (p->at->kind == XL_JINJA_T_END)
        return xl_jinja_fail(p->r, XLSTM_EFORMAT, "the template ends, wanted %s", wanted);
    const int bytes = p->at->text.bytes < 40 ? (int)p->at->text.bytes : 40;
    return xl_jinja_fail(p->r, XLSTM_EFORMAT, "found \"%.*s\", wanted %s", bytes, p->at->text.data, wanted);
}

bool xl_jinja_at_name(const reader *p, const char *name) {
    return p->at->kind == XL_JINJA_T_NAME && xl_jinja_is(p->at->text, name);
}

bool xl_jinja_at_operator(const reader *p, const char *op) {
    return p->at->kind == XL_JINJA_T_OPERATOR && xl_jinja_is(p->at->text, op);
}

bool xl_jinja_skip_name(reader *p, const char *name) {
    const bool there = xl_jinja_at_name(p, name);
    p->at += there;
    return there;
}

bool xl_jinja_skip_operator(reader *p, const char *op) {
    const bool there = xl_jinja_at_operator(p, op);
    p->at += there;
    return there;
}

bool xl_jinja_want_operator(reader *p, const char *op) {
    char wanted[16];
    snprintf(wanted, sizeof wanted, "\"%s\"", op);
    return xl_jinja_skip_operator(p, op) || xl_jinja_unexpected(p, wanted);
}

bool xl_jinja_want_name(reader *p, xl_jinja_string *name) {
    if (p->at->kind != XL_JINJA_T_NAME) return xl_jinja_unexpected(p, "a name");
    *name = p->at++->text;
    return true;
}

bool xl_jinja_want(reader *p, xl_jinja_token_kind kind, const char *wanted) {
    if (p->at->kind != kind) return xl_jinja_unexpected(p, wanted);
    p->at++;
    return true;
}

static node *binary(reader *p, xl_jinja_node_kind kind, int op, node *a, node *b) {
    node *n = a && b ? xl_jinja_node_new(p, kind) : NULL;
    if (!n) return NULL;
    n->line = a->line;
    n->op = op;
    n->a = a;
    n->b = b;
    return n;
}

/* ---- primaries ---- */

static node *constant(reader *p, xl_jinja_value value) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_CONST);
    if (n) n->value = value;
    return n;
}

static node *name_or_constant(reader *p) {
    static const struct {
        const char *name;
        xl_jinja_kind kind;
        bool flag;
    } words[] = {{"true", XL_JINJA_BOOL, true},   {"True", XL_JINJA_BOOL, true},  {"false", XL_JINJA_BOOL, false},
                 {"False", XL_JINJA_BOOL, false}, {"none", XL_JINJA_NONE, false}, {"None", XL_JINJA_NONE, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!xl_jinja_skip_name(p, words[i].name)) continue;
        return constant(p, words[i].kind == XL_JINJA_NONE ? xl_jinja_none() : xl_jinja_bool(words[i].flag));
    }
    node *n = xl_jinja_node_new(p, XL_JINJA_N_NAME);
    if (n) n->text = p->at++->text;
    return n;
}

/* Texts that follow each other are one. */
static node *text_constant(reader *p) {
    const size_t mark = p->r->out.size;
    xl_jinja_value text = xl_jinja_string_of(p->at->text.data, p->at->text.bytes);
    if (p->at[1].kind != XL_JINJA_T_STRING) {
        p->at++;
        return constant(p, text);
    }
    while (p->at->kind == XL_JINJA_T_STRING) {
        xl_jinja_put(p->r, p->at->text.data, p->at->text.bytes);
        p->at++;
    }
    return xl_jinja_take(p->r, mark, &text) ? constant(p, text) : NULL;
}

/* The items up to the closing bracket, which is passed over. */
static node *bracket(reader *p, xl_jinja_node_kind kind, const char *close) {
    node *n = xl_jinja_node_new(p, kind);
    if (!n) return NULL;
    node **tail = &n->list;
    while (!xl_jinja_at_operator(p, close)) {
        if (n->list && !xl_jinja_want_operator(p, ",")) return NULL;
        if (xl_jinja_at_operator(p, close)) break;
        node *item = expression(p, true);
        if (!item) return NULL;
        xl_jinja_link(&tail, item);
        if (kind != XL_JINJA_N_DICT) continue;
        if (!xl_jinja_want_operator(p, ":") || !(item = expression(p, true))) return NULL;
        xl_jinja_link(&tail, item);
    }
    p->at++;
    return n;
}

static node *parentheses(reader *p) {
    if (xl_jinja_skip_operator(p, ")")) return xl_jinja_node_new(p, XL_JINJA_N_TUPLE);
    node *n = xl_jinja_tuple(p, true);
    return n && xl_jinja_want_operator(p, ")") ? n : NULL;
}

static node *primary(reader *p) {
    switch (p->at->kind) {
    case XL_JINJA_T_NAME:
        return name_or_constant(p);
    case XL_JINJA_T_STRING:
        return text_constant(p);
    case XL_JINJA_T_NUMBER:
        return constant(p, p->at++->value);
    default:
        if (xl_jinja_skip_operator(p, "(")) return parentheses(p);
        if (xl_jinja_skip_operator(p, "[")) return bracket(p, XL_JINJA_N_LIST, "]");
        if (xl_jinja_skip_operator(p, "{")) return bracket(p, XL_JINJA_N_DICT, "}");
        xl_jinja_unexpected(p, "an expression");
        return NULL;
    }
}

/* ---- what follows a primary ---- */

/* The arguments behind an opening parenthesis, up to the closing one, as the list of `n`. */
static bool arguments(reader *p, node *n) {
    node **tail = &n->list;
    bool named = false;
    while (!xl_jinja_skip_operator(p, ")")) {
        if (n->list && !xl_jinja_want_operator(p, ",")) return false;
        if (n->list && xl_jinja_skip_operator(p, ")")) return true;
        if (xl_jinja_at_operator(p, "*") || xl_jinja_at_operator(p, "**")) {
            p->r->line = p->at->line;
            return xl_jinja_fail(p->r, XLSTM_EUNSUPPORTED,
                                 "arguments from a list (*) or a dictionary (**) are not "
                                 "supported");
        }
        node *argument;
        if (p->at->kind == XL_JINJA_T_NAME && p->at[1].kind == XL_JINJA_T_OPERATOR &&
            xl_jinja_is(p->at[1].text, "=")) {
            argument = xl_jinja_node_new(p, XL_JINJA_N_NAMED);
            if (!argument) return false;
            argument->text = p->at->text;
            p->at += 2;
            argument->a = expression(p, true);
            if (!argument->a) return false;
            named = true;
        } else {
            if (named) return xl_jinja_unexpected(p, "an argument with a name");
            argument = expression(p, true);
            if (!argument) return false;
        }
        xl_jinja_link(&tail, argument);
    }
    return true;
}

/* One of the three parts of a slice; NULL where it is left out, or *good is false. */
static node *slice_part(reader *p, bool *good) {
    if (xl_jinja_at_operator(p, ":") || xl_jinja_at_operator(p, "]")) return NULL;
    node *n = expression(p, true);
    *good = n != NULL;
    return n;
}

static node *subscript(reader *p, node *a) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_ITEM);
    bool good = n != NULL;
    if (!good) return NULL;
    n->a = a;
    n->b = slice_part(p, &good);
    if (good && xl_jinja_skip_operator(p, ":")) {
        n->kind = XL_JINJA_N_SLICE;
        n->c = slice_part(p, &good);
        if (good && xl_jinja_skip_operator(p, ":")) n->list = slice_part(p, &good);
    } else if (good && !n->b) {
        good = xl_jinja_unexpected(p, "an index");
    }
    return good && xl_jinja_want_operator(p, "]") ? n : NULL;
}

static node *call(reader *p, node *a) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_CALL);
    if (!n) return NULL;
    n->a = a;
    return arguments(p, n) ? n : NULL;
}

static node *attribute(reader *p, node *a) {
    const bool number = p->at->kind == XL_JINJA_T_NUMBER && p->at->value.kind == XL_JINJA_INT;
    node *n = xl_jinja_node_new(p, number ? XL_JINJA_N_ITEM : XL_JINJA_N_ATTR);
    if (!n) return NULL;
    n->a = a;
    if (number) {
        n->b = constant(p, p->at++->value);
        return n->b ? n : NULL;
    }
    return xl_jinja_want_name(p, &n->text) ? n : NULL;
}

static node *postfix(reader *p, node *n) {
    while (n) {
        if (xl_jinja_skip_operator(p, ".")) n = attribute(p, n);
        else if (xl_jinja_skip_operator(p, "[")) n = subscript(p, n);
        else if (xl_jinja_skip_operator(p, "(")) n = call(p, n);
        else break;
    }
    return n;
}

static node *filter(reader *p, node *a) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_FILTER);
    if (!n) return NULL;
    n->a = a;
    if (!xl_jinja_want_name(p, &n->text)) return NULL;
    return !xl_jinja_skip_operator(p, "(") || arguments(p, n) ? n : NULL;
}

/* Whether an argument without parentheses follows a test: `x is divisibleby 3`. */
static bool test_argument(const reader *p) {
    static const char *const ends[] = {"else", "or", "and", "if", "is", "in", "not", NULL};
    if (p->at->kind == XL_JINJA_T_STRING || p->at->kind == XL_JINJA_T_NUMBER) return true;
    if (p->at->kind == XL_JINJA_T_OPERATOR) return xl_jinja_at_operator(p, "[") || xl_jinja_at_operator(p, "{");
    if (p->at->kind != XL_JINJA_T_NAME) return false;
    for (const char *const *end = ends; *end; end++) {
        if (xl_jinja_at_name(p, *end)) return false;
    }
    return true;
}

static node *test(reader *p, node *a) {
    const bool negated = xl_jinja_skip_name(p, "not");
    node *n = xl_jinja_node_new(p, XL_JINJA_N_TEST);
    if (!n) return NULL;
    n->a = a;
    if (!xl_jinja_want_name(p, &n->text)) return NULL;
    if (xl_jinja_skip_operator(p, "(")) {
        if (!arguments(p, n)) return NULL;
    } else if (test_argument(p)) {
        n->list = postfix(p, primary(p));
        if (!n->list) return NULL;
    }
    if (!negated) return n;
    node *not = xl_jinja_node_new(p, XL_JINJA_N_NOT);
    if (not ) not ->a = n;
    return not ;
}

/* ---- operators, from those that bind most to those that bind least ---- */

static node *unary(reader *p, bool filters) {
    node *n;
    if (!xl_jinja_enter(p->r)) {
        n = NULL;
    } else if (xl_jinja_at_operator(p, "-") || xl_jinja_at_operator(p, "+")) {
        n = xl_jinja_node_new(p, xl_jinja_at_operator(p, "-") ? XL_JINJA_N_NEGATE : XL_JINJA_N_PLUS);
        p->at++;
        if (n && !(n->a = unary(p, false))) n = NULL;
    } else {
        n = postfix(p, primary(p));
    }
    while (n && filters) {
        if (xl_jinja_skip_operator(p, "|")) n = filter(p, n);
        else if (xl_jinja_skip_name(p, "is")) n = test(p, n);
        else if (xl_jinja_skip_operator(p, "(")) n = call(p, n);
        else break;
    }
    xl_jinja_leave(p->r);
    return n;
}

static node *power(reader *p) {
    node *n = unary(p, true);
    while (n && xl_jinja_skip_operator(p, "**")) n = binary(p, XL_JINJA_N_BINARY, 'p', n, unary(p, true));
    return n;
}

static node *product(reader *p) {
    node *n = power(p);
    while (n) {
        const int op = xl_jinja_at_operator(p, "*")    ? '*'
                       : xl_jinja_at_operator(p, "/")  ? '/'
                       : xl_jinja_at_operator(p, "//") ? 'f'
                       : xl_jinja_at_operator(p, "%")  ? '%'
                                                       : 0;
        if (!op) break;
        p->at++;
        n = binary(p, XL_JINJA_N_BINARY, op, n, power(p));
    }
    return n;
}

static node *joined(reader *p) {
    node *first = product(p);
    if (!first || !xl_jinja_at_operator(p, "~")) return first;
    node *n = xl_jinja_node_new(p, XL_JINJA_N_CONCAT);
    if (!n) return NULL;
    node **tail = &n->list;
    xl_jinja_link(&tail, first);
    while (xl_jinja_skip_operator(p, "~")) {
        node *item = product(p);
        if (!item) return NULL;
        xl_jinja_link(&tail, item);
    }
    return n;
}

static node *sum(reader *p) {
    node *n = joined(p);
    while (n && (xl_jinja_at_operator(p, "+") || xl_jinja_at_operator(p, "-"))) {
        const int op = (unsigned char)p->at++->text.data[0];
        n = binary(p, XL_JINJA_N_BINARY, op, n, joined(p));
    }
    return n;
}

/* The relation at hand, which is passed over; -1: there is none. */
static int relation(reader *p) {
    static const struct {
        const char *text;
        xl_jinja_relation relation;
    } signs[] = {{"==", XL_JINJA_EQ}, {"!=", XL_JINJA_NE}, {"<", XL_JINJA_LT},
                 {"<=", XL_JINJA_LE}, {">", XL_JINJA_GT},  {">=", XL_JINJA_GE}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (xl_jinja_skip_operator(p, signs[i].text)) return (int)signs[i].relation;
    }
    if (xl_jinja_skip_name(p, "in")) return XL_JINJA_IN;
    if (!xl_jinja_at_name(p, "not") || p->at[1].kind != XL_JINJA_T_NAME || !xl_jinja_is(p->at[1].text, "in"))
        return -1;
    p->at += 2;
    return XL_JINJA_NOT_IN;
}

static node *comparison(reader *p) {
    node *first = sum(p), *n = NULL, **tail = NULL;
    for (int op; first && (op = relation(p)) >= 0;) {
        if (!n) {
            n = xl_jinja_node_new(p, XL_JINJA_N_COMPARE);
            if (!n) return NULL;
            n->a = first;
            tail = &n->list;
        }
        node *operand = xl_jinja_node_new(p, XL_JINJA_N_OPERAND);
        if (!operand || !(operand->a = sum(p))) return NULL;
        operand->op = op;
        xl_jinja_link(&tail, operand);
    }
    return n ? n : first;
}

static node *negation(reader *p) {
    if (!xl_jinja_at_name(p, "not")) return comparison(p);
    node *n = xl_jinja_node_new(p, XL_JINJA_N_NOT);
    p->at++;
    if (n && xl_jinja_enter(p->r)) n->a = negation(p);
    xl_jinja_leave(p->r);
    return n && n->a ? n : NULL;
}

static node *conjunction(reader *p) {
    node *n = negation(p);
    while (n && xl_jinja_skip_name(p, "and")) n = binary(p, XL_JINJA_N_AND, 0, n, negation(p));
    return n;
}

static node *disjunction(reader *p) {
    node *n = conjunction(p);
    while (n && xl_jinja_skip_name(p, "or")) n = binary(p, XL_JINJA_N_OR, 0, n, conjunction(p));
    return n;
}

static node *expression(reader *p, bool conditions) {
    node *n = xl_jinja_enter(p->r) ? disjunction(p) : NULL;
    while (n && conditions && xl_jinja_skip_name(p, "if")) {
        n = binary(p, XL_JINJA_N_IF_ELSE, 0, n, disjunction(p));
        if (n && xl_jinja_skip_name(p, "else") && !(n->c = expression(p, true))) n = NULL;
    }
    xl_jinja_leave(p->r);
    return n;
}

node *xl_jinja_expression(reader *p) {
    return expression(p, true);
}

/* ---- several, and targets ---- */

static bool tuple_end(const reader *p) {
    return p->at->kind == XL_JINJA_T_VARIABLE_END || p->at->kind == XL_JINJA_T_BLOCK_END ||
           xl_jinja_at_operator(p, ")") || xl_jinja_at_operator(p, "=") || xl_jinja_at_name(p, "in");
}

/* `one` reads an item. */
static node *several(reader *p, bool flag, node *(*one)(reader *p, bool flag)) {
    node *first = one(p, flag);
    if (!first || !xl_jinja_at_operator(p, ",")) return first;
    node *n = xl_jinja_node_new(p, XL_JINJA_N_TUPLE);
    if (!n) return NULL;
    node **tail = &n->list;
    xl_jinja_link(&tail, first);
    while (xl_jinja_skip_operator(p, ",") && !tuple_end(p)) {
        node *item = one(p, flag);
        if (!item) return NULL;
        xl_jinja_link(&tail, item);
    }
    return n;
}

node *xl_jinja_tuple(reader *p, bool conditions) {
    return several(p, conditions, expression);
}

static node *assigned(reader *p, bool spaces) {
    if (xl_jinja_skip_operator(p, "(")) {
        node *n = several(p, spaces, assigned);
        return n && xl_jinja_want_operator(p, ")") ? n : NULL;
    }
    node *n = xl_jinja_node_new(p, XL_JINJA_N_NAME);
    if (!n || !xl_jinja_want_name(p, &n->text)) return NULL;
    if (!spaces || !xl_jinja_skip_operator(p, ".")) return n;
    n->kind = XL_JINJA_N_NSREF;
    n->a = xl_jinja_node_new(p, XL_JINJA_N_NAME);
    return n->a && xl_jinja_want_name(p, &n->a->text) ? n : NULL;
}

node *xl_jinja_assigned(reader *p, bool spaces) {
    return several(p, spaces, assigned);
}

node *xl_jinja_block_filters(reader *p) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_CAPTURED);
    do {
        n = n ? filter(p, n) : NULL;
    } while (n && xl_jinja_skip_operator(p, "|"));
    return n;
}
