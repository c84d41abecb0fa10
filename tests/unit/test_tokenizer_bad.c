/* A tokenizer.json is untrusted: every mistake in it leads to an error that names the file and the member. */

#include "base/rng.h"
#include "helper.h"
#include "tokenizer_files.h"

typedef struct mistake {
    const char *change; /* JSON merged into the base, the members of "model" individually */
    int status;
    const char *named; /* a part of the message */
} mistake;

static const mistake mistakes[] = {
    {"{\"model\": {\"type\": \"Unigram\"}}", XLSTM_EUNSUPPORTED, "model.type is \"Unigram\""},
    {"{\"model\": {\"vocab\": []}}", XLSTM_EFORMAT, "model.vocab"},
    {"{\"model\": {\"vocab\": {\"a\": -1}}}", XLSTM_EFORMAT, "model.vocab[\"a\"] is -1"},
    {"{\"model\": {\"vocab\": {\"a\": 2147483647}}}", XLSTM_EFORMAT, "2147483647"},
    {"{\"model\": {\"vocab\": {\"a\": 99999999999999}}}", XLSTM_EFORMAT, "99999999999999"},
    {"{\"model\": {\"vocab\": {\"a\": 1.5}}}", XLSTM_EFORMAT, "1.5"},
    {"{\"model\": {\"vocab\": {\"a\": \"1\"}}}", XLSTM_EFORMAT, "model.vocab[\"a\"]"},
    {"{\"model\": {\"vocab\": {\"a\": 1, \"b\": 1}}}", XLSTM_EFORMAT, "another token"},
    {"{\"model\": {\"merges\": {}}}", XLSTM_EFORMAT, "model.merges"},
    {"{\"model\": {\"merges\": [\"ab\"]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [\"a b c\"]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [[\"a\"]]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [[\"a\", 1]]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [\"a nowhere\"]}}", XLSTM_EFORMAT, "the second half"},
    {"{\"model\": {\"merges\": [\"nowhere a\"]}}", XLSTM_EFORMAT, "the first half"},
    {"{\"model\": {\"merges\": [\"Q Q\"]}}", XLSTM_EFORMAT, "the whole"},
    {"{\"model\": {\"unk_token\": \"nowhere\"}}", XLSTM_EFORMAT, "model.unk_token"},
    {"{\"model\": {\"unk_token\": 3}}", XLSTM_EFORMAT, "model.unk_token"},
    {"{\"model\": {\"dropout\": 0.1}}", XLSTM_EUNSUPPORTED, "model.dropout"},
    {"{\"model\": {\"byte_fallback\": true}}", XLSTM_EUNSUPPORTED, "model.byte_fallback"},
    {"{\"model\": {\"end_of_word_suffix\": \"</w>\"}}", XLSTM_EUNSUPPORTED, "model.end_of_word_suffix"},
    {"{\"model\": {\"fuse_unk\": \"yes\"}}", XLSTM_EFORMAT, "model.fuse_unk"},
    {"{\"added_tokens\": {}}", XLSTM_EFORMAT, "added_tokens"},
    {"{\"added_tokens\": [7]}", XLSTM_EFORMAT, "added_tokens[0]"},
    {"{\"added_tokens\": [{\"id\": 400}]}", XLSTM_EFORMAT, "added_tokens[0].content"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"\"}]}", XLSTM_EFORMAT, "added_tokens[0].content"},
    {"{\"added_tokens\": [{\"id\": -4, \"content\": \"x\"}]}", XLSTM_EFORMAT, "added_tokens[0].id"},
    {"{\"added_tokens\": [{\"id\": 1073741824, \"content\": \"x\"}]}", XLSTM_EFORMAT, "added_tokens[0].id"},
    {"{\"added_tokens\": [{\"id\": 5, \"content\": \"<new>\"}]}", XLSTM_EFORMAT, "another token"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"a\"}]}", XLSTM_EFORMAT, "model.vocab gives it"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"<n>\", \"special\": 1}]}", XLSTM_EFORMAT, ".special"},
    {"{\"normalizer\": {\"type\": \"Lowercase\"}}", XLSTM_EUNSUPPORTED, "Lowercase"},
    {"{\"normalizer\": 7}", XLSTM_EUNSUPPORTED, "normalizer"},
    {"{\"pre_tokenizer\": null}", XLSTM_EUNSUPPORTED, "pre_tokenizer is null, ByteLevel"},
    {"{\"pre_tokenizer\": {\"type\": \"Whitespace\"}}", XLSTM_EUNSUPPORTED, "Whitespace"},
    {"{\"pre_tokenizer\": {\"type\": \"Digits\"}}", XLSTM_EUNSUPPORTED, "no ByteLevel"},
    {"{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": "
     "\"Digits\"}]}}",
     XLSTM_EUNSUPPORTED, "after ByteLevel"},
    {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"use_regex\": 3}}", XLSTM_EFORMAT, "use_regex"},
    {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a(\"}, \"behavior\": \"Isolated\"}}",
     XLSTM_EFORMAT, "regular expression"},
    {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"Some\"}}",
     XLSTM_EFORMAT, "behavior"},
    {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": 3, \"behavior\": \"Isolated\"}}", XLSTM_EFORMAT,
     "pattern"},
    {"{\"model\": {\"type\": 7}}", XLSTM_EUNSUPPORTED, "model.type is \"?\""},
    {"{\"model\": {\"ignore_merges\": 0}}", XLSTM_EFORMAT, "model.ignore_merges"},
    {"{\"model\": {\"byte_fallback\": null, \"fuse_unk\": 1}}", XLSTM_EFORMAT, "model.fuse_unk"},
    {"{\"model\": {\"dropout\": \"0\"}}", XLSTM_EUNSUPPORTED, "model.dropout"},
    {"{\"model\": {\"continuing_subword_prefix\": 0}}", XLSTM_EUNSUPPORTED, "model.continuing_subword_prefix"},
    {"{\"model\": {\"merges\": [\"a\\u0000 b\"]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [[1, \"a\"]]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [[\"a\\u0000\", \"a\"]]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [[\"a\", \"a\\u0000\"]]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"model\": {\"merges\": [7]}}", XLSTM_EFORMAT, "model.merges[0]"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"<n>\", \"normalized\": \"no\"}]}", XLSTM_EFORMAT,
     "added_tokens[0].normalized"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"<n>\", \"single_word\": 2}]}", XLSTM_EFORMAT,
     "added_tokens[0].single_word"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"<n>\", \"lstrip\": []}]}", XLSTM_EFORMAT,
     "added_tokens[0].lstrip"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": \"<n>\", \"rstrip\": {}}]}", XLSTM_EFORMAT,
     "added_tokens[0].rstrip"},
    {"{\"added_tokens\": [{\"id\": 400, \"content\": 5}]}", XLSTM_EFORMAT, "added_tokens[0].content"},
    {"{\"normalizer\": {\"type\": \"Sequence\"}}", XLSTM_EUNSUPPORTED, "normalizer of type \"Sequence\""},
    {"{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"NFD\"}]}}",
     XLSTM_EUNSUPPORTED, "normalizer of type \"NFD\""},
    {"{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": 3}}", XLSTM_EUNSUPPORTED,
     "pre_tokenizer of type \"Sequence\""},
    {"{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": []}}", XLSTM_EUNSUPPORTED, "no ByteLevel"},
    {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": 0}}", XLSTM_EFORMAT, "add_prefix_space"},
    {"{\"pre_tokenizer\": {\"type\": \"Digits\", \"individual_digits\": 1}}", XLSTM_EFORMAT, "individual_digits"},
    {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"Isolated\", "
     "\"invert\": 1}}",
     XLSTM_EFORMAT, "invert"},
    {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": 1}, \"behavior\": \"Isolated\"}}",
     XLSTM_EFORMAT, "pattern.Regex"},
    {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}}}", XLSTM_EFORMAT,
     "behavior \"?\""},
    {"{\"decoder\": {\"type\": \"Sequence\", \"decoders\": []}}", XLSTM_EUNSUPPORTED, "decoder"},
    {"{\"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}]}}", XLSTM_EUNSUPPORTED,
     "decoder of type \"Fuse\""},
    {"{\"decoder\": 7}", XLSTM_EUNSUPPORTED, "decoder of type \"?\""},
    {"{\"decoder\": {\"type\": \"WordPiece\"}}", XLSTM_EUNSUPPORTED, "decoder"},
};

