/* The original's random search: each proposal is drawn independently, so points may be proposed repeatedly. */
#include <stdlib.h>

#include "base/error.h"
#include "tuner/search/original.h"
#include "tuner/search/record.h"
#include "tuner/search/strategy.h"

typedef struct random_search {
    tune_record record;
    xl_rng rng;
    int proposals, trials;
} random_search;

static int create(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err) {
    random_search *r = calloc(1, sizeof *r);
    if (!r) return xl_fail(err, XLSTM_ENOMEM, "strategy random: out of memory");
    int status = tune_record_init(&r->record, space, err);
    if (status) {
        free(r);
        return status;
    }
    xl_rng_seed(&r->rng, options->seed);
    r->trials = options->trials;
    *state = r;
    return XLSTM_OK;
}

static int ask(void *state, tune_proposal *out, xlstm_error *err) {
    random_search *r = state;
    r->proposals++;
    out->point = tune_original_draw(r->record.space, &r->rng);
    return tune_record_ask(&r->record, out->point, err);
}

static int tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err) {
    random_search *r = state;
    return tune_record_tell(&r->record, point, value, err);
}

static int exchange(void *state, uint32_t asked, uint32_t point, xlstm_error *err) {
    random_search *s = state;
    return tune_record_exchange(&s->record, asked, point, err);
}

static bool done(const void *state) {
    const random_search *r = state;
    if (r->trials > 0) return r->proposals >= r->trials;
    return !tune_record_any_fresh(&r->record) && !r->record.pending;
}

static void best(const void *state, tune_best *out) {
    const random_search *r = state;
    tune_record_best(&r->record, out);
}

static void destroy(void *state) {
    random_search *r = state;
    tune_record_release(&r->record);
    free(r);
}

const tune_strategy_class tune_strategy_random = {
    .name = "random",
    .summary = "the original's random search; repeating a measured point costs nothing",
    .ends = TUNE_ENDS_TRIALS,
    .create = create,
    .ask = ask,
    .tell = tell,
    .done = done,
    .best = best,
    .exchange = exchange,
    .destroy = destroy,
};
