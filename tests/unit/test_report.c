/* Reading run folders, analysing and drawing them; hostile files. */

#include "base/csv.h"
#include "base/rng.h"
#include "helper.h"
#include "tuner/report/facts.h"
#include "tuner/report/gnuplot.h"

#define HEADER "backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s"

static void clear(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/*", test_folder);
    assert_int_equal(system(command), 0); /* NOLINT: a folder of our own */
}

/* The form of the original's runs: no workers, a first row that is warm-up, CRLF. */
static const char original[] = HEADER "\r\nray,,6,64,21.5,23.8,0.28,2.64\r\nray,,3,36,111.2,25.1,0.054,2.50\r\n"
                                      "ray,,7,64,110.2,25.1,0.054,2.51\r\nray,,6,36,116.3,25.2,0.051,2.51\r\n"
                                      "ray,,3,36,113.0,25.0,0.053,2.52\r\nray,,4,8,90.0,24.9,0.066,2.53\r\n";

static tune_report *read_report(void) {
    tune_report *r = NULL;
    xlstm_error err;
    if (tune_report_read(&r, test_folder, NULL, &err)) fail_msg("%s", err.text);
    return r;
}

static void summary_alone_is_enough(void **state) {
    clear();
    test_put("summary.csv", original);
    tune_report *r = read_report();
    assert_int_equal(r->trials, 6);
    assert_int_equal(r->parameters, 2); /* the column workers is empty */
    assert_string_equal(r->parameter[0].name, "heads_per_band");
    assert_string_equal(r->parameter[1].name, "chunk_size");
    assert_int_equal(r->parameter[1].levels, 3);
    assert_true(r->parameter[1].number[0] == 8 && r->parameter[1].number[2] == 64);
    assert_int_equal(r->trial[0].level[1], 2);
    assert_true(fabs(r->trial[0].request_s - 2.92) < 1e-12);
    assert_true(r->trial[0].ok && r->trial[0].value == r->trial[0].request_s);
    assert_int_equal(r->winner, -1);
    assert_int_equal(tune_report_points(r), 5);
    char gaps[200];
    assert_true(r->imported && !tune_report_space_is_known(r) && !tune_report_all_tried(r));
    tune_report_gaps(r, 0, gaps, sizeof gaps);
    assert_string_equal(gaps, ""); /* the space is not recorded */
    tune_report_free(r);
    tune_report_free(NULL);
    test_put("run_meta.json", "{\"bounds\": {\"heads\": [2, 8], \"chunks\": {\"min\": 8, \"max\": 64}}}");
    test_put("best.json", "{\"params\": {\"heads_per_band\": 3, \"chunk_size\": 36}}");
    r = read_report();
    tune_report_gaps(r, 0, gaps, sizeof gaps);
    assert_string_equal(gaps, "2, 5, 8");
    assert_int_equal(tune_report_combinations(r), 7 * 57);
    assert_int_equal(r->winner, 1); /* the faster of the two rows with these parameters */
    char point[100];
    tune_report_point(r, &r->trial[1], point, sizeof point);
    assert_string_equal(point, "heads_per_band 3, chunk_size 36");
    tune_report_free(r);
}

