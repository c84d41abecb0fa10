/* States whose matrices are held in 16 bits on the first Vulkan device, against the CPU's plain C kernels: prefill
 * in chunks and token by token, decode, batches, saving and setting. Skipped where there is no device. */
#include "base/half.h"
#include "model/model.h"
#include "runtime/session.h"
#include "vulkan_sessions.h"

static const int64_t kinds[] = {XLSTM_STATE_BF16, XLSTM_STATE_F16};
/* A value that lies near the middle between two of 16 bits may be rounded to either, by the device or the CPU;
 * these are the distances between neighbours. */
static const double steps[] = {0x1p-8, 0x1p-11};
enum {
    APART = 16
}; /* such distances, where what was rounded otherwise has gone through blocks of random weights */

static xlstm_model *open_with_state(const char *folder, const char *device, const char *mask, int64_t kind) {
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_STATE, kind);
    const xlstm_model_options options = {.settings = &settings, .device = device, .cpu_mask = mask};
    xlstm_model *model;
    xlstm_error err;
    if (xlstm_model_open(&model, folder, &options, &err)) fail_msg("%s", err.text);
    return model;
}

/* Of any device ("c") and of this one, in one chunk and in several, and token by token. */
static void rounded_states_equal_the_cpus(void **state) {
    static const char *const folders[] = {XL_SOURCE_DIR "/tests/data/f16-fused-bias",
                                          XL_SOURCE_DIR "/tests/data/random/wide",
                                          XL_SOURCE_DIR "/tests/data/random/no-out-norm"};
    static const int64_t cuts[][3] = {{128, 512, 0}, {64, 512, 0}, {64, 512, 2}};
    xl_rng rng;
    xl_rng_seed(&rng, 21);
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        for (int k = 0; k < 4; k++) {
            xlstm_model *cpu = open_with_state(folders[f], "cpu", "c", kinds[k % 2]),
                        *gpu = open_with_state(folders[f], "vulkan", k < 2 ? NULL : "c", kinds[k % 2]);
            const size_t vocab = (size_t)xlstm_model_hparams(cpu)->vocab_size;
            float *x = calloc(2 * vocab, sizeof *x), *y = x + vocab;
            for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
                int32_t ids[TOKENS];
                make_ids(ids, TOKENS, cpu, &rng);
                xlstm_session *a = session_on(cpu, cuts[c][0], cuts[c][1], cuts[c][2]),
                              *b = session_on(gpu, cuts[c][0], cuts[c][1], cuts[c][2]);
                assert_int_equal(xlstm_prefill(a, ids, TOKENS, XLSTM_LOGITS_LAST, x, NULL), XLSTM_OK);
                assert_int_equal(xlstm_prefill(b, ids, TOKENS, XLSTM_LOGITS_LAST, y, NULL), XLSTM_OK);
                const double most = c ? APART * steps[k % 2] : steps[k % 2];
                assert_true(test_relative_error(y, x, vocab) <= most);
                for (int t = 0; t < 5; t++) {
                    assert_int_equal(xlstm_decode(a, ids[t], x, NULL), XLSTM_OK);
                    assert_int_equal(xlstm_decode(b, ids[t], y, NULL), XLSTM_OK);
                    assert_true(test_relative_error(y, x, vocab) <= most);
                }
                assert_same_state_within(b, a, xlstm_model_hparams(cpu), most);
                xlstm_session_destroy(a);
                xlstm_session_destroy(b);
            }
            free(x);
            xlstm_model_close(cpu);
            xlstm_model_close(gpu);
        }
    }
}

static int set_state(xlstm_session *session, int64_t block, const float *c, const float *n, const float *m) {
    return session->model->backend->state_set(session->state, block, c, n, m, NULL);
}

/* Every value that is set is rounded to the nearest of its format, and read back as that; the next token moves all
 * of it on. */
