/* The tables of a run, the front and best.json: what stands in them, that they are written whole, and that they are
 * read back. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "study_rows.h"
#include "tuner/run/best_json.h"
#include "tuner/run/pareto_csv.h"
#include "tuner/run/run_tables.h"
#include "tuner/run/table.h"

static void the_front_is_a_table(void **state) {
    tune_space *space = tune_space_create();
    xlstm_error err;
    must(tune_space_add_range(space, "chunk_size", 0, 16, 64, 16, &err), &err);
    must(tune_space_add_range(space, "workers", 0, 1, 2, 1, &err), &err);
    must(tune_space_seal(space, &err), &err);
    enum { COUNT = 4 };
    static const double cost[COUNT][2] = {{3, 10}, {1, 30}, {2, 20}, {2.5, 25}}; /* the last is dominated */
    tune_trial_row trials[COUNT];
    tune_named values[COUNT];
    for (int i = 0; i < COUNT; i++) {
        trials[i] = sample_trial(i, 1);
        trials[i].metric[TUNE_REQUEST_S] = cost[i][0];
        trials[i].metric[TUNE_PEAK_MB] = cost[i][1];
        values[i] = (tune_named){"chunk_size", {.number = 16 * (i + 1)}};
        trials[i].params = (tune_named_list){&values[i], 1};
    }
    const int objective[] = {TUNE_REQUEST_S, TUNE_PEAK_MB};
    const tune_pareto what = {.metrics = &tune_engine_metrics,
                              .trials = trials,
                              .count = COUNT,
                              .space = space,
                              .objective = objective,
                              .objectives = 2};
    must(tune_pareto_write(test_folder, &what, &err), &err);
    char *csv = test_read(test_folder, "pareto.csv");
    assert_string_equal(csv, "trial,request_s,peak_mb,chunk_size,workers\n1,1,30,32,\n2,2,20,48,\n0,3,10,16,\n");
    free(csv);
    /* Texts are quoted where they must be; what a trial lacks is an empty cell. */
    tune_named names[] = {{"workers", {.text = "two, or \"2\""}}, {"other", {.number = 5}}};
    trials[1].params = (tune_named_list){names, 2};
    trials[1].metric[TUNE_PEAK_MB] = 5;
    trials[2].metric[TUNE_PEAK_MB] = trials[3].metric[TUNE_PEAK_MB] = trials[0].metric[TUNE_PEAK_MB] = NAN;
    must(tune_pareto_write(test_folder, &what, &err), &err);
    csv = test_read(test_folder, "pareto.csv");
    assert_string_equal(csv, "trial,request_s,peak_mb,chunk_size,workers\n1,1,5,,\"two, or \"\"2\"\"\"\n");
    free(csv);
    char *nowhere = test_path("nowhere");
    assert_int_equal(tune_pareto_write(nowhere, &what, &err), XLSTM_EIO);
    free(nowhere);
    tune_space_destroy(space);
}

/* A row of summary.csv has a cell for each column of the header, whatever the trial lacks. */
static void a_row_has_every_cell(void **state) {
    static const char header[] = "backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,"
                                 "decode_s,trial,status,duplicate_of,request_s,ttft_ms,peak_mb,kl,energy_j,ppl,"
                                 "ratio,samples,token_hash,state,reason\n";
    static const char *const rows[] = {"ray,,4,16,,,0.25,,7,ok,,,,,,,,0.5,1,abc,f32,\n",
                                       "ray,,4,16,,,0.25,,7,ok,3,,,,,,,0.5,1,abc,f32,\n",
                                       "ray,,4,16,,,,,7,failed,,,,,,,,,1,,f32,\"not \"\"this\"\", that\"\n"};
    json_t *settings =
        json_pack("{s:s, s:i, s:i, s:s}", "backend", "ray", "chunk_size", 16, "heads_per_band", 4, "state", "f32");
    assert_non_null(settings);
    for (int kind = 0; kind < 3; kind++) {
        tune_trial_row t = sample_trial(7, kind == 2 ? NAN : 0.5);
        if (kind == 1) t.duplicate_of = 3;
        if (kind == 2) {
            t.status = TUNE_TRIAL_FAILED;
            t.reason = text("not \"this\", that");
            t.token_hash = NULL;
        }
        char *printed = NULL;
        size_t bytes;
        FILE *out = open_memstream(&printed, &bytes);
        assert_non_null(out);
        tune_table_csv_header(out, &tune_engine_metrics, settings);
        tune_table_csv_row(out, &tune_engine_metrics, settings, &t, settings);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(strncmp(printed, header, strlen(header)), 0);
        assert_string_equal(printed + strlen(header), rows[kind]);
        free(printed);
    }
    json_decref(settings);
}