/* A run's own study is used, whatever other files say; its space says which values could have been tried. */
static void a_study_is_the_truth(void **state) {
    clear();
    test_put("summary.csv", "damaged");
    char *path = test_path(TUNE_STUDY_FILE);
    char space[] = "{\"chunk_size\": [4, 8, 16, 32], \"weights\": [\"stored\", \"bf16\"], \"samples\": [1, 2], "
                   "\"conditions\": [\"samples < 3\", \"samples > 0\"]}";
    char uid[] = "u", state_name[] = TUNE_RUN_RUNNING, ray[] = "ray", mode[] = "grid", objective[] = "request_s",
         none[] = "", empty[] = "{}";
    tune_run_row run = {.uid = uid,
                        .state = state_name,
                        .folder = test_folder,
                        .backend = ray,
                        .mode = mode,
                        .objective = objective,
                        .machine = none,
                        .machine_info = empty,
                        .target = none,
                        .version = none,
                        .meta = empty,
                        .space = space};
    tune_study_first_metrics(&run.metrics);
    tune_study *study;
    xlstm_error err;
    assert_int_equal(tune_study_open(&study, path, true, &err), 0);
    assert_int_equal(tune_study_run_add(study, &run, &err), 0);
    tune_named params[3][3] = {
        {{"chunk_size", {.number = 16}}, {"weights", {.text = "stored"}}, {"samples", {.number = 1}}},
        {{"chunk_size", {.number = 4}}, {"weights", {.text = "stored"}}, {"samples", {.number = 2}}},
        {{"chunk_size", {.number = 4}}, {"weights", {.text = "stored"}}, {"samples", {.number = 2}}}};
    double told[] = {0.5, NAN, NAN};
    for (int i = 0; i < 3; i++) {
        tune_trial_row t = {.index = i,
                            .params = {params[i], 3},
                            .key = empty,
                            .value = 1.25 - i,
                            .told = {told, 3},
                            .samples = 2,
                            .duplicate_of = i == 2 ? 1 : -1,
                            .spread = NAN,
                            .status = i == 2 ? TUNE_TRIAL_DUPLICATE : TUNE_TRIAL_OK};
        for (int k = 0; k < TUNE_METRICS; k++) t.metric[k] = 1 + i;
        assert_int_equal(tune_study_trial_add(study, run.id, &t, NULL, 0, &err), 0);
    }
    tune_study_close(study);
    tune_report *r = read_report();
    assert_false(r->imported);
    assert_int_equal(r->trials, 3);
    assert_int_equal(r->counts.measured, 2);
    assert_int_equal(r->counts.duplicates, 1);
    assert_string_equal(r->run.state, TUNE_RUN_INTERRUPTED); /* no process works on it */
    /* A tunable may have any name, here that of a column of summary.csv. */
    assert_int_equal(r->parameters, 3);
    assert_string_equal(r->parameter[0].name, "chunk_size");
    assert_string_equal(r->parameter[2].name, "samples");
    assert_true(r->parameter[0].number[0] == 4 && r->parameter[0].number[1] == 16);
    char gaps[100];
    tune_report_gaps(r, 0, gaps, sizeof gaps);
    assert_string_equal(gaps, "8, 32");
    tune_report_gaps(r, 1, gaps, sizeof gaps);
    assert_string_equal(gaps, "bf16");
    tune_report_gaps(r, 2, gaps, sizeof gaps);
    assert_string_equal(gaps, "");
    assert_false(tune_report_all_tried(r));
    assert_true(tune_report_first_value(&r->stored[0]) == 0.5);
    tune_report_free(r);
    free(path);
}

static void broken(const char *name, const char *text, int status, const char *words) {
    clear();
    test_put("summary.csv", original);
    test_put(name, text);
    tune_report *r = NULL;
    xlstm_error err = {0};
    assert_int_equal(tune_report_read(&r, test_folder, NULL, &err), status);
    if (!strstr(err.text, words)) fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    if (strchr(err.text, '\n')) fail_msg("more than a line: %s", err.text);
}

static void broken_folders_are_named(void **state) {
    broken("summary.csv", "a,b\n1,2\n", XLSTM_EFORMAT, "no column prefill_tok_s");
    broken("summary.csv", HEADER "\nray,,2,16,fast,1,1,1\n", XLSTM_EFORMAT, "line 2: prefill_tok_s is fast");
    broken("summary.csv", HEADER "\nray,,2,16,1,1,1,1\nray,,2,16,1,1,-0.5,1\n", XLSTM_EFORMAT,
           "line 3: prefill_s is -0.5, wanted a number over 0");
    broken("summary.csv", HEADER "\nray,,2,16,inf,1,1,1\n", XLSTM_EFORMAT, "wanted a number");
    broken("best.json", "{\"params\": ", XLSTM_EFORMAT, "best.json: line 1");
    broken("best.json", "[1]", XLSTM_EFORMAT, "wanted a JSON object");
    broken("trials.jsonl", "{\"a\": 1}\n{broken\n{\"a\": 1}\n", XLSTM_EFORMAT, "trials.jsonl: line 2");
    broken("outputs/ratings.csv", "x,y\n1,2\n", XLSTM_EFORMAT, "no columns file and ppl");
    clear();
    tune_report *r = NULL;
    xlstm_error err;
    assert_int_equal(tune_report_read(&r, test_folder, NULL, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "no summary.csv"));
    char *nowhere = test_path("nowhere");
    assert_int_equal(tune_report_read(&r, nowhere, NULL, &err), XLSTM_ENOTFOUND);
    free(nowhere);
}

