#include <jansson.h>
#include <xlstm/xlstm.h>

#include "base/csv.h"
#include "helper.h"
#include "tuner/scores/model_scorer.h"
#include "tuner/scores/output_name.h"
#include "tuner/scores/outputs.h"
#include "tuner/scores/score.h"

static const char demo[] = XL_SOURCE_DIR "/models/tiny-literature";

static void open_demo(xlstm_model **model, xlstm_tokenizer **tokenizer) {
    xlstm_error err;
    if (xlstm_model_open(model, demo, NULL, &err) || xlstm_tokenizer_open(tokenizer, demo, &err))
        fail_msg("%s", err.text);
}

/* ---- words ---- */

static double distinct(const char *text, int n) {
    return tune_distinct(text, strlen(text), n);
}

static void distinct_grams(void **state) {
    assert_true(distinct("", 1) == 0);
    assert_true(distinct("one", 2) == 0);
    assert_true(distinct("one two", 2) == 1);
    assert_true(distinct("one two", 3) == 0);
    assert_true(distinct(" a b\ta\nb  a b ", 2) == 2.0 / 5);
    assert_true(distinct("a b a b a b", 3) == 2.0 / 4);
    assert_true(distinct("a b a b a b", 1) == 2.0 / 6);
    /* A prefix is another word; NBSP, LINE SEPARATOR and the information separators separate words as in
     * Python. */
    assert_true(distinct("a ab abc a", 1) == 3.0 / 4);
    assert_true(distinct("a\xC2\xA0"
                         "a\xE2\x80\xA8"
                         "a\x1Fz",
                         1) == 2.0 / 4);
    assert_true(distinct("a\xE2\x80\x8B"
                         "a a",
                         1) == 1); /* ZERO WIDTH SPACE does not */
}

/* ---- names ---- */

static void output_names(void **state) {
    tune_output_name name;
    tune_output_name_parse("b=ray_compiled_steps__h=4__ck=32__w=6__i=17.txt", &name);
    assert_string_equal(name.backend, "ray_compiled_steps");
    assert_int_equal(name.heads_per_band, 4);
    assert_int_equal(name.chunk_size, 32);
    assert_int_equal(name.workers, 6);
    assert_int_equal(name.row, 17);
    char *text = tune_output_name_format(&name);
    assert_string_equal(text, "b=ray_compiled_steps__h=4__ck=32__w=6__i=17.txt");
    free(text);
    name.workers = -1;
    text = tune_output_name_format(&name);
    assert_string_equal(text, "b=ray_compiled_steps__h=4__ck=32__i=17.txt");
    free(text);
    static const char *const odd[] = {"notes.txt", "b=__h=x__ck=__i=-3.txt", "h=99999999999999999999.txt",
                                      "____.txt", ""};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        tune_output_name_parse(odd[i], &name);
        assert_string_equal(name.backend, "");
        assert_int_equal(name.heads_per_band, -1);
        assert_int_equal(name.chunk_size, -1);
        assert_int_equal(name.row, -1);
    }
    char longest[200];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "b=", 2);
    longest[199] = 0;
    tune_output_name_parse(longest, &name);
    assert_string_equal(name.backend, "");
}

/* ---- scores ---- */

static void softmax(void **state) {
    float logits[3] = {0, logf(2), logf(5)};
    assert_true(fabs(exp(tune_log_softmax(logits, 3, 1)) - 0.25) < 1e-7);
    float large[2] = {3e38f, 3e38f};
    assert_true(fabs(tune_log_softmax(large, 2, 0) + log(2)) < 1e-12);
}

/* Scores are compared in float32, as `xltune judge` computes them. */
static xlstm_session *exact_session(xlstm_model *model) {
    xlstm_session *session;
    xlstm_settings settings;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), 0);
    return session;
}

