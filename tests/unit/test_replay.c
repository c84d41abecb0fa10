/* Strategies replayed against a measured landscape, and landscapes that cannot be read. */
#include "base/clock.h"
#include "helper.h"
#include "tuner/landscape/replay.h"

#define INVENTED XL_SOURCE_DIR "/tests/data/landscapes/invented__device.csv.gz"

static void assert_near(double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance)) fail_msg("found %.17g, wanted %.17g", value, wanted);
}

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
