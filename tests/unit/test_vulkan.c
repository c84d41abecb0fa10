/* The first Vulkan device against the CPU's plain C kernels: every weight format, prefill in every cut, decode,
 * batches, states that are copied, saved and set. Skipped where there is no device. */
#include "vulkan_sessions.h"

#include "backend/vulkan/vk_recorder.h"

static const char *const folders[] = {XL_SOURCE_DIR "/tests/data/f16-fused-bias",
                                      XL_SOURCE_DIR "/tests/data/random/wide",
                                      XL_SOURCE_DIR "/tests/data/random/mixed"};
enum { FOLDERS = sizeof folders / sizeof *folders };

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

/* Where weights are in blocks, int8 rounds what few tokens are multiplied by, and only that. */
static void int8_is_near_float32(void **state) {
    static const size_t lengths[] = {1, 4}; /* few on every device */
    /* Of a checkpoint that was trained; of random ones errors grow. */
    const double rounding = 0.2, steps = 0.02;
    xl_rng rng;
    xl_rng_seed(&rng, 5);
    for (int64_t weights = 4; !xlstm_weight_format_at((int)weights - 1, NULL, NULL, NULL); weights++) {
        xlstm_model *model = open_on(XL_SOURCE_DIR "/models/tiny-literature", "vulkan", weights);
        size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
        float *x = calloc(2 * TOKENS * vocab, sizeof *x), *y = x + TOKENS * vocab;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            int32_t ids[TOKENS];
            make_ids(ids, TOKENS, model, &rng);
            xlstm_session *a = session_of(model, XLSTM_COMPUTE_F32, XLSTM_TUNE_GPU_ROWS, 0),
                          *b = session_of(model, XLSTM_COMPUTE_INT8, XLSTM_TUNE_GPU_ROWS,
                                          i % 2 ? 3 : 0); /* auto, 4 */
            assert_int_equal(xlstm_prefill(a, ids, lengths[i], XLSTM_LOGITS_ALL, x, NULL), XLSTM_OK);
            assert_int_equal(xlstm_prefill(b, ids, lengths[i], XLSTM_LOGITS_ALL, y, NULL), XLSTM_OK);
            double error = test_relative_error(y, x, lengths[i] * vocab);
            assert_true(error <= rounding);
            assert_true((error > 0) == (xlstm_session_schedule_value(b, "compute") == XLSTM_COMPUTE_INT8));
            assert_int_equal(xlstm_decode(a, ids[0], x, NULL), XLSTM_OK);
            assert_int_equal(xlstm_decode(b, ids[0], y, NULL), XLSTM_OK);
            assert_true(test_relative_error(y, x, vocab) <= rounding);
            assert_int_equal(xlstm_session_schedule_value(b, "decode_compute"),
                             xlstm_session_schedule_value(b, "compute"));
            /* The cell's steps round their output themselves, as products do that of its chunks. */
            xlstm_session *c = session_of(model, XLSTM_COMPUTE_INT8, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_RECURRENT),
                          *d = session_of(model, XLSTM_COMPUTE_INT8, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_QUEUED);
            assert_int_equal(xlstm_prefill(c, ids, lengths[i], XLSTM_LOGITS_ALL, x, NULL), XLSTM_OK);
            assert_int_equal(xlstm_prefill(d, ids, lengths[i], XLSTM_LOGITS_ALL, y, NULL), XLSTM_OK);
            assert_true(test_relative_error(y, x, lengths[i] * vocab) <= steps);
            xlstm_session_destroy(a);
            xlstm_session_destroy(b);
            xlstm_session_destroy(c);
            xlstm_session_destroy(d);
        }
        free(x);
        xlstm_model_close(model);
    }
}

/* Prompts for every tile of the matrix units, in several parts or in one, of weights that are unpacked on their
 * way, in memory, or not at all. Devices without matrix units compute in float32, which the schedule says. */
