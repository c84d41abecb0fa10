/* The reader of large JSON documents: members that are read are checked strictly, members that are skipped may be
 * anything, and an error names line and column. */
#include "format/json_reader.h"
#include "helper.h"

/* Reads a document whose member "s" is a string, "i" a list of integers and "o" an object of the same form;
 * anything else is skipped. Appends what was read to `seen`. */
static void read_members(xl_json_reader *r, char seen[200]) {
    xl_json_string key;
    while (xl_json_member(r, &key)) {
        size_t used = strlen(seen);
        if (!strcmp(key.text, "s") && xl_json_peek(r) == '"') {
            const char *text = xl_json_text(r);
            if (text) snprintf(seen + used, 200 - used, "<%s>", text);
        } else if (!strcmp(key.text, "i") && xl_json_peek(r) == '[') {
            int64_t value;
            xl_json_enter(r);
            while (xl_json_element(r)) {
                if (!xl_json_integer(r, &value)) {
                    snprintf(seen + used, 200 - used, "?");
                    xl_json_skip(r);
                } else {
                    snprintf(seen + used, 200 - used, "%lld;", (long long)value);
                }
                used = strlen(seen);
            }
        } else if (!strcmp(key.text, "o") && xl_json_peek(r) == '{') {
            xl_json_enter(r);
            read_members(r, seen);
        } else {
            xl_json_skip(r);
        }
    }
}

/* Every document is in memory of exactly its size, so that a sanitizer notices a read beyond it. */
static int read_text(const char *text, size_t bytes, char seen[200], xlstm_error *err) {
    char *copy = malloc(bytes ? bytes : 1);
    if (!copy) abort();
    memcpy(copy, text, bytes);
    memset(err, 0, sizeof *err);
    seen[0] = 0;
    xl_json_reader r;
    xl_json_open(&r, "doc", copy, bytes, err);
    read_members(&r, seen);
    int status = xl_json_close(&r);
    free(copy);
    return status;
}

static void good_documents(void **state) {
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"{}", ""},
        {" \t\r\n{ } \n", ""},
        {"\xef\xbb\xbf{\"s\":\"a\"}", "<a>"},
        {"{\"s\":\"\"}", "<>"},
        {"{ \"s\" : \"a b\" , \"s\" : \"c\" }", "<a b><c>"},
        {"{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "<\"\\/\b\f\n\r\t>"},
        {"{\"s\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\"}", "<A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z>"},
        {"{\"s\":\"\xc3\xa9\\n\xf0\x9f\x98\x80\"}", "<\xc3\xa9\n\xf0\x9f\x98\x80>"},
        {"{\"\\u0073\":\"key\"}", "<key>"},
        {"{\"i\":[0,-1,9223372036854775807,-9223372036854775808]}",
         "0;-1;9223372036854775807;-9223372036854775808;"},
        {"{\"i\":[9223372036854775808,-9223372036854775809,1.0,1e2,01,\"1\",true,null,[],-]}", "??????????"},
        {"{\"i\":[]}", ""},
        {"{\"o\":{\"o\":{\"s\":\"deep\"},\"s\":\"up\"},\"s\":\"top\"}", "<deep><up><top>"},
        /* Members that are skipped. */
        {"{\"x\":NaN,\"y\":Infinity,\"z\":-Infinity,\"s\":\"a\"}", "<a>"},
        {"{\"x\":1000000000000000019884624838656,\"y\":-1.5e+999,\"s\":\"a\"}", "<a>"},
        {"{\"x\":\"\\ud800\",\"y\":\"\\u0000\",\"z\":\"\xff\",\"s\":\"a\"}", "<a>"},
        {"{\"\\ud800\":1,\"\xff\":2,\"a\tb\":3,\"\\q\":4,\"\\u12\":5,\"s\":\"a\"}", "<a>"},
        {"{\"x\":[{},[],{\"s\":\"no\"},[[1,{\"o\":[]}],\"]}\"]],\"s\":\"a\"}", "<a>"},
        {"{\"x\":{\"s\":\"no\",\"y\":{\"s\":[\"no\"]}},\"s\":\"a\"}", "<a>"},
        {"{\"x\":1,\"x\":2,\"x\":{\"x\":[]},\"s\":\"a\"}", "<a>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        char seen[200];
        int status = read_text(cases[i].text, strlen(cases[i].text), seen, &err);
        if (status || strcmp(seen, cases[i].seen))
            fail_msg("%s: %d '%s', read '%s'", cases[i].text, status, err.text, seen);
    }
}

