/* A simulated target for tests of the driver: two parameters, of which one affects prefill and the other decode,
 * and runs of it in the test's folder. */
#ifndef TESTS_SIMULATION_H
#define TESTS_SIMULATION_H

#include <signal.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/rng.h"
#include "helper.h"
#include "tuner/driver/driver.h"
#include "tuner/measure/timing.h"
#include "tuner/run/run.h"
#include "tuner/target/engine_metrics.h"

#define CALL_S 1e-3

typedef struct simulation {
    tune_target target;
    tune_space *space;
    int calls[4096]; /* for each point */
    int total;
    int kill_at;    /* raises SIGKILL before this call; 0: never */
    int stop_at;    /* sets stop at this call; 0: never */
    int stop_level; /* the value that stop gets */
    bool flat;      /* every point costs the same */
    bool coupled;   /* prefill takes longer with the b that is best for decode */
    bool awkward;   /* some points fail, some are infeasible, some run over the limit */
    double now;     /* of the simulated clock; each call takes CALL_S */
    int slow_at;    /* the call that takes slow_s more; 0: none */
    double slow_s;
    int halt_at;  /* the call in which the process seems to be stopped for a while; 0: none */
    double noise; /* relative noise of a sample */
    xl_rng rng;
    volatile sig_atomic_t stop;
} simulation;

static inline double value_of(const simulation *s, int64_t candidate, const char *name) {
    int i = tune_space_find_param(s->space, name);
    if (i < 0) return 1;
    return candidate < 0 ? tune_space_param(s->space, (size_t)i)->values[0].number
                         : tune_space_value(s->space, (uint32_t)candidate, (size_t)i).number;
}

static inline int simulate(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                           xlstm_error *err) {
    (void)repeats;
    simulation *s = self;
    s->total++;
    s->now += CALL_S + (s->slow_at && s->total == s->slow_at ? s->slow_s : 0);
    if (s->kill_at && s->total == s->kill_at) kill(getpid(), SIGKILL);
    if (s->stop_at && s->total == s->stop_at) s->stop = s->stop_level;
    if (s->halt_at && s->total == s->halt_at) tune_watch_continued();
    if (s->stop > 1) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    if (candidate >= 0) s->calls[candidate]++;
    double a = value_of(s, candidate, "a"), b = value_of(s, candidate, "b");
    if (s->awkward && candidate >= 0 && a == 3) return xl_fail(err, XLSTM_EMISMATCH, "token 3 differs");
    if (s->awkward && candidate >= 0 && a == 4) return xl_fail(err, XLSTM_EUNSUPPORTED, "no room for it");
    /* Long enough that hopeless samples are stopped. */
    double prefill = s->flat ? 3 : 3 + 0.3 * fabs(a - 5), decode = s->flat ? 3 : 3 + 0.15 * fabs(b - 6);
    if (s->awkward && candidate >= 0 && a == 7) prefill *= 9;
    if (s->coupled && b == 6) prefill *= 1.04;
    prefill *= 1 + s->noise * xl_rng_normal(&s->rng);
    /* The fastest point does not need the least memory. */
    *out = (tune_reading){.cost = prefill + decode, .parts = {prefill, decode, NAN, 180 - 10 * a}, .hash = 17};
    if (out->cost > limit) {
        out->cost = limit;
        return TUNE_STOPPED;
    }
    return XLSTM_OK;
}

static inline double simulated_now(void *ctx) {
    return ((simulation *)ctx)->now;
}

static inline int stopped(void *ctx) {
    const simulation *s = ctx;
    return (int)s->stop;
}

static inline bool settings(void *self, int64_t candidate, tune_named_list *out) {
    const simulation *s = self;
    const tune_named all[] = {{"backend", {.text = "queued"}},
                              {"a", {.number = value_of(s, candidate, "a")}},
                              {"b", {.number = value_of(s, candidate, "b")}}};
    return tune_named_copy(out, all, 3);
}

