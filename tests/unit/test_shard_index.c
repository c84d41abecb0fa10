/* The index of a checkpoint's shards: order, repeated names, members beside weight_map, and a large index. */
#include "format/shard_index.h"
#include "helper.h"

/* Parses the index in a copy of `text`. */
static int parse(xl_shard_index *index, const char *text, xlstm_error *err) {
    size_t n = strlen(text);
    char *copy = xl_array(n, 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    memset(err, 0, sizeof *err);
    return xl_shard_index_parse(index, "index", copy, n, err);
}

static void good_indexes(void **state) {
    /* `holds` lists the tensors with their files, in order, followed by the files. */
    static const struct {
        const char *text, *holds;
    } cases[] = {
        {"{\"weight_map\":{\"b\":\"2\",\"a\":\"1\",\"c\":\"2\"}}", "a=1 b=2 c=2 | 1 2"},
        {"{\"weight_map\":{\"a\":\"2\",\"b\":\"1\",\"c\":\"2\"}}", "a=2 b=1 c=2 | 1 2"},
        {"{\"metadata\":{\"total_size\":1e999,\"x\":[NaN,{\"weight_map\":3}]},\"weight_map\":{\"a\":\"f\"},"
         "\"\xff\":"
         "\"\\ud800\"}",
         "a=f | f"},
        {"{\"weight\\u005fmap\":{\"\\u0061\":\"\\u0066\"}}", "a=f | f"},
        {"{\"weight_map\":{\"a\":\"f\",\"b\":\"g\",\"a\":\"f\"}}", "a=f b=g | f g"},
        {"{\"weight_map\":{\"a\":\"f\",\"b\":\"g\"},\"x\":1,\"weight_map\":{\"b\":\"g\",\"a\":\"f\"}}",
         "a=f b=g | f g"},
        {"{\"weight_map\":{\"\xc3\xa9\":\"\\ud83d\\ude00\"}}", "\xc3\xa9=\xf0\x9f\x98\x80 | \xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        xl_shard_index index;
        char holds[200] = "";
        if (parse(&index, cases[i].text, &err)) fail_msg("%s: %s", cases[i].text, err.text);
        for (size_t k = 0; k < index.count; k++)
            sprintf(holds + strlen(holds), "%s=%s ", index.tensors[k].tensor, index.tensors[k].file);
        strcat(holds, "|");
        for (size_t k = 0; k < index.file_count; k++) sprintf(holds + strlen(holds), " %s", index.files[k]);
        assert_string_equal(holds, cases[i].holds);
        xl_shard_index_release(&index);
    }
}

static void bad_indexes(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "index: is empty"},
        {"{}", "weight_map is not an object"},
        {"{\"weight_map\":[]}", "weight_map is not an object"},
        {"{\"weight_map\":{}}", "weight_map is not an object"},
        {"{\"weight_map\":null}", "weight_map is not an object"},
        {"{\"weight_map\":{\"a\":3}}", "'a' names no file"},
        {"{\"weight_map\":{\"a\":\"\"}}", "'a' names no file"},
        {"{\"weight_map\":{\"a\":\"../f\"}}", "'a' names no file"},
        {"{\"weight_map\":{\"a\":\"f\\u002fg\"}}", "'a' names no file"},
        {"{\"weight_map\":{\"a\":\"\\u0000f\"}}", "a NUL"},
        {"{\"weight_map\":{\"a\\ud800\":\"f\"}}", "half of a surrogate pair"},
        {"{\"weight_map\":{\"a\":\"f\",\"b\":\"f\",\"a\":\"g\"}}", "'a' twice, in f and in g"},
        {"{\"weight_map\":{\"a\":\"f\"},\"weight_map\":{\"b\":\"f\"}}", "weight_map is there twice"},
        {"{\"weight_map\":{\"a\":\"f\"},\"weight_map\":{\"a\":\"f\",\"b\":\"f\"}}", "weight_map is there twice"},
        {"{\"weight_map\":{\"a\":\"f\",\"b\":\"f\"},\"weight_map\":{\"a\":\"f\"}}", "weight_map is there twice"},
        {"{\"weight_map\":{\"a\":\"f\"},\"weight_map\":{\"a\":\"g\"}}", "'a' twice"},
        {"{\"weight_map\":{\"a\":\"f\"}} x", "the end of the text"},
        {"{\"weight_map\":{\"a\":\n\"f\",}}", "(line 2 column 5)"},
        {"{\"weight_map\":{\"a\":\"f\"}", "and the text ends"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        xl_shard_index index;
        int status = parse(&index, cases[i].text, &err);
        if (status != XLSTM_EFORMAT || !strstr(err.text, cases[i].says))
            fail_msg("%s: %d '%s'", cases[i].text, status, err.text);
        assert_true(!index.tensors && !index.files && !index.text);
    }
}

/* Names in an unfavourable order, each twice: an algorithm quadratic in their number would take very long. */
static void large_index(void **state) {
    enum { NAMES = 200000, SHARDS = 2000 };
    char *text = malloc(80 * (size_t)NAMES * 2), *end = text;
    assert_non_null(text);
    end += sprintf(end, "{\"weight_map\":{");
    for (int twice = 0; twice < 2; twice++) {
        for (unsigned i = 0; i < NAMES; i++) {
            unsigned k = i * 7919u % NAMES;
            end += sprintf(end, "%s\"blocks.%u.weight\":\"shard-%05u\"", i || twice ? "," : "", k, k % SHARDS);
        }
    }
    sprintf(end, "}}");
    xl_shard_index index;
    xlstm_error err;
    if (parse(&index, text, &err)) fail_msg("%s", err.text);
    assert_int_equal(index.count, NAMES);
    assert_int_equal(index.file_count, SHARDS);
    for (size_t i = 1; i < NAMES; i++)
        assert_true(strcmp(index.tensors[i - 1].tensor, index.tensors[i].tensor) < 0);
    xl_shard_index_release(&index);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_indexes),
        cmocka_unit_test(bad_indexes),
        cmocka_unit_test(large_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
