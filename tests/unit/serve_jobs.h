/* Jobs for the server's core, without a network, and what came of them: for the tests of test_serve*.c. */
#ifndef TESTS_SERVE_JOBS_H
#define TESTS_SERVE_JOBS_H

#include <pthread.h>
#include <string.h>

#include <xlstm/xlstm.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "helper.h"
#include "server/core.h"
#include "server/scheduler.h"

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

static inline void deliver(void *user, const serve_job *job, const serve_piece *p) {
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

static inline serve_job *job_of(answer *a, const char *prompt) {
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

static inline void wait_for(answer *a, size_t pieces) {
    pthread_mutex_lock(&a->lock);
    while (!a->over && a->pieces < pieces) pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static inline void finish(answer *a) {
    wait_for(a, SIZE_MAX);
    serve_job_release(a->job);
    for (int i = 0; i < 8; i++) xl_bytes_append(&a->text[i], "", 1);
}

static inline void clear(answer *a) {
    for (int i = 0; i < 8; i++) free(a->text[i].data);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
}

static inline serve_scheduler *start(int64_t batch_size, int64_t slice, int64_t sequences,
                                     const char *cache_folder) {
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

static inline void submit(serve_scheduler *s, serve_job *job) {
    xlstm_error err;
    assert_int_equal(serve_scheduler_submit(s, job, &err), XLSTM_OK);
}

/* The text that a job of its own gives, with no one else there. */
static inline char *alone(const char *prompt, double temperature, uint64_t seed, int64_t max_tokens) {
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
    "and to his sister, who kept it. They had, besides, a dog and a parrot; and of these four the parrot was the "
    "oldest.",
    "Once upon a time",
    "The whale",
    "\xc3\x89t\xc3\xa9, caf\xc3\xa9, na\xc3\xafve:",
};
enum { PROMPTS = sizeof prompts / sizeof *prompts };

static inline int open_model(void **state, const char *folder) {
    xlstm_error err;
    if (test_make_folder(state)) return -1;
    if (xlstm_model_open(&model, folder, NULL, &err) || xlstm_tokenizer_open(&tokenizer, folder, &err)) return -1;
    return 0;
}

static inline int close_model(void **state) {
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return test_remove_folder(state);
}

#endif
