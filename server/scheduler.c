#include "server/scheduler.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/thread.h"
#include "server/lifecycle.h"
#include "server/recent.h"

static void wake(void *user) {
    serve_scheduler *s = user;
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* Why a job must not go on; false where it may. */
static bool must_end(const serve_job *job, double now, xlstm_error *err) {
    if (atomic_load_explicit(&job->cancelled, memory_order_relaxed)) {
        xl_error_set(err, XLSTM_ECANCELLED, "cancelled");
        return true;
    }
    if (job->deadline <= 0 || now < job->deadline) return false;
    xl_error_set(err, XLSTM_ECANCELLED, "the request's time limit is over");
    return true;
}

/* Takes jobs out of the queue that may begin or must end. They are on the list of jobs then. */
static void admit(serve_scheduler *s) {
    xlstm_error err = {0};
    const double now = xl_now_s();
    const size_t before = s->job_count;
    size_t ended = 0;
    serve_job *late[16];
    pthread_mutex_lock(&s->lock);
    for (serve_job **at = &s->first; *at;) {
        serve_job *job = *at;
        const bool ends = s->ends || must_end(job, now, &err);
        const bool begins = at == &s->first && s->sequences + job->params.n <= s->o.max_sequences;
        if (!ends && !begins) {
            at = &job->next;
            continue;
        }
        if (ends && ended == sizeof late / sizeof *late) break;
        *at = job->next;
        if (!*at) s->end = at;
        s->queued--;
        s->running++;
        if (ends) {
            late[ended++] = job;
        } else {
            s->jobs[s->job_count++] = job;
            s->sequences += job->params.n;
        }
    }
    const int64_t queued = s->queued;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < ended; i++) {
        if (!must_end(late[i], now, &err)) xl_error_set(&err, XLSTM_ECANCELLED, "the server ends");
        serve_fail(s, late[i], &err);
        serve_job_release(late[i]);
    }
    serve_gauge(&s->o.metrics->queued, (uint64_t)queued); /* who reads it finds those that ended counted */
    for (size_t i = before; i < s->job_count; i++) serve_begin(s, s->jobs[i]);
    serve_gauge(&s->o.metrics->sequences, (uint64_t)s->sequences);
}

/* Ends what was cancelled, and frees what is over. What the disk has in hand ends when it comes back. */
static void sweep(serve_scheduler *s) {
    const double now = xl_now_s();
    size_t kept = 0;
    for (size_t i = 0; i < s->job_count; i++) {
        serve_job *job = s->jobs[i];
        xlstm_error err = {0};
        const bool away = job->state == SERVE_LOADING || job->state == SERVE_SAVING;
        if (!away && job->state != SERVE_OVER && (s->ends || must_end(job, now, &err))) {
            if (!err.status) xl_error_set(&err, XLSTM_ECANCELLED, "the server ends");
            serve_fail(s, job, &err);
        }
        if (job->state != SERVE_OVER) {
            s->jobs[kept++] = job;
            continue;
        }
        for (int k = 0; k < job->opened; k++) {
            serve_give_session(s, job->choices[k].session);
            job->choices[k].session = NULL;
            serve_choice_close(&job->choices[k]);
        }
        free(job->choices);
        job->choices = NULL;
        serve_give_session(s, job->session);
        job->session = NULL;
        s->sequences -= job->params.n;
        serve_job_release(job);
    }
    s->job_count = kept;
    serve_gauge(&s->o.metrics->sequences, (uint64_t)s->sequences);
}

/* A choice whose first token is on the list of draws has nothing to be fed yet. */
static bool is_fed(const serve_choice *c) {
    return c->finish == SERVE_RUNNING && c->count;
}

