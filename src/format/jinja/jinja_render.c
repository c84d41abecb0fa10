#include "format/jinja/jinja_render.h"

#include <stdlib.h>

#include "format/jinja/jinja_builtin.h"
#include "format/jinja/jinja_evaluate.h"
#include "format/jinja/jinja_filters.h"
#include "format/jinja/jinja_tests.h"
#include "format/jinja/jinja_text.h"

typedef xl_jinja_run run;
typedef xl_jinja_value value;
typedef const xl_jinja_node node;

static bool statements(run *r, node *n);

/* ---- scopes and assignment ---- */

/* Runs statements in a scope of their own. */
static bool inside(run *r, node *body) {
    xl_jinja_scope *outer = r->scope, *inner = xl_jinja_scope_new(r, outer);
    if (!inner) return false;
    r->scope = inner;
    const bool good = statements(r, body);
    r->scope = outer;
    return good;
}

static bool assign(run *r, node *target, value v) {
    const xl_jinja_list *items;
    value space;
    if (target->kind == XL_JINJA_N_NAME) return xl_jinja_scope_set(r, r->scope, target->text, v);
    if (target->kind == XL_JINJA_N_NSREF) {
        if (!xl_jinja_scope_get(r, r->scope, target->text, &space)) return false;
        if (space.kind != XL_JINJA_NAMESPACE)
            return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "a member of \"%.*s\" is set, which is no namespace",
                                 (int)(target->text.bytes < 40 ? target->text.bytes : 40), target->text.data);
        const xl_jinja_string name = target->a->text;
        return xl_jinja_set(r, space.dict, xl_jinja_string_of(name.data, name.bytes), v);
    }
    size_t wanted = 0, i = 0;
    for (node *t = target->list; t; t = t->next) wanted++;
    if (!xl_jinja_items(r, &v, &items)) return false;
    if (items->count != wanted)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "found %zu values to assign, wanted %zu", items->count, wanted);
    for (node *t = target->list; t; t = t->next) {
        if (!assign(r, t, items->items[i++])) return false;
    }
    return true;
}

/* ---- loops ---- */

/* The items that pass the condition of a `for`. */
static bool filtered(run *r, node *n, const xl_jinja_list **items) {
    value kept;
    xl_jinja_scope *outer = r->scope, *inner = xl_jinja_scope_new(r, outer);
    bool good = inner && xl_jinja_new_list(r, false, &kept);
    r->scope = inner;
    for (size_t i = 0; good && i < (*items)->count; i++) {
        value passed;
        good = assign(r, n->a, (*items)->items[i]) && xl_jinja_evaluate(r, n->c, &passed) &&
               (!xl_jinja_true(&passed) || xl_jinja_append(r, kept.list, (*items)->items[i]));
    }
    r->scope = outer;
    if (good) *items = kept.list;
    return good;
}

static bool loop_body(run *r, node *n, xl_jinja_loop *loop) {
    const value l = {XL_JINJA_LOOP, {.loop = loop}};
    return xl_jinja_scope_set(r, r->scope, (xl_jinja_string){"loop", 4}, l) &&
           assign(r, n->a, loop->items->items[loop->index]) && statements(r, n->list);
}

static bool run_for(run *r, node *n) {
    value over;
    const xl_jinja_list *items;
    if (!xl_jinja_evaluate(r, n->b, &over)) return false;
    r->line = n->line;
    if (!xl_jinja_items(r, &over, &items) || (n->c && !filtered(r, n, &items))) return false;
    if (!items->count) return inside(r, n->other);
    xl_jinja_loop *loop = xl_jinja_memory(r, 1, sizeof *loop);
    if (!loop) return false;
    *loop = (xl_jinja_loop){.items = items, .changed = xl_jinja_undefined("")};
    xl_jinja_scope *outer = r->scope, *inner = xl_jinja_scope_new(r, outer);
    bool good = inner != NULL, whole = false;
    r->scope = inner;
    for (; loop->index < items->count && good; loop->index++) {
        xl_jinja_scope_clear(inner);
        good = loop_body(r, n, loop);
        const int jump = r->jump;
        r->jump = 0;
        whole = whole || !jump;
        if (jump == XL_JINJA_BREAK) break;
    }
    r->scope = outer;
    /* As in jinja2, the part behind else is for a loop whose body never ran to its end. */
    return good && (whole || inside(r, n->other));
}

/* ---- blocks and macros ---- */

/* The text that statements write, instead of writing it; through filters, where there are any. */
static bool captured(run *r, node *body, node *filters, value *out) {
    const size_t mark = r->out.size;
    if (!inside(r, body) || !xl_jinja_take(r, mark, out)) return false;
    if (!filters) return true;
    r->captured = *out;
    return xl_jinja_evaluate(r, filters, out);
}