static void values_are_rounded_to_the_nearest(void **state) {
    for (int k = 0; k < 2; k++) {
        xlstm_model *model = open_with_state(XL_SOURCE_DIR "/models/tiny-literature", "vulkan", NULL, kinds[k]);
        const xlstm_hparams *hp = xlstm_model_hparams(model);
        const size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head;
        float *x = calloc(2 * (c + n), sizeof *x), *y = x + c + n, *m = calloc((size_t)hp->num_heads, sizeof *m);
        xl_rng rng;
        xl_rng_seed(&rng, 5);
        for (size_t i = 0; i < c; i++) /* also what float16 holds as subnormal numbers, or not at all */
            x[i] = (float)(xl_rng_normal(&rng) * exp(3 * xl_rng_normal(&rng) - 6));
        x[0] = 0, x[1] = -0.0F, x[2] = 65503, x[3] = 0x1p-24F, x[4] = 0x1p-25F, x[5] = -0x1.8p-24F;
        xlstm_session *session = session_on(model, 64, 512, 0);
        assert_int_equal(set_state(session, 1, x, x + c, m), XLSTM_OK);
        assert_int_equal(xlstm_state_get(session, 1, y, y + c, m, NULL), XLSTM_OK);
        for (size_t i = 0; i < c; i++)
            assert_true(y[i] == (k ? xl_f16_to_f32(xl_f32_to_f16(x[i])) : xl_bf16_to_f32(xl_f32_to_bf16(x[i]))));
        assert_memory_equal(x + c, y + c, n * sizeof *x);
        /* What the device makes of these values is what the CPU makes of them. */
        xlstm_model *cpu = open_with_state(XL_SOURCE_DIR "/models/tiny-literature", "cpu", "c", kinds[k]);
        xlstm_session *other = session_on(cpu, 64, 512, 0);
        assert_int_equal(set_state(other, 1, x, x + c, m), XLSTM_OK);
        assert_int_equal(xlstm_decode(session, 7, NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(other, 7, NULL, NULL), XLSTM_OK);
        assert_same_state_within(session, other, hp, steps[k]);
        xlstm_session_destroy(session);
        xlstm_session_destroy(other);
        xlstm_model_close(model);
        xlstm_model_close(cpu);
        free(x);
        free(m);
    }
}

/* The device's own rounding: in the first block the same step with a state in float32 gives what is to be rounded.
 */
static void the_device_rounds_to_the_nearest(void **state) {
    const char *folder = XL_SOURCE_DIR "/models/tiny-literature";
    for (int k = 0; k < 4; k++) {
        const char *mask = k < 2 ? NULL : "c";
        xlstm_model *model = open_with_state(folder, "vulkan", mask, kinds[k % 2]),
                    *exact = open_with_state(folder, "vulkan", mask, XLSTM_STATE_F32);
        const xlstm_hparams *hp = xlstm_model_hparams(model);
        const size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head;
        float *x = calloc(2 * (c + n), sizeof *x), *y = x + c + n, *m = calloc((size_t)hp->num_heads, sizeof *m);
        xl_rng rng;
        xl_rng_seed(&rng, 13);
        for (size_t i = 0; i < c; i++) {
            const float v = (float)(xl_rng_normal(&rng) * exp(4 * xl_rng_normal(&rng) - 4));
            x[i] = k % 2 ? xl_f16_to_f32(xl_f32_to_f16(v)) : xl_bf16_to_f32(xl_f32_to_bf16(v));
        }
        xlstm_session *a = session_on(model, 64, 512, 0), *b = session_on(exact, 64, 512, 0);
        assert_int_equal(set_state(a, 0, x, x + c, m), XLSTM_OK);
        assert_int_equal(set_state(b, 0, x, x + c, m), XLSTM_OK);
        assert_int_equal(xlstm_decode(a, 7, NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(b, 7, NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_get(a, 0, x, x + c, m, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_get(b, 0, y, y + c, m, NULL), XLSTM_OK);
        size_t small = 0;
        for (size_t i = 0; i < c; i++) {
            const float wanted = k % 2 ? xl_f16_to_f32(xl_f32_to_f16(y[i])) : xl_bf16_to_f32(xl_f32_to_bf16(y[i]));
            small += fabsf(wanted) < 0x1p-14F && wanted != y[i];
            assert_true(x[i] == wanted);
        }
        assert_true(small > 10); /* float16 has them as subnormal numbers */
        xlstm_session_destroy(a);
        xlstm_session_destroy(b);
        xlstm_model_close(model);
        xlstm_model_close(exact);
        free(x);
        free(m);
    }
}

/* Half the memory; a saved state goes on as it was, also as float32. */
static void they_are_copied_and_saved(void **state) {
    const char *folder = XL_SOURCE_DIR "/models/tiny-literature";
    char *path = test_path("state.safetensors");
    for (int k = 0; k < 2; k++) {
        xlstm_model *model = open_with_state(folder, "vulkan", NULL, kinds[k]),
                    *exact = open_with_state(folder, "vulkan", NULL, XLSTM_STATE_F32);
        xlstm_model_info halves, floats;
        xlstm_model_get_info(model, &halves);
        xlstm_model_get_info(exact, &floats);
        assert_true(halves.state_bytes < floats.state_bytes * 6 / 10);
        const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
        float *x = calloc(3 * vocab, sizeof *x);
        xlstm_session *one = session_on(model, 64, 512, 0), *again = session_on(model, 64, 512, 0),
                      *other = session_on(exact, 64, 512, 0);
        const int32_t ids[] = {5, 70, 200, 31, 8, 99, 12, 210, 3};
        assert_int_equal(xlstm_prefill(one, ids, 9, XLSTM_LOGITS_LAST, x, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_save(one, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_load(again, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_load(other, path, NULL), XLSTM_OK);
        assert_same_state_within(again, one, xlstm_model_hparams(model), 0);
        assert_same_state_within(other, one, xlstm_model_hparams(model), 0);
        assert_int_equal(xlstm_decode(one, 11, x, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(again, 11, x + vocab, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(other, 11, x + 2 * vocab, NULL), XLSTM_OK);
        assert_memory_equal(x, x + vocab, vocab * sizeof *x);
        assert_true(test_relative_error(x + 2 * vocab, x, vocab) <= tolerance); /* h is made before C is rounded */
        assert_int_equal(xlstm_session_copy_state(again, one, NULL), XLSTM_OK);
        assert_same_state_within(again, one, xlstm_model_hparams(model), 0);
        xlstm_session_destroy(one);
        xlstm_session_destroy(again);
        xlstm_session_destroy(other);
        xlstm_model_close(model);
        xlstm_model_close(exact);
        free(x);
    }
    free(path);
}

/* Steps of many sequences take more columns at a time. */
static void members_of_a_batch_are_as_alone(void **state) {
    xlstm_settings settings;
    for (int k = 0; k < 2; k++) {
        xlstm_model *model = open_with_state(XL_SOURCE_DIR "/tests/data/f16-fused-bias", "vulkan", NULL, kinds[k]);
        const xlstm_hparams *hp = xlstm_model_hparams(model);
        const size_t vocab = (size_t)hp->vocab_size;
        xlstm_settings_init(&settings, hp);
        xlstm_batch *batch;
        assert_int_equal(xlstm_batch_create(&batch, model, &settings, NULL), XLSTM_OK);
        xlstm_session *alone[MEMBERS], *together[MEMBERS];
        int32_t ids[MEMBERS];
        xlstm_batch_item items[MEMBERS];
        xl_rng rng;
        xl_rng_seed(&rng, 8);
        make_ids(ids, MEMBERS, model, &rng);
        float *x = calloc((MEMBERS + 1) * vocab, sizeof *x), *y = x + MEMBERS * vocab;
        for (int i = 0; i < MEMBERS; i++) {
            alone[i] = session_on(model, 64, 512, 0);
            together[i] = session_on(model, 64, 512, 0);
            items[i] =
                (xlstm_batch_item){.session = together[i], .ids = &ids[i], .n = 1, .logits = XLSTM_LOGITS_LAST};
        }
        for (int step = 0; step < 3; step++) {
            assert_int_equal(xlstm_batch_run(batch, items, MEMBERS, x, NULL), XLSTM_OK);
            for (int i = 0; i < MEMBERS; i++) {
                assert_int_equal(xlstm_decode(alone[i], ids[i], y, NULL), XLSTM_OK);
                assert_true(test_relative_error(x + (size_t)i * vocab, y, vocab) <= APART * steps[k]);
            }
        }
        for (int i = 0; i < MEMBERS; i++) {
            assert_same_state_within(together[i], alone[i], hp, APART * steps[k]);
            xlstm_session_destroy(alone[i]);
            xlstm_session_destroy(together[i]);
        }
        xlstm_batch_destroy(batch);
        xlstm_model_close(model);
        free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounded_states_equal_the_cpus),    cmocka_unit_test(values_are_rounded_to_the_nearest),
        cmocka_unit_test(the_device_rounds_to_the_nearest), cmocka_unit_test(they_are_copied_and_saved),
        cmocka_unit_test(members_of_a_batch_are_as_alone),
    };
    return cmocka_run_group_tests(tests, find_device, test_remove_folder);
}
