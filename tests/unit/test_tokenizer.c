#include <utf8proc.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "helper.h"
#include "tokenizer_files.h"

static const char demo[] = XL_SOURCE_DIR "/models/tiny-literature";

static xlstm_tokenizer *open_demo(void) {
    xlstm_tokenizer *tokenizer;
    xlstm_error err;
    if (xlstm_tokenizer_open(&tokenizer, demo, &err)) fail_msg("%s", err.text);
    return tokenizer;
}

/* ---- against the reference library ---- */

static void check_ids(const xlstm_tokenizer *tokenizer, const json_t *text, const json_t *wanted) {
    int32_t *ids;
    size_t count;
    xlstm_error err;
    if (xlstm_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), false, &ids, &count,
                               &err))
        fail_msg("%s", err.text);
    assert_int_equal(count, json_array_size(wanted));
    for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], json_integer_value(json_array_get(wanted, i)));
    free(ids);
}

static void check_text(const xlstm_tokenizer *tokenizer, const json_t *ids, bool keep_special,
                       const json_t *wanted) {
    size_t count = json_array_size(ids), bytes;
    int32_t *list = xl_array(count, sizeof *list);
    for (size_t i = 0; i < count; i++) list[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    char *text;
    assert_int_equal(xlstm_tokenizer_decode(tokenizer, list, count, keep_special, &text, &bytes, NULL), 0);
    assert_int_equal(bytes, json_string_length(wanted));
    assert_memory_equal(text, json_string_value(wanted), bytes);
    free(text);
    free(list);
}

static int check_rows(const xlstm_tokenizer *tokenizer, const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes;
    int rows = 0;
    while ((bytes = getline(&line, &capacity, file)) > 0) {
        json_t *row = json_loadb(line, (size_t)bytes, JSON_ALLOW_NUL, NULL);
        assert_non_null(row);
        check_ids(tokenizer, json_object_get(row, "text"), json_object_get(row, "ids"));
        if (json_object_get(row, "decoded"))
            check_text(tokenizer, json_object_get(row, "ids"), true, json_object_get(row, "decoded"));
        json_decref(row);
        rows++;
    }
    free(line);
    fclose(file);
    return rows;
}

static void demo_rows(void **state) {
    xlstm_tokenizer *tokenizer = open_demo();
    assert_int_equal(check_rows(tokenizer, XL_SOURCE_DIR "/tests/data/tokenizer-demo.jsonl"), 335);
    xlstm_tokenizer_close(tokenizer);
}

/* tiktoken's pattern, which has an interval followed by '+'. */
static void cl100k_rows(void **state) {
    xlstm_tokenizer *tokenizer;
    xlstm_error err;
    if (xlstm_tokenizer_open(&tokenizer, XL_SOURCE_DIR "/tests/data/regex-cl100k", &err)) fail_msg("%s", err.text);
    assert_int_equal(check_rows(tokenizer, XL_SOURCE_DIR "/tests/data/regex-cl100k/ids.jsonl"), 14);
    xlstm_tokenizer_close(tokenizer);
}

static void neox_rows(void **state) {
    const char *shared = getenv("XLTUNE_SHARED");
    char *folder = xl_path_join(shared ? shared : XL_SOURCE_DIR "/../shared", "fixtures");
    char *json = xl_path_join(folder, "neox20b-tokenizer.json"),
         *rows = xl_path_join(folder, "tokenizer-neox20b.jsonl");
    char *data = NULL;
    size_t bytes;
    if (!xl_is_file(json) || !xl_is_file(rows)) {
        print_message("%s: not here\n", json);
        free(folder);
        free(json);
        free(rows);
        TEST_SKIP("the 50k tokenizer or its rows are missing");
    }
    xlstm_tokenizer *tokenizer;
    assert_int_equal(xl_file_read(json, 1 << 24, &data, &bytes, NULL), 0);
    /* the published config.json names 2, which is '!' */
    xlstm_error err;
    if (open_texts(&tokenizer, data, bytes, NULL, "{\"eos_token_id\": 2, \"bos_token_id\": 0}", &err))
        fail_msg("%s", err.text);
    assert_int_equal(check_rows(tokenizer, rows), 335);
    assert_int_equal(xlstm_tokenizer_size(tokenizer), 50281);
    assert_int_equal(xlstm_tokenizer_bos(tokenizer), 0);
    assert_int_equal(xlstm_tokenizer_eos(tokenizer), 0);
    xlstm_tokenizer_close(tokenizer);
    free(data);
    free(folder);
    free(json);
    free(rows);
}

static void every_option(void **state) {
    json_t *options = read_options(XL_SOURCE_DIR);
    assert_non_null(options);
    const json_t *cases = json_object_get(options, "cases");
    assert_true(json_array_size(cases) > 20);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i), *rows = json_object_get(one, "rows");
        json_t *tree = json_deep_copy(json_object_get(options, "base"));
        apply_change(tree, json_object_get(one, "change"));
        xlstm_tokenizer *tokenizer;
        xlstm_error err;
        if (open_tree(&tokenizer, tree, &err))
            fail_msg("%s: %s", json_string_value(json_object_get(one, "name")), err.text);
        for (size_t j = 0; j < json_array_size(rows); j++) {
            const json_t *row = json_array_get(rows, j);
            check_ids(tokenizer, json_array_get(row, 0), json_array_get(row, 1));
            check_text(tokenizer, json_array_get(row, 1), true, json_array_get(row, 2));
            check_text(tokenizer, json_array_get(row, 1), false, json_array_get(row, 3));
        }
        xlstm_tokenizer_close(tokenizer);
        json_decref(tree);
    }
    json_decref(options);
}

