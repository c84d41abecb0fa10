/* Model-based search. Each proposal is the candidate that promises most by two models (surrogate.h): the one with
 * the greatest expected improvement on a target below the best value known. They are fitted to the logarithms of
 * the values, limited at a quantile: how slow the slower points are does not matter, and without the limit the
 * models would mostly learn that. Candidates are the neighbours of the best points, points two moves away from
 * them, crosses of two of the best, and random points. Points in flight, which were asked for and not told yet, are
 * taken to have the values that the models predict for them, so that the next proposal looks elsewhere.
 *
 * Whether there is noise is found by measuring the incumbent a second time. Where there is, the value of a point
 * is what the Gaussian process estimates from its samples and those of its neighbours, and the incumbent gets more
 * samples as the search progresses. See docs/strategies.md. */
#include "tuner/search/auto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/search/candidates.h"
#include "tuner/search/models/surrogate.h"
#include "tuner/search/record.h"
#include "tuner/search/spread.h"
#include "tuner/search/strategy.h"

const tune_auto_params tune_auto_defaults = {
    .initial = 6,
    .spread = 8,
    .models = {.trees = 30,
               .tries = 1,
               .leaf = 4,
               .pairs = 0.3,
               .refit = 6,
               .steps = 3,
               .sigma = 0.8,
               .gp_sigma = 1.4,
               .ambition = 0.5,
               .tempered = 50},
    .clip = 0.85,
    .parents = 10,
    .near2 = 10,
    .cross = 40,
    .random = 100,
    .precision = 0.01,
    .growth = 0.05,
    .share = 0.3,
    .doubt = 1.5,
    .hold = 2,
    .caution = 0.4,
    .settle = 100,
    .patience = 15,
    .boost = 7,
};

#define KNOB(name)                                                                                                 \
    { #name, offsetof(tune_auto_params, name) }
#define MODEL_KNOB(name)                                                                                           \
    { #name, offsetof(tune_auto_params, models.name) }
const tune_auto_knob tune_auto_knobs[] = {KNOB(initial),        KNOB(spread),         MODEL_KNOB(trees),
                                          MODEL_KNOB(tries),    MODEL_KNOB(leaf),     MODEL_KNOB(pairs),
                                          MODEL_KNOB(refit),    MODEL_KNOB(steps),    KNOB(clip),
                                          KNOB(parents),        KNOB(near2),          KNOB(cross),
                                          KNOB(random),         MODEL_KNOB(sigma),    MODEL_KNOB(gp_sigma),
                                          MODEL_KNOB(ambition), MODEL_KNOB(tempered), KNOB(precision),
                                          KNOB(growth),         KNOB(share),          KNOB(doubt),
                                          KNOB(patience),       KNOB(hold),           KNOB(settle),
                                          KNOB(caution),        KNOB(boost),          {NULL, 0}};

enum {
    SPREAD_MANY = 5, /* factor on the tries for points of the first design beyond the usual number */
    PROBE = 16,      /* number of values after which a point is measured again, to see whether there is noise */
    FAIR = 4,        /* number of later samples from which their mean is a better estimate than the model's */
    RIVALS = 40      /* number of points that may be the incumbent under noise: the best by their means */
};
/* Under noise the incumbent's estimate fluctuates. It counts as improved where it changed by this many standard
 * deviations of one value. */
#define BETTER 0.5

typedef enum noise_state { NOISE_UNKNOWN, NOISE_NONE, NOISE_PRESENT } noise_state;

typedef struct ranked {
    double estimate; /* of the logarithm */
    uint32_t row;    /* of the point in the record */
} ranked;

/* A measured point with the mean and variance of the estimate of its logarithm. */
typedef struct incumbent {
    const tune_seen *seen; /* NULL: no point has a value; valid until the next tell */
    double mean, variance;
} incumbent;

/* Under noise, the point that is reported. It stays until another one is clearly better, because a point that was
 * measured often is seldom as good as the luckiest of the others looks. */
typedef struct winner {
    bool any;
    uint32_t row; /* of the point in the record */
    incumbent is;
    int samples; /* what was known when it became the winner, which it owes to these samples in part: … */
    double mean; /* … their number and mean */
} winner;

typedef struct auto_search {
    tune_record record;
    const tune_space *space;
    tune_auto_params p;
    xl_rng rng;
    tune_surrogate *models;
    bool fitted; /* whether the models know everything that was told */
    float bound; /* logarithm of the value at which the models' values are limited */
    noise_state noise;
    double variance; /* of the logarithm of one value */
    double given;    /* the same as the caller expects it; negative: unknown */
    tune_candidates candidates;
    incumbent best, rival; /* rival: may be better than the incumbent; its `seen` is NULL where there is none */
    winner winner;
    double stale_value; /* the incumbent's value when it last improved */
    int stale_since;    /* number of values told by then; 0: none */
    int repeats;        /* number of proposals of points that were measured before */
    ranked *ranked;     /* [valid]: the points that have a value, best first */
    size_t valid;
    tune_surrogate_sample *samples;
    size_t room;
    double promise[TUNE_CANDIDATES]; /* of the candidates */
} auto_search;

static void destroy(void *state);

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    auto_search *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "strategy auto: out of memory");
    int status = tune_record_init(&s->record, space, err);
    if (status) goto fail;
    s->space = space;
    s->p = options->auto_params ? *options->auto_params : tune_auto_defaults;
    s->given = options->noise < 0 ? -1 : options->noise * options->noise;
    s->noise = options->noise < 0 ? NOISE_UNKNOWN : options->noise > 0 ? NOISE_PRESENT : NOISE_NONE;
    s->variance = fmax(s->given, 0);
    xl_rng_seed(&s->rng, options->seed);
    status = tune_surrogate_create(space, &s->p.models, &s->models, err);
    if (status) goto fail;
    status = tune_candidates_init(&s->candidates, &s->record, err);
    if (status) goto fail;
    *state = s;
    return XLSTM_OK;
fail:
    destroy(s);
    return status;
}

