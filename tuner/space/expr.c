#include "tuner/space/expr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/space/expr_impl.h"

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
