/* A target that has nothing to do with a language model goes through search, race, verdict, resume and report,
 * because the tuner's core knows no model. It is an oven: a loaf takes time and wood, and becomes more or less
 * brown. */

#include "base/rng.h"
#include "helper.h"
#include "tuner/driver/driver.h"
#include "tuner/report/report.h"
#include "tuner/run/run.h"
#include "tuner/target/last_points.h"
#include "tuner/target/targets.h"

enum { BAKE_S, WOOD_KG, BROWN }; /* metrics; the first two are parts of a sample too */

static const tune_metrics metrics = {
    .count = 3,
    .parts = 2,
    .objective = BAKE_S,
    .seconds = BAKE_S,
    .apart = {-1, -1},
    .at = {{.name = "bake_s", .unit = "s", .part = 0},
           {.name = "wood_kg", .unit = "kg", .part = 1, .least_share = 0.01},
           {.name = "brown", .of_point = true, .larger_is_better = true, .part = -1}}};

typedef struct oven {
    tune_target target;
    tune_space *space;
    xl_rng rng;
    double now; /* of the simulated clock */
    int samples, stop_at;
    int64_t ready; /* the candidate that was prepared */
    int stop;
} oven;

static double value_of(const oven *o, int64_t candidate, size_t param) {
    return candidate < 0 ? 1 : tune_space_value(o->space, (uint32_t)candidate, param).number;
}

static int open_oven(void *self, int64_t candidate, xlstm_error *err) {
    ((oven *)self)->ready = candidate;
    return XLSTM_OK;
}

static int measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    oven *o = self;
    assert_int_equal(o->ready, candidate);
    if (++o->samples == o->stop_at) o->stop = 1;
    double fire = value_of(o, candidate, 0), door = value_of(o, candidate, 1);
    double seconds = (4 + fabs(fire - 5) + 0.2 * fabs(door - 2)) * (1 + 0.002 * xl_rng_normal(&o->rng));
    *out = (tune_reading){.parts = {seconds, fire}, .hash = 1};
    for (int i = 2; i < TUNE_PARTS; i++) out->parts[i] = NAN;
    o->now += 1e-3;
    return XLSTM_OK;
}

static int outcome(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err) {
    out->metric[BROWN] = value_of(self, candidate, 0) / 10;
    return XLSTM_OK;
}

static double now(void *ctx) {
    return ((oven *)ctx)->now;
}

static int stopped(void *ctx) {
    return ((oven *)ctx)->stop;
}

static tune_named start[] = {{"fire", {.number = 1}}, {"door", {.number = 1}}};
static tune_named brick = {"brick", {.text = "clay"}}, loaf = {"loaf_kg", {.number = 2}};

static void light(oven *o) {
    xlstm_error err;
    *o = (oven){0};
    xl_rng_seed(&o->rng, 3);
    o->space = tune_space_create();
    assert_int_equal(tune_space_add_range(o->space, "fire", 0, 1, 9, 1, &err), 0);
    assert_int_equal(tune_space_add_range(o->space, "door", 0, 1, 3, 1, &err), 0);
    assert_int_equal(tune_space_seal(o->space, &err), 0);
    o->target = (tune_target){.self = o,
                              .space = o->space,
                              .metrics = &metrics,
                              .measure = measure,
                              .baseline = {start, 2},
                              .identity = {&brick, 1},
                              .workload = {&loaf, 1},
                              .open = open_oven,
                              .outcome = outcome};
}

static bool is_setting(const char *name) {
    return !strcmp(name, "fire") || !strcmp(name, "door");
}

