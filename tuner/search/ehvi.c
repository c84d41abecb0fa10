/* Model-based search for several objectives. Each objective has the two models of `auto` (surrogate.h), and the
 * candidate is proposed that adds most to the hypervolume of the Pareto front in expectation (cells.h), as the mean
 * over the two kinds of model. The hypervolume reaches half as far beyond the worst values of the front as the
 * results Values are taken as logarithms where all of an objective are positive, and limited not far beyond the
 * front, because how bad a bad point is does not matter. Of more than three objectives, three are drawn for each
 * proposal.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/search/auto.h"
#include "tuner/search/candidates.h"
#include "tuner/search/cells.h"
#include "tuner/search/pareto.h"
#include "tuner/search/record.h"
#include "tuner/search/spread.h"
#include "tuner/search/strategy.h"

enum {
    FIRST = 6,    /* spread points before the models are asked */
    SPREAD = 8,   /* random points of which the farthest from earlier ones is one of the first */
    PARENTS = 10, /* points of the front whose neighbours are candidates */
    NEAR = 10,    /* candidates two moves away from each of them */
    CROSS = 40,   /* candidates crossed from two of them */
    RANDOM = 100, /* candidates drawn at random */
    CHUNK = 256   /* candidates predicted at once */
};

/* Values beyond this are limited, because the models compute in single precision. */
#define HUGE_Y 1e30

/* A result in the order in which the models learn them. */
typedef struct place {
    double badness; /* sum over the objectives of how far y is from the best, as shares of the range */
    uint32_t row;   /* of the record */
} place;

typedef struct ehvi {
    tune_record record; /* a row of `values` belongs to each of its `seen` */
    xl_rng rng;
    int objectives;
    tune_candidates candidates;
    tune_surrogate *models[TUNE_OBJECTIVES];
    double *values; /* [room][objectives]: means over the results of a point */
    double *y;      /* [room][objectives]: the same, or their logarithms */
    place *order;   /* [room]: the points that have values, those on the front first */
    size_t valid, front;
    tune_surrogate_sample *samples; /* [room] */
    size_t room;
    bool scaled[TUNE_OBJECTIVES];      /* whether the models learn logarithms */
    double reference[TUNE_OBJECTIVES]; /* where the hypervolume ends, of y */
    double bound[TUNE_OBJECTIVES];     /* where y is limited */
    tune_cells cells;
    tune_normal expected[TUNE_CELLS_OBJECTIVES][CHUNK]; /* of some candidates, by one kind of model */
    double gain[TUNE_CANDIDATES];
} ehvi;

static void destroy(void *state) {
    ehvi *s = state;
    if (!s) return;
    tune_record_release(&s->record);
    tune_candidates_release(&s->candidates);
    for (int k = 0; k < s->objectives; k++) tune_surrogate_destroy(s->models[k]);
    free(s->values);
    free(s->y);
    free(s->order);
    free(s->samples);
    free(s);
}

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    ehvi *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "strategy ehvi: out of memory");
    s->objectives = options->objectives > 1 ? options->objectives : 1;
    xl_rng_seed(&s->rng, options->seed);
    int status = tune_record_init(&s->record, space, err);
    if (!status) status = tune_candidates_init(&s->candidates, &s->record, err);
    for (int k = 0; k < s->objectives && !status; k++)
        status = tune_surrogate_create(space, &tune_auto_defaults.models, &s->models[k], err);
    if (status) destroy(s);
    else *state = s;
    return status;
}

static int reserve(ehvi *s, xlstm_error *err) {
    const size_t m = (size_t)s->objectives;
    if (s->record.count <= s->room) return XLSTM_OK;
    const size_t room = 2 * s->record.count + 64;
    double *grown = realloc(s->values, room * m * sizeof *grown);
    if (grown) s->values = grown;
    free(s->y);
    free(s->order);
    free(s->samples);
    s->y = xl_array(room * m, sizeof *s->y);
    s->order = xl_array(room, sizeof *s->order);
    s->samples = xl_array(room, sizeof *s->samples);
    s->room = 0;
    if (!grown || !s->y || !s->order || !s->samples)
        return xl_fail(err, XLSTM_ENOMEM, "strategy ehvi: out of memory for %zu results", room);
    s->room = room;
    return XLSTM_OK;
}

static double learnt(const ehvi *s, int k, double value) {
    const double y = !s->scaled[k] ? fmax(value, -HUGE_Y) : value > 0 ? log(value) : -INFINITY;
    return fmin(y, s->bound[k]);
}

