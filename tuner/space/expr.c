#include "tuner/space/expr.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { MAX_SOURCE = 4096, MAX_DEPTH = 64 };

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

typedef struct parser {
    tune_expr *e;
    const char *at;
    char *text_end;
    int nodes, depth;
    const char *const *names;
    size_t count;
    xlstm_error *err;
} parser;

static int parse_any(parser *p);

static int fail_at(parser *p, const char *what) {
    xl_fail(p->err, XLSTM_EARG, "condition \"%.120s\": at character %d: %s", p->e->source,
            (int)(p->at - p->e->source) + 1, what);
    return -1;
}

/* Adds a node. Every node takes at least one character of the source, so the array never overflows. */
static int add(parser *p, op kind, int a, int b, int c) {
    node *n = &p->e->nodes[p->nodes];
    *n = (node){.kind = kind, .a = a, .b = b, .c = c, .next = -1};
    return p->nodes++;
}

static void skip(parser *p) {
    while (isspace((unsigned char)*p->at)) p->at++;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static bool symbol(parser *p, const char *s) {
    skip(p);
    size_t n = strlen(s);
    if (strncmp(p->at, s, n) != 0) return false;
    p->at += n;
    return true;
}

static bool word(parser *p, const char *s) {
    skip(p);
    size_t n = strlen(s);
    if (strncmp(p->at, s, n) != 0 || is_word(p->at[n])) return false;
    p->at += n;
    return true;
}

/* Parses one or more values, separated by commas, up to `close`; returns the node of the first item. */
static int parse_list(parser *p, const char *close) {
    int first = -1, last = -1;
    while (first < 0 || !symbol(p, close)) {
        int item = parse_any(p);
        if (item < 0) return -1;
        /* An item gets a node of its own, because the value's node may also belong to a chain of comparisons. */
        int cell = add(p, OP_ADD, item, -1, -1);
        if (first < 0) first = cell;
        else p->e->nodes[last].next = cell;
        last = cell;
        if (symbol(p, ",")) continue;
        if (symbol(p, close)) break;
        return fail_at(p, *p->at ? "wanted \",\" or the end of the list" : "the list is not closed");
    }
    return first;
}

static int parse_text(parser *p) {
    char quote = *p->at++;
    char *start = p->text_end;
    while (*p->at && *p->at != quote) {
        if (*p->at == '\\') return fail_at(p, "a backslash in a text is not supported");
        *p->text_end++ = *p->at++;
    }
    if (!*p->at) return fail_at(p, "the text is not closed");
    p->at++;
    *p->text_end++ = 0;
    int n = add(p, OP_CONST, -1, -1, -1);
    p->e->nodes[n].value.text = start;
    return n;
}

static int parse_number(parser *p) {
    char *end;
    double x = strtod(p->at, &end);
    if (end == p->at || is_word(*end)) return fail_at(p, "not a number");
    p->at = end;
    int n = add(p, OP_CONST, -1, -1, -1);
    p->e->nodes[n].value.number = x;
    return n;
}

static int parse_call(parser *p, op kind) {
    int list = parse_list(p, ")");
    if (list < 0) return -1;
    if (kind == OP_ABS && p->e->nodes[list].next >= 0) return fail_at(p, "abs takes one value");
    return add(p, kind, list, -1, -1);
}

static int parse_name(parser *p) {
    const char *start = p->at;
    while (is_word(*p->at)) p->at++;
    size_t n = (size_t)(p->at - start);
    char name[128];
    if (n >= sizeof name) {
        p->at = start;
        return fail_at(p, "name too long");
    }
    memcpy(name, start, n);
    name[n] = 0;
    static const struct {
        const char *name;
        op kind;
    } calls[] = {{"min", OP_MIN}, {"max", OP_MAX}, {"abs", OP_ABS}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!strcmp(name, calls[i].name) && symbol(p, "(")) return parse_call(p, calls[i].kind);
    }
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(name, p->names[i]) != 0) continue;
        if ((int)i > p->e->last_name) p->e->last_name = (int)i;
        if (i < 64) p->e->uses |= UINT64_C(1) << i;
        return add(p, OP_NAME, (int)i, -1, -1);
    }
    if (!strcmp(name, "True") || !strcmp(name, "False")) {
        int constant = add(p, OP_CONST, -1, -1, -1);
        p->e->nodes[constant].value.number = name[0] == 'T';
        return constant;
    }
    int near = xl_nearest_name(name, p->names, (int)p->count);
    xl_fail(p->err, XLSTM_EARG, "condition \"%.120s\": no parameter is called \"%s\"%s%s%s", p->e->source, name,
            near < 0 ? "" : "; did you mean \"", near < 0 ? "" : p->names[near], near < 0 ? "" : "\"?");
    return -1;
}

