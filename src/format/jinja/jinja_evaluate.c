#include "format/jinja/jinja_evaluate.h"

#include <assert.h>
#include <math.h>

#include "format/jinja/jinja_attributes.h"
#include "format/jinja/jinja_builtin.h"
#include "format/jinja/jinja_functions.h"
#include "format/jinja/jinja_scope.h"
#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef const xl_jinja_node node;

/* ---- arithmetic ---- */

static bool wrong_types(run *r, int op, const value *a, const value *b) {
    const value *undefined = a->kind == XL_JINJA_UNDEFINED ? a : b->kind == XL_JINJA_UNDEFINED ? b : NULL;
    if (undefined)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "\"%.*s\" is undefined and is calculated with",
                             (int)(undefined->text.bytes < 100 ? undefined->text.bytes : 100),
                             undefined->text.data);
    if (op == '%' && a->kind == XL_JINJA_STRING)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "formatting a text by %% is not supported");
    const char *name = op == 'f' ? "//" : op == 'p' ? "**" : (char[]){(char)op, 0};
    return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%s between values of the types %s and %s", name, xl_jinja_type(a),
                         xl_jinja_type(b));
}

/* a ** b, b not negative; false where it does not fit. */
static bool int_power(int64_t a, int64_t b, int64_t *out) {
    *out = 1;
    if (b > 64 && (a > 1 || a < -1)) return false;
    if (b > 64) b = 64 + b % 2;
    for (; b; b--) {
        if (__builtin_mul_overflow(*out, a, out)) return false;
    }
    return true;
}

static bool int_math(run *r, int op, int64_t a, int64_t b, value *out) {
    int64_t x = 0;
    bool fits = true;
    if (op == '/' || (op == 'p' && b < 0)) {
        *out = xl_jinja_float(op == '/' ? (double)a / (double)b : pow((double)a, (double)b));
        return true;
    }
    switch (op) {
    case '+':
        fits = !__builtin_add_overflow(a, b, &x);
        break;
    case '-':
        fits = !__builtin_sub_overflow(a, b, &x);
        break;
    case '*':
        fits = !__builtin_mul_overflow(a, b, &x);
        break;
    case 'p':
        fits = int_power(a, b, &x);
        break;
    default:
        assert(b != 0 && "the caller has refused it");
        /* the quotient is rounded down, the rest has the sign of the divisor */
        if (b == -1) {
            fits = op == '%' || !__builtin_sub_overflow((int64_t)0, a, &x);
            break;
        }
        x = op == 'f' ? a / b : a % b;
        if (a % b && (a % b < 0) != (b < 0)) x += op == 'f' ? -1 : b;
    }
    *out = xl_jinja_int(x);
    return fits || xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "an integer is too large");
}

static bool float_math(int op, double a, double b, value *out) {
    double x = 0;
    switch (op) {
    case '+':
        x = a + b;
        break;
    case '-':
        x = a - b;
        break;
    case '*':
        x = a * b;
        break;
    case '/':
        x = a / b;
        break;
    case 'p':
        x = pow(a, b);
        break;
    case 'f':
        x = floor(a / b);
        break;
    default:
        x = fmod(a, b);
        if (x != 0 && (x < 0) != (b < 0)) x += b;
    }
    *out = xl_jinja_float(x);
    return true;
}

static bool repeat_text(run *r, const value *a, int64_t times, value *out) {
    const size_t mark = r->out.size;
    for (int64_t i = 0; i < times && a->text.bytes; i++) {
        if (!xl_jinja_charge(r, 1) || !xl_jinja_put_str(r, a)) return false;
    }
    return xl_jinja_take(r, mark, out);
}

static bool repeat_list(run *r, const xl_jinja_list *a, int64_t times, value *out) {
    if (!xl_jinja_new_list(r, a->tuple, out)) return false;
    for (int64_t i = 0; i < times && a->count; i++) {
        for (size_t k = 0; k < a->count; k++) {
            if (!xl_jinja_append(r, out->list, a->items[k])) return false;
        }
    }
    return true;
}

static bool repeat(run *r, const value *a, int64_t times, value *out) {
    return a->kind == XL_JINJA_STRING ? repeat_text(r, a, times, out) : repeat_list(r, a->list, times, out);
}

static bool add_lists(run *r, const xl_jinja_list *a, const xl_jinja_list *b, value *out) {
    if (!xl_jinja_new_list(r, a->tuple, out)) return false;
    for (size_t i = 0; i < a->count + b->count; i++) {
        if (!xl_jinja_append(r, out->list, i < a->count ? a->items[i] : b->items[i - a->count])) return false;
    }
    return true;
}

