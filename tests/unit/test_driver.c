/* The driver on a simulated problem: what it keeps, what it never measures twice, and that a run that is killed
 * goes on as if nothing had been. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tuner/driver/driver.h"
#include "tuner/driver/proposer.h"
#include "tuner/driver/wire.h"

static char folder[64];

typedef struct simulation {
    tune_problem problem;
    tune_space *space;
    int calls[4096]; /* of a point */
    int total;
    int kill_at;    /* SIGKILL to ourselves before this call; 0: never */
    int stop_at;    /* sets stop; 0: never */
    int stop_level; /* to this */
    bool flat;      /* every point costs the same */
    bool awkward;   /* some points fail, some do not fit, some run over the limit */
    double noise;   /* relative, of a sample */
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
    if (s->kill_at && s->total == s->kill_at) kill(getpid(), SIGKILL);
    if (s->stop_at && s->total == s->stop_at) s->stop = s->stop_level;
    if (s->stop > 1) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    if (candidate >= 0) s->calls[candidate]++;
    double a = value_of(s, candidate, "a"), b = value_of(s, candidate, "b");
    if (s->awkward && candidate >= 0 && a == 3) return xl_fail(err, XLSTM_EMISMATCH, "token 3 differs");
    if (s->awkward && candidate >= 0 && a == 4) return xl_fail(err, XLSTM_EUNSUPPORTED, "no room for it");
    /* Long enough for hopeless ones to be stopped. */
    double prefill = s->flat ? 3 : 3 + 0.3 * fabs(a - 5), decode = s->flat ? 3 : 3 + 0.15 * fabs(b - 6);
    if (s->awkward && candidate >= 0 && a == 7) prefill *= 9;
    prefill *= 1 + s->noise * xl_rng_normal(&s->rng);
    /* The least memory is not with the fastest. */
    *out = (tune_reading){.cost = prefill + decode, .parts = {prefill, decode, NAN, 180 - 10 * a}, .hash = 17};
    if (out->cost > limit) {
        out->cost = limit;
        return TUNE_STOPPED;
    }
    return XLSTM_OK;
}

static int stopped(void *ctx) {
    const simulation *s = ctx;
    return (int)s->stop;
}

static json_t *settings(void *self, int64_t candidate) {
    simulation *s = self;
    return json_pack("{s:s, s:i, s:i}", "backend", "queued", "a", (int)value_of(s, candidate, "a"), "b",
                     (int)value_of(s, candidate, "b"));
}

static int describe(void *self, int64_t candidate, tune_description *out, xlstm_error *err) {
    snprintf(out->token_hash, sizeof out->token_hash, "%032x", 17);
    out->in_force = json_pack("{s:i}", "threads", 2);
    out->kl = value_of(self, candidate, "b") >= 5 ? 0.01 * value_of(self, candidate, "b") : 0;
    return XLSTM_OK;
}

static void simulation_init(simulation *s) {
    xlstm_error err;
    *s = (simulation){0};
    xl_rng_seed(&s->rng, 5);
    s->space = tune_space_create();
    assert_int_equal(tune_space_add_range(s->space, "a", XLSTM_AFFECTS_PREFILL, 1, 8, 1, &err), 0);
    assert_int_equal(tune_space_add_range(s->space, "b", XLSTM_AFFECTS_DECODE, 1, 8, 1, &err), 0);
    assert_int_equal(tune_space_seal(s->space, &err), 0);
    s->problem = (tune_problem){.self = s,
                                .space = s->space,
                                .prompt_tokens = 10,
                                .new_tokens = 5,
                                .measure = simulate,
                                .describe = describe,
                                .settings = settings};
}