static int parse_atom(parser *p) {
    skip(p);
    char c = *p->at;
    if (c == '"' || c == '\'') return parse_text(p);
    if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)p->at[1]))) return parse_number(p);
    if (isalpha((unsigned char)c) || c == '_') return parse_name(p);
    if (!symbol(p, "(")) return fail_at(p, c ? "wanted a value" : "wanted a value, found the end");
    int inner = parse_any(p);
    if (inner < 0) return -1;
    if (!symbol(p, ")")) return fail_at(p, "wanted \")\"");
    return inner;
}

static int parse_unary(parser *p) {
    if (++p->depth > MAX_DEPTH) return fail_at(p, "nested too deep");
    int n;
    if (symbol(p, "-")) {
        n = parse_unary(p);
        if (n >= 0) n = add(p, OP_NEG, n, -1, -1);
    } else if (symbol(p, "+")) {
        n = parse_unary(p);
    } else {
        n = parse_atom(p);
        if (n >= 0 && symbol(p, "**")) {
            int power = parse_unary(p);
            n = power < 0 ? -1 : add(p, OP_POW, n, power, -1);
        }
    }
    p->depth--;
    return n;
}

static int parse_term(parser *p) {
    int a = parse_unary(p);
    while (a >= 0) {
        op kind;
        skip(p);
        if (symbol(p, "//")) kind = OP_FLOOR;
        else if (p->at[0] == '*' && p->at[1] != '*' && symbol(p, "*")) kind = OP_MUL;
        else if (symbol(p, "/")) kind = OP_DIV;
        else if (symbol(p, "%")) kind = OP_MOD;
        else break;
        int b = parse_unary(p);
        a = b < 0 ? -1 : add(p, kind, a, b, -1);
    }
    return a;
}

static int parse_sum(parser *p) {
    int a = parse_term(p);
    while (a >= 0) {
        op kind;
        if (symbol(p, "+")) kind = OP_ADD;
        else if (symbol(p, "-")) kind = OP_SUB;
        else break;
        int b = parse_term(p);
        a = b < 0 ? -1 : add(p, kind, a, b, -1);
    }
    return a;
}

/* Reads the next comparison operator; returns OP_CONST where there is none. */
static op parse_comparison_op(parser *p) {
    static const struct {
        const char *sign;
        op kind;
    } signs[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE}, {"<", OP_LT}, {">", OP_GT}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (symbol(p, signs[i].sign)) return signs[i].kind;
    }
    if (word(p, "in")) return OP_IN;
    const char *before = p->at;
    if (word(p, "not") && word(p, "in")) return OP_NOT_IN;
    p->at = before;
    return OP_CONST;
}