/* Chooses the sequences that get a token; where there are more than fit into a step they take turns. */
static void plan_decodes(serve_scheduler *s) {
    size_t all = 0;
    for (size_t i = 0; i < s->job_count; i++) {
        const serve_job *job = s->jobs[i];
        for (int k = 0; job->state == SERVE_DECODING && k < job->opened; k++) all += is_fed(&job->choices[k]);
    }
    const size_t most = (size_t)s->o.batch_size, first = all > most ? s->turn % all : 0;
    size_t at = 0;
    s->decoder_count = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < s->job_count; i++) {
            serve_job *job = s->jobs[i];
            for (int k = 0; job->state == SERVE_DECODING && k < job->opened; k++) {
                serve_choice *c = &job->choices[k];
                if (!is_fed(c)) continue;
                if (at >= first && at < first + all && s->decoder_count < most) {
                    s->items[s->decoder_count] =
                        (xlstm_batch_item){c->session, &c->ids[c->count - 1], 1, XLSTM_LOGITS_LAST};
                    s->decoders[s->decoder_count++] = c;
                }
                at++;
            }
        }
        if (s->decoder_count >= most || s->decoder_count >= all) break;
    }
    if (all > most) s->turn = first + most;
}

/* Tokens of prompts that a step may read. A second segment would read all weights again. */
static int64_t reading_budget(serve_scheduler *s) {
    const int64_t segment = xlstm_settings_get(&s->o.settings, XLSTM_TUNE_SEGMENT) - (int64_t)s->decoder_count;
    const int64_t budget = serve_slices_choose(&s->slices, (int64_t)s->decoder_count);
    return segment > 0 && budget > segment ? segment : budget;
}

/* Chooses the prompts that are read on beside them, which take turns too. Returns their tokens. */
static int64_t plan_reading(serve_scheduler *s) {
    int64_t budget = 0, tokens = 0;
    s->reader_count = 0;
    const size_t first = s->job_count ? s->reader_turn % s->job_count : 0;
    for (size_t i = 0; i < s->job_count; i++) {
        const size_t at = (first + i) % s->job_count;
        serve_job *job = s->jobs[at];
        if (job->state != SERVE_READING || job->fed == job->count) continue;
        if (!s->reader_count) budget = reading_budget(s); /* most steps have no prompt to read */
        if (s->reader_count == SERVE_READERS_MAX || tokens >= budget) break;
        const size_t readable = serve_readable(job), left = (size_t)(budget - tokens);
        job->reading = readable < left ? readable : left;
        const bool whole = job->fed + job->reading == job->count;
        s->items[s->decoder_count + s->reader_count] = (xlstm_batch_item){
            job->session, job->ids + job->fed, job->reading, whole ? XLSTM_LOGITS_LAST : XLSTM_LOGITS_NONE};
        s->readers[s->reader_count++] = job;
        tokens += (int64_t)job->reading;
        s->reader_turn = at + 1;
    }
    return tokens;
}

static void draw_one(void *ctx, int64_t task, int thread) {
    const serve_scheduler *s = ctx;
    (void)thread;
    serve_choice_draw(s->draws[task].choice, s->draws[task].logits, s->vocab);
}

static void draw_all(serve_scheduler *s) {
    const int threads = (int)xlstm_settings_get(&s->o.settings, XLSTM_TUNE_DECODE_WORKERS);
    if (s->draw_count == 1) draw_one(s, 0, 0);
    else if (s->draw_count) xl_pool_run(xl_pool_shared(), threads, (int64_t)s->draw_count, draw_one, s);
    const double now = xl_now_s();
    for (size_t i = 0; i < s->draw_count; i++) serve_have_drawn(s, s->draws[i].choice, now);
}

