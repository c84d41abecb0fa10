/* The tunable `compute` on the embedded checkpoint, whose matrices are bfloat16. */
#include <xlstm/xlstm.h>

#include "helper.h"

enum { TOKENS = 150 };
static const char demo[] = XL_SOURCE_DIR "/models/tiny-literature";
static xlstm_model *model;

static int open_demo(void **state) {
    xlstm_error err;
    return xlstm_model_open(&model, demo, NULL, &err);
}

static int close_demo(void **state) {
    xlstm_model_close(model);
    return 0;
}

static xlstm_settings settings_of(int64_t compute) {
    xlstm_settings settings;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, compute);
    return settings;
}

/* All logits of n tokens, malloc'd; *ran is what the schedule says of the arithmetic. */
static float *prefill(const xlstm_settings *settings, size_t n, int64_t *ran) {
    int32_t ids[TOKENS];
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)((i * 37 + i * i) % 4096);
    float *logits = calloc(n * (size_t)xlstm_model_hparams(model)->vocab_size, sizeof *logits);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, model, settings, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(session, ids, n, XLSTM_LOGITS_ALL, logits, NULL), XLSTM_OK);
    if (ran) *ran = xlstm_session_schedule_value(session, "compute");
    xlstm_session_destroy(session);
    return logits;
}

static size_t count(size_t tokens) {
    return tokens * (size_t)xlstm_model_hparams(model)->vocab_size;
}

/* Each arithmetic is what it says: off float32 by more than float32's rounding and less than it states. */
static void each_is_in_force(void **state) {
    int64_t ran;
    xlstm_settings settings = settings_of(XLSTM_COMPUTE_F32);
    float *exact = prefill(&settings, TOKENS, &ran);
    assert_int_equal(ran, XLSTM_COMPUTE_F32);
    assert_true(xlstm_compute_tolerance(XLSTM_COMPUTE_F32) == 0);
    double before = 2e-5;
    for (int64_t compute = XLSTM_COMPUTE_BF16; compute <= XLSTM_COMPUTE_INT8; compute++) {
        settings = settings_of(compute);
        float *logits = prefill(&settings, TOKENS, &ran);
        double error = test_relative_error(logits, exact, count(TOKENS));
        assert_int_equal(ran, compute);
        assert_true(error > before);
        assert_true(error < xlstm_compute_tolerance(compute));
        before = error;
        free(logits);
    }
    free(exact);
}

/* The number of workers decides who computes a value and not how: the bits are the same. */
static void workers_change_nothing(void **state) {
    for (int64_t compute = XLSTM_COMPUTE_F32; compute <= XLSTM_COMPUTE_INT8; compute++) {
        /* Few enough for a product of their own, as many as threads prepare together, and more. */
        static const size_t counts[] = {20, 32, 40, TOKENS};
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            const size_t tokens = counts[c];
            xlstm_settings settings = settings_of(compute);
            xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 1);
            float *one = prefill(&settings, tokens, NULL);
            for (int workers = 2; workers < 12; workers = workers * 2 + 1) {
                xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers);
                float *many = prefill(&settings, tokens, NULL);
                assert_memory_equal(one, many, count(tokens) * sizeof *one);
                free(many);
            }
            free(one);
        }
    }
}

/* Nor does it where there are more threads than panels of tokens, and columns of a panel are packed by themselves.
 */
static void more_workers_than_panels(void **state) {
    enum { FEW = 30 };
    const xlstm_model_options options = {.cpu_mask = "c"};
    xlstm_model *before = model;
    assert_int_equal(xlstm_model_open(&model, demo, &options, NULL), XLSTM_OK);
    for (int64_t compute = XLSTM_COMPUTE_F32; compute <= XLSTM_COMPUTE_BF16; compute++) {
        xlstm_settings settings = settings_of(compute);
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 2);
        float *two = prefill(&settings, FEW, NULL);
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 2 * FEW);
        float *many = prefill(&settings, FEW, NULL);
        assert_memory_equal(two, many, count(FEW) * sizeof *two);
        free(two), free(many);
    }
    xlstm_model_close(model);
    model = before;
}

