/* Few tokens on a processor with AMX: the engine runs with the emulated tiles (emulated/immintrin.h), and with a
 * limit of this test's choice from which on matrices are multiplied by them. The checkpoint's matrices are
 * bfloat16, of less than 4 MB each. */
#include <xlstm/xlstm.h>

#include "helper.h"
#include "kernels/kernels.h"

enum { SEQUENCES = 8, STEPS = 2 };
static const char demo[] = XL_SOURCE_DIR "/models/tiny-literature";
static int64_t fast_bytes; /* -1: the limit of the kernels themselves */

void xl_kernels_init_amx_emulated(xl_kernels *table);
void __real_xl_kernels_init(xl_kernels *table, unsigned cpu_flags);
void __wrap_xl_kernels_init(xl_kernels *table, unsigned cpu_flags);

void __wrap_xl_kernels_init(xl_kernels *table, unsigned cpu_flags) {
    __real_xl_kernels_init(table, cpu_flags);
    xl_kernels_init_amx_emulated(table);
    if (fast_bytes >= 0) table->gemm[XL_COMPUTE_BF16].few_fast_bytes = fast_bytes;
}

static xlstm_model *open_with(int64_t least, bool few_in_bf16) {
    xlstm_model *model;
    xlstm_model_info info;
    fast_bytes = least;
    assert_int_equal(xlstm_model_open(&model, demo, NULL, NULL), XLSTM_OK);
    xlstm_model_get_info(model, &info);
    assert_string_equal(info.kernels, "amx");
    assert_true(info.few_in_bf16 == few_in_bf16);
    return model;
}

static xlstm_settings settings_of(const xlstm_model *model, int64_t compute, int64_t workers) {
    xlstm_settings settings;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, compute);
    xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_RECURRENT);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers);
    xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, workers);
    return settings;
}

static size_t vocab_of(const xlstm_model *model) {
    return (size_t)xlstm_model_hparams(model)->vocab_size;
}

/* Logits of n tokens, malloc'd: in one call, or one by one. */
static float *feed(xlstm_model *model, int64_t compute, size_t n, bool together, int64_t workers) {
    const size_t vocab = vocab_of(model);
    const xlstm_settings settings = settings_of(model, compute, workers);
    float *logits = calloc(n * vocab, sizeof *logits);
    int32_t ids[64];
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)(3 + 41 * i);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    if (together) assert_int_equal(xlstm_prefill(session, ids, n, XLSTM_LOGITS_ALL, logits, NULL), XLSTM_OK);
    for (size_t i = 0; i < n && !together; i++)
        assert_int_equal(xlstm_decode(session, ids[i], logits + i * vocab, NULL), XLSTM_OK);
    xlstm_session_destroy(session);
    return logits;
}

/* What some tokens in one call give has the bits of what each gives after the other. */
static void assert_as_alone(xlstm_model *model, const size_t *calls, size_t count) {
    const size_t most = calls[count - 1], row = vocab_of(model) * sizeof(float);
    float *alone = feed(model, XLSTM_COMPUTE_BF16, most, false, 2);
    for (size_t c = 0; c < count; c++) {
        float *together = feed(model, XLSTM_COMPUTE_BF16, calls[c], true, 1 + (int64_t)c % 3);
        assert_memory_equal(together, alone, calls[c] * row);
        free(together);
    }
    free(alone);
}

/* Decodes sequence i of a batch of `count`, the others beside it, and sequence by sequence: the bits are the same.
 */