static tune_keeper *new_run(const char *tag) {
    xlstm_error err;
    tune_keeper *k = NULL;
    char empty[] = "{}", queued[] = "queued", mode[] = "random", objective[] = "request_s", name[] = "m";
    tune_run_row row = {.backend = queued,
                        .mode = mode,
                        .objective = objective,
                        .machine = name,
                        .machine_info = empty,
                        .device = name,
                        .checkpoint = name,
                        .kernels = name,
                        .version = name,
                        .meta = empty,
                        .space = empty,
                        .prompt_tokens = 10,
                        .new_tokens = 5};
    if (tune_keeper_create(&k, folder, tag, NULL, &row, &err)) fail_msg("%s", err.text);
    return k;
}

static tune_drive_options quick(const char *mode, int trials) {
    tune_drive_options o;
    tune_drive_options_init(&o);
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

static char *slurp(const char *run, const char *name) {
    char *path = xl_path_join(run, name), *data;
    size_t bytes;
    xlstm_error err;
    if (xl_file_read(path, 1 << 24, &data, &bytes, &err)) fail_msg("%s", err.text);
    free(path);
    return data;
}

static int lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* The proposals of a run, as text. */
static char *points(tune_keeper *k) {
    size_t count, bytes;
    const tune_trial_row *all = tune_keeper_trials(k, &count);
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
    tune_keeper *k = new_run("dup");
    tune_drive_options o = quick("random", 90);
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 90);
    assert_true(r.duplicates >= 26); /* 64 points */
    assert_int_equal(r.measured + r.duplicates, 90);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(k, &count);
    for (size_t i = 0; i < count; i++) {
        if (t[i].status != TUNE_TRIAL_DUPLICATE) continue;
        assert_true(t[i].duplicate_of >= 0 && t[i].duplicate_of < t[i].index);
        assert_string_equal(t[i].key, t[t[i].duplicate_of].key);
        assert_true(t[i].metric[TUNE_PREFILL_S] == t[t[i].duplicate_of].metric[TUNE_PREFILL_S]);
        assert_true(t[i].seconds == 0);
    }
    char *jsonl = slurp(tune_keeper_folder(k), "trials.jsonl"), *csv = slurp(tune_keeper_folder(k), "summary.csv");
    assert_int_equal(lines(jsonl), 90);
    assert_int_equal(lines(csv), 91);
    assert_ptr_equal(strstr(csv, "backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,"
                                 "decode_s,"),
                     csv);
    free(jsonl);
    free(csv);
    tune_keeper_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

static void finds_and_says(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_keeper *k = new_run("better");
    tune_drive_options o = quick("grid", 0);
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 64);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    char name[64];
    assert_string_equal(tune_space_print(s.space, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* 4.2 + 3.75 over 3 + 3 */
    assert_true(fabs(r.final.speedup - 0.325) < 1e-9);
    char *best = slurp(tune_keeper_folder(k), "best.json");
    json_t *j = json_loads(best, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "params"), "a")), 5);
    assert_true(json_is_object(json_object_get(j, "metrics")));
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "better");
    json_decref(j);
    free(best);

    /* Nothing is left: going on says the same without measuring. */
    char *where = strdup(tune_keeper_folder(k));
    tune_keeper_close(k, TUNE_RUN_FINISHED);
    if (tune_keeper_resume(&k, where, &err)) fail_msg("%s", err.text);
    int before = s.total;
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.total, before);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    assert_string_equal(tune_space_print(s.space, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    /* One at a time. */
    tune_keeper *second;
    assert_int_equal(tune_keeper_resume(&second, where, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "another process"));
    tune_keeper_close(k, TUNE_RUN_FINISHED);
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
        tune_keeper *k = new_run("equal");
        tune_drive_options o = quick("random", 12);
        if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
        announced += r.final.verdict == TUNE_VERDICT_BETTER;
        if (r.final.verdict != TUNE_VERDICT_BETTER) assert_int_equal(r.winner, TUNE_BASELINE_TRIAL);
        tune_keeper_close(k, TUNE_RUN_FINISHED);
    }
    assert_true(announced <= 4); /* 5 in a hundred are meant; over 4 of 20 have a chance of 0.0003 */
    tune_space_destroy(s.space);
}

