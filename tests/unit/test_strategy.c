#include "base/clock.h"
#include "base/rng.h"
#include "helper.h"
#include "tuner/landscape/replay.h"
#include "tuner/search/original.h"
#include "tuner/target/engine_space.h"

#define INVENTED XL_SOURCE_DIR "/tests/data/landscapes/invented__device.csv.gz"

static void assert_near(double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance)) fail_msg("found %.17g, wanted %.17g", value, wanted);
}

static tune_space *box(int params, int values) {
    tune_space *s = tune_space_create();
    for (int i = 0; i < params; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(tune_space_add_range(s, name, 0, 1, values, 1, NULL), 0);
    }
    assert_int_equal(tune_space_seal(s, NULL), 0);
    return s;
}

/* A bowl whose minimum is not in the middle; every seventh point fails. */
static double bowl(const tune_space *s, uint32_t point) {
    double y = 1;
    if (point % 7 == 3) return NAN;
    for (size_t i = 0; i < tune_space_params(s); i++) {
        double x = tune_space_value(s, point, i).number / tune_space_param(s, i)->count - 0.3 - 0.1 * (double)i;
        y += x * x;
    }
    return y;
}

static tune_strategy *make(const char *name, const tune_space *s, uint64_t seed) {
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.seed = seed;
    assert_int_equal(tune_strategy_create(name, s, &o, &t, NULL), 0);
    return t;
}

static void a_seed_gives_the_same_proposals(void **state) {
    tune_space *s = box(4, 6);
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        int differ = 0;
        tune_strategy *a = make(c->name, s, 5), *b = make(c->name, s, 5), *other = make(c->name, s, 6);
        for (int i = 0; i < 120; i++) {
            tune_proposal x, y, z;
            assert_int_equal(tune_strategy_ask(a, &x, NULL), 0);
            assert_int_equal(tune_strategy_ask(b, &y, NULL), 0);
            assert_int_equal(tune_strategy_ask(other, &z, NULL), 0);
            assert_int_equal(x.point, y.point);
            assert_int_equal(x.again, y.again);
            differ += x.point != z.point;
            assert_int_equal(tune_strategy_tell(a, x.point, bowl(s, x.point), 1, NULL), 0);
            assert_int_equal(tune_strategy_tell(b, y.point, bowl(s, y.point), 1, NULL), 0);
            assert_int_equal(tune_strategy_tell(other, z.point, bowl(s, z.point), 1, NULL), 0);
        }
        assert_true(c->exhaustive ? differ == 0 : differ > 60);
        tune_strategy_destroy(a);
        tune_strategy_destroy(b);
        tune_strategy_destroy(other);
    }
    tune_space_destroy(s);
}

/* Runs a strategy to its end; returns the number of proposals, of which *repeats had `again` set. */
static int run_out(tune_strategy *t, const tune_space *s, double noise, int *repeats) {
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    int n = 0;
    size_t size = tune_space_size(s);
    uint8_t *seen = calloc(size, 1);
    for (*repeats = 0; !tune_strategy_done(t) && n < 100000; n++) {
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_true(p.point < size);
        if (seen[p.point]) assert_true(p.again);
        else assert_false(p.again);
        seen[p.point] = 1;
        *repeats += p.again;
        double value = bowl(s, p.point) * (1 + noise * xl_rng_normal(&rng));
        assert_int_equal(tune_strategy_tell(t, p.point, value, 1, NULL), 0);
    }
    for (size_t i = 0; i < size; i++) assert_int_equal(seen[i], 1);
    free(seen);
    tune_proposal p;
    assert_int_equal(tune_strategy_ask(t, &p, NULL), XLSTM_EARG);
    return n;
}

static uint32_t bottom(const tune_space *s) {
    uint32_t best = TUNE_NO_POINT;
    for (uint32_t p = 0; p < tune_space_size(s); p++) {
        if (isnan(bowl(s, p))) continue;
        if (best == TUNE_NO_POINT || bowl(s, p) < bowl(s, best)) best = p;
    }
    return best;
}

