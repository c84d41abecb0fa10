#include "tuner/space/space.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/space/space_impl.h"

tune_space *tune_space_create(void) {
    return calloc(1, sizeof(tune_space));
}

static void release_param(tune_param *p) {
    for (uint32_t v = 0; p->declared && v < p->declared_count; v++) {
        char *text;
        memcpy(&text, &p->declared[v].text, sizeof text); /* the text is owned here, but const for everyone else */
        free(text);
    }
    if (p->values != p->declared) free(p->values);
    free(p->declared);
    free(p->stands);
    free(p->place);
    free(p->name);
}

static void release_points(tune_points *p) {
    if (!p) return;
    for (size_t i = 0; i < p->blocks; i++) free(p->block[i]);
    free(p->block);
    free(p->keys);
    free(p->table);
    free(p);
}

void tune_space_destroy(tune_space *s) {
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        release_param(&s->params[i]);
        tune_value_map_release(&s->declared[i]);
    }
    for (size_t i = 0; i < s->condition_count; i++) tune_expr_destroy(s->conditions[i]);
    free(s->conditions);
    release_points(s->points);
    free(s);
}

static bool same_name(const char *a, const char *b) {
    for (; *a || *b; a++, b++) {
        char x = *a == '-' ? '_' : *a, y = *b == '-' ? '_' : *b;
        if (x != y) return false;
    }
    return true;
}

int tune_space_find_param(const tune_space *s, const char *name) {
    for (size_t i = 0; i < s->count; i++) {
        if (same_name(s->params[i].name, name)) return (int)i;
    }
    return -1;
}

/* Removes the last parameter again and reports why. */
static int refuse_param(tune_space *s, xlstm_error *err, const char *format, ...) XLSTM_PRINTF(3, 4);
static int refuse_param(tune_space *s, xlstm_error *err, const char *format, ...) {
    char why[160];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    s->count--;
    int status = xl_fail(err, XLSTM_EARG, "parameter %s: %s", s->params[s->count].name, why);
    release_param(&s->params[s->count]);
    tune_value_map_release(&s->declared[s->count]);
    return status;
}

int tune_space_add_list(tune_space *s, const char *name, unsigned affects, const tune_value *values, size_t count,
                        xlstm_error *err) {
    if (s->sealed) return xl_fail(err, XLSTM_EINTERNAL, "parameter %s: the space is sealed", name);
    if (tune_space_find_param(s, name) >= 0) return xl_fail(err, XLSTM_EARG, "parameter %s: given twice", name);
    if (s->count == TUNE_SPACE_PARAMS) {
        return xl_fail(err, XLSTM_EARG, "parameter %s: more than %d parameters", name, TUNE_SPACE_PARAMS);
    }
    if (!count || count > TUNE_SPACE_VALUES) {
        return xl_fail(err, XLSTM_EARG, "parameter %s: %zu values, wanted 1 to %d", name, count, TUNE_SPACE_VALUES);
    }
    tune_param *p = &s->params[s->count];
    tune_value_map *map = &s->declared[s->count];
    *p = (tune_param){.affects = affects,
                      .ordered = true,
                      .count = (uint32_t)count,
                      .declared_count = (uint32_t)count,
                      .preset = TUNE_NO_POINT};
    p->moves[0] = 1;
    p->moves[1] = count > 5 ? 2 : 0;
    s->count++; /* from here on destroy frees it */
    p->name = xl_format("%s", name);
    p->values = p->declared = calloc(count, sizeof *p->declared);
    if (!p->name || !p->declared || !tune_value_map_init(map, count)) goto out_of_memory;
    for (size_t i = 0; i < count; i++) {
        char text[64];
        p->declared[i].number = values[i].text ? 0 : values[i].number;
        if (values[i].text) {
            p->ordered = false;
            p->declared[i].text = xl_format("%s", values[i].text);
            if (!p->declared[i].text) goto out_of_memory;
        } else if (!isfinite(values[i].number)) {
            return refuse_param(s, err, "value %zu is not finite", i + 1);
        }
        if (tune_value_map_add(map, p->declared, (uint32_t)i) != i)
            return refuse_param(s, err, "value %s is there twice", tune_value_print(values[i], text, sizeof text));
    }
    return XLSTM_OK;
out_of_memory:
    return xl_fail(err, XLSTM_ENOMEM, "parameter %s: out of memory", name);
}

static int add_series(tune_space *s, const char *name, unsigned affects, int64_t first, int64_t max, int64_t step,
                      bool doubling, xlstm_error *err) {
    size_t count = 0;
    tune_value *values = xl_array(TUNE_SPACE_VALUES, sizeof *values);
    if (!values) return xl_fail(err, XLSTM_ENOMEM, "parameter %s: out of memory", name);
    for (int64_t v = first; v <= max && count < TUNE_SPACE_VALUES;) {
        values[count++] = (tune_value){.number = (double)v};
        if (__builtin_add_overflow(v, doubling ? v : step, &v)) break;
    }
    int status = tune_space_add_list(s, name, affects, values, count, err);
    free(values);
    return status;
}