static void destroy(void *state) {
    auto_search *s = state;
    if (!s) return;
    tune_record_release(&s->record);
    tune_surrogate_destroy(s->models);
    tune_candidates_release(&s->candidates);
    free(s->ranked);
    free(s->samples);
    free(s);
}

/* ---- estimates of measured points ---- */

/* Returns the number of samples after which the standard error of a point is `precision`. */
static int samples_enough(const auto_search *s) {
    if (s->noise != NOISE_PRESENT) return 1;
    return (int)fmin(ceil(s->variance / (s->p.precision * s->p.precision)) + 1, 1000);
}

/* Returns the number of samples that the incumbent should have by now; it grows with the search. */
static int samples_wanted(const auto_search *s) {
    int enough = samples_enough(s), now = 2 + (int)(s->record.told * s->p.growth);
    return enough < now || !tune_record_any_fresh(&s->record) ? enough : now;
}

static int compare_ranked(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->estimate != y->estimate) return x->estimate < y->estimate ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Sorts the points that have a value. */
static void rank(auto_search *s) {
    s->valid = 0;
    for (size_t i = 0; i < s->record.count; i++) {
        const tune_seen *o = &s->record.seen[i];
        if (o->samples) s->ranked[s->valid++] = (ranked){o->mean, (uint32_t)i};
    }
    qsort(s->ranked, s->valid, sizeof *s->ranked, compare_ranked);
}

static const tune_seen *ranked_seen(const auto_search *s, size_t i) {
    return &s->record.seen[s->ranked[i].row];
}

static void learn_noise(auto_search *s) {
    int freedom;
    double pooled = tune_record_noise(&s->record, &freedom);
    if (s->noise == NOISE_NONE || !freedom) return;
    /* Measured times are never equal to the last digit, so equal values mean that there is no noise. */
    if (s->noise == NOISE_UNKNOWN) s->noise = pooled > 0 ? NOISE_PRESENT : NOISE_NONE;
    /* A variance from few repeats is inaccurate, so until there are more the expected value (by default 2 %) has
     * weight. */
    double expected = s->given > 0 ? s->given : 0.02 * 0.02;
    s->variance = s->noise == NOISE_PRESENT ? (pooled * freedom + expected * 2) / (freedom + 2) : 0;
}

static int reserve(auto_search *s, xlstm_error *err) {
    if (s->record.count <= s->room) return XLSTM_OK;
    s->room = 2 * s->record.count + 64;
    free(s->ranked);
    free(s->samples);
    s->ranked = xl_array(s->room, sizeof *s->ranked);
    s->samples = xl_array(s->room, sizeof *s->samples);
    if (s->ranked && s->samples) return XLSTM_OK;
    s->room = 0;
    return xl_fail(err, XLSTM_ENOMEM, "strategy auto: out of memory");
}

/* Fits the models to the ranked points and to those that failed, whose value is the bound. They are told of the
 * newest points in flight too. */
