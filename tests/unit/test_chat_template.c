/* Chat templates against what Python's jinja2 makes of them (tools/make_chat_goldens.py), and their limits. */
#include <jansson.h>
#include <xlstm/xlstm.h>

#include "helper.h"

static json_t *goldens;

static int open_goldens(void **state) {
    json_error_t bad;
    goldens = json_load_file(XL_SOURCE_DIR "/tests/data/chat-templates.json", JSON_ALLOW_NUL, &bad);
    if (!goldens) fprintf(stderr, "chat-templates.json: line %d: %s\n", bad.line, bad.text);
    return goldens ? test_make_folder(state) : -1;
}

static int close_goldens(void **state) {
    json_decref(goldens);
    return test_remove_folder(state);
}

/* Compares with the golden text, or its absence. Counts what differs, so that all of it is seen. */
static int differs(const char *name, const xlstm_chat_template *chat, bool prompt, const json_t *variables,
                   const json_t *wanted) {
    char *given = json_dumps(variables, 0), *text = NULL;
    size_t bytes = 0;
    xlstm_error err = {0};
    const int status = xlstm_chat_render(chat, NULL, 0, prompt, given, &text, &bytes, &err);
    int bad = 0;
    if (status && json_is_string(wanted)) {
        print_message("%s: %s\n", name, err.text);
        bad = 1;
    } else if (!status && !json_is_string(wanted)) {
        print_message("%s: made \"%s\", jinja2 refuses it\n", name, text);
        bad = 1;
    } else if (!status &&
               (bytes != json_string_length(wanted) || memcmp(text, json_string_value(wanted), bytes) != 0)) {
        print_message("%s:\n<<%s>>\nwanted\n<<%s>>\n", name, text, json_string_value(wanted));
        bad = 1;
    }
    free(given);
    free(text);
    return bad;
}

static void test_chats(void **state) {
    const json_t *chats = json_object_get(goldens, "chats");
    char *tokens = json_dumps(json_object_get(goldens, "tokens"), 0);
    int bad = 0, cases = 0;
    for (size_t i = 0; i < json_array_size(chats); i++) {
        const json_t *one = json_array_get(chats, i), *list = json_object_get(one, "cases");
        const json_t *source = json_object_get(one, "template");
        const char *name = json_string_value(json_object_get(one, "name"));
        xlstm_chat_template *chat;
        xlstm_error err;
        if (xlstm_chat_template_parse(&chat, json_string_value(source), json_string_length(source), name, tokens,
                                      &err))
            fail_msg("%s", err.text);
        for (size_t k = 0; k < json_array_size(list); k++, cases++) {
            const json_t *c = json_array_get(list, k);
            json_t *variables = json_deep_copy(json_object_get(c, "variables"));
            json_object_set(variables, "messages", json_object_get(c, "messages"));
            bad += differs(name, chat, json_is_true(json_object_get(c, "add_generation_prompt")), variables,
                           json_object_get(c, "text"));
            json_decref(variables);
        }
        xlstm_chat_template_close(chat);
    }
    free(tokens);
    assert_int_equal(bad, 0);
    assert_true(cases > 300);
}

static void check_pieces(const char *key, size_t least) {
    const json_t *list = json_object_get(goldens, key), *data = json_object_get(goldens, "data");
    int bad = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *piece = json_array_get(list, i), *source = json_object_get(piece, "template");
        const json_t *wanted = json_object_get(piece, "text");
        json_t *variables = json_deep_copy(data);
        xlstm_chat_template *chat = NULL;
        xlstm_error err = {0};
        const int status = xlstm_chat_template_parse(&chat, json_string_value(source), json_string_length(source),
                                                     "piece", NULL, &err);
        if (!status) bad += differs(json_string_value(source), chat, false, variables, wanted);
        else if (json_is_string(wanted)) {
            print_message("%s\n  %s\n", json_string_value(source), err.text);
            bad++;
        }
        xlstm_chat_template_close(chat);
        json_decref(variables);
    }
    assert_int_equal(bad, 0);
    assert_true(json_array_size(list) >= least);
}

static void test_pieces(void **state) {
    check_pieces("snippets", 100);
}

static void test_spaces(void **state) {
    check_pieces("spaces", 400);
}

/* ---- messages, refusals and limits ---- */

static int render(const char *source, const xlstm_message *messages, size_t count, const char *variables,
                  char **text, xlstm_error *err) {
    xlstm_chat_template *chat;
    size_t bytes;
    *text = NULL;
    int status = xlstm_chat_template_parse(&chat, source, strlen(source), "t", "{\"bos_token\": \"<s>\"}", err);
    if (status) return status;
    status = xlstm_chat_render(chat, messages, count, true, variables, text, &bytes, err);
    xlstm_chat_template_close(chat);
    return status;
}