static void samples_and_ratings_are_found(void **state) {
    clear();
    test_put("summary.csv", original);
    /* The last line is what a crash would leave. */
    test_put("trials.jsonl",
             "{\"trial\": 1, \"samples\": [{\"at\": 12, \"prefill_s\": 1, \"decode_s\": 2, \"used\": true},"
             "{\"at\": 11, \"prefill_s\": 9, \"decode_s\": 2, \"used\": false, \"why\": \"warm-up\"}],"
             "\"baseline_samples\": [{\"at\": 10, \"prefill_s\": 1, \"decode_s\": 1, \"used\": true}]}\n"
             "{\"trial\": 2, \"samp");
    test_put("outputs/ratings.csv",
             "file,ppl\nb=ray__h=3__ck=36__i=1.txt,7.5\nb=ray__i=99.txt,3\nodd.txt,4\nb__i=2.txt,\n");
    tune_report *r = read_report();
    assert_int_equal(r->samples, 3);
    assert_int_equal(r->sample[0].trial, -1);
    assert_false(r->sample[1].used);
    assert_int_equal(r->sample[1].causes, TUNE_CAUSE_WARMUP);
    assert_int_equal(r->sample[2].trial, 1);
    assert_int_equal(r->rated, 1);
    assert_true(r->trial[1].ppl == 7.5);
    tune_report_free(r);
}

/* ---- analysis ---- */

static void write_grid(bool interaction) {
    clear();
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    fputs(HEADER "\n", f);
    xl_rng rng;
    xl_rng_seed(&rng, 21);
    for (int i = 0; i < 96; i++) {
        int h = 1 << (i % 4), c = 16 << (i / 4 % 4), w = 1 + i / 16 % 3;
        double y = 0.3 * (i / 4 % 4) + 0.1 * (i % 4) + (interaction && h == 8 && c == 128 ? 0.8 : 0);
        double s = exp(y + 0.01 * xl_rng_normal(&rng));
        fprintf(f, "queued,%d,%d,%d,10,10,%.6f,0.5\n", w, h, c, s - 0.5);
    }
    fclose(f);
    test_put("summary.csv", text);
    free(text);
}

static void importance_of_a_known_function(void **state) {
    write_grid(false);
    tune_report *r = read_report();
    tune_analysis *a = malloc(sizeof *a);
    assert_non_null(a);
    assert_int_equal(tune_report_analyse(r, a, NULL), 0);
    assert_int_equal(a->used, 96);
    /* Variances 0.09 and 0.01 times 1.25: shares 0.9 and 0.1. */
    for (size_t p = 0; p < 3; p++) {
        const char *name = r->parameter[p].name;
        double want = !strcmp(name, "chunk_size") ? 0.9 : !strcmp(name, "heads_per_band") ? 0.1 : 0;
        if (fabs(a->importance[p].share - want) > 0.02) fail_msg("%s: %g", name, a->importance[p].share);
        assert_true(a->importance[p].low <= a->importance[p].share &&
                    a->importance[p].share <= a->importance[p].high);
    }
    assert_true(a->unexplained < 0.01);
    assert_int_equal(a->pairs, 3);
    assert_true(a->pair[0].strength.share < 0.01);
    tune_report_free(r);
    write_grid(true);
    r = read_report();
    assert_int_equal(tune_report_analyse(r, a, NULL), 0);
    assert_string_equal(r->parameter[a->pair[0].a].name, "heads_per_band");
    assert_string_equal(r->parameter[a->pair[0].b].name, "chunk_size");
    assert_true(a->pair[0].strength.share > 0.05);
    assert_true(a->pair[0].strength.low > 0);
    assert_int_equal(a->pair[0].tried, 16);
    char gaps[100];
    tune_report_gaps(r, 1, gaps, sizeof gaps);
    assert_string_equal(gaps, "");
    tune_report_free(r);
    clear();
    test_put("summary.csv", HEADER "\nray,,2,16,1,1,1,1\n");
    r = read_report();
    assert_int_equal(tune_report_analyse(r, a, NULL), 0);
    assert_true(isnan(a->importance[0].share));
    tune_report_free(r);
    free(a);
}

/* ---- pictures ---- */