static void small_spaces_are_exhausted_each_point_once(void **state) {
    for (int params = 1; params <= 3; params++) {
        tune_space *s = box(params, 4);
        const char *names[] = {"auto", "grid"};
        for (int i = 0; i < 2; i++) {
            int repeats;
            tune_strategy *t = make(names[i], s, 3);
            int n = run_out(t, s, 0, &repeats);
            assert_true(repeats <= 1); /* auto checks for noise once */
            assert_int_equal(n, tune_space_size(s) + (size_t)repeats);
            assert_int_equal(tune_strategy_best(t).point, bottom(s));
            assert_near(tune_strategy_best(t).estimate, bowl(s, bottom(s)), 1e-9);
            tune_strategy_destroy(t);
        }
        tune_space_destroy(s);
    }
}

static void a_space_without_a_valid_point_ends(void **state) {
    tune_space *s = box(2, 5);
    tune_strategy *t = make("auto", s, 1);
    int n = 0;
    for (; !tune_strategy_done(t); n++) {
        tune_proposal p;
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(tune_strategy_tell(t, p.point, NAN, 1, NULL), 0);
    }
    assert_int_equal(n, 25);
    assert_int_equal(tune_strategy_best(t).point, TUNE_NO_POINT);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void noise_is_averaged_and_the_estimate_is_fair(void **state) {
    tune_space *s = box(2, 8);
    double over = 0;
    enum { RUNS = 40 };
    for (int i = 0; i < RUNS; i++) {
        int repeats;
        tune_strategy *t = make("auto", s, (uint64_t)i);
        run_out(t, s, 0.05, &repeats);
        tune_best best = tune_strategy_best(t);
        assert_true(repeats > 10 && best.samples > 10);
        assert_true(best.relative_sd > 0 && best.relative_sd < 0.02);
        over += bowl(s, best.point) / best.estimate - 1;
        tune_strategy_destroy(t);
    }
    assert_true(fabs(over / RUNS) < 0.01);
    tune_space_destroy(s);
}

static void known_noise_free_values_are_not_repeated(void **state) {
    tune_space *s = box(3, 4);
    tune_strategy_options o;
    tune_strategy *t;
    int repeats;
    tune_strategy_options_init(&o);
    o.noise = 0;
    assert_int_equal(tune_strategy_create("auto", s, &o, &t, NULL), 0);
    assert_int_equal(run_out(t, s, 0.05, &repeats), tune_space_size(s));
    assert_int_equal(repeats, 0);
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void first_points_come_first(void **state) {
    tune_space *s = box(3, 5);
    const uint32_t priors[] = {77, 12, 77, 30};
    tune_strategy_options o;
    tune_strategy_options_init(&o);
    o.priors = priors;
    o.prior_count = 4;
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        tune_strategy *t;
        tune_proposal p;
        assert_int_equal(tune_strategy_create(c->name, s, &o, &t, NULL), 0);
        assert_int_equal(tune_strategy_tell(t, 12, 2.0, NAN, NULL), 0); /* known already */
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(p.point, 77);
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_int_equal(p.point, 30);
        assert_int_equal(tune_strategy_best(t).point, 12);
        tune_strategy_destroy(t);
    }
    tune_strategy *t;
    const uint32_t beyond[] = {125};
    o.priors = beyond;
    o.prior_count = 1;
    assert_int_equal(tune_strategy_create("auto", s, &o, &t, NULL), XLSTM_EARG);
    tune_space_destroy(s);
}

static void several_may_be_asked_before_one_is_told(void **state) {
    tune_space *s = box(3, 4);
    tune_strategy *t = make("auto", s, 9);
    uint8_t seen[64] = {0};
    for (int round = 0; round < 16; round++) {
        tune_proposal p[4];
        for (int i = 0; i < 4; i++) {
            assert_int_equal(tune_strategy_ask(t, &p[i], NULL), 0);
            if (!p[i].again) assert_int_equal(seen[p[i].point]++, 0);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(tune_strategy_tell(t, p[i].point, bowl(s, p[i].point), 1, NULL), 0);
    }
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

static void bad_calls_are_refused(void **state) {
    tune_space *s = box(2, 3);
    tune_strategy_options o;
    tune_strategy *t;
    xlstm_error err;
    tune_strategy_options_init(&o);
    assert_int_equal(tune_strategy_create("atuo", s, &o, &t, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "did you mean \"auto\""));
    t = make("auto", s, 1);
    assert_int_equal(tune_strategy_tell(t, 9, 1, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_strategy_tell(t, 0, -1, 1, &err), XLSTM_EARG);
    assert_int_equal(tune_strategy_tell(t, 0, INFINITY, 1, &err), XLSTM_EARG);
    tune_strategy_destroy(t);
    tune_space *empty = tune_space_create();
    assert_int_equal(tune_strategy_create("auto", empty, &o, &t, &err), XLSTM_EARG);
    tune_space_destroy(empty);
    tune_space_destroy(s);
}

/* ---- the original's operators ---- */

static void the_originals_random_point(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 65, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    int heads[9] = {0}, chunks[66] = {0}, workers[9] = {0};
    for (int i = 0; i < 6000; i++) {
        uint32_t p = tune_original_draw(s, &rng);
        heads[(int)tune_space_value(s, p, 0).number]++;
        chunks[(int)tune_space_value(s, p, 1).number]++;
        workers[(int)tune_space_value(s, p, 2).number]++;
    }
    for (int h = 2; h <= 8; h++) assert_in_range(heads[h], 750, 970);
    for (int w = 4; w <= 8; w++) assert_in_range(workers[w], 1080, 1320);
    assert_in_range(chunks[16], 1850, 2150);
    assert_in_range(chunks[40], 1850, 2150); /* floor((16 + 65) / 2) */
    assert_int_equal(chunks[16] + chunks[40] + chunks[65], 6000);
    tune_space_destroy(s);
}

static void the_originals_child(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 64, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    xl_rng rng;
    xl_rng_seed(&rng, 2);
    const tune_value one[] = {{.number = 2}, {.number = 20}, {.number = 4}};
    uint32_t parent = tune_space_find_values(s, one);
    int same = 0, moved[3] = {0}, heads[9] = {0};
    for (int i = 0; i < 10000; i++) {
        uint32_t p = tune_original_child(s, parent, parent, &rng);
        int h = (int)tune_space_value(s, p, 0).number, c = (int)tune_space_value(s, p, 1).number,
            w = (int)tune_space_value(s, p, 2).number;
        assert_true(h >= 2 && h <= 4);              /* ± 1 or 2, clamped below */
        assert_true(c == 20 || c == 16 || c == 32); /* ± 12, clamped */
        assert_true(w == 4 || w == 5);
        same += p == parent;
        heads[h]++;
        moved[1] += c != 20;
        moved[2] += w != 4;
    }
    assert_in_range(moved[1], 3800, 4200); /* 0.4 */
    assert_in_range(moved[2], 1850, 2150); /* 0.4, half of them clamped back */
    assert_in_range(heads[3], 850, 1150);
    assert_in_range(heads[4], 850, 1150);
    assert_in_range(same, 3550, 4100); /* 0.8 0.6 0.8 */
    const tune_value other[] = {{.number = 8}, {.number = 20}, {.number = 4}};
    uint32_t father = tune_space_find_values(s, other);
    int from_mother = 0;
    for (int i = 0; i < 10000; i++) {
        from_mother += tune_space_value(s, tune_original_child(s, parent, father, &rng), 0).number < 5;
    }
    assert_in_range(from_mother, 4800, 5200);
    tune_space_destroy(s);
}

static void generations_keep_their_elites(void **state) {
    tune_space *s;
    assert_int_equal(tune_space_original(2, 8, 16, 64, 4, 8, &s, NULL), 0);
    assert_int_equal(tune_space_seal(s, NULL), 0);
    tune_strategy_options o;
    tune_strategy *t;
    tune_strategy_options_init(&o);
    o.population = 10;
    o.generations = 4;
    assert_int_equal(tune_strategy_create("ga", s, &o, &t, NULL), 0);
    uint32_t asked[4][10];
    for (int i = 0; i < 40; i++) {
        tune_proposal p;
        assert_false(tune_strategy_done(t));
        assert_int_equal(tune_strategy_ask(t, &p, NULL), 0);
        assert_false(p.again); /* a duplicate costs nothing */
        asked[i / 10][i % 10] = p.point;
        assert_int_equal(tune_strategy_tell(t, p.point, 1 + p.point, 1, NULL), 0);
    }
    assert_true(tune_strategy_done(t)); /* proposals are counted, duplicates included */
    for (int g = 1; g < 4; g++) {
        for (int e = 0; e < 3; e++) { /* 0.3 of the population, the best of the previous generation, in order */
            int better = 0, found = 0;
            for (int i = 0; i < 10; i++) {
                better += asked[g - 1][i] < asked[g][e];
                found += asked[g - 1][i] == asked[g][e];
            }
            assert_true(found > 0 && better <= e);
        }
    }
    tune_strategy_destroy(t);
    tune_space_destroy(s);
}

/* ---- replay ---- */

static void scores_equal_those_of_the_community(void **state) {
    tune_landscape *l;
    xlstm_error err;
    if (tune_landscape_read(INVENTED, &l, &err)) fail_msg("%s", err.text);
    assert_int_equal(l->rows, 630);
    assert_int_equal(l->valid, 592);
    assert_near(l->t01, 2.948, 1e-9);
    assert_near(l->t95, 173.932, 1e-9);
    assert_near(l->cost_per_eval, 1.576682132132132, 1e-12);
    assert_string_equal(tune_space_param(l->space, 3)->values[2].text, "z");
    tune_replay_options o = {.strategy = "grid", .budget = 400, .seeds = 3};
    tune_strategy_options_init(&o.search);
    tune_trace traces[3];
    tune_replay_score score;
    assert_int_equal(tune_replay(l, &o, traces, &err), 0);
    assert_int_equal(tune_replay_scores(l, traces, 3, &score, &err), 0);
    /* The values of the Python implementation for the same rows. */
    const double share[][2] = {{25, 0.4414515957458847}, {100, 0.4870549515309817}, {400, 0.9776105937427951}};
    for (int i = 0; i < 3; i++) {
        assert_near(tune_replay_share(l, traces, 3, (size_t)share[i][0]), share[i][1], 1e-12);
    }
    assert_near(score.performance, -10.432208967641552, 1e-9);
    assert_int_equal(score.short_runs, 0);
    tune_traces_release(traces, 3);
    tune_landscape_destroy(l);
}

static void threads_change_nothing(void **state) {
    tune_landscape *l;
    assert_int_equal(tune_landscape_read(INVENTED, &l, NULL), 0);
    tune_replay_options o = {.strategy = "auto", .budget = 60, .seeds = 4, .threads = 1};
    tune_trace a[4], b[4];
    tune_strategy_options_init(&o.search);
    assert_int_equal(tune_noise_parse("native:2", &o.noise, NULL), 0);
    assert_int_equal(tune_replay(l, &o, a, NULL), 0);
    o.threads = 4;
    assert_int_equal(tune_replay(l, &o, b, NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].count, b[i].count);
        assert_true(a[i].count >= 60);
        for (size_t j = 0; j < a[i].count; j++) assert_int_equal(a[i].steps[j].row, b[i].steps[j].row);
    }
    tune_traces_release(a, 4);
    tune_traces_release(b, 4);
    tune_landscape_destroy(l);
}

/* With several points in flight, each row is measured once, the order is that of asking, and a space is measured
 * completely; the first seed is that of the first run. */
static void points_in_flight(void **state) {
    tune_landscape *l;
    assert_int_equal(tune_landscape_read(INVENTED, &l, NULL), 0);
    tune_replay_options o = {.strategy = "grid", .budget = 40, .seeds = 1, .pending = 7, .brief = true};
    tune_trace a, b[2];
    tune_strategy_options_init(&o.search);
    assert_int_equal(tune_replay(l, &o, &a, NULL), 0);
    assert_int_equal(a.count, 40);
    for (size_t i = 0; i < a.count; i++) assert_int_equal(a.steps[i].row, i);
    tune_traces_release(&a, 1);
    o.strategy = "auto";
    o.budget = 1000;
    o.search.seed = 5;
    assert_int_equal(tune_replay(l, &o, &a, NULL), 0);
    assert_int_equal(a.count, l->rows + 1); /* one row twice, to see whether there is noise */
    o.search.seed = 4;
    o.seeds = 2;
    assert_int_equal(tune_replay(l, &o, b, NULL), 0);
    assert_int_equal(a.count, b[1].count);
    for (size_t i = 0; i < a.count; i++) assert_int_equal(a.steps[i].row, b[1].steps[i].row);
    tune_traces_release(&a, 1);
    tune_traces_release(b, 2);
    tune_landscape_destroy(l);
}

/* The search and the scores use different repeats. */
static void halves(void **state) {
    static const char text[] = "x,time,cost_s,times\n"
                               "1,3,1,2;9;2;9;2\n"
                               "2,4,1,4;1;4;1\n"
                               "3,,1,\n";
    test_put("halves.csv", text);
    char *path = test_path("halves.csv");
    tune_landscape *l;
    xlstm_error err;
    if (tune_landscape_read(path, &l, &err)) fail_msg("%s", err.text);
    assert_int_equal(tune_landscape_halve(l, &err), 0);
    assert_true(l->time[0] == 2 && l->time[1] == 4 && isnan(l->time[2]));
    assert_true(l->optimum == 2 && l->median == 3 && l->valid == 2);
    tune_replay_options o = {.strategy = "grid", .budget = 3, .seeds = 1};
    tune_strategy_options_init(&o.search);
    tune_trace trace;
    const char *kinds[] = {"halves", "halves:3"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tune_noise_parse(kinds[i], &o.noise, NULL), 0);
        assert_true(o.noise.halves);
        assert_int_equal(tune_replay(l, &o, &trace, NULL), 0);
        assert_int_equal(trace.count, 3);
        assert_true(trace.steps[0].observed == 9 && trace.steps[1].observed == 1 && isnan(trace.steps[2].observed));
        /* The search takes the second point for the best; by the other half of the repeats it is half as good as
         * the first. */
        assert_near(tune_replay_share(l, &trace, 1, 3), 0.5, 1e-12);
        tune_traces_release(&trace, 1);
    }
    /* When the landscape is halved again, only one sample of the second row is left. */
    assert_int_equal(tune_landscape_halve(l, &err), 0);
    assert_int_equal(tune_landscape_halve(l, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "line 2"));
    tune_landscape_destroy(l);
    free(path);
    static const char *const bad[] = {"halve", "halves:", "halves:0", "halves:x", "halves2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tune_noise_parse(bad[i], &o.noise, NULL), XLSTM_EARG);
}

static void auto_beats_random(void **state) {
    tune_landscape *l;
    assert_int_equal(tune_landscape_read(INVENTED, &l, NULL), 0);
    tune_replay_options o = {.strategy = "auto", .budget = 100, .seeds = 10};
    tune_trace traces[10];
    double share[2];
    tune_strategy_options_init(&o.search);
    for (int i = 0; i < 2; i++) {
        o.strategy = i ? "random" : "auto";
        assert_int_equal(tune_replay(l, &o, traces, NULL), 0);
        share[i] = tune_replay_share(l, traces, 10, 50);
        tune_traces_release(traces, 10);
    }
    assert_true(share[0] > 0.93 && share[0] > share[1] + 0.02);
    tune_landscape_destroy(l);
}

static void noise_forms(void **state) {
    tune_noise n;
    assert_int_equal(tune_noise_parse("gauss:0.05:3", &n, NULL), 0);
    assert_int_equal(n.kind, TUNE_NOISE_GAUSS);
    assert_int_equal(n.repeats, 3);
    assert_near(n.sd, 0.05, 0);
    assert_int_equal(tune_noise_parse("native:10", &n, NULL), 0);
    assert_int_equal(tune_noise_parse("none", &n, NULL), 0);
    const char *bad[] = {"",        "gauss",    "gauss:", "gauss:1:1", "gauss:0.1", "gauss:0.1:0",
                         "native:", "native:x", "no"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tune_noise_parse(bad[i], &n, NULL), XLSTM_EARG);
}

static void bad_landscapes_say_where(void **state) {
    const struct {
        const char *text, *message;
    } rows[] = {
        {"", "empty"},
        {"a,b\n1,2\n", "then \"time\""},
        {"time,cost_s\n1,2\n", "then \"time\""},
        {"a,time\n", "no rows"},
        {"a,time\n1,2,3\n", "line 2: found 3 cells, wanted 2"},
        {"a,time\n1,fast\n", "line 2: time: found \"fast\""},
        {"a,time\n1,-2\n", "line 2: time"},
        {"a,time,cost_s\n1,2,x\n", "line 2: cost_s"},
        {"a,time,cost_s,times\n1,2,1,2;z\n", "line 2: times: found \"z\""},
        {"a,time\n1,\n2,\n", "no row has a time"},
        {"a,time\n1,2\n1,3\n", "is there twice"},
        {"{\"cache\": [", "line 1"},
        {"{\"cache\": {}, \"tune_params_keys\": [\"a\"]}", "wanted Kernel Tuner's cache"},
        {"{\"tune_params_keys\": [\"a\"], \"cache\": {\"1\": {\"time\": 1}}}", "a: wanted a number or a text"},
        {"{\"tune_params_keys\": [\"a\"], \"cache\": {\"1\": {\"a\": 1, \"time\": \"Failed\"}}}",
         "no row has a time"},
    };
    char *path = test_path("landscape");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tune_landscape *l;
        xlstm_error err;
        test_put("landscape", rows[i].text);
        assert_int_equal(tune_landscape_read(path, &l, &err), XLSTM_EFORMAT);
        if (!strstr(err.text, rows[i].message)) fail_msg("%s: %s", rows[i].text, err.text);
    }
    tune_landscape *l;
    const char *good = "a,b,time\r\n4,\"x\",2\r\n2,y,\r\n"; /* no cost, no repeats, CRLF, values from the columns */
    test_put("landscape", good);
    assert_int_equal(tune_landscape_read(path, &l, NULL), 0);
    assert_near(tune_space_param(l->space, 0)->values[0].number, 2, 0);
    assert_string_equal(tune_space_param(l->space, 1)->values[0].text, "x");
    assert_true(isnan(l->time[1]));
    tune_landscape_destroy(l);
    /* Kernel Tuner's cache of a run that was interrupted, whose end is missing. */
    const char *cache =
        "{\"tune_params_keys\": [\"a\", \"b\"], \"tune_params\": {\"a\": [4, 2], \"b\": [\"x\", \"y\"]},\n"
        "\"cache\": {\"4,x\": {\"a\": 4, \"b\": \"x\", \"time\": 2.5, \"times\": [2, 3], \"compile_time\": "
        "500, \"benchmark_time\": 1500},\n\"2,y\": {\"a\": 2, \"b\": \"y\", \"time\": \"RuntimeFailedConfig\"},\n";
    test_put("landscape", cache);
    assert_int_equal(tune_landscape_read(path, &l, NULL), 0);
    assert_int_equal(l->rows, 2);
    assert_near(tune_space_param(l->space, 0)->values[0].number, 4, 0);
    assert_near(l->time[0], 2.5, 0);
    assert_near(l->cost[0], 2, 1e-12);
    assert_near(l->samples[1], 3, 0);
    assert_true(isnan(l->time[1]));
    tune_landscape_destroy(l);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tune_landscape_read(path, &l, NULL), XLSTM_ENOTFOUND);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_proposals),
        cmocka_unit_test(small_spaces_are_exhausted_each_point_once),
        cmocka_unit_test(a_space_without_a_valid_point_ends),
        cmocka_unit_test(noise_is_averaged_and_the_estimate_is_fair),
        cmocka_unit_test(known_noise_free_values_are_not_repeated),
        cmocka_unit_test(first_points_come_first),
        cmocka_unit_test(several_may_be_asked_before_one_is_told),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(the_originals_random_point),
        cmocka_unit_test(the_originals_child),
        cmocka_unit_test(generations_keep_their_elites),
        cmocka_unit_test(scores_equal_those_of_the_community),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(points_in_flight),
        cmocka_unit_test(halves),
        cmocka_unit_test(auto_beats_random),
        cmocka_unit_test(noise_forms),
        cmocka_unit_test(bad_landscapes_say_where),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