/* A column of summary.csv has one meaning: metrics and parameters with the name of another column are refused. */
static void columns_have_names_of_their_own(void **state) {
    static const struct {
        const char *metric, *param, *says;
    } bad[] = {{"ratio", "a", "metrics: ratio: a column of summary.csv has that name already"},
               {"heads_per_band", "a", "metrics: heads_per_band: a column"},
               {"cost", "status", "space: status: a column"},
               {"cost", "token_hash", "space: token_hash: a column"},
               {"cost", "cost", "space: cost: a column"}};
    xlstm_error err;
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        const bool good = i == sizeof bad / sizeof *bad;
        tune_metrics metrics = {.count = 2, .at = {{.name = "wall_s"}}};
        snprintf(metrics.at[1].name, sizeof metrics.at[1].name, "%s", good ? "cost" : bad[i].metric);
        tune_space *space = tune_space_create();
        must(tune_space_add_range(space, "chunk_size", 0, 16, 64, 16, &err), &err); /* the original's own */
        must(tune_space_add_range(space, good ? "costs" : bad[i].param, 0, 1, 2, 1, &err), &err);
        must(tune_space_seal(space, &err), &err);
        if (good) {
            must(tune_table_check(&metrics, space, &err), &err);
        } else {
            assert_int_equal(tune_table_check(&metrics, space, &err), XLSTM_EARG);
            if (!strstr(err.text, bad[i].says)) fail_msg("found \"%s\", wanted \"%s\"", err.text, bad[i].says);
        }
        tune_space_destroy(space);
    }
}

static int add_row(tune_run_tables *t, const json_t *settings, int64_t index, xlstm_error *err) {
    tune_trial_row row = sample_trial(index, 0.5);
    return tune_run_tables_add(t, &tune_engine_metrics, settings, &row, settings, NULL, 0, err);
}

/* Tables that cannot be written say which one and why, and what was there before stays until the new ones are
 * whole. */