static int parse_comparison(parser *p) {
    int left = parse_sum(p);
    int all = -1;
    while (left >= 0) {
        op kind = parse_comparison_op(p);
        if (kind == OP_CONST) break;
        int right;
        if (kind == OP_IN || kind == OP_NOT_IN) {
            const char *close = symbol(p, "[") ? "]" : symbol(p, "(") ? ")" : symbol(p, "{") ? "}" : NULL;
            if (!close) return fail_at(p, "wanted a list such as [1, 2, 4] after \"in\"");
            right = parse_list(p, close);
        } else {
            right = parse_sum(p);
        }
        if (right < 0) return -1;
        int one = add(p, kind, left, right, -1);
        all = all < 0 ? one : add(p, OP_AND, all, one, -1);
        if (kind == OP_IN || kind == OP_NOT_IN) break;
        left = right;
    }
    return left < 0 ? -1 : all < 0 ? left : all;
}

static int parse_not(parser *p) {
    if (!word(p, "not")) return parse_comparison(p);
    if (++p->depth > MAX_DEPTH) return fail_at(p, "nested too deep");
    int a = parse_not(p);
    p->depth--;
    return a < 0 ? -1 : add(p, OP_NOT, a, -1, -1);
}

static int parse_and(parser *p) {
    int a = parse_not(p);
    while (a >= 0 && word(p, "and")) {
        int b = parse_not(p);
        a = b < 0 ? -1 : add(p, OP_AND, a, b, -1);
    }
    return a;
}

static int parse_or(parser *p) {
    int a = parse_and(p);
    while (a >= 0 && word(p, "or")) {
        int b = parse_and(p);
        a = b < 0 ? -1 : add(p, OP_OR, a, b, -1);
    }
    return a;
}

static int parse_any(parser *p) {
    if (++p->depth > MAX_DEPTH) return fail_at(p, "nested too deep");
    int a = parse_or(p);
    if (a >= 0 && word(p, "if")) {
        int condition = parse_or(p);
        if (condition < 0) return -1;
        if (!word(p, "else")) return fail_at(p, "wanted \"else\"");
        int otherwise = parse_any(p);
        a = otherwise < 0 ? -1 : add(p, OP_IF, a, condition, otherwise);
    }
    p->depth--;
    return a;
}

int tune_expr_parse(const char *source, const char *const *names, size_t count, tune_expr **out, xlstm_error *err) {
    *out = NULL;
    size_t length = strlen(source);
    if (length > MAX_SOURCE) {
        return xl_fail(err, XLSTM_EARG, "condition \"%.60s…\": %zu characters, wanted at most %d", source, length,
                       MAX_SOURCE);
    }
    int status = XLSTM_EARG;
    tune_expr *e = calloc(1, sizeof *e);
    if (!e) return xl_fail(err, XLSTM_ENOMEM, "condition: out of memory");
    e->last_name = -1;
    e->source = xl_format("%s", source);
    e->texts = malloc(length + 1);
    /* A comparison adds two nodes (itself and an AND), and so does a list item; each has at least two
     * characters. */
    e->nodes = xl_array(2 * length + 2, sizeof *e->nodes);
    if (!e->source || !e->texts || !e->nodes) {
        status = xl_fail(err, XLSTM_ENOMEM, "condition: out of memory");
        goto fail;
    }
    parser p = {.e = e, .at = e->source, .text_end = e->texts, .names = names, .count = count, .err = err};
    e->root = parse_any(&p);
    if (e->root < 0) goto fail;
    skip(&p);
    if (*p.at) {
        fail_at(&p, "found more than one expression");
        goto fail;
    }
    *out = e;
    return XLSTM_OK;
fail:
    tune_expr_destroy(e);
    return status;
}

void tune_expr_destroy(tune_expr *e) {
    if (!e) return;
    free(e->source);
    free(e->texts);
    free(e->nodes);
    free(e);
}

static bool is_true(tune_value v) {
    if (v.text) return v.text[0] != 0;
    return v.number != 0 && !isnan(v.number);
}

