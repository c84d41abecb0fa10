/* The points of a space: walking, counting where that is quick, finding, drawing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/space/space_impl.h"

enum {
    BLOCK = 1024,        /* number of points whose indexes lie in one block of memory */
    DRAWS = 64,          /* settings drawn at random before the conditions are used to guide the drawing */
    LED_STEPS = 1 << 14, /* values tried in one guided draw */
    LED_DRAWS = 4        /* guided draws that are started */
};

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

static uint64_t key_of(const tune_space *s, const uint16_t *index, const tune_value *values) {
    if (s->key) return s->key(s->key_context, s, values);
    uint64_t h = s->count;
    for (size_t i = 0; i < s->count; i++) h = mix(h ^ index[i]) + i;
    return h;
}

static void load_values(const tune_space *s, const uint16_t *index, tune_value *values) {
    for (size_t i = 0; i < s->count; i++) values[i] = s->params[i].values[index[i]];
}

/* Whether the conditions that parameter `last` decides are true; -1: those that use no parameter. */
static bool decided_hold(const tune_space *s, const tune_value *values, int last) {
    for (size_t i = 0; i < s->condition_count; i++) {
        if (tune_expr_last_name(s->conditions[i]) == last && !tune_expr_true(s->conditions[i], values))
            return false;
    }
    return true;
}

static bool conditions_hold(const tune_space *s, const tune_value *values) {
    for (size_t i = 0; i < s->condition_count; i++) {
        if (!tune_expr_true(s->conditions[i], values)) return false;
    }
    return true;
}

/* ---- walking ---- */

/* Walks depth first; a condition is checked as soon as its last parameter has a value. */
tune_walked tune_space_walk(const tune_space *s, tune_walk *w, uint64_t *steps) {
    tune_value values[TUNE_SPACE_PARAMS];
    if (!w->begun && !decided_hold(s, NULL, -1)) return TUNE_WALK_END;
    w->begun = true;
    for (size_t i = 0; i < w->depth; i++)
        values[i] = w->declared ? s->params[i].declared[w->index[i]] : s->params[i].values[w->index[i]];
    for (;;) {
        const tune_param *p = &s->params[w->depth];
        const uint32_t count = w->declared ? p->declared_count : p->count;
        if (w->tried && w->index[w->depth] + 1u >= count) {
            if (!w->depth) return TUNE_WALK_END;
            w->depth--;
            continue;
        }
        if (w->tried) w->index[w->depth]++;
        w->tried = false;
        if (!*steps) return TUNE_WALK_TIRED;
        --*steps;
        values[w->depth] = (w->declared ? p->declared : p->values)[w->index[w->depth]];
        w->tried = true;
        if (!decided_hold(s, values, (int)w->depth)) continue;
        if (w->depth + 1 == s->count) return TUNE_WALK_SETTING;
        w->index[++w->depth] = 0;
        w->tried = false;
    }
}

/* ---- ids ---- */

static uint16_t *index_at(const tune_space *s, size_t id) {
    return s->points->block[id / BLOCK] + id % BLOCK * s->count;
}

/* Returns the slot of a point in the table, or the empty slot where it belongs. */
static size_t slot_of(const tune_space *s, const uint16_t *index, uint64_t key) {
    const tune_points *p = s->points;
    for (size_t at = mix(key) & p->table_mask;; at = (at + 1) & p->table_mask) {
        uint32_t id = p->table[at];
        if (id == TUNE_NO_POINT) return at;
        if (p->keys[id] == key && (s->key || !memcmp(index_at(s, id), index, s->count * sizeof *index))) return at;
    }
}

static bool grow_table(const tune_space *s) {
    tune_points *p = s->points;
    size_t slots = p->table ? 2 * (p->table_mask + 1) : 1024;
    uint32_t *table = xl_array(slots, sizeof *table);
    if (!table) return false;
    memset(table, 0xff, slots * sizeof *table);
    free(p->table);
    p->table = table;
    p->table_mask = slots - 1;
    for (uint32_t id = 0; id < p->size; id++) p->table[slot_of(s, index_at(s, id), p->keys[id])] = id;
    return true;
}