static void matrix_units_are_near_float32(void **state) {
    enum { LONGEST = 130 };
    static const struct {
        size_t length;
        int64_t tile;
    } prompts[] = {{5, XLSTM_TILE_AUTO},  {20, XLSTM_TILE_AUTO},      {20, XLSTM_TILE_SQUARE},
                   {40, XLSTM_TILE_AUTO}, {LONGEST, XLSTM_TILE_AUTO}, {LONGEST, XLSTM_TILE_SMALL}};
    static const int64_t formats[] = {2, 4}; /* bf16, q8_0 */
    const double rounding = 0.05;
    xl_rng rng;
    xl_rng_seed(&rng, 9);
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        xlstm_model *model = open_on(XL_SOURCE_DIR "/models/tiny-literature", "vulkan", formats[f]);
        const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
        float *x = calloc(2 * vocab, sizeof *x), *y = x + vocab;
        for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
            int32_t ids[LONGEST];
            make_ids(ids, LONGEST, model, &rng);
            xlstm_session *a = session_of(model, XLSTM_COMPUTE_F32, XLSTM_TUNE_GPU_ROWS, 0),
                          *b = session_of(model, XLSTM_COMPUTE_BF16, XLSTM_TUNE_GPU_TILE, prompts[i].tile);
            assert_int_equal(xlstm_prefill(a, ids, prompts[i].length, XLSTM_LOGITS_LAST, x, NULL), XLSTM_OK);
            assert_int_equal(xlstm_prefill(b, ids, prompts[i].length, XLSTM_LOGITS_LAST, y, NULL), XLSTM_OK);
            const bool units = xlstm_session_schedule_value(b, "compute") != XLSTM_COMPUTE_F32;
            assert_true(test_relative_error(y, x, vocab) <= (units ? rounding : tolerance));
            xlstm_session_destroy(a);
            xlstm_session_destroy(b);
            if (!units) break;
        }
        free(x);
        xlstm_model_close(model);
    }
}

/* Every value of the backend's own tunables, also those beyond what the device can do, in float32 and in int8. */
static void tunables_do_not_matter(void **state) {
    static const int64_t computes[] = {XLSTM_COMPUTE_F32, XLSTM_COMPUTE_INT8};
    xlstm_model *model = open_on(folders[1], "vulkan", 4); /* q8_0 */
    size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    float *x = calloc(2 * TOKENS * vocab, sizeof *x), *y = x + TOKENS * vocab;
    int32_t ids[TOKENS];
    xl_rng rng;
    xl_rng_seed(&rng, 8);
    make_ids(ids, TOKENS, model, &rng);
    for (int c = 0; c < 2; c++) {
        xlstm_session *a = session_of(model, computes[c], XLSTM_TUNE_GPU_ROWS, 0);
        assert_int_equal(xlstm_prefill(a, ids, TOKENS, XLSTM_LOGITS_LAST, x, NULL), XLSTM_OK);
        for (int t = 1; t <= 3; t++) assert_int_equal(xlstm_decode(a, ids[t], x, NULL), XLSTM_OK);
        for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
            const xlstm_tunable *row = xlstm_tunable_get(id);
            for (int64_t value = 0; row->device && value <= row->max; value++) {
                xlstm_session *b = session_of(model, computes[c], id, value);
                assert_int_equal(xlstm_prefill(b, ids, TOKENS, XLSTM_LOGITS_LAST, y, NULL), XLSTM_OK);
                for (int t = 1; t <= 3; t++) assert_int_equal(xlstm_decode(b, ids[t], y, NULL), XLSTM_OK);
                /* Rounding to integers turns what float32 rounds differently into steps. */
                assert_true(test_relative_error(y, x, vocab) <= (c ? 1e-2 : tolerance));
                assert_same_state_within(b, a, xlstm_model_hparams(model), c ? 1e-2 : tolerance);
                xlstm_session_destroy(b);
            }
        }
        xlstm_session_destroy(a);
    }
    free(x);
    xlstm_model_close(model);
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

/* A sequence begins with an empty state in memory that another one had. */
static void memory_of_ended_sequences_is_used_again(void **state) {
    enum { AT_ONCE = 40, /* more than are kept */ ROUNDS = 3, LENGTH = 9 };
    xlstm_model *model = open_on(folders[0], "vulkan", 0);
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    float *first = calloc(2 * vocab, sizeof *first), *logits = first + vocab;
    int32_t ids[LENGTH];
    xl_rng rng;
    xl_rng_seed(&rng, 12);
    make_ids(ids, LENGTH, model, &rng);
    for (int round = 0; round < ROUNDS; round++) {
        xlstm_session *sessions[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            float *out = round || i ? logits : first;
            sessions[i] = session_on(model, 64, 512, 0);
            assert_int_equal(xlstm_prefill(sessions[i], ids, LENGTH, XLSTM_LOGITS_LAST, out, NULL), XLSTM_OK);
            assert_memory_equal(out, first, vocab * sizeof *first);
        }
        for (int i = 0; i < AT_ONCE; i++) xlstm_session_destroy(sessions[i]);
    }
    free(first);
    xlstm_model_close(model);
}

/* Sequences that decode take a step beside the chunks of those whose prompts are read, also in segments that hold
 * only a part of these, and go on from there. */
