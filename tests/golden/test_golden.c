/* The engine against goldens computed in float64 by the reference implementation: logits, states and greedy
 * continuations, for every instruction set this machine has and many schedules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xlstm/xlstm.h>

#include "base/rng.h"

typedef struct golden {
    const char *model, *file; /* under the source root */
    double tolerance;
} golden;

#define SMALL(name)                                                                                                \
    {"tests/data/" name, "tests/data/" name "/golden-T1.safetensors", 2e-5},                                       \
        {"tests/data/" name, "tests/data/" name "/golden-T7.safetensors", 2e-5},                                   \
        {"tests/data/" name, "tests/data/" name "/golden-T65.safetensors", 2e-5}, {                                \
        "tests/data/" name, "tests/data/" name "/golden-T200.safetensors", 2e-5                                    \
    }

static const golden goldens[] = {
    SMALL("f32-sharded"),
    SMALL("f16-fused-bias"),
    SMALL("bf16-native-names"),
    {"models/tiny-literature", "tests/data/demo-goldens/prompt0.safetensors", 2e-6},
    {"models/tiny-literature", "tests/data/demo-goldens/prompt1.safetensors", 2e-6},
    {"models/tiny-literature", "tests/data/demo-goldens/prompt2.safetensors", 2e-6},
};

static void source_path(char *out, size_t bytes, const char *name) {
    snprintf(out, bytes, "%s/%s", XL_SOURCE_DIR, name);
}

static const xlstm_tensor *find(const xlstm_tensor_file *file, const char *name) {
    const xlstm_tensor *t = xlstm_tensor_file_find(file, name);
    if (!t) fail_msg("no tensor %s", name);
    return t;
}

static double error_against(const xlstm_tensor *wanted, const float *got, size_t n) {
    float *values = malloc((n ? n : 1) * sizeof *values);
    assert_int_equal(xlstm_tensor_to_f32(wanted, 0, n, values, NULL), XLSTM_OK);
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += pow((double)got[i] - values[i], 2);
        size += pow(values[i], 2);
    }
    free(values);
    return sqrt(difference / (size > 0 ? size : 1));
}

static void read_ids(const xlstm_tensor *t, int32_t *ids) {
    for (int64_t i = 0; i < t->shape[0]; i++) {
        int64_t id;
        memcpy(&id, (const char *)t->data + i * 8, sizeof id);
        ids[i] = (int32_t)id;
    }
}

static void check_states(xlstm_session *session, const xlstm_hparams *hp, const xlstm_tensor_file *file,
                         const golden *g) {
    size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head, m = (size_t)hp->num_heads;
    float *state = malloc((c + n + m) * sizeof *state);
    for (int64_t block = 0; block < hp->num_blocks; block++) {
        assert_int_equal(xlstm_state_get(session, block, state, state + c, state + c + n, NULL), XLSTM_OK);
        const float *parts[] = {state, state + c, state + c + n};
        const size_t counts[] = {c, n, m};
        for (int i = 0; i < 3; i++) {
            char name[64];
            snprintf(name, sizeof name, "state.%d.%c", (int)block, "cnm"[i]);
            double error = error_against(find(file, name), parts[i], counts[i]);
            if (!(error <= g->tolerance)) fail_msg("%s: %s: relative error %g", g->file, name, error);
        }
    }
    free(state);
}

