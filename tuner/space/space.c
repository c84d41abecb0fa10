#include "tuner/space/space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Settings that enumeration may look at before it gives up: half a minute. */
#define VISIT_LIMIT (UINT64_C(1) << 27)

struct tune_space {
    tune_param params[TUNE_SPACE_PARAMS];
    size_t count;
    tune_expr **conditions;
    size_t condition_count;
    tune_canonical_key key;
    void *key_context;
    bool sealed;
    uint16_t *index; /* [size][count] */
    size_t size, room;
    uint64_t *keys;  /* [size], only with a canonical key */
    uint32_t *table; /* open addressing over ids */
    size_t table_mask;
};

tune_space *tune_space_create(void) {
    return calloc(1, sizeof(tune_space));
}

void tune_space_destroy(tune_space *s) {
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        tune_param *p = &s->params[i];
        for (uint32_t v = 0; p->values && v < p->count; v++) {
            char *text;
            memcpy(&text, &p->values[v].text, sizeof text); /* owned here, const to everyone else */
            free(text);
        }
        free(p->values);
        free(p->name);
    }
    for (size_t i = 0; i < s->condition_count; i++) tune_expr_destroy(s->conditions[i]);
    free(s->conditions);
    free(s->index);
    free(s->keys);
    free(s->table);
    free(s);
}

