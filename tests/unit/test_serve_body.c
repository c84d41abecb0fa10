/* Requests as anyone may write them: what each key may be, what is said where it is something else, and that no
 * failing allocation goes unnoticed. Also whose requests are taken. */
#include "failing_memory.h"
#include "server/access.h"
#include "server/body.h"

enum { MOST = 50 };

static bool reads(serve_body *b, serve_form form, const char *json, serve_refusal *why) {
    return serve_body_read(b, form, json, strlen(json), MOST, why);
}

/* Read in a form, with a prompt or messages before `members`. */
static bool reads_with(serve_body *b, serve_form form, const char *members, serve_refusal *why) {
    char *json = xl_format("{%s%s%s}",
                           form == SERVE_CHAT ? "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"
                                              : "\"prompt\": \"hi\"",
                           *members ? ", " : "", members);
    const bool ok = reads(b, form, json, why);
    free(json);
    return ok;
}

static void wrong_values_are_named(void **state) {
    static const char *const wrong[][3] = {
        {"\"temperature\": \"hot\"", "temperature", "wanted a number from 0 to 100"},
        {"\"temperature\": 100.5", "temperature", "wanted a number from 0 to 100"},
        {"\"temperature\": -1", "temperature", "wanted a number from 0 to 100"},
        {"\"top_p\": 1.5", "top_p", "wanted a number from 0 to 1"},
        {"\"min_p\": []", "min_p", "wanted a number from 0 to 1"},
        {"\"top_k\": -2", "top_k", "wanted a whole number from -1"},
        {"\"top_k\": 2.5", "top_k", "wanted a whole number"},
        {"\"top_k\": 1e300", "top_k", "wanted a whole number"},
        {"\"repetition_penalty\": 0", "repetition_penalty", "from 0.01 to 100"},
        {"\"repeat_penalty\": 101", "repeat_penalty", "from 0.01 to 100"},
        {"\"repeat_last_n\": true", "repeat_last_n", "wanted a whole number"},
        {"\"seed\": \"x\"", "seed", "wanted a whole number"},
        {"\"n\": 0", "n", "wanted a whole number from 1"},
        {"\"n\": 1000", "n", "wanted a whole number from 1"},
        {"\"best_of\": 2", "best_of", "more than n is not supported"},
        {"\"n_predict\": -3", "n_predict", "wanted a whole number from -2"},
        {"\"max_tokens\": -2", "max_tokens", "wanted a whole number from"},
        {"\"max_completion_tokens\": -1", "max_completion_tokens", "wanted a whole number from 0"},
        {"\"stop\": 4", "stop", "wanted a string, or a list of strings"},
        {"\"stop\": [\"a\", null]", "stop", "wanted a string, or a list of strings"},
        {"\"stop\": "
         "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\","
         "\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]",
         "stop", "wanted at most"},
        {"\"stream\": 1", "stream", "wanted true or false"},
        {"\"ignore_eos\": \"no\"", "ignore_eos", "wanted true or false"},
        {"\"cache_prompt\": 0", "cache_prompt", "wanted true or false"},
        {"\"stream_options\": true", "stream_options", "wanted an object"},
        {"\"stream_options\": {}", "stream_options", "wanted together with"},
        {"\"stream\": true, \"stream_options\": {\"include_usage\": 3}", "include_usage", "wanted true or false"},
        {"\"session_id\": \"\"", "session_id", "wanted 1 to 64 letters"},
        {"\"session_id\": \".hidden\"", "session_id", "not beginning with '.'"},
        {"\"session_id\": \"a/b\"", "session_id", "wanted 1 to 64 letters"},
        {"\"session_id\": \"a\\u0000b\"", "session_id", "wanted 1 to 64 letters"},
        {"\"session_id\": 7", "session_id", "wanted 1 to 64 letters"},
        {"\"session_from\": \"0123456789012345678901234567890123456789012345678901234567890123x\"", "session_from",
         "wanted 1 to 64 letters"},
        {"\"session_id\": \"a\", \"n\": 2", "session_id", "one prompt and n = 1"},
        {"\"session_from\": \"a\", \"n\": 2", "session_id", "one prompt and n = 1"},
        {"\"tools\": [1]", "tools", "not supported"},
        {"\"grammar\": \"root\"", "grammar", "not supported"},
        {"\"logit_bias\": {\"1\": 2}", "logit_bias", "not supported"},
        {"\"suffix\": 3", "suffix", "not supported"},
        {"\"guided_json\": {\"type\": \"object\"}", "guided_json", "not supported"},
        {"\"guided_regex\": \"a+\"", "guided_regex", "not supported"},
        {"\"structured_outputs\": {\"choice\": [\"a\"]}", "structured_outputs", "not supported"},
        {"\"chat_template\": \"x\"", "chat_template", "not supported"},
        {"\"stop_token_ids\": [7]", "stop_token_ids", "not supported"},
        {"\"allowed_token_ids\": [7]", "allowed_token_ids", "not supported"},
        {"\"bad_words\": [\"no\"]", "bad_words", "not supported"},
        {"\"min_tokens\": 5", "min_tokens", "wanted 0"},
        {"\"presence_penalty\": 0.5", "presence_penalty", "wanted 0"},
        {"\"mirostat\": \"0\"", "mirostat", "wanted 0"},
        {"\"response_format\": {\"type\": \"json_object\"}", "response_format", "only {\"type\": \"text\"}"},
        {"\"response_format\": {\"type\": 1}", "response_format", "only {\"type\": \"text\"}"},
        {"\"echo\": true", "echo", "not supported"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (serve_form form = SERVE_COMPLETION; form <= SERVE_PLAIN; form++) {
            serve_body b;
            serve_refusal why = {0};
            if (reads_with(&b, form, wrong[i][0], &why)) fail_msg("%s is read", wrong[i][0]);
            if (why.code != 400 || strcmp(why.param, wrong[i][1]) != 0 || !strstr(why.text, wrong[i][2]))
                fail_msg("%s: %d %s: %s", wrong[i][0], why.code, why.param, why.text);
            assert_string_equal(why.type, "invalid_request_error");
            assert_int_equal(b.prompt_count, 0);
            assert_null(b.messages);
        }
    }
}

static void what_is_not_used_may_be_there(void **state) {
    static const char *const fine[] = {
        "\"tools\": [], \"functions\": null, \"grammar\": \"\", \"logit_bias\": {}, \"presence_penalty\": 0.0",
        "\"response_format\": {\"type\": \"text\"}, \"echo\": false",
        "\"response_format\": {}, \"user\": \"u\"",
        "\"stop\": [], \"stop \": 3",
        "\"temperature\": null, \"stream_options\": null",
        ""};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        for (serve_form form = SERVE_COMPLETION; form <= SERVE_PLAIN; form++) {
            serve_body b;
            serve_refusal why = {0};
            if (!reads_with(&b, form, fine[i], &why)) fail_msg("%s: %s", fine[i], why.text);
            assert_int_equal(b.params.max_tokens, form == SERVE_COMPLETION ? 16 : MOST);
            assert_int_equal(b.params.top_logprobs, -1);
            assert_false(b.seeded || b.stream || b.usage || b.no_cache || b.params.ignore_eos);
            assert_true(b.params.sampling.temperature == (form == SERVE_PLAIN ? 0.8 : 1));
            assert_int_equal(b.params.sampling.top_k, form == SERVE_PLAIN ? 40 : 0);
            serve_body_clear(&b);
        }
    }
}