static void tables_that_cannot_be_written(void **state) {
    xlstm_error err;
    tune_run_tables t;
    char *folder = test_path("tables"), *nowhere = test_path("no/tables");
    json_t *settings = json_pack("{s:s}", "backend", "ray");
    assert_int_equal(mkdir(folder, 0777), 0);
    tune_run_tables_init(&t);
    assert_int_equal(tune_run_tables_begin(&t, nowhere, &tune_engine_metrics, settings, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "no/tables"));
    must(tune_run_tables_begin(&t, folder, &tune_engine_metrics, settings, &err), &err);
    must(tune_run_tables_settle(&t, &err), &err); /* nothing is in its place yet */
    must(add_row(&t, settings, 0, &err), &err);
    must(tune_run_tables_ready(&t, &err), &err);
    must(add_row(&t, settings, 1, &err), &err);
    must(tune_run_tables_settle(&t, &err), &err);
    char *before = test_read(folder, "summary.csv");

    /* A disk that is full, here a file that may not grow. */
    struct rlimit all, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    none = (struct rlimit){strlen(before), all.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    const int status = add_row(&t, settings, 2, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, XLSTM_EIO);
    assert_non_null(strstr(err.text, ": File too large"));

    /* Tables that were begun anew and dropped leave the old ones. */
    must(tune_run_tables_begin(&t, folder, &tune_engine_metrics, settings, &err), &err);
    must(add_row(&t, settings, 0, &err), &err);
    tune_run_tables_close(&t);
    char *after = test_read(folder, "summary.csv");
    assert_string_equal(after, before);
    assert_int_equal(test_entries(folder), 2);

    /* A folder comes into the place of a table. */
    char *taken = xl_path_join(folder, "summary.csv"), *inside = xl_path_join(taken, "inside");
    must(tune_run_tables_begin(&t, folder, &tune_engine_metrics, settings, &err), &err);
    assert_int_equal(unlink(taken), 0);
    assert_int_equal(mkdir(taken, 0777), 0);
    assert_int_equal(mkdir(inside, 0777), 0);
    assert_int_equal(tune_run_tables_ready(&t, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "summary.csv"));
    tune_run_tables_close(&t);
    assert_int_equal(test_entries(folder), 2);
    assert_int_equal(tune_run_tables_begin(&t, folder, &tune_engine_metrics, settings, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "summary.csv"));
    tune_run_tables_close(&t);
    assert_int_equal(test_entries(folder), 2);
    json_decref(settings);
    free(before);
    free(after);
    free(inside);
    free(taken);
    free(nowhere);
    free(folder);
}

/* best.json names the trials of the front where there are several objectives, and gives back what it was made of.
 */
static void best_is_read_back(void **state) {
    tune_space *space = tune_space_create();
    xlstm_error err;
    must(tune_space_add_range(space, "chunk_size", 0, 16, 64, 16, &err), &err);
    must(tune_space_seal(space, &err), &err);
    tune_run_row run = sample_run("u");
    tune_trial_row trials[3];
    for (int i = 0; i < 3; i++) {
        trials[i] = sample_trial(i + 5, 1);
        trials[i].metric[TUNE_REQUEST_S] = i + 1;
        trials[i].metric[TUNE_PEAK_MB] = i == 1 ? 40 : 30 - i; /* the middle one is dominated */
    }
    const tune_standing s = {
        .winner = TUNE_BASELINE, .verdict = "baseline", .text = "nothing is faster", .challenger = TUNE_NO_POINT};
    for (int several = 0; several < 2; several++) {
        run.objective = text(several ? "request_s,peak_mb" : "request_s");
        json_t *j = tune_best_json(&run, trials, 3, space, &s);
        const json_t *front = json_object_get(j, "front");
        assert_int_equal(json_array_size(front), several ? 2 : 0);
        if (several) {
            assert_int_equal(json_integer_value(json_array_get(front, 0)), 5);
            assert_int_equal(json_integer_value(json_array_get(front, 1)), 7);
        } else {
            assert_null(front);
        }
        json_decref(j);
    }
    /* A winner of the search is named by its trial, and so are what lost to the baseline and what was looked into.
     */
    tune_named chosen = {"chunk_size", {.number = 32}};
    tune_standing won = s;
    won.winner = trials[2].point = 1;
    trials[0].point = trials[1].point = 0;
    won.best.settings = (tune_named_list){&chosen, 1};
    won.challenger = 2;
    json_t *looked = json_pack("{s:f}", "ratio", 1.5);
    won.interaction = looked;
    run.baseline = text("{\"metrics\": {\"request_s\": 9}}");
    for (int i = 0; i < TUNE_METRICS; i++) won.best.metric[i] = NAN;
    won.best.metric[TUNE_REQUEST_S] = 3;
    trials[2].metric[TUNE_KL] = 0.5; /* a property of the point, which no sample changes */
    json_t *j = tune_best_json(&run, trials, 3, space, &won);
    assert_int_equal(json_integer_value(json_object_get(j, "trial")), 7);
    assert_true(json_number_value(json_object_get(json_object_get(j, "metrics"), "request_s")) == 3);
    assert_true(json_number_value(json_object_get(json_object_get(j, "metrics"), "kl")) == 0.5);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "params"), "chunk_size")), 32);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "settings"), "chunk_size")), 32);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "challenger"), "chunk_size")), 48);
    assert_true(json_equal(json_object_get(j, "interaction"), looked));
    assert_true(json_is_false(json_object_get(j, "is_baseline")) && json_is_false(json_object_get(j, "final")));
    const json_t *baseline = json_object_get(j, "baseline");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(baseline, "metrics"), "request_s")), 9);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(baseline, "search_metrics"), "request_s")),
                     9);
    json_decref(j);
    j = tune_best_json(&run, trials, 2, space, &won); /* its trial is not among them */
    assert_null(json_object_get(j, "trial"));
    json_decref(j);
    /* The baseline stays: its own metrics are those of the record, where this process took no sample of it. */
    j = tune_best_json(&run, trials, 3, space, &s);
    assert_null(json_object_get(j, "trial"));
    assert_null(json_object_get(j, "challenger"));
    assert_null(json_object_get(j, "interaction"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "metrics"), "request_s")), 9);
    json_decref(j);
    json_decref(looked);
    static const char ended[] =
        "{\"final\": true, \"verdict\": \"better\", \"verdict_text\": \"it is faster\", \"is_baseline\": false, "
        "\"params\": {\"chunk_size\": 32}, \"speedup\": {\"value\": 1.25, \"low\": 1.125, \"high\": 1.5, "
        "\"processes\": 12}}";
    tune_drive_result result = {.winner = TUNE_BASELINE};
    assert_true(tune_best_is_final(ended));
    assert_false(tune_best_is_final("{\"final\": false}"));
    assert_false(tune_best_is_final(NULL));
    must(tune_best_read(ended, space, "run", &result, &err), &err);
    assert_int_equal(result.final.verdict, TUNE_VERDICT_BETTER);
    assert_true(result.final.speedup == 1.25 && result.final.low == 1.125 && result.final.high == 1.5);
    assert_int_equal(result.final.processes, 12);
    assert_string_equal(result.verdict, "it is faster");
    assert_true(tune_space_value(space, (uint32_t)result.winner, 0).number == 32);
    assert_int_equal(tune_best_read("{\"verdict\": \"faster\"}", space, "run", &result, &err), XLSTM_EFORMAT);
    assert_string_equal(err.text, "run: the stored result has no verdict");
    assert_int_equal(tune_best_read(NULL, space, "run", &result, &err), XLSTM_EFORMAT);
    tune_space_destroy(space);
}