/* A device that is profiled says of each kind of operation how long it took, in all and in parts, and its results
 * are those of one that is not. */
static void time_is_told_where_asked_for(void **state) {
    static const char *const keys[] = {"ns qkvo", "ns cell", "ns out", "ns gated", "ns down", "ns logits"};
    enum { FEW = 12, KEYS = sizeof keys / sizeof *keys };
    const xlstm_model_options options = {.profile = true};
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    xlstm_settings settings = settings_of(XLSTM_COMPUTE_AUTO);
    xlstm_model *profiled;
    xlstm_session *told, *untold;
    float *a = calloc(vocab, sizeof *a), *b = calloc(vocab, sizeof *b);
    assert_int_equal(xlstm_model_open(&profiled, demo, &options, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&told, profiled, &settings, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&untold, model, &settings, NULL), XLSTM_OK);
    for (int k = 0; k < KEYS; k++) {
        assert_int_equal(xlstm_session_schedule_value(told, keys[k]), 0);
        assert_int_equal(xlstm_session_schedule_value(untold, keys[k]), -1);
    }
    for (int32_t id = 1; id <= FEW; id++) {
        assert_int_equal(xlstm_decode(told, id, a, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(untold, id, b, NULL), XLSTM_OK);
    }
    assert_memory_equal(a, b, vocab * sizeof *a);
    for (int k = 0; k < KEYS; k++) {
        char part[64];
        const int64_t all = xlstm_session_schedule_value(told, keys[k]);
        assert_true(all > 0);
        snprintf(part, sizeof part, "%s, one thread alone", keys[k]);
        assert_in_range(xlstm_session_schedule_value(told, part), 0, all);
        snprintf(part, sizeof part, "%s, waiting, mean of threads", keys[k]);
        assert_in_range(xlstm_session_schedule_value(told, part), 0, all);
    }
    assert_true(xlstm_session_schedule_value(told, "ns between runs") > 0);
    xlstm_session_destroy(told), xlstm_session_destroy(untold);
    xlstm_model_close(profiled);
    free(a), free(b);
}

/* Another division of the prompt rounds other sums in float32, and what is rounded to fewer bits afterwards differs
 * by as much as the arithmetic states. */
static void chunks_stay_inside_the_tolerance(void **state) {
    for (int64_t compute = XLSTM_COMPUTE_F32; compute <= XLSTM_COMPUTE_INT8; compute++) {
        xlstm_settings settings = settings_of(compute);
        float *whole = prefill(&settings, TOKENS, NULL);
        xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 13);
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, 47);
        float *parts = prefill(&settings, TOKENS, NULL);
        double limit = compute == XLSTM_COMPUTE_F32 ? 2e-5 : xlstm_compute_tolerance(compute);
        assert_true(test_relative_error(parts, whole, count(TOKENS)) < limit);
        free(whole);
        free(parts);
    }
}

/* `auto` is bfloat16 or float32 for weights in bfloat16, and float32 for weights in float32. A session says which;
 * few tokens with such weights are computed in float32 whatever it is. */
static void auto_is_resolved(void **state) {
    int64_t ran;
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    assert_true(info.auto_compute == XLSTM_COMPUTE_F32 || info.auto_compute == XLSTM_COMPUTE_BF16);
    xlstm_settings settings = settings_of(XLSTM_COMPUTE_AUTO), shown;
    free(prefill(&settings, 9, &ran));
    assert_int_equal(ran, info.auto_compute);
    settings = settings_of(XLSTM_COMPUTE_INT8);
    free(prefill(&settings, 8, &ran));
    assert_int_equal(ran, XLSTM_COMPUTE_F32);

    settings = settings_of(XLSTM_COMPUTE_AUTO);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    xlstm_session_settings(session, &shown);
    assert_int_equal(xlstm_settings_get(&shown, XLSTM_TUNE_COMPUTE), info.auto_compute);
    xlstm_session_destroy(session);

    xlstm_model *exact;
    assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, "f32", NULL), XLSTM_OK);
    const xlstm_model_options options = {.settings = &settings};
    assert_int_equal(xlstm_model_open(&exact, demo, &options, NULL), XLSTM_OK);
    xlstm_model_get_info(exact, &info);
    assert_int_equal(info.auto_compute, XLSTM_COMPUTE_F32);
    xlstm_model_close(exact);
}

