/* The driver on a simulated problem: what it stores, what it never measures twice, and that a run which is killed
 * continues as if nothing had happened. */
#include <signal.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/rng.h"
#include "cli/landscape_export.h"
#include "helper.h"
#include "tuner/driver/driver.h"
#include "tuner/driver/proposer.h"
#include "tuner/driver/recording.h"
#include "tuner/driver/row.h"
#include "tuner/landscape/landscape.h"
#include "tuner/run/run.h"
#include "tuner/target/engine_metrics.h"
#include "tuner/target/wire.h"

#define CALL_S 1e-3

typedef struct simulation {
    tune_target problem;
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
    double noise; /* relative noise of a sample */
    xl_rng rng;
    volatile sig_atomic_t stop;
} simulation;

static double value_of(const simulation *s, int64_t candidate, const char *name) {
    int i = tune_space_find_param(s->space, name);
    if (i < 0) return 1;
    return candidate < 0 ? tune_space_param(s->space, (size_t)i)->values[0].number
                         : tune_space_value(s->space, (uint32_t)candidate, (size_t)i).number;
}

static int simulate(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                    xlstm_error *err) {
    simulation *s = self;
    s->total++;
    s->now += CALL_S + (s->slow_at && s->total == s->slow_at ? s->slow_s : 0);
    if (s->kill_at && s->total == s->kill_at) kill(getpid(), SIGKILL);
    if (s->stop_at && s->total == s->stop_at) s->stop = s->stop_level;
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

static double simulated_now(void *ctx) {
    return ((simulation *)ctx)->now;
}

static int stopped(void *ctx) {
    const simulation *s = ctx;
    return (int)s->stop;
}

static bool settings(void *self, int64_t candidate, tune_named_list *out) {
    const simulation *s = self;
    const tune_named all[] = {{"backend", {.text = "queued"}},
                              {"a", {.number = value_of(s, candidate, "a")}},
                              {"b", {.number = value_of(s, candidate, "b")}}};
    return tune_named_copy(out, all, 3);
}

static int outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    snprintf(out->token_hash, sizeof out->token_hash, "%032x", 17);
    const tune_named used = {"threads", {.number = 2}};
    assert_true(tune_named_copy(&out->in_force, &used, 1));
    out->metric[TUNE_KL] = value_of(self, candidate, "b") >= 5 ? 0.01 * value_of(self, candidate, "b") : 0;
    return XLSTM_OK;
}

static void derive(void *self, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    tune_engine_derive(10, 5, parts, metric);
}

static double cost(void *self, int objective, const double parts[TUNE_PARTS]) {
    return tune_engine_cost(objective, parts);
}

static void simulation_init(simulation *s) {
    xlstm_error err;
    *s = (simulation){0};
    xl_rng_seed(&s->rng, 5);
    s->space = tune_space_create();
    assert_int_equal(tune_space_add_range(s->space, "a", TUNE_AFFECTS_FIRST, 1, 8, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s->space, "b", TUNE_AFFECTS_SECOND, 1, 8, 1, &err), 0);
    assert_int_equal(tune_space_seal(s->space, &err), 0);
    s->problem = (tune_target){.self = s,
                               .space = s->space,
                               .metrics = &tune_engine_metrics,
                               .measure = simulate,
                               .derive = derive,
                               .cost = cost,
                               .outcome = outcome,
                               .settings = settings};
}

/* Writes "a=5 b=6"; returns out. */
static char *point_text(const simulation *s, uint32_t point, char *out, size_t bytes) {
    tune_named_list values;
    assert_true(tune_named_of_point(&values, s->space, point));
    char *text = tune_named_text(&values);
    assert_non_null(text);
    snprintf(out, bytes, "%s", text);
    free(text);
    tune_named_clear(&values);
    return out;
}

