/* Every point once, in enumeration order. */
#include <stdlib.h>

#include "base/error.h"
#include "tuner/search/record.h"
#include "tuner/search/strategy.h"

typedef struct grid {
    tune_record record;
    uint32_t next;
} grid;

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    grid *g = calloc(1, sizeof *g);
    if (!g) return xl_fail(err, XLSTM_ENOMEM, "strategy grid: out of memory");
    int status = tune_record_init(&g->record, space, err);
    if (status) {
        free(g);
        return status;
    }
    *state = g;
    return XLSTM_OK;
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    grid *g = state;
    while (!tune_record_fresh(&g->record, g->next)) g->next++;
    out->point = g->next;
    tune_record_ask(&g->record, g->next);
    return XLSTM_OK;
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    grid *g = state;
    return tune_record_tell(&g->record, point, value, err);
}

static bool done(const void *state) {
    const grid *g = state;
    return !tune_record_fresh_count(&g->record);
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
    .destroy = destroy,
};
