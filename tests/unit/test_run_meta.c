/* run_meta.json as it may not be, and what makes another run of what is to be continued. */
#include "study_rows.h"
#include "tuner/run/run_meta.h"

/* What the same run may not differ in, each with what is said of it; and what only a note is made of. */
static void what_makes_another_run(void **state) {
    tune_run_row run = sample_run("u");
    run.space = text("{\"chunk_size\": [16, 32]}");
    json_t *space = json_loads(run.space, 0, NULL), *other_space = json_pack("{s:[i]}", "chunk_size", 16);
    tune_named gpu[] = {{"device", {.text = "gpu"}}, {"checkpoint", {.text = "c1"}}},
               longer[] = {{"prompt_tokens", {.number = 101}}, {"new", {.number = 64}}},
               more[] = {{"device", {.text = "cpu"}}, {"colour", {.text = "red"}}},
               plain = {"kernels", {.text = "c"}};
    const tune_named_list another_device = {gpu, 2}, longer_prompt = {longer, 2}, one_more_fact = {more, 2},
                          other_kernels = {&plain, 1};
    const tune_run_now same = {.name = "r",
                               .machine = "m1",
                               .target = "engine",
                               .version = "0.1.0",
                               .identity = &run.identity,
                               .workload = &run.workload,
                               .build = &run.build,
                               .space = space};
    enum { CASES = 8 };
    tune_run_now now[CASES];
    for (int i = 0; i < CASES; i++) now[i] = same;
    now[1].machine = "m2345678901";
    now[2].target = "serve";
    now[3].identity = &another_device;
    now[4].workload = &longer_prompt;
    now[5].space = other_space;
    now[6].identity = &one_more_fact; /* which the run lacks */
    now[7].build = &other_kernels;
    static const char *const says[CASES] = {
        NULL,
        "r: measured on another machine (m1, this one is m2345678): start a new run",
        "r: its target is engine, this one is serve",
        "r: measured with another device (cpu, this one is gpu)",
        "r: its prompt_tokens is another one now (101, it was 100)",
        "r: its search space is not the one with which the run began: start a new run",
        NULL,
        NULL};
    for (int i = 0; i < CASES; i++) {
        xlstm_error err = {0};
        char *note = text("stale");
        assert_int_equal(tune_run_same(&run, &now[i], &note, &err), says[i] ? XLSTM_EMISMATCH : XLSTM_OK);
        assert_string_equal(err.text, says[i] ? says[i] : "");
        if (i == 7)
            assert_string_equal(note, "r was begun with version 0.1.0, kernels avx2; it is continued with version "
                                      "0.1.0, kernels c");
        else assert_null(note);
        free(note);
    }
    char *note;
    xlstm_error err;
    tune_run_now newer = same;
    newer.version = "0.2.0";
    must(tune_run_same(&run, &newer, &note, &err), &err);
    assert_string_equal(note, "r was begun with version 0.1.0, kernels avx2; it is continued with version 0.2.0, "
                              "kernels avx2");
    free(note);
    json_decref(space);
    json_decref(other_space);
}

/* A run_meta.json that cannot be one is refused by what is wrong with it. */
static void bad_metas(void **state) {
    static const struct {
        const char *meta;
        int status;
        const char *says;
    } bad[] = {{"{\n\"a\": }", XLSTM_EFORMAT, "run_meta.json: line 2: "},
               {"[]", XLSTM_EFORMAT, "such a run cannot be resumed"},
               {"{\"effective_args\": {}}", XLSTM_EFORMAT, "such a run cannot be resumed"},
               {"{\"settings\": {}, \"effective_args\": 4}", XLSTM_EFORMAT, "such a run cannot be resumed"},
               {"{\"settings\": {}, \"effective_args\": {}}", XLSTM_OK, NULL}};
    char *folder = test_path("meta"), *none = test_path("no meta"), *logs = test_path("empty logs");
    xlstm_error err;
    json_t *meta = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_put("meta/run_meta.json", bad[i].meta);
        assert_int_equal(tune_run_meta_read(folder, &meta, &err), bad[i].status);
        if (bad[i].says && !strstr(err.text, bad[i].says)) fail_msg("found \"%s\"", err.text);
    }
    json_decref(meta);
    assert_int_equal(tune_run_meta_read(none, &meta, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "no such run folder"));
    /* Folders in which nothing can be resumed: without a study, with one that has no such run, with a name too
     * many. */
    static const char *const metas[] = {
        "{\"effective_args\": {}, \"study\": \"study.sqlite\"}", "{\"effective_args\": {}, \"uid\": \"u\"}",
        "{\"effective_args\": {}, \"uid\": \"u\", \"study\": \"study.sqlite\"}", "{\"effective_args\": ", "4"};
    json_t *effective = json_object();
    for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) {
        char name[64], *found = NULL;
        int64_t trials;
        snprintf(name, sizeof name, "empty logs/run%zu/run_meta.json", i);
        test_put(name, metas[i]);
        test_put("empty logs/.hidden", "");
        tune_run_find_interrupted(logs, effective, &found, &trials);
        assert_null(found);
    }
    json_decref(effective);
    free(logs);
    free(none);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_makes_another_run), cmocka_unit_test(bad_metas)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