static void decoding_steps_beside_slices(void **state) {
    enum { DECODING = 9, READING = 2, ALL = DECODING + READING, LONGEST = 40 };
    static const struct {
        int64_t compute, segment;
    } cases[] = {{XLSTM_COMPUTE_F32, 30}, {XLSTM_COMPUTE_BF16, 512}, {XLSTM_COMPUTE_INT8, 512}};
    const double rounding = 0.05;
    xlstm_model *model = open_on(XL_SOURCE_DIR "/models/tiny-literature", "vulkan", 4); /* q8_0 */
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    float *x = calloc((ALL + 1) * vocab, sizeof *x), *y = x + vocab;
    xl_rng rng;
    xl_rng_seed(&rng, 11);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        xlstm_settings settings;
        xlstm_settings_init(&settings, xlstm_model_hparams(model));
        xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, cases[c].compute);
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, cases[c].segment);
        xlstm_batch *batch;
        xlstm_session *alone[ALL], *together[ALL];
        int32_t ids[ALL][LONGEST];
        assert_int_equal(xlstm_batch_create(&batch, model, &settings, NULL), XLSTM_OK);
        for (int i = 0; i < ALL; i++) {
            alone[i] = session_of(model, XLSTM_COMPUTE_F32, XLSTM_TUNE_GPU_ROWS, 0);
            together[i] = session_of(model, XLSTM_COMPUTE_F32, XLSTM_TUNE_GPU_ROWS, 0);
            make_ids(ids[i], LONGEST, model, &rng);
            for (int k = 0; k < 2; k++) {
                xlstm_session *s = k ? alone[i] : together[i];
                assert_int_equal(xlstm_prefill(s, ids[i], 5, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
            }
        }
        /* In the second round all decode. */
        for (int round = 0; round < 2; round++) {
            xlstm_batch_item items[ALL];
            for (int i = 0; i < ALL; i++) {
                const size_t n = round || i < DECODING ? 1 : LONGEST - 10 - (size_t)i;
                items[i] = (xlstm_batch_item){together[i], ids[i] + 5, n, XLSTM_LOGITS_LAST};
            }
            assert_int_equal(xlstm_batch_run(batch, items, ALL, y, NULL), XLSTM_OK);
            for (int i = 0; i < ALL; i++) {
                assert_int_equal(xlstm_prefill(alone[i], ids[i] + 5, items[i].n, XLSTM_LOGITS_LAST, x, NULL),
                                 XLSTM_OK);
                assert_true(test_relative_error(y + (size_t)i * vocab, x, vocab) <= (c ? rounding : tolerance));
            }
        }
        for (int i = 0; i < ALL; i++) {
            xlstm_session_destroy(alone[i]);
            xlstm_session_destroy(together[i]);
        }
        xlstm_batch_destroy(batch);
    }
    free(x);
    xlstm_model_close(model);
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

/* ---- tokens that the device chooses ---- */

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
    assert_int_equal(xlstm_decode(session, 1, NULL, NULL), XLSTM_EARG);
    xlstm_session_reset(session);
    /* So does greedy decoding, with nothing left under way. */
    xlstm_session *ahead = ahead_on(gpu, 2, 3, 0);
    int32_t chosen[9];
    xlstm_session_set_cancel(ahead, at_once, NULL);
    assert_int_equal(xlstm_decode_greedy(ahead, 1, chosen, 9, NULL), XLSTM_ECANCELLED);
    assert_int_equal(xlstm_decode_greedy(ahead, 1, chosen, 9, NULL), XLSTM_EARG);
    xlstm_session_set_cancel(ahead, NULL, NULL);
    xlstm_session_reset(ahead);
    assert_int_equal(xlstm_decode_greedy(ahead, 1, chosen, 9, NULL), XLSTM_OK);
    assert_int_equal(xlstm_decode_greedy(ahead, -1, chosen, 9, NULL), XLSTM_EARG);
    assert_int_equal(xlstm_decode_greedy(ahead, chosen[8], chosen, 0, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_position(ahead), 9);
    xlstm_session_destroy(ahead);
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

/* More shapes of a step in turn than recordings are kept of, up and down, each with what the CPU makes of it. */
static void recordings_are_found_again(void **state) {
    enum { MOST = 20 };
    xlstm_model *cpu = open_on(folders[1], "cpu", 0), *gpu = open_on(folders[1], "vulkan", 0);
    const size_t vocab = (size_t)xlstm_model_hparams(cpu)->vocab_size;
    float *x = calloc(2 * MOST * vocab, sizeof *x), *y = x + MOST * vocab;
    xlstm_settings settings;
    xlstm_settings_init(&settings, xlstm_model_hparams(gpu));
    xlstm_batch *on_cpu, *on_gpu;
    assert_int_equal(xlstm_batch_create(&on_cpu, cpu, &settings, NULL), XLSTM_OK);
    assert_int_equal(xlstm_batch_create(&on_gpu, gpu, &settings, NULL), XLSTM_OK);
    xlstm_batch_item a[MOST], b[MOST];
    int32_t ids[MOST];
    for (int i = 0; i < MOST; i++) {
        ids[i] = (int32_t)((size_t)(7 * i) % vocab);
        a[i] = (xlstm_batch_item){session_on(cpu, 64, 512, 0), &ids[i], 1, XLSTM_LOGITS_LAST};
        b[i] = (xlstm_batch_item){session_on(gpu, 64, 512, 0), &ids[i], 1, XLSTM_LOGITS_LAST};
    }
    for (int step = 0; step < 4 * MOST; step++) {
        const int at = step % MOST, count = step / MOST % 2 ? MOST - at : at + 1;
        assert_int_equal(xlstm_batch_run(on_cpu, a, (size_t)count, x, NULL), XLSTM_OK);
        assert_int_equal(xlstm_batch_run(on_gpu, b, (size_t)count, y, NULL), XLSTM_OK);
        assert_true(test_relative_error(y, x, (size_t)count * vocab) <= tolerance);
    }
    for (int i = 0; i < MOST; i++) {
        assert_same_state_within(b[i].session, a[i].session, xlstm_model_hparams(cpu), tolerance);
        xlstm_session_destroy(a[i].session);
        xlstm_session_destroy(b[i].session);
    }
    xlstm_batch_destroy(on_cpu);
    xlstm_batch_destroy(on_gpu);
    free(x);
    xlstm_model_close(cpu);
    xlstm_model_close(gpu);
}

/* Drivers that are loaded anew with every instance (NVIDIA's) refuse after some dozens of times. A model that is
 * closed at once may have copies under way. */
static void models_share_one_instance(void **state) {
    VkInstance first, again;
    xlstm_device_info device;
    assert_int_equal(xl_vk_instance(&first), VK_SUCCESS);
    for (int i = 0; i < 3; i++) {
        xlstm_model *model = open_on(folders[0], "vulkan", 0);
        assert_true(xlstm_model_memory_available(model) > 0);
        xlstm_model_close(model);
        for (int k = 0; !xlstm_device_at(k, &device); k++) assert_true(device.name[0] != 0);
        assert_int_equal(xl_vk_instance(&again), VK_SUCCESS);
        assert_ptr_equal(again, first);
    }
}

/* An argument is the pattern of the tests to run. */
/* Shaders for matrix units do not run on every device; what they are given is checked on each. */
static void push_constants_are_of_the_shader(void **state) {
    (void)state;
    xlstm_error err;
    for (int i = 0; i < XL_VK_SHADER_COUNT; i++) {
        const xl_vk_code *plain = &xl_vk_code_table[0][i], *with = &xl_vk_code_table[1][i];
        const bool matrix = !strncmp(plain->name, "matrix_", 7) || !strncmp(plain->name, "packed_", 7);
        assert_true(plain->push_bytes > 0 && plain->push_bytes <= 128 && plain->push_bytes == with->push_bytes);
        if (matrix) assert_int_equal(xl_vk_check_push((xl_vk_shader)i, sizeof(xl_vk_matrix_push), &err), XLSTM_OK);
    }
    assert_int_equal(xl_vk_check_push(XL_VK_SHADER_product_many, sizeof(xl_vk_many_push), &err), XLSTM_OK);
    assert_int_equal(xl_vk_check_push(XL_VK_SHADER_matrix_square, sizeof(xl_vk_matrix_push) - 8, &err),
                     XLSTM_EDEVICE);
    assert_string_equal(err.text, "the shader matrix_square takes 44 bytes of push constants, and was given 40");
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_equals_the_cpu),
        cmocka_unit_test(int8_is_near_float32),
        cmocka_unit_test(matrix_units_are_near_float32),
        cmocka_unit_test(tunables_do_not_matter),
        cmocka_unit_test(batches_equal_their_members),
        cmocka_unit_test(decoding_steps_beside_slices),
        cmocka_unit_test(memory_of_ended_sequences_is_used_again),
        cmocka_unit_test(states_are_copied_saved_and_reset),
        cmocka_unit_test(a_cancelled_call_says_so),
        cmocka_unit_test(devices_that_are_not_there_are_refused),
        cmocka_unit_test(models_share_one_instance),
        cmocka_unit_test(recordings_are_found_again),
        cmocka_unit_test(push_constants_are_of_the_shader),
    };
    return cmocka_run_group_tests(tests, find_device, test_remove_folder);
}
