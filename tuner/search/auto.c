#include "tuner/search/auto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/search/forest.h"
#include "tuner/search/record.h"
#include "tuner/search/strategies.h"

const tune_auto_params tune_auto_defaults = {
    .initial = 6,
    .spread = 8,
    .trees = 30,
    .tries = 1,
    .leaf = 2,
    .pairs = 0.3,
    .refit = 6,
    .clip = 1,
    .parents = 6,
    .near2 = 10,
    .cross = 20,
    .random = 100,
    .xi = 0,
    .sigma = 1,
    .explore = 0,
};

#define KNOB(name)                                                                                                 \
    { #name, offsetof(tune_auto_params, name) }
const tune_auto_knob tune_auto_knobs[] = {KNOB(initial), KNOB(spread), KNOB(trees), KNOB(tries),   KNOB(leaf),
                                          KNOB(pairs),   KNOB(refit),  KNOB(clip),  KNOB(parents), KNOB(near2),
                                          KNOB(cross),   KNOB(random), KNOB(xi),    KNOB(sigma),   KNOB(explore),
                                          KNOB(a),       KNOB(b),      KNOB(c),     KNOB(d),       {NULL, 0}};

enum { MAX_CANDIDATES = 4096 };

typedef struct auto_search {
    tune_record record;
    const tune_space *space;
    tune_auto_params p;
    xl_rng rng;
    tune_forest *forest;
    size_t fitted; /* rows of the record when the forest was grown last */
    uint32_t *candidates;
    size_t candidate_count;
    uint32_t *train_point;
    float *train_y;
    size_t train_room;
    uint32_t *mark; /* [size] number of the proposal that last had the point as a candidate */
    uint32_t round;
    float bound;
} auto_search;

int tune_auto_create(const tune_space *space, const tune_strategy_options *options, void **state,
                     xlstm_error *err) {
    auto_search *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "strategy auto: out of memory");
    int status = tune_record_init(&s->record, space, err);
    if (status) goto fail;
    s->space = space;
    s->p = options->auto_params ? *options->auto_params : tune_auto_defaults;
    xl_rng_seed(&s->rng, options->seed);
    tune_forest_params fp = {.trees = (int)s->p.trees,
                             .tries = (int)fmax(1, s->p.tries * (double)tune_space_params(space) + 0.5),
                             .leaf = (int)s->p.leaf,
                             .pairs = s->p.pairs};
    status = tune_forest_create(space, &fp, &s->forest, err);
    if (status) goto fail;
    s->candidates = xl_array(MAX_CANDIDATES, sizeof *s->candidates);
    s->mark = calloc(tune_space_size(space), sizeof *s->mark);
    if (!s->candidates || !s->mark) {
        status = xl_fail(err, XLSTM_ENOMEM, "strategy auto: out of memory");
        goto fail;
    }
    *state = s;
    return XLSTM_OK;
fail:
    tune_auto_destroy(s);
    return status;
}

static double distance(const auto_search *s, uint32_t a, uint32_t b) {
    const uint16_t *x = tune_space_index(s->space, a), *y = tune_space_index(s->space, b);
    double d = 0;
    for (size_t i = 0; i < tune_space_params(s->space); i++) {
        const tune_param *p = tune_space_param(s->space, i);
        if (p->count < 2) continue;
        d += p->ordered ? fabs((double)x[i] - y[i]) / (p->count - 1) : x[i] != y[i];
    }
    return d;
}

static uint32_t ask_initial(auto_search *s) {
    uint32_t best = TUNE_NO_POINT;
    double best_d = -1;
    for (int i = 0; i < (int)s->p.spread || best == TUNE_NO_POINT; i++) {
        uint32_t c = tune_record_random_fresh(&s->record, &s->rng);
        double d = INFINITY;
        for (size_t j = 0; j < s->record.count; j++) d = fmin(d, distance(s, c, s->record.seen[j].point));
        if (d > best_d) {
            best_d = d;
            best = c;
        }
    }
    return best;
}

static void add_candidate(auto_search *s, uint32_t point) {
    if (point == TUNE_NO_POINT || s->mark[point] == s->round || s->candidate_count == MAX_CANDIDATES) return;
    s->mark[point] = s->round;
    if (!tune_record_fresh(&s->record, point)) return;
    s->candidates[s->candidate_count++] = point;
}

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int fit(auto_search *s, xlstm_error *err) {
    size_t n = s->record.count;
    if (n > s->train_room) {
        s->train_room = 2 * n;
        free(s->train_point);
        free(s->train_y);
        s->train_point = xl_array(s->train_room, sizeof *s->train_point);
        s->train_y = xl_array(2 * s->train_room, sizeof *s->train_y);
        if (!s->train_point || !s->train_y) return xl_fail(err, XLSTM_ENOMEM, "strategy auto: out of memory");
    }
    float *sorted = s->train_y + s->train_room;
    size_t valid = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->record.seen[i].samples) sorted[valid++] = (float)s->record.seen[i].mean;
    }
    qsort(sorted, valid, sizeof *sorted, compare_floats);
    float bound = valid ? sorted[(size_t)((double)(valid - 1) * s->p.clip)] : 0;
    for (size_t i = 0; i < n; i++) {
        const tune_seen *o = &s->record.seen[i];
        s->train_point[i] = o->point;
        s->train_y[i] = o->samples && (float)o->mean < bound ? (float)o->mean : bound;
    }
    s->bound = bound;
    int grow = n < 60 ? (int)s->p.trees : (int)s->p.refit;
    return tune_forest_fit(s->forest, s->train_point, s->train_y, n, grow, &s->rng, err);
}