static tune_run *new_run(const char *tag) {
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

static tune_drive_options quick(const char *mode, int trials) {
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

static tune_drive_options several(const char *mode, int trials) {
    tune_drive_options o = quick(mode, trials);
    o.objectives = 3;
    o.objective[0] = TUNE_REQUEST_S;
    o.objective[1] = TUNE_PEAK_MB;
    o.objective[2] = TUNE_KL;
    return o;
}

static int lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* Returns the proposals of a run as text. */
static char *points(tune_run *k) {
    size_t count, bytes;
    const tune_trial_row *all = tune_keeper_trials(tune_run_keeper(k), &count);
    char *text;
    FILE *f = open_memstream(&text, &bytes);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%lld %s %s\n", (long long)all[i].index, all[i].key, tune_trial_status_name((int)all[i].status));
    fclose(f);
    return text;
}

static void duplicates_cost_nothing(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_run *k = new_run("dup");
    tune_drive_options o = quick("random", 90);
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 90);
    assert_true(r.duplicates >= 26); /* 64 points */
    assert_int_equal(r.measured + r.duplicates, 90);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &count);
    for (size_t i = 0; i < count; i++) {
        if (t[i].status != TUNE_TRIAL_DUPLICATE) continue;
        assert_true(t[i].duplicate_of >= 0 && t[i].duplicate_of < t[i].index);
        assert_string_equal(t[i].key, t[t[i].duplicate_of].key);
        assert_true(t[i].metric[TUNE_PREFILL_S] == t[t[i].duplicate_of].metric[TUNE_PREFILL_S]);
        assert_true(t[i].seconds == 0);
    }
    char *jsonl = test_read(tune_run_folder(k), "trials.jsonl"),
         *csv = test_read(tune_run_folder(k), "summary.csv");
    assert_int_equal(lines(jsonl), 90);
    assert_int_equal(lines(csv), 91);
    assert_ptr_equal(strstr(csv, "backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,"
                                 "decode_s,"),
                     csv);
    free(jsonl);
    free(csv);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void finds_and_says(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_run *k = new_run("better");
    tune_drive_options o = quick("grid", 0);
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 64);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* 4.2 + 3.75 over 3 + 3 */
    assert_true(fabs(r.final.speedup - 0.325) < 1e-9);
    char *best = test_read(tune_run_folder(k), "best.json");
    json_t *j = json_loads(best, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "params"), "a")), 5);
    assert_true(json_is_object(json_object_get(j, "metrics")));
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "better");
    json_decref(j);
    free(best);

    /* Nothing is left to do: resuming gives the same result without measuring. */
    char *where = strdup(tune_run_folder(k));
    tune_run_close(k, TUNE_RUN_FINISHED);
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    int before = s.total;
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.total, before);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* Only one process at a time may work on a run. */
    tune_run *second;
    assert_int_equal(tune_run_resume(&second, where, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "another process"));
    tune_run_close(k, TUNE_RUN_FINISHED);
    free(where);
    tune_space_destroy(s.space);
}

static void equal_programs(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.flat = true;
    s.noise = 0.02;
    int announced = 0;
    for (int i = 0; i < 20; i++) {
        tune_run *k = new_run("equal");
        tune_drive_options o = quick("random", 12);
        if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        announced += r.final.verdict == TUNE_VERDICT_BETTER;
        if (r.final.verdict != TUNE_VERDICT_BETTER) assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
        tune_run_close(k, TUNE_RUN_FINISHED);
    }
    assert_true(announced <= 4); /* 5 in a hundred are expected; more than 4 of 20 have a probability of 0.0003 */
    tune_space_destroy(s.space);
}

static void failures_are_rows(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.awkward = true;
    tune_run *k = new_run("awkward");
    tune_drive_options o = quick("grid", 0);
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    int kinds[TUNE_TRIAL_STATUS_COUNT] = {0};
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &count);
    for (size_t i = 0; i < count; i++) {
        kinds[t[i].status]++;
        if (t[i].status == TUNE_TRIAL_OK && i) assert_null(t[i].reason);
        else assert_non_null(t[i].reason);
    }
    /* The first point is the baseline by its settings: it has the baseline's samples, and no value of its own. */
    assert_int_equal(s.calls[0], 0);
    assert_string_equal(t[0].reason, "the baseline's own settings");
    assert_true(t[0].value == 1 && t[0].samples > 0);
    assert_int_equal(kinds[TUNE_TRIAL_FAILED], 8);
    assert_int_equal(kinds[TUNE_TRIAL_INFEASIBLE], 8);
    assert_int_equal(kinds[TUNE_TRIAL_TIMEOUT], 8);
    assert_int_equal(kinds[TUNE_TRIAL_OK], 40);
    char *csv = test_read(tune_run_folder(k), "summary.csv");
    assert_non_null(strstr(csv, "token 3 differs"));
    free(csv);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* Kills the run at random moments until it gets to its end. The proposals must be those of a run that was not
 * killed, and nothing that was stored may be measured again. */
