/* The tunable `state`, and heads whose columns several threads share. */
#include <xlstm/tensor_file.h>
#include <xlstm/xlstm.h>

#include "helper.h"

enum { PROMPT = 70, STEPS = 5 };
static const char demo[] = XL_SOURCE_DIR "/models/tiny-literature";
static const char wide[] = XL_SOURCE_DIR "/tests/data/f16-fused-bias"; /* two heads of 64 columns */

static xlstm_model *open_with(const char *dir, int64_t format) {
    xlstm_settings settings;
    xlstm_model *model;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_STATE, format);
    const xlstm_model_options options = {.settings = &settings};
    assert_int_equal(xlstm_model_open(&model, dir, &options, NULL), XLSTM_OK);
    return model;
}

static xlstm_session *session_of(xlstm_model *model, int64_t workers, int64_t scheduler) {
    xlstm_settings settings;
    xlstm_session *session;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers);
    xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, workers);
    xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, scheduler);
    xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 16);
    xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, 50);
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    return session;
}

/* Logits of STEPS tokens, one after the other; malloc'd. */
static float *decode(xlstm_session *session, size_t vocab) {
    float *logits = calloc(STEPS * vocab, sizeof *logits);
    for (size_t i = 0; i < STEPS; i++)
        assert_int_equal(xlstm_decode(session, (int32_t)(i * 31 + 2), logits + i * vocab, NULL), XLSTM_OK);
    return logits;
}

static void feed(xlstm_session *session) {
    int32_t ids[PROMPT];
    for (int i = 0; i < PROMPT; i++) ids[i] = (i * 37 + i * i) % 90;
    assert_int_equal(xlstm_prefill(session, ids, PROMPT, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
}

static void rounded_states_are_near(void **state) {
    static const xlstm_dtype dtypes[] = {
        [XLSTM_STATE_F32] = XLSTM_F32, [XLSTM_STATE_BF16] = XLSTM_BF16, [XLSTM_STATE_F16] = XLSTM_F16};
    /* A relative rounding of C by 2^-9 or 2^-12 at each of so many steps. */
    static const double most[] = {[XLSTM_STATE_BF16] = 0.05, [XLSTM_STATE_F16] = 0.01};
    xlstm_model *exact_model = open_with(demo, XLSTM_STATE_F32);
    const size_t vocab = (size_t)xlstm_model_hparams(exact_model)->vocab_size;
    xlstm_session *exact = session_of(exact_model, 2, XLSTM_SCHED_QUEUED);
    xlstm_model_info held, info;
    xlstm_model_get_info(exact_model, &held);
    feed(exact);
    float *wanted = decode(exact, vocab);
    for (int64_t f = XLSTM_STATE_BF16; f <= XLSTM_STATE_F16; f++) {
        xlstm_model *model = open_with(demo, f);
        xlstm_model_get_info(model, &info);
        assert_true(info.state_bytes < held.state_bytes * 6 / 10);
        xlstm_session *session = session_of(model, 2, XLSTM_SCHED_QUEUED);
        char *path = test_path("rounded.safetensors");
        feed(session);
        assert_int_equal(xlstm_state_save(session, path, NULL), XLSTM_OK);
        float *got = decode(session, vocab);
        const double error = test_relative_error(got, wanted, STEPS * vocab);
        assert_true(error > 1e-6);
        assert_true(error < most[f]);

        /* The file says its format and gives the same state again, also to a model that holds float32. */
        xlstm_tensor_file *file;
        assert_int_equal(xlstm_tensor_file_open(&file, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_tensor_file_find(file, "state.0.c")->dtype, dtypes[f]);
        assert_int_equal(xlstm_tensor_file_find(file, "state.0.n")->dtype, XLSTM_F32);
        xlstm_tensor_file_close(file);
        xlstm_session *again = session_of(model, 1, XLSTM_SCHED_QUEUED);
        assert_int_equal(xlstm_state_load(again, path, NULL), XLSTM_OK);
        float *same = decode(again, vocab);
        assert_memory_equal(same, got, STEPS * vocab * sizeof *same);
        assert_int_equal(xlstm_state_load(exact, path, NULL), XLSTM_OK);
        float *from_rounded = decode(exact, vocab);
        assert_true(test_relative_error(from_rounded, wanted, STEPS * vocab) < most[f]);
        xlstm_session_reset(exact);
        feed(exact);
        assert_int_equal(xlstm_session_copy_state(again, exact, NULL), XLSTM_OK);
        free(same), free(from_rounded);
        same = decode(again, vocab);
        assert_true(test_relative_error(same, wanted, STEPS * vocab) < most[f]);
        free(same), free(got), free(path);
        xlstm_session_destroy(again);
        xlstm_session_destroy(session);
        xlstm_model_close(model);
    }
    free(wanted);
    xlstm_session_destroy(exact);
    xlstm_model_close(exact_model);
}

/* How many threads share a head decides who computes a column, and changes no bit of logits and state. */
static void shared_heads_change_nothing(void **state) {
    for (int64_t f = XLSTM_STATE_F32; f <= XLSTM_STATE_F16; f++) {
        xlstm_model *model = open_with(wide, f);
        const xlstm_hparams *hp = xlstm_model_hparams(model);
        const size_t vocab = (size_t)hp->vocab_size, values = (size_t)(hp->qk_dim * hp->v_head);
        for (int64_t scheduler = XLSTM_SCHED_QUEUED; scheduler <= XLSTM_SCHED_RECURRENT; scheduler++) {
            float *logits[2], *c[2], *n[2];
            for (int i = 0; i < 2; i++) {
                xlstm_session *session = session_of(model, i ? 7 : 1, scheduler);
                feed(session);
                logits[i] = decode(session, vocab);
                c[i] = calloc(values, sizeof(float)), n[i] = calloc((size_t)hp->qk_dim, sizeof(float));
                float m[8];
                assert_int_equal(xlstm_state_get(session, hp->num_blocks - 1, c[i], n[i], m, NULL), XLSTM_OK);
                xlstm_session_destroy(session);
            }
            assert_memory_equal(logits[0], logits[1], STEPS * vocab * sizeof(float));
            assert_memory_equal(c[0], c[1], values * sizeof(float));
            assert_memory_equal(n[0], n[1], (size_t)hp->qk_dim * sizeof(float));
            for (int i = 0; i < 2; i++) free(logits[i]), free(c[i]), free(n[i]);
        }
        xlstm_model_close(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounded_states_are_near),
        cmocka_unit_test(shared_heads_change_nothing),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