static void failures_are_rows(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.awkward = true;
    tune_keeper *k = new_run("awkward");
    tune_drive_options o = quick("grid", 0);
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    int kinds[TUNE_TRIAL_STATUS_COUNT] = {0};
    const tune_trial_row *t = tune_keeper_trials(k, &count);
    for (size_t i = 0; i < count; i++) {
        kinds[t[i].status]++;
        if (t[i].status == TUNE_TRIAL_OK) assert_null(t[i].reason);
        else assert_non_null(t[i].reason);
    }
    assert_int_equal(kinds[TUNE_TRIAL_FAILED], 8);
    assert_int_equal(kinds[TUNE_TRIAL_INFEASIBLE], 8);
    assert_int_equal(kinds[TUNE_TRIAL_TIMEOUT], 8);
    assert_int_equal(kinds[TUNE_TRIAL_OK], 40);
    char *csv = slurp(tune_keeper_folder(k), "summary.csv");
    assert_non_null(strstr(csv, "token 3 differs"));
    free(csv);
    tune_keeper_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
}

/* Kills the run at random moments until it gets through; the proposals must be those of a run in peace, and nothing
 * that was kept may be measured again. */
static void killed_at_random(tune_drive_options o, uint64_t seed) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    tune_keeper *k = new_run("peace");
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    char *peace = points(k);
    tune_keeper_close(k, TUNE_RUN_FINISHED);
    const int whole = s.total;

    k = new_run("war");
    char *where = strdup(tune_keeper_folder(k));
    tune_keeper_close(k, NULL);
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    bool through = false;
    int deaths = 0;
    for (int round = 0; round < 200 && !through; round++) {
        fflush(NULL);
        pid_t child = fork();
        if (!child) {
            s.total = 0;
            /* Always past the first trial of a process, so that every round gets somewhere. */
            s.kill_at = 14 + (int)xl_rng_below(&rng, (uint64_t)whole / 3 + 1);
            xlstm_error why = {0};
            if (tune_keeper_resume(&k, where, &why) || tune_drive(&s.problem, &o, k, NULL, &r, &why)) {
                fprintf(stderr, "%s\n", why.text);
                _exit(1);
            }
            tune_keeper_close(k, TUNE_RUN_FINISHED);
            _exit(0);
        }
        xl_rng_next(&rng);
        int code;
        assert_int_equal(waitpid(child, &code, 0), child);
        through = WIFEXITED(code);
        if (through) assert_int_equal(WEXITSTATUS(code), 0);
        else deaths++;
        char *jsonl = slurp(where, "trials.jsonl");
        free(jsonl);
    }
    assert_true(through);
    assert_true(deaths > 1);
    if (tune_keeper_resume(&k, where, &err)) fail_msg("%s", err.text);
    char *war = points(k);
    assert_string_equal(peace, war);
    tune_keeper_close(k, TUNE_RUN_FINISHED);
    char *jsonl = slurp(where, "trials.jsonl"), *csv = slurp(where, "summary.csv");
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
    if (!tune_strategy_find("auto")) skip();
    killed_at_random(quick("auto", 30), 3);
}

static void killed_with_several_objectives(void **state) {
    killed_at_random(several("auto", 40), 4);
    killed_at_random(several("ga", 36), 5);
}