static bool math(run *r, int op, const value *a, const value *b, value *out) {
    int64_t i, j;
    double x, y;
    const bool ints = xl_jinja_integer(a, &i) && xl_jinja_integer(b, &j);
    if (ints || (xl_jinja_number(a, &x) && xl_jinja_number(b, &y))) {
        const bool zero = ints ? !j : y == 0;
        if (zero && (op == '/' || op == 'f' || op == '%'))
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "something is divided by 0");
        if (op == 'p' && (ints ? !i && j < 0 : x == 0 && y < 0))
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "0 has a negative power");
        if (op == 'p' && !ints && x < 0 && y != floor(y))
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a negative number has a broken power");
        return ints ? int_math(r, op, i, j, out) : float_math(op, x, y, out);
    }
    if (op == '+' && a->kind == XL_JINJA_STRING && b->kind == XL_JINJA_STRING) {
        const size_t mark = r->out.size;
        return xl_jinja_put_str(r, a) && xl_jinja_put_str(r, b) && xl_jinja_take(r, mark, out);
    }
    if (op == '+' && a->kind == XL_JINJA_LIST && b->kind == XL_JINJA_LIST && a->list->tuple == b->list->tuple)
        return add_lists(r, a->list, b->list, out);
    if (op == '*' && (a->kind == XL_JINJA_STRING || a->kind == XL_JINJA_LIST) && xl_jinja_integer(b, &j))
        return repeat(r, a, j, out);
    if (op == '*' && (b->kind == XL_JINJA_STRING || b->kind == XL_JINJA_LIST) && xl_jinja_integer(a, &i))
        return repeat(r, b, i, out);
    return wrong_types(r, op, a, b);
}

static bool negate(run *r, const value *a, value *out) {
    const value zero = xl_jinja_int(0);
    if (a->kind != XL_JINJA_FLOAT) return math(r, '-', &zero, a, out);
    *out = xl_jinja_float(-a->real);
    return true;
}

/* ---- parts ---- */

static bool list(run *r, node *n, value *out) {
    if (!xl_jinja_new_list(r, n->kind == XL_JINJA_N_TUPLE, out)) return false;
    for (node *item = n->list; item; item = item->next) {
        value v = xl_jinja_none();
        if (!xl_jinja_evaluate(r, item, &v) || !xl_jinja_append(r, out->list, v)) return false;
    }
    return true;
}

static bool dict(run *r, node *n, value *out) {
    if (!xl_jinja_new_dict(r, out)) return false;
    for (node *item = n->list; item; item = item->next->next) {
        value key = xl_jinja_none(), v = xl_jinja_none();
        if (!xl_jinja_evaluate(r, item, &key) || !xl_jinja_evaluate(r, item->next, &v) ||
            !xl_jinja_set(r, out->dict, key, v))
            return false;
    }
    return true;
}

static bool arguments(run *r, node *first, xl_jinja_args *out) {
    size_t count = 0;
    for (node *n = first; n; n = n->next) count++;
    *out = (xl_jinja_args){.items = xl_jinja_memory(r, count, sizeof *out->items),
                           .named = xl_jinja_memory(r, count, sizeof *out->named)};
    if (!out->items || !out->named) return false;
    for (node *n = first; n; n = n->next) {
        value v = xl_jinja_none();
        if (!xl_jinja_evaluate(r, n->kind == XL_JINJA_N_NAMED ? n->a : n, &v)) return false;
        if (n->kind != XL_JINJA_N_NAMED) {
            out->items[out->count++] = v;
            continue;
        }
        if (!xl_jinja_charge(r, out->named_count / 8)) return false;
        for (size_t i = 0; i < out->named_count; i++) {
            if (xl_jinja_same(out->named[i].key.text, n->text))
                return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "the argument %.*s is given twice",
                                     (int)(n->text.bytes < 40 ? n->text.bytes : 40), n->text.data);
        }
        out->named[out->named_count++] = (xl_jinja_entry){xl_jinja_string_of(n->text.data, n->text.bytes), v};
    }
    return true;
}

static bool call(run *r, node *n, value *out) {
    value callee;
    xl_jinja_args args;
    if (!xl_jinja_evaluate(r, n->a, &callee) || !arguments(r, n->list, &args)) return false;
    r->line = n->line;
    if (callee.kind == XL_JINJA_FUNCTION)
        return xl_jinja_call(r, callee.function->builtin, callee.function->self, &args, out);
    if (callee.kind == XL_JINJA_MACRO) return r->macro(r, callee.macro, &args, out);
    if (callee.kind != XL_JINJA_UNDEFINED)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a value of type %s is called", xl_jinja_type(&callee));
    return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "the %s \"%.*s\" is not known here",
                         n->a->kind == XL_JINJA_N_ATTR ? "method" : "function",
                         (int)(callee.text.bytes < 40 ? callee.text.bytes : 40), callee.text.data);
}

