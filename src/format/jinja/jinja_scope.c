#include "format/jinja/jinja_scope.h"

typedef struct variable {
    xl_jinja_string name;
    xl_jinja_value value;
    struct variable *next;
} variable;

struct xl_jinja_scope {
    xl_jinja_scope *outer;
    variable *first, *spare;
};

xl_jinja_scope *xl_jinja_scope_new(xl_jinja_run *r, xl_jinja_scope *outer) {
    xl_jinja_scope *scope = xl_jinja_memory(r, 1, sizeof *scope);
    if (scope) *scope = (xl_jinja_scope){.outer = outer};
    return scope;
}

void xl_jinja_scope_clear(xl_jinja_scope *scope) {
    while (scope->first) {
        variable *v = scope->first;
        scope->first = v->next;
        v->next = scope->spare;
        scope->spare = v;
    }
}

static variable *find(const xl_jinja_scope *scope, xl_jinja_string name) {
    variable *v = scope->first;
    while (v && !xl_jinja_same(v->name, name)) v = v->next;
    return v;
}

bool xl_jinja_scope_set(xl_jinja_run *r, xl_jinja_scope *scope, xl_jinja_string name, xl_jinja_value value) {
    variable *v = find(scope, name);
    if (!v) {
        v = scope->spare;
        if (v) scope->spare = v->next;
        else v = xl_jinja_memory(r, 1, sizeof *v);
        if (!v) return false;
        *v = (variable){.name = name, .next = scope->first};
        scope->first = v;
    }
    v->value = value;
    return xl_jinja_charge(r, 1);
}

bool xl_jinja_scope_get(xl_jinja_run *r, const xl_jinja_scope *scope, xl_jinja_string name, xl_jinja_value *out) {
    for (; scope; scope = scope->outer) {
        if (!xl_jinja_charge(r, 1)) return false;
        const variable *v = find(scope, name);
        if (!v) continue;
        *out = v->value;
        return true;
    }
    *out = (xl_jinja_value){XL_JINJA_UNDEFINED, {.text = name}};
    return true;
}