static void values_arrive(void **state) {
    serve_body b;
    serve_refusal why = {0};
    assert_true(
        reads_with(&b, SERVE_COMPLETION,
                   "\"temperature\": 0, \"top_p\": 0, \"min_p\": 0.25, \"top_k\": 16.0, \"seed\": -1, "
                   "\"repeat_penalty\": 1.5, \"repeat_last_n\": -1, \"max_tokens\": 7, \"n\": 3, "
                   "\"best_of\": 3, \"stop\": [\"\", \"end\"], \"logprobs\": 2, \"ignore_eos\": true, "
                   "\"cache_prompt\": false, \"stream\": true, \"stream_options\": {\"include_usage\": true}",
                   &why));
    const xlstm_sampling *s = &b.params.sampling;
    assert_true(s->temperature == 0 && s->top_p > 0 && s->top_p < 1e-6 && s->min_p == 0.25);
    assert_true(s->repetition_penalty == 1.5 && s->repeat_last_n == -1 && s->top_k == 16);
    assert_true(b.seeded && s->seed == UINT64_MAX && b.no_cache && b.stream && b.usage);
    assert_true(b.params.ignore_eos && !b.params.keep_eos);
    assert_int_equal(b.params.max_tokens, 7);
    assert_int_equal(b.params.n, 3);
    assert_int_equal(b.params.top_logprobs, 2);
    assert_int_equal(b.prompt_count, 1);
    assert_string_equal(b.prompts[0].text, "hi");
    serve_body_clear(&b);
    static const struct {
        serve_form form;
        const char *members;
        int64_t tokens;
        int logprobs;
        bool seeded;
    } cases[] = {{SERVE_PLAIN, "\"seed\": -1, \"n_predict\": -1", MOST, -1, false},
                 {SERVE_PLAIN, "\"seed\": 5, \"n_predict\": -2", MOST, -1, true},
                 {SERVE_PLAIN, "\"max_tokens\": -1, \"logprobs\": true", MOST, 0, false},
                 {SERVE_COMPLETION, "\"max_tokens\": 51, \"logprobs\": false", MOST, -1, false},
                 {SERVE_COMPLETION, "\"max_tokens\": 0, \"logprobs\": 0", 0, 0, false},
                 {SERVE_CHAT, "\"max_tokens\": 4, \"max_completion_tokens\": 5, \"logprobs\": true", 5, 0, false},
                 {SERVE_CHAT, "\"logprobs\": true, \"top_logprobs\": 3", MOST, 3, false},
                 {SERVE_CHAT, "\"logprobs\": false, \"top_logprobs\": 0", MOST, -1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!reads_with(&b, cases[i].form, cases[i].members, &why)) fail_msg("%s: %s", cases[i].members, why.text);
        if (b.params.max_tokens != cases[i].tokens || b.params.top_logprobs != cases[i].logprobs ||
            b.seeded != cases[i].seeded)
            fail_msg("%s: %d tokens, %d, %d", cases[i].members, (int)b.params.max_tokens, b.params.top_logprobs,
                     b.seeded);
        assert_int_equal(b.params.keep_eos, cases[i].form == SERVE_CHAT);
        serve_body_clear(&b);
    }
    assert_false(reads_with(&b, SERVE_CHAT, "\"top_logprobs\": 3", &why));
    assert_non_null(strstr(why.text, "together with \"logprobs\": true"));
    assert_false(reads_with(&b, SERVE_CHAT, "\"logprobs\": 3", &why));
    assert_false(reads_with(&b, SERVE_COMPLETION, "\"logprobs\": 1000", &why));
}

