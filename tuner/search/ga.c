/* The original's genetic algorithm. Every proposal counts, those of elites in a new generation too. A point that
 * was told before is proposed without `again`, so that it costs nothing. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/search/original.h"
#include "tuner/search/record.h"
#include "tuner/search/strategy.h"

/* For callers that set no end: after this many generations without a new point, all children of one generation are
 * random new points, because a population that has converged would never find the remaining ones. */
enum { STALE_GENERATIONS = 20 };

typedef struct ga {
    tune_record record;
    xl_rng rng;
    uint32_t *population, *sorted;
    size_t size, elites, next; /* next: the member to propose next */
    int proposals, limit, stale;
    size_t known; /* number of points told when the generation began */
} ga;

static void destroy(void *state);

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    ga *g = calloc(1, sizeof *g);
    if (!g) return xl_fail(err, XLSTM_ENOMEM, "strategy ga: out of memory");
    int status = tune_record_init(&g->record, space, err);
    if (status) goto fail;
    xl_rng_seed(&g->rng, options->seed);
    g->size = options->population > 0 ? (size_t)options->population : 10;
    g->elites = g->size * 3 / 10 ? g->size * 3 / 10 : 1;
    g->limit = options->generations > 0 ? (int)g->size * options->generations : 0;
    g->population = xl_array(g->size, sizeof *g->population);
    g->sorted = xl_array(g->size, sizeof *g->sorted);
    if (!g->population || !g->sorted) {
        status = xl_fail(err, XLSTM_ENOMEM, "strategy ga: out of memory for a population of %zu", g->size);
        goto fail;
    }
    for (size_t i = 0; i < g->size; i++) g->population[i] = tune_original_draw(space, &g->rng);
    *state = g;
    return XLSTM_OK;
fail:
    destroy(g);
    return status;
}

/* Returns the mean of a member's values; infinity where it failed or has no result yet. */
static double value_of(const ga *g, uint32_t point) {
    const tune_seen *s = tune_record_find(&g->record, point);
    return s && s->samples ? s->mean : INFINITY;
}

/* Sorts the population; members with equal values keep their order. */
static void sort_population(ga *g) {
    for (size_t i = 0; i < g->size; i++) {
        double value = value_of(g, g->population[i]);
        size_t j = i;
        for (; j && value < value_of(g, g->sorted[j - 1]); j--) g->sorted[j] = g->sorted[j - 1];
        g->sorted[j] = g->population[i];
    }
}

static void next_generation(ga *g) {
    sort_population(g);
    g->stale = g->record.count > g->known ? 0 : g->stale + 1;
    g->known = g->record.count;
    bool restart = !g->limit && g->stale >= STALE_GENERATIONS;
    for (size_t i = 0; i < g->size; i++) {
        if (i < g->elites) {
            g->population[i] = g->sorted[i];
            continue;
        }
        uint32_t fresh = restart ? tune_record_random_fresh(&g->record, &g->rng) : TUNE_NO_POINT;
        size_t mother = xl_rng_below(&g->rng, g->elites);
        size_t father = g->elites > 1 ? (mother + 1 + xl_rng_below(&g->rng, g->elites - 1)) % g->elites : mother;
        g->population[i] = fresh != TUNE_NO_POINT ? fresh
                                                  : tune_original_child(g->record.space, g->sorted[mother],
                                                                        g->sorted[father], &g->rng);
    }
    if (restart) g->stale = 0;
    g->next = 0;
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    ga *g = state;
    if (g->next == g->size) next_generation(g);
    out->point = g->population[g->next++];
    g->proposals++;
    return tune_record_ask(&g->record, out->point, err);
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    ga *g = state;
    return tune_record_tell(&g->record, point, value, err);
}

static int exchange(void *state, uint32_t asked, uint32_t point, xlstm_error *err) {
    ga *s = state;
    return tune_record_exchange(&s->record, asked, point, err);
}

static bool done(const void *state) {
    const ga *g = state;
    if (g->limit) return g->proposals >= g->limit;
    return !tune_record_any_fresh(&g->record) && !g->record.pending;
}

static void best(const void *state, tune_best *out) {
    const ga *g = state;
    tune_record_best(&g->record, out);
}

static void destroy(void *state) {
    ga *g = state;
    if (!g) return;
    tune_record_release(&g->record);
    free(g->population);
    free(g->sorted);
    free(g);
}

const tune_strategy_class tune_strategy_ga = {
    .name = "ga",
    .summary = "the original's genetic algorithm; repeating a measured point costs nothing",
    .ends = TUNE_ENDS_GENERATIONS,
    .create = create,
    .ask = ask,
    .tell = tell,
    .done = done,
    .best = best,
    .exchange = exchange,
    .destroy = destroy,
};
