/* Greedy decoding on the first Vulkan device, which chooses the tokens itself: as the host does, whatever is under
 * way at once. Skipped where there is no device. */
#include "vulkan_sessions.h"

#include "backend/vulkan/vulkan_impl.h"

static const char *const folders[] = {XL_SOURCE_DIR "/tests/data/f16-fused-bias",
                                      XL_SOURCE_DIR "/tests/data/random/wide",
                                      XL_SOURCE_DIR "/tests/data/random/mixed"};

/* n tokens from `id` on, chosen by a sampler. */
static void choose_on_the_host(xlstm_session *session, int32_t id, int32_t *out, size_t n, int64_t vocab) {
    const xlstm_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    xlstm_sampler *sampler;
    float *logits = calloc((size_t)vocab, sizeof *logits);
    assert_int_equal(xlstm_sampler_create(&sampler, &greedy, vocab, NULL), XLSTM_OK);
    for (size_t i = 0; i < n; i++, id = out[i - 1]) {
        assert_int_equal(xlstm_decode(session, id, logits, NULL), XLSTM_OK);
        out[i] = xlstm_sampler_draw(sampler, logits);
    }
    xlstm_sampler_destroy(sampler);
    free(logits);
}

/* Odd and even numbers of steps, more and fewer than are under way at once, calls of both kinds in turn. */
static void the_device_chooses_as_the_host_does(void **state) {
    static const int64_t paces[][3] = {{2, 1, 0}, {1, 3, 0}, {4, 2, 0}, {5, 4, 0}, {3, 2, 1}}; /* choices */
    static const size_t lengths[] = {1, 2, 9, 4};
    for (int m = 0; m < 2; m++) {
        xlstm_model *model = open_on(folders[m], "vulkan", 0);
        const xlstm_hparams *hp = xlstm_model_hparams(model);
        xlstm_session *a = ahead_on(model, 1, 1, 0);
        assert_int_equal(xlstm_greedy_ahead(a), 1);
        for (size_t p = 0; p < sizeof paces / sizeof *paces; p++) {
            xlstm_session *b = ahead_on(model, paces[p][0], paces[p][1], paces[p][2]);
            int32_t first = (int32_t)(p + 5), host[32], device[32];
            assert_true(xlstm_greedy_ahead(b) > 1 && xlstm_greedy_ahead(b) <= XL_VK_RING);
            xlstm_session_reset(a);
            for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
                choose_on_the_host(a, first, host, lengths[l], hp->vocab_size);
                assert_int_equal(xlstm_decode_greedy(b, first, device, lengths[l], NULL), XLSTM_OK);
                assert_memory_equal(host, device, lengths[l] * sizeof *host);
                assert_int_equal(xlstm_session_position(a), xlstm_session_position(b));
                assert_int_equal(xlstm_session_pending(b), -1);
                first = host[lengths[l] - 1];
                /* A prompt in between is other commands on the same workspace. */
                assert_int_equal(xlstm_prefill(a, host, lengths[l], XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
                assert_int_equal(xlstm_prefill(b, host, lengths[l], XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
            }
            assert_same_state_within(b, a, hp, 0);
            assert_int_equal(xlstm_session_schedule_value(b, "decode_ahead"), (int64_t)xlstm_greedy_ahead(b));
            xlstm_session_destroy(b);
        }
        xlstm_session_destroy(a);
        xlstm_model_close(model);
    }
}

/* Dispatches without barriers between them, for weights of all kinds, in float32 and by integers. */
static void overlap_does_not_matter(void **state) {
    enum { STEPS = 5 };
    static const struct {
        int64_t weights, compute;
    } cases[] = {{0, XLSTM_COMPUTE_F32}, {4, XLSTM_COMPUTE_F32}, {7, XLSTM_COMPUTE_INT8}};
    for (int f = 0; f < 2; f++) {
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            xlstm_model *model = open_on(folders[f], "vulkan", cases[c].weights);
            xlstm_settings settings;
            xlstm_session *sessions[2];
            int32_t chosen[2][STEPS];
            xlstm_settings_init(&settings, xlstm_model_hparams(model));
            xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, cases[c].compute);
            xlstm_settings_set(&settings, XLSTM_TUNE_GPU_CHAIN, 2);
            xlstm_settings_set(&settings, XLSTM_TUNE_GPU_STREAMS, 2);
            for (int o = 0; o < 2; o++) {
                xlstm_settings_set(&settings, XLSTM_TUNE_GPU_OVERLAP, o);
                assert_int_equal(xlstm_session_create(&sessions[o], model, &settings, NULL), XLSTM_OK);
                assert_int_equal(xlstm_decode_greedy(sessions[o], 9, chosen[o], STEPS, NULL), XLSTM_OK);
                assert_int_equal(xlstm_session_schedule_value(sessions[o], "decode_overlap"), o);
            }
            assert_memory_equal(chosen[0], chosen[1], sizeof chosen[0]);
            assert_same_state_within(sessions[1], sessions[0], xlstm_model_hparams(model),
                                     c == 2 ? 1e-2 : tolerance);
            for (int o = 0; o < 2; o++) xlstm_session_destroy(sessions[o]);
            xlstm_model_close(model);
        }
    }
}

static void a_batch_chooses_as_its_members_do(void **state) {
    enum { STEPS = 7 };
    xlstm_model *model = open_on(folders[0], "vulkan", 0), *cpu = open_on(folders[0], "cpu", 0);
    const xlstm_hparams *hp = xlstm_model_hparams(model);
    xlstm_settings settings;
    xlstm_settings_init(&settings, hp);
    xlstm_settings_set(&settings, XLSTM_TUNE_GPU_CHAIN, 3);
    xlstm_settings_set(&settings, XLSTM_TUNE_GPU_STREAMS, 2);
    xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT,
                       4); /* fewer than there are: a step is one recording all the same */
    for (int on_cpu = 0; on_cpu < 2; on_cpu++) {
        xlstm_batch *batch;
        xlstm_session *together[MEMBERS], *alone[MEMBERS];
        int32_t ids[MEMBERS], chosen[STEPS * MEMBERS], host[STEPS];
        xlstm_model *of = on_cpu ? cpu : model;
        assert_int_equal(xlstm_batch_create(&batch, of, &settings, NULL), XLSTM_OK);
        for (int i = 0; i < MEMBERS; i++) {
            together[i] = session_on(of, 64, 512, 0);
            alone[i] = session_on(of, 64, 512, 0);
            ids[i] = 3 * i + 1;
            /* They stand at different places. */
            for (int t = 0; t < i % 3; t++) {
                assert_int_equal(xlstm_decode(together[i], t, NULL, NULL), XLSTM_OK);
                assert_int_equal(xlstm_decode(alone[i], t, NULL, NULL), XLSTM_OK);
            }
        }
        assert_int_equal(xlstm_batch_greedy(batch, together, ids, MEMBERS, chosen, STEPS, NULL), XLSTM_OK);
        for (int i = 0; i < MEMBERS; i++) {
            choose_on_the_host(alone[i], ids[i], host, STEPS, hp->vocab_size);
            for (int s = 0; s < STEPS; s++) assert_int_equal(chosen[s * MEMBERS + i], host[s]);
            assert_same_state(together[i], alone[i], hp);
        }
        /* One that is given twice changes nothing. */
        xlstm_session *const twice[] = {together[0], together[0]};
        assert_int_equal(xlstm_batch_greedy(batch, twice, ids, 2, chosen, 1, NULL), XLSTM_EARG);
        assert_same_state(together[0], alone[0], hp);
        for (int i = 0; i < MEMBERS; i++) {
            xlstm_session_destroy(together[i]);
            xlstm_session_destroy(alone[i]);
        }
        xlstm_batch_destroy(batch);
    }
    xlstm_model_close(model);
    xlstm_model_close(cpu);
}

