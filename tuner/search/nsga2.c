/* NSGA-II for few and expensive evaluations. Survival and mating are Deb's (tuner/search/pareto.h). Three things
 * differ: each result competes at once instead of generation by generation, no point is proposed twice, and of
 * several children the one is measured for which nearby results promise most. With one objective this is an
 * ordinary evolutionary search. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/search/pareto.h"
#include "tuner/search/record.h"
#include "tuner/search/spread.h"
#include "tuner/search/strategy.h"

enum {
    POPULATION = 10, /* unless the caller gives a size */
    FIRST = 6,       /* points before the first child; fewer where the population is smaller */
    SPREAD = 8,      /* random points of which the farthest from earlier ones is one of the first */
    CHILDREN = 12,   /* children that are made for each proposal */
    ATTEMPTS = 20,   /* attempts at a child that exists and is new */
    KNOWN = 200,     /* results that a prediction uses: the newest ones */
    BINS = 4         /* an ordered parameter's values are divided into this many, to see what depends on it */
};

typedef struct nsga2 {
    tune_record record; /* a row of `values` belongs to each of its `seen` */
    xl_rng rng;
    int objectives;
    double *values; /* [room][objectives]: means over the results of a point; INFINITY: failed */
    size_t room;
    size_t *member; /* [size + 1]: the population, as rows of `values` */
    size_t size, members;
    int *rank;        /* ranks of the members, later of children and known results */
    double *score;    /* [max(size + 1, CHILDREN + KNOWN)][objectives]: their values */
    double *crowding; /* of the members */
    double y[KNOWN];  /* one objective of the known results, as the share of results that are better */
} nsga2;

static void destroy(void *state);

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    nsga2 *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "strategy nsga2: out of memory");
    int status = tune_record_init(&s->record, space, err);
    if (status) goto fail;
    xl_rng_seed(&s->rng, options->seed);
    s->objectives = options->objectives > 1 ? options->objectives : 1;
    s->size = options->population > 1 ? (size_t)options->population : POPULATION;
    const size_t most = s->size + 1 > CHILDREN + KNOWN ? s->size + 1 : CHILDREN + KNOWN;
    s->member = xl_array(s->size + 1, sizeof *s->member);
    s->rank = xl_array(most, sizeof *s->rank);
    s->crowding = xl_array(s->size + 1, sizeof *s->crowding);
    s->score = xl_array(most * (size_t)s->objectives, sizeof *s->score);
    if (!s->member || !s->rank || !s->crowding || !s->score) {
        status = xl_fail(err, XLSTM_ENOMEM, "strategy nsga2: out of memory for a population of %zu", s->size);
        goto fail;
    }
    *state = s;
    return XLSTM_OK;
fail:
    destroy(s);
    return status;
}

static void destroy(void *state) {
    nsga2 *s = state;
    if (!s) return;
    tune_record_release(&s->record);
    free(s->values);
    free(s->member);
    free(s->rank);
    free(s->crowding);
    free(s->score);
    free(s);
}

static double *values_of(const nsga2 *s, size_t row) {
    return s->values + row * (size_t)s->objectives;
}

static const uint16_t *index_of(const nsga2 *s, size_t row) {
    return tune_space_index(s->record.space, s->record.seen[row].point);
}

/* ---- survival ---- */

static int sort_members(nsga2 *s, xlstm_error *err) {
    const size_t m = (size_t)s->objectives;
    for (size_t i = 0; i < s->members; i++)
        memcpy(s->score + i * m, values_of(s, s->member[i]), m * sizeof *s->score);
    int status = tune_pareto_rank(s->score, s->members, s->objectives, s->rank, err);
    if (status) return status;
    return tune_pareto_crowding(s->score, s->members, s->objectives, s->rank, s->crowding, err);
}

static bool fitter(const nsga2 *s, size_t a, size_t b) {
    if (s->rank[a] != s->rank[b]) return s->rank[a] < s->rank[b];
    return s->crowding[a] > s->crowding[b];
}

static int survive(nsga2 *s, xlstm_error *err) {
    size_t worst = 0;
    if (s->members <= s->size) return XLSTM_OK;
    int status = sort_members(s, err);
    if (status) return status;
    for (size_t i = 1; i < s->members; i++) {
        if (!fitter(s, i, worst)) worst = i;
    }
    s->members--;
    memmove(s->member + worst, s->member + worst + 1, (s->members - worst) * sizeof *s->member);
    return XLSTM_OK;
}

