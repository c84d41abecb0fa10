/* From the body of a request to tokens: prompts as text and as ids, conversations with a template, without one and
 * with one that cannot be used, and what becomes of them where memory runs out. */
#include "failing_memory.h"
#include "server/prompt.h"

#define DEMO XL_SOURCE_DIR "/models/tiny-literature"
#define TALK                                                                                                       \
    "{\"messages\": [{\"role\": \"system\", \"content\": \"be brief\"}, {\"role\": \"user\", \"content\": "        \
    "\"hi\"}]}"

static xlstm_tokenizer *tokenizer;

static serve_body body_of(serve_form form, const char *json) {
    serve_body b;
    serve_refusal why = {0};
    if (!serve_body_read(&b, form, json, strlen(json), 50, &why)) fail_msg("%s: %s", json, why.text);
    return b;
}

static void clear(serve_job *job) {
    serve_stops_clear(&job->params.stops);
    free(job->ids);
    free(job->marks);
    *job = (serve_job){.count = 0};
}

/* The ids of a job are those of the text. */
static void assert_text(const serve_job *job, const char *text, bool bos) {
    int32_t *ids;
    size_t count;
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, text, strlen(text), bos, &ids, &count, NULL), XLSTM_OK);
    assert_int_equal(job->count, count);
    assert_memory_equal(job->ids, ids, count * sizeof *ids);
    free(ids);
}

static serve_chat *opened(const char *folder) {
    serve_chat *chat;
    xlstm_error err;
    char *dir = test_path(folder);
    if (serve_chat_open(&chat, dir, &err)) fail_msg("%s", err.text);
    free(dir);
    return chat;
}

