#include "tuner/search/strategy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

const tune_strategy_class *const tune_strategies[] = {
#define STRATEGY(id) &tune_strategy_##id,
#include "tuner/search/strategies.def"
#undef STRATEGY
    NULL,
};

/* What all strategies have in common: the points to propose first, and checks of the arguments. */
struct tune_strategy {
    const tune_strategy_class *class;
    void *state;
    const tune_space *space;
    int objectives;
    uint32_t *priors;
    size_t prior_count, prior_next;
    uint8_t *told; /* [prior_count]: whether each was told */
};

void tune_strategy_options_init(tune_strategy_options *o) {
    *o = (tune_strategy_options){.noise = -1};
}

const tune_strategy_class *tune_strategy_find(const char *name) {
    for (const tune_strategy_class *const *c = tune_strategies; *c; c++) {
        if (!strcmp((*c)->name, name)) return *c;
    }
    return NULL;
}

int tune_strategy_check(const char *name, xlstm_error *err) {
    if (tune_strategy_find(name)) return XLSTM_OK;
    const char *names[sizeof tune_strategies / sizeof *tune_strategies];
    char all[512] = "";
    int n = 0;
    for (const tune_strategy_class *const *c = tune_strategies; *c; c++) {
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", n ? ", " : "", (*c)->name);
        names[n++] = (*c)->name;
    }
    int near = xl_nearest_name(name, names, n);
    if (near < 0) return xl_fail(err, XLSTM_EARG, "strategy: found \"%s\", wanted one of %s", name, all);
    return xl_fail(err, XLSTM_EARG, "strategy: found \"%s\", wanted one of %s; did you mean \"%s\"?", name, all,
                   names[near]);
}

int tune_strategy_create(const char *name, const tune_space *space, const tune_strategy_options *options,
                         tune_strategy **out, xlstm_error *err) {
    *out = NULL;
    const tune_strategy_class *class = tune_strategy_find(name);
    if (!class) return tune_strategy_check(name, err);
    if (!tune_space_size(space))
        return xl_fail(err, XLSTM_EARG, "strategy %s: the space is empty or not sealed", name);
    for (size_t i = 0; i < options->prior_count; i++) {
        if (options->priors[i] < tune_space_known(space)) continue;
        return xl_fail(err, XLSTM_EARG, "strategy %s: first point %u is not among the %zu points", name,
                       options->priors[i], tune_space_known(space));
    }
    if (options->objectives < 0 || options->objectives > TUNE_OBJECTIVES)
        return xl_fail(err, XLSTM_EARG, "strategy %s: %d objectives, wanted at most %d", name, options->objectives,
                       TUNE_OBJECTIVES);
    int status = XLSTM_OK;
    tune_strategy *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "strategy %s: out of memory", name);
    s->class = class;
    s->space = space;
    s->objectives = options->objectives ? options->objectives : 1;
    s->priors = xl_array(options->prior_count, sizeof *s->priors);
    s->told = calloc(options->prior_count + 1, 1);
    if (!s->priors || !s->told) {
        status = xl_fail(err, XLSTM_ENOMEM, "strategy %s: out of memory", name);
        goto fail;
    }
    for (size_t i = 0; i < options->prior_count; i++) {
        bool twice = false;
        for (size_t j = 0; j < s->prior_count && !twice; j++) twice = s->priors[j] == options->priors[i];
        if (!twice) s->priors[s->prior_count++] = options->priors[i];
    }
    status = class->create(space, options, &s->state, err);
    if (status) goto fail;
    *out = s;
    return XLSTM_OK;
fail:
    tune_strategy_destroy(s);
    return status;
}

void tune_strategy_destroy(tune_strategy *s) {
    if (!s) return;
    if (s->state) s->class->destroy(s->state);
    free(s->priors);
    free(s->told);
    free(s);
}

int tune_strategy_ask(tune_strategy *s, tune_proposal *out, xlstm_error *err) {
    *out = (tune_proposal){.point = TUNE_NO_POINT};
    while (s->prior_next < s->prior_count) {
        size_t i = s->prior_next++;
        if (s->told[i]) continue;
        out->point = s->priors[i];
        return XLSTM_OK;
    }
    if (s->class->done(s->state)) {
        return xl_fail(err, XLSTM_EARG, "strategy %s: asked after it was done", s->class->name);
    }
    return s->class->ask(s->state, out, err);
}

/* Checks a told value; a wrong one is the caller's mistake and not a failure of the point. */
static int check_told(tune_strategy *s, uint32_t point, double value, xlstm_error *err) {
    const size_t known = tune_space_known(s->space);
    if (point >= known) {
        return xl_fail(err, XLSTM_EARG, "strategy %s: told of point %u of %zu", s->class->name, point, known);
    }
    if (!isnan(value) && !(value > 0 && isfinite(value))) {
        return xl_fail(err, XLSTM_EARG, "strategy %s: told the value %g, wanted a positive number or NaN",
                       s->class->name, value);
    }
    for (size_t i = 0; i < s->prior_count; i++) {
        if (s->priors[i] == point) s->told[i] = 1;
    }
    return XLSTM_OK;
}

int tune_strategy_tell(tune_strategy *s, uint32_t point, double value, double cost_s, xlstm_error *err) {
    if (s->objectives > 1)
        return xl_fail(err, XLSTM_EARG, "strategy %s: told one value, wanted %d", s->class->name, s->objectives);
    int status = check_told(s, point, value, err);
    return status ? status : s->class->tell(s->state, point, value, cost_s, err);
}

int tune_strategy_tell_all(tune_strategy *s, uint32_t point, const double *values, double cost_s,
                           xlstm_error *err) {
    bool failed = false;
    int status = check_told(s, point, values[0], err);
    for (int k = 0; k < s->objectives && !status; k++) {
        failed |= isnan(values[k]);
        if (isinf(values[k]))
            status =
                xl_fail(err, XLSTM_EARG, "strategy %s: objective %d: told an infinite value", s->class->name, k);
    }
    if (status) return status;
    if (failed || !s->class->tell_all)
        return s->class->tell(s->state, point, failed ? NAN : values[0], cost_s, err);
    return s->class->tell_all(s->state, point, values, cost_s, err);
}

int tune_strategy_exchange(tune_strategy *s, uint32_t asked, uint32_t point, xlstm_error *err) {
    const size_t known = tune_space_known(s->space);
    if (asked >= known || point >= known)
        return xl_fail(err, XLSTM_EARG, "strategy %s: point %u for %u, of %zu", s->class->name, point, asked,
                       known);
    return asked == point ? XLSTM_OK : s->class->exchange(s->state, asked, point, err);
}

bool tune_strategy_done(const tune_strategy *s) {
    for (size_t i = s->prior_next; i < s->prior_count; i++) {
        if (!s->told[i]) return false;
    }
    return s->class->done(s->state);
}

tune_best tune_strategy_best(const tune_strategy *s) {
    tune_best best;
    s->class->best(s->state, &best);
    return best;
}