static int reserve(nsga2 *s, xlstm_error *err) {
    if (s->record.count <= s->room) return XLSTM_OK;
    size_t room = s->room ? 2 * s->room : 64;
    double *grown = realloc(s->values, room * (size_t)s->objectives * sizeof *grown);
    if (!grown) return xl_fail(err, XLSTM_ENOMEM, "strategy nsga2: out of memory for %zu results", room);
    s->values = grown;
    s->room = room;
    return XLSTM_OK;
}

static int tell_all(void *state, uint32_t point, const double *values, double cost_s, xlstm_error *err) {
    nsga2 *s = state;
    const size_t before = s->record.count;
    int status = tune_record_tell(&s->record, point, values[0], err);
    if (!status) status = reserve(s, err);
    if (status) return status;
    const tune_seen *seen = tune_record_find(&s->record, point);
    const size_t row = (size_t)(seen - s->record.seen);
    const bool failed = isnan(values[0]);
    for (int k = 0; k < s->objectives; k++) {
        double *mean = values_of(s, row) + k;
        if (failed && row == before) *mean = INFINITY;
        else if (!failed && seen->samples == 1) *mean = values[k];
        else if (!failed) *mean += (values[k] - *mean) / seen->samples;
    }
    if (failed || seen->samples > 1) return XLSTM_OK;
    s->member[s->members++] = row;
    return survive(s, err);
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    return tell_all(state, point, &value, cost_s, err);
}

/* ---- breeding ---- */

/* Returns the distance of two values of a parameter, where its range has length 1. */
static double apart(const tune_param *p, uint16_t x, uint16_t y) {
    if (x == y) return 0;
    return p->ordered ? fabs((double)x - y) / (p->count - 1) : 1;
}

static size_t parent(nsga2 *s) {
    size_t a = xl_rng_below(&s->rng, s->members), b = xl_rng_below(&s->rng, s->members);
    return s->member[fitter(s, b, a) ? b : a];
}

static uint16_t moved(nsga2 *s, const tune_param *p, uint16_t from) {
    if (p->ordered && xl_rng_below(&s->rng, 2)) {
        uint32_t step = 1 + (uint32_t)xl_rng_below(&s->rng, 2);
        bool up = xl_rng_below(&s->rng, 2);
        if (up && from + step < p->count) return (uint16_t)(from + step);
        if (!up && from >= step) return (uint16_t)(from - step);
    }
    uint32_t other = (uint32_t)xl_rng_below(&s->rng, p->count - 1);
    return (uint16_t)(other + (other >= from));
}

/* Makes a child: each value comes from either parent, then one parameter gets another value, and each further one
 * with a probability such that about one more changes. */
static uint32_t child(nsga2 *s) {
    const tune_space *space = s->record.space;
    uint16_t index[TUNE_SPACE_PARAMS];
    size_t open[TUNE_SPACE_PARAMS], n = 0;
    const size_t mother = parent(s), father = parent(s);
    for (size_t i = 0; i < tune_space_params(space); i++) {
        index[i] = index_of(s, xl_rng_below(&s->rng, 2) ? mother : father)[i];
        if (tune_space_param(space, i)->count > 1) open[n++] = i;
    }
    if (!n) return TUNE_NO_POINT;
    const size_t sure = open[xl_rng_below(&s->rng, n)];
    for (size_t i = 0; i < n; i++) {
        if (open[i] != sure && xl_rng_below(&s->rng, n)) continue;
        index[open[i]] = moved(s, tune_space_param(space, open[i]), index[open[i]]);
    }
    return tune_space_find(space, index);
}

static uint32_t fresh_child(nsga2 *s) {
    for (int i = 0; i < ATTEMPTS; i++) {
        uint32_t point = child(s);
        if (point != TUNE_NO_POINT && tune_record_fresh(&s->record, point)) return point;
    }
    return tune_record_random_fresh(&s->record, &s->rng);
}

/* ---- prediction ---- */

/* Replaces one objective of the known results by the share of results that are better, so that its scale does not
 * matter and failures are worst. */
static void learn_values(nsga2 *s, size_t first, size_t n, int objective) {
    for (size_t i = 0; i < n; i++) {
        double value = values_of(s, first + i)[objective], better = 0;
        for (size_t j = 0; j < n; j++) {
            double other = values_of(s, first + j)[objective];
            better += other < value ? 1 : other == value ? 0.5 : 0;
        }
        s->y[i] = better / (double)n;
    }
}

/* Estimates on which parameters the objective depends: the share of the variance of y between a parameter's
 * values, less what chance would give, plus a little for every parameter. */