static void killed_at_random(tune_drive_options o, uint64_t seed) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_run *k = new_run("peace");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    char *peace = points(k);
    tune_run_close(k, TUNE_RUN_FINISHED);
    const int whole = s.total;

    k = new_run("war");
    char *where = strdup(tune_run_folder(k));
    tune_run_close(k, NULL);
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    bool through = false;
    int deaths = 0;
    for (int round = 0; round < 200 && !through; round++) {
        fflush(NULL);
        pid_t child = fork();
        if (!child) {
            s.total = 0;
            /* Each process gets past its first trial, so that every round makes progress. */
            s.kill_at = 14 + (int)xl_rng_below(&rng, (uint64_t)whole / 3 + 1);
            xlstm_error why = {0};
            if (tune_run_resume(&k, where, &why) ||
                tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &why)) {
                fprintf(stderr, "%s\n", why.text);
                _exit(1);
            }
            tune_run_close(k, TUNE_RUN_FINISHED);
            _exit(0);
        }
        xl_rng_next(&rng);
        int code;
        assert_int_equal(waitpid(child, &code, 0), child);
        through = WIFEXITED(code);
        if (through) assert_int_equal(WEXITSTATUS(code), 0);
        else deaths++;
        char *jsonl = test_read(where, "trials.jsonl");
        free(jsonl);
    }
    assert_true(through);
    assert_true(deaths > 1);
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    char *war = points(k);
    assert_string_equal(peace, war);
    tune_run_close(k, TUNE_RUN_FINISHED);
    char *jsonl = test_read(where, "trials.jsonl"), *csv = test_read(where, "summary.csv");
    assert_int_equal(lines(jsonl), lines(peace));
    assert_int_equal(lines(csv), lines(peace) + 1);
    free(jsonl);
    free(csv);
    free(peace);
    free(war);
    free(where);
    tune_space_destroy(s.space);
}

static void killed_random(void **state) {
    killed_at_random(quick("random", 40), 1);
}

static void killed_ga(void **state) {
    killed_at_random(quick("ga", 36), 2);
}

static void killed_auto(void **state) {
    killed_at_random(quick("auto", 30), 3);
}

/* Every reason of a disturbance is stored as a cause of its own, which its words tell too. */
static void every_disturbance_has_a_cause(void **state) {
    unsigned seen = 0;
    for (unsigned reason = TUNE_STEAL; reason <= TUNE_HALTED; reason *= 2) {
        const tune_sample sample = {.disturbance = {.reasons = reason, .halted_s = 2, .steal = 0.5}};
        const tune_sample_row row = tune_row_sample(&sample, 0, "search", 0, 0);
        assert_false(row.causes & (seen | TUNE_CAUSE_ELSE));
        assert_true(row.causes & TUNE_CAUSES_DISTURBED);
        assert_int_equal(tune_causes_of_text(row.why), row.causes);
        seen |= row.causes;
    }
}

static void killed_with_several_objectives(void **state) {
    killed_at_random(several("auto", 40), 4);
    killed_at_random(several("ga", 36), 5);
}

/* The size of the Pareto front of the run's rows, by its definition. */
static int front_size(tune_run *k) {
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &count);
    int n = 0;
    for (size_t i = 0; i < count; i++) {
        bool beaten = t[i].status != TUNE_TRIAL_OK;
        for (size_t j = 0; j < count && !beaten; j++) {
            const double *x = t[j].metric, *y = t[i].metric;
            if (t[j].status != TUNE_TRIAL_OK) continue;
            beaten = x[TUNE_REQUEST_S] <= y[TUNE_REQUEST_S] && x[TUNE_PEAK_MB] <= y[TUNE_PEAK_MB] &&
                     x[TUNE_KL] <= y[TUNE_KL] &&
                     (x[TUNE_REQUEST_S] < y[TUNE_REQUEST_S] || x[TUNE_PEAK_MB] < y[TUNE_PEAK_MB] ||
                      x[TUNE_KL] < y[TUNE_KL]);
        }
        n += !beaten;
    }
    return n;
}