static bool have_gnuplot(void) {
    return tune_gnuplot_run(NULL, "exit\n", NULL) == 0;
}

static int pictures(const tune_report_options *options, xlstm_error *err) {
    tune_report *r = read_report();
    tune_analysis *a = malloc(sizeof *a);
    assert_non_null(a);
    assert_int_equal(tune_report_analyse(r, a, NULL), 0);
    int status = tune_writer_png.write(&(const tune_analysed){r, a}, 1, options, err);
    free(a);
    tune_report_free(r);
    return status;
}

static char *content(const char *name, size_t *bytes) {
    char *path = test_path(name), *data = NULL;
    int status = xl_is_file(path) ? xl_file_read(path, 16 << 20, &data, bytes, NULL) : -1;
    free(path);
    return status ? NULL : data;
}

static void a_picture(const char *name, const char *title) {
    char file[100];
    size_t bytes;
    snprintf(file, sizeof file, "%s.png", name);
    char *png = content(file, &bytes);
    if (!png) fail_msg("no %s", file);
    assert_true(bytes > 2000);
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    free(png);
    snprintf(file, sizeof file, "%s.svg", name);
    char *svg = content(file, &bytes);
    if (!svg) fail_msg("no %s", file);
    if (!strstr(svg, title)) fail_msg("%s does not say \"%s\"", file, title);
    assert_non_null(strstr(svg, "</svg>"));
    free(svg);
}

static void the_originals_pictures(void **state) {
    if (!have_gnuplot()) TEST_SKIP("gnuplot is not here");
    clear();
    test_put("summary.csv", original);
    tune_report_options options = {0};
    xlstm_error err = {0};
    if (pictures(&options, &err)) fail_msg("%s", err.text);
    a_picture("max_decode_by_chunk_size", "Max decode tok/s by chunk_size");
    a_picture("max_decode_by_heads_per_band", "Max decode tok/s by heads_per_band");
    a_picture("prefill_vs_decode", "Prefill vs Decode");
    a_picture("times_by_chunk_size", "whole request");
    a_picture("search_progress", "Progress of the search");
    size_t bytes;
    assert_null(content("max_decode_by_workers.png", &bytes));
    assert_null(content("prefill_vs_decode.png.tmp", &bytes));
}

static void the_front_of_several_objectives(void **state) {
    if (!have_gnuplot()) TEST_SKIP("gnuplot is not here");
    clear();
    test_put("summary.csv", original);
    test_put("pareto.csv", "trial,decode_s,prefill_s,chunk_size\n1,2.5,0.054,36\n3,2.51,0.051,36\n");
    tune_report *r = read_report();
    assert_int_equal(r->objectives, 2);
    assert_string_equal(r->objective[0], "decode_s");
    assert_true(r->trial[1].front && r->trial[3].front && !r->trial[2].front);
    assert_true(r->trial[3].objective[1] == 0.051);
    tune_report_free(r);
    tune_report_options options = {0};
    xlstm_error err = {0};
    if (pictures(&options, &err)) fail_msg("%s", err.text);
    a_picture("pareto_front", "decode_s (s)");
    /* The best trial in the first objective comes first, whatever the file's order; the baseline is that of the
     * search. */
    test_put("pareto.csv", "trial,prefill_tok_s,decode_s,chunk_size\n2,110,2.5,64\n1,111,2.6,36\n0,21,2.4,64\n");
    test_put("best.json",
             "{\"baseline\": {\"metrics\": {\"decode_s\": 3}, \"search_metrics\": {\"decode_s\": 2.75}}}");
    r = read_report();
    size_t front[8];
    assert_int_equal(tune_report_front(r, front), 3);
    for (size_t i = 0; i < 2; i++)
        assert_true(r->trial[front[i]].objective[0] >= r->trial[front[i + 1]].objective[0]);
    assert_true(isnan(tune_report_baseline(r, 0)));
    assert_true(tune_report_baseline(r, 1) == 2.75);
    tune_report_free(r);
    broken("pareto.csv", "a,b\n1,2\n", XLSTM_EFORMAT, "no column trial");
    broken("pareto.csv", "trial,decode_s\nx,2\n", XLSTM_EFORMAT, "trial is x");
}