static bool run_macro_body(run *r, const xl_jinja_macro *macro, const xl_jinja_args *args) {
    node *n = macro->node;
    const int name_bytes = (int)(n->text.bytes < 40 ? n->text.bytes : 40);
    size_t i = 0, named = 0;
    for (node *p = n->other; p; p = p->next, i++) {
        const value *given = i < args->count ? &args->items[i] : NULL;
        value v = {XL_JINJA_UNDEFINED, {.text = p->text}};
        for (size_t k = 0; k < args->named_count; k++) {
            if (!xl_jinja_same(args->named[k].key.text, p->text)) continue;
            if (given)
                return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%.*s: an argument is given twice", name_bytes,
                                     n->text.data);
            given = &args->named[k].value;
            named++;
        }
        if (given) v = *given;
        else if (p->a && !xl_jinja_evaluate(r, p->a, &v)) return false;
        if (!xl_jinja_scope_set(r, r->scope, p->text, v)) return false;
    }
    if (args->count > i || named < args->named_count)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "%.*s: found an argument that the macro does not have",
                             name_bytes, n->text.data);
    return statements(r, n->list);
}

/* What xl_jinja_run.macro is. */
static bool call_macro(run *r, const xl_jinja_macro *macro, const xl_jinja_args *args, value *out) {
    xl_jinja_scope *caller = r->scope;
    const size_t mark = r->out.size;
    r->scope = xl_jinja_scope_new(r, macro->scope);
    const bool good = r->scope && run_macro_body(r, macro, args) && xl_jinja_take(r, mark, out);
    r->scope = caller;
    return good;
}

static bool define_macro(run *r, node *n) {
    xl_jinja_macro *macro = xl_jinja_memory(r, 1, sizeof *macro);
    if (!macro) return false;
    *macro = (xl_jinja_macro){n, r->scope};
    return xl_jinja_scope_set(r, r->scope, n->text, (value){XL_JINJA_MACRO, {.macro = macro}});
}

static bool with_body(run *r, node *n, xl_jinja_scope *outer) {
    for (node *set = n->other; set; set = set->next) {
        xl_jinja_scope *inner = r->scope;
        value v;
        r->scope = outer; /* the values do not see each other */
        const bool good = xl_jinja_evaluate(r, set->b, &v);
        r->scope = inner;
        if (!good || !assign(r, set->a, v)) return false;
    }
    return statements(r, n->list);
}

static bool run_with(run *r, node *n) {
    xl_jinja_scope *outer = r->scope;
    r->scope = xl_jinja_scope_new(r, outer);
    const bool good = r->scope && with_body(r, n, outer);
    r->scope = outer;
    return good;
}

/* ---- statements ---- */

static bool run_if(run *r, node *n) {
    for (node *branch = n->list; branch; branch = branch->next) {
        value condition;
        if (branch->a && !xl_jinja_evaluate(r, branch->a, &condition)) return false;
        if (!branch->a || xl_jinja_true(&condition)) return statements(r, branch->list);
    }
    return true;
}

static bool statement(run *r, node *n) {
    value v;
    switch (n->kind) {
    case XL_JINJA_N_DATA:
        return xl_jinja_put(r, n->text.data, n->text.bytes);
    case XL_JINJA_N_OUTPUT:
        return xl_jinja_evaluate(r, n->a, &v) && xl_jinja_put_str(r, &v);
    case XL_JINJA_N_IF:
        return run_if(r, n);
    case XL_JINJA_N_FOR:
        return run_for(r, n);
    case XL_JINJA_N_SET:
        return xl_jinja_evaluate(r, n->b, &v) && assign(r, n->a, v);
    case XL_JINJA_N_SET_BLOCK:
        return captured(r, n->list, n->b, &v) && assign(r, n->a, v);
    case XL_JINJA_N_FILTER_BLOCK:
        return captured(r, n->list, n->b, &v) && xl_jinja_put_str(r, &v);
    case XL_JINJA_N_WITH:
        return run_with(r, n);
    case XL_JINJA_N_MACRO:
        return define_macro(r, n);
    default:
        r->jump = n->kind == XL_JINJA_N_BREAK ? XL_JINJA_BREAK : XL_JINJA_CONTINUE;
        return true;
    }
}

static bool statements(run *r, node *n) {
    bool good = xl_jinja_enter(r);
    for (; n && good && !r->jump; n = n->next) {
        r->line = n->line;
        good = xl_jinja_charge(r, 1) && statement(r, n);
    }
    xl_jinja_leave(r);
    return good;
}

bool xl_jinja_begin(run *r, const char *name, int64_t now_s, xlstm_error *err) {
    *r = (run){.arena = {.limit = XL_JINJA_MEMORY_MAX},
               .name = name,
               .line = 1,
               .now_s = now_s,
               .err = err,
               .filter = xl_jinja_filter,
               .test = xl_jinja_test,
               .macro = call_macro};
    r->scope = xl_jinja_scope_new(r, NULL);
    return r->scope != NULL;
}

void xl_jinja_end(run *r) {
    xl_jinja_release(&r->arena);
    free(r->out.data);
    r->out = (xl_bytes){NULL, 0, 0};
}

bool xl_jinja_render(run *r, const xl_jinja_node *body) {
    return statements(r, body);
}