/* Logits of five tokens, one after the other, and of the same five in one call where `together`. malloc'd. */
static float *decode(xlstm_model *m, const xlstm_settings *settings, bool together, int64_t *ran) {
    static const int32_t ids[] = {5, 17, 400, 33, 2048};
    enum { N = sizeof ids / sizeof *ids };
    const size_t vocab = (size_t)xlstm_model_hparams(m)->vocab_size;
    float *logits = calloc(N * vocab, sizeof *logits);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, m, settings, NULL), XLSTM_OK);
    if (together) {
        assert_int_equal(xlstm_prefill(session, ids, N, XLSTM_LOGITS_ALL, logits, NULL), XLSTM_OK);
        if (ran) *ran = xlstm_session_schedule_value(session, "compute");
    }
    for (size_t i = 0; i < N && !together; i++)
        assert_int_equal(xlstm_decode(session, ids[i], logits + i * vocab, NULL), XLSTM_OK);
    xlstm_session_destroy(session);
    return logits;
}

/* Few tokens are multiplied in bfloat16 only where that is asked for by name and is as fast. How many tokens are
 * fed in one call then changes no bit of any of them. */
static void few_tokens_in_bf16(void **state) {
    enum { MOST = 96 };
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    static const size_t calls[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 31, MOST};
    xlstm_model_info info;
    xlstm_model_get_info(model, &info);
    xlstm_settings settings = settings_of(XLSTM_COMPUTE_BF16);
    xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_RECURRENT);
    float *one = calloc(MOST * vocab, sizeof *one), *all = calloc(MOST * vocab, sizeof *all);
    int32_t ids[MOST];
    for (int i = 0; i < MOST; i++) ids[i] = 3 + 41 * i;
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(xlstm_decode(session, ids[i], one + i * vocab, NULL), XLSTM_OK);
    xlstm_session_destroy(session);
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        const size_t n = calls[c];
        /* Elsewhere more tokens than few are rounded and others are not. */
        if (!info.few_in_bf16 && n > 8) continue;
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 1 + (int64_t)n % 3);
        assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids, n, XLSTM_LOGITS_ALL, all, NULL), XLSTM_OK);
        const int64_t ran = xlstm_session_schedule_value(session, "compute");
        assert_int_equal(ran, info.few_in_bf16 ? XLSTM_COMPUTE_BF16 : XLSTM_COMPUTE_F32);
        assert_memory_equal(one, all, n * vocab * sizeof *all);
        xlstm_session_destroy(session);
    }
    free(one), free(all);

    settings = settings_of(XLSTM_COMPUTE_F32);
    float *exact = decode(model, &settings, false, NULL);
    settings = settings_of(XLSTM_COMPUTE_BF16);
    float *rounded = decode(model, &settings, false, NULL);
    settings = settings_of(XLSTM_COMPUTE_AUTO);
    float *automatic = decode(model, &settings, false, NULL);
    const double error = test_relative_error(rounded, exact, count(5));
    if (info.few_in_bf16) assert_true(error > 2e-5 && error < xlstm_compute_tolerance(XLSTM_COMPUTE_BF16));
    else assert_memory_equal(rounded, exact, count(5) * sizeof *exact);
    assert_memory_equal(automatic, exact, count(5) * sizeof *exact);
    free(exact), free(rounded), free(automatic);
}

/* Few tokens are multiplied as integers where that is asked for and the weights are integers: off float32 by more
 * than its rounding, and by less than what is stated. How many are multiplied in one call changes no product, and
 * the number of threads no bit. */