static void prompts_and_messages(void **state) {
    serve_body b;
    serve_refusal why = {0};
    assert_true(reads(&b, SERVE_COMPLETION, "{\"prompt\": [3, 4]}", &why));
    assert_int_equal(b.prompt_count, 1);
    assert_int_equal(b.prompts[0].count, 2);
    assert_int_equal(b.prompts[0].ids[1], 4);
    serve_body_clear(&b);
    assert_true(reads(&b, SERVE_COMPLETION, "{\"prompt\": [\"a\\u0000b\", [5], [], \"\"]}", &why));
    assert_int_equal(b.prompt_count, 4);
    assert_int_equal(b.prompts[0].bytes, 3);
    assert_int_equal(b.prompts[1].ids[0], 5);
    assert_true(b.prompts[2].count == 0 && b.prompts[3].bytes == 0 && b.prompts[3].text);
    serve_body_clear(&b);
    assert_true(
        reads(&b, SERVE_CHAT,
              "{\"messages\": [{\"role\": \"developer\", \"content\": [{\"type\": \"text\", \"text\": \"a\"},"
              "{\"type\": \"text\", \"text\": \"b\"}]}, {\"role\": \"tool\"}], "
              "\"chat_template_kwargs\": {\"x\": 1}}",
              &why));
    json_t *wanted =
        json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", "ab", "role", "tool", "content", "");
    assert_true(json_equal(b.messages, wanted));
    assert_string_equal(b.variables, "{\"x\":1}");
    json_decref(wanted);
    serve_body_clear(&b);
    /* A mark of byte order before the body, as some programs on Windows send it, is passed over. */
    assert_true(reads(&b, SERVE_COMPLETION, "\xEF\xBB\xBF{\"prompt\": \"hi\"}", &why));
    assert_string_equal(b.prompts[0].text, "hi");
    serve_body_clear(&b);
    static const char *const bad[][3] = {
        {"", "{}", "prompt: missing"},
        {"", "{\"prompt\": null}", "prompt: missing"},
        {"", "{\"prompt\": []}", "wanted a list of 1 to 32 prompts"},
        {"", "{\"prompt\": {}}", "wanted text, or a list of ids"},
        {"", "{\"prompt\": [\"a\", 3]}", "wanted text, or a list of ids"},
        {"", "{\"prompt\": [3, \"a\"]}", "token 1 is no id of a token"},
        {"", "{\"prompt\": [3, -1]}", "token 1 is no id of a token"},
        {"", "{\"prompt\": [2147483648]}", "token 0 is no id of a token"},
        {"", "{\"prompt\": [0,\"a\"]}", "token 1 is no id"},
        {"", "{\"prompt\": [\"a\", \"b\"], \"session_id\": \"x\"}", "one prompt and n = 1"},
        {"", "[]", "not an object"},
        {"", "", "empty"},
        {"", "{\"prompt\": \"a\", \"prompt\": \"b\"}", "not JSON"},
        {"chat", "{}", "at least one message"},
        {"chat", "{\"messages\": []}", "at least one message"},
        {"chat", "{\"messages\": \"hi\"}", "at least one message"},
        {"chat", "{\"messages\": [\"hi\"]}", "messages[0].role: wanted a text"},
        {"chat", "{\"messages\": [{\"role\": \"\"}]}", "messages[0].role: wanted a text"},
        {"chat", "{\"messages\": [{\"role\": \"u\\u0000\"}]}", "messages[0].role: wanted a text"},
        {"chat", "{\"messages\": [{\"role\": \"123456789012345678901234567890123\"}]}", "messages[0].role"},
        {"chat", "{\"messages\": [{\"role\": \"user\"}, {\"role\": 1}]}", "messages[1].role: wanted a text"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"content\": 1}]}", "messages[0].content: wanted text"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\\u0000\"}]}", "without NUL"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}",
         "of type text"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]}", "of type text"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": 1, \"text\": \"\"}]}]}",
         "of type text"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"content\": [\"a\"]}]}", "of type text"},
        {"chat", "{\"messages\": [{\"role\": \"user\", \"tool_calls\": [1]}]}", "tool_calls is not supported"},
        {"chat", "{\"messages\": [{\"role\": \"user\"}], \"chat_template_kwargs\": []}", "wanted an object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (reads(&b, *bad[i][0] ? SERVE_CHAT : SERVE_COMPLETION, bad[i][1], &why))
            fail_msg("%s is read", bad[i][1]);
        if (why.code != 400 || !strstr(why.text, bad[i][2])) fail_msg("%s: %s", bad[i][1], why.text);
    }
}