static bool reserve_block(const tune_space *s) {
    tune_points *p = s->points;
    if (p->size / BLOCK < p->blocks) return true;
    if (p->blocks == p->block_room) {
        size_t room = p->block_room ? 2 * p->block_room : 16;
        uint16_t **block = realloc(p->block, room * sizeof *block);
        uint64_t *keys = block ? realloc(p->keys, room * BLOCK * sizeof *keys) : NULL;
        if (block) p->block = block;
        if (!keys) return false;
        p->keys = keys;
        p->block_room = room;
    }
    p->block[p->blocks] = xl_array(BLOCK * s->count, sizeof **p->block);
    if (!p->block[p->blocks]) return false;
    p->blocks++;
    return true;
}

/* Returns the id of a setting that exists, and gives it a new one where it had none; TUNE_NO_POINT when out of
 * memory. */
static uint32_t intern(const tune_space *s, const uint16_t *index, const tune_value *values) {
    tune_points *p = s->points;
    if ((!p->table || 2 * (p->size + 1) > p->table_mask) && !grow_table(s)) return TUNE_NO_POINT;
    assert(p->table); /* it was grown here or before */
    const uint64_t key = key_of(s, index, values);
    const size_t slot = slot_of(s, index, key);
    if (p->table[slot] != TUNE_NO_POINT) return p->table[slot];
    if (p->size == TUNE_NO_POINT || !reserve_block(s)) return TUNE_NO_POINT;
    memcpy(index_at(s, p->size), index, s->count * sizeof *index);
    p->keys[p->size] = key;
    p->table[slot] = (uint32_t)p->size;
    return (uint32_t)p->size++;
}

/* Removes the newest ids. Each took the first empty slot of its probe sequence, so removing them in reverse order
 * restores the table as it was before. */
void tune_space_forget(const tune_space *s, size_t known) {
    tune_points *p = s->points;
    if (s->counted) return;
    while (p->size > known) {
        p->size--;
        p->table[slot_of(s, index_at(s, p->size), p->keys[p->size])] = TUNE_NO_POINT;
    }
}

/* ---- drawing ---- */

/* Draws values at random, one parameter after the other, going back where a condition that a parameter decides is
 * false. */
static bool draw_led(const tune_space *s, xl_rng *rng, uint16_t *index) {
    tune_value values[TUNE_SPACE_PARAMS];
    uint32_t start[TUNE_SPACE_PARAMS], tried[TUNE_SPACE_PARAMS];
    size_t depth = 0;
    start[0] = (uint32_t)xl_rng_below(rng, s->params[0].count);
    tried[0] = 0;
    for (int step = 0; step < LED_STEPS; step++) {
        const tune_param *p = &s->params[depth];
        if (tried[depth] == p->count) {
            if (!depth) return false;
            depth--;
            continue;
        }
        index[depth] = (uint16_t)((start[depth] + tried[depth]++) % p->count);
        values[depth] = p->values[index[depth]];
        if (!decided_hold(s, values, (int)depth)) continue;
        if (depth + 1 == s->count) return true;
        depth++;
        start[depth] = (uint32_t)xl_rng_below(rng, s->params[depth].count);
        tried[depth] = 0;
    }
    return false;
}

static bool draw(const tune_space *s, xl_rng *rng, uint16_t *index) {
    tune_value values[TUNE_SPACE_PARAMS];
    for (int i = 0; i < DRAWS; i++) {
        for (size_t p = 0; p < s->count; p++) index[p] = (uint16_t)xl_rng_below(rng, s->params[p].count);
        load_values(s, index, values);
        if (conditions_hold(s, values)) return true;
    }
    for (int i = 0; i < LED_DRAWS; i++) {
        if (draw_led(s, rng, index)) return true;
    }
    return false;
}

uint32_t tune_space_random(const tune_space *s, xl_rng *rng) {
    uint16_t index[TUNE_SPACE_PARAMS] = {0};
    tune_value values[TUNE_SPACE_PARAMS];
    if (s->counted) return (uint32_t)xl_rng_below(rng, s->points->size);
    if (!draw(s, rng, index)) return 0;
    load_values(s, index, values);
    uint32_t point = intern(s, index, values);
    return point == TUNE_NO_POINT ? 0 : point;
}

/* ---- sealing ---- */