/* ---- properties ---- */

static uint32_t random_point(xl_rng *rng) {
    static const uint32_t ends[] = {0x80, 0x300, 0x370, 0x3000, 0x10000, 0x110000};
    uint32_t cp;
    do cp = (uint32_t)xl_rng_below(rng, ends[xl_rng_below(rng, 6)]);
    while (cp >= 0xD800 && cp < 0xE000);
    return cp;
}

static void decode_of_encode_is_nfc(void **state) {
    xlstm_tokenizer *tokenizer = open_demo();
    xl_rng rng;
    xl_rng_seed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        char text[4 * 40];
        size_t bytes = 0, count, back;
        for (uint64_t n = xl_rng_below(&rng, 40); n; n--)
            bytes += (size_t)xl_utf8_put(random_point(&rng), text + bytes);
        utf8proc_uint8_t *normal = NULL;
        utf8proc_ssize_t length = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)bytes, &normal,
                                               (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
        assert_true(length >= 0);
        int32_t *ids;
        char *decoded;
        assert_int_equal(xlstm_tokenizer_encode(tokenizer, text, bytes, false, &ids, &count, NULL), 0);
        assert_int_equal(xlstm_tokenizer_decode(tokenizer, ids, count, true, &decoded, &back, NULL), 0);
        assert_int_equal(back, length);
        assert_memory_equal(decoded, normal, back);
        free(ids);
        free(decoded);
        free(normal);
    }
    xlstm_tokenizer_close(tokenizer);
}

/* U+11A7 comes just before the trailing consonants of Hangul and composes with nothing. Some releases of utf8proc
 * drop it, so the expected text is written out here. */
static void normal_form_keeps_what_it_cannot_compose(void **state) {
    static const struct {
        const char *text, *normal;
    } rows[] = {
        {"\uAC00\u11A7", "\uAC00\u11A7"},
        {"\u1100\u1161\u11A7", "\uAC00\u11A7"},
        {"\u1100\u1161\u11A8", "\uAC01"},
        {"\uAC00\u11A7\u11A8", "\uAC00\u11A7\u11A8"},
        {"\uAC01\u11A7", "\uAC01\u11A7"},
        {"\u11A7\u11A7e\u0301\u11A7", "\u11A7\u11A7\u00E9\u11A7"},
        {"\uD788\u11A7\u0327\u0301\uD788\u11C2", "\uD788\u11A7\u0327\u0301\uD7A3"},
        {"\u1112\u1175\u11C3", "\uD788\u11C3"},
    };
    xlstm_tokenizer *tokenizer = open_demo();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t *ids;
        size_t count, bytes;
        char *decoded;
        assert_int_equal(
            xlstm_tokenizer_encode(tokenizer, rows[i].text, strlen(rows[i].text), false, &ids, &count, NULL), 0);
        assert_int_equal(xlstm_tokenizer_decode(tokenizer, ids, count, true, &decoded, &bytes, NULL), 0);
        assert_string_equal(decoded, rows[i].normal);
        free(ids);
        free(decoded);
    }
    xlstm_tokenizer_close(tokenizer);
}