/* What is refused is said in the form of OpenAI's errors, whatever bytes it quotes. */
static void refusals(void **state) {
    serve_refusal why;
    assert_false(serve_refuse(&why, 404, "not_found", "model", "no model '%s'", "a\xff\"\n"));
    why.name = "model_not_found";
    char *text = serve_refusal_json(&why);
    json_t *j = json_loads(text, 0, NULL), *error = json_object_get(j, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), "not_found");
    assert_string_equal(json_string_value(json_object_get(error, "param")), "model");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "model_not_found");
    assert_non_null(strstr(json_string_value(json_object_get(error, "message")), "no model 'a"));
    json_decref(j);
    free(text);
}

static int read_chat(void *user, xlstm_error *err) {
    serve_body b;
    serve_refusal why = {0};
    if (reads(&b, SERVE_CHAT, user, &why)) {
        assert_int_equal(json_array_size(b.messages), 1);
        serve_body_clear(&b);
        return XLSTM_OK;
    }
    if (why.code != 503) fail_msg("want of memory is taken for a mistake of the client: %d %s", why.code, why.text);
    snprintf(err->text, sizeof err->text, "%s", why.text);
    return XLSTM_ENOMEM;
}

static int read_completion(void *user, xlstm_error *err) {
    serve_body b;
    serve_refusal why = {0};
    if (reads(&b, SERVE_COMPLETION, user, &why)) {
        assert_int_equal(b.prompt_count, 3);
        serve_body_clear(&b);
        return XLSTM_OK;
    }
    if (why.code != 503) fail_msg("want of memory is taken for a mistake of the client: %d %s", why.code, why.text);
    snprintf(err->text, sizeof err->text, "%s", why.text);
    return XLSTM_ENOMEM;
}

static char *keys_file;

static int read_keys(void *user, xlstm_error *err) {
    serve_access *a = NULL;
    const int status = serve_access_create(&a, keys_file, "environment-key", err);
    if (status) assert_null(a);
    else assert_int_equal(serve_access_count(a), 12);
    serve_access_destroy(a);
    return status;
}

static void memory(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    char chat[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}]}], \"stop\": "
        "[\"x\", \"y\"], \"chat_template_kwargs\": {}}",
         completion[] = "{\"prompt\": [\"a\", [1, 2], \"c\"], \"stop\": \"z\"}";
    assert_true(memory_each_fails("chat", read_chat, chat, true, NULL).told >= 2);
    assert_true(memory_each_fails("completion", read_completion, completion, true, NULL).told >= 3);
    char lines[512] = "# keys\n\n";
    for (int i = 0; i < 11; i++) snprintf(lines + strlen(lines), 64, " key-number-%d \r\n", i);
    test_put("keys", lines);
    keys_file = test_path("keys");
    assert_true(memory_each_fails("keys", read_keys, NULL, true, NULL).told >= 4);
    free(keys_file);
}