/* Ties, both zeros, the smallest numbers, infinities and NaN. */
static void the_choice_is_the_samplers(void **state) {
    enum { ROWS = 3, SLOTS = 4, STEPS = 6 };
    static const uint32_t sizes[] = {1, 2, 63, 1024, 5001, 50304};
    static const float odd[] = {0.0F, -0.0F, 1e-45F, -1e-45F, INFINITY, -INFINITY, NAN, 1, -1, 3e38F, -3e38F};
    const xl_device_options options = {.name = "vulkan"};
    const xlstm_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    xl_device *device;
    xl_vk_block in, ring;
    VkPipeline pipeline;
    xl_rng rng;
    xl_rng_seed(&rng, 12);
    assert_int_equal(xl_vk_device_open(&device, &options, NULL), XLSTM_OK);
    assert_int_equal(xl_vk_block_alloc(&in, device, XL_VK_UPLOAD, 1 << 20, "a test", NULL), XLSTM_OK);
    assert_int_equal(xl_vk_block_alloc(&ring, device, XL_VK_DOWNLOAD, 4096, "a test", NULL), XLSTM_OK);
    uint32_t group = 1024;
    while (group > device->group_max) group /= 2;
    assert_int_equal(xl_vk_pipeline_get(&pipeline, device, XL_VK_SHADER_choose, true, group, NULL, 0, NULL),
                     XLSTM_OK);
    xl_vk_slice *slices = in.host;
    uint32_t *ids = (uint32_t *)(void *)(slices + ROWS), *turns = ids + ROWS, most = 0;
    float *logits = (float *)(void *)(turns + ROWS);
    memset(ring.host, 0, 4096);
    for (int i = 0; i < ROWS; i++) {
        slices[i] = (xl_vk_slice){.row = 7, .phase = (uint32_t)i % 2, .spare = 9};
        turns[i] = (uint32_t)i;
    }
    for (uint32_t step = 0; step < STEPS * sizeof sizes / sizeof *sizes; step++) {
        const uint32_t vocab = sizes[step / STEPS], kind = step % STEPS;
        for (uint32_t i = 0; i < ROWS * vocab; i++)
            logits[i] = kind == 0   ? odd[xl_rng_below(&rng, sizeof odd / sizeof *odd)]
                        : kind == 1 ? odd[5 + xl_rng_below(&rng, 2)] /* nothing finite */
                        : kind == 2 ? odd[xl_rng_below(&rng, 4)]     /* hardly anything */
                        : kind == 3 ? -5
                                    : (float)xl_rng_below(&rng, kind == 4 ? 4 : 1 << 20) - 8;
        /* The last ones are looked at too. */
        for (uint32_t r = 0; r < ROWS && kind == 5; r++) logits[(r + 1) * vocab - 1 - r % vocab] = 1e9F;
        const char *base = in.host;
        const struct {
            uint64_t logits, ids, slices, turns, ring, order;
            uint32_t vocab, slots;
        } push = {in.address + (uint64_t)((char *)logits - base),
                  in.address + (uint64_t)((char *)ids - base),
                  in.address,
                  in.address + (uint64_t)((char *)turns - base),
                  ring.address,
                  ring.address + 1024,
                  vocab,
                  SLOTS};
        uint64_t value;
        assert_int_equal(xl_vk_begin(device, device->once, 0, NULL), XLSTM_OK);
        vkCmdBindPipeline(device->once, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
        vkCmdPushConstants(device->once, device->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
        vkCmdDispatch(device->once, ROWS, 1, 1);
        xl_vk_full_barrier(device->once);
        assert_int_equal(vkEndCommandBuffer(device->once), VK_SUCCESS);
        assert_int_equal(xl_vk_submit(device, &device->once, 1, NULL, NULL, &value, NULL), XLSTM_OK);
        assert_int_equal(xl_vk_wait(device, value, NULL, NULL, NULL), XLSTM_OK);
        for (uint32_t r = 0; r < ROWS; r++) {
            xlstm_sampler *sampler;
            assert_int_equal(xlstm_sampler_create(&sampler, &greedy, vocab, NULL), XLSTM_OK);
            const int32_t wanted = xlstm_sampler_draw(sampler, logits + (size_t)r * vocab);
            const int32_t found = ((int32_t *)ring.host)[(step + r) % SLOTS * ROWS + r];
            bool finite = false;
            for (uint32_t i = 0; i < vocab; i++) finite |= isfinite(logits[(size_t)r * vocab + i]) != 0;
            assert_int_equal(found, finite ? wanted : -1);
            assert_int_equal(ids[r], wanted);
            assert_int_equal(turns[r], r + step + 1);
            assert_int_equal(slices[r].phase, (r + step + 1) % 2);
            assert_true(slices[r].row == 7 && slices[r].spare == 9);
            most = ids[r] > most ? ids[r] : most;
            xlstm_sampler_destroy(sampler);
        }
    }
    assert_true(most > 40000); /* not always the first */
    xl_vk_block_free(&in);
    xl_vk_block_free(&ring);
    xl_vk_device_close(device);
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_chooses_as_the_host_does),
        cmocka_unit_test(overlap_does_not_matter),
        cmocka_unit_test(a_batch_chooses_as_its_members_do),
        cmocka_unit_test(the_choice_is_the_samplers),
    };
    return cmocka_run_group_tests(tests, find_device, test_remove_folder);
}