static void wants(const char *source, const char *variables, int status, const char *part) {
    char *text;
    xlstm_error err = {0};
    assert_int_equal(render(source, NULL, 0, variables, &text, &err), status);
    if (!strstr(err.text, part)) fail_msg("\"%s\" is not in \"%s\"", part, err.text);
    free(text);
}

static void test_messages(void **state) {
    const xlstm_message messages[] = {{"system", "Be brief."}, {"user", "Hi"}};
    char *text;
    xlstm_error err;
    assert_int_equal(render("{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
                            "{% if add_generation_prompt %}[assistant]{% endif %}{{ tools is none }}{{ kind }}",
                            messages, 2, "{\"kind\": \"x\"}", &text, &err),
                     0);
    assert_string_equal(text, "<s>[system]Be brief.[user]Hi[assistant]Truex");
    free(text);
    const xlstm_message broken[] = {{"user", "a\xff"}};
    assert_int_equal(render("x", broken, 1, NULL, &text, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "message 1: the content is not UTF-8, at byte 1"));
}

/* White space around a number counts for nothing, and what holds none is the default. */
static void test_numbers_in_texts(void **state) {
    char *text;
    xlstm_error err;
    assert_int_equal(
        render("{{ ' 3.5\\n' | float }} {{ '\\t4 ' | int }} {{ '3.5x' | float(7) }}", NULL, 0, NULL, &text, &err),
        0);
    assert_string_equal(text, "3.5 4 7");
    free(text);
}

static void test_refusals(void **state) {
    wants("a\n{% include 'x' %}", NULL, XLSTM_EUNSUPPORTED, "t: line 2: {% include %} is not supported here");
    wants("\n\n{{ 1 | shout }}", NULL, XLSTM_EUNSUPPORTED, "line 3: the filter \"shout\" is not known here");
    wants("{{ 1 is loud }}", NULL, XLSTM_EUNSUPPORTED, "the test \"loud\" is not known here");
    wants("{{ 'a'.shout() }}", NULL, XLSTM_EUNSUPPORTED, "the method \"shout\" is not known here");
    wants("{{ shout() }}", NULL, XLSTM_EUNSUPPORTED, "the function \"shout\" is not known here");
    wants("{{ '%s' % 1 }}", NULL, XLSTM_EUNSUPPORTED, "formatting a text by % is not supported");
    wants("{{ (-8.5) ** 0.5 }}", NULL, XLSTM_EUNSUPPORTED, "a negative number has a broken power");
    wants("{{ 2 ** 200 }}", NULL, XLSTM_EUNSUPPORTED, "too large");
    wants("{{ 'a' | indent(1001) }}", NULL, XLSTM_EUNSUPPORTED, "the width is over 1000");
    wants("{{ [] | tojson(indent=33) }}", NULL, XLSTM_EUNSUPPORTED, "the indent is over 32");
    wants("{{ '1' | int(base=16) }}", NULL, XLSTM_EUNSUPPORTED, "bases other than 10");
    wants("{{ range }}", NULL, XLSTM_EUNSUPPORTED, "a value of type function is used as text");
    wants("{{ 2.5 | round(16) }}", NULL, XLSTM_EUNSUPPORTED, "0 to 15 digits");
    wants("{{ '\\N{DIGIT ONE}' }}", NULL, XLSTM_EUNSUPPORTED, "characters by their names");
    wants("{{ '\\ud800' }}", NULL, XLSTM_EUNSUPPORTED, "U+D800 is no character");
    wants("{{ f(*x) }}", NULL, XLSTM_EUNSUPPORTED, "are not supported");
    wants("{{ a.b.c }}", NULL, XLSTM_EUNSUPPORTED, "\"a\" is undefined");
    wants("{% if x %}\n\n", NULL, XLSTM_EFORMAT, "line 1: the block that begins here has no {% endif %}");
    wants("\n{{ 1", NULL, XLSTM_EFORMAT, "line 2: a tag has no end");
    wants("\n\n{{ raise_exception('no ' ~ 1) }}", NULL, XLSTM_EARG, "t: line 3: no 1");
    wants("x", "[1]", XLSTM_EARG, "variables: wanted a JSON object");
    wants("x", "{", XLSTM_EARG, "variables: line 1");
    wants("a\xff", NULL, XLSTM_EFORMAT, "not UTF-8, at byte 1");
    /* Another sign stands where one is wanted. */
    const char *signs[] = {"{{ (1 2) }}",
                           "{{ x[1 2] }}",
                           "{{ [1 2] }}",
                           "{{ {1, 2} }}",
                           "{{ {1: 2 3: 4} }}",
                           "{{ range(1 2) }}",
                           "{% for x of y %}{% endfor %}",
                           "{% set x 1 %}",
                           "{% macro m x %}{% endmacro %}"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) wants(signs[i], NULL, XLSTM_EFORMAT, "wanted");
    wants("{{ 1 2 }}", NULL, XLSTM_EFORMAT, "wanted \"}}\"");
    wants("{% if x y %}{% endif %}", NULL, XLSTM_EFORMAT, "wanted \"%}\"");
    wants("{{ 99999999999999999999 }}", NULL, XLSTM_EUNSUPPORTED, "too large");
    wants("{{ 9223372036854775807 + 1 }}", NULL, XLSTM_EUNSUPPORTED, "too large");
}