static void learn_weights(const nsga2 *s, size_t first, size_t n, double *weight) {
    enum { GROUPS = 64 }; /* larger numbers of values share groups */
    const tune_space *space = s->record.space;
    double all = 0;
    /* The mean of such shares is 0.5. */
    for (size_t i = 0; i < n; i++) all += (s->y[i] - 0.5) * (s->y[i] - 0.5);
    for (size_t k = 0; k < tune_space_params(space); k++) {
        const tune_param *p = tune_space_param(space, k);
        double sum[GROUPS] = {0}, count[GROUPS] = {0}, between = 0, used = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t x = index_of(s, first + i)[k];
            x = p->ordered && p->count > BINS ? x * BINS / p->count : x % GROUPS;
            sum[x] += s->y[i] - 0.5;
            count[x]++;
        }
        for (int g = 0; g < GROUPS; g++) {
            if (count[g] == 0) continue;
            between += sum[g] * sum[g] / count[g];
            used++;
        }
        weight[k] = 0.02;
        if (all > 0 && (double)n > used)
            weight[k] += fmax(0, 1 - (1 - between / all) * ((double)n - 1) / ((double)n - used));
    }
}

/* Returns the mean of y weighted by inverse distance, with a power so high that the nearest few results decide. */
static double predict(const nsga2 *s, size_t first, size_t n, const double *weight, uint32_t point) {
    const tune_space *space = s->record.space;
    const uint16_t *x = tune_space_index(space, point);
    double sum = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        double d = 1e-4;
        for (size_t k = 0; k < tune_space_params(space); k++) {
            double step = apart(tune_space_param(space, k), x[k], index_of(s, first + i)[k]);
            d += weight[k] * step * step;
        }
        sum += s->y[i] / (d * d * d);
        all += 1 / (d * d * d);
    }
    return sum / all;
}

/* Returns how far a child's prediction is from the nearest known result. */
static double room_around(const nsga2 *s, size_t child, size_t n) {
    const size_t m = (size_t)s->objectives;
    double nearest = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double d = 0;
        for (size_t k = 0; k < m; k++) d += fabs(s->score[child * m + k] - s->score[(CHILDREN + i) * m + k]);
        nearest = fmin(nearest, d);
    }
    return nearest;
}

/* Returns the child that would have the best rank among its siblings and the known results if the predictions were
 * right; of several such children the one farthest from all results. Crowding would choose worse: children that
 * are equal to many others in one objective are placed at an end of its order only because of their index, and
 * would count as extremes. */
static int promising_child(nsga2 *s, uint32_t *out, xlstm_error *err) {
    const size_t m = (size_t)s->objectives, n = s->record.count < KNOWN ? s->record.count : KNOWN;
    const size_t first = s->record.count - n;
    uint32_t children[CHILDREN];
    int status = sort_members(s, err);
    if (status) return status;
    for (int i = 0; i < CHILDREN; i++) children[i] = fresh_child(s);
    for (int k = 0; k < s->objectives; k++) {
        double weight[TUNE_SPACE_PARAMS];
        learn_values(s, first, n, k);
        learn_weights(s, first, n, weight);
        for (size_t i = 0; i < CHILDREN; i++)
            s->score[i * m + (size_t)k] = predict(s, first, n, weight, children[i]);
        for (size_t i = 0; i < n; i++) s->score[(CHILDREN + i) * m + (size_t)k] = s->y[i];
    }
    status = tune_pareto_rank(s->score, CHILDREN + n, s->objectives, s->rank, err);
    size_t best = 0;
    double farthest = -1;
    for (size_t i = 0; i < CHILDREN && !status; i++) {
        const double far = room_around(s, i, n);
        if (s->rank[i] > s->rank[best] || (s->rank[i] == s->rank[best] && far <= farthest)) continue;
        best = i;
        farthest = far;
    }
    *out = children[best];
    return status;
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    nsga2 *s = state;
    if (!tune_record_any_fresh(&s->record))
        return xl_fail(err, XLSTM_EARG, "strategy nsga2: every point is being measured, wanted a result first");
    const size_t first = s->size < FIRST ? s->size : FIRST;
    int status = XLSTM_OK;
    if (s->members < 2 || s->record.count + s->record.pending < first)
        out->point = tune_spread_point(&s->record, SPREAD, &s->rng);
    else status = promising_child(s, &out->point, err);
    return status ? status : tune_record_ask(&s->record, out->point, err);
}

static int exchange(void *state, uint32_t asked, uint32_t point, xlstm_error *err) {
    nsga2 *s = state;
    return tune_record_exchange(&s->record, asked, point, err);
}

static bool done(const void *state) {
    const nsga2 *s = state;
    return !tune_record_any_fresh(&s->record) && !s->record.pending;
}

static void best(const void *state, tune_best *out) {
    const nsga2 *s = state;
    tune_record_best(&s->record, out);
}

const tune_strategy_class tune_strategy_nsga2 = {
    .name = "nsga2",
    .summary = "NSGA-II, steered by all objectives",
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
