#include "format/jinja/jinja_parser.h"

#include <stdio.h>

#include "format/jinja/jinja_expressions.h"

typedef xl_jinja_reader reader;
typedef xl_jinja_node node;

/* Reads statements into *list until the tag at hand begins with one of the words `ends` (NULL: up to the end of the
 * template). The word is passed over, and its index is returned; -1 after a failure. */
static int body(reader *p, const char *const *ends, node **list);

static bool block_end(reader *p) {
    return xl_jinja_want(p, XL_JINJA_T_BLOCK_END, "\"%}\"");
}

/* The body of a statement with one end. */
static bool simple_body(reader *p, const char *end, node **list) {
    const char *const ends[] = {end, NULL};
    return block_end(p) && !body(p, ends, list) && block_end(p);
}

static bool read_if(reader *p, node *n) {
    static const char *const ends[] = {"endif", "elif", "else", NULL}, *const last[] = {"endif", NULL};
    n->kind = XL_JINJA_N_IF;
    node **tail = &n->list;
    for (int end = 1; end;) {
        node *branch = xl_jinja_node_new(p, XL_JINJA_N_BRANCH);
        if (!branch) return false;
        if (end == 1 && !(branch->a = xl_jinja_tuple(p, false))) return false;
        if (!block_end(p)) return false;
        end = body(p, end == 1 ? ends : last, &branch->list);
        if (end < 0) return false;
        xl_jinja_link(&tail, branch);
    }
    return block_end(p);
}

static bool read_for(reader *p, node *n) {
    static const char *const ends[] = {"endfor", "else", NULL}, *const last[] = {"endfor", NULL};
    n->kind = XL_JINJA_N_FOR;
    n->a = xl_jinja_assigned(p, false);
    if (!n->a) return false;
    if (!xl_jinja_skip_name(p, "in")) return xl_jinja_unexpected(p, "\"in\"");
    n->b = xl_jinja_tuple(p, false);
    if (!n->b) return false;
    if (xl_jinja_skip_name(p, "if") && !(n->c = xl_jinja_expression(p))) return false;
    if (xl_jinja_at_name(p, "recursive")) {
        p->r->line = p->at->line;
        return xl_jinja_fail(p->r, XLSTM_EUNSUPPORTED, "{%% for … recursive %%} is not supported");
    }
    if (!block_end(p)) return false;
    p->loops++;
    const int end = body(p, ends, &n->list);
    p->loops--;
    if (end < 0) return false;
    if (end == 1 && (!block_end(p) || body(p, last, &n->other))) return false;
    return block_end(p);
}

static bool read_set(reader *p, node *n) {
    n->kind = XL_JINJA_N_SET;
    n->a = xl_jinja_assigned(p, true);
    if (!n->a) return false;
    if (xl_jinja_skip_operator(p, "=")) {
        n->b = xl_jinja_tuple(p, true);
        return n->b && block_end(p);
    }
    n->kind = XL_JINJA_N_SET_BLOCK;
    if (xl_jinja_skip_operator(p, "|") && !(n->b = xl_jinja_block_filters(p))) return false;
    return simple_body(p, "endset", &n->list);
}

static bool read_filter(reader *p, node *n) {
    n->kind = XL_JINJA_N_FILTER_BLOCK;
    n->b = xl_jinja_block_filters(p);
    return n->b && simple_body(p, "endfilter", &n->list);
}

static bool read_with(reader *p, node *n) {
    n->kind = XL_JINJA_N_WITH;
    node **tail = &n->other;
    while (p->at->kind != XL_JINJA_T_BLOCK_END) {
        if (n->other && !xl_jinja_want_operator(p, ",")) return false;
        node *set = xl_jinja_node_new(p, XL_JINJA_N_SET);
        if (!set || !(set->a = xl_jinja_assigned(p, false)) || !xl_jinja_want_operator(p, "=") ||
            !(set->b = xl_jinja_expression(p)))
            return false;
        xl_jinja_link(&tail, set);
    }
    return simple_body(p, "endwith", &n->list);
}

/* What a template marks as the assistant's words, for training; here they are text like any other. */
static bool read_generation(reader *p, node *n) {
    n->kind = XL_JINJA_N_WITH;
    return simple_body(p, "endgeneration", &n->list);
}