static void each_mistake(void **state) {
    json_t *options = read_options(XL_SOURCE_DIR);
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        json_t *tree = json_deep_copy(json_object_get(options, "base"));
        json_t *change = json_loads(mistakes[i].change, JSON_ALLOW_NUL, NULL);
        assert_non_null(change);
        apply_change(tree, change);
        xlstm_tokenizer *tokenizer;
        xlstm_error err = {0, ""};
        int status = open_tree(&tokenizer, tree, &err);
        if (status != mistakes[i].status || !strstr(err.text, mistakes[i].named) ||
            !strstr(err.text, "tokenizer.json"))
            fail_msg("%s: status %d, \"%s\"", mistakes[i].change, status, err.text);
        assert_null(tokenizer);
        json_decref(change);
        json_decref(tree);
    }
    json_decref(options);
}

/* Steps and normalizers may be in sequences, but not nested without end, and not without number. */
static void sequences_that_are_long_or_deep(void **state) {
    static const struct {
        const char *key, *list, *inner;
    } kinds[] = {{"normalizer", "normalizers", "{\"type\": \"NFC\"}"},
                 {"pre_tokenizer", "pretokenizers", "{\"type\": \"ByteLevel\"}"},
                 {"decoder", "decoders", "{\"type\": \"ByteLevel\"}"}};
    json_t *options = read_options(XL_SOURCE_DIR);
    xlstm_tokenizer *tokenizer;
    xlstm_error err;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_t *value = json_loads(kinds[i].inner, 0, NULL);
        for (int depth = 0; depth <= 9; depth++) {
            json_t *tree = json_deep_copy(json_object_get(options, "base"));
            json_object_set(tree, kinds[i].key, value);
            const int status = open_tree(&tokenizer, tree, &err);
            if (status != (depth > 8 ? XLSTM_EUNSUPPORTED : XLSTM_OK))
                fail_msg("%s, %d deep: status %d", kinds[i].key, depth, status);
            if (status) assert_non_null(strstr(err.text, kinds[i].key));
            xlstm_tokenizer_close(tokenizer);
            json_decref(tree);
            value = json_pack("{s:s, s:[o]}", "type", "Sequence", kinds[i].list, value);
        }
        json_decref(value);
    }
    /* Of each kind of step, as many as there is room for, then one more. */
    static const char *const steps[] = {
        "{\"type\": \"Digits\"}",
        "{\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"Isolated\"}"};
    for (size_t i = 0; i < 2; i++) {
        json_t *list = json_array(), *tree = json_deep_copy(json_object_get(options, "base"));
        int room = 0;
        json_object_set_new(tree, "pre_tokenizer",
                            json_pack("{s:s, s:O}", "type", "Sequence", "pretokenizers", list));
        for (; room < 100; room++) {
            /* ByteLevel by itself needs no step here. */
            json_array_append_new(list, json_loads("{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                                   "\"use_regex\": false}",
                                                   0, NULL));
            const int status = open_tree(&tokenizer, tree, &err);
            xlstm_tokenizer_close(tokenizer);
            json_array_remove(list, json_array_size(list) - 1);
            if (status) break;
            json_array_append_new(list, json_loads(steps[i], 0, NULL));
        }
        assert_true(room >= 4 && room < 100);
        assert_non_null(strstr(err.text, "pre_tokenizer has more than"));
        /* A ByteLevel that splits takes the last room, and finds none behind one step more. */
        for (int k = 0; k < 2; k++) json_array_remove(list, json_array_size(list) - 1);
        json_array_append_new(list, json_loads("{\"type\": \"ByteLevel\"}", 0, NULL));
        assert_int_equal(open_tree(&tokenizer, tree, &err), XLSTM_OK);
        xlstm_tokenizer_close(tokenizer);
        json_array_insert_new(list, 0, json_loads(steps[i], 0, NULL));
        assert_int_equal(open_tree(&tokenizer, tree, &err), XLSTM_EUNSUPPORTED);
        json_decref(list);
        json_decref(tree);
    }
    json_decref(options);
}