static void step(serve_scheduler *s) {
    const double start = xl_now_s();
    xlstm_error err = {0};
    s->draw_count = 0;
    for (size_t i = 0; i < s->job_count; i++) {
        serve_job *job = s->jobs[i];
        if (job->state == SERVE_READING && job->fed == job->count) serve_fork(s, job, job->known);
    }
    plan_decodes(s);
    const int64_t tokens = plan_reading(s);
    const size_t count = s->decoder_count + s->reader_count;
    if (count) {
        /* Before anything is answered, so that whoever has an answer finds its steps counted. */
        serve_count(&s->o.metrics->steps, 1);
        serve_count(&s->o.metrics->step_tokens, s->decoder_count + (uint64_t)tokens);
        int status = xlstm_batch_run(s->batch, s->items, count, s->logits, &err);
        const float *row = s->logits;
        for (size_t i = 0; i < s->decoder_count; i++, row += s->vocab) {
            serve_choice *c = s->decoders[i];
            if (!status && !serve_add_draw(s, c, row)) status = xl_fail(&err, XLSTM_ENOMEM, "out of memory");
            if (status) serve_fail(s, c->job, &err);
        }
        for (size_t i = 0; i < s->reader_count; i++) {
            serve_job *job = s->readers[i];
            const bool whole = job->fed + job->reading == job->count;
            if (status) serve_fail(s, job, &err);
            else serve_have_read(s, job, whole ? row : NULL);
            if (whole) row += s->vocab;
        }
    }
    draw_all(s);
    const double seconds = xl_now_s() - start;
    if (!count) return;
    serve_slices_learn(&s->slices, (int64_t)s->decoder_count, tokens, seconds);
    serve_observe(&s->o.metrics->step_seconds, seconds);
}

/* Whether there is anything to do now; under the lock. */
static bool has_work(serve_scheduler *s, bool ending) {
    if (s->first && (ending || s->sequences + s->first->params.n <= s->o.max_sequences)) return true;
    for (size_t i = 0; i < s->job_count; i++) {
        const int state = s->jobs[i]->state;
        if (state == SERVE_READING || state == SERVE_DECODING || state == SERVE_OVER) return true;
        if (ending && state == SERVE_FETCHING) return true;
    }
    return serve_disk_ready(s->disk);
}

static bool is_over(const serve_scheduler *s) {
    return s->ending && !s->job_count && !s->first;
}

static void *engine(void *argument) {
    serve_scheduler *s = argument;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!has_work(s, s->ending) && !is_over(s)) pthread_cond_wait(&s->wake, &s->lock);
        const bool over = is_over(s);
        s->ends = s->ending;
        pthread_mutex_unlock(&s->lock);
        if (over) break;
        if (serve_disk_ready(s->disk)) {
            serve_disk_settle(s->disk);
            for (size_t i = 0; i < s->job_count; i++)
                if (s->jobs[i]->state == SERVE_FETCHING) serve_fetch(s, s->jobs[i]);
        }
        sweep(s);
        admit(s);
        step(s);
        /* The threads of the engine never sleep, and what was drawn is to be written before their next step. */
        sched_yield();
        sweep(s);
    }
    if (s->prefixes) serve_prefixes_flush(s->prefixes);
    return NULL;
}

/* A step, as the engine's thread runs them; how long slices take is learnt from it. */
static int try_step(serve_scheduler *s, const xlstm_batch_item *items, size_t count, int64_t tokens,
                    xlstm_error *err) {
    const double start = xl_now_s();
    const int status = xlstm_batch_run(s->batch, items, count, s->logits, err);
    if (!status) serve_slices_learn(&s->slices, (int64_t)count - (tokens > 0), tokens, xl_now_s() - start);
    return status;
}

/* Runs what requests will: steps of one sequence and of two, and prompts of all sizes beside one, if there is room
 * for two: small ones first, for some seconds at most. Of the tokens only the number matters. */