static int tell_all(void *state, uint32_t point, const double *values, double cost_s, xlstm_error *err) {
    ehvi *s = state;
    const bool fresh = !tune_record_find(&s->record, point), failed = isnan(values[0]);
    int status = tune_record_tell(&s->record, point, values[0], err);
    if (!status) status = reserve(s, err);
    if (status) return status;
    const tune_seen *seen = tune_record_find(&s->record, point);
    double *mean = s->values + (size_t)(seen - s->record.seen) * (size_t)s->objectives;
    for (int k = 0; k < s->objectives; k++) {
        if (fresh && s->valid) {
            const double y = failed ? s->bound[k] : learnt(s, k, values[k]);
            if (isfinite(y)) tune_surrogate_add(s->models[k], point, (float)y);
        }
        if (failed) continue;
        if (seen->samples == 1) mean[k] = values[k];
        else mean[k] += (values[k] - mean[k]) / seen->samples;
    }
    return XLSTM_OK;
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    double values[TUNE_OBJECTIVES] = {value}; /* of several objectives only failures come here */
    return tell_all(state, point, values, cost_s, err);
}

/* ---- what is known ---- */

static const double *y_of(const ehvi *s, size_t i) {
    return s->y + (size_t)s->order[i].row * (size_t)s->objectives;
}

static int by_badness(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->badness != y->badness) return x->badness < y->badness ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Puts the results in order and takes logarithms. */
static void look(ehvi *s) {
    const size_t m = (size_t)s->objectives;
    s->valid = 0;
    for (int k = 0; k < s->objectives; k++) s->scaled[k] = true;
    for (size_t i = 0; i < s->record.count; i++) {
        if (!s->record.seen[i].samples) continue;
        s->order[s->valid++] = (place){0, (uint32_t)i};
        for (size_t k = 0; k < m; k++) s->scaled[k] &= s->values[i * m + k] > 0;
    }
    double least[TUNE_OBJECTIVES], most[TUNE_OBJECTIVES];
    for (size_t k = 0; k < m; k++) {
        least[k] = INFINITY;
        most[k] = -INFINITY;
        for (size_t i = 0; i < s->valid; i++) {
            const size_t at = s->order[i].row * m + k;
            s->y[at] = s->scaled[k] ? log(s->values[at]) : fmin(fmax(s->values[at], -HUGE_Y), HUGE_Y);
            least[k] = fmin(least[k], s->y[at]);
            most[k] = fmax(most[k], s->y[at]);
        }
    }
    for (size_t i = 0; i < s->valid; i++) {
        for (size_t k = 0; k < m; k++) {
            const double range = most[k] - least[k];
            s->order[i].badness += range > 0 ? (y_of(s, i)[k] - least[k]) / range : 0;
        }
    }
    if (s->valid) qsort(s->order, s->valid, sizeof *s->order, by_badness);
    /* What beats a point comes before it in this order. */
    s->front = 0;
    for (size_t i = 0; i < s->valid; i++) {
        const double *y = y_of(s, i);
        bool beaten = false;
        for (size_t j = 0; j < s->front && !beaten; j++) {
            beaten = tune_pareto_beats(y_of(s, j), y, s->objectives) || !memcmp(y_of(s, j), y, m * sizeof *y);
        }
        if (beaten) continue;
        const place member = s->order[i];
        memmove(s->order + s->front + 1, s->order + s->front, (i - s->front) * sizeof member);
        s->order[s->front++] = member;
    }
    for (size_t k = 0; k < m; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < s->front; i++) {
            low = fmin(low, y_of(s, i)[k]);
            high = fmax(high, y_of(s, i)[k]);
        }
        const double range = high > low ? high - low : most[k] > least[k] ? most[k] - least[k] : 1;
        const double beyond = fmax(0.1 * range, 0.5 * (most[k] - high));
        s->reference[k] = high + beyond;
        s->bound[k] = s->reference[k] + 0.5 * range;
    }
}

static int fit(ehvi *s, xlstm_error *err) {
    const size_t m = (size_t)s->objectives, pending = s->record.pending;
    const size_t flying = pending < TUNE_SURROGATE_FLIGHT ? pending : TUNE_SURROGATE_FLIGHT;
    const uint32_t *flight = flying ? s->record.flight + pending - flying : NULL;
    int status = XLSTM_OK;
    for (size_t k = 0; k < m && !status; k++) {
        size_t n = 0;
        for (; n < s->valid; n++) {
            const uint32_t row = s->order[n].row;
            s->samples[n] = (tune_surrogate_sample){.point = s->record.seen[row].point,
                                                    .y = (float)fmin(s->y[row * m + k], s->bound[k])};
        }
        for (size_t i = 0; i < s->record.count; i++) {
            if (s->record.seen[i].samples) continue;
            s->samples[n++] = (tune_surrogate_sample){.point = s->record.seen[i].point, .y = (float)s->bound[k]};
        }
        status = tune_surrogate_fit(s->models[k], s->samples, n, flight, flying, &s->rng, err);
    }
    return status;
}

/* ---- the next point ---- */