static int fit(auto_search *s, xlstm_error *err) {
    if (s->fitted) return XLSTM_OK;
    size_t n = 0;
    s->bound = (float)s->ranked[(size_t)((double)(s->valid - 1) * s->p.clip)].estimate;
    const size_t pending = s->record.pending,
                 flying = pending < TUNE_SURROGATE_FLIGHT ? pending : TUNE_SURROGATE_FLIGHT;
    for (size_t i = 0; i < s->valid; i++, n++) {
        const tune_seen *o = ranked_seen(s, i);
        s->samples[n] = (tune_surrogate_sample){
            .point = o->point, .y = fminf((float)o->mean, s->bound), .noise = (float)(s->variance / o->samples)};
    }
    for (size_t i = 0; i < s->record.count; i++) {
        if (s->record.seen[i].samples) continue;
        s->samples[n++] = (tune_surrogate_sample){s->record.seen[i].point, s->bound, 0};
    }
    const uint32_t *flight = flying ? s->record.flight + pending - flying : NULL;
    int status = tune_surrogate_fit(s->models, s->samples, n, flight, flying, &s->rng, err);
    s->fitted = !status;
    return status;
}

/* Returns the estimate for the i-th ranked point: without a model the mean of its samples, else the model's
 * estimate without noise. */
static incumbent believed(const auto_search *s, size_t i) {
    incumbent b = {.seen = ranked_seen(s, i)};
    b.mean = b.seen->mean;
    b.variance = s->variance / b.seen->samples;
    if (s->noise == NOISE_PRESENT && s->fitted) tune_surrogate_known(s->models, i, &b.mean, &b.variance);
    return b;
}

/* Chooses the incumbent: the point with the best estimate that is known well enough. The best of many noisy
 * samples owes its value partly to luck, for which the model corrects. */
static void choose_incumbent(auto_search *s) {
    size_t n = s->noise == NOISE_PRESENT ? RIVALS : 1;
    double least = INFINITY, hopeful = INFINITY;
    s->best = s->rival = (incumbent){0};
    for (size_t i = 0; i < n && i < s->valid; i++) {
        incumbent b = believed(s, i);
        double sd = sqrt(b.variance);
        if (b.mean + s->p.doubt * sd < least) {
            least = b.mean + s->p.doubt * sd;
            s->best = b;
        }
        if (b.mean - sd < hopeful) {
            hopeful = b.mean - sd;
            s->rival = b;
        }
    }
    if (s->best.seen && (!s->stale_since || s->best.mean < s->stale_value - BETTER * sqrt(s->variance))) {
        s->stale_value = s->best.mean;
        s->stale_since = s->record.told;
    }
}

/* The estimate of a point of the record. */
static incumbent believed_row(const auto_search *s, uint32_t row) {
    for (size_t i = 0; i < s->valid && i < TUNE_SURROGATE_KNOWN; i++) {
        if (s->ranked[i].row == row) return believed(s, i);
    }
    const tune_seen *seen = &s->record.seen[row];
    return (incumbent){.seen = seen, .mean = seen->mean, .variance = s->variance / seen->samples};
}

static void choose_winner(auto_search *s) {
    const incumbent *best = &s->best;
    winner *w = &s->winner;
    if (s->noise != NOISE_PRESENT || !best->seen) return;
    const uint32_t row = (uint32_t)(best->seen - s->record.seen);
    if (w->any) {
        const double hold = s->p.hold * fmin(fmax(s->record.told / s->p.settle - 1, 0), 1);
        w->is = believed_row(s, w->row);
        if (row == w->row) return;
        const double error = sqrt(best->variance + w->is.variance);
        if (hold > 0 && best->mean + hold * error >= w->is.mean) return;
    }
    *w = (winner){.any = true, .row = row, .is = *best, .samples = best->seen->samples, .mean = best->seen->mean};
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    auto_search *s = state;
    bool fresh = !tune_record_find(&s->record, point);
    int status = tune_record_tell(&s->record, point, value, err);
    if (!status) status = reserve(s, err);
    if (status) return status;
    learn_noise(s);
    rank(s);
    s->fitted = false;
    if (fresh) tune_surrogate_add(s->models, point, isnan(value) ? s->bound : fminf((float)log(value), s->bound));
    if (s->noise == NOISE_PRESENT && s->valid >= (size_t)s->p.initial) status = fit(s, err);
    choose_incumbent(s);
    choose_winner(s);
    return status;
}

static void gather_candidates(auto_search *s) {
    const size_t parents = s->valid < (size_t)s->p.parents ? s->valid : (size_t)s->p.parents;
    tune_candidates_clear(&s->candidates);
    for (size_t i = 0; i < parents; i++)
        tune_candidates_near(&s->candidates, ranked_seen(s, i)->point, (int)s->p.near2, &s->rng);
    for (int i = 0; i < (int)s->p.cross && parents > 1; i++) {
        const uint32_t father = ranked_seen(s, xl_rng_below(&s->rng, parents))->point;
        const uint32_t mother = ranked_seen(s, xl_rng_below(&s->rng, parents))->point;
        tune_candidates_cross(&s->candidates, mother, father, &s->rng);
    }
    tune_candidates_random(&s->candidates, (int)s->p.random, &s->rng);
}