static void no_json(void **state) {
    static const struct {
        const char *text;
        int status;
    } files[] = {{"", XLSTM_EFORMAT},
                 {"[]", XLSTM_EFORMAT},
                 {"{\"model\": 3}", XLSTM_EFORMAT},
                 {"{\"model\": {\"vocab\": {\"a\": 1, \"a\": 2}, \"merges\": []}}", XLSTM_EFORMAT},
                 {"{\"model\": {\"vocab\": {\"\xFF\": 1}, \"merges\": []}}", XLSTM_EFORMAT},
                 {"{\"model\"", XLSTM_EFORMAT}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        xlstm_tokenizer *tokenizer;
        xlstm_error err = {0, ""};
        assert_int_equal(open_texts(&tokenizer, files[i].text, strlen(files[i].text), NULL, NULL, &err),
                         files[i].status);
        assert_non_null(strstr(err.text, "tokenizer.json"));
    }
    enum { DEEP = 100000 };
    char *deep = malloc(DEEP);
    memset(deep, '[', DEEP);
    xlstm_tokenizer *tokenizer;
    assert_int_equal(open_texts(&tokenizer, deep, DEEP, NULL, NULL, NULL), XLSTM_EFORMAT);
    free(deep);
    xlstm_error err;
    assert_int_equal(xlstm_tokenizer_open(&tokenizer, "/nowhere", &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere: no such folder"));
}

static void files_beside(void **state) {
    json_t *options = read_options(XL_SOURCE_DIR);
    char *text = json_dumps(json_object_get(options, "base"), 0);
    static const char *const bad[][2] = {{"[", NULL},
                                         {"[]", NULL},
                                         {"{\"bos_token\": 7}", NULL},
                                         {"{\"bos_token\": {\"content\": 7}}", NULL},
                                         {"{\"bos_token\": {}}", NULL},
                                         {"{\"eos_token\": []}", NULL},
                                         {"{\"eos_token\": \"<nowhere>\"}", NULL},
                                         {NULL, "{"},
                                         {NULL, "3"}};
    xlstm_tokenizer *tokenizer;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        xlstm_error err = {0, ""};
        assert_int_equal(open_texts(&tokenizer, text, strlen(text), bad[i][0], bad[i][1], &err), XLSTM_EFORMAT);
        assert_non_null(strstr(err.text, "config.json"));
    }
    static const char *const ends[] = {"\"2\"",      "1.5",     "-2",    "2147483648",
                                       "[1, \"2\"]", "[1, -2]", "[[1]]", "true"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        xlstm_error err = {0, ""};
        char *generation = xl_format("{\"eos_token_id\": %s}", ends[i]);
        test_put("generation_config.json", generation);
        const int status = open_texts(&tokenizer, text, strlen(text), NULL, NULL, &err);
        if (status != XLSTM_EFORMAT || !strstr(err.text, "generation_config.json: eos_token_id is neither"))
            fail_msg("%s: status %d, \"%s\"", ends[i], status, err.text);
        free(generation);
    }
    /* A file that was only made from config.json is not read for it; null and -1 are no token. */
    static const char *const fine[] = {"{\"_from_model_config\": true, \"eos_token_id\": \"2\"}",
                                       "{\"eos_token_id\": null}", "{\"eos_token_id\": [null, -1]}", "{}"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        xlstm_error err = {0, ""};
        test_put("generation_config.json", fine[i]);
        if (open_texts(&tokenizer, text, strlen(text), NULL, NULL, &err)) fail_msg("%s: %s", fine[i], err.text);
        assert_false(xlstm_tokenizer_ends_text(tokenizer, 2));
        xlstm_tokenizer_close(tokenizer);
    }
    test_put("generation_config.json", "{\"eos_token_id\": [2, 3]}");
    assert_int_equal(open_texts(&tokenizer, text, strlen(text), NULL, NULL, NULL), XLSTM_OK);
    assert_true(xlstm_tokenizer_ends_text(tokenizer, 2) && xlstm_tokenizer_ends_text(tokenizer, 3));
    xlstm_tokenizer_close(tokenizer);
    char *path = test_path("generation_config.json");
    assert_int_equal(unlink(path), 0);
    free(path);
    free(text);
    json_decref(options);
}

/* Opens a tokenizer whose pre-tokenizer splits by this pattern. */
static int open_pattern(xlstm_tokenizer **out, const json_t *options, const char *pattern, xlstm_error *err) {
    json_t *tree = json_deep_copy(json_object_get(options, "base"));
    json_object_set_new(tree, "pre_tokenizer",
                        json_pack("{s:s,s:[{s:s,s:{s:s},s:s,s:b},{s:s,s:b,s:b}]}", "type", "Sequence",
                                  "pretokenizers", "type", "Split", "pattern", "Regex", pattern, "behavior",
                                  "Isolated", "invert", 0, "type", "ByteLevel", "add_prefix_space", 0, "use_regex",
                                  0));
    int status = open_tree(out, tree, err);
    json_decref(tree);
    return status;
}

/* Syntax that PCRE2 reads differently or does not know is refused by name unless it is translated. */
static void patterns_that_are_refused(void **state) {
    static const struct {
        const char *pattern;
        int status;
        const char *named;
    } refused[] = {
        {"a|(?~b)", XLSTM_EUNSUPPORTED, "\"(?~\" at byte 2: a group"},
        {"(?W)a", XLSTM_EUNSUPPORTED, "\"(?W\" at byte 0"},
        {"(?s).", XLSTM_EUNSUPPORTED, "\"(?s\" at byte 0"},
        {"(?P<n>a)", XLSTM_EUNSUPPORTED, "\"(?P\" at byte 0"},
        {"(?(1)a|b)", XLSTM_EUNSUPPORTED, "\"(?(\" at byte 0"},
        {"(?{a})", XLSTM_EUNSUPPORTED, "\"(?{\" at byte 0"},
        {"(*FAIL)", XLSTM_EUNSUPPORTED, "\"(*\" at byte 0"},
        {"(*UTF)", XLSTM_EUNSUPPORTED, "\"(*\" at byte 0"},
        {"(?|a)", XLSTM_EUNSUPPORTED, "\"(?|\" at byte 0"},
        {"a(?:x\\K)", XLSTM_EUNSUPPORTED, "\"\\K\" at byte 5: \\K within a group"},
        {"x\\K|y", XLSTM_EUNSUPPORTED, "\\K beside alternatives"},
        {"x\\K*", XLSTM_EFORMAT, "cannot be repeated"},
        {"\\X", XLSTM_EUNSUPPORTED, "\"\\X\" at byte 0: grapheme clusters"},
        {"\\Q.\\E", XLSTM_EUNSUPPORTED, "\"\\Q\" at byte 0"},
        {"\\i", XLSTM_EUNSUPPORTED, "\"\\i\" at byte 0"},
        {"\\cA", XLSTM_EUNSUPPORTED, "\"\\c\" at byte 0"},
        {"\\g<0>", XLSTM_EUNSUPPORTED, "\"\\g\" at byte 0"},
        {"(?<n>a\\k<n>)", XLSTM_EUNSUPPORTED, "\"\\k<n>\" at byte 6: a back-reference that is not to one group"},
        {"\\k<n>(?<n>a)", XLSTM_EUNSUPPORTED, "\"\\k<n>\" at byte 0"},
        {"(?<n>a)(?<n>b)\\k<n>", XLSTM_EUNSUPPORTED, "\"\\k<n>\" at byte 14"},
        {"(?i)(?<n>a)\\k<n>", XLSTM_EUNSUPPORTED, "or ignores case"},
        {"(?<n>a)\\k<n+0>", XLSTM_EUNSUPPORTED, "a back-reference that is not to a name"},
        {"(?<n>a)\\kn", XLSTM_EUNSUPPORTED, "a back-reference that is not to a name"},
        {"(?<n>a)(b)\\1", XLSTM_EUNSUPPORTED, "back-reference"},
        {"(a)\\2", XLSTM_EUNSUPPORTED, "\"\\2\" at byte 3"},
        {"\\xe9", XLSTM_EUNSUPPORTED, "\"\\xe9\" at byte 0: a byte"},
        {"\\u12", XLSTM_EFORMAT, "\"\\u12\" at byte 0: a number"},
        {"\\x{d800}", XLSTM_EFORMAT, "a number that is not that of a character"},
        {"\\x{dfff}", XLSTM_EFORMAT, "a number that is not that of a character"},
        {"\\x{110000}", XLSTM_EFORMAT, "a number that is not that of a character"},
        {"\\x{}", XLSTM_EFORMAT, "a number that is not that of a character"},
        {"\\x{41", XLSTM_EFORMAT, "a number that is not that of a character"},
        {"\\xg", XLSTM_EFORMAT, "a number that is not that of a character"},
        {"\\x80", XLSTM_EUNSUPPORTED, "a byte of a character"},
        {"\\pL", XLSTM_EUNSUPPORTED, "without braces"},
        {"\\p{L&}", XLSTM_EUNSUPPORTED, "a property that is not known"},
        {"\\p{sc=Han}", XLSTM_EUNSUPPORTED, "a property that is not known"},
        {"\\p{Nope}", XLSTM_EUNSUPPORTED, "unknown property"},
        {"[[:foo:]]", XLSTM_EUNSUPPORTED, "\"[:foo:]\" at byte 1: a POSIX bracket"},
        {"[\\R]", XLSTM_EUNSUPPORTED, "\"\\R\" at byte 1"},
        {"[a&&]", XLSTM_EUNSUPPORTED, "an empty part"},
        {"[\\w-a]", XLSTM_EUNSUPPORTED, "a hyphen"},
        {"[a-[b]]", XLSTM_EUNSUPPORTED, "a range that ends in a class"},
        {"[a-\\d]", XLSTM_EFORMAT, "a range that ends in a set"},
        {"[z-a]", XLSTM_EFORMAT, "\"z-a\" at byte 1"},
        {"[a", XLSTM_EFORMAT, "does not end"},
        {"[]", XLSTM_EFORMAT, "does not end"},
        {"(a", XLSTM_EFORMAT, "a group that does not end"},
        {"a)", XLSTM_EFORMAT, "\")\" at byte 1"},
        {"(?#a", XLSTM_EFORMAT, "a comment that does not end"},
        {"a\\", XLSTM_EFORMAT, "a backslash at the end"},
        {"a|*", XLSTM_EFORMAT, "\"*\" at byte 2: nothing to repeat"},
        {"{2}", XLSTM_EFORMAT, "nothing to repeat"},
        {"^*", XLSTM_EFORMAT, "cannot be repeated"},
        {"(?=a)?", XLSTM_EFORMAT, "cannot be repeated"},
        {"a{3,1}", XLSTM_EUNSUPPORTED, "\"{3,1}\" at byte 1"},
        {"a{70000}", XLSTM_EUNSUPPORTED, "above 65535"},
        {"(?<=a+)b", XLSTM_EUNSUPPORTED, "lookbehind"},
        {"(?i)ss", XLSTM_EUNSUPPORTED, "when case is ignored"},
        {"(?i)SS", XLSTM_EUNSUPPORTED, "when case is ignored"},
        {"(?i)Fi", XLSTM_EUNSUPPORTED, "when case is ignored"},
        {"(?i)\u017Ft", XLSTM_EUNSUPPORTED, "when case is ignored"},
        {"(?i)\u00DF", XLSTM_EUNSUPPORTED, "when case is ignored"},
        {"(?i)[\u00DF]", XLSTM_EUNSUPPORTED, "when case is ignored"},
        {"(?i)[\\p{Lu}]", XLSTM_EUNSUPPORTED, "ignores case"},
        {"(?i)[a-z&&[A-Z]]", XLSTM_EUNSUPPORTED, "ignores case"},
        {"(?i)[a[^B]]", XLSTM_EUNSUPPORTED, "ignores case"},
        {"(?x)a\u00A0", XLSTM_EUNSUPPORTED, "white space outside ASCII"},
    };
    json_t *options = read_options(XL_SOURCE_DIR);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        xlstm_tokenizer *tokenizer = NULL;
        xlstm_error err = {0, ""};
        int status = open_pattern(&tokenizer, options, refused[i].pattern, &err);
        if (status != refused[i].status || !strstr(err.text, refused[i].named) ||
            !strstr(err.text, "tokenizer.json: pre_tokenizer: regular expression"))
            fail_msg("%s: status %d, \"%s\"", refused[i].pattern, status, err.text);
    }
    /* A pattern of any depth leads to an error and not to a stack overflow. */
    enum { DEEP = 60000 };
    char *deep = malloc(DEEP + 1);
    static const char opens[] = "([";
    for (int i = 0; opens[i]; i++) {
        memset(deep, opens[i], DEEP);
        deep[DEEP] = 0;
        xlstm_tokenizer *tokenizer;
        assert_int_equal(open_pattern(&tokenizer, options, deep, NULL), XLSTM_EUNSUPPORTED);
    }
    free(deep);
    json_decref(options);
}