static void all_objectives_steer(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.awkward = true;
    tune_run *k = new_run("front");
    tune_drive_options o = several("auto", 0);
    assert_string_equal(tune_drive_strategy(&o), "nsga2");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 64); /* all of a small space */
    assert_int_equal(r.duplicates, 0);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &count);
    int kinds[TUNE_TRIAL_STATUS_COUNT] = {0};
    for (size_t i = 0; i < count; i++) {
        kinds[t[i].status]++;
        assert_int_equal(t[i].told.count, 6);
        if (t[i].status == TUNE_TRIAL_OK) {
            double memory = t[i].told.value[4], kl = t[i].told.value[5];
            assert_true(fabs(memory - t[i].metric[TUNE_PEAK_MB] / 170) < 1e-9);
            assert_true(kl == t[i].metric[TUNE_KL]);
        }
    }
    /* With memory as a second objective, being nine times too slow is no reason to stop. */
    assert_int_equal(kinds[TUNE_TRIAL_TIMEOUT], 0);
    assert_int_equal(kinds[TUNE_TRIAL_FAILED], 8);
    assert_int_equal(kinds[TUNE_TRIAL_OK], 48);
    char *csv = test_read(tune_run_folder(k), "pareto.csv");
    assert_ptr_equal(strstr(csv, "trial,request_s,peak_mb,kl,a,b\n"), csv);
    assert_int_equal(lines(csv), front_size(k) + 1);
    assert_true(front_size(k) > 4);
    free(csv);
    /* The first objective decides the winner. */
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    tune_run_close(k, TUNE_RUN_FINISHED);

    /* With one objective, points nine times too slow are stopped, and auto stays auto. */
    o.objectives = 1;
    assert_string_equal(tune_drive_strategy(&o), "auto");
    tune_space_destroy(s.space);
}

/* Points that may be on the front get samples, however slow, and points that another one beats in everything do
 * not. */
static void racing_looks_at_the_front(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.noise = 0.004;
    tune_run *k = new_run("race");
    tune_drive_options o = several("grid", 0);
    o.objectives = 2;
    o.repeats = 0;
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &count);
    assert_int_equal(count, 64);
    assert_string_equal(t[61].key, "a=8 b=6"); /* the point with the least memory, measured after the fastest */
    assert_true(t[61].samples >= 2);
    assert_string_equal(t[63].key, "a=8 b=8");
    assert_int_equal(t[63].samples, 1);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void stopped_and_continued(void **state) {
    for (int level = 1; level <= 2; level++) {
        simulation s;
        xlstm_error err;
        tune_drive_result r;
        simulation_init(&s);
        s.stop_at = 25;
        s.stop_level = level;
        tune_drive_options o = quick("random", 30);
        o.stop = stopped;
        o.stop_ctx = &s;
        tune_run *k = new_run("stop");
        if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.end, TUNE_DRIVE_STOPPED);
        assert_true(r.trials > 1 && r.trials < 30);
        char *where = strdup(tune_run_folder(k)), *best = test_read(where, "best.json");
        assert_non_null(strstr(best, "stopped"));
        free(best);
        tune_run_close(k, TUNE_RUN_INTERRUPTED);
        s.stop_at = 0;
        s.stop = 0;
        o.trials = 40; /* further than the first limit */
        if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
        if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.trials, 40);
        assert_int_equal(r.end, TUNE_DRIVE_DONE);
        tune_run_close(k, TUNE_RUN_FINISHED);
        free(where);
        tune_space_destroy(s.space);
    }
}