static void bad_documents(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "doc: is empty"},
        {"[]", "doc: no JSON object"},
        {"7", "doc: no JSON object"},
        {"version https://git-lfs.github.com/spec/v1", "doc: is a Git LFS pointer"},
        {"{", "a key in quotation marks expected, and the text ends (line 1 column 2)"},
        {"{\"s\":\"\\ud800\"}", "half of a surrogate pair (line 1 column 7)"},
        {"{\"s\":\"\\ud800\\u0041\"}", "half of a surrogate pair (line 1 column 7)"},
        {"{\"s\":\"\\udc00\"}", "half of a surrogate pair (line 1 column 7)"},
        {"{\n \"s\": \"ab\\u0000\"}", "a NUL (\\u0000) (line 2 column 10)"},
        {"{\n\n\"s\":\"\xc3(\"}", "not UTF-8 (line 3 column 6)"},
        {"{\"s\":\"\\u12g4\"}", "without four hexadecimal digits (line 1 column 7)"},
        {"{\"s\":\"\\q\"}", "an unknown escape (line 1 column 7)"},
        {"{\"s\":\"a\nb\"}", "a control character that is not written as an escape (line 1 column 8)"},
        {"{\"x\":\"\n\n\",\n\"s\":\"\\q\"}", "an unknown escape (line 4 column 6)"},
        {"{\"\\u0041\\u0041\":1,\"s\":\"\\q\"}", "an unknown escape (line 1 column 24)"},
        {"{\"s\":\"a\"\n\"t\":1}", "',' or '}' expected near '\"t\":1}' (line 2 column 1)"},
        {"{\"s\":\"a\",}", "a key in quotation marks expected near '}' (line 1 column 10)"},
        {"{,}", "a key in quotation marks"},
        {"{s:1}", "a key in quotation marks"},
        {"{\"s\" \"a\"}", "':' after a key expected near '\"a\"}' (line 1 column 6)"},
        {"{\"x\":}", "a value expected near '}'"},
        {"{\"x\":nul}", "a value expected near 'nul}'"},
        {"{\"x\":[1,]}", "a value expected near ']}'"},
        {"{\"x\":[1}}", "',' or ']' expected near '}}'"},
        {"{\"x\":{\"y\":1]}", "',' or '}' expected near ']}'"},
        {"{\"x\":{\"y\"}}", "':' after a key"},
        {"{\"x\":[[[{\"y\":[}]]]}", "a value expected near '}]]]}'"},
        {"{\"i\":[1 2]}", "',' or ']' expected near '2]}'"},
        {"{\"x\":1 2}", "',' or '}' expected near '2}'"},
        {"{} x", "the end of the text expected near 'x' (line 1 column 4)"},
        {"{}}", "the end of the text expected near '}'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        char seen[200];
        int status = read_text(cases[i].text, strlen(cases[i].text), seen, &err);
        if (status != XLSTM_EFORMAT || !strstr(err.text, cases[i].says))
            fail_msg("%s: %d '%s', read '%s'", cases[i].text, status, err.text, seen);
    }
}

/* A document that is cut anywhere is refused, and the message says that it ends too early. */
static void truncated_documents(void **state) {
    static const char text[] =
        "{\"x\":[{\"y\":\"\\ud83d\\ude00\"},[1.5,NaN]],\"i\":[12,3],\n\"o\":{\"s\":\"\\u00e9\xc3\xa9\"}}";
    xlstm_error err;
    char seen[200];
    assert_int_equal(read_text(text, sizeof text - 1, seen, &err), XLSTM_OK);
    for (size_t n = 0; n < sizeof text - 1; n++) {
        int status = read_text(text, n, seen, &err);
        if (status != XLSTM_EFORMAT || (n && !strstr(err.text, "line ")))
            fail_msg("%zu bytes: %d '%s'", n, status, err.text);
    }
    assert_int_equal(read_text("{\"x\":1", 6, seen, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "',' or '}' expected, and the text ends (line 1 column 7)"));
    assert_int_equal(read_text("{}\0", 3, seen, &err), XLSTM_EFORMAT);
    assert_int_equal(read_text("{\"x\":\0}", 7, seen, &err), XLSTM_EFORMAT);
}

/* Brackets of any depth are skipped without recursion. */
static void deep_documents(void **state) {
    enum { DEPTH = 1000000 };
    const char begin[] = "{\"x\":", end[] = ",\"s\":\"after\"}";
    char *text = malloc(sizeof begin + sizeof end + 8 * (size_t)DEPTH), seen[200];
    assert_non_null(text);
    xlstm_error err;
    size_t n = sizeof begin - 1;
    memcpy(text, begin, n);
    for (int i = 0; i < DEPTH; i++) n += (size_t)sprintf(text + n, i % 2 ? "[" : "{\"y\":");
    text[n++] = '0';
    size_t middle = n;
    for (int i = DEPTH; i-- > 0;) text[n++] = i % 2 ? ']' : '}';
    memcpy(text + n, end, sizeof end - 1);
    n += sizeof end - 1;
    assert_int_equal(read_text(text, n, seen, &err), XLSTM_OK);
    assert_string_equal(seen, "<after>");
    text[middle + DEPTH / 2] = text[middle + DEPTH / 2] == ']' ? '}' : ']';
    assert_int_equal(read_text(text, n, seen, &err), XLSTM_EFORMAT);
    assert_int_equal(read_text(text, middle, seen, &err), XLSTM_EFORMAT);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_documents),
        cmocka_unit_test(bad_documents),
        cmocka_unit_test(truncated_documents),
        cmocka_unit_test(deep_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
