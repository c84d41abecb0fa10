/* The server's core, without a network: what is answered must not depend on what else runs. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include <xlstm/xlstm.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "helper.h"
#include "server/choice.h"
#include "server/core.h"
#include "server/scheduler.h"

static const char demo[] = XL_SOURCE_DIR "/models/tiny-literature";
static xlstm_model *model;
static xlstm_tokenizer *tokenizer;
static serve_metrics metrics;

/* What came of a job. */
typedef struct answer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    xl_bytes text[8];
    size_t tokens[8];
    double logprob[8];
    serve_finish finish[8];
    uint64_t made[8];
    size_t pieces, cached;
    char stop[64];
    int status;
    char error[200];
    bool over;
    serve_job *job;
} answer;

static void deliver(void *user, const serve_job *job, const serve_piece *p) {
    answer *a = user;
    pthread_mutex_lock(&a->lock);
    assert_false(a->over);
    if (p->choice >= 0) {
        assert_int_equal(xl_utf8_valid(p->text, p->bytes), p->bytes);
        assert_true(xl_bytes_append(&a->text[p->choice], p->text, p->bytes));
        assert_int_equal(a->finish[p->choice], SERVE_RUNNING);
        a->finish[p->choice] = p->finish;
        a->made[p->choice] = p->made;
        a->tokens[p->choice] += p->token_count;
        for (size_t i = 0; i < p->token_count; i++) {
            const serve_token *t = &p->tokens[i];
            assert_true(t->logprob <= 0);
            for (int k = 1; k < t->tops; k++) assert_true(t->top_logprob[k] <= t->top_logprob[k - 1]);
            a->logprob[p->choice] += t->logprob;
        }
        if (p->stop) snprintf(a->stop, sizeof a->stop, "%.*s", (int)p->stop_bytes, p->stop);
    }
    if (p->finish == SERVE_FAILED) {
        a->status = p->err->status;
        snprintf(a->error, sizeof a->error, "%.199s", p->err->text);
    }
    a->pieces++;
    a->cached = job->cached;
    a->over = p->last;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static serve_job *job_of(answer *a, const char *prompt) {
    serve_job *job = serve_job_create();
    *a = (answer){.job = job};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    assert_int_equal(xlstm_tokenizer_encode(tokenizer, prompt, strlen(prompt), true, &job->ids, &job->count, NULL),
                     XLSTM_OK);
    job->params.max_tokens = 12;
    job->deliver = deliver;
    job->user = a;
    return job;
}

static void wait_for(answer *a, size_t pieces) {
    pthread_mutex_lock(&a->lock);
    while (!a->over && a->pieces < pieces) pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static void finish(answer *a) {
    wait_for(a, SIZE_MAX);
    serve_job_release(a->job);
    for (int i = 0; i < 8; i++) xl_bytes_append(&a->text[i], "", 1);
}

static void clear(answer *a) {
    for (int i = 0; i < 8; i++) free(a->text[i].data);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
}

static serve_scheduler *start(int64_t batch_size, int64_t slice, int64_t sequences, const char *cache_folder) {
    serve_scheduler_options o = {.model = model,
                                 .tokenizer = tokenizer,
                                 .batch_size = batch_size,
                                 .slice = slice,
                                 .max_sequences = sequences,
                                 .max_queue = 4,
                                 .cache_bytes = 64 << 20,
                                 .cache_folder = cache_folder,
                                 .cache_folder_bytes = 64 << 20,
                                 .metrics = &metrics};
    xlstm_settings_init(&o.settings, xlstm_model_hparams(model));
    xlstm_settings_set(&o.settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    serve_scheduler *s;
    assert_int_equal(serve_scheduler_create(&s, &o, NULL), XLSTM_OK);
    return s;
}

static void submit(serve_scheduler *s, serve_job *job) {
    xlstm_error err;
    assert_int_equal(serve_scheduler_submit(s, job, &err), XLSTM_OK);
}

/* The text that a job of its own gives, with no one else there. */
static char *alone(const char *prompt, double temperature, uint64_t seed, int64_t max_tokens) {
    serve_scheduler *s = start(1, 512, 4, NULL);
    answer a;
    serve_job *job = job_of(&a, prompt);
    job->params.sampling.temperature = temperature;
    job->params.sampling.seed = seed;
    job->params.max_tokens = max_tokens;
    submit(s, job);
    finish(&a);
    char *text = strdup(a.text[0].data);
    clear(&a);
    serve_scheduler_destroy(s);
    return text;
}

static const char *const prompts[] = {
    "The capital of France is",
    "It was a dark night, and the rain fell upon the roofs of the old town while",
    "She said:",
    "Chapter I. In which the reader is introduced to a gentleman of a certain age who lived in a house by the sea, "
    "and "
    "to his sister, who kept it. They had, besides, a dog and a parrot; and of these four the parrot was the "
    "oldest.",
    "Once upon a time",
    "The whale",
    "\xc3\x89t\xc3\xa9, caf\xc3\xa9, na\xc3\xafve:",
};
enum { PROMPTS = sizeof prompts / sizeof *prompts };

/* What a plain session draws, token by token. */
static void equals_a_session(void **state) {
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    float *logits = xl_array(vocab, sizeof *logits);
    for (int i = 0; i < PROMPTS; i++) {
        xlstm_session *session;
        xlstm_settings settings;
        int32_t *ids, made[12];
        size_t count, bytes;
        char *wanted, *found = alone(prompts[i], 0, 0, 12);
        xlstm_settings_init(&settings, xlstm_model_hparams(model));
        xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
        assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
        assert_int_equal(
            xlstm_tokenizer_encode(tokenizer, prompts[i], strlen(prompts[i]), true, &ids, &count, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids, count, XLSTM_LOGITS_LAST, logits, NULL), XLSTM_OK);
        size_t n = 0;
        for (; n < 12; n++) {
            int32_t best = 0;
            for (size_t k = 1; k < vocab; k++) best = logits[k] > logits[best] ? (int32_t)k : best;
            if (xlstm_tokenizer_ends_text(tokenizer, best)) break;
            made[n] = best;
            assert_int_equal(xlstm_decode(session, best, logits, NULL), XLSTM_OK);
        }
        assert_int_equal(xlstm_tokenizer_decode(tokenizer, made, n, false, &wanted, &bytes, NULL), XLSTM_OK);
        assert_string_equal(found, wanted);
        free(wanted);
        free(found);
        free(ids);
        xlstm_session_destroy(session);
    }
    free(logits);
}

/* The same answers whatever else runs, in whatever slices and batches, from cached prefixes too. */
static void is_the_same_in_any_company(void **state) {
    enum { JOBS = 2 * PROMPTS };
    char *wanted[JOBS];
    for (int i = 0; i < JOBS; i++)
        wanted[i] = alone(prompts[i % PROMPTS], i < PROMPTS ? 0 : 0.9, (uint64_t)i, 8 + i);
    static const int64_t sizes[][2] = {{1, 3}, {3, 512}, {32, 7}, {5, 64}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        serve_scheduler *s = start(sizes[k][0], sizes[k][1], 2 * JOBS, NULL);
        for (int round = 0; round < 2; round++) {
            answer a[JOBS];
            for (int i = 0; i < JOBS; i++) {
                serve_job *job = job_of(&a[i], prompts[i % PROMPTS]);
                job->params.sampling.temperature = i < PROMPTS ? 0 : 0.9;
                job->params.sampling.seed = (uint64_t)i;
                job->params.max_tokens = 8 + i;
                submit(s, job);
            }
            for (int i = 0; i < JOBS; i++) {
                finish(&a[i]);
                assert_int_equal(a[i].status, 0);
                assert_string_equal(a[i].text[0].data, wanted[i]);
                clear(&a[i]);
            }
        }
        serve_scheduler_destroy(s);
    }
    for (int i = 0; i < JOBS; i++) free(wanted[i]);
}

static void choices_and_logprobs(void **state) {
    serve_scheduler *s = start(4, 512, 8, NULL);
    answer a;
    serve_job *job = job_of(&a, prompts[1]);
    job->params.n = 5;
    job->params.sampling.temperature = 1.2;
    job->params.sampling.seed = 7;
    job->params.top_logprobs = 3;
    submit(s, job);
    finish(&a);
    for (int i = 0; i < 5; i++) {
        char *wanted = alone(prompts[1], 1.2, 7 + (uint64_t)i, 12);
        assert_string_equal(a.text[i].data, wanted);
        assert_int_equal(a.tokens[i], a.made[i]);
        assert_true(a.logprob[i] < 0);
        free(wanted);
    }
    clear(&a);
    /* As many choices as there is never room for. */
    xlstm_error err;
    job = job_of(&a, prompts[1]);
    job->params.n = 9;
    assert_int_equal(serve_scheduler_submit(s, job, &err), XLSTM_EARG);
    assert_string_equal(err.text, "n: 9, wanted at most 8");
    serve_job_release(job);
    clear(&a);
    serve_scheduler_destroy(s);

    float logits[4] = {1, 3, 2, -1};
    serve_token token = {.id = 2, .tops = 2};
    serve_logprobs(logits, 4, &token);
    assert_true(fabs(token.logprob - (2 - log(exp(1) + exp(3) + exp(2) + exp(-1)))) < 1e-6);
    assert_int_equal(token.tops, 2);
    assert_int_equal(token.top_id[0], 1);
    assert_int_equal(token.top_id[1], 2);
}

static void stops_at_strings(void **state) {
    serve_scheduler *s = start(4, 512, 8, NULL);
    char *whole = alone(prompts[1], 0, 0, 40);
    const size_t bytes = strlen(whole);
    assert_true(bytes > 30);
    for (size_t at = 1; at + 5 < bytes; at += 3) {
        /* Any five bytes of the answer, whatever tokens they lie in. */
        answer a;
        serve_job *job = job_of(&a, prompts[1]);
        job->params.max_tokens = 40;
        job->params.top_logprobs = 0;
        assert_true(serve_stops_add(&job->params.stops, "never this", 10));
        assert_true(serve_stops_add(&job->params.stops, whole + at, 5));
        submit(s, job);
        finish(&a);
        char five[6] = {0};
        memcpy(five, whole + at, 5);
        const size_t wanted = (size_t)(strstr(whole, five) - whole);
        assert_int_equal(a.finish[0], SERVE_STOP);
        assert_int_equal(strlen(a.text[0].data), wanted);
        assert_memory_equal(a.text[0].data, whole, wanted);
        assert_string_equal(a.stop, five);
        assert_true(a.tokens[0] <= a.made[0]);
        clear(&a);
    }
    free(whole);
    serve_scheduler_destroy(s);

    serve_stops stops = {.count = 0};
    int found;
    xl_bytes held = {0};
    assert_true(serve_stops_add(&stops, "abcd", 4) && serve_stops_add(&stops, "bc", 2));
    xl_bytes_append(&held, "xabc", 4);
    assert_int_equal(serve_stops_scan(&stops, &held, false, &found), 1);
    assert_int_equal(found, -1);
    assert_int_equal(serve_stops_scan(&stops, &held, true, &found), 2);
    assert_int_equal(found, 1);
    xl_bytes_append(&held, "d", 1);
    assert_int_equal(serve_stops_scan(&stops, &held, false, &found), 1);
    assert_int_equal(found, 0);
    free(held.data);
    serve_stops_clear(&stops);
}

static void can_be_cancelled(void **state) {
    serve_scheduler *s = start(4, 16, 2, NULL);
    char *wanted = alone(prompts[0], 0, 0, 12);
    answer a, b, c, late;
    serve_job *job = job_of(&a, prompts[4]);
    job->params.max_tokens = 1000000;
    job->params.ignore_eos = true;
    submit(s, job);
    submit(s, job_of(&b, prompts[0]));
    serve_job *waiting = job_of(&c, prompts[2]);
    waiting->params.n = 2; /* there is no room beside the first */
    submit(s, waiting);
    job = job_of(&late, prompts[2]);
    job->deadline = xl_now_s() - 1;
    submit(s, job);
    wait_for(&a, 3);
    serve_job_cancel(waiting);
    finish(&b);
    assert_string_equal(b.text[0].data, wanted);
    finish(&c);
    assert_int_equal(c.status, XLSTM_ECANCELLED);
    finish(&late);
    assert_string_equal(late.error, "the request's time limit is over");
    serve_job_cancel(a.job);
    finish(&a);
    assert_int_equal(a.status, XLSTM_ECANCELLED);
    assert_false(serve_scheduler_busy(s));
    clear(&a);
    clear(&b);
    clear(&c);
    clear(&late);
    /* A scheduler that ends takes its jobs with it. */
    job = job_of(&a, prompts[4]);
    job->params.max_tokens = 1000000;
    job->params.ignore_eos = true;
    submit(s, job);
    submit(s, job_of(&b, prompts[4]));
    wait_for(&a, 2);
    serve_scheduler_destroy(s);
    finish(&a);
    finish(&b);
    assert_int_equal(a.status, XLSTM_ECANCELLED);
    clear(&a);
    clear(&b);
    free(wanted);
}

static void queue_has_an_end(void **state) {
    enum { ROOM = 2 + 4 };
    serve_scheduler *s = start(2, 16, 2, NULL);
    answer a[ROOM], more;
    for (int i = 0; i < ROOM; i++) {
        serve_job *job = job_of(&a[i], prompts[4]);
        job->params.max_tokens = 1000000;
        job->params.ignore_eos = true;
        submit(s, job);
    }
    serve_job *job = job_of(&more, prompts[4]);
    assert_int_equal(serve_scheduler_submit(s, job, NULL), SERVE_FULL);
    assert_true(serve_scheduler_retry_after(s) >= 1);
    for (int i = 0; i < ROOM; i++) serve_job_cancel(a[i].job);
    for (int i = 0; i < ROOM; i++) {
        finish(&a[i]);
        clear(&a[i]);
    }
    submit(s, job);
    finish(&more);
    assert_int_equal(more.status, 0);
    clear(&more);
    serve_scheduler_close(s);
    job = job_of(&more, prompts[4]);
    assert_int_equal(serve_scheduler_submit(s, job, NULL), SERVE_CLOSING);
    job->ids[0] = 1 << 30;
    assert_int_equal(serve_scheduler_submit(s, job, NULL), XLSTM_EARG);
    serve_job_release(job);
    clear(&more);
    serve_scheduler_destroy(s);
}

static size_t run_cached(serve_scheduler *s, const char *prompt, const char *wanted) {
    answer a;
    submit(s, job_of(&a, prompt));
    finish(&a);
    assert_int_equal(a.status, 0);
    assert_string_equal(a.text[0].data, wanted);
    const size_t cached = a.cached;
    clear(&a);
    return cached;
}

static void prefixes_are_read_once(void **state) {
    char *folder = xl_path_join(test_folder, "cache");
    char *wanted = alone(prompts[3], 0, 0, 12);
    serve_scheduler *s = start(4, 16, 4, folder);
    answer a;
    serve_job *job = job_of(&a, prompts[3]);
    const size_t count = job->count;
    submit(s, job);
    finish(&a);
    assert_int_equal(a.cached, 0);
    assert_string_equal(a.text[0].data, wanted);
    /* The same prompt is not read at all; another with the same beginning only from where it differs, once the
     * beginning was seen twice. */
    assert_int_equal(run_cached(s, prompts[3], wanted), count);
    char *longer = xl_format("%s%s", prompts[3], a.text[0].data);
    char *next = alone(longer, 0, 0, 12);
    assert_true(run_cached(s, longer, next) >= count);
    clear(&a);
    for (int i = 0; i < 3; i++) {
        char half[128];
        memcpy(half, prompts[3], 100);
        snprintf(half + 100, 20, " the %c", "xyz"[i]);
        char *other = alone(half, 0, 0, 12);
        const size_t cached = run_cached(s, half, other);
        if (!i) assert_true(cached < 16);
        if (i) assert_true(cached >= 16);
        free(other);
    }
    serve_scheduler_destroy(s);
    /* After a restart the states are in the folder; one that is damaged is of no use and does no harm. */
    s = start(4, 16, 4, folder);
    assert_true(run_cached(s, longer, next) >= count);
    serve_scheduler_destroy(s);
    char *damage =
        xl_format("for f in '%s'/*/*; do head -c 100 \"$f\" > x.part; cp x.part \"$f\"; rm x.part; done", folder);
    assert_int_equal(system(damage), 0); /* NOLINT: files of our own */
    s = start(4, 16, 4, folder);
    assert_int_equal(run_cached(s, longer, next), 0);
    serve_scheduler_destroy(s);
    free(damage);
    free(next);
    free(longer);
    free(wanted);
    free(folder);
}

static serve_job *talk(answer *a, const char *prompt, const char *from, const char *to) {
    serve_job *job = job_of(a, prompt);
    job->load_path = from ? xl_path_join(test_folder, from) : NULL;
    job->save_path = to ? xl_path_join(test_folder, to) : NULL;
    return job;
}

static void conversations_go_on(void **state) {
    char *wanted = alone(prompts[1], 0, 0, 24);
    answer a, b;
    serve_scheduler *s = start(4, 16, 4, NULL);
    submit(s, talk(&a, prompts[1], "talk", "talk"));
    finish(&a);
    assert_int_equal(a.status, 0);
    serve_scheduler_destroy(s);
    s = start(4, 7, 4, NULL);
    for (int i = 0; i < 2; i++) {
        /* Without further text the answer goes on; the first time into a copy. */
        serve_job *job = talk(&b, "", "talk", i ? "talk" : "fork");
        job->bos = xlstm_tokenizer_bos(tokenizer); /* none in the middle */
        submit(s, job);
        finish(&b);
        assert_int_equal(b.status, 0);
        char *both = xl_format("%s%s", a.text[0].data, b.text[0].data);
        assert_string_equal(both, wanted);
        free(both);
        clear(&b);
    }
    clear(&a);
    serve_job *job = talk(&a, prompts[1], "none", "none");
    job->must_load = true;
    submit(s, job);
    finish(&a);
    assert_int_equal(a.status, XLSTM_ENOTFOUND);
    clear(&a);
    /* One at a time. */
    job = talk(&a, prompts[1], "talk", "talk");
    job->params.max_tokens = 1000000;
    job->params.ignore_eos = true;
    submit(s, job);
    job = talk(&b, prompts[1], "talk", "other");
    assert_int_equal(serve_scheduler_submit(s, job, NULL), SERVE_IN_USE);
    serve_job_cancel(a.job);
    finish(&a);
    clear(&a);
    submit(s, job);
    finish(&b);
    assert_int_equal(b.status, 0);
    clear(&b);
    serve_scheduler_destroy(s);
    free(wanted);
}

static int stop_at_once(void *user) {
    (void)user;
    return 1;
}

/* What the first request needs is made ready before there is one: sessions, and memory for the steps; and that can
 * be stopped. */
static void is_ready_when_it_is_created(void **state) {
    xlstm_error err;
    serve_scheduler_options o = {.model = model,
                                 .tokenizer = tokenizer,
                                 .batch_size = 4,
                                 .slice = 16,
                                 .max_sequences = 4,
                                 .metrics = &metrics,
                                 .warm_up = true};
    xlstm_settings_init(&o.settings, xlstm_model_hparams(model));
    serve_scheduler *s;
    assert_int_equal(serve_scheduler_create(&s, &o, &err), XLSTM_OK);
    assert_int_equal(s->idle_count, 2);
    serve_scheduler_destroy(s);
    o.max_sequences = 1;
    o.slice = 1;
    assert_int_equal(serve_scheduler_create(&s, &o, &err), XLSTM_OK);
    assert_int_equal(s->idle_count, 1);
    serve_scheduler_destroy(s);
    o.cancel = stop_at_once;
    assert_int_equal(serve_scheduler_create(&s, &o, &err), XLSTM_ECANCELLED);
    assert_null(s);
}

static void prompt_alone(void **state) {
    serve_scheduler *s = start(4, 16, 4, NULL);
    answer a;
    serve_job *job = job_of(&a, prompts[3]);
    const size_t count = job->count;
    job->params.max_tokens = 0;
    job->params.n = 2;
    submit(s, job);
    finish(&a);
    assert_int_equal(a.finish[0], SERVE_LENGTH);
    assert_int_equal(a.finish[1], SERVE_LENGTH);
    assert_int_equal(a.made[0], 0);
    clear(&a);
    char *wanted = alone(prompts[3], 0, 0, 12);
    assert_int_equal(run_cached(s, prompts[3], wanted), count);
    free(wanted);
    serve_scheduler_destroy(s);
}

static int open_model(void **state) {
    xlstm_error err;
    if (test_make_folder(state)) return -1;
    if (xlstm_model_open(&model, demo, NULL, &err) || xlstm_tokenizer_open(&tokenizer, demo, &err)) return -1;
    return 0;
}

static int close_model(void **state) {
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return test_remove_folder(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_session),       cmocka_unit_test(is_the_same_in_any_company),
        cmocka_unit_test(choices_and_logprobs),   cmocka_unit_test(stops_at_strings),
        cmocka_unit_test(can_be_cancelled),       cmocka_unit_test(queue_has_an_end),
        cmocka_unit_test(prefixes_are_read_once), cmocka_unit_test(conversations_go_on),
        cmocka_unit_test(prompt_alone),           cmocka_unit_test(is_ready_when_it_is_created),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
