#include "tuner/driver/drive_prepare.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/drive_samples.h"
#include "tuner/driver/drive_states.h"
#include "tuner/driver/drive_trials.h"

/* Returns those of the options' priors that are points, each once. *points is malloc'd. */
static int find_priors(const tune_drive_options *o, const tune_space *space, uint32_t **points, size_t *count,
                       xlstm_error *err) {
    size_t used = 0;
    uint32_t *all = xl_array(o->prior_count, sizeof *all);
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "first points: out of memory");
    for (size_t i = 0; i < o->prior_count; i++) {
        const uint32_t point = tune_named_point(&o->priors[i], space);
        bool seen = point == TUNE_NO_POINT;
        for (size_t k = 0; k < used; k++) seen |= all[k] == point;
        if (!seen) all[used++] = point;
    }
    *points = all;
    *count = used;
    return XLSTM_OK;
}

void tune_drive_race_options(const tune_drive_options *options, tune_race_options *out) {
    tune_race_options_init(out, options->effort);
    if (options->repeats <= 0) return;
    out->most = options->repeats;
    if (out->first > out->most) out->first = out->most;
    if (out->playoff > 4 * out->most) out->playoff = 4 * out->most;
}

int tune_drive_prepare(drive *d, xlstm_error *err) {
    const tune_drive_options *o = d->options;
    tune_sampler_options sampler;
    tune_sampler_options_init(&sampler);
    sampler.measure = tune_drive_measure_sample;
    sampler.ctx = d;
    sampler.on_sample = tune_drive_on_sample;
    sampler.on_sample_ctx = d;
    sampler.now_s = o->now_s;
    sampler.now_ctx = o->now_ctx;
    sampler.watch = !o->now_s; /* a simulation has its own clock, and no machine */
    tune_target_watch(d->target, &sampler.limits);
    int status = tune_sampler_create(&d->sampler, &sampler, err);
    if (status) return status;
    d->started_wall = xl_wall_s();
    tune_race_options race;
    tune_drive_race_options(o, &race);
    race.parts = d->target->metrics->parts;
    if (o->every) {
        race.first = race.most;
        race.hopeless = INFINITY;
    }
    /* With several objectives a point that is slow in the first one may still be on the Pareto front. */
    if (o->objectives > 1) {
        race.hopeless = INFINITY;
        race.worthy = tune_drive_may_be_on_front;
        race.worthy_ctx = d;
    }
    if (sampler.watch) {
        race.condition = tune_drive_look;
        race.condition_ctx = d;
    }
    return tune_race_create(&d->race, d->sampler, TUNE_BASELINE, &race, err);
}

int tune_drive_make_proposer(tune_proposer **out, const tune_drive_options *o, const tune_space *space, bool apart,
                             xlstm_error *err) {
    tune_strategy_options strategy;
    tune_strategy_options_init(&strategy);
    uint32_t *priors = NULL;
    strategy.seed = o->seed;
    strategy.population = o->population;
    strategy.generations = o->generations;
    strategy.trials = o->trials;
    strategy.budget = o->trials;
    strategy.noise = 0;
    strategy.objectives = o->objectives;
    int status = find_priors(o, space, &priors, &strategy.prior_count, err);
    strategy.priors = priors;
    if (!status) status = tune_proposer_create(out, tune_drive_strategy(o), space, apart, &strategy, err);
    free(priors);
    return status;
}