static void few_tokens_in_integers(void **state) {
    static const char *const formats[] = {"q8_0", "q6_k", "q4_k", "q4_0"};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        xlstm_settings settings = settings_of(XLSTM_COMPUTE_INT8);
        xlstm_model *m;
        int64_t ran;
        assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, formats[f], NULL), XLSTM_OK);
        const xlstm_model_options options = {.settings = &settings};
        assert_int_equal(xlstm_model_open(&m, demo, &options, NULL), XLSTM_OK);
        float *rounded = decode(m, &settings, false, NULL), *together = decode(m, &settings, true, &ran);
        assert_int_equal(ran, XLSTM_COMPUTE_INT8);
        xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, 1);
        float *alone = decode(m, &settings, false, NULL);
        xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
        float *exact = decode(m, &settings, false, NULL);
        const double error = test_relative_error(rounded, exact, count(5));
        assert_true(error > 2e-5 && error < xlstm_compute_tolerance(XLSTM_COMPUTE_INT8));
        assert_true(test_relative_error(together, exact, count(5)) < xlstm_compute_tolerance(XLSTM_COMPUTE_INT8));
        assert_memory_equal(rounded, alone, count(5) * sizeof *alone);
        xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_AUTO);
        float *automatic = decode(m, &settings, false, NULL);
        assert_memory_equal(automatic, exact, count(5) * sizeof *exact);
        free(rounded), free(together), free(alone), free(exact), free(automatic);
        xlstm_model_close(m);
    }
}

/* Up to 16 tokens in one call get the bits that each gets alone, whatever the number of threads. */
static void integers_in_one_call(void **state) {
    enum { MOST = 16 };
    static const char *const formats[] = {"q8_0", "q6_k", "q4_k", "q4_0"};
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    float *one = calloc(MOST * vocab, sizeof *one), *all = calloc(MOST * vocab, sizeof *all);
    int32_t ids[MOST];
    for (int i = 0; i < MOST; i++) ids[i] = 11 + 37 * i;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        xlstm_settings settings = settings_of(XLSTM_COMPUTE_INT8);
        xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_RECURRENT);
        assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, formats[f], NULL), XLSTM_OK);
        const xlstm_model_options options = {.settings = &settings};
        xlstm_model *m;
        xlstm_session *session;
        assert_int_equal(xlstm_model_open(&m, demo, &options, NULL), XLSTM_OK);
        assert_int_equal(xlstm_session_create(&session, m, &settings, NULL), XLSTM_OK);
        for (size_t i = 0; i < MOST; i++)
            assert_int_equal(xlstm_decode(session, ids[i], one + i * vocab, NULL), XLSTM_OK);
        xlstm_session_destroy(session);
        for (size_t n = 7; n <= MOST; n++) {
            xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 1 + (int64_t)n % 3);
            assert_int_equal(xlstm_session_create(&session, m, &settings, NULL), XLSTM_OK);
            assert_int_equal(xlstm_prefill(session, ids, n, XLSTM_LOGITS_ALL, all, NULL), XLSTM_OK);
            assert_int_equal(xlstm_session_schedule_value(session, "compute"), XLSTM_COMPUTE_INT8);
            assert_memory_equal(one, all, n * vocab * sizeof *all);
            xlstm_session_destroy(session);
        }
        xlstm_model_close(m);
    }
    free(one), free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_tokens_in_bf16),
        cmocka_unit_test(integers_in_one_call),
        cmocka_unit_test(few_tokens_in_integers),
        cmocka_unit_test(each_is_in_force),
        cmocka_unit_test(workers_change_nothing),
        cmocka_unit_test(more_workers_than_panels),
        cmocka_unit_test(time_is_told_where_asked_for),
        cmocka_unit_test(chunks_stay_inside_the_tolerance),
        cmocka_unit_test(auto_is_resolved),
    };
    return cmocka_run_group_tests(tests, open_demo, close_demo);
}