static bool same_value(tune_value a, tune_value b) {
    if (a.text || b.text) return a.text && b.text && !strcmp(a.text, b.text);
    return a.number == b.number;
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
    /* a long range is made here and has no duplicates; a list of a user's is short */
    for (size_t i = 0; i < count; i++) {
        char text[64];
        if (!values[i].text && !isfinite(values[i].number)) {
            return xl_fail(err, XLSTM_EARG, "parameter %s: value %zu is not finite", name, i + 1);
        }
        for (size_t j = 0; count <= 4096 && j < i; j++) {
            if (same_value(values[i], values[j])) {
                return xl_fail(err, XLSTM_EARG, "parameter %s: value %s is there twice", name,
                               tune_value_print(values[i], text, sizeof text));
            }
        }
    }
    tune_param *p = &s->params[s->count];
    *p = (tune_param){.affects = affects, .ordered = true, .count = (uint32_t)count, .preset = TUNE_NO_POINT};
    p->moves[0] = 1;
    p->moves[1] = count > 5 ? 2 : 0;
    s->count++; /* from here destroy releases what is there */
    p->name = xl_format("%s", name);
    p->values = calloc(count, sizeof *p->values);
    if (!p->name || !p->values) goto out_of_memory;
    for (size_t i = 0; i < count; i++) {
        p->values[i].number = values[i].number;
        if (!values[i].text) continue;
        p->ordered = false;
        p->values[i].number = 0;
        p->values[i].text = xl_format("%s", values[i].text);
        if (!p->values[i].text) goto out_of_memory;
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

static uint32_t value_index(const tune_param *p, tune_value v) {
    for (uint32_t i = 0; i < p->count; i++) {
        if (same_value(p->values[i], v)) return i;
    }
    return TUNE_NO_POINT;
}

void tune_space_set_preset(tune_space *s, size_t param, tune_value value) {
    s->params[param].preset = value_index(&s->params[param], value);
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

/* ---- sealing ---- */

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

static uint64_t hash_index(const tune_space *s, const uint16_t *index) {
    uint64_t h = s->count;
    for (size_t i = 0; i < s->count; i++) h = mix(h ^ index[i]) + i;
    return h;
}

static void load_values(const tune_space *s, const uint16_t *index, tune_value *values) {
    for (size_t i = 0; i < s->count; i++) values[i] = s->params[i].values[index[i]];
}

/* Slot of a point, or the empty slot where it belongs. */
static size_t slot_of(const tune_space *s, const uint16_t *index, uint64_t key) {
    uint64_t h = s->key ? mix(key) : hash_index(s, index);
    for (size_t at = h & s->table_mask;; at = (at + 1) & s->table_mask) {
        uint32_t id = s->table[at];
        if (id == TUNE_NO_POINT) return at;
        if (s->key ? s->keys[id] == key : !memcmp(tune_space_index(s, id), index, s->count * sizeof *index))
            return at;
    }
}

static int grow_table(tune_space *s, xlstm_error *err) {
    size_t slots = s->table ? 2 * (s->table_mask + 1) : 1024;
    uint32_t *table = xl_array(slots, sizeof *table);
    if (!table) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    memset(table, 0xff, slots * sizeof *table);
    free(s->table);
    s->table = table;
    s->table_mask = slots - 1;
    for (uint32_t id = 0; id < s->size; id++) {
        s->table[slot_of(s, tune_space_index(s, id), s->key ? s->keys[id] : 0)] = id;
    }
    return XLSTM_OK;
}

/* Adds a point unless it is there; *added says which. */
static int add_point(tune_space *s, const uint16_t *index, const tune_value *values, bool *added,
                     xlstm_error *err) {
    *added = false;
    if (!s->table || 2 * (s->size + 1) > s->table_mask) {
        int status = grow_table(s, err);
        if (status) return status;
    }
    uint64_t key = s->key ? s->key(s->key_context, s, values) : 0;
    size_t slot = slot_of(s, index, key);
    if (s->table[slot] != TUNE_NO_POINT) return XLSTM_OK;
    if (s->size == TUNE_SPACE_POINTS) {
        return xl_fail(err, XLSTM_EARG,
                       "the space has more than %d points: narrow a range, widen a step or fix a "
                       "parameter",
                       TUNE_SPACE_POINTS);
    }
    if (s->size == s->room) {
        size_t room = s->room ? 2 * s->room : 256;
        uint16_t *more = realloc(s->index, room * s->count * sizeof *more);
        if (!more) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory for %zu points", room);
        s->index = more;
        if (s->key) {
            uint64_t *keys = realloc(s->keys, room * sizeof *keys);
            if (!keys) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory for %zu points", room);
            s->keys = keys;
        }
        s->room = room;
    }
    memcpy(s->index + s->size * s->count, index, s->count * sizeof *index);
    if (s->key) s->keys[s->size] = key;
    s->table[slot] = (uint32_t)s->size++;
    *added = true;
    return XLSTM_OK;
}

static bool conditions_hold(const tune_space *s, const tune_value *values, int last) {
    for (size_t i = 0; i < s->condition_count; i++) {
        if (last >= -1 && tune_expr_last_name(s->conditions[i]) != last) continue;
        if (!tune_expr_true(s->conditions[i], values)) return false;
    }
    return true;
}

int tune_space_seal(tune_space *s, xlstm_error *err) {
    uint16_t index[TUNE_SPACE_PARAMS] = {0};
    tune_value values[TUNE_SPACE_PARAMS] = {{0}};
    if (s->sealed || !s->count) return xl_fail(err, XLSTM_EARG, "the space has no parameter");
    if (s->count && !conditions_hold(s, values, -1))
        return xl_fail(err, XLSTM_EARG, "no point of the space exists");
    /* depth first, a condition is decided as soon as its last parameter is set */
    size_t depth = 0;
    uint64_t visited = 0;
    bool down = true; /* index[depth] has not been tried yet */
    for (;;) {
        if (!down && ++index[depth] >= s->params[depth].count) {
            if (!depth) break;
            index[depth--] = 0;
            continue;
        }
        if (++visited > VISIT_LIMIT) {
            return xl_fail(err, XLSTM_EARG,
                           "the space is too large to enumerate: narrow a range or fix a parameter");
        }
        values[depth] = s->params[depth].values[index[depth]];
        down = false;
        if (!conditions_hold(s, values, (int)depth)) continue;
        if (depth + 1 < s->count) {
            index[++depth] = 0;
            down = true;
            continue;
        }
        bool added;
        int status = add_point(s, index, values, &added, err);
        if (status) return status;
    }
    if (!s->size) {
        return xl_fail(err, XLSTM_EARG, "no point of the space satisfies its %zu conditions", s->condition_count);
    }
    s->sealed = true;
    return XLSTM_OK;
}

int tune_space_seal_points(tune_space *s, const uint16_t *index, size_t count, xlstm_error *err) {
    tune_value values[TUNE_SPACE_PARAMS];
    s->key = NULL;
    if (s->sealed || !s->count || !count) return xl_fail(err, XLSTM_EARG, "the space has no parameter or no point");
    for (size_t i = 0; i < count; i++) {
        const uint16_t *row = index + i * s->count;
        for (size_t p = 0; p < s->count; p++) {
            if (row[p] >= s->params[p].count) {
                return xl_fail(err, XLSTM_EARG, "point %zu: parameter %s has no value %u", i, s->params[p].name,
                               row[p]);
            }
        }
        bool added;
        load_values(s, row, values);
        int status = add_point(s, row, values, &added, err);
        if (status) return status;
        if (!added) return xl_fail(err, XLSTM_EARG, "point %zu is there twice", i);
    }
    s->sealed = true;
    return XLSTM_OK;
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

size_t tune_space_size(const tune_space *s) {
    return s->sealed ? s->size : 0;
}

const uint16_t *tune_space_index(const tune_space *s, uint32_t point) {
    return s->index + (size_t)point * s->count;
}

tune_value tune_space_value(const tune_space *s, uint32_t point, size_t param) {
    return s->params[param].values[tune_space_index(s, point)[param]];
}

uint32_t tune_space_find(const tune_space *s, const uint16_t *index) {
    uint64_t key = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (index[i] >= s->params[i].count) return TUNE_NO_POINT;
    }
    if (s->key) {
        tune_value values[TUNE_SPACE_PARAMS];
        load_values(s, index, values);
        if (!conditions_hold(s, values, -2)) return TUNE_NO_POINT;
        key = s->key(s->key_context, s, values);
    }
    return s->table[slot_of(s, index, key)];
}

uint32_t tune_space_find_values(const tune_space *s, const tune_value *values) {
    uint16_t index[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < s->count; i++) {
        uint32_t v = value_index(&s->params[i], values[i]);
        if (v == TUNE_NO_POINT) return TUNE_NO_POINT;
        index[i] = (uint16_t)v;
    }
    return tune_space_find(s, index);
}

uint32_t tune_space_preset_point(const tune_space *s) {
    uint16_t index[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < s->count; i++) {
        if (s->params[i].preset == TUNE_NO_POINT) return TUNE_NO_POINT;
        index[i] = (uint16_t)s->params[i].preset;
    }
    return tune_space_find(s, index);
}

uint32_t tune_space_nearest(const tune_space *s, const tune_value *values) {
    uint16_t index[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < s->count; i++) {
        const tune_param *p = &s->params[i];
        uint32_t v = value_index(p, values[i]);
        if (v == TUNE_NO_POINT) v = p->preset == TUNE_NO_POINT ? 0 : p->preset;
        for (uint32_t j = 0; p->ordered && !values[i].text && j < p->count; j++) {
            if (fabs(p->values[j].number - values[i].number) < fabs(p->values[v].number - values[i].number)) v = j;
        }
        index[i] = (uint16_t)v;
    }
    uint32_t best = tune_space_find(s, index);
    if (best != TUNE_NO_POINT) return best;
    uint64_t best_steps = UINT64_MAX;
    for (uint32_t id = 0; id < s->size; id++) {
        const uint16_t *row = tune_space_index(s, id);
        uint64_t steps = 0;
        for (size_t i = 0; i < s->count; i++) {
            int d = abs((int)row[i] - (int)index[i]);
            steps += s->params[i].ordered ? (uint64_t)d : d != 0;
        }
        if (steps < best_steps) {
            best_steps = steps;
            best = id;
        }
    }
    return best;
}

size_t tune_space_neighbours(const tune_space *s, uint32_t point, tune_near near, uint32_t *out, size_t room) {
    uint16_t index[TUNE_SPACE_PARAMS];
    const uint16_t *own = tune_space_index(s, point);
    memcpy(index, own, s->count * sizeof *index);
    size_t found = 0;
    for (size_t i = 0; i < s->count; i++) {
        const tune_param *p = &s->params[i];
        bool steps = near == TUNE_NEAR_ADJACENT && p->ordered;
        uint32_t from = steps && own[i] ? own[i] - 1u : 0;
        uint32_t to = steps && own[i] + 1u < p->count ? own[i] + 1u : steps ? own[i] : p->count - 1;
        for (uint32_t v = from; v <= to; v++) {
            if (v == own[i]) continue;
            index[i] = (uint16_t)v;
            uint32_t id = tune_space_find(s, index);
            if (id == TUNE_NO_POINT || id == point) continue;
            bool known = false; /* settings that are the same point exist only with a canonical key */
            for (size_t j = 0; s->key && j < found && j < room && !known; j++) known = out[j] == id;
            if (known) continue;
            if (found < room) out[found] = id;
            found++;
        }
        index[i] = own[i];
    }
    return found;
}

/* ---- printing ---- */

char *tune_value_print(tune_value v, char *out, size_t bytes) {
    if (v.text) snprintf(out, bytes, "%s", v.text);
    else if (v.number == floor(v.number) && fabs(v.number) < 0x1p53) snprintf(out, bytes, "%.0f", v.number);
    else snprintf(out, bytes, "%.9g", v.number);
    return out;
}

char *tune_space_print(const tune_space *s, uint32_t point, char *out, size_t bytes) {
    size_t used = 0;
    if (bytes) out[0] = 0;
    for (size_t i = 0; i < s->count && used < bytes; i++) {
        char text[64];
        tune_value_print(tune_space_value(s, point, i), text, sizeof text);
        int n = snprintf(out + used, bytes - used, "%s%s=%s", i ? " " : "", s->params[i].name, text);
        used += n > 0 ? (size_t)n : 0;
    }
    return out;
}

static json_t *value_json(tune_value v) {
    if (v.text) return json_string(v.text);
    if (v.number == floor(v.number) && fabs(v.number) < 0x1p53) return json_integer((json_int_t)v.number);
    return json_real(v.number);
}

json_t *tune_space_point_json(const tune_space *s, uint32_t point) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < s->count; i++) {
        if (json_object_set_new(object, s->params[i].name, value_json(tune_space_value(s, point, i)))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *tune_space_json(const tune_space *s) {
    json_t *object = json_object();
    bool failed = !object;
    for (size_t i = 0; !failed && i < s->count; i++) {
        json_t *list = json_array();
        for (uint32_t v = 0; v < s->params[i].count; v++) {
            failed |= json_array_append_new(list, value_json(s->params[i].values[v])) != 0;
        }
        failed |= json_object_set_new(object, s->params[i].name, list) != 0;
    }
    if (!failed && s->condition_count) {
        json_t *list = json_array();
        for (size_t i = 0; i < s->condition_count; i++) {
            failed |= json_array_append_new(list, json_string(tune_expr_source(s->conditions[i]))) != 0;
        }
        failed |= json_object_set_new(object, "conditions", list) != 0;
    }
    if (!failed) return object;
    json_decref(object);
    return NULL;
}