static void test_limits(void **state) {
    wants("{% set l = range(1000) %}{% for a in range(100000) %}{% for b in l %}{% endfor %}{% endfor %}", NULL,
          XLSTM_EUNSUPPORTED, "more than 10000000 steps");
    wants("{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}"
          "{% endfor %}",
          NULL, XLSTM_ENOMEM, "64 MiB");
    wants("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", NULL, XLSTM_EUNSUPPORTED, "nested more than");
    wants("{% set ns = namespace(s=[]) %}{% for a in range(1000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
          NULL, XLSTM_EUNSUPPORTED, "nested more than");
    wants("{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 99999999999 }}", NULL, XLSTM_ENOMEM, "64 MiB");
    wants("{{ range(99999999) }}", NULL, XLSTM_EUNSUPPORTED, "more than 100000 numbers");
    char deep[2000] = "{{ ";
    for (int i = 0; i < 900; i++) strcat(deep, "(");
    wants(deep, NULL, XLSTM_EUNSUPPORTED, "open brackets");
    strcpy(deep, "{{ ");
    for (int i = 0; i < 450; i++) strcat(deep, "not ");
    wants(strcat(deep, "1 }}"), NULL, XLSTM_EUNSUPPORTED, "nested more than");
}

/* ---- from a folder ---- */

static void opens(const char *folder, const char *name, const char *wanted) {
    char *dir = test_path(folder), *text;
    xlstm_chat_template *chat;
    xlstm_error err;
    size_t bytes;
    if (xlstm_chat_template_open(&chat, dir, name, &err)) fail_msg("%s", err.text);
    assert_int_equal(xlstm_chat_render(chat, NULL, 0, false, NULL, &text, &bytes, &err), 0);
    assert_string_equal(text, wanted);
    free(text);
    free(dir);
    xlstm_chat_template_close(chat);
}

static void refuses(const char *folder, const char *name, int status, const char *part) {
    char *dir = test_path(folder);
    xlstm_chat_template *chat;
    xlstm_error err;
    assert_int_equal(xlstm_chat_template_open(&chat, dir, name, &err), status);
    if (!strstr(err.text, part)) fail_msg("\"%s\" is not in \"%s\"", part, err.text);
    free(dir);
}

static void test_folders(void **state) {
    test_put("one/tokenizer_config.json",
             "{\"chat_template\": \"{{ bos_token }}one{{ eos_token }}\", \"bos_token\": "
             "\"<b>\", \"eos_token\": {\"content\": \"<e>\"}, \"other\": NaN}");
    opens("one", NULL, "<b>one<e>");
    opens("one", "default", "<b>one<e>");
    refuses("one", "tools", XLSTM_ENOTFOUND, "has no chat template named tools");
    refuses("one", "no/such.file", XLSTM_ENOTFOUND, "no/such.file");
    refuses("one", "", XLSTM_EARG, "empty");
    test_put("own.jinja", "own {{ bos_token }}");
    char *own = test_path("own.jinja");
    opens("one", own, "own <b>");
    free(own);
    test_put("list/tokenizer_config.json",
             "{\"chat_template\": [{\"name\": \"default\", \"template\": \"d\"}, {\"name\": "
             "\"tool_use\", \"template\": \"t\"}]}");
    opens("list", NULL, "d");
    opens("list", "tool_use", "t");
    refuses("list", "rag", XLSTM_ENOTFOUND, "found the templates default, tool_use, wanted one named rag");
    test_put("file/tokenizer_config.json", "{\"chat_template\": \"config\", \"bos_token\": \"<b>\"}");
    test_put("file/chat_template.jinja", "{{ bos_token }}file\n");
    test_put("file/additional_chat_templates/rag.jinja", "rag");
    opens("file", NULL, "<b>file");
    opens("file", "rag", "rag");
    test_put("none/tokenizer_config.json", "{\"chat_template\": null}");
    refuses("none", NULL, XLSTM_ENOTFOUND, "has no chat template");
    test_put("empty/x", "");
    refuses("empty", NULL, XLSTM_ENOTFOUND, "has no chat template");
    test_put("wrong/tokenizer_config.json", "{\"chat_template\": 5}");
    refuses("wrong", NULL, XLSTM_EFORMAT, "wanted a text or a list of named ones");
    test_put("bad/chat_template.jinja", "a\n{% if %}");
    refuses("bad", NULL, XLSTM_EFORMAT, "bad/chat_template.jinja: line 2: found \"%}\", wanted an expression");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chats),    cmocka_unit_test(test_pieces),           cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_numbers_in_texts), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests(tests, open_goldens, close_goldens);
}
