/* A sampler saved with a state continues as if it had never been saved. */
#include <xlstm/xlstm.h>

#include "helper.h"
#include "small_model.h"

enum { VOCABULARY = 101, FED = 200 };

static xlstm_sampler *make_sampler(int64_t window, uint64_t seed) {
    xlstm_sampling o = {
        .temperature = 1, .top_p = 1, .repetition_penalty = 3, .repeat_last_n = window, .seed = seed};
    xlstm_sampler *sampler;
    assert_int_equal(xlstm_sampler_create(&sampler, &o, VOCABULARY, NULL), XLSTM_OK);
    return sampler;
}

/* From here on both draw, and are told of, the same tokens. */
static void assert_go_on_alike(xlstm_sampler *a, xlstm_sampler *b) {
    float logits[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++) logits[i] = (float)(i % 7) / 3;
    for (int i = 0; i < 200; i++) {
        int32_t id = xlstm_sampler_draw(a, logits);
        assert_int_equal(xlstm_sampler_draw(b, logits), id);
        xlstm_sampler_accept(a, id);
        xlstm_sampler_accept(b, id);
    }
}

static void sampler_round_trip(void **state) {
    small_model *s = small_model_create(2, NULL);
    char *path = test_path("state.safetensors");
    xlstm_session *session;
    xlstm_error err;
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_set_pending(session, 9, NULL), XLSTM_OK);
    const int64_t windows[] = {-1, 0, 1, 64, 150};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        /* The saved sampler remembers enough for a window of any other length. */
        xlstm_sampler *whole = make_sampler(windows[i], 7), *saved = make_sampler(3, 7),
                      *loaded = make_sampler(windows[i], 8);
        float logits[VOCABULARY] = {0};
        for (int j = 0; j < FED; j++) {
            xlstm_sampler_accept(whole, j * j % VOCABULARY);
            xlstm_sampler_accept(saved, j * j % VOCABULARY);
        }
        for (int j = 0; j < 5; j++) {
            xlstm_sampler_draw(whole, logits);
            xlstm_sampler_draw(saved, logits);
        }
        xlstm_sampler_accept(loaded, 50);
        assert_int_equal(xlstm_state_save_with(session, saved, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_load_with(session, loaded, path, NULL), XLSTM_OK);
        assert_int_equal(xlstm_session_pending(session), 9);
        assert_int_equal(xlstm_sampler_seed(loaded), 7);
        assert_go_on_alike(whole, loaded);
        assert_int_equal(xlstm_state_load(session, path, NULL), XLSTM_OK);
        xlstm_sampler_destroy(whole);
        xlstm_sampler_destroy(saved);
        xlstm_sampler_destroy(loaded);
    }
    /* A sampler that was told of no token. */
    xlstm_sampler *fresh = make_sampler(64, 1), *other = make_sampler(64, 2);
    assert_int_equal(xlstm_state_save_with(session, fresh, path, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_load_with(session, other, path, NULL), XLSTM_OK);
    assert_go_on_alike(fresh, other);
    xlstm_sampler_destroy(fresh);
    xlstm_sampler_destroy(other);
    /* A file without a sampler, as earlier versions wrote it: only the pending token is known. */
    fresh = make_sampler(64, 1);
    other = make_sampler(64, 1);
    xlstm_sampler_accept(fresh, 9);
    assert_int_equal(xlstm_state_save(session, path, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_load_with(session, other, path, NULL), XLSTM_OK);
    assert_go_on_alike(fresh, other);
    xlstm_sampler_destroy(other);
    /* For another vocabulary. */
    xlstm_sampling greedy = {.top_p = 1, .repetition_penalty = 1};
    assert_int_equal(xlstm_sampler_create(&other, &greedy, VOCABULARY + 1, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_save_with(session, other, path, &err), XLSTM_EARG);
    assert_int_equal(xlstm_state_load_with(session, other, path, &err), XLSTM_EARG);
    xlstm_sampler_destroy(fresh);
    xlstm_sampler_destroy(other);
    free(path);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

/* Any error in a saved sampler is reported, and changes neither sampler nor session. */
static void broken_samplers(void **state) {
    static const struct {
        const char *metadata;
        int64_t ids, ages;
        int32_t id[2];
        int64_t age[2];
        const char *named;
    } bad[] = {
        {"\"sampler_generator\":\"G\"", 2, 2, {1, 2}, {0, 1}, "sampler_seed '(none)'"},
        {"\"sampler_seed\":\"-1\"", 2, 2, {1, 2}, {0, 1}, "sampler_seed '-1'"},
        {"\"sampler_seed\":\"99999999999999999999\"", 2, 2, {1, 2}, {0, 1}, "sampler_seed '9999"},
        {"\"sampler_seed\":\"1\"", 2, 2, {1, 2}, {0, 1}, "sampler_generator '(none)'"},
        {"\"sampler_seed\":\"1\",\"sampler_generator\":\"12\"", 2, 2, {1, 2}, {0, 1}, "sampler_generator '12'"},
        {"Z", 2, 2, {1, 2}, {0, 1}, "not all 0"},
        {"G", 2, 1, {1, 2}, {0, 1}, "sampler.ages is missing or not I64 [2]"},
        {"G", 2, 2, {1, 1}, {0, 1}, "sampler.ids[1] is 1, wanted 2 to 100"},
        {"G", 2, 2, {-1, 1}, {0, 1}, "sampler.ids[0] is -1"},
        {"G", 2, 2, {1, 101}, {0, 1}, "sampler.ids[1] is 101"},
        {"G", 2, 2, {1, 2}, {0, -1}, "sampler.ages[1] is -1"},
        {"G", 2, 2, {1, 2}, {INT64_MAX, 0}, "sampler.ages[0] is 9223372036854775807"},
    };
    static const char hex[] = "\"sampler_seed\":\"1\",\"sampler_generator\":\"%s%s%s%s\"";
    small_model *s = small_model_create(2, NULL);
    char *path = test_path("state.safetensors");
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_save(session, path, NULL), XLSTM_OK);
    xlstm_tensor_file *plain;
    assert_int_equal(xlstm_tensor_file_open(&plain, path, NULL), XLSTM_OK);
    size_t blocks = xlstm_tensor_file_count(plain);
    char *broken = test_path("broken.safetensors");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        xlstm_tensor tensors[64];
        assert_true(blocks + 2 <= 64);
        for (size_t j = 0; j < blocks; j++) tensors[j] = *xlstm_tensor_file_at(plain, j);
        tensors[blocks] = (xlstm_tensor){.name = "sampler.ids", .dtype = XLSTM_I32, .rank = 1, .data = bad[i].id};
        tensors[blocks + 1] =
            (xlstm_tensor){.name = "sampler.ages", .dtype = XLSTM_I64, .rank = 1, .data = bad[i].age};
        tensors[blocks].shape[0] = bad[i].ids;
        tensors[blocks].bytes = (size_t)bad[i].ids * 4;
        tensors[blocks + 1].shape[0] = bad[i].ages;
        tensors[blocks + 1].bytes = (size_t)bad[i].ages * 8;
        const char *word = *bad[i].metadata == 'Z' ? "0000000000000000" : "0123456789abcdef";
        char *more =
            strlen(bad[i].metadata) > 1 ? xl_format("%s", bad[i].metadata) : xl_format(hex, word, word, word, word);
        char *metadata = xl_format("{\"kind\":\"xlstm-state-2\",\"fingerprint\":\"%s\",\"position\":\"5\",%s}",
                                   s->model.info.fingerprint, more);
        assert_int_equal(xlstm_tensor_file_write(broken, tensors, blocks + 2, metadata, NULL), XLSTM_OK);
        xlstm_sampler *sampler = make_sampler(64, 3), *twin = make_sampler(64, 3);
        xlstm_error err;
        assert_int_equal(xlstm_state_load_with(session, sampler, broken, &err), XLSTM_EFORMAT);
        if (!strstr(err.text, bad[i].named)) fail_msg("\"%s\" does not say %s", err.text, bad[i].named);
        assert_int_equal(xlstm_state_load(session, broken, NULL), XLSTM_EFORMAT);
        assert_int_equal(xlstm_session_position(session), 0);
        assert_go_on_alike(sampler, twin);
        xlstm_sampler_destroy(sampler);
        xlstm_sampler_destroy(twin);
        free(more);
        free(metadata);
    }
    xlstm_tensor_file_close(plain);
    free(path);
    free(broken);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampler_round_trip),
        cmocka_unit_test(broken_samplers),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