static void an_oven_is_tuned(void **state) {
    oven o;
    xlstm_error err;
    tune_run *k = NULL;
    tune_drive_result r;
    char empty[] = "{}", name[] = "oven", mode[] = "auto", objective[] = "bake_s,brown";
    light(&o);
    tune_run_row row = {.backend = name,
                        .mode = mode,
                        .objective = objective,
                        .machine = name,
                        .machine_info = empty,
                        .target = name,
                        .identity = o.target.identity,
                        .workload = o.target.workload,
                        .version = name,
                        .meta = empty,
                        .space = empty,
                        .metrics = metrics};
    if (tune_run_create(&k, test_folder, "x", NULL, &row, &err)) fail_msg("%s", err.text);
    char *where = strdup(tune_run_folder(k));
    tune_drive_options options;
    tune_drive_options_init(&options, &metrics);
    assert_int_equal(options.objective[0], BAKE_S);
    options.objective[1] = BROWN;
    options.objectives = 2;
    options.trials = 14;
    options.effort = TUNE_QUICK;
    options.stop = stopped;
    options.stop_ctx = &o;
    options.now_s = now;
    options.now_ctx = &o;

    /* Stopped in the middle, resumed, and ended. */
    o.stop_at = 12;
    if (tune_drive(&o.target, &options, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.end, TUNE_DRIVE_STOPPED);
    const int before = r.trials;
    assert_in_range(before, 1, 13);
    tune_run_close(k, TUNE_RUN_INTERRUPTED);
    o.stop = 0;
    o.stop_at = 0;
    if (tune_run_resume(&k, where, &err)) fail_msg("%s", err.text);
    assert_int_equal(tune_keeper_run(tune_run_keeper(k))->metrics.count, 3);
    assert_string_equal(tune_named_find(&tune_keeper_run(tune_run_keeper(k))->identity, "brick")->text, "clay");
    assert_true(tune_named_find(&tune_keeper_run(tune_run_keeper(k))->workload, "loaf_kg")->number == 2);
    if (tune_drive(&o.target, &options, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(r.end, TUNE_DRIVE_DONE);
    assert_int_equal(r.trials, 14);
    assert_int_equal(r.final.verdict, TUNE_VERDICT_BETTER);
    assert_true(r.final.low > 0 && fabs(value_of(&o, r.winner, 0) - 5) <= 1);
    size_t count;
    const tune_trial_row *trials;
    if (tune_keeper_rows(tune_run_keeper(k), &trials, &count, &err)) fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++) {
        if (trials[i].status != TUNE_TRIAL_OK) continue;
        assert_true(trials[i].metric[WOOD_KG] == trials[i].metric[BROWN] * 10);
        assert_true(trials[i].metric[BAKE_S] > 3.9);
    }
    tune_run_close(k, TUNE_RUN_FINISHED);

    /* Its files and its report contain the oven's own names. */
    char *best = test_read(where, "best.json");
    assert_non_null(strstr(best, "\"bake_s\""));
    assert_null(strstr(best, "prefill"));
    free(best);
    tune_report *report;
    if (tune_report_read(&report, where, is_setting, &err)) fail_msg("%s", err.text);
    assert_int_equal(report->trials, 14);
    assert_int_equal(report->objectives, 2);
    assert_string_equal(report->objective[0], "bake_s");
    assert_string_equal(report->objective[1], "brown");
    bool fire = false;
    for (size_t p = 0; p < report->parameters; p++) fire |= !strcmp(report->parameter[p].name, "fire");
    assert_true(fire);
    tune_report_free(report);
    free(where);
    tune_space_destroy(o.space);
}

/* What --target takes, by name and argument; and what a description makes of a configuration. */
static void targets_have_names(void **state) {
    static const tune_known known[] = {{"fire", 0, 1, 9, 5, 1, 99, NULL, false},
                                       {"door", 0, 1, 3, 2, 1, 3, NULL, false}};
    tune_target t = {0};
    xlstm_error err;
    json_t *config = json_pack("{s:[s]}", "tune", "fire=2:40:2"), *settings = json_pack("{s:i}", "door", 3);
    tune_target_options options = {.config = config, .settings = settings};
    assert_string_equal(tune_targets[0]->name, "engine");
    assert_ptr_equal(tune_target_find("engine"), tune_targets[0]);
    assert_ptr_equal(tune_target_find("engine:x"), tune_targets[0]);
    assert_null(tune_target_find("engin"));
    assert_int_equal(tune_target_open(&t, "engin", &options, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "did you mean engine?"));
    assert_int_equal(tune_target_open(&t, "engine:x", &options, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "takes no argument"));

    assert_int_equal(tune_target_declare(&t, known, 2, &options, &err), XLSTM_OK);
    assert_int_equal(tune_space_size(t.space), 20);
    tune_named_list all;
    assert_true(tune_target_settings(&t, TUNE_BASELINE, &all));
    assert_true(tune_named_find(&all, "fire")->number == 5 && tune_named_find(&all, "door")->number == 3);
    tune_named_clear(&all);
    assert_true(tune_target_settings(&t, 3, &all));
    assert_true(tune_named_find(&all, "fire")->number == 8 && tune_named_find(&all, "door")->number == 3);
    tune_named_clear(&all);
    assert_true(tune_target_value(&t, 3, "fire").number == 8 && tune_target_value(&t, 3, "door").number == 3);
    tune_target_close(&t);
    json_decref(config);
    json_decref(settings);
}

/* A list is the same after being written and read; a text that is not a list is refused. */
static void lists_are_kept(void **state) {
    tune_metrics back;
    xlstm_error err;
    char *text = tune_metrics_text(&metrics);
    assert_int_equal(tune_metrics_parse(&back, text, &err), XLSTM_OK);
    assert_int_equal(back.count, 3);
    assert_int_equal(tune_metrics_find(&back, "wood_kg"), WOOD_KG);
    assert_int_equal(tune_metrics_of_part(&back, 1), WOOD_KG);
    char both[80];
    snprintf(both, sizeof both, "%s,%s", back.at[WOOD_KG].name, back.at[0].name);
    assert_int_equal(tune_metrics_find_first(&back, both), WOOD_KG);
    assert_int_equal(tune_metrics_find_first(&back, back.at[WOOD_KG].name), WOOD_KG);
    assert_int_equal(tune_metrics_find_first(&back, ""), -1);
    assert_int_equal(tune_metrics_find_first(&back, "a name that is longer than any of a metric can be,s"), -1);
    assert_int_equal(tune_metrics_find(&back, "prefill_s"), -1);
    assert_true(back.at[BROWN].of_point && back.at[BROWN].larger_is_better && back.apart[0] == -1);
    assert_true(tune_metric_cost(&back.at[BROWN], 2) == -2 && tune_metric_cost(&back.at[BAKE_S], 2) == 2);
    assert_true(isinf(tune_metric_cost(&back.at[BAKE_S], NAN)));
    free(text);
    assert_int_equal(tune_metrics_unknown(&metrics, "wod_kg", &err), XLSTM_EARG);
    assert_string_equal(err.text,
                        "objective: found wod_kg (did you mean wood_kg?), wanted bake_s, wood_kg or brown");
    static const char *const damaged[] = {"", "{}", "[]", "{\"metrics\": []}",
                                          "{\"metrics\": [{\"name\": \"a\", \"unit\": \"s\", \"part\": 99}]}"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        assert_int_equal(tune_metrics_parse(&back, damaged[i], &err), XLSTM_EFORMAT);
}

/* What is remembered of points: the baseline's always, of the others that of the last ones. */
static void the_last_points_have_places(void **state) {
    tune_recent r = {0};
    int last[TUNE_RECENT] = {0};
    assert_int_equal(tune_recent_find(&r, TUNE_BASELINE), -1);
    assert_int_equal(tune_recent_find(&r, 0), -1);
    assert_int_equal(tune_recent_put(&r, 0), 1);
    assert_int_equal(tune_recent_find(&r, 0), 1);
    assert_int_equal(tune_recent_put(&r, TUNE_BASELINE), 0);
    for (int c = 1; c < 1000; c++) {
        const int at = tune_recent_put(&r, c);
        assert_in_range(at, 1, TUNE_RECENT - 1);
        assert_int_equal(tune_recent_put(&r, c), at);
        if (c >= TUNE_RECENT - 1) assert_int_equal(at, last[c % (TUNE_RECENT - 1)]); /* of the oldest */
        last[c % (TUNE_RECENT - 1)] = at;
        last[0] = c < TUNE_RECENT - 1 ? 1 : last[0];
        const int oldest = c - (TUNE_RECENT - 2);
        for (int k = oldest > 0 ? oldest : 0; k <= c; k++) assert_true(tune_recent_find(&r, k) > 0);
        if (oldest > 0) assert_int_equal(tune_recent_find(&r, oldest - 1), -1);
        assert_int_equal(tune_recent_find(&r, TUNE_BASELINE), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_points_have_places),
        cmocka_unit_test(an_oven_is_tuned),
        cmocka_unit_test(targets_have_names),
        cmocka_unit_test(lists_are_kept),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
