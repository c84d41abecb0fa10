/* Proposes every point once, in the order of enumeration. A space that is not counted is walked. */
#include <stdlib.h>

#include "base/error.h"
#include "tuner/search/record.h"
#include "tuner/search/strategy.h"

typedef struct grid {
    tune_record record;
    uint32_t next;  /* to be proposed next; TUNE_NO_POINT: none is left */
    uint32_t after; /* to be proposed after it, where that was put back; TUNE_NO_POINT: none */
    uint32_t id;    /* in a counted space, the first point that the order has not come to */
    tune_walk walk;
} grid;

/* Returns the next point in order; TUNE_NO_POINT at the end, or where the conditions exclude very many settings in
 * a row. */
static uint32_t next_point(grid *g) {
    const tune_space *space = g->record.space;
    uint64_t steps = UINT64_C(1) << 24;
    const uint32_t after = g->after;
    g->after = TUNE_NO_POINT;
    if (after != TUNE_NO_POINT) return after;
    if (tune_space_counted(space)) return g->id < tune_space_size(space) ? g->id++ : TUNE_NO_POINT;
    return tune_space_walk(space, &g->walk, &steps) == TUNE_WALK_SETTING ? tune_space_find(space, g->walk.index)
                                                                         : TUNE_NO_POINT;
}

static void go_on(grid *g) {
    do g->next = next_point(g);
    while (g->next != TUNE_NO_POINT && !tune_record_fresh(&g->record, g->next));
}

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    grid *g = calloc(1, sizeof *g);
    if (!g) return xl_fail(err, XLSTM_ENOMEM, "strategy grid: out of memory");
    int status = tune_record_init(&g->record, space, err);
    if (status) {
        free(g);
        return status;
    }
    g->after = TUNE_NO_POINT;
    go_on(g);
    *state = g;
    return XLSTM_OK;
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    grid *g = state;
    out->point = g->next;
    int status = tune_record_ask(&g->record, g->next, err);
    if (!status) go_on(g);
    return status;
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    grid *g = state;
    int status = tune_record_tell(&g->record, point, value, err);
    if (!status && point == g->next) go_on(g);
    return status;
}

static int exchange(void *state, uint32_t asked, uint32_t point, xlstm_error *err) {
    grid *g = state;
    int status = tune_record_exchange(&g->record, asked, point, err);
    if (status) return status;
    /* The point that was asked for last comes before all others that are left, and asking for it has used `after`.
     */
    if (tune_record_fresh(&g->record, asked)) {
        g->after = g->next;
        g->next = asked;
    } else if (point == g->next) {
        go_on(g);
    }
    return XLSTM_OK;
}

static bool done(const void *state) {
    const grid *g = state;
    return g->next == TUNE_NO_POINT;
}

static void best(const void *state, tune_best *out) {
    const grid *g = state;
    tune_record_best(&g->record, out);
}

static void destroy(void *state) {
    grid *g = state;
    tune_record_release(&g->record);
    free(g);
}

const tune_strategy_class tune_strategy_grid = {
    .name = "grid",
    .summary = "every point once, in order",
    .exhaustive = true,
    .ends = TUNE_ENDS_SPACE,
    .create = create,
    .ask = ask,
    .tell = tell,
    .done = done,
    .best = best,
    .exchange = exchange,
    .destroy = destroy,
};