static size_t product(const tune_space *s, bool declared) {
    size_t n = 1;
    for (size_t i = 0; i < s->count; i++) {
        const tune_param *p = &s->params[i];
        if (!xl_mul(n, declared ? p->declared_count : p->count, &n)) return SIZE_MAX;
    }
    return n;
}

/* Returns the number of settings over the declared values, from the number over values that differ. Merged
 * parameters appear in no condition, so their numbers can be multiplied. */
static size_t with_equals(const tune_space *s, size_t settings) {
    for (size_t i = 0; i < s->count; i++) {
        const tune_param *p = &s->params[i];
        if (p->stands && !xl_mul(settings / p->count, p->declared_count, &settings)) return SIZE_MAX;
    }
    return settings;
}

/* Walks all settings and gives each point its id, unless there are too many. */
static int count_points(tune_space *s, xlstm_error *err) {
    tune_walk w = {0};
    tune_value values[TUNE_SPACE_PARAMS];
    uint64_t steps = product(s, false) <= TUNE_SPACE_COUNTED ? UINT64_MAX : 2 * TUNE_SPACE_COUNTED;
    tune_walked walked;
    while ((walked = tune_space_walk(s, &w, &steps)) == TUNE_WALK_SETTING) {
        load_values(s, w.index, values);
        if (intern(s, w.index, values) == TUNE_NO_POINT) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
        s->settings++;
    }
    s->counted = walked == TUNE_WALK_END;
    return XLSTM_OK;
}

/* Finds one point of a space that is not counted, to prove that there is one; it gets id 0. */
static int find_first(tune_space *s, xlstm_error *err) {
    uint16_t index[TUNE_SPACE_PARAMS] = {0};
    tune_value values[TUNE_SPACE_PARAMS];
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    if (s->points->size) {
        tune_space_forget(s, 1);
        return XLSTM_OK;
    }
    if (!draw(s, &rng, index))
        return xl_fail(err, XLSTM_EARG,
                       "no point of the space that satisfies its %zu conditions was found: fix a parameter or "
                       "narrow a range",
                       s->condition_count);
    load_values(s, index, values);
    return intern(s, index, values) == TUNE_NO_POINT ? xl_fail(err, XLSTM_ENOMEM, "space: out of memory")
                                                     : XLSTM_OK;
}

int tune_space_seal(tune_space *s, xlstm_error *err) {
    if (s->sealed || !s->count) return xl_fail(err, XLSTM_EARG, "the space has no parameter");
    s->points = calloc(1, sizeof *s->points);
    if (!s->points) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    int status = XLSTM_OK;
    if (s->condition_count || product(s, false) <= TUNE_SPACE_COUNTED) status = count_points(s, err);
    if (status) return status;
    if (s->counted && !s->points->size)
        return xl_fail(err, XLSTM_EARG, "no point of the space satisfies its %zu condition%s", s->condition_count,
                       s->condition_count == 1 ? "" : "s");
    s->settings = s->counted ? with_equals(s, s->settings) : product(s, true);
    if (!s->counted) status = find_first(s, err);
    s->sealed = !status;
    return status;
}

int tune_space_seal_points(tune_space *s, const uint16_t *index, size_t count, xlstm_error *err) {
    tune_value values[TUNE_SPACE_PARAMS];
    s->key = NULL;
    if (s->sealed || !s->count || !count) return xl_fail(err, XLSTM_EARG, "the space has no parameter or no point");
    s->points = calloc(1, sizeof *s->points);
    for (size_t i = 0; s->points && i < count; i++) {
        const uint16_t *row = index + i * s->count;
        for (size_t p = 0; p < s->count; p++) {
            if (row[p] >= s->params[p].count) {
                return xl_fail(err, XLSTM_EARG, "point %zu: parameter %s has no value %u", i, s->params[p].name,
                               row[p]);
            }
        }
        load_values(s, row, values);
        uint32_t id = intern(s, row, values);
        if (id == TUNE_NO_POINT) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
        if (id != i) return xl_fail(err, XLSTM_EARG, "point %zu is there twice", i);
    }
    if (!s->points) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    s->settings = count;
    s->sealed = s->counted = true;
    return XLSTM_OK;
}

/* ---- reading ---- */

bool tune_space_counted(const tune_space *s) {
    return s->counted;
}