static void keys(void **state) {
    static const struct {
        const char *file, *key;
        int status;
        const char *says;
    } bad[] = {{"short\n", NULL, XLSTM_EFORMAT, "line 1: a key of 5 characters, wanted at least 8"},
               {"# only\n\n \t\r\n", NULL, XLSTM_EFORMAT, "holds no key"},
               {"good-enough\ntwo words here\n", NULL, XLSTM_EFORMAT, "line 2: a key holds a space"},
               {"good-enough\nwith\x7f delete", NULL, XLSTM_EFORMAT, "line 2: a key holds a space or control"},
               {NULL, "short", XLSTM_EFORMAT, "XLTUNE_API_KEY: line 1: a key of 5 characters"},
               {NULL, "has a space", XLSTM_EFORMAT, "XLTUNE_API_KEY"}};
    xlstm_error err;
    serve_access *a;
    char *path = test_path("some keys"), *none = test_path("no keys"), owner[17], other[17];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bad[i].file) test_put("some keys", bad[i].file);
        assert_int_equal(serve_access_create(&a, bad[i].file ? path : NULL, bad[i].key, &err), bad[i].status);
        assert_null(a);
        if (!strstr(err.text, bad[i].says)) fail_msg("found \"%s\"", err.text);
    }
    assert_int_equal(serve_access_create(&a, none, NULL, &err), XLSTM_ENOTFOUND);
    assert_int_equal(serve_access_create(&a, NULL, "", &err), XLSTM_OK);
    assert_int_equal(serve_access_count(a), 0);
    serve_access_destroy(a);
    test_put("some keys", "first-key\n  second-key  ");
    assert_int_equal(serve_access_create(&a, path, "third-key", &err), XLSTM_OK);
    assert_int_equal(serve_access_count(a), 3);
    assert_true(serve_access_allows(a, "Bearer first-key", owner));
    assert_true(serve_access_allows(a, "bearer   second-key", other));
    assert_string_not_equal(owner, other);
    assert_true(serve_access_allows(a, "third-key", other));
    assert_int_equal(strlen(owner), 16);
    static const char *const strangers[] = {
        "Bearer first-ke", "Bearer first-keys", "Basic first-key", "Bearer ", "", NULL};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        assert_false(serve_access_allows(a, strangers[i], other));
    serve_access_destroy(a);
    free(none);
    free(path);
}

static void who_is_local(void **state) {
    static const struct {
        const char *host, *origin;
        bool local;
    } cases[] = {{NULL, NULL, true},
                 {"127.0.0.1:8080", NULL, true},
                 {"localhost", NULL, true},
                 {"LOCALHOST:1", NULL, true},
                 {"[::1]:8080", NULL, true},
                 {"127.1.2.3", "http://localhost:3000", true},
                 {"127.0.0.1", "https://[::1]", true},
                 {"evil.example", NULL, false},
                 {"127.0.0.1.evil.example", NULL, false},
                 {"localhost.evil.example:8080", NULL, false},
                 {"localhost:80x", NULL, false},
                 {"localhost/x", NULL, false},
                 {"[::1", NULL, false},
                 {"[::2]", NULL, false},
                 {"", NULL, false},
                 {"0123456789012345678901234567890123456789012345678901234567890123", NULL, false},
                 {"localhost", "http://evil.example", false},
                 {"localhost", "https://evil.example", false},
                 {"localhost", "null", false},
                 {"localhost", "file://localhost", false},
                 {"localhost", "", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (serve_access_is_local(cases[i].host, cases[i].origin) != cases[i].local) fail_msg("case %d", (int)i);
    }
    assert_true(serve_access_is_loopback("::1"));
    assert_false(serve_access_is_loopback("0.0.0.0"));
    assert_false(serve_access_is_loopback("127.x"));
}

int main(void) {
    memory_spare_json();
    const struct CMUnitTest tests[] = {cmocka_unit_test(wrong_values_are_named),
                                       cmocka_unit_test(what_is_not_used_may_be_there),
                                       cmocka_unit_test(values_arrive),
                                       cmocka_unit_test(prompts_and_messages),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory),
                                       cmocka_unit_test(keys),
                                       cmocka_unit_test(who_is_local)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