static inline int outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    (void)err;
    snprintf(out->token_hash, sizeof out->token_hash, "%032x", 17);
    const tune_named used = {"threads", {.number = 2}};
    assert_true(tune_named_copy(&out->in_force, &used, 1));
    out->metric[TUNE_KL] = value_of(self, candidate, "b") >= 5 ? 0.01 * value_of(self, candidate, "b") : 0;
    return XLSTM_OK;
}

static inline void derive(void *self, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    (void)self;
    tune_engine_derive(10, 5, parts, metric);
}

static inline double cost(void *self, int objective, const double parts[TUNE_PARTS]) {
    (void)self;
    return tune_engine_cost(objective, parts);
}

static inline void simulation_init(simulation *s) {
    xlstm_error err;
    *s = (simulation){0};
    xl_rng_seed(&s->rng, 5);
    s->space = tune_space_create();
    assert_int_equal(tune_space_add_range(s->space, "a", TUNE_AFFECTS_FIRST, 1, 8, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s->space, "b", TUNE_AFFECTS_SECOND, 1, 8, 1, &err), 0);
    assert_int_equal(tune_space_seal(s->space, &err), 0);
    s->target = (tune_target){.self = s,
                              .space = s->space,
                              .metrics = &tune_engine_metrics,
                              .measure = simulate,
                              .derive = derive,
                              .cost = cost,
                              .outcome = outcome,
                              .settings = settings};
}

/* Writes "a=5 b=6"; returns out. */
static inline char *point_text(const simulation *s, uint32_t point, char *out, size_t bytes) {
    tune_named_list values;
    assert_true(tune_named_of_point(&values, s->space, point));
    char *text = tune_named_text(&values);
    assert_non_null(text);
    snprintf(out, bytes, "%s", text);
    free(text);
    tune_named_clear(&values);
    return out;
}

static inline tune_run *new_run(const char *tag) {
    xlstm_error err;
    tune_run *k = NULL;
    char empty[] = "{}", queued[] = "queued", mode[] = "random", objective[] = "request_s", name[] = "m";
    tune_run_row row = {.backend = queued,
                        .mode = mode,
                        .objective = objective,
                        .machine = name,
                        .machine_info = empty,
                        .target = name,
                        .version = name,
                        .meta = empty,
                        .space = empty,
                        .metrics = tune_engine_metrics};
    if (tune_run_create(&k, test_folder, tag, NULL, &row, &err)) fail_msg("%s", err.text);
    return k;
}

static inline tune_drive_options quick(const char *mode, int trials) {
    tune_drive_options o;
    tune_drive_options_init(&o, &tune_engine_metrics);
    o.mode = mode;
    o.trials = trials;
    o.effort = TUNE_QUICK;
    o.repeats = 1;
    o.population = 6;
    o.generations = trials / 6;
    return o;
}

/* The same on the simulation's own clock: what other work does to this machine meanwhile changes nothing, and a
 * sample is taken once. */
static inline tune_drive_options on_its_clock(simulation *s, tune_drive_options o) {
    o.now_s = simulated_now;
    o.now_ctx = s;
    return o;
}

static inline tune_drive_options several(const char *mode, int trials) {
    tune_drive_options o = quick(mode, trials);
    o.objectives = 3;
    o.objective[0] = TUNE_REQUEST_S;
    o.objective[1] = TUNE_PEAK_MB;
    o.objective[2] = TUNE_KL;
    return o;
}

static inline int lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* All trials of a run, with every value. */
static inline const tune_trial_row *rows_of(tune_run *k, size_t *count) {
    xlstm_error err;
    const tune_trial_row *rows = NULL;
    if (tune_keeper_rows(tune_run_keeper(k), &rows, count, &err)) fail_msg("%s", err.text);
    return rows;
}

/* Returns the proposals of a run as text. */
static inline char *points(tune_run *k) {
    size_t count, bytes;
    const tune_trial_row *all = rows_of(k, &count);
    char *text;
    FILE *f = open_memstream(&text, &bytes);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%lld %s %s\n", (long long)all[i].index, all[i].key, tune_trial_status_name((int)all[i].status));
    fclose(f);
    return text;
}

#endif