static void hostile_names_are_only_text(void **state) {
    if (!have_gnuplot()) TEST_SKIP("gnuplot is not here");
    clear();
    char text[2000];
    /* A column whose name and values try to escape from their quotes, to run a program, and to add markup. */
    snprintf(text, sizeof text,
             HEADER ",\"x'; system('touch %s/owned1') #\",status\nray,,2,16,1,1,1,1,\"`touch %s/owned2`\",ok\n"
                    "ray,,4,32,2,2,2,2,\"a'\n!touch %s/owned3\n\",ok\nray,,4,32,2,2,2,2,{/Symbol \xff_^@,ok\n"
                    "ray,,4,32,,,,,\"\\\",failed\n",
             test_folder, test_folder, test_folder);
    test_put("summary.csv", text);
    char meta[300];
    snprintf(meta, sizeof meta, "{\"space\": {\"x'; system('touch %s/owned1') #\": [1, 2]}}", test_folder);
    test_put("run_meta.json", meta);
    tune_report_options options = {0};
    xlstm_error err = {0};
    if (pictures(&options, &err)) fail_msg("%s", err.text);
    size_t bytes;
    assert_null(content("owned1", &bytes));
    assert_null(content("owned2", &bytes));
    assert_null(content("owned3", &bytes));
    a_picture("prefill_vs_decode", "Prefill vs Decode");
    char command[200];
    /* The SVG is XML in UTF-8: no raw bytes were copied into it. */
    snprintf(command, sizeof command, "! LC_ALL=C grep -lP '\\xff' %s/*.svg >/dev/null", test_folder);
    assert_int_equal(system(command), 0); /* NOLINT: a folder of our own */
}

static void one_trial_and_none(void **state) {
    if (!have_gnuplot()) TEST_SKIP("gnuplot is not here");
    clear();
    test_put("summary.csv", HEADER "\nray,2,2,16,10,20,1,1\n");
    tune_report_options options = {0};
    xlstm_error err = {0};
    if (pictures(&options, &err)) fail_msg("%s", err.text);
    a_picture("max_decode_by_workers", "Max decode tok/s by workers");
    clear();
    test_put("summary.csv", HEADER "\n");
    assert_int_equal(pictures(&options, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "nothing to draw"));
}

static void a_missing_gnuplot_is_said(void **state) {
    clear();
    test_put("summary.csv", original);
    tune_report_options options = {.gnuplot = "gnuplot-that-is-not-there"};
    xlstm_error err = {0};
    assert_int_equal(pictures(&options, &err), XLSTM_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "pictures need gnuplot"));
    size_t bytes;
    assert_null(content("prefill_vs_decode.png", &bytes));
    options.gnuplot = "false";
    assert_int_equal(pictures(&options, &err), XLSTM_EIO);
    options = (tune_report_options){.folder = "/proc/nowhere"};
    assert_int_equal(pictures(&options, &err), XLSTM_EIO);
}

static void tables_are_written(void **state) {
    write_grid(false);
    tune_report *r = read_report();
    tune_analysis *a = malloc(sizeof *a);
    assert_non_null(a);
    assert_int_equal(tune_report_analyse(r, a, NULL), 0);
    tune_report_options options = {0};
    assert_int_equal(tune_writer_csv.write(&(const tune_analysed){r, a}, 1, &options, NULL), 0);
    free(a);
    tune_report_free(r);
    size_t bytes;
    char *text = content("importance.csv", &bytes);
    assert_non_null(text);
    assert_memory_equal(text, "parameter,share,low,high,values_tried\nworkers,", 46);
    free(text);
    xl_csv csv;
    char *path = test_path("interactions.csv");
    assert_int_equal(xl_csv_read(&csv, path, XL_CSV_BYTES, NULL), 0);
    assert_int_equal(csv.rows, 3);
    xl_csv_free(&csv);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_alone_is_enough),
        cmocka_unit_test(a_study_is_the_truth),
        cmocka_unit_test(broken_folders_are_named),
        cmocka_unit_test(samples_and_ratings_are_found),
        cmocka_unit_test(importance_of_a_known_function),
        cmocka_unit_test(the_originals_pictures),
        cmocka_unit_test(the_front_of_several_objectives),
        cmocka_unit_test(hostile_names_are_only_text),
        cmocka_unit_test(one_trial_and_none),
        cmocka_unit_test(a_missing_gnuplot_is_said),
        cmocka_unit_test(tables_are_written),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