static bool slice(run *r, node *n, value *out) {
    node *parts[] = {n->b, n->c, n->list};
    value of, bounds[3];
    if (!xl_jinja_evaluate(r, n->a, &of)) return false;
    for (int i = 0; i < 3; i++) {
        bounds[i] = xl_jinja_none();
        if (parts[i] && !xl_jinja_evaluate(r, parts[i], &bounds[i])) return false;
    }
    r->line = n->line;
    return xl_jinja_slice(r, &of, bounds, out);
}

static bool comparison(run *r, node *n, value *out) {
    value left, right;
    bool holds = true;
    if (!xl_jinja_evaluate(r, n->a, &left)) return false;
    for (node *operand = n->list; operand && holds; operand = operand->next) {
        if (!xl_jinja_evaluate(r, operand->a, &right)) return false;
        r->line = n->line;
        if (!xl_jinja_compare(r, (xl_jinja_relation)operand->op, &left, &right, &holds)) return false;
        left = right;
    }
    *out = xl_jinja_bool(holds);
    return true;
}

static bool concat(run *r, node *n, value *out) {
    value parts;
    if (!list(r, n, &parts)) return false;
    const size_t mark = r->out.size;
    for (size_t i = 0; i < parts.list->count; i++) {
        if (!xl_jinja_put_str(r, &parts.list->items[i])) return false;
    }
    return xl_jinja_take(r, mark, out);
}

static bool name(run *r, node *n, value *out) {
    if (!xl_jinja_scope_get(r, r->scope, n->text, out)) return false;
    if (out->kind != XL_JINJA_UNDEFINED) return true;
    const xl_jinja_builtin *function = xl_jinja_builtin_find(xl_jinja_functions, n->text);
    return !function || xl_jinja_bind(r, function, xl_jinja_none(), out);
}

static bool evaluate(run *r, node *n, value *out) {
    value a, b;
    xl_jinja_args args;
    bool flag;
    switch (n->kind) {
    case XL_JINJA_N_CONST:
        *out = n->value;
        return true;
    case XL_JINJA_N_NAME:
        return name(r, n, out);
    case XL_JINJA_N_CAPTURED:
        *out = r->captured;
        return true;
    case XL_JINJA_N_LIST:
    case XL_JINJA_N_TUPLE:
        return list(r, n, out);
    case XL_JINJA_N_DICT:
        return dict(r, n, out);
    case XL_JINJA_N_CONCAT:
        return concat(r, n, out);
    case XL_JINJA_N_CALL:
        return call(r, n, out);
    case XL_JINJA_N_SLICE:
        return slice(r, n, out);
    case XL_JINJA_N_COMPARE:
        return comparison(r, n, out);
    case XL_JINJA_N_IF_ELSE:
        if (!xl_jinja_evaluate(r, n->b, &b)) return false;
        *out = xl_jinja_undefined("an if without else");
        if (xl_jinja_true(&b)) return xl_jinja_evaluate(r, n->a, out);
        return !n->c || xl_jinja_evaluate(r, n->c, out);
    default:
        break;
    }
    /* The others begin with the value of their first part. */
    if (!xl_jinja_evaluate(r, n->a, &a)) return false;
    r->line = n->line;
    switch (n->kind) {
    case XL_JINJA_N_ATTR:
        return xl_jinja_attribute(r, &a, n->text, out);
    case XL_JINJA_N_ITEM:
        if (!xl_jinja_evaluate(r, n->b, &b)) return false;
        r->line = n->line;
        return xl_jinja_item(r, &a, &b, out);
    case XL_JINJA_N_FILTER:
        if (!arguments(r, n->list, &args)) return false;
        r->line = n->line;
        return r->filter(r, n->text, a, &args, out);
    case XL_JINJA_N_TEST:
        if (!arguments(r, n->list, &args)) return false;
        r->line = n->line;
        if (!r->test(r, n->text, a, &args, &flag)) return false;
        *out = xl_jinja_bool(flag);
        return true;
    case XL_JINJA_N_NOT:
        *out = xl_jinja_bool(!xl_jinja_true(&a));
        return true;
    case XL_JINJA_N_AND:
    case XL_JINJA_N_OR:
        *out = a;
        return xl_jinja_true(&a) == (n->kind == XL_JINJA_N_OR) || xl_jinja_evaluate(r, n->b, out);
    case XL_JINJA_N_NEGATE:
        return negate(r, &a, out);
    case XL_JINJA_N_PLUS:
        *out = a;
        return true;
    default: /* BINARY */
        if (!xl_jinja_evaluate(r, n->b, &b)) return false;
        r->line = n->line;
        return math(r, n->op, &a, &b, out);
    }
}

bool xl_jinja_evaluate(run *r, node *n, value *out) {
    bool good = xl_jinja_enter(r);
    if (good) {
        r->line = n->line;
        good = evaluate(r, n, out);
    }
    xl_jinja_leave(r);
    return good;
}