static double improvement(double best, double mean, double sd) {
    if (sd < 1e-12) return fmax(best - mean, 0);
    double z = (best - mean) / sd;
    return sd * (z * 0.5 * erfc(-z * M_SQRT1_2) + exp(-0.5 * z * z) * 0.3989422804014327);
}

static int compare_seen(const void *a, const void *b) {
    const tune_seen *x = *(const tune_seen *const *)a, *y = *(const tune_seen *const *)b;
    return x->mean != y->mean ? (x->mean > y->mean) - (x->mean < y->mean)
                              : (x->point > y->point) - (x->point < y->point);
}

int tune_auto_ask(void *state, tune_proposal *out, xlstm_error *err) {
    auto_search *s = state;
    size_t n = s->record.count;
    tune_best best;
    tune_record_best(&s->record, &best);
    if (n < (size_t)s->p.initial || best.point == TUNE_NO_POINT) {
        out->point = ask_initial(s);
        goto end;
    }
    if (xl_rng_uniform(&s->rng) < s->p.explore) {
        out->point = tune_record_random_fresh(&s->record, &s->rng);
        goto end;
    }
    int status = fit(s, err);
    if (status) return status;
    s->round++;
    s->candidate_count = 0;
    /* parents */
    const tune_seen **order = xl_array(n, sizeof *order);
    size_t valid = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->record.seen[i].samples) order[valid++] = &s->record.seen[i];
    }
    qsort(order, valid, sizeof *order, compare_seen);
    size_t parents = valid < (size_t)s->p.parents ? valid : (size_t)s->p.parents;
    uint32_t near[1024];
    size_t dims = tune_space_params(s->space);
    for (size_t i = 0; i < parents; i++) {
        size_t k = tune_space_neighbours(s->space, order[i]->point, TUNE_NEAR_HAMMING, near, 1024);
        for (size_t j = 0; j < k && j < 1024; j++) add_candidate(s, near[j]);
        for (int j = 0; j < (int)s->p.near2; j++) {
            uint16_t index[TUNE_SPACE_PARAMS];
            memcpy(index, tune_space_index(s->space, order[i]->point), dims * sizeof *index);
            for (int m = 0; m < 2; m++) {
                size_t d = xl_rng_below(&s->rng, dims);
                index[d] = (uint16_t)xl_rng_below(&s->rng, tune_space_param(s->space, d)->count);
            }
            add_candidate(s, tune_space_find(s->space, index));
        }
    }
    for (int j = 0; j < (int)s->p.cross && parents > 1; j++) {
        uint16_t index[TUNE_SPACE_PARAMS];
        const uint16_t *x = tune_space_index(s->space, order[xl_rng_below(&s->rng, parents)]->point);
        const uint16_t *y = tune_space_index(s->space, order[xl_rng_below(&s->rng, parents)]->point);
        for (size_t d = 0; d < dims; d++) index[d] = xl_rng_below(&s->rng, 2) ? x[d] : y[d];
        add_candidate(s, tune_space_find(s->space, index));
    }
    free(order);
    for (int j = 0; j < (int)s->p.random; j++) {
        add_candidate(s, (uint32_t)xl_rng_below(&s->rng, tune_space_size(s->space)));
    }
    double top = -1, target = log(best.estimate) - s->p.xi;
    out->point = TUNE_NO_POINT;
    for (size_t i = 0; i < s->candidate_count; i++) {
        double mean, variance;
        tune_forest_predict(s->forest, s->candidates[i], &mean, &variance);
        double ei = improvement(target, mean, s->p.sigma * sqrt(variance));
        if (ei > top) {
            top = ei;
            out->point = s->candidates[i];
        }
    }
    if (out->point == TUNE_NO_POINT) out->point = tune_record_random_fresh(&s->record, &s->rng);
end:
    tune_record_ask(&s->record, out->point);
    return XLSTM_OK;
}

int tune_auto_tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    auto_search *s = state;
    int status = tune_record_tell(&s->record, point, value, err);
    const tune_seen *o = tune_record_find(&s->record, point);
    if (!status) tune_forest_add(s->forest, point, o->samples ? fminf((float)o->mean, s->bound) : s->bound);
    return status;
}

bool tune_auto_done(const void *state) {
    const auto_search *s = state;
    return !tune_record_fresh_count(&s->record);
}

void tune_auto_best(const void *state, tune_best *out) {
    const auto_search *s = state;
    tune_record_best(&s->record, out);
}

void tune_auto_destroy(void *state) {
    auto_search *s = state;
    if (!s) return;
    tune_record_release(&s->record);
    tune_forest_destroy(s->forest);
    free(s->candidates);
    free(s->mark);
    free(s->train_point);
    free(s->train_y);
    free(s);
}
