/* The first Vulkan device against the CPU's plain C kernels: every weight format, prefill in every cut, decode,
 * batches, states that are copied, saved and set. Skipped where there is no device. */
#include <xlstm/xlstm.h>

#include "helper.h"

#include "base/rng.h"

static const char *const folders[] = {XL_SOURCE_DIR "/tests/data/f16-fused-bias",
                                      XL_SOURCE_DIR "/tests/data/random/wide",
                                      XL_SOURCE_DIR "/tests/data/random/mixed"};
enum { FOLDERS = sizeof folders / sizeof *folders, TOKENS = 70, MEMBERS = 11 };
static const double tolerance = 2e-5;

static int find_device(void **state) {
    (void)state;
    xlstm_device_info device;
    for (int i = 0; !xlstm_device_at(i, &device); i++) {
        if (!strncmp(device.name, "vulkan", strlen("vulkan"))) return test_make_folder(state);
    }
    printf("skipped: no Vulkan device is here\n");
    exit(77);
}

static xlstm_model *open_on(const char *folder, const char *device, int64_t weights) {
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_WEIGHTS, weights);
    const xlstm_model_options options = {
        .settings = &settings, .device = device, .cpu_mask = strcmp(device, "cpu") ? NULL : "c"};
    xlstm_model *model;
    xlstm_error err;
    if (xlstm_model_open(&model, folder, &options, &err)) fail_msg("%s", err.text);
    return model;
}

static void make_ids(int32_t *ids, size_t count, const xlstm_model *model, xl_rng *rng) {
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)xl_rng_below(rng, (uint64_t)xlstm_model_hparams(model)->vocab_size);
}

static xlstm_session *session_on(xlstm_model *model, int64_t chunk, int64_t segment, int64_t scheduler) {
    xlstm_settings settings;
    xlstm_session *session;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, chunk);
    xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, segment);
    xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, scheduler);
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    return session;
}

static void assert_same_state(const xlstm_session *a, const xlstm_session *b, const xlstm_hparams *hp) {
    size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head, m = (size_t)hp->num_heads;
    float *x = calloc(2 * (c + n + m), sizeof *x), *y = x + c + n + m;
    for (int64_t i = 0; i < hp->num_blocks; i++) {
        assert_int_equal(xlstm_state_get(a, i, x, x + c, x + c + n, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_get(b, i, y, y + c, y + c + n, NULL), XLSTM_OK);
        assert_true(test_relative_error(x, y, c + n + m) <= tolerance);
    }
    free(x);
    assert_int_equal(xlstm_session_position(a), xlstm_session_position(b));
}

/* Prefill of any length in any cut, then some tokens of decode. */
static void every_format_equals_the_cpu(void **state) {
    static const int64_t cuts[][3] = {{64, 512, 0}, {5, 33, 1}, {16, 9, 0}, {64, 512, 2}};
    static const size_t lengths[] = {1, 2, 8, 9, TOKENS};
    xl_rng rng;
    xl_rng_seed(&rng, 3);
    const char *name;
    for (int format = -1; format < 0 || !xlstm_weight_format_at(format, &name, NULL, NULL); format++) {
        for (int f = 0; f < FOLDERS; f++) {
            xlstm_model *cpu = open_on(folders[f], "cpu", format + 1),
                        *gpu = open_on(folders[f], "vulkan", format + 1);
            size_t vocab = (size_t)xlstm_model_hparams(cpu)->vocab_size;
            float *x = calloc(2 * TOKENS * vocab, sizeof *x), *y = x + TOKENS * vocab;
            for (size_t c = 0; c < 4; c++) {
                size_t n = lengths[xl_rng_below(&rng, 5)];
                int32_t ids[TOKENS];
                make_ids(ids, TOKENS, cpu, &rng);
                xlstm_session *a = session_on(cpu, 64, 512, 0),
                              *b = session_on(gpu, cuts[c][0], cuts[c][1], cuts[c][2]);
                assert_int_equal(xlstm_prefill(a, ids, n, XLSTM_LOGITS_ALL, x, NULL), XLSTM_OK);
                assert_int_equal(xlstm_prefill(b, ids, n, XLSTM_LOGITS_ALL, y, NULL), XLSTM_OK);
                assert_true(test_relative_error(y, x, n * vocab) <= tolerance);
                for (int t = 0; t < 3; t++) {
                    assert_int_equal(xlstm_decode(a, ids[t], x, NULL), XLSTM_OK);
                    assert_int_equal(xlstm_decode(b, ids[t], y, NULL), XLSTM_OK);
                    assert_true(test_relative_error(y, x, vocab) <= tolerance);
                }
                assert_same_state(b, a, xlstm_model_hparams(cpu));
                xlstm_session_destroy(a);
                xlstm_session_destroy(b);
            }
            free(x);
            xlstm_model_close(cpu);
            xlstm_model_close(gpu);
        }
    }
}

/* Decodes and slices of prefill, mixed at random, with and without logits. */
static void batches_equal_their_members(void **state) {
    xlstm_model *cpu = open_on(folders[1], "cpu", 0), *gpu = open_on(folders[1], "vulkan", 0);
    size_t vocab = (size_t)xlstm_model_hparams(cpu)->vocab_size;
    float *x = calloc(TOKENS * vocab * (MEMBERS + 1), sizeof *x), *y = x + TOKENS * vocab;
    xl_rng rng;
    xl_rng_seed(&rng, 4);
    for (int run = 0; run < 6; run++) {
        xlstm_settings settings;
        xlstm_settings_init(&settings, xlstm_model_hparams(gpu));
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, run % 2 ? 23 : 512);
        xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, run % 3 ? 8 : 64);
        xlstm_batch *batch;
        xlstm_session *alone[MEMBERS], *together[MEMBERS];
        assert_int_equal(xlstm_batch_create(&batch, gpu, &settings, NULL), XLSTM_OK);
        for (int i = 0; i < MEMBERS; i++) {
            alone[i] = session_on(cpu, 64, 512, 0);
            together[i] = session_on(gpu, 64, 512, 0);
        }
        for (int round = 0; round < 3; round++) {
            int32_t ids[MEMBERS][TOKENS];
            xlstm_batch_item items[MEMBERS];
            for (int i = 0; i < MEMBERS; i++) {
                size_t n = round == 1 || xl_rng_below(&rng, 2) ? 1 : 1 + xl_rng_below(&rng, TOKENS);
                make_ids(ids[i], n, cpu, &rng);
                items[i] = (xlstm_batch_item){together[i], ids[i], n, (xlstm_logits)xl_rng_below(&rng, 3)};
            }
            assert_int_equal(xlstm_batch_run(batch, items, MEMBERS, y, NULL), XLSTM_OK);
            const float *at = y;
            for (int i = 0; i < MEMBERS; i++) {
                size_t rows =
                    items[i].logits == XLSTM_LOGITS_ALL ? items[i].n : items[i].logits == XLSTM_LOGITS_LAST;
                assert_int_equal(xlstm_prefill(alone[i], ids[i], items[i].n, items[i].logits, x, NULL), XLSTM_OK);
                assert_true(test_relative_error(at, x, rows * vocab) <= tolerance);
                at += rows * vocab;
                assert_same_state(together[i], alone[i], xlstm_model_hparams(cpu));
            }
        }
        for (int i = 0; i < MEMBERS; i++) {
            xlstm_session_destroy(alone[i]);
            xlstm_session_destroy(together[i]);
        }
        xlstm_batch_destroy(batch);
    }
    free(x);
    xlstm_model_close(cpu);
    xlstm_model_close(gpu);
}