/* Searching two phases apart finds as good a winner with far fewer measurements. */
static void searched_apart(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    assert_true(tune_space_divides(s.space));
    tune_drive_options o = quick("grid", 0);
    o.apart = true;
    tune_run *k = new_run("apart");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 9); /* eight, and the joined point */
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* The check of the joined point finds no interaction. */
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL), *found = json_object_get(best, "interaction");
    assert_true(json_is_false(json_object_get(found, "interact")));
    assert_int_equal(json_integer_value(json_object_get(found, "rounds")), 6);
    assert_non_null(strstr(json_string_value(json_object_get(found, "text")), "within noise"));
    json_decref(best);
    free(text);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void interaction_is_found(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.coupled = true;
    s.noise = 0.002;
    tune_drive_options o = quick("grid", 0);
    o.apart = true;
    tune_run *k = new_run("coupled");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL), *found = json_object_get(best, "interaction");
    const json_t *prefill = json_object_get(found, "prefill"), *decode = json_object_get(found, "decode");
    double value = json_number_value(json_object_get(prefill, "value"));
    assert_true(json_is_true(json_object_get(found, "interact")));
    assert_true(value > 0.03 && value < 0.05);
    assert_true(json_number_value(json_object_get(prefill, "low")) > 0);
    assert_true(fabs(json_number_value(json_object_get(decode, "value"))) < 1e-9); /* decode has no noise here */
    assert_non_null(strstr(json_string_value(json_object_get(found, "text")), "they interact"));
    json_decref(best);
    free(text);
    /* Its samples are stored in the study, with the stage "check", as those of three trials. */
    tune_sample_row *samples;
    size_t count, n = 0;
    assert_int_equal(tune_study_samples(tune_keeper_study(tune_run_keeper(k)),
                                        tune_keeper_run(tune_run_keeper(k))->id, &samples, &count, &err),
                     0);
    for (size_t i = 0; i < count; i++) n += !strcmp(samples[i].stage, "check") && samples[i].trial >= 0;
    assert_true(n >= 18);
    free(samples);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* Where time ends a search, the joined point is measured last. */
static void late_is_joined(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_drive_options o = quick("random", 40);
    o.apart = true;
    o.seed = 2; /* with this seed the two bests are found in different trials */
    o.budget_s = 8;
    o.now_s = simulated_now;
    o.now_ctx = &s;
    s.slow_at = 40; /* so that between 55 % and 65 % of the budget are spent */
    s.slow_s = 4.5;
    tune_run *k = new_run("late");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &count);
    assert_in_range(count, 2, 39);
    double prefill = INFINITY, decode = INFINITY;
    for (size_t i = 0; i < count; i++) {
        prefill = fmin(prefill, t[i].metric[TUNE_PREFILL_S]);
        decode = fmin(decode, t[i].metric[TUNE_DECODE_S]);
    }
    /* The last trial has the best prefill and the best decode, and no trial before it has both. */
    for (size_t i = 0; i < count; i++) {
        const bool both = t[i].metric[TUNE_PREFILL_S] == prefill && t[i].metric[TUNE_DECODE_S] == decode;
        assert_true(both == (i + 1 == count));
    }
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* There is always a result, and it claims nothing that was not measured. */
static void no_time_at_all(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_drive_options o = quick("auto", 20);
    o.budget_s = 0;
    tune_run *k = new_run("hurry");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
    assert_int_equal(r.measured, 0);
    assert_string_equal(r.verdict,
                        "not enough was tried: 0 of 64 points were measured in the time given; the baseline stays");
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(best, "verdict")), "not enough was tried");
    assert_true(json_is_true(json_object_get(best, "is_baseline")));
    assert_true(json_is_null(json_object_get(json_object_get(best, "metrics"), "request_s")));
    assert_null(json_object_get(best, "speedup"));
    json_decref(best);
    free(text);
    /* With more time the same run continues. */
    o.budget_s = INFINITY;
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.measured, 20);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static bool is_other(void *self, int64_t candidate) {
    return false;
}

