/* Models and sequences on the first Vulkan device and on the CPU, for the tests that compare them. */
#include <xlstm/xlstm.h>

#include "helper.h"

#include "base/rng.h"

enum { TOKENS = 70, MEMBERS = 11 };
static const double tolerance = 2e-5;

static inline int find_device(void **state) {
    (void)state;
    xlstm_device_info device;
    for (int i = 0; !xlstm_device_at(i, &device); i++) {
        if (!strncmp(device.name, "vulkan", strlen("vulkan"))) return test_make_folder(state);
    }
    printf("skipped: no Vulkan device is here\n");
    exit(77);
}

static inline xlstm_model *open_on(const char *folder, const char *device, int64_t weights) {
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

static inline void make_ids(int32_t *ids, size_t count, const xlstm_model *model, xl_rng *rng) {
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)xl_rng_below(rng, (uint64_t)xlstm_model_hparams(model)->vocab_size);
}

static inline xlstm_session *session_on(xlstm_model *model, int64_t chunk, int64_t segment, int64_t scheduler) {
    xlstm_settings settings;
    xlstm_session *session;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, chunk);
    xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, segment);
    xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, scheduler);
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    return session;
}

static inline void assert_same_state_within(const xlstm_session *a, const xlstm_session *b, const xlstm_hparams *hp,
                                            double most) {
    size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head, m = (size_t)hp->num_heads;
    float *x = calloc(2 * (c + n + m), sizeof *x), *y = x + c + n + m;
    for (int64_t i = 0; i < hp->num_blocks; i++) {
        assert_int_equal(xlstm_state_get(a, i, x, x + c, x + c + n, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_get(b, i, y, y + c, y + c + n, NULL), XLSTM_OK);
        assert_true(test_relative_error(x, y, c + n + m) <= most);
    }
    free(x);
    assert_int_equal(xlstm_session_position(a), xlstm_session_position(b));
}

static inline void assert_same_state(const xlstm_session *a, const xlstm_session *b, const xlstm_hparams *hp) {
    assert_same_state_within(a, b, hp, tolerance);
}

static inline xlstm_session *session_of(xlstm_model *model, int64_t compute, int tunable, int64_t value) {
    xlstm_settings settings;
    xlstm_session *session;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, compute);
    xlstm_settings_set(&settings, tunable, value);
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    return session;
}

static inline xlstm_session *ahead_on(xlstm_model *model, int64_t chain, int64_t streams, int64_t blocks) {
    xlstm_settings settings;
    xlstm_session *session;
    xlstm_settings_init(&settings, xlstm_model_hparams(model));
    xlstm_settings_set(&settings, XLSTM_TUNE_GPU_CHAIN, chain);
    xlstm_settings_set(&settings, XLSTM_TUNE_GPU_STREAMS, streams);
    xlstm_settings_set(&settings, XLSTM_TUNE_GPU_BLOCKS, blocks);
    xlstm_settings_set(&settings, XLSTM_TUNE_GPU_WAIT, streams % 2);
    assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
    return session;
}