static void states_are_copied_saved_and_reset(void **state) {
    xlstm_model *cpu = open_on(folders[0], "cpu", 0), *gpu = open_on(folders[0], "vulkan", 0);
    const xlstm_hparams *hp = xlstm_model_hparams(cpu);
    float *x = calloc(2 * (size_t)hp->vocab_size, sizeof *x), *y = x + hp->vocab_size;
    xlstm_session *a = session_on(gpu, 64, 512, 0), *b = session_on(gpu, 64, 512, 0),
                  *c = session_on(cpu, 64, 512, 0);
    char *path = test_path("state.safetensors");
    int32_t ids[TOKENS];
    xl_rng rng;
    xl_rng_seed(&rng, 6);
    make_ids(ids, TOKENS, cpu, &rng);
    for (size_t n = 1; n < TOKENS; n += 20) { /* odd and even numbers of steps */
        assert_int_equal(xlstm_prefill(a, ids, n, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(a, ids[n], NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_session_copy_state(b, a, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_save(a, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_load(c, path, NULL), XLSTM_OK);
        assert_same_state(b, c, hp);
        assert_int_equal(xlstm_decode(b, ids[0], x, NULL), XLSTM_OK);
        assert_int_equal(xlstm_decode(c, ids[0], y, NULL), XLSTM_OK);
        assert_true(test_relative_error(x, y, (size_t)hp->vocab_size) <= tolerance);
        assert_int_equal(xlstm_state_save(c, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_load(a, path, NULL), XLSTM_OK);
        assert_same_state(a, b, hp);
        xlstm_session_reset(a);
        xlstm_session_reset(c);
        assert_same_state(a, c, hp);
    }
    free(path);
    free(x);
    xlstm_session_destroy(a);
    xlstm_session_destroy(b);
    xlstm_session_destroy(c);
    xlstm_model_close(cpu);
    xlstm_model_close(gpu);
}

static int at_once(void *user) {
    return 1;
}

static void a_cancelled_call_says_so(void **state) {
    xlstm_model *gpu = open_on(folders[1], "vulkan", 0);
    xlstm_session *session = session_on(gpu, 64, 512, 0);
    const int32_t ids[] = {1, 2, 3};
    xlstm_session_set_cancel(session, at_once, NULL);
    assert_int_equal(xlstm_prefill(session, ids, 3, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_ECANCELLED);
    xlstm_session_set_cancel(session, NULL, NULL);
    xlstm_session_reset(session);
    assert_int_equal(xlstm_prefill(session, ids, 3, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_schedule_value(session, "chunk_size"), 3);
    xlstm_session_destroy(session);
    xlstm_model_close(gpu);
}

static void devices_that_are_not_there_are_refused(void **state) {
    static const char *const names[] = {"vulkan:", "vulkan:x", "vulkan:99", "vulkan:1x", "vulkans"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        xlstm_model *model;
        const xlstm_model_options options = {.device = names[i]};
        assert_int_equal(xlstm_model_open(&model, folders[0], &options, NULL), XLSTM_EUNSUPPORTED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_equals_the_cpu),
        cmocka_unit_test(batches_equal_their_members),
        cmocka_unit_test(states_are_copied_saved_and_reset),
        cmocka_unit_test(a_cancelled_call_says_so),
        cmocka_unit_test(devices_that_are_not_there_are_refused),
    };
    return cmocka_run_group_tests(tests, find_device, test_remove_folder);
}
