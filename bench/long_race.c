/* How long a race takes for a candidate, late against early, on a machine with two states: a formula on a clock of
 * its own, so that only the race's own work is seen.
 *
 *   long_race CANDIDATES
 *
 * prints a row of CSV after each eighth of the candidates: how many there were, and the seconds since the row
 * before. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tuner/measure/race.h"

typedef struct machine {
    double now, until; /* seconds; when the state changes next */
    int state;
    xl_rng rng;
} machine;

static int run(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out, xlstm_error *err) {
    (void)repeats, (void)limit, (void)err;
    machine *m = ctx;
    while (m->now > m->until) {
        m->state = !m->state;
        m->until += 3 + 30 * xl_rng_uniform(&m->rng);
    }
    double cost = 0.01 * exp(0.005 * xl_rng_normal(&m->rng));
    if (candidate > 0) cost *= (m->state ? 0.99 : 1) * (1 - 1e-3 * xl_rng_uniform(&m->rng));
    m->now += cost;
    *out = (tune_reading){.cost = cost};
    return XLSTM_OK;
}

static double now(void *ctx) {
    return ((machine *)ctx)->now;
}

static void look(void *ctx, tune_condition *out) {
    machine *m = ctx;
    tune_condition_init(out);
    out->value[TUNE_READING] = (m->state ? 90 : 64) * exp(0.03 * xl_rng_normal(&m->rng));
    m->now += 0.005;
}

static int race_all(tune_race *race, int64_t candidates) {
    double began = xl_wall_s();
    printf("candidates,seconds\n");
    for (int64_t c = 1; c <= candidates; c++) {
        tune_race_entry e;
        xlstm_error err;
        if (tune_race_run(race, &c, 1, &e, &err)) {
            fprintf(stderr, "long_race: %s\n", err.text);
            return 1;
        }
        if (c * 8 % candidates) continue;
        const double at = xl_wall_s();
        printf("%lld,%.3f\n", (long long)c, at - began);
        fflush(stdout);
        began = at;
    }
    return 0;
}

int main(int argc, char **argv) {
    const int64_t candidates = argc > 1 ? atoll(argv[1]) : 0;
    machine m = {0};
    tune_sampler_options options;
    tune_race_options rules;
    tune_sampler *sampler = NULL;
    tune_race *race = NULL;
    if (candidates < 8) {
        fprintf(stderr, "usage: long_race CANDIDATES (8 or more)\n");
        return 2;
    }
    xl_rng_seed(&m.rng, 1);
    tune_sampler_options_init(&options);
    options.measure = run;
    options.ctx = &m;
    options.watch = false;
    options.now_s = now;
    options.now_ctx = &m;
    tune_race_options_init(&rules, TUNE_NORMAL);
    rules.condition = look;
    rules.condition_ctx = &m;
    int code = tune_sampler_create(&sampler, &options, NULL) || tune_race_create(&race, sampler, 0, &rules, NULL);
    if (!code) code = race_all(race, candidates);
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
    return code;
}