static int warm_up(serve_scheduler *s, xlstm_error *err) {
    enum { PLAIN = 4, LIMIT_S = 5 };
    const double until = xl_now_s() + LIMIT_S;
    const int64_t most = xlstm_settings_get(&s->o.settings, XLSTM_TUNE_SEGMENT) - 1;
    const size_t all = s->o.max_sequences > 1 ? 2 : 1;
    int32_t *ids = calloc((size_t)s->o.slice, sizeof *ids);
    if (!ids) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    xlstm_batch_item items[2] = {{.ids = ids, .n = 1, .logits = XLSTM_LOGITS_LAST},
                                 {.ids = ids, .n = 1, .logits = XLSTM_LOGITS_LAST}};
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < all; i++) {
        items[i].session = serve_take_session(s, err);
        if (!items[i].session) status = err->status;
    }
    if (s->o.cancel) xlstm_batch_set_cancel(s->batch, s->o.cancel, NULL);
    if (!status) status = try_step(s, items, all, 0, err);
    for (int i = 0; !status && i < PLAIN; i++) status = try_step(s, items, 1, 0, err);
    for (int turn = 0; !status && xl_now_s() < until; turn++) {
        const int64_t tokens = serve_slices_probe(&s->slices, turn);
        /* A second segment would read all weights again; the server's steps have one. */
        if (!tokens || tokens > most + 1) break;
        items[all - 1].n = (size_t)(tokens > most && most > 0 ? most : tokens);
        status = try_step(s, items, all, tokens, err);
    }
    xlstm_batch_set_cancel(s->batch, NULL, NULL);
    for (size_t i = 0; i < all; i++) serve_give_session(s, items[i].session);
    free(ids);
    return status;
}

static int check(const serve_scheduler_options *o, xlstm_error *err) {
    if (o->batch_size < 1 || o->batch_size > 4096)
        return xl_fail(err, XLSTM_EARG, "batch_size %lld, wanted 1 to 4096", (long long)o->batch_size);
    if (o->slice < 1 || o->slice > 65536)
        return xl_fail(err, XLSTM_EARG, "slice %lld, wanted 1 to 65536", (long long)o->slice);
    if (o->max_sequences < 1 || o->max_sequences > 1000000)
        return xl_fail(err, XLSTM_EARG, "max_sequences %lld, wanted 1 to 1000000", (long long)o->max_sequences);
    return XLSTM_OK;
}

int serve_scheduler_create(serve_scheduler **out, const serve_scheduler_options *options, xlstm_error *err) {
    *out = NULL;
    int status = check(options, err);
    if (status) return status;
    serve_scheduler *s = calloc(1, sizeof *s);
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    const size_t decoders = (size_t)options->batch_size, items = decoders + SERVE_READERS_MAX;
    s->o = *options;
    s->end = &s->first;
    s->vocab = xlstm_model_hparams(options->model)->vocab_size;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    serve_slices_init(&s->slices, options->max_itl_s, options->slice);
    size_t floats;
    s->jobs = xl_array((size_t)options->max_sequences, sizeof(serve_job *));
    s->items = xl_array(items, sizeof *s->items);
    s->readers = xl_array(SERVE_READERS_MAX, sizeof(serve_job *));
    s->decoders = xl_array(decoders, sizeof(serve_choice *));
    s->logits = xl_mul(items, (size_t)s->vocab, &floats) ? xl_aligned_alloc(floats, sizeof(float)) : NULL;
    if (!s->jobs || !s->items || !s->readers || !s->decoders || !s->logits)
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory for batches of %zu sequences", decoders);
    if (!status) status = xlstm_batch_create(&s->batch, options->model, &options->settings, err);
    if (!status) status = serve_disk_create(&s->disk, wake, s, err);
    if (!status && options->cache_bytes)
        status = serve_prefixes_create(&s->prefixes,
                                       &(serve_prefixes_options){.model = options->model,
                                                                 .memory_bytes = options->cache_bytes,
                                                                 .folder = options->cache_folder,
                                                                 .folder_bytes = options->cache_folder_bytes,
                                                                 .disk = s->disk,
                                                                 .metrics = options->metrics,
                                                                 .note = options->note},
                                       err);
    if (!status && options->warm_up) status = warm_up(s, err);
    const int code = status ? 0 : xl_thread_start(&s->thread, engine, s);
    if (code) status = xl_fail(err, XLSTM_EIO, "no thread for the engine: %s", strerror(code));
    s->started = !status;
    if (status) serve_scheduler_destroy(s);
    else *out = s;
    return status;
}