int tune_space_add_range(tune_space *s, const char *name, unsigned affects, int64_t min, int64_t max, int64_t step,
                         xlstm_error *err) {
    if (max < min) {
        return xl_fail(err, XLSTM_EARG, "parameter %s: min %lld is greater than max %lld", name, (long long)min,
                       (long long)max);
    }
    if (step < 1)
        return xl_fail(err, XLSTM_EARG, "parameter %s: step %lld, wanted at least 1", name, (long long)step);
    double values = floor(((double)max - (double)min) / (double)step) + 1;
    if (values > TUNE_SPACE_VALUES || fabs((double)min) > 0x1p53 || fabs((double)max) > 0x1p53) {
        return xl_fail(err, XLSTM_EARG, "parameter %s: %.0f values from %lld to %lld, wanted at most %d", name,
                       values, (long long)min, (long long)max, TUNE_SPACE_VALUES);
    }
    return add_series(s, name, affects, min, max, step, false, err);
}

int tune_space_add_powers(tune_space *s, const char *name, unsigned affects, int64_t min, int64_t max,
                          xlstm_error *err) {
    int64_t first = 1;
    while (first < min && first < INT64_C(1) << 52) first *= 2;
    if (min < 1 || first > max) {
        return xl_fail(err, XLSTM_EARG, "parameter %s: no power of two from %lld to %lld", name, (long long)min,
                       (long long)max);
    }
    return add_series(s, name, affects, first, max, 0, true, err);
}

int tune_space_add_condition(tune_space *s, const char *expression, xlstm_error *err) {
    if (s->sealed) return xl_fail(err, XLSTM_EINTERNAL, "condition \"%s\": the space is sealed", expression);
    const char *names[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < s->count; i++) names[i] = s->params[i].name;
    tune_expr **more = realloc(s->conditions, (s->condition_count + 1) * sizeof *more);
    if (!more) return xl_fail(err, XLSTM_ENOMEM, "condition: out of memory");
    s->conditions = more;
    int status = tune_expr_parse(expression, names, s->count, &s->conditions[s->condition_count], err);
    if (!status) s->condition_count++;
    return status;
}

/* ---- merging values that are equal in effect ---- */

typedef struct ranked {
    int64_t comes_to;
    uint32_t declared;
} ranked;

static int by_effect(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->comes_to != y->comes_to) return x->comes_to < y->comes_to ? -1 : 1;
    return x->declared < y->declared ? -1 : 1;
}

static bool conditioned(const tune_space *s, size_t param) {
    bool uses = false;
    for (size_t i = 0; i < s->condition_count; i++) uses |= tune_expr_uses(s->conditions[i], (int)param);
    return uses;
}

int tune_space_merge(tune_space *s, size_t param, const int64_t *comes_to, xlstm_error *err) {
    tune_param *p = &s->params[param];
    const uint32_t n = p->declared_count;
    if (s->sealed || p->stands) return xl_fail(err, XLSTM_EINTERNAL, "parameter %s: merged late", p->name);
    if (conditioned(s, param)) return XLSTM_OK;
    ranked *order = xl_array(n, sizeof *order);
    uint32_t *first = xl_array(n, sizeof *first); /* the first declared value of each group of equal ones */
    tune_value *values = xl_array(n, sizeof *values);
    uint16_t *stands = xl_array(n, sizeof *stands), *place = xl_array(n, sizeof *place);
    if (!order || !first || !values || !stands || !place) goto out_of_memory;
    for (uint32_t i = 0; i < n; i++) order[i] = (ranked){comes_to[i], i};
    qsort(order, n, sizeof *order, by_effect);
    for (uint32_t i = 0; i < n; i++) {
        bool same = i && order[i].comes_to == order[i - 1].comes_to;
        first[order[i].declared] = same ? first[order[i - 1].declared] : order[i].declared;
    }
    p->count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (first[i] == i) {
            values[p->count] = p->declared[i];
            place[p->count] = (uint16_t)i;
            stands[i] = (uint16_t)p->count++;
        } else {
            stands[i] = stands[first[i]];
        }
    }
    p->values = values;
    p->stands = stands;
    p->place = place;
    free(order);
    free(first);
    return XLSTM_OK;
out_of_memory:
    free(order);
    free(first);
    free(values);
    free(stands);
    free(place);
    return xl_fail(err, XLSTM_ENOMEM, "parameter %s: out of memory", p->name);
}

uint32_t tune_space_find_value(const tune_space *s, size_t param, tune_value v) {
    const tune_param *p = &s->params[param];
    uint32_t i = tune_value_map_find(&s->declared[param], p->declared, v);
    return i == TUNE_NO_POINT || !p->stands ? i : p->stands[i];
}

void tune_space_set_preset(tune_space *s, size_t param, tune_value value) {
    s->params[param].preset = tune_space_find_value(s, param, value);
}

void tune_space_set_original(tune_space *s, size_t param, tune_draw draw, uint32_t move0, uint32_t move1) {
    s->params[param].draw = draw;
    s->params[param].moves[0] = move0;
    s->params[param].moves[1] = move1;
}

void tune_space_set_canonical(tune_space *s, tune_canonical_key key, void *context) {
    s->key = key;
    s->key_context = context;
}

/* ---- reading ---- */

size_t tune_space_params(const tune_space *s) {
    return s->count;
}

const tune_param *tune_space_param(const tune_space *s, size_t i) {
    return &s->params[i];
}

unsigned tune_space_affects(const tune_space *s) {
    unsigned affects = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->params[i].count > 1) affects |= s->params[i].affects;
    }
    return affects;
}