/* Each of these is the letter or the control character that it stands for, and no other. */
static void patterns_that_are_numbers(void **state) {
    static const struct {
        const char *pattern, *is;
    } numbers[] = {{"\\x9", "\t"},
                   {"\\x41", "A"},
                   {"\\x7f", "\x7f"},
                   {"\\x{41}", "A"},
                   {"\\u0041", "A"},
                   {"\\011", "\t"},
                   {"\\x{d7ff}", "\xed\x9f\xbf"},
                   {"\\x{e000}", "\xee\x80\x80"},
                   {"\\x{00000041}", "A"},
                   {"\\u00e9", "\xc3\xa9"}};
    json_t *options = read_options(XL_SOURCE_DIR);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        xlstm_tokenizer *one, *same;
        xlstm_error err = {0, ""};
        char text[32];
        if (open_pattern(&one, options, numbers[i].pattern, &err)) fail_msg("%s: %s", numbers[i].pattern, err.text);
        if (open_pattern(&same, options, numbers[i].is, &err)) fail_msg("%s: %s", numbers[i].pattern, err.text);
        int32_t *a, *b;
        size_t m, n;
        const int bytes = snprintf(text, sizeof text, "the%she%s%s", numbers[i].is, numbers[i].is, numbers[i].is);
        assert_int_equal(xlstm_tokenizer_encode(one, text, (size_t)bytes, false, &a, &m, &err), 0);
        assert_int_equal(xlstm_tokenizer_encode(same, text, (size_t)bytes, false, &b, &n, &err), 0);
        assert_int_equal(m, n);
        assert_memory_equal(a, b, n * sizeof *b);
        free(a);
        free(b);
        xlstm_tokenizer_close(one);
        xlstm_tokenizer_close(same);
    }
    json_decref(options);
}