/* ---- ask ---- */

/* Returns a measured point that should get another sample now; NULL: none. The incumbent is measured again once to
 * see whether there is noise. Under noise it gets further samples, up to a share of all samples; where no other
 * point is left, the rival gets some too. */
static const tune_seen *choose_repeat(const auto_search *s) {
    const bool exhausted = !tune_record_any_fresh(&s->record);
    const tune_seen *best = s->best.seen, *rival = s->rival.seen;
    if (!best || s->noise == NOISE_NONE) return NULL;
    if (s->noise == NOISE_UNKNOWN) {
        bool probe = s->record.told >= PROBE || exhausted;
        return probe && !s->record.asked[best->point] ? best : NULL;
    }
    if (!exhausted && s->repeats > s->p.share * s->record.told) return NULL;
    const tune_seen *won = s->winner.any ? &s->record.seen[s->winner.row] : NULL;
    if (best->samples < samples_wanted(s) && !s->record.asked[best->point]) return best;
    if (won && won->samples < samples_wanted(s) && !s->record.asked[won->point]) return won;
    bool open = exhausted && rival->samples < samples_wanted(s) && !s->record.asked[rival->point];
    return open ? rival : NULL;
}

static int ask_model(auto_search *s, tune_proposal *out, xlstm_error *err) {
    double most = -1;
    int status = fit(s, err);
    if (status) return status;
    gather_candidates(s);
    int stale = s->record.told - s->stale_since;
    bool far = stale >= (int)s->p.patience && stale % 2;
    tune_surrogate_promise(s->models, s->candidates.point, s->candidates.count, s->best.mean, far ? s->p.boost : 1,
                           s->promise);
    for (size_t i = 0; i < s->candidates.count; i++) {
        if (s->promise[i] <= most) continue;
        most = s->promise[i];
        out->point = s->candidates.point[i];
    }
    return tune_candidates_keep(&s->candidates, &out->point, err);
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    auto_search *s = state;
    const tune_seen *repeat = choose_repeat(s);
    if (repeat) {
        out->point = repeat->point;
        out->again = true;
        s->repeats++;
    } else if (!tune_record_any_fresh(&s->record)) {
        return xl_fail(err, XLSTM_EARG, "strategy auto: every point is being measured, wanted a result first");
    } else if (!s->valid || s->record.count + s->record.pending < (size_t)s->p.initial) {
        /* Many points that are asked for before any is told are all that a search has for long, so they are worth
         * more tries. */
        const bool many = s->record.count + s->record.pending >= (size_t)s->p.initial;
        const double tries = many ? s->p.spread * SPREAD_MANY : s->p.spread;
        out->point = tune_spread_point(&s->record, (int)tries, &s->rng);
    } else {
        int status = ask_model(s, out, err);
        if (status) return status;
    }
    s->fitted = false;
    return tune_record_ask(&s->record, out->point, err);
}

static int exchange(void *state, uint32_t asked, uint32_t point, xlstm_error *err) {
    auto_search *s = state;
    return tune_record_exchange(&s->record, asked, point, err);
}

static bool done(const void *state) {
    const auto_search *s = state;
    if (tune_record_any_fresh(&s->record) || s->record.pending) return false;
    if (!s->best.seen || s->noise == NOISE_NONE) return true;
    return s->noise == NOISE_PRESENT && s->best.seen->samples >= samples_enough(s) &&
           s->rival.seen->samples >= samples_enough(s);
}

static void best(const void *state, tune_best *out) {
    const auto_search *s = state;
    const incumbent *is = s->winner.any ? &s->winner.is : &s->best;
    *out = (tune_best){.point = TUNE_NO_POINT};
    const tune_seen *o = is->seen;
    if (!o) return;
    double mean = is->mean, variance = is->variance;
    const int later = o->samples - s->winner.samples;
    if (s->winner.any && later >= FAIR) {
        /* The samples for which it was chosen are biased and left out; the later ones are less so. */
        mean = (o->mean * o->samples - s->winner.mean * s->winner.samples) / later;
        variance = s->variance / later;
    }
    const double sd = sqrt(variance);
    *out = (tune_best){o->point, exp(mean + s->p.caution * sd), sd, o->samples};
}

const tune_strategy_class tune_strategy_auto = {
    .name = "auto",
    .summary = "model-based search; exhaustive where the space is small (default)",
    .many = "ehvi",
    .divides = true,
    .guided = true,
    .ends = TUNE_ENDS_SPACE,
    .create = create,
    .ask = ask,
    .tell = tell,
    .done = done,
    .best = best,
    .exchange = exchange,
    .destroy = destroy,
};
