/* What a request is told where it cannot be had as it is wanted: wrong ids, a conversation that another one has in
 * hand or that cannot be read, a queue that is full, a server that ends; and clients that go away or do not read.
 */
#include "serve_desk.h"

#define DEMO XL_SOURCE_DIR "/models/tiny-literature"

enum { TEXT = 1 << 16 };

static xlstm_model *model;
static xlstm_tokenizer *tokenizer;
static serve_metrics metrics;
static serve_chat *chat;
static serve_scheduler *scheduler;
static serve_desk desk;
static char *sessions;
static char answer[TEXT];

/* A request on its way. */
typedef struct asked {
    desk_client client;
    serve_exchange *x;
} asked;

static void begin(asked *a, serve_work work, serve_form form, const char *body) {
    desk_client_init(&a->client);
    a->x = serve_exchange_create(&desk, &a->client);
    assert_non_null(a->x);
    desk_ask(a->x, &a->client, form, work, body);
}

static void ask(asked *a, const char *body) {
    begin(a, SERVE_WORK_ANSWER, SERVE_COMPLETION, body);
    serve_exchange_work(a->x);
}

static void leave(asked *a) {
    serve_exchange_close(a->x);
    serve_exchange_release(a->x);
}

/* The code, and the answer in `answer`. The client's memory lives on: an engine may still wake it. */
static int told(asked *a) {
    assert_true(desk_take(a->x, &a->client, answer, sizeof answer));
    const int code = a->x->code;
    leave(a);
    desk_client_clear(&a->client);
    return code;
}

static int at_once(serve_work work, serve_form form, const char *body) {
    asked a;
    begin(&a, work, form, body);
    serve_exchange_work(a.x);
    return told(&a);
}

static void says(const char *what) {
    if (!strstr(answer, what)) fail_msg("'%s' is missing in %s", what, answer);
}

/* Until nobody runs or waits. */
static void until_idle(void) {
    while (serve_scheduler_busy(scheduler)) usleep(1000);
}

/* One that runs until it is cut off. */
#define ENDLESS "\"prompt\": \"Once\", \"max_tokens\": 1000000, \"ignore_eos\": true, \"temperature\": 0"

static void tokens_and_texts(void **state) {
    assert_int_equal(at_once(SERVE_WORK_TOKENIZE, SERVE_PLAIN, "{\"prompt\": \"Once\"}"), 200);
    says("{\"tokens\":[");
    assert_int_equal(at_once(SERVE_WORK_TOKENIZE, SERVE_PLAIN, "{}"), 400);
    says("content: wanted text");
    assert_int_equal(at_once(SERVE_WORK_TOKENIZE, SERVE_PLAIN, ""), 400);
    says("the body is empty");
    assert_int_equal(at_once(SERVE_WORK_DETOKENIZE, SERVE_PLAIN, "{\"tokens\": []}"), 200);
    assert_string_equal(answer, "{\"content\":\"\"}\n");
    static const char *const wrong[][2] = {{"{\"tokens\": 3}", "tokens: wanted a list of ids"},
                                           {"{}", "tokens: wanted a list of ids"},
                                           {"", "the body is empty"},
                                           {"{\"tokens\": [1, \"a\"]}", "tokens[1]: wanted an id from 0 to "},
                                           {"{\"tokens\": [-1]}", "tokens[0]: wanted an id from 0 to "},
                                           {"{\"tokens\": [2147483647]}", "tokens[0]: wanted an id from 0 to "}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(at_once(SERVE_WORK_DETOKENIZE, SERVE_PLAIN, wrong[i][0]), 400);
        says(wrong[i][1]);
    }
}

/* Of several prompts one cannot be had: the answer is that alone, and the others are not continued in vain. */
static void one_of_several(void **state) {
    const uint64_t cancelled = serve_read(&metrics.jobs_cancelled), errors = serve_read(&metrics.request_errors);
    char *body = xl_format(
        "{\"prompt\": [\"Once\", [1], [2147483647], \"a\"], \"max_tokens\": 1000000, \"ignore_eos\": true}");
    assert_int_equal(at_once(SERVE_WORK_ANSWER, SERVE_COMPLETION, body), 400);
    says("id 2147483647, wanted 0 to");
    free(body);
    until_idle();
    assert_int_equal(serve_read(&metrics.jobs_cancelled) - cancelled, 2);
    assert_int_equal(serve_read(&metrics.request_errors) - errors, 1);
}

static void conversations(void **state) {
    asked first;
    ask(&first, "{" ENDLESS ", \"session_id\": \"a\", \"stream\": true}");
    desk_wait(&first.client); /* it runs */
    assert_int_equal(at_once(SERVE_WORK_ANSWER, SERVE_COMPLETION, "{\"prompt\": \"\", \"session_id\": \"a\"}"),
                     409);
    says("another request has this conversation in hand");
    says("\"code\":\"session_in_use\"");
    leave(&first);
    until_idle();
    /* Where its file is to be there is something else; and a key's folder cannot be made. */
    char *folder = xl_path_join(sessions, "b.safetensors");
    assert_int_equal(xl_make_folder(folder, NULL), XLSTM_OK);
    assert_int_equal(at_once(SERVE_WORK_ANSWER, SERVE_COMPLETION, "{\"prompt\": \"x\", \"session_id\": \"b\"}"),
                     500);
    says("b.safetensors");
    free(folder);
    asked other;
    test_put("sessions/0123456789abcdef", "");
    begin(&other, SERVE_WORK_ANSWER, SERVE_COMPLETION, "{\"prompt\": \"x\", \"session_id\": \"c\"}");
    snprintf(other.x->owner, sizeof other.x->owner, "0123456789abcdef");
    serve_exchange_work(other.x);
    assert_int_equal(told(&other), 500);
    says("cannot make folder");
    until_idle();
    desk_client_clear(&first.client);
}