static void stream_equals_whole(void **state) {
    xlstm_tokenizer *tokenizer = open_demo();
    xl_rng rng;
    xl_rng_seed(&rng, 8);
    for (int round = 0; round < 1000; round++) {
        int32_t ids[64];
        size_t count = xl_rng_below(&rng, 64), bytes, used = 0, n;
        /* Mostly single bytes, so that characters are cut and broken in many ways. */
        for (size_t i = 0; i < count; i++) ids[i] = (int32_t)xl_rng_below(&rng, xl_rng_below(&rng, 4) ? 258 : 4096);
        char *whole, stream[8192];
        const char *piece;
        bool keep = round & 1;
        assert_int_equal(xlstm_tokenizer_decode(tokenizer, ids, count, keep, &whole, &bytes, NULL), 0);
        xlstm_decoder *decoder;
        assert_int_equal(xlstm_decoder_create(&decoder, tokenizer, keep, NULL), 0);
        for (size_t i = 0; i <= count; i++) {
            int status = i < count ? xlstm_decoder_push(decoder, ids[i], &piece, &n, NULL)
                                   : xlstm_decoder_finish(decoder, &piece, &n, NULL);
            assert_int_equal(status, 0);
            assert_int_equal(xl_utf8_valid(piece, n), n);
            assert_true(used + n <= sizeof stream);
            memcpy(stream + used, piece, n);
            used += n;
        }
        assert_int_equal(used, bytes);
        assert_memory_equal(stream, whole, bytes);
        xlstm_decoder_destroy(decoder);
        free(whole);
    }
    xlstm_tokenizer_close(tokenizer);
}

static void utf8_steps(void **state) {
    uint32_t cp;
    char bytes[4];
    for (uint32_t c = 0; c < 0x110000; c++) {
        int length = xl_utf8_put(c, bytes);
        bool surrogate = c >= 0xD800 && c < 0xE000;
        assert_int_equal(xl_utf8_step(bytes, (size_t)length, &cp), surrogate ? -1 : length);
        if (!surrogate) assert_int_equal(cp, c);
        for (int cut = 1; cut < length && !surrogate; cut++)
            assert_int_equal(xl_utf8_step(bytes, (size_t)cut, NULL), 0);
    }
    assert_int_equal(xl_utf8_step("\xC0\x80", 2, NULL), -1);
    assert_int_equal(xl_utf8_step("\xE0\x80\x80", 3, NULL), -1);
    assert_int_equal(xl_utf8_step("\xF0\x9F\x98x", 4, NULL), -3);
    assert_int_equal(xl_utf8_step("\xF4\x90\x80\x80", 4, NULL), -1);
    assert_int_equal(xl_utf8_step("\xE2\x82x", 3, NULL), -2);
    assert_int_equal(xl_utf8_valid("0123456789abcdef\xFF", 17), 16);
}

/* ---- ends of a text ---- */

static void check_ends(const json_t *tree, const char *tokenizer_config, const char *config, int32_t bos,
                       int32_t eos) {
    xlstm_tokenizer *tokenizer;
    xlstm_error err;
    char *text = json_dumps(tree, 0);
    if (open_texts(&tokenizer, text, strlen(text), tokenizer_config, config, &err)) fail_msg("%s", err.text);
    assert_int_equal(xlstm_tokenizer_bos(tokenizer), bos);
    assert_int_equal(xlstm_tokenizer_eos(tokenizer), eos);
    int32_t *ids;
    size_t count;
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, "a", 1, true, &ids, &count, NULL), 0);
    assert_int_equal(count, bos < 0 ? 1 : 2);
    if (bos >= 0) assert_int_equal(ids[0], bos);
    free(ids);
    xlstm_tokenizer_close(tokenizer);
    free(text);
}