static void prompts(void **state) {
    serve_chat *chat = opened("plain");
    serve_body b = body_of(SERVE_COMPLETION, "{\"prompt\": [\"It was\", [3, 4], []]}");
    serve_job job = {.count = 0};
    serve_refusal why;
    assert_true(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_text(&job, "It was", true);
    assert_int_equal(job.bos, xlstm_tokenizer_bos(tokenizer));
    clear(&job);
    assert_true(serve_prompt_fill(&job, &b, 1, chat, tokenizer, &why));
    assert_true(job.count == 2 && job.ids[0] == 3 && job.ids[1] == 4);
    assert_int_equal(job.mark_count, 0);
    clear(&job);
    assert_true(serve_prompt_fill(&job, &b, 2, chat, tokenizer, &why));
    assert_int_equal(job.count, 0);
    clear(&job);
    serve_body_clear(&b);
    serve_chat_close(chat);
}

static void conversations(void **state) {
    serve_job job = {.count = 0};
    serve_refusal why;
    /* Without a template the answer ends before the user's next line, and the system message is marked. */
    serve_chat *chat = opened("plain");
    serve_body b = body_of(SERVE_CHAT, TALK);
    assert_null(serve_chat_problem(chat));
    assert_true(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_text(&job, "be brief\nUser: hi\nAssistant:", true);
    assert_int_equal(job.params.stops.count, 1);
    assert_int_equal(job.mark_count, 1);
    assert_in_range(job.marks[0], 2, job.count - 1);
    clear(&job);
    serve_body_clear(&b);
    /* Where there is no more room for a stop the client's own stay. Nothing is marked without a system message. */
    b = body_of(SERVE_CHAT, "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"Bot\"}]}");
    while (job.params.stops.count < SERVE_STOPS_MAX) assert_true(serve_stops_add(&job.params.stops, "x", 1));
    assert_true(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_text(&job, "User: a\nBot: \nAssistant:", true);
    assert_int_equal(job.params.stops.count, SERVE_STOPS_MAX);
    assert_int_equal(job.mark_count, 0);
    clear(&job);
    serve_body_clear(&b);
    /* A system message alone is not the beginning of another conversation. */
    b = body_of(SERVE_CHAT, "{\"messages\": [{\"role\": \"system\", \"content\": \"be brief\"}]}");
    assert_true(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_int_equal(job.mark_count, 0);
    clear(&job);
    serve_body_clear(&b);
    serve_chat_close(chat);
    /* With a template it writes BOS itself, and refuses in its own words. */
    chat = opened("template");
    b = body_of(SERVE_CHAT, TALK);
    assert_true(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_text(&job, "<system>be brief<user>hi<answer>", false);
    assert_int_equal(job.params.stops.count, 0);
    assert_int_equal(job.mark_count, 1);
    clear(&job);
    serve_body_clear(&b);
    b = body_of(SERVE_CHAT, "{\"messages\": [{\"role\": \"tool\", \"content\": \"x\"}]}");
    assert_false(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_int_equal(why.code, 400);
    assert_non_null(strstr(why.text, "no tools here"));
    clear(&job);
    serve_chat_close(chat);
    /* One that cannot be used refuses every conversation, and says why. */
    chat = opened("broken");
    assert_non_null(serve_chat_problem(chat));
    assert_false(serve_prompt_fill(&job, &b, 0, chat, tokenizer, &why));
    assert_int_equal(why.code, 501);
    assert_string_equal(why.text, serve_chat_problem(chat));
    clear(&job);
    serve_body_clear(&b);
    serve_chat_close(chat);
    serve_chat_close(NULL);
}

typedef struct asked {
    serve_chat *chat;
    serve_body body;
    const char *text;
    bool bos;
    char *dir;
    bool problem;
} asked;

static int fill_job(void *user, xlstm_error *err) {
    asked *a = user;
    serve_job job = {.count = 0};
    serve_refusal why = {0};
    const bool ok = serve_prompt_fill(&job, &a->body, 0, a->chat, tokenizer, &why);
    if (ok) assert_true(job.count > 5);
    else if (why.code != 503) fail_msg("want of memory is told as %d: %s", why.code, why.text);
    clear(&job);
    snprintf(err->text, sizeof err->text, "%s", why.text);
    return ok ? XLSTM_OK : XLSTM_ENOMEM;
}

/* A template that is there is never passed over. */
static int open_chat(void *user, xlstm_error *err) {
    const asked *a = user;
    serve_chat *chat;
    const int status = serve_chat_open(&chat, a->dir, err);
    if (status) {
        assert_null(chat);
        return status;
    }
    serve_refusal why;
    serve_job job = {.count = 0};
    const long failing = atomic_exchange(&memory_left, 0);
    const bool ok = serve_prompt_fill(&job, &a->body, 0, chat, tokenizer, &why);
    if (a->text) assert_text(&job, a->text, a->bos);
    assert_int_equal(ok, a->text != NULL);
    assert_int_equal(serve_chat_problem(chat) != NULL, a->text == NULL);
    clear(&job);
    memory_fail_at(failing);
    serve_chat_close(chat);
    return status;
}

static void memory(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    static const char *const folders[] = {"plain", "template", "broken"}, *const texts[] = {
                                                                              "be brief\nUser: hi\nAssistant:",
                                                                              "<system>be brief<user>hi<answer>",
                                                                              NULL};
    for (int i = 0; i < 3; i++) {
        asked a = {
            .body = body_of(SERVE_CHAT, TALK), .text = texts[i], .bos = i == 0, .dir = test_path(folders[i])};
        assert_true(memory_each_fails("open", open_chat, &a, true, NULL).told >= 1);
        a.chat = opened(folders[i]);
        if (i < 2) assert_true(memory_each_fails("fill", fill_job, &a, true, NULL).told >= 3);
        serve_chat_close(a.chat);
        serve_body_clear(&a.body);
        free(a.dir);
    }
}

static int open_all(void **state) {
    xlstm_error err;
    if (test_make_folder(state)) return -1;
    test_put("plain/config.json", "{}");
    test_put("template/chat_template.jinja",
             "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
             "<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}");
    test_put("broken/chat_template.jinja", "{% for m in %}");
    return xlstm_tokenizer_open(&tokenizer, DEMO, &err);
}

static int close_all(void **state) {
    xlstm_tokenizer_close(tokenizer);
    return test_remove_folder(state);
}

int main(void) {
    memory_spare_json();
    const struct CMUnitTest tests[] = {cmocka_unit_test(prompts), cmocka_unit_test(conversations),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