/* Where all points fail, and where all are hopeless, there are two different verdicts. */
static void nothing_to_compare(void **state) {
    for (int slow = 0; slow < 2; slow++) {
        simulation s;
        xlstm_error err;
        tune_drive_result r;
        simulation_init(&s);
        s.awkward = true;
        tune_space_destroy(s.space);
        s.space = tune_space_create();
        double only = slow ? 7 : 3;
        assert_int_equal(tune_space_add_range(s.space, "a", TUNE_AFFECTS_FIRST, only, only, 1, &err), 0);
        assert_int_equal(tune_space_add_range(s.space, "b", TUNE_AFFECTS_SECOND, 6, 8, 1, &err), 0);
        assert_int_equal(tune_space_seal(s.space, &err), 0);
        s.problem.space = s.space;
        s.problem.is_baseline = is_other;
        tune_drive_options o = quick("grid", 0);
        tune_run *k = new_run(slow ? "slow" : "fails");
        if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
        assert_int_equal(r.failed, 3);
        assert_int_equal(r.final.verdict, slow ? TUNE_VERDICT_NOTHING : TUNE_VERDICT_UNMEASURED);
        assert_memory_equal(
            r.verdict,
            slow ? "nothing faster found: 3 of 3 points were" : "not compared: every point that was tried", 40);
        tune_run_close(k, TUNE_RUN_FINISHED);
        tune_space_destroy(s.space);
    }
}

/* Trying two points of 64 does not show that nothing is faster. */
static void too_little_was_tried(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.flat = s.awkward = true; /* a = 7 is slower than the baseline, all others are as fast */
    tune_space_destroy(s.space);
    s.space = tune_space_create();
    assert_int_equal(tune_space_add_range(s.space, "a", TUNE_AFFECTS_FIRST, 7, 7, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s.space, "b", TUNE_AFFECTS_SECOND, 1, 64, 1, &err), 0);
    assert_int_equal(tune_space_seal(s.space, &err), 0);
    s.problem.space = s.space;
    for (int many = 0; many < 2; many++) {
        tune_drive_options o = quick("random", many ? 10 : 2);
        tune_run *k = new_run(many ? "many" : "few");
        if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
        assert_int_equal(r.final.verdict, many ? TUNE_VERDICT_NOTHING : TUNE_VERDICT_TOO_LITTLE);
        assert_string_equal(r.verdict, many
                                           ? "nothing faster found: 10 of 64 points were measured, and none looked "
                                             "faster than the baseline, which stays; so nothing was compared"
                                           : "not enough was tried: 2 of 64 points were measured, and nothing "
                                             "looked faster; the baseline stays");
        tune_run_close(k, TUNE_RUN_FINISHED);
    }
    tune_space_destroy(s.space);
}

/* Where nothing looked faster there is no comparison, and its share of the budget is used for the search. */
static void the_rest_of_a_budget_is_used(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.flat = s.awkward = true;
    tune_space_destroy(s.space);
    s.space = tune_space_create();
    assert_int_equal(tune_space_add_range(s.space, "a", TUNE_AFFECTS_FIRST, 7, 7, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s.space, "b", TUNE_AFFECTS_SECOND, 1, 4000, 1, &err), 0);
    assert_int_equal(tune_space_seal(s.space, &err), 0);
    s.problem.space = s.space;
    tune_drive_options o = quick("random", 0);
    o.now_s = simulated_now;
    o.now_ctx = &s;
    o.budget_s = 2000 * CALL_S;
    tune_run *k = new_run("rest");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_NOTHING);
    assert_true(s.now > 0.95 * o.budget_s);
    assert_true(s.now < 1.05 * o.budget_s);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* The search's choice is named where the comparison did not confirm it. */