static void assert_sequences_as_alone(xlstm_model *model, size_t count) {
    const size_t vocab = vocab_of(model);
    const xlstm_settings settings = settings_of(model, XLSTM_COMPUTE_BF16, 2);
    xlstm_batch *batch;
    xlstm_session *together[SEQUENCES], *alone;
    float *logits = calloc((STEPS * count + 1) * vocab, sizeof *logits), *one = logits + STEPS * count * vocab;
    int32_t ids[STEPS][SEQUENCES];
    assert_int_equal(xlstm_batch_create(&batch, model, &settings, NULL), XLSTM_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(xlstm_session_create(&together[i], model, NULL, NULL), XLSTM_OK);
    for (size_t s = 0; s < STEPS; s++) {
        xlstm_batch_item items[SEQUENCES];
        for (size_t i = 0; i < count; i++) {
            ids[s][i] = (int32_t)(7 + 331 * s + 59 * i);
            items[i] = (xlstm_batch_item){together[i], &ids[s][i], 1, XLSTM_LOGITS_LAST};
        }
        assert_int_equal(xlstm_batch_run(batch, items, count, logits + s * count * vocab, NULL), XLSTM_OK);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(xlstm_session_create(&alone, model, &settings, NULL), XLSTM_OK);
        for (size_t s = 0; s < STEPS; s++) {
            assert_int_equal(xlstm_decode(alone, ids[s][i], one, NULL), XLSTM_OK);
            assert_memory_equal(one, logits + (s * count + i) * vocab, vocab * sizeof *one);
        }
        xlstm_session_destroy(alone), xlstm_session_destroy(together[i]);
    }
    xlstm_batch_destroy(batch);
    free(logits);
}

/* Every matrix is large enough: any number of tokens is rounded, and each has the bits that it has alone. */
static void large_matrices(void **state) {
    static const size_t calls[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 32, 40};
    (void)state;
    xlstm_model *model = open_with(0, true);
    assert_as_alone(model, calls, sizeof calls / sizeof *calls);
    for (size_t count = 2; count <= SEQUENCES; count += 3) assert_sequences_as_alone(model, count);
    float *rounded = feed(model, XLSTM_COMPUTE_BF16, 5, false, 2),
          *exact = feed(model, XLSTM_COMPUTE_F32, 5, false, 2);
    float *automatic = feed(model, XLSTM_COMPUTE_AUTO, 5, false, 2);
    const double error = test_relative_error(rounded, exact, 5 * vocab_of(model));
    assert_true(error > 2e-5 && error < xlstm_compute_tolerance(XLSTM_COMPUTE_BF16));
    assert_memory_equal(automatic, exact, 5 * vocab_of(model) * sizeof *exact);
    free(rounded), free(exact), free(automatic);
    xlstm_model_close(model);
}

/* Only the head is as large as the limit: the other products of up to eight tokens are those of float32, and still
 * each token has the bits that it has alone. One byte more, and the head's are too. */
static void only_the_head_is_large(void **state) {
    static const size_t calls[] = {1, 2, 3, 4, 5, 6, 7, 8};
    (void)state;
    xlstm_model *model = open_with(0, true);
    const int64_t head = (int64_t)vocab_of(model) * xlstm_model_hparams(model)->embedding_dim * 2;
    float *all = feed(model, XLSTM_COMPUTE_BF16, 5, false, 2), *exact = feed(model, XLSTM_COMPUTE_F32, 5, false, 2);
    const size_t values = 5 * vocab_of(model);
    xlstm_model_close(model);
    model = open_with(head, true);
    float *rounded = feed(model, XLSTM_COMPUTE_BF16, 5, false, 2);
    const double error = test_relative_error(rounded, exact, values);
    assert_true(error > 2e-5 && error < test_relative_error(all, exact, values));
    assert_as_alone(model, calls, sizeof calls / sizeof *calls);
    for (size_t count = 2; count <= SEQUENCES; count += 3) assert_sequences_as_alone(model, count);
    xlstm_model_close(model);
    model = open_with(head + 1, false);
    float *small = feed(model, XLSTM_COMPUTE_BF16, 5, false, 2);
    assert_memory_equal(small, exact, values * sizeof *exact);
    xlstm_model_close(model);
    free(all), free(exact), free(rounded), free(small);
}

/* By the limit of the kernels themselves, all matrices of so small a model are multiplied in float32. */
static void small_matrices(void **state) {
    (void)state;
    xlstm_model *model = open_with(-1, false);
    float *named = feed(model, XLSTM_COMPUTE_BF16, 5, true, 2), *exact = feed(model, XLSTM_COMPUTE_F32, 5, true, 2);
    assert_memory_equal(named, exact, 5 * vocab_of(model) * sizeof *exact);
    xlstm_model_close(model);
    free(named), free(exact);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_matrices),
        cmocka_unit_test(only_the_head_is_large),
        cmocka_unit_test(small_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
