#include "tuner/search/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

int tune_candidates_init(tune_candidates *c, const tune_record *record, xlstm_error *err) {
    *c = (tune_candidates){.record = record};
    c->point = xl_array(TUNE_CANDIDATES, sizeof *c->point);
    return c->point ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the candidates");
}

void tune_candidates_release(tune_candidates *c) {
    free(c->point);
    free(c->mark);
    *c = (tune_candidates){0};
}

static bool reserve_marks(tune_candidates *c, uint32_t point) {
    const tune_space *space = c->record->space;
    if (point < c->marks) return true;
    const size_t marks = tune_space_counted(space) ? tune_space_size(space) : 2 * ((size_t)point + 1);
    uint32_t *more = realloc(c->mark, marks * sizeof *more);
    if (!more) return false;
    memset(more + c->marks, 0, (marks - c->marks) * sizeof *more);
    c->mark = more;
    c->marks = marks;
    return true;
}

/* Adds a candidate. A point for whose mark there is no memory is left out. */
static void add(tune_candidates *c, uint32_t point) {
    if (point == TUNE_NO_POINT || c->count == TUNE_CANDIDATES || !reserve_marks(c, point)) return;
    if (c->mark[point] == c->round) return;
    c->mark[point] = c->round;
    if (tune_record_fresh(c->record, point)) c->point[c->count++] = point;
}

void tune_candidates_clear(tune_candidates *c) {
    c->known = tune_space_known(c->record->space);
    c->round++;
    c->count = 0;
}

void tune_candidates_near(tune_candidates *c, uint32_t parent, int twice, xl_rng *rng) {
    const tune_space *space = c->record->space;
    uint32_t near[TUNE_CANDIDATES / 4];
    const size_t room = sizeof near / sizeof *near, dims = tune_space_params(space);
    const size_t n = tune_space_some_neighbours(space, parent, rng, near, room);
    for (size_t i = 0; i < n; i++) add(c, near[i]);
    for (int i = 0; i < twice; i++) {
        uint16_t index[TUNE_SPACE_PARAMS];
        memcpy(index, tune_space_index(space, parent), dims * sizeof *index);
        for (int move = 0; move < 2; move++) {
            size_t d = xl_rng_below(rng, dims);
            index[d] = (uint16_t)xl_rng_below(rng, tune_space_param(space, d)->count);
        }
        add(c, tune_space_find(space, index));
    }
}

void tune_candidates_cross(tune_candidates *c, uint32_t mother, uint32_t father, xl_rng *rng) {
    const tune_space *space = c->record->space;
    uint16_t index[TUNE_SPACE_PARAMS];
    const uint16_t *x = tune_space_index(space, mother), *y = tune_space_index(space, father);
    for (size_t d = 0; d < tune_space_params(space); d++) index[d] = xl_rng_below(rng, 2) ? x[d] : y[d];
    add(c, tune_space_find(space, index));
}

void tune_candidates_random(tune_candidates *c, int count, xl_rng *rng) {
    for (int i = 0; i < count; i++) add(c, tune_space_random(c->record->space, rng));
    if (!c->count) add(c, tune_record_random_fresh(c->record, rng));
}

int tune_candidates_keep(tune_candidates *c, uint32_t *point, xlstm_error *err) {
    const tune_space *space = c->record->space;
    uint16_t chosen[TUNE_SPACE_PARAMS];
    memcpy(chosen, tune_space_index(space, *point), tune_space_params(space) * sizeof *chosen);
    tune_space_forget(space, c->known);
    *point = tune_space_find(space, chosen);
    return *point != TUNE_NO_POINT ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "search: out of memory for the point");
}