/* Scores do not depend on how the tokens are grouped: token by token gives the same. */
static void stretches(void **state) {
    enum { COUNT = 300 };
    xlstm_model *model;
    xlstm_tokenizer *tokenizer;
    xlstm_session *session;
    open_demo(&model, &tokenizer);
    int64_t vocab_size = xlstm_model_hparams(model)->vocab_size;
    float *first = xl_array((size_t)vocab_size, sizeof *first),
          *logits = xl_array((size_t)vocab_size, sizeof *logits);
    int32_t ids[COUNT], bos = 0;
    double sum, single[COUNT], part[COUNT], wanted = 0;
    for (int i = 0; i < COUNT; i++) ids[i] = (i * 37 + i * i) % 4096;
    session = exact_session(model);
    assert_int_equal(xlstm_prefill(session, &bos, 1, XLSTM_LOGITS_LAST, first, NULL), 0);
    memcpy(logits, first, (size_t)vocab_size * sizeof *first);
    for (int i = 0; i < COUNT; i++) {
        wanted += single[i] = tune_log_softmax(logits, vocab_size, ids[i]);
        assert_int_equal(xlstm_decode(session, ids[i], logits, NULL), 0);
    }
    for (size_t count = 1; count <= COUNT; count = count < 256 ? count * 16 : count + 44) {
        xlstm_session_reset(session);
        assert_int_equal(xlstm_prefill(session, &bos, 1, XLSTM_LOGITS_NONE, NULL, NULL), 0);
        const tune_continuation text = {.ids = ids, .count = count, .logits = first, .vocab_size = vocab_size};
        assert_int_equal(tune_score_tokens(session, &text, &sum, part, NULL, NULL, NULL), 0);
        assert_int_equal(xlstm_session_position(session), count); /* BOS and all but the last */
        for (size_t i = 0; i < count; i++) assert_true(fabs(part[i] - single[i]) < 2e-4);
        if (count == COUNT) assert_true(fabs(sum - wanted) < 1e-5 * fabs(wanted));
    }
    ids[3] = 4096;
    xlstm_error err;
    const tune_continuation wrong = {.ids = ids, .count = 5, .logits = first, .vocab_size = vocab_size};
    assert_int_equal(tune_score_tokens(session, &wrong, &sum, NULL, NULL, NULL, &err), XLSTM_EARG);
    xlstm_session_destroy(session);
    xlstm_tokenizer_close(tokenizer);
    xlstm_model_close(model);
    free(first);
    free(logits);
}

/* ---- a folder of outputs ---- */

static void take_away(const char *name) {
    char *path = test_path(name);
    unlink(path);
    free(path);
}

static int judge(const char *folder, const char *prompt, tune_scores_summary *summary, xlstm_error *err) {
    xlstm_model *model;
    xlstm_tokenizer *tokenizer;
    open_demo(&model, &tokenizer);
    const tune_model_scorer_options by = {
        .model = model, .tokenizer = tokenizer, .prompt = prompt, .prompt_bytes = strlen(prompt)};
    tune_model_scorer *scorer;
    int status = tune_model_scorer_open(&scorer, &by, err);
    const tune_scores_options options = {.scorer = tune_model_scorer_scorer(scorer), .folder = folder};
    if (!status) status = tune_scores_folder(&options, summary, err);
    tune_model_scorer_close(scorer);
    xlstm_tokenizer_close(tokenizer);
    xlstm_model_close(model);
    return status;
}

