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

/* What is wrong with a file that is to be loaded. */
typedef struct broken_state {
    const char *metadata;         /* %s: the fingerprint */
    const char *tensor, *renamed; /* that tensor has another name, or none: it is left out; NULL: all are there */
    xlstm_dtype dtype;            /* of that tensor, which keeps its bytes */
    int rank;                     /* and its rank, 1 or 2, with sizes that fit; 0: as it was */
    int status;
    const char *named;
} broken_state;

#define GOOD "\"kind\":\"xlstm-state-1\",\"fingerprint\":\"%s\""
static const broken_state broken_states[] = {
    {"{\"fingerprint\":\"%s\",\"position\":\"5\"}", .status = XLSTM_EFORMAT, .named = "the file has no kind"},
    {"{\"kind\":\"xlstm-state-3\",\"fingerprint\":\"%s\",\"position\":\"5\"}", .status = XLSTM_EFORMAT,
     .named = "kind 'xlstm-state-3', wanted 'xlstm-state-1' or 'xlstm-state-2'"},
    {"{\"kind\":\"xlstm-state-1\",\"position\":\"5\"}", .status = XLSTM_EMISMATCH, .named = "fingerprint (none)"},
    {"{\"kind\":\"xlstm-state-1\",\"fingerprint\":\"f%s\",\"position\":\"5\"}", .status = XLSTM_EMISMATCH,
     .named = "is another checkpoint's"},
    {"{" GOOD "}", .status = XLSTM_EFORMAT, .named = "position '(none)', wanted a number"},
    {"{" GOOD ",\"position\":\"\"}", .status = XLSTM_EFORMAT, .named = "position ''"},
    {"{" GOOD ",\"position\":\"-5\"}", .status = XLSTM_EFORMAT, .named = "position '-5'"},
    {"{" GOOD ",\"position\":\"x5\"}", .status = XLSTM_EFORMAT, .named = "position 'x5'"},
    {"{" GOOD ",\"position\":\"5 \"}", .status = XLSTM_EFORMAT, .named = "position '5 '"},
    {"{" GOOD ",\"position\":\"18446744073709551616\"}", .status = XLSTM_EFORMAT, .named = "position '1844"},
    {"{" GOOD ",\"position\":\"5\",\"pending\":\"\"}", .status = XLSTM_EFORMAT,
     .named = "pending '', wanted -1 to 100"},
    {"{" GOOD ",\"position\":\"5\",\"pending\":\"-2\"}", .status = XLSTM_EFORMAT, .named = "pending '-2'"},
    {"{" GOOD ",\"position\":\"5\",\"pending\":\"101\"}", .status = XLSTM_EFORMAT, .named = "pending '101'"},
    {"{" GOOD ",\"position\":\"5\",\"pending\":\"1e1\"}", .status = XLSTM_EFORMAT, .named = "pending '1e1'"},
    {"{" GOOD ",\"position\":\"5\",\"pending\":\"9223372036854775808\"}", .status = XLSTM_EFORMAT,
     .named = "pending '9223"},
    {"{" GOOD ",\"position\":\"5\"}", "state.2.m", .status = XLSTM_EFORMAT, .named = "8 tensors, wanted 9"},
    {"{" GOOD ",\"position\":\"5\"}", "state.2.m", "state.3.m", .status = XLSTM_EFORMAT,
     .named = "state.2.m is missing"},
    {"{" GOOD ",\"position\":\"5\"}", "state.1.c", "state.1.c", XLSTM_I32, .status = XLSTM_EFORMAT,
     .named = "state.1.c is not F32, BF16 or F16 [3, 5, …]"},
    {"{" GOOD ",\"position\":\"5\"}", "state.1.n", "state.1.n", XLSTM_I32, .status = XLSTM_EFORMAT,
     .named = "state.1.n is not F32 [3, 5]"},
    {"{" GOOD ",\"position\":\"5\"}", "state.1.n", "state.1.n", .rank = 1, .status = XLSTM_EFORMAT,
     .named = "state.1.n is not F32 [3, 5]"},
    {"{" GOOD ",\"position\":\"5\"}", "state.1.m", "state.1.m", .rank = 2, .status = XLSTM_EFORMAT,
     .named = "state.1.m is not F32 [3, 1]"},
};
#undef GOOD

/* Writes the tensors of a good file with that mistake. */
static void write_broken(const char *path, const xlstm_tensor_file *good, const char *fingerprint,
                         const broken_state *bad) {
    xlstm_tensor tensors[16];
    size_t count = 0;
    for (size_t i = 0; i < xlstm_tensor_file_count(good); i++) {
        assert_true(count < 16);
        xlstm_tensor t = *xlstm_tensor_file_at(good, i);
        if (bad->tensor && !strcmp(t.name, bad->tensor)) {
            if (!bad->renamed) continue;
            t.name = bad->renamed;
            t.dtype = bad->dtype;
            if (bad->rank == 1) t.shape[0] *= t.shape[1];
            else if (bad->rank) t.shape[1] = t.shape[0], t.shape[0] = 1;
            if (bad->rank) t.rank = bad->rank;
        }
        tensors[count++] = t;
    }
    char *metadata = xl_format(bad->metadata, fingerprint);
    xlstm_error err;
    if (xlstm_tensor_file_write(path, tensors, count, metadata, &err)) fail_msg("%s", err.text);
    free(metadata);
}

/* Any error in a saved state is reported and leaves the session as it was; without the mistake the file is read. */
static void states_that_are_broken(void **state) {
    small_model *s = small_model_create(2, NULL);
    char *path = test_path("good.safetensors"), *broken = test_path("broken.safetensors");
    xlstm_session *session;
    xlstm_tensor_file *good;
    xlstm_error err;
    const int32_t ids[] = {3, 8, 7};
    float c[3 * 5 * 11], before[3 * 5 * 11], n[3 * 5], m[3];
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(session, ids, 2, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_save(session, path, NULL), XLSTM_OK);
    assert_int_equal(xlstm_tensor_file_open(&good, path, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(session, ids, 3, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_get(session, 0, before, n, m, NULL), XLSTM_OK);
    for (size_t i = 0; i < sizeof broken_states / sizeof *broken_states; i++) {
        const broken_state *bad = &broken_states[i];
        write_broken(broken, good, s->model.info.fingerprint, bad);
        const int status = xlstm_state_load(session, broken, &err);
        if (status != bad->status || !strstr(err.text, bad->named))
            fail_msg("%zu: status %d, \"%s\"", i, status, err.text);
        assert_non_null(strstr(err.text, broken));
        assert_int_equal(xlstm_session_position(session), 5);
        assert_int_equal(xlstm_state_get(session, 0, c, n, m, NULL), XLSTM_OK);
        assert_memory_equal(c, before, sizeof c);
    }
    const broken_state whole = {
        .metadata = "{\"kind\":\"xlstm-state-1\",\"fingerprint\":\"%s\",\"position\":\"18446744073709551615\"}"};
    write_broken(broken, good, s->model.info.fingerprint, &whole);
    if (xlstm_state_load(session, broken, &err)) fail_msg("%s", err.text);
    assert_true(xlstm_session_position(session) == UINT64_MAX);
    xlstm_tensor_file_close(good);
    free(path);
    free(broken);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampler_round_trip),
        cmocka_unit_test(broken_samplers),
        cmocka_unit_test(states_that_are_broken),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