/* Patterns that would run for ever lead to an error, or end in time. */
static void patterns_that_cost(void **state) {
    static const char *const patterns[] = {"(a|aa)+$", "(a*)*b", "(?:a+)+$", "(?=(a+))\\1b"};
    json_t *options = read_options(XL_SOURCE_DIR);
    char text[4001];
    memset(text, 'a', sizeof text - 1);
    text[4000] = '!';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        xlstm_tokenizer *tokenizer;
        xlstm_error err = {0, ""};
        if (!open_pattern(&tokenizer, options, patterns[i], &err)) {
            int32_t *ids = NULL;
            size_t count;
            int status = xlstm_tokenizer_encode(tokenizer, text, sizeof text, false, &ids, &count, &err);
            assert_true(status == 0 || status == XLSTM_EFORMAT);
            if (!status) free(ids);
            else assert_non_null(strstr(err.text, "regular expression"));
            xlstm_tokenizer_close(tokenizer);
        }
    }
    json_decref(options);
}

/* With any byte of the file changed there is an error or a working tokenizer, and nothing else. */
static void random_damage(void **state) {
    json_t *options = read_options(XL_SOURCE_DIR);
    json_t *tree = json_deep_copy(json_object_get(options, "base"));
    char *text = json_dumps(tree, JSON_COMPACT);
    size_t bytes = strlen(text);
    xl_rng rng;
    xl_rng_seed(&rng, 11);
    for (int round = 0; round < 400; round++) {
        char *copy = malloc(bytes);
        memcpy(copy, text, bytes);
        size_t length = round % 4 ? bytes : xl_rng_below(&rng, bytes);
        for (uint64_t n = 1 + xl_rng_below(&rng, 4); n; n--)
            copy[xl_rng_below(&rng, bytes)] = "0123456789{}[]\",: ab\\"[xl_rng_below(&rng, 21)];
        xlstm_tokenizer *tokenizer;
        if (!open_texts(&tokenizer, copy, length, NULL, NULL, NULL)) {
            int32_t *ids;
            size_t count;
            if (!xlstm_tokenizer_encode(tokenizer, "The state of <|end|> it.", 24, true, &ids, &count, NULL))
                free(ids);
            xlstm_tokenizer_close(tokenizer);
        }
        free(copy);
    }
    free(text);
    json_decref(tree);
    json_decref(options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake),
        cmocka_unit_test(sequences_that_are_long_or_deep),
        cmocka_unit_test(no_json),
        cmocka_unit_test(files_beside),
        cmocka_unit_test(patterns_that_are_refused),
        cmocka_unit_test(patterns_that_are_numbers),
        cmocka_unit_test(patterns_that_cost),
        cmocka_unit_test(random_damage),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