static void a_challenger_is_named(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_drive_options o = quick("random", 12);
    o.budget_s = 50; /* requests report that they take six seconds */
    tune_run *k = new_run("short");
    if (tune_drive(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_UNMEASURED);
    assert_memory_equal(r.verdict, "not compared: the time left was too short", 41);
    char *text = test_read(tune_run_folder(k), "best.json");
    json_t *best = json_loads(text, 0, NULL);
    assert_true(json_is_integer(json_object_get(json_object_get(best, "challenger"), "a")));
    json_decref(best);
    free(text);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* ---- recordings ---- */

static size_t samples_of(tune_run *k, tune_sample_row **rows) {
    xlstm_error err;
    size_t count;
    if (tune_study_samples(tune_keeper_study(tune_run_keeper(k)), tune_keeper_run(tune_run_keeper(k))->id, rows,
                           &count, &err))
        fail_msg("%s", err.text);
    return count;
}

/* The points of one round of a recording in the order in which they were first tried (a disturbed sample is taken
 * again at the end of the round); the baseline is -1. */
static void round_of(const tune_sample_row *rows, size_t count, int round, int64_t *trial) {
    int used[65] = {0};
    bool listed[65] = {false};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t at = rows[i].trial + 1;
        if (used[at] == round && !listed[at]) trial[n++] = rows[i].trial;
        listed[at] |= used[at] == round;
        used[at] += rows[i].used;
    }
    assert_int_equal(n, 65);
}

static void recorded_in_rounds(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.noise = 0.01;
    tune_run *k = new_run("rounds");
    tune_drive_options o = quick("grid", 0);
    o.repeats = 4;
    if (tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.end == TUNE_DRIVE_DONE && r.points == 64 && r.rounds == 4 && r.missing == 0 && r.failed == 0);
    char name[64];
    assert_string_equal(point_text(&s, (uint32_t)r.fastest, name, sizeof name), "a=5 b=6");
    tune_sample_row *rows;
    size_t count = samples_of(k, &rows);
    int64_t round[4][65];
    int changed = 0;
    for (int i = 0; i < 4; i++) round_of(rows, count, i, round[i]);
    for (int i = 0; i < 65; i++) {
        /* Each pair of rounds runs in one order and its reverse, and no two pairs have the same order. */
        assert_int_equal(round[0][i], round[1][64 - i]);
        assert_int_equal(round[2][i], round[3][64 - i]);
        changed += round[0][i] != round[2][i];
    }
    assert_true(changed > 50);
    for (size_t i = 1; i < count; i++) assert_true(rows[i].seq > rows[i - 1].seq);
    assert_int_equal(r.taken, 65 * 4);
    assert_true(r.disturbed <= r.taken);
    char *jsonl = test_read(tune_run_folder(k), "trials.jsonl");
    int baseline = 0;
    for (const char *at = jsonl; (at = strstr(at, "\"baseline_samples\":[{")); at++) baseline++;
    assert_true(baseline >= 1); /* the baseline's samples are stored beside some trial */
    free(jsonl);
    free(rows);
    /* Rows hold the means, and the landscape holds the samples. */
    size_t trials;
    const tune_trial_row *t = tune_keeper_trials(tune_run_keeper(k), &trials);
    assert_int_equal(trials, 64);
    for (size_t i = 0; i < trials; i++) {
        assert_int_equal(t[i].samples, 4);
        assert_true(t[i].value > 0.5 && t[i].value < 1.2 && t[i].spread > 0 && t[i].spread < 0.05);
    }
    char *path = test_path("rounds.csv");
    if (cli_landscape_export(path, &s.problem, tune_run_keeper(k), TUNE_REQUEST_S, 3, &err))
        fail_msg("%s", err.text);
    tune_landscape *l;
    if (tune_landscape_read(path, &l, &err)) fail_msg("%s", err.text);
    assert_int_equal(l->rows, 64);
    assert_int_equal(l->sample_first[64], 3 * 64);
    for (uint32_t p = 0; p < 64; p++) assert_true(tune_space_value(l->space, p, 0).number == p / 8 + 1);
    tune_landscape_destroy(l);
    free(path);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void recorded_failures(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.awkward = true;
    tune_run *k = new_run("failures");
    tune_drive_options o = quick("grid", 0);
    o.repeats = 3;
    if (tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    /* A point that fails is called once, and slow ones are not stopped. */
    assert_true(r.points == 64 && r.failed == 16 && r.rounds == 3 && r.missing == 0);
    for (int p = 0; p < 64; p++) {
        const bool fails = p / 8 == 2 || p / 8 == 3;
        assert_true(s.calls[p] == 1 ? fails : s.calls[p] >= 3 && !fails);
    }
    char *path = test_path("failures.csv.gz");
    if (cli_landscape_export(path, &s.problem, tune_run_keeper(k), TUNE_REQUEST_S, 0, &err))
        fail_msg("%s", err.text);
    tune_landscape *l;
    if (tune_landscape_read(path, &l, &err)) fail_msg("%s", err.text);
    assert_true(l->rows == 64 && l->valid == 48 && isnan(l->time[16]));
    tune_landscape_destroy(l);
    free(path);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* A recording that is stopped, killed or out of budget continues with the sample that it was at. */
static void recording_goes_on(void **state) {
    simulation s;
    xlstm_error err;
    tune_recording r;
    simulation_init(&s);
    s.stop_at = 100;
    s.stop_level = 1;
    tune_drive_options o = quick("grid", 0);
    o.repeats = 3;
    o.stop = stopped;
    o.stop_ctx = &s;
    tune_run *k = new_run("on");
    if (tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.end == TUNE_DRIVE_STOPPED && r.rounds == 1 && r.missing > 60 && r.missing < 128);
    char *where = strdup(tune_run_folder(k));
    tune_run_close(k, TUNE_RUN_INTERRUPTED);
    pid_t child = fork();
    if (!child) { /* killed in between */
        s.stop_at = s.stop = 0;
        s.kill_at = s.total + 60;
        if (!tune_run_resume(&k, where, &err))
            tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err);
        _exit(1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    s.stop_at = s.stop = 0;
    const int missing = r.missing;
    o.budget_s = 0;
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    if (tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.end == TUNE_DRIVE_DONE && r.missing > 0 && r.missing <= missing - 20);
    o.budget_s = INFINITY;
    if (tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_true(r.rounds == 3 && r.missing == 0);
    tune_sample_row *rows;
    size_t count = samples_of(k, &rows), used = 0;
    for (size_t i = 0; i < count; i++) used += rows[i].used;
    assert_int_equal(used, 65 * 3);
    free(rows);
    const int before = s.total;
    if (tune_recording_run(&s.problem, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.total, before); /* nothing is left to do */
    free(where);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void wire_keeps_everything(void **state) {
    tune_block_plan plan = {.blocks = 3, .quads = 2, .spare = 1, .deadline_s = INFINITY, .seed = UINT64_MAX - 3}, p;
    json_t *j = tune_wire_plan(&plan);
    assert_true(tune_wire_read_plan(j, &p));
    assert_true(p.deadline_s == INFINITY && p.seed == plan.seed && p.blocks == 3 && p.quads == 2 && p.spare == 1);
    json_object_set_new(j, "quads", json_string("x"));
    assert_false(tune_wire_read_plan(j, &p));
    json_decref(j);
    tune_block_result result = {.blocks = 2, .log_ratio = {0.1, -0.2}, .winner_hash = UINT64_MAX, .seconds = 1.5},
                      q;
    result.baseline_parts[2] = NAN;
    j = tune_wire_result(&result);
    assert_true(tune_wire_read_result(j, &q));
    assert_true(q.log_ratio[1] == -0.2 && q.winner_hash == UINT64_MAX && isnan(q.baseline_parts[2]));
    json_object_set_new(j, "blocks", json_integer(3));
    assert_false(tune_wire_read_result(j, &q));
    json_decref(j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_keeps_everything),
        cmocka_unit_test(duplicates_cost_nothing),
        cmocka_unit_test(finds_and_says),
        cmocka_unit_test(equal_programs),
        cmocka_unit_test(failures_are_rows),
        cmocka_unit_test(killed_random),
        cmocka_unit_test(killed_ga),
        cmocka_unit_test(killed_auto),
        cmocka_unit_test(every_disturbance_has_a_cause),
        cmocka_unit_test(killed_with_several_objectives),
        cmocka_unit_test(all_objectives_steer),
        cmocka_unit_test(racing_looks_at_the_front),
        cmocka_unit_test(stopped_and_continued),
        cmocka_unit_test(searched_apart),
        cmocka_unit_test(recorded_in_rounds),
        cmocka_unit_test(recorded_failures),
        cmocka_unit_test(recording_goes_on),
        cmocka_unit_test(interaction_is_found),
        cmocka_unit_test(late_is_joined),
        cmocka_unit_test(no_time_at_all),
        cmocka_unit_test(a_challenger_is_named),
        cmocka_unit_test(nothing_to_compare),
        cmocka_unit_test(too_little_was_tried),
        cmocka_unit_test(the_rest_of_a_budget_is_used),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