/* By definition, over the rows that the run has. */
static int front_size(tune_keeper *k) {
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(k, &count);
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
    tune_keeper *k = new_run("front");
    tune_drive_options o = several("auto", 0);
    assert_string_equal(tune_drive_strategy(&o), "nsga2");
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 64); /* a small space whole */
    assert_int_equal(r.duplicates, 0);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(k, &count);
    int kinds[TUNE_TRIAL_STATUS_COUNT] = {0};
    for (size_t i = 0; i < count; i++) {
        kinds[t[i].status]++;
        json_t *told = json_loads(t[i].told, 0, NULL);
        assert_int_equal(json_array_size(told), 6);
        if (t[i].status == TUNE_TRIAL_OK) {
            double memory = json_number_value(json_array_get(told, 4)),
                   kl = json_number_value(json_array_get(told, 5));
            assert_true(fabs(memory - t[i].metric[TUNE_PEAK_MB] / 170) < 1e-9);
            assert_true(kl == t[i].metric[TUNE_KL]);
        }
        json_decref(told);
    }
    /* Nine times too slow is no reason to stop where memory counts as well. */
    assert_int_equal(kinds[TUNE_TRIAL_TIMEOUT], 0);
    assert_int_equal(kinds[TUNE_TRIAL_FAILED], 8);
    assert_int_equal(kinds[TUNE_TRIAL_OK], 48);
    char *csv = slurp(tune_keeper_folder(k), "pareto.csv");
    assert_ptr_equal(strstr(csv, "trial,request_s,peak_mb,kl,a,b\n"), csv);
    assert_int_equal(lines(csv), front_size(k) + 1);
    assert_true(front_size(k) > 4);
    free(csv);
    /* The first objective fixes the winner. */
    char name[64];
    assert_string_equal(tune_space_print(s.space, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    tune_keeper_close(k, TUNE_RUN_FINISHED);

    /* With one objective those nine times too slow are stopped, and auto is auto. */
    o.objectives = 1;
    assert_string_equal(tune_drive_strategy(&o), "auto");
    tune_space_destroy(s.space);
}

/* Samples go to what may be on the front, however slow, and not to what another beats in everything. */
static void racing_looks_at_the_front(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    s.noise = 0.004;
    tune_keeper *k = new_run("race");
    tune_drive_options o = several("grid", 0);
    o.objectives = 2;
    o.repeats = 0;
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    size_t count;
    const tune_trial_row *t = tune_keeper_trials(k, &count);
    assert_int_equal(count, 64);
    assert_string_equal(t[61].key, "a=8 b=6"); /* the least memory, and measured after the fastest */
    assert_true(t[61].samples >= 2);
    assert_string_equal(t[63].key, "a=8 b=8");
    assert_int_equal(t[63].samples, 1);
    tune_keeper_close(k, TUNE_RUN_FINISHED);
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
        tune_keeper *k = new_run("stop");
        if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.end, TUNE_DRIVE_STOPPED);
        assert_true(r.trials > 1 && r.trials < 30);
        char *where = strdup(tune_keeper_folder(k)), *best = slurp(where, "best.json");
        assert_non_null(strstr(best, "stopped"));
        free(best);
        tune_keeper_close(k, TUNE_RUN_INTERRUPTED);
        s.stop_at = 0;
        s.stop = 0;
        o.trials = 40; /* and further than was meant at first */
        if (tune_keeper_resume(&k, where, &err)) fail_msg("%s", err.text);
        if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
        assert_int_equal(r.trials, 40);
        assert_int_equal(r.end, TUNE_DRIVE_DONE);
        tune_keeper_close(k, TUNE_RUN_FINISHED);
        free(where);
        tune_space_destroy(s.space);
    }
}

/* Two phases apart: as good a winner from far fewer measurements. */
static void searched_apart(void **state) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    assert_true(tune_space_divides(s.space));
    tune_drive_options o = quick("grid", 0);
    o.apart = true;
    tune_keeper *k = new_run("apart");
    if (tune_drive(&s.problem, &o, k, NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.trials, 9); /* eight, and the join */
    char name[64];
    assert_string_equal(tune_space_print(s.space, (uint32_t)r.winner, name, sizeof name), "a=5 b=6");
    tune_keeper_close(k, TUNE_RUN_FINISHED);
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

static int make_folder(void **state) {
    /* In memory where there is such a folder: every trial is synced to the disk. */
    snprintf(folder, sizeof folder, "%s/xltune-driver-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
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
        cmocka_unit_test(killed_with_several_objectives),
        cmocka_unit_test(all_objectives_steer),
        cmocka_unit_test(racing_looks_at_the_front),
        cmocka_unit_test(stopped_and_continued),
        cmocka_unit_test(searched_apart),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
