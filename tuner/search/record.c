#include "tuner/search/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int tune_record_init(tune_record *r, const tune_space *space, xlstm_error *err) {
    size_t size = tune_space_size(space);
    *r = (tune_record){.space = space};
    r->row = calloc(size, sizeof *r->row);
    r->asked = calloc(size, sizeof *r->asked);
    if (r->row && r->asked) return XLSTM_OK;
    tune_record_release(r);
    return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu points", size);
}

void tune_record_release(tune_record *r) {
    free(r->row);
    free(r->asked);
    free(r->seen);
    *r = (tune_record){0};
}

tune_seen *tune_record_find(const tune_record *r, uint32_t point) {
    return r->row[point] ? &r->seen[r->row[point] - 1] : NULL;
}

int tune_record_tell(tune_record *r, uint32_t point, double value, xlstm_error *err) {
    tune_seen *s = tune_record_find(r, point);
    if (!s) {
        if (r->count == r->room) {
            size_t room = r->room ? 2 * r->room : 64;
            tune_seen *more = realloc(r->seen, room * sizeof *more);
            if (!more) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu results", room);
            r->seen = more;
            r->room = room;
        }
        s = &r->seen[r->count++];
        *s = (tune_seen){.point = point};
        r->row[point] = (uint32_t)r->count;
        if (r->asked[point]) r->pending--;
    }
    r->asked[point] = 0;
    r->told++;
    if (isnan(value)) {
        s->failures++;
        return XLSTM_OK;
    }
    double y = log(value), before = y - s->mean;
    if (!s->samples) s->first = y;
    s->mean += before / ++s->samples;
    s->squares += before * (y - s->mean);
    return XLSTM_OK;
}

void tune_record_ask(tune_record *r, uint32_t point) {
    if (!r->asked[point] && !r->row[point]) r->pending++;
    r->asked[point] = 1;
}

bool tune_record_fresh(const tune_record *r, uint32_t point) {
    return !r->row[point] && !r->asked[point];
}

size_t tune_record_fresh_count(const tune_record *r) {
    return tune_space_size(r->space) - r->count - r->pending;
}

uint32_t tune_record_random_fresh(const tune_record *r, xl_rng *rng) {
    size_t size = tune_space_size(r->space);
    uint32_t at = 0;
    if (!tune_record_fresh_count(r)) return TUNE_NO_POINT;
    for (int i = 0; i < 64; i++) {
        at = (uint32_t)xl_rng_below(rng, size);
        if (tune_record_fresh(r, at)) return at;
    }
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