static void ends(void **state) {
    json_t *options = read_options(XL_SOURCE_DIR);
    json_t *tree = json_deep_copy(json_object_get(options, "base"));
    json_t *list = json_object_get(tree, "added_tokens");
    const char *names[] = {"<|endoftext|>", "<s>", "</s>", "<x>"};
    for (int i = 0; i < 4; i++)
        json_array_append_new(list,
                              json_pack("{s:i,s:s,s:b}", "id", 400 + i, "content", names[i], "special", i < 3));
    check_ends(tree, NULL, NULL, 401, 400);
    check_ends(tree, "{\"bos_token\": \"<|endoftext|>\", \"eos_token\": {\"content\": \"</s>\"}}", NULL, 400, 402);
    check_ends(tree, "{\"bos_token\": null}", NULL, -1, 400);
    /* config.json is used where the tokenizer marks that token as special and names no other. */
    check_ends(tree, NULL, "{\"bos_token_id\": 400, \"eos_token_id\": 402}", 400, 402);
    check_ends(tree, NULL, "{\"eos_token_id\": 2}", 401, 400);
    check_ends(tree, NULL, "{\"eos_token_id\": 403}", 401, 400);
    check_ends(tree, NULL, "{\"eos_token_id\": [2, 402]}", 401, 402);
    check_ends(tree, NULL, "{\"eos_token_id\": 99999999999}", 401, 400);
    check_ends(tree, "{\"eos_token\": \"<s>\"}", "{\"eos_token_id\": 402}", -1, 401);
    json_object_set_new(tree, "post_processor",
                        json_pack("{s:s,s:[{s:{s:s}},{s:{s:s}}]}", "type", "TemplateProcessing", "single",
                                  "SpecialToken", "id", "</s>", "Sequence", "id", "A"));
    check_ends(tree, NULL, NULL, 402, 400);
    json_array_clear(list);
    check_ends(tree, NULL, "{\"bos_token_id\": 0, \"eos_token_id\": 2}", -1, -1);
    json_decref(tree);
    json_decref(options);
}

/* ---- texts that take long ---- */

static void long_texts(void **state) {
    enum { SIZE = 1 << 20 };
    xlstm_tokenizer *tokenizer = open_demo();
    static const char *const units[] = {"a", "xyzzy", " ", "\xCC\x81\xCC\x96", "<|", "\xE4\xB8\xAD"};
    char *text = malloc(SIZE + 8);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t bytes = 0, count, back;
        for (size_t n = strlen(units[i]); bytes + n <= SIZE; bytes += n) memcpy(text + bytes, units[i], n);
        text[bytes++] = '.';
        int32_t *ids;
        char *decoded;
        assert_int_equal(xlstm_tokenizer_encode(tokenizer, text, bytes, true, &ids, &count, NULL), 0);
        assert_int_equal(xlstm_tokenizer_decode(tokenizer, ids, count, false, &decoded, &back, NULL), 0);
        assert_int_equal(back, bytes);
        free(ids);
        free(decoded);
    }
    free(text);
    xlstm_tokenizer_close(tokenizer);
}

static void texts_that_are_none(void **state) {
    xlstm_tokenizer *tokenizer = open_demo();
    int32_t *ids, bad[] = {5, -1};
    size_t count;
    xlstm_error err;
    char *text;
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, "ab\xFFz", 4, true, &ids, &count, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "0xff at offset 2"));
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, "abc\xE2\x82", 5, true, &ids, &count, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "offset 3"));
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, "", 0, true, &ids, &count, &err), 0);
    assert_int_equal(count, 1);
    free(ids);
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, "a\0b", 3, false, &ids, &count, &err), 0);
    assert_int_equal(count, 3);
    free(ids);
    assert_int_equal(xlstm_tokenizer_decode(tokenizer, bad, 2, true, &text, &count, &err), XLSTM_EARG);
    bad[1] = 4096; /* an id that a padded vocabulary can produce */
    assert_int_equal(xlstm_tokenizer_decode(tokenizer, bad, 2, true, &text, &count, &err), 0);
    assert_int_equal(count, 1);
    free(text);
    assert_true(xlstm_tokenizer_is_special(tokenizer, 0));
    assert_false(xlstm_tokenizer_is_special(tokenizer, 4096));
    xlstm_tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo_rows),
        cmocka_unit_test(cl100k_rows),
        cmocka_unit_test(neox_rows),
        cmocka_unit_test(every_option),
        cmocka_unit_test(decode_of_encode_is_nfc),
        cmocka_unit_test(normal_form_keeps_what_it_cannot_compose),
        cmocka_unit_test(stream_equals_whole),
        cmocka_unit_test(utf8_steps),
        cmocka_unit_test(ends),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(texts_that_are_none),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