static bool compare(op kind, tune_value x, tune_value y) {
    if (x.text && y.text) {
        int order = strcmp(x.text, y.text);
        x = (tune_value){.number = order};
        y = (tune_value){.number = 0};
    } else if (x.text || y.text) {
        return kind == OP_NE;
    }
    if (isnan(x.number) || isnan(y.number)) return false;
    switch (kind) {
    case OP_EQ:
        return x.number == y.number;
    case OP_NE:
        return x.number != y.number;
    case OP_LT:
        return x.number < y.number;
    case OP_LE:
        return x.number <= y.number;
    case OP_GT:
        return x.number > y.number;
    default:
        return x.number >= y.number;
    }
}

static double arithmetic(op kind, double x, double y) {
    switch (kind) {
    case OP_ADD:
        return x + y;
    case OP_SUB:
        return x - y;
    case OP_MUL:
        return x * y;
    case OP_DIV:
        return y == 0 ? NAN : x / y;
    case OP_FLOOR:
        return y == 0 ? NAN : floor(x / y);
    case OP_MOD: {
        if (y == 0) return NAN;
        double r = fmod(x, y);
        return r != 0 && (r < 0) != (y < 0) ? r + y : r;
    }
    default:
        return pow(x, y);
    }
}

static tune_value eval(const tune_expr *e, int at, const tune_value *values);

static bool eval_in(const tune_expr *e, const node *n, const tune_value *values) {
    tune_value x = eval(e, n->a, values);
    for (int i = n->b; i >= 0; i = e->nodes[i].next) {
        if (compare(OP_EQ, x, eval(e, e->nodes[i].a, values))) return true;
    }
    return false;
}

static double eval_extreme(const tune_expr *e, const node *n, const tune_value *values) {
    double best = NAN;
    for (int i = n->a; i >= 0; i = e->nodes[i].next) {
        tune_value v = eval(e, e->nodes[i].a, values);
        if (v.text || isnan(v.number)) return NAN;
        if (n->kind == OP_ABS) return fabs(v.number);
        if (isnan(best) || (n->kind == OP_MIN ? v.number < best : v.number > best)) best = v.number;
    }
    return best;
}

static tune_value eval(const tune_expr *e, int at, const tune_value *values) {
    const node *n = &e->nodes[at];
    tune_value x;
    switch (n->kind) {
    case OP_CONST:
        return n->value;
    case OP_NAME:
        return values[n->a];
    case OP_OR:
        x = eval(e, n->a, values);
        return is_true(x) ? x : eval(e, n->b, values);
    case OP_AND:
        x = eval(e, n->a, values);
        return is_true(x) ? eval(e, n->b, values) : x;
    case OP_NOT:
        return (tune_value){.number = !is_true(eval(e, n->a, values))};
    case OP_IF:
        return eval(e, is_true(eval(e, n->b, values)) ? n->a : n->c, values);
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return (tune_value){.number = compare(n->kind, eval(e, n->a, values), eval(e, n->b, values))};
    case OP_IN:
        return (tune_value){.number = eval_in(e, n, values)};
    case OP_NOT_IN:
        return (tune_value){.number = !eval_in(e, n, values)};
    case OP_NEG:
        x = eval(e, n->a, values);
        return (tune_value){.number = x.text ? NAN : -x.number};
    case OP_MIN:
    case OP_MAX:
    case OP_ABS:
        return (tune_value){.number = eval_extreme(e, n, values)};
    default: {
        tune_value y = eval(e, n->b, values);
        x = eval(e, n->a, values);
        return (tune_value){.number = x.text || y.text ? NAN : arithmetic(n->kind, x.number, y.number)};
    }
    }
}

tune_value tune_expr_value(const tune_expr *e, const tune_value *values) {
    return eval(e, e->root, values);
}

bool tune_expr_true(const tune_expr *e, const tune_value *values) {
    return is_true(eval(e, e->root, values));
}

int tune_expr_last_name(const tune_expr *e) {
    return e->last_name;
}

bool tune_expr_uses(const tune_expr *e, int name) {
    return name < 64 && (e->uses >> name & 1);
}

const char *tune_expr_source(const tune_expr *e) {
    return e->source;
}
