/* Compiles a condition: a parser by recursive descent. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/space/expr_impl.h"

enum { MAX_SOURCE = 4096, MAX_DEPTH = 64 };

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