/* The last comparison is in best.json with each process, the states of the machine and what tells them apart. */
static void a_comparison_is_written_whole(void **state) {
    static const char wanted[] =
        "{\"value\": 0.5, \"low\": 0.25, \"high\": null, \"level\": 0.75, \"processes\": 3, \"blocks\": 9, "
        "\"discarded_blocks\": 1, \"kept_disturbed_blocks\": 2, \"lost_processes\": 4, \"stopped_by\": \"%s\", "
        "\"failed\": {\"winner\": 2, \"baseline\": 0, \"either\": 1}, "
        "\"log_ratios\": [0.0, 0.5, 0.0], \"condition\": %s, \"state_label\": %s, \"holds_for\": \"%s\", %s"
        "\"seconds\": 4.5, \"states\": [{\"processes\": 2, \"visits\": 2, \"value\": 0.0, \"seen_as\": %s}, "
        "{\"processes\": 1, \"visits\": 1, \"value\": %.17g, \"seen_as\": %s}], \"state_changes\": 2, "
        "\"state_of\": [0, 1, 0], \"begun_s\": [0.0, 1.5, 3.0]}";
    tune_final f = {.speedup = 0.5,
                    .low = 0.25,
                    .high = INFINITY,
                    .level = 0.75,
                    .processes = 3,
                    .blocks = 9,
                    .discarded = 1,
                    .kept = 2,
                    .lost = 4,
                    .failed = {[TUNE_CULPRIT_WINNER] = 2, [TUNE_CULPRIT_EITHER] = 1, [TUNE_CULPRIT_NEITHER] = 1},
                    .scope = TUNE_SCOPE_TIME,
                    .process = {0, 0.5, 0},
                    .at = {0, 1.5, 3},
                    .states = {.count = 2, .at = {{2, 2, 0}, {1, 1, 0.5}}, .changes = 2, .of = {0, 1, 0}},
                    .span_s = 4.5};
    tune_space *space = tune_space_create();
    const tune_run_row run = sample_run("u");
    for (int labelled = 0; labelled < 2; labelled++) {
        char label[2][64] = {"null", "null"}, name[64] = "null";
        json_t *condition = json_object();
        f.label = labelled ? TUNE_TOGETHER : TUNE_QUANTITIES;
        for (int q = 0; q < TUNE_QUANTITIES; q++) {
            for (int i = 0; i < 3; i++) f.condition[q][i] = q == TUNE_TOGETHER ? (i == 1 ? 0.5 : 0.75) : NAN;
            json_object_set_new(condition, tune_quantity_name(q),
                                q == TUNE_TOGETHER ? json_pack("[f, f, f]", 0.75, 0.5, 0.75)
                                                   : json_pack("[n, n, n]"));
        }
        if (labelled) snprintf(name, sizeof name, "\"%s\"", tune_quantity_name(TUNE_TOGETHER));
        for (int i = 0; i < 2 && labelled; i++)
            snprintf(label[i], sizeof label[i], "\"each processor at %d %% beside the others\"", i ? 50 : 75);
        char *shown = json_dumps(condition, 0);
        const char *aside = labelled ? "\"also_with_machines_aside\": 2, " : "";
        f.unsure = labelled ? 2 : 0;
        char *text = xl_format(wanted, tune_final_stop_name(f.stop), shown, name, tune_scope_name(f.scope), aside,
                               label[0], expm1(0.5), label[1]);
        json_t *all = json_loads(text, 0, NULL);
        assert_non_null(all);
        const tune_standing s = {.winner = TUNE_BASELINE,
                                 .fresh = true,
                                 .final = &f,
                                 .verdict = "better",
                                 .text = "it is faster",
                                 .challenger = TUNE_NO_POINT};
        json_t *j = tune_best_json(&run, NULL, 0, space, &s);
        if (!json_equal(json_object_get(j, "speedup"), all))
            fail_msg("%s\nwanted\n%s", json_dumps(json_object_get(j, "speedup"), 0), text);
        assert_true(json_is_true(json_object_get(j, "final")));
        json_decref(j);
        json_decref(all);
        json_decref(condition);
        free(shown);
        free(text);
    }
    tune_space_destroy(space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_front_is_a_table),
        cmocka_unit_test(a_row_has_every_cell),
        cmocka_unit_test(columns_have_names_of_their_own),
        cmocka_unit_test(tables_that_cannot_be_written),
        cmocka_unit_test(best_is_read_back),
        cmocka_unit_test(a_comparison_is_written_whole),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