static void check(xlstm_model *model, const xlstm_settings *settings, const golden *g) {
    char path[1024];
    source_path(path, sizeof path, g->file);
    xlstm_tensor_file *file;
    xlstm_error err;
    if (xlstm_tensor_file_open(&file, path, &err)) fail_msg("%s", err.text);
    const xlstm_hparams *hp = xlstm_model_hparams(model);
    const xlstm_tensor *input = find(file, "input_ids"), *logits = find(file, "logits");
    const xlstm_tensor *greedy = find(file, "greedy_ids"), *margins = find(file, "greedy_margin");
    size_t n = (size_t)input->shape[0], vocab = (size_t)hp->vocab_size, steps = (size_t)greedy->shape[0];
    int32_t *ids = malloc(n * sizeof *ids), *wanted = malloc(steps * sizeof *wanted);
    float *got = malloc(n * vocab * sizeof *got), *margin = malloc(steps * sizeof *margin);
    read_ids(input, ids);
    read_ids(greedy, wanted);
    assert_int_equal(xlstm_tensor_to_f32(margins, 0, steps, margin, NULL), XLSTM_OK);
    xlstm_session *session;
    if (xlstm_session_create(&session, model, settings, &err)) fail_msg("%s", err.text);
    assert_int_equal(xlstm_prefill(session, ids, n, XLSTM_LOGITS_ALL, got, NULL), XLSTM_OK);
    assert_int_equal(logits->shape[0], (int64_t)n);
    double error = error_against(logits, got, n * vocab);
    if (!(error <= g->tolerance)) fail_msg("%s: logits: relative error %g", g->file, error);
    check_states(session, hp, file, g);

    const xlstm_sampling options = {.temperature = 0, .top_p = 1, .repetition_penalty = 1};
    xlstm_sampler *sampler;
    assert_int_equal(xlstm_sampler_create(&sampler, &options, hp->vocab_size, NULL), XLSTM_OK);
    memmove(got, got + (n - 1) * vocab, vocab * sizeof *got);
    for (size_t i = 0; i < steps; i++) {
        int32_t id = xlstm_sampler_draw(sampler, got);
        if (id != wanted[i]) {
            if (margin[i] > 1e-4) fail_msg("%s: greedy token %zu: %d, wanted %d", g->file, i, id, wanted[i]);
            break;
        }
        assert_int_equal(xlstm_decode(session, id, got, NULL), XLSTM_OK);
    }
    xlstm_sampler_destroy(sampler);
    xlstm_session_destroy(session);
    xlstm_tensor_file_close(file);
    free(ids);
    free(wanted);
    free(got);
    free(margin);
}

static void random_settings(xlstm_settings *settings, const xlstm_model *model, xl_rng *rng) {
    const int64_t chunks[] = {1, 3, 16, 64, 100, 5000}, segments[] = {1, 10, 64, 512}, workers[] = {1, 2, 5};
    xlstm_settings_init(settings, model);
    settings->v[XLSTM_TUNE_SCHEDULER] = (int64_t)xl_rng_below(rng, 3);
    settings->v[XLSTM_TUNE_CHUNK_SIZE] = chunks[xl_rng_below(rng, 6)];
    settings->v[XLSTM_TUNE_HEADS_PER_BAND] = 1 + (int64_t)xl_rng_below(rng, 9);
    settings->v[XLSTM_TUNE_SEGMENT] = segments[xl_rng_below(rng, 4)];
    settings->v[XLSTM_TUNE_WORKERS] = workers[xl_rng_below(rng, 3)];
    settings->v[XLSTM_TUNE_DECODE_WORKERS] = workers[xl_rng_below(rng, 3)];
}

static void check_all(const char *mask, int combinations) {
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        char path[1024];
        source_path(path, sizeof path, goldens[i].model);
        const xlstm_model_options options = {.cpu_mask = mask};
        xlstm_model *model;
        xlstm_error err;
        if (xlstm_model_open(&model, path, &options, &err)) fail_msg("%s", err.text);
        xlstm_settings settings;
        xlstm_settings_init(&settings, model);
        check(model, &settings, &goldens[i]);
        for (int combination = 0; combination < combinations; combination++) {
            random_settings(&settings, model, &rng);
            check(model, &settings, &goldens[i]);
        }
        xlstm_model_close(model);
    }
}

static void plain_c(void **state) {
    check_all("c", 2);
}

static void every_instruction_set(void **state) {
    const char *const masks[] = {"avx2", "avx512", "neon"};
    char path[1024];
    source_path(path, sizeof path, goldens[0].model);
    for (int i = 0; i < 3; i++) {
        const xlstm_model_options options = {.cpu_mask = masks[i]};
        xlstm_model *model;
        xlstm_model_info info;
        assert_int_equal(xlstm_model_open(&model, path, &options, NULL), XLSTM_OK);
        xlstm_model_get_info(model, &info);
        xlstm_model_close(model);
        if (!strcmp(info.kernels, masks[i])) check_all(masks[i], 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_c),
        cmocka_unit_test(every_instruction_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
