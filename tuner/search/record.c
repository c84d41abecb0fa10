#include "tuner/search/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Makes room for every point that has an id. */
static int reserve_ids(tune_record *r, xlstm_error *err) {
    const size_t known = tune_space_known(r->space);
    if (known <= r->ids) return XLSTM_OK;
    const size_t ids = tune_space_counted(r->space) ? known : 2 * known;
    uint32_t *row = realloc(r->row, ids * sizeof *row);
    if (row) r->row = row;
    uint8_t *asked = row ? realloc(r->asked, ids * sizeof *asked) : NULL;
    if (asked) r->asked = asked;
    if (!asked) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu points", ids);
    memset(r->row + r->ids, 0, (ids - r->ids) * sizeof *row);
    memset(r->asked + r->ids, 0, (ids - r->ids) * sizeof *asked);
    r->ids = ids;
    return XLSTM_OK;
}

/* Finds a fresh point by drawing, and where many draws in a row are known points, by walking the space. */
static void find_spare(tune_record *r) {
    enum { DRAWS = 256, STEPS = 1 << 16 };
    uint64_t steps = STEPS;
    const size_t known = tune_space_known(r->space);
    for (int i = 0; i < DRAWS; i++) {
        r->spare = tune_space_random(r->space, &r->rng);
        if (tune_record_fresh(r, r->spare)) return;
    }
    while (tune_space_walk(r->space, &r->walk, &steps) == TUNE_WALK_SETTING) {
        r->spare = tune_space_find(r->space, r->walk.index);
        if (r->spare != TUNE_NO_POINT && tune_record_fresh(r, r->spare)) return;
    }
    tune_space_forget(r->space, known);
    r->spare = TUNE_NO_POINT;
}

static int changed(tune_record *r, xlstm_error *err) {
    if (tune_space_counted(r->space)) return XLSTM_OK;
    if (r->spare != TUNE_NO_POINT && !tune_record_fresh(r, r->spare)) find_spare(r);
    return reserve_ids(r, err);
}

int tune_record_init(tune_record *r, const tune_space *space, xlstm_error *err) {
    *r = (tune_record){.space = space};
    xl_rng_seed(&r->rng, 1);
    int status = reserve_ids(r, err);
    if (!status && !tune_space_counted(space)) find_spare(r);
    if (!status) status = reserve_ids(r, err);
    if (status) tune_record_release(r);
    return status;
}

void tune_record_release(tune_record *r) {
    free(r->row);
    free(r->asked);
    xl_stretch_free(r->seen, r->room * sizeof *r->seen);
    free(r->flight);
    *r = (tune_record){0};
}

/* Takes a point out of those in flight. */
static void land(tune_record *r, uint32_t point) {
    size_t at = 0;
    while (at < r->pending && r->flight[at] != point) at++;
    if (at == r->pending) return;
    memmove(r->flight + at, r->flight + at + 1, (r->pending - at - 1) * sizeof *r->flight);
    r->pending--;
}

tune_seen *tune_record_find(const tune_record *r, uint32_t point) {
    return point < r->ids && r->row[point] ? &r->seen[r->row[point] - 1] : NULL;
}

int tune_record_tell(tune_record *r, uint32_t point, double value, xlstm_error *err) {
    int status = reserve_ids(r, err);
    if (status) return status;
    tune_seen *s = tune_record_find(r, point);
    if (!s) {
        if (r->count == r->room) {
            size_t room = r->room ? 2 * r->room : 64;
            tune_seen *more = xl_stretch(r->seen, r->room * sizeof *more, room * sizeof *more);
            if (!more) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu results", room);
            r->seen = more;
            r->room = room;
        }
        s = &r->seen[r->count++];
        *s = (tune_seen){.point = point};
        r->row[point] = (uint32_t)r->count;
        if (r->asked[point]) land(r, point);
    }
    r->asked[point] = 0;
    r->told++;
    if (isnan(value)) {
        s->failures++;
        return changed(r, err);
    }
    double y = log(value), before = y - s->mean;
    if (!s->samples) s->first = y;
    s->mean += before / ++s->samples;
    s->squares += before * (y - s->mean);
    return changed(r, err);
}

int tune_record_ask(tune_record *r, uint32_t point, xlstm_error *err) {
    int status = reserve_ids(r, err);
    if (status) return status;
    if (!r->asked[point] && !r->row[point]) {
        if (r->pending == r->flight_room) {
            const size_t room = r->flight_room ? 2 * r->flight_room : 16;
            uint32_t *more = realloc(r->flight, room * sizeof *more);
            if (!more) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu points", room);
            r->flight = more;
            r->flight_room = room;
        }
        r->flight[r->pending++] = point;
    }
    r->asked[point] = 1;
    return changed(r, err);
}

int tune_record_exchange(tune_record *r, uint32_t asked, uint32_t point, xlstm_error *err) {
    if (asked < r->ids && r->asked[asked]) {
        if (!r->row[asked]) land(r, asked);
        r->asked[asked] = 0;
    }
    return tune_record_ask(r, point, err);
}

bool tune_record_fresh(const tune_record *r, uint32_t point) {
    return point >= r->ids || (!r->row[point] && !r->asked[point]);
}

bool tune_record_any_fresh(const tune_record *r) {
    if (!tune_space_counted(r->space)) return r->spare != TUNE_NO_POINT;
    return tune_space_size(r->space) > r->count + r->pending;
}

uint32_t tune_record_random_fresh(const tune_record *r, xl_rng *rng) {
    const size_t size = tune_space_size(r->space);
    uint32_t at = 0;
    if (!tune_record_any_fresh(r)) return TUNE_NO_POINT;
    for (int i = 0; i < 64; i++) {
        at = tune_space_random(r->space, rng);
        if (tune_record_fresh(r, at)) return at;
    }
    if (!tune_space_counted(r->space)) return r->spare;
    while (!tune_record_fresh(r, at)) at = at + 1 < size ? at + 1 : 0;
    return at;
}

double tune_record_noise(const tune_record *r, int *freedom) {
    double squares = 0;
    *freedom = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->seen[i].samples < 2) continue;
        squares += r->seen[i].squares;
        *freedom += r->seen[i].samples - 1;
    }
    return *freedom ? squares / *freedom : 0;
}

void tune_record_best(const tune_record *r, tune_best *out) {
    const tune_seen *best = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const tune_seen *s = &r->seen[i];
        if (s->samples && (!best || s->mean < best->mean)) best = s;
    }
    *out = (tune_best){.point = TUNE_NO_POINT};
    if (!best) return;
    int freedom;
    double noise = tune_record_noise(r, &freedom);
    *out = (tune_best){best->point, exp(best->mean), sqrt(noise / best->samples), best->samples};
}