static bool read_macro(reader *p, node *n) {
    n->kind = XL_JINJA_N_MACRO;
    if (!xl_jinja_want_name(p, &n->text) || !xl_jinja_want_operator(p, "(")) return false;
    node **tail = &n->other;
    bool preset = false;
    while (!xl_jinja_skip_operator(p, ")")) {
        if (n->other && !xl_jinja_want_operator(p, ",")) return false;
        node *parameter = xl_jinja_node_new(p, XL_JINJA_N_NAMED);
        if (!parameter || !xl_jinja_want_name(p, &parameter->text)) return false;
        if (xl_jinja_skip_operator(p, "=") && !(parameter->a = xl_jinja_expression(p))) return false;
        if (preset && !parameter->a)
            return xl_jinja_fail(p->r, XLSTM_EFORMAT, "a parameter without a default follows one with a default");
        preset = parameter->a != NULL;
        xl_jinja_link(&tail, parameter);
    }
    const int loops = p->loops;
    p->loops = 0;
    const bool good = simple_body(p, "endmacro", &n->list);
    p->loops = loops;
    return good;
}

static bool read_jump(reader *p, node *n) {
    if (!p->loops) {
        p->r->line = n->line;
        return xl_jinja_fail(p->r, XLSTM_EFORMAT, "{%% %s %%} outside a loop",
                             n->kind == XL_JINJA_N_BREAK ? "break" : "continue");
    }
    return block_end(p);
}

static bool read_break(reader *p, node *n) {
    n->kind = XL_JINJA_N_BREAK;
    return read_jump(p, n);
}

static bool read_continue(reader *p, node *n) {
    n->kind = XL_JINJA_N_CONTINUE;
    return read_jump(p, n);
}

static const struct {
    const char *name;
    bool (*read)(reader *p, node *n);
} statements[] = {{"if", read_if},       {"for", read_for},           {"set", read_set},
                  {"macro", read_macro}, {"with", read_with},         {"filter", read_filter},
                  {"break", read_break}, {"continue", read_continue}, {"generation", read_generation}};

/* The statement behind "{%". */
static node *statement(reader *p) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_WITH);
    if (!n) return NULL;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!xl_jinja_skip_name(p, statements[i].name)) continue;
        bool good = xl_jinja_enter(p->r) && statements[i].read(p, n);
        xl_jinja_leave(p->r);
        return good ? n : NULL;
    }
    if (p->at->kind != XL_JINJA_T_NAME) {
        xl_jinja_unexpected(p, "the name of a statement");
        return NULL;
    }
    p->r->line = p->at->line;
    const int bytes = p->at->text.bytes < 40 ? (int)p->at->text.bytes : 40;
    xl_jinja_fail(p->r, XLSTM_EUNSUPPORTED, "{%% %.*s %%} is not supported here", bytes, p->at->text.data);
    return NULL;
}

static node *output(reader *p) {
    node *n = xl_jinja_node_new(p, XL_JINJA_N_OUTPUT);
    if (!n || !(n->a = xl_jinja_tuple(p, true))) return NULL;
    return xl_jinja_want(p, XL_JINJA_T_VARIABLE_END, "\"}}\"") ? n : NULL;
}

static int ended(reader *p, const char *const *ends) {
    for (int i = 0; ends && ends[i]; i++) {
        if (xl_jinja_skip_name(p, ends[i])) return i;
    }
    return -1;
}

static int body(reader *p, const char *const *ends, node **list) {
    const uint32_t line = ends ? p->at[-1].line : 1; /* of the tag before the body */
    node **tail = list;
    for (;;) {
        node *n = NULL;
        switch (p->at->kind) {
        case XL_JINJA_T_END:
            if (!ends) return 0;
            p->r->line = line;
            xl_jinja_fail(p->r, XLSTM_EFORMAT, "the block that begins here has no {%% %s %%}", ends[0]);
            return -1;
        case XL_JINJA_T_DATA:
            n = xl_jinja_node_new(p, XL_JINJA_N_DATA);
            if (n) n->text = p->at++->text;
            break;
        case XL_JINJA_T_VARIABLE_BEGIN:
            p->at++;
            n = output(p);
            break;
        default: {
            p->at++; /* "{%" */
            const int end = ended(p, ends);
            if (end >= 0) return end;
            n = statement(p);
        }
        }
        if (!n) return -1;
        xl_jinja_link(&tail, n);
    }
}

bool xl_jinja_parse(xl_jinja_run *r, const char *source, size_t bytes, const xl_jinja_node **list) {
    reader p = {.r = r};
    if (!xl_jinja_tokenize(r, source, bytes, &p.at)) return false;
    node *first = NULL;
    if (body(&p, NULL, &first)) return false;
    *list = first;
    return true;
}