static void outputs_folder(void **state) {
    xlstm_error err;
    tune_scores_summary summary;
    assert_int_equal(judge("/nowhere", "x", &summary, &err), XLSTM_ENOTFOUND);
    assert_int_equal(judge(test_folder, "x", &summary, &err), XLSTM_ENOTFOUND);
    static const char *const names[] = {"b=ray__h=2__ck=16__i=0.txt", "b=ray__h=2__ck=16__i=10.txt",
                                        "b=ray__h=2__ck=16__w=3__i=2.txt", "odd, \"name\".txt"};
    test_put(names[0], " best of times");
    test_put(names[1], "");
    test_put(names[2], " best of times");
    test_put(names[3], " zqx zqx zqx");
    test_put("other.md", "not read");
    assert_int_equal(judge(test_folder, "It was the", &summary, &err), 0);
    assert_int_equal(summary.files, 4);
    assert_int_equal(summary.empty, 1);
    assert_int_equal(summary.distinct, 3);
    assert_true(summary.worst < summary.best);
    xl_csv csv;
    char *path = test_path("ratings.csv");
    assert_int_equal(xl_csv_read(&csv, path, 1 << 20, &err), 0);
    free(path);
    path = test_path("ratings.jsonl");
    FILE *lines = fopen(path, "r");
    free(path);
    assert_int_equal(csv.rows, 4);
    assert_int_equal(csv.columns, 10);
    char *line = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(xl_csv_cell(&csv, i, 0), names[i]);
        assert_true(getline(&line, &capacity, lines) > 0);
        json_t *object = json_loads(line, 0, NULL);
        const json_t *logprob = json_object_get(object, "avg_logprob");
        assert_true(i == 1 ? json_is_null(logprob) : json_is_real(logprob));
        assert_true(json_is_integer(json_object_get(object, "len_tokens")));
        assert_int_equal(json_is_null(json_object_get(object, "chunk_size")), i == 3);
        const char *cell = xl_csv_cell(&csv, i, xl_csv_column(&csv, "avg_logprob"));
        if (i == 1) assert_string_equal(cell, "");
        else assert_true(fabs(atof(cell) - json_real_value(logprob)) < 1e-9);
        if (i == 2) {
            assert_string_equal(xl_csv_cell(&csv, 2, 4), "3");
            assert_string_equal(cell, xl_csv_cell(&csv, 0, xl_csv_column(&csv, "avg_logprob")));
        }
        json_decref(object);
    }
    free(line);
    fclose(lines);
    xl_csv_free(&csv);
    /* Where a file is not text, nothing is written. */
    take_away("ratings.csv");
    test_put("bad.txt", "a\xFF");
    assert_int_equal(judge(test_folder, "It was the", &summary, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "bad.txt"));
    path = test_path("ratings.csv");
    assert_false(xl_is_file(path));
    free(path);
    for (int i = 0; i < 4; i++) take_away(names[i]);
    take_away("other.md");
    take_away("bad.txt");
    take_away("ratings.jsonl");
    assert_int_equal(rmdir(test_folder), 0);
}

/* Scores of the reference implementation. */
static void golden_scores(void **state) {
    const char *shared = getenv("XLTUNE_SHARED");
    char *path = xl_path_join(shared ? shared : XL_SOURCE_DIR "/../shared", "fixtures/judge.json");
    json_t *all = json_load_file(path, 0, NULL);
    if (!all) print_message("%s: not here\n", path);
    free(path);
    if (!all) TEST_SKIP("the golden scores are missing");
    xlstm_model *model;
    xlstm_tokenizer *tokenizer;
    xlstm_session *session;
    open_demo(&model, &tokenizer);
    int64_t vocab_size = xlstm_model_hparams(model)->vocab_size;
    float *logits = xl_array((size_t)vocab_size, sizeof *logits);
    session = exact_session(model);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i), *prompt = json_object_get(one, "prompt");
        const json_t *text = json_object_get(one, "continuation"), *each = json_object_get(one, "token_logprobs");
        int32_t *before, *ids;
        size_t prompt_count, count;
        double sum, *logprobs;
        xlstm_tokenizer_encode(tokenizer, json_string_value(prompt), json_string_length(prompt), true, &before,
                               &prompt_count, NULL);
        xlstm_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), false, &ids, &count,
                               NULL);
        assert_int_equal(count, json_integer_value(json_object_get(one, "tokens")));
        logprobs = xl_array(count, sizeof *logprobs);
        xlstm_session_reset(session);
        assert_int_equal(xlstm_prefill(session, before, prompt_count, XLSTM_LOGITS_LAST, logits, NULL), 0);
        const tune_continuation whole = {.ids = ids, .count = count, .logits = logits, .vocab_size = vocab_size};
        assert_int_equal(tune_score_tokens(session, &whole, &sum, logprobs, NULL, NULL, NULL), 0);
        double wanted = json_real_value(json_object_get(one, "avg_logprob"));
        assert_true(fabs(sum / (double)count - wanted) < 1e-5 * fabs(wanted));
        for (size_t j = 0; j < json_array_size(each); j++)
            assert_true(fabs(logprobs[j] - json_real_value(json_array_get(each, j))) < 1e-3);
        for (int n = 2; n <= 3; n++)
            assert_true(fabs(tune_distinct(json_string_value(text), json_string_length(text), n) -
                             json_number_value(json_object_get(one, n == 2 ? "distinct2" : "distinct3"))) < 1e-12);
        free(before);
        free(ids);
        free(logprobs);
    }
    free(logits);
    xlstm_session_destroy(session);
    xlstm_tokenizer_close(tokenizer);
    xlstm_model_close(model);
    json_decref(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_grams), cmocka_unit_test(output_names),   cmocka_unit_test(softmax),
        cmocka_unit_test(stretches),      cmocka_unit_test(outputs_folder), cmocka_unit_test(golden_scores),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