static void gather_candidates(ehvi *s) {
    uint32_t parent[PARENTS];
    size_t n = s->valid < PARENTS ? s->valid : PARENTS;
    for (size_t i = 0; i < n; i++) {
        /* Of a larger front each parent is drawn, from a part of its own. */
        const size_t from = s->front > PARENTS ? i * s->front / PARENTS : i;
        const size_t to = s->front > PARENTS ? (i + 1) * s->front / PARENTS : i + 1;
        parent[i] = s->record.seen[s->order[from + xl_rng_below(&s->rng, to - from)].row].point;
    }
    tune_candidates_clear(&s->candidates);
    for (size_t i = 0; i < n; i++) tune_candidates_near(&s->candidates, parent[i], NEAR, &s->rng);
    for (int i = 0; i < CROSS && n > 1; i++) {
        const size_t mother = xl_rng_below(&s->rng, n), father = xl_rng_below(&s->rng, n);
        tune_candidates_cross(&s->candidates, parent[mother], parent[father], &s->rng);
    }
    tune_candidates_random(&s->candidates, RANDOM, &s->rng);
}

/* Draws which objectives decide about this proposal; returns their number. */
static int draw_objectives(ehvi *s, int *drawn) {
    int n = 0;
    for (int k = 0; k < s->objectives; k++) {
        const int left = s->objectives - k;
        if (xl_rng_below(&s->rng, (uint64_t)left) < (uint64_t)(TUNE_CELLS_OBJECTIVES - n)) drawn[n++] = k;
        if (n == TUNE_CELLS_OBJECTIVES) break;
    }
    return n;
}

static void cut(ehvi *s, const int *drawn, int n) {
    double values[TUNE_CELLS_POINTS * TUNE_CELLS_OBJECTIVES], reference[TUNE_CELLS_OBJECTIVES];
    const size_t points = s->front < TUNE_CELLS_POINTS ? s->front : TUNE_CELLS_POINTS;
    for (int k = 0; k < n; k++) {
        reference[k] = s->reference[drawn[k]];
        for (size_t i = 0; i < points; i++)
            values[i * (size_t)n + (size_t)k] = y_of(s, i * s->front / points)[drawn[k]];
    }
    tune_cells_cut(&s->cells, values, points, n, reference);
}

/* Adds to the gains of the candidates what one kind of model expects. */
static void add_gains(ehvi *s, tune_surrogate_model model, const int *drawn, int objectives) {
    const tune_cells *c = &s->cells;
    double below[TUNE_CELLS_OBJECTIVES][TUNE_CELLS_EDGES] = {{0}};
    for (size_t first = 0; first < s->candidates.count; first += CHUNK) {
        const size_t left = s->candidates.count - first, chunk = left < CHUNK ? left : CHUNK;
        for (int k = 0; k < objectives; k++)
            tune_surrogate_predict(s->models[drawn[k]], model, s->candidates.point + first, chunk, 1,
                                   s->expected[k]);
        for (size_t i = 0; i < chunk; i++) {
            for (int k = 0; k < objectives; k++) {
                for (size_t e = 1; e < c->edges; e++)
                    below[k][e] = tune_improvement(c->edge[k][e], s->expected[k][i]);
            }
            s->gain[first + i] += tune_cells_gain(c, below);
        }
    }
}

static int ask_models(ehvi *s, tune_proposal *out, xlstm_error *err) {
    int drawn[TUNE_CELLS_OBJECTIVES];
    double most = 0;
    int status = fit(s, err);
    if (status) return status;
    const int objectives = draw_objectives(s, drawn);
    cut(s, drawn, objectives);
    gather_candidates(s);
    for (size_t i = 0; i < s->candidates.count; i++) s->gain[i] = 0;
    add_gains(s, TUNE_SURROGATE_PROCESS, drawn, objectives);
    add_gains(s, TUNE_SURROGATE_FOREST, drawn, objectives);
    out->point = s->candidates.point[s->candidates.count - 1];
    for (size_t i = 0; i < s->candidates.count; i++) {
        if (s->gain[i] <= most) continue;
        most = s->gain[i];
        out->point = s->candidates.point[i];
    }
    return tune_candidates_keep(&s->candidates, &out->point, err);
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    ehvi *s = state;
    int status = XLSTM_OK;
    if (!tune_record_any_fresh(&s->record))
        return xl_fail(err, XLSTM_EARG, "strategy ehvi: every point is being measured, wanted a result first");
    look(s);
    if (!s->valid || s->record.count < FIRST) out->point = tune_spread_point(&s->record, SPREAD, &s->rng);
    else status = ask_models(s, out, err);
    return status ? status : tune_record_ask(&s->record, out->point, err);
}

static int exchange(void *state, uint32_t asked, uint32_t point, xlstm_error *err) {
    ehvi *s = state;
    return tune_record_exchange(&s->record, asked, point, err);
}

static bool done(const void *state) {
    const ehvi *s = state;
    return !tune_record_any_fresh(&s->record) && !s->record.pending;
}

static void best(const void *state, tune_best *out) {
    const ehvi *s = state;
    tune_record_best(&s->record, out);
}

const tune_strategy_class tune_strategy_ehvi = {
    .name = "ehvi",
    .summary = "model-based search steered by all objectives; used by auto where there are several",
    .guided = true,
    .ends = TUNE_ENDS_SPACE,
    .create = create,
    .ask = ask,
    .tell = tell,
    .tell_all = tell_all,
    .done = done,
    .best = best,
    .exchange = exchange,
    .destroy = destroy,
};