void serve_scheduler_destroy(serve_scheduler *s) {
    if (!s) return;
    if (s->started) {
        pthread_mutex_lock(&s->lock);
        s->closed = s->ending = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
    }
    serve_disk_destroy(s->disk);
    serve_prefixes_destroy(s->prefixes);
    xlstm_batch_destroy(s->batch);
    while (s->idle_count) xlstm_session_destroy(s->idle[--s->idle_count]);
    serve_recent_clear(s);
    free(s->idle);
    free(s->talks);
    free(s->jobs);
    free(s->items);
    free(s->readers);
    free(s->decoders);
    free(s->draws);
    xl_aligned_free(s->logits);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool same(const char *a, const char *b) {
    return a && b && !strcmp(a, b);
}

/* Whether another job has a conversation in hand that this one would read or write, or that it reads; under the
 * lock. */
static bool in_use(const serve_scheduler *s, const serve_job *job) {
    for (size_t i = 0; i < s->talk_count; i++) {
        const serve_job *other = s->talks[i];
        if (same(job->save_path, other->save_path) || same(job->load_path, other->save_path) ||
            same(job->save_path, other->load_path))
            return true;
    }
    return false;
}

static int check_job(const serve_scheduler *s, const serve_job *job, xlstm_error *err) {
    if (job->params.n > s->o.max_sequences)
        return xl_fail(err, XLSTM_EARG, "n: %d, wanted at most %lld", job->params.n, (long long)s->o.max_sequences);
    if (!job->count && !job->load_path) return xl_fail(err, XLSTM_EARG, "the prompt is empty");
    for (size_t i = 0; i < job->count; i++) {
        if (job->ids[i] < 0 || job->ids[i] >= s->vocab)
            return xl_fail(err, XLSTM_EARG, "token %zu: id %ld, wanted 0 to %lld", i, (long)job->ids[i],
                           (long long)s->vocab - 1);
    }
    return XLSTM_OK;
}

int serve_scheduler_submit(serve_scheduler *s, serve_job *job, xlstm_error *err) {
    int status = check_job(s, job, err);
    if (status) return status;
    job->submitted = xl_now_s();
    pthread_mutex_lock(&s->lock);
    const bool talks = job->load_path || job->save_path;
    serve_job **list = talks ? xl_grow(s->talks, &s->talk_room, s->talk_count + 1, sizeof(serve_job *)) : s->talks;
    if (talks && list) s->talks = list;
    if (s->closed) {
        status = SERVE_CLOSING;
    } else if (s->held + job->params.n > s->o.max_sequences + s->o.max_queue) {
        status = SERVE_FULL;
        serve_count(&s->o.metrics->refused, 1);
    } else if (in_use(s, job)) {
        status = SERVE_IN_USE;
    } else if (talks && !list) {
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    } else {
        serve_job_hold(job);
        if (talks) s->talks[s->talk_count++] = job;
        job->next = NULL;
        *s->end = job;
        s->end = &job->next;
        s->queued++;
        s->held += job->params.n;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

int serve_scheduler_retry_after(serve_scheduler *s) {
    pthread_mutex_lock(&s->lock);
    const double seconds = s->job_s * (double)(s->held + 1 - s->o.max_sequences) / (double)s->o.max_sequences;
    pthread_mutex_unlock(&s->lock);
    return seconds < 1 ? 1 : seconds > 60 ? 60 : (int)(seconds + 0.5);
}

void serve_scheduler_close(serve_scheduler *s) {
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
}

bool serve_scheduler_busy(serve_scheduler *s) {
    pthread_mutex_lock(&s->lock);
    const bool busy = s->queued || s->running;
    pthread_mutex_unlock(&s->lock);
    return busy;
}
