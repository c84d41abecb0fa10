#include "format/jinja/jinja_tests.h"

#include "format/jinja/jinja_compare.h"
#include "format/jinja/jinja_text.h"

/* Tests by the kind of a value, as a set of bits. */
#define KIND(kind) (1u << XL_JINJA_##kind)
static const struct {
    const char *name;
    unsigned kinds;
} by_kind[] = {
    {"defined", ~KIND(UNDEFINED)},
    {"undefined", KIND(UNDEFINED)},
    {"none", KIND(NONE)},
    {"boolean", KIND(BOOL)},
    {"integer", KIND(INT)},
    {"float", KIND(FLOAT)},
    {"number", KIND(BOOL) | KIND(INT) | KIND(FLOAT)},
    {"string", KIND(STRING)},
    {"mapping", KIND(DICT)},
    {"sequence", KIND(STRING) | KIND(LIST) | KIND(DICT) | KIND(UNDEFINED)},
    {"iterable", KIND(STRING) | KIND(LIST) | KIND(DICT) | KIND(UNDEFINED) | KIND(LOOP)},
    {"callable", KIND(FUNCTION) | KIND(MACRO) | KIND(LOOP) | KIND(UNDEFINED)},
};
#undef KIND

static const struct {
    const char *name;
    xl_jinja_relation relation;
} by_relation[] = {
    {"eq", XL_JINJA_EQ},          {"equalto", XL_JINJA_EQ}, {"==", XL_JINJA_EQ},       {"ne", XL_JINJA_NE},
    {"!=", XL_JINJA_NE},          {"lt", XL_JINJA_LT},      {"lessthan", XL_JINJA_LT}, {"<", XL_JINJA_LT},
    {"le", XL_JINJA_LE},          {"<=", XL_JINJA_LE},      {"gt", XL_JINJA_GT},       {">", XL_JINJA_GT},
    {"greaterthan", XL_JINJA_GT}, {"ge", XL_JINJA_GE},      {">=", XL_JINJA_GE},       {"in", XL_JINJA_IN},
};

/* The only argument; NULL after a failure. */
static const xl_jinja_value *only(xl_jinja_run *r, const char *what, const xl_jinja_args *args) {
    if (args->count == 1 && !args->named_count) return &args->items[0];
    xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "is %s: wanted one argument", what);
    return NULL;
}

static bool divisible(xl_jinja_run *r, const char *what, const xl_jinja_value *in, const xl_jinja_value *by,
                      bool *out) {
    int64_t number, divisor;
    if (!xl_jinja_integer(in, &number) || !xl_jinja_integer(by, &divisor) || !divisor)
        return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "is %s: wanted an int, and no 0 to divide by", what);
    *out = divisor == -1 || number % divisor == 0;
    return true;
}

static bool one_case(xl_jinja_run *r, xl_jinja_value in, bool capitals, bool *out) {
    xl_jinja_string text;
    bool some = false, other = false;
    if (!xl_jinja_str(r, &in, &text)) return false;
    for (size_t at = 0; at < text.bytes;) {
        const uint32_t cp = xl_jinja_next(text, &at);
        some = some || (capitals ? xl_jinja_is_upper(cp) : xl_jinja_is_lower(cp));
        other = other || (capitals ? xl_jinja_is_lower(cp) : xl_jinja_is_upper(cp));
    }
    *out = some && !other;
    return xl_jinja_charge(r, text.bytes / 8);
}

/* The same object: of true, false and none there is one each. */
static bool same_object(const xl_jinja_value *a, const xl_jinja_value *b) {
    if (a->kind != b->kind) return false;
    return a->kind <= XL_JINJA_STRING ? xl_jinja_same_key(a, b) : a->list == b->list;
}

bool xl_jinja_test(xl_jinja_run *r, xl_jinja_string name, xl_jinja_value in, const xl_jinja_args *args, bool *out) {
    const xl_jinja_value *argument;
    const xl_jinja_value two = xl_jinja_int(2);
    if (!xl_jinja_charge(r, 1)) return false;
    for (size_t i = 0; i < sizeof by_kind / sizeof *by_kind; i++) {
        if (!xl_jinja_is(name, by_kind[i].name)) continue;
        *out = (by_kind[i].kinds >> in.kind) & 1;
        return true;
    }
    for (size_t i = 0; i < sizeof by_relation / sizeof *by_relation; i++) {
        if (!xl_jinja_is(name, by_relation[i].name)) continue;
        argument = only(r, by_relation[i].name, args);
        return argument && xl_jinja_compare(r, by_relation[i].relation, &in, argument, out);
    }
    if (xl_jinja_is(name, "true") || xl_jinja_is(name, "false")) {
        *out = in.kind == XL_JINJA_BOOL && in.flag == xl_jinja_is(name, "true");
        return true;
    }
    if (xl_jinja_is(name, "upper")) return one_case(r, in, true, out);
    if (xl_jinja_is(name, "lower")) return one_case(r, in, false, out);
    if (xl_jinja_is(name, "even")) return divisible(r, "even", &in, &two, out);
    if (xl_jinja_is(name, "odd")) {
        if (!divisible(r, "odd", &in, &two, out)) return false;
        *out = !*out;
        return true;
    }
    if (xl_jinja_is(name, "divisibleby")) {
        argument = only(r, "divisibleby", args);
        return argument && divisible(r, "divisibleby", &in, argument, out);
    }
    if (xl_jinja_is(name, "sameas")) {
        argument = only(r, "sameas", args);
        if (argument) *out = same_object(&in, argument);
        return argument != NULL;
    }
    return xl_jinja_fail(r, XLSTM_EUNSUPPORTED, "the test \"%.*s\" is not known here",
                         (int)(name.bytes < 40 ? name.bytes : 40), name.data);
}
