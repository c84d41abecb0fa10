/* Requests to the server where memory runs out: each allocation fails in turn while the engine starts, reads a
 * prompt, continues it, and keeps or fetches states. The client is told, or its connection is closed, or nothing is
 * missing from its answer; nothing stays in memory. */
#include "failing_memory.h"
#include "serve_desk.h"
#include "server/scheduler.h"

#define DEMO XL_SOURCE_DIR "/models/tiny-literature"

enum { TEXT = 1 << 14 };

static xlstm_model *model;
static xlstm_tokenizer *tokenizer;
static serve_metrics metrics;

/* ---- a job, without a network ---- */

typedef struct run {
    /* What is asked. */
    const char *prompt;
    int n, top_logprobs;
    double temperature, penalty;
    const char *stop, *load, *save, *cache; /* the last three: names in the test's folder; NULL: none */
    bool again;                             /* the same prompt a second time */
    char *wanted;                           /* text of all choices; NULL: not known yet */
    /* What came. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[8][TEXT];
    int status;
    char error[200];
    bool over;
} run;

static void deliver(void *user, const serve_job *job, const serve_piece *p) {
    (void)job;
    run *r = user;
    pthread_mutex_lock(&r->lock);
    if (p->choice >= 0) strncat(r->text[p->choice], p->text ? p->text : "", p->bytes);
    if (p->finish == SERVE_FAILED) {
        r->status = p->err->status;
        snprintf(r->error, sizeof r->error, "%.199s", p->err->text);
    }
    if (p->last) r->over = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static serve_job *job_of(const run *r) {
    serve_job *job = serve_job_create();
    assert_non_null(job);
    assert_int_equal(
        xlstm_tokenizer_encode(tokenizer, r->prompt, strlen(r->prompt), true, &job->ids, &job->count, NULL),
        XLSTM_OK);
    job->params.max_tokens = 3;
    job->params.n = r->n ? r->n : 1;
    job->params.top_logprobs = r->top_logprobs;
    job->params.sampling.temperature = r->temperature;
    job->params.sampling.repetition_penalty = r->penalty > 0 ? r->penalty : 1;
    if (r->stop) assert_true(serve_stops_add(&job->params.stops, r->stop, strlen(r->stop)));
    job->load_path = r->load ? test_path(r->load) : NULL;
    job->save_path = r->save ? test_path(r->save) : NULL;
    job->must_load = r->load != NULL;
    job->deliver = deliver;
    job->user = (void *)(uintptr_t)r;
    return job;
}

static serve_scheduler_options options_of(const char *cache_folder) {
    serve_scheduler_options o = {.model = model,
                                 .tokenizer = tokenizer,
                                 .batch_size = 4,
                                 .slice = 16,
                                 .max_sequences = 8,
                                 .max_queue = 4,
                                 .cache_bytes = cache_folder ? 64 << 20 : 0,
                                 .cache_folder = cache_folder,
                                 .cache_folder_bytes = 64 << 20,
                                 .metrics = &metrics};
    xlstm_settings_init(&o.settings, xlstm_model_hparams(model));
    xlstm_settings_set(&o.settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    xlstm_settings_set(&o.settings, XLSTM_TUNE_WORKERS, 1);
    xlstm_settings_set(&o.settings, XLSTM_TUNE_DECODE_WORKERS, 1);
    return o;
}

/* The client's own memory suffices. */
static long spare(void) {
    return atomic_exchange(&memory_left, 0);
}

static int answer_job(run *r, serve_scheduler *s, xlstm_error *err) {
    const long failing = spare();
    serve_job *job = job_of(r);
    r->over = false;
    r->status = XLSTM_OK;
    memset(r->text, 0, sizeof r->text);
    memory_fail_at(failing);
    int status = serve_scheduler_submit(s, job, err);
    pthread_mutex_lock(&r->lock);
    while (!status && !r->over) pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
    serve_job_release(job);
    if (!status && r->status) {
        status = r->status;
        snprintf(err->text, sizeof err->text, "%s", r->error);
    }
    return status;
}

static int start_and_answer(void *user, xlstm_error *err) {
    run *r = user;
    long failing = spare();
    char *cache = r->cache ? test_path(r->cache) : NULL;
    const serve_scheduler_options o = options_of(cache);
    serve_scheduler *s = NULL;
    memory_fail_at(failing);
    int status = serve_scheduler_create(&s, &o, err);
    if (status) assert_null(s);
    for (int i = 0; i <= r->again && !status; i++) status = answer_job(r, s, err);
    serve_scheduler_destroy(s);
    failing = spare();
    free(cache);
    if (status) {
        /* Threads are made of memory too. */
        if (status != XLSTM_ENOMEM && !strstr(err->text, "no thread")) fail_msg("status %d: %s", status, err->text);
    } else {
        char *all = xl_format("%s|%s|%s", r->text[0], r->text[1], r->text[2]);
        if (!r->wanted) r->wanted = strdup(all);
        assert_string_equal(all, r->wanted);
        free(all);
    }
    memory_fail_at(failing);
    return status;
}

static void jobs(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    static const char night[] = "It was a dark night, and the rain fell upon the roofs of the old town while";
    run runs[] = {
        {.prompt = night, .top_logprobs = -1},
        {.prompt = night, .n = 3, .top_logprobs = 2, .temperature = 0.9, .penalty = 1.2, .stop = "never this"},
        {.prompt = night, .top_logprobs = -1, .save = "talk"},
        {.prompt = " and", .top_logprobs = -1, .load = "talk", .save = "other"},
        {.prompt = night, .top_logprobs = -1, .cache = "cache", .again = true},
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        xlstm_error err = {0};
        run *r = &runs[i];
        pthread_mutex_init(&r->lock, NULL);
        pthread_cond_init(&r->changed, NULL);
        /* Twice without a failure: threads and their memory are there then, and the answer is known. */
        for (int k = 0; k < 2; k++)
            if (start_and_answer(r, &err)) fail_msg("%s", err.text);
        const memory_tally tally = memory_each_fails(r->save ? r->save : "a job", start_and_answer, r, true, NULL);
        print_message("run %zu: %d told, %d survived\n", i, tally.told, tally.survived);
        assert_true(tally.told >= 20);
        /* Without the cache the answer is the same. */
        if (r->cache) assert_true(tally.survived >= 5);
        free(r->wanted);
        pthread_mutex_destroy(&r->lock);
        pthread_cond_destroy(&r->changed);
    }
}

/* ---- a request and its answer ---- */

typedef struct request {
    serve_form form;
    serve_work work;
    const char *body;
    const char *mark; /* in the answer */
} request;

typedef struct asked {
    const request *what;
    char *wanted; /* the answer; NULL: not known yet */
    desk_client client;
} asked;

/* Blanks the values that no two answers share: the id, and times. */
static void blank(char *text) {
    static const char *const keys[] = {"\"id\":\"", "\"created\":", "_ms\":", "_per_second\":"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        for (char *at = text; (at = strstr(at, keys[i]));) {
            at += strlen(keys[i]);
            const size_t length = strcspn(at, "\",}");
            memmove(at, at + length, strlen(at + length) + 1);
        }
    }
}

static int exchange(void *user, xlstm_error *err) {
    asked *a = user;
    static char text[TEXT];
    long failing = spare();
    const serve_scheduler_options o = options_of(NULL);
    char *sessions = test_path("sessions"), *talk = test_path("sessions/a.safetensors");
    unlink(talk); /* what another request has left would be continued */
    serve_chat *chat;
    serve_scheduler *s;
    assert_int_equal(serve_chat_open(&chat, test_folder, NULL), XLSTM_OK);
    assert_int_equal(serve_scheduler_create(&s, &o, NULL), XLSTM_OK);
    const serve_desk desk = {.scheduler = s,
                             .tokenizer = tokenizer,
                             .chat = chat,
                             .metrics = &metrics,
                             .model_name = "tiny",
                             .max_tokens = 4,
                             .sessions = sessions,
                             .suspend = desk_suspend,
                             .resume = desk_resume};
    memory_fail_at(failing);
    int status = XLSTM_OK;
    serve_exchange *x = serve_exchange_create(&desk, &a->client);
    if (!x) {
        snprintf(err->text, sizeof err->text, "no exchange");
        status = XLSTM_ENOMEM;
    } else {
        failing = spare();
        desk_ask(x, &a->client, a->what->form, a->what->work, a->what->body);
        memory_fail_at(failing);
        serve_exchange_work(x);
        const bool there = desk_take(x, &a->client, text, sizeof text);
        if (!there) {
            snprintf(err->text, sizeof err->text, "the connection is closed");
            status = XLSTM_ENOMEM;
        } else if (x->code == 503 || strstr(text, "\"server_error\"")) {
            if (!strstr(text, "memory")) fail_msg("%d: %s", x->code, text);
            snprintf(err->text, sizeof err->text, "%.200s", text);
            status = XLSTM_ENOMEM;
        } else {
            if (x->code != 200) fail_msg("%d: %s", x->code, text);
            failing = spare();
            blank(text);
            if (!strstr(text, a->what->mark)) fail_msg("%s is missing in %s", a->what->mark, text);
            if (!a->wanted) a->wanted = strdup(text);
            assert_string_equal(text, a->wanted);
            memory_fail_at(failing);
        }
        serve_exchange_close(x);
        serve_exchange_release(x);
    }
    serve_scheduler_destroy(s);
    failing = spare();
    serve_chat_close(chat);
    free(sessions);
    free(talk);
    memory_fail_at(failing);
    return status;
}

static void requests(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    static const request all[] = {
        {SERVE_COMPLETION, SERVE_WORK_ANSWER,
         "{\"prompt\": [\"Once upon\", [3, 4]], \"n\": 2, \"stop\": [\"never\"], \"logprobs\": 2, \"temperature\": "
         "0}",
         "\"completion_tokens\":16"},
        {SERVE_COMPLETION, SERVE_WORK_ANSWER,
         "{\"prompt\": \"Once upon\", \"stream\": true, \"stream_options\": {\"include_usage\": true}, "
         "\"logprobs\": 1, "
         "\"temperature\": 0}",
         "data: [DONE]\n\n"},
        {SERVE_CHAT, SERVE_WORK_ANSWER,
         "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"stream\": true, \"logprobs\": true, "
         "\"top_logprobs\": 1, \"temperature\": 0}",
         "data: [DONE]\n\n"},
        {SERVE_CHAT, SERVE_WORK_ANSWER,
         "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"session_id\": \"a\", \"seed\": 2, "
         "\"logprobs\": true}",
         "\"finish_reason\":\"length\""},
        {SERVE_PLAIN, SERVE_WORK_ANSWER, "{\"prompt\": \"Once\", \"stream\": true, \"temperature\": 0}",
         "\"stop\":true"},
        {SERVE_PLAIN, SERVE_WORK_ANSWER, "{\"prompt\": [\"Once\", \"Twice\"], \"temperature\": 0}", "\"index\":1"},
        {SERVE_PLAIN, SERVE_WORK_TOKENIZE, "{\"content\": \"Once upon\"}", "{\"tokens\":["},
        {SERVE_PLAIN, SERVE_WORK_DETOKENIZE, "{\"tokens\": [40, 41, 42]}", "{\"content\":\""},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        xlstm_error err = {0};
        asked a = {.what = &all[i]};
        desk_client_init(&a.client);
        for (int k = 0; k < 2; k++)
            if (exchange(&a, &err)) fail_msg("%s: %s", all[i].body, err.text);
        const memory_tally tally = memory_each_fails(all[i].body, exchange, &a, true, NULL);
        print_message("request %zu: %d told, %d survived\n", i, tally.told, tally.survived);
        assert_true(tally.told >= 2);
        free(a.wanted);
        desk_client_clear(&a.client);
    }
}

static int open_model(void **state) {
    xlstm_error err;
    if (test_make_folder(state)) return -1;
    return xlstm_model_open(&model, DEMO, NULL, &err) || xlstm_tokenizer_open(&tokenizer, DEMO, &err) ? -1 : 0;
}

static int close_model(void **state) {
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return test_remove_folder(state);
}

int main(void) {
    memory_spare_json();
    const struct CMUnitTest tests[] = {cmocka_unit_test(jobs), cmocka_unit_test(requests)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