/* Two run, two wait; the next is sent away, and told when to come back. */
static void full_and_closed(void **state) {
    asked four[4], next;
    for (int i = 0; i < 4; i++) ask(&four[i], "{" ENDLESS "}");
    ask(&next, "{" ENDLESS "}");
    assert_true(next.x->retry_after >= 1);
    assert_int_equal(told(&next), 429);
    says("\"code\":\"rate_limit_exceeded\"");
    /* Those that wait and those that run end with their clients. */
    for (int i = 0; i < 4; i++) leave(&four[i]);
    until_idle();
    for (int i = 0; i < 4; i++) desk_client_clear(&four[i].client);
    assert_int_equal(at_once(SERVE_WORK_ANSWER, SERVE_COMPLETION, "{\"prompt\": \"Once\", \"max_tokens\": 1}"),
                     200);
}

static void clients_that_go_or_do_not_read(void **state) {
    /* One that went before its request was looked at costs nothing. */
    const uint64_t tokens = serve_read(&metrics.prompt_tokens); /* counted when a job is begun */
    asked a;
    begin(&a, SERVE_WORK_ANSWER, SERVE_COMPLETION, "{" ENDLESS "}");
    serve_exchange_close(a.x);
    serve_exchange_work(a.x);
    assert_false(serve_scheduler_busy(scheduler));
    serve_exchange_release(a.x);
    desk_client_clear(&a.client);
    assert_int_equal(serve_read(&metrics.prompt_tokens), tokens);
    /* One that takes nothing of its stream is dropped when a megabyte waits for it. */
    const uint64_t slow = serve_read(&metrics.slow_readers);
    ask(&a, "{" ENDLESS ", \"stream\": true, \"logprobs\": 20, \"n\": 2}");
    until_idle();
    assert_int_equal(serve_read(&metrics.slow_readers), slow + 1);
    assert_int_equal(serve_exchange_take(a.x, answer, sizeof answer), -2);
    pthread_mutex_lock(&a.x->lock);
    assert_in_range(a.x->out.size, 1 << 20, 2 << 20);
    pthread_mutex_unlock(&a.x->lock);
    leave(&a);
    desk_client_clear(&a.client);
    /* One that takes little at a time gets all of it. */
    ask(&a, "{\"prompt\": \"Once\", \"stream\": true, \"max_tokens\": 3, \"ignore_eos\": true}");
    desk_wait(&a.client);
    size_t had = 0;
    for (int64_t n; (n = serve_exchange_take(a.x, answer + had, 7)) >= 0; had += (size_t)n) {
        assert_true(n <= 7 && had + 8 < sizeof answer);
        if (!n) desk_wait(&a.client);
    }
    answer[had] = 0;
    assert_string_equal(answer + had - 14, "data: [DONE]\n\n");
    leave(&a);
    desk_client_clear(&a.client);
    until_idle();
}

static void the_server_ends(void **state) {
    serve_scheduler_close(scheduler);
    asked a;
    ask(&a, "{\"prompt\": \"Once\"}");
    assert_int_equal(a.x->retry_after, 5);
    assert_int_equal(told(&a), 503);
    says("the server ends");
}

static int open_all(void **state) {
    xlstm_error err;
    if (test_make_folder(state) || xlstm_model_open(&model, DEMO, NULL, &err) ||
        xlstm_tokenizer_open(&tokenizer, DEMO, &err) || serve_chat_open(&chat, test_folder, &err))
        return -1;
    serve_scheduler_options o = {.model = model,
                                 .tokenizer = tokenizer,
                                 .batch_size = 4,
                                 .slice = 16,
                                 .max_sequences = 2,
                                 .max_queue = 2,
                                 .metrics = &metrics};
    xlstm_settings_init(&o.settings, xlstm_model_hparams(model));
    sessions = test_path("sessions");
    desk = (serve_desk){.tokenizer = tokenizer,
                        .chat = chat,
                        .metrics = &metrics,
                        .model_name = "tiny",
                        .max_tokens = 1000000,
                        .sessions = sessions,
                        .suspend = desk_suspend,
                        .resume = desk_resume};
    if (serve_scheduler_create(&scheduler, &o, &err)) return -1;
    desk.scheduler = scheduler;
    return 0;
}

static int close_all(void **state) {
    serve_scheduler_destroy(scheduler);
    serve_chat_close(chat);
    xlstm_tokenizer_close(tokenizer);
    xlstm_model_close(model);
    free(sessions);
    return test_remove_folder(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_and_texts),
                                       cmocka_unit_test(one_of_several),
                                       cmocka_unit_test(conversations),
                                       cmocka_unit_test(full_and_closed),
                                       cmocka_unit_test(clients_that_go_or_do_not_read),
                                       cmocka_unit_test(the_server_ends)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