size_t tune_space_size(const tune_space *s) {
    if (!s->sealed) return 0;
    return s->counted ? s->points->size : product(s, false);
}

size_t tune_space_settings(const tune_space *s) {
    return s->settings;
}

size_t tune_space_known(const tune_space *s) {
    return s->points->size;
}

const uint16_t *tune_space_index(const tune_space *s, uint32_t point) {
    return index_at(s, point);
}

tune_value tune_space_value(const tune_space *s, uint32_t point, size_t param) {
    return s->params[param].values[index_at(s, point)[param]];
}

uint64_t tune_space_key(const tune_space *s, const tune_value *values) {
    uint16_t index[TUNE_SPACE_PARAMS] = {0};
    for (size_t i = 0; i < s->count; i++) index[i] = (uint16_t)tune_space_find_value(s, i, values[i]);
    return key_of(s, index, values);
}

uint32_t tune_space_find(const tune_space *s, const uint16_t *index) {
    tune_value values[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < s->count; i++) {
        if (index[i] >= s->params[i].count) return TUNE_NO_POINT;
    }
    load_values(s, index, values);
    if (s->counted && !s->key) return s->points->table[slot_of(s, index, key_of(s, index, values))];
    if (!conditions_hold(s, values)) return TUNE_NO_POINT;
    if (!s->counted) return intern(s, index, values);
    return s->points->table[slot_of(s, index, key_of(s, index, values))];
}

uint32_t tune_space_find_values(const tune_space *s, const tune_value *values) {
    uint16_t index[TUNE_SPACE_PARAMS] = {0};
    for (size_t i = 0; i < s->count; i++) {
        uint32_t v = tune_space_find_value(s, i, values[i]);
        if (v == TUNE_NO_POINT) return TUNE_NO_POINT;
        index[i] = (uint16_t)v;
    }
    return tune_space_find(s, index);
}

/* ---- neighbours ---- */

/* The neighbours of a point that were found so far. */
typedef struct near {
    const tune_space *space;
    uint32_t point, *out;
    size_t found, room;
    uint16_t index[TUNE_SPACE_PARAMS];
} near;

static near near_of(const tune_space *s, uint32_t point, uint32_t *out, size_t room) {
    near n = {.space = s, .point = point, .out = out, .room = room};
    memcpy(n.index, index_at(s, point), s->count * sizeof *n.index);
    return n;
}

/* Adds the point that has another value of one parameter, unless it was found already. */
static void add_near(near *n, size_t param, uint32_t value, bool may_repeat) {
    const uint16_t own = n->index[param];
    n->index[param] = (uint16_t)value;
    uint32_t id = tune_space_find(n->space, n->index);
    n->index[param] = own;
    if (id == TUNE_NO_POINT || id == n->point) return;
    for (size_t i = 0; may_repeat && i < n->found && i < n->room; i++) {
        if (n->out[i] == id) return;
    }
    if (n->found < n->room) n->out[n->found] = id;
    n->found++;
}

static void add_all_near(near *n, size_t param) {
    for (uint32_t v = 0; v < n->space->params[param].count; v++) {
        if (v != n->index[param]) add_near(n, param, v, n->space->key);
    }
}

size_t tune_space_some_neighbours(const tune_space *s, uint32_t point, xl_rng *rng, uint32_t *out, size_t room) {
    enum { FEW = 32, AT_RANDOM = 8 };
    size_t all = 0;
    for (size_t i = 0; i < s->count; i++) all += s->params[i].count - 1;
    near n = near_of(s, point, out, room);
    for (size_t i = 0; i < s->count; i++) {
        const tune_param *p = &s->params[i];
        const uint32_t own = n.index[i];
        if (all <= room || p->count <= FEW) {
            add_all_near(&n, i);
            continue;
        }
        for (uint32_t step = 1; p->ordered && step < p->count; step *= 2) {
            if (own >= step) add_near(&n, i, own - step, true);
            if (own + step < p->count) add_near(&n, i, own + step, true);
        }
        for (int k = 0; k < (p->ordered ? AT_RANDOM : FEW); k++)
            add_near(&n, i, (uint32_t)xl_rng_below(rng, p->count), true);
    }
    return n.found < room ? n.found : room;
}
