#include "cli/many.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/live_facts.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "server/scheduler.h"

typedef struct continuation {
    xl_bytes text;
    json_t *tokens; /* NULL: no logprobs */
    json_t *stop;   /* NULL: no stop string was found */
    serve_finish finish;
    uint64_t made;
} continuation;

/* A prompt on its way; the oldest is printed first. */
typedef struct request {
    struct request *next;
    struct runner *runner;
    serve_job *job;
    json_t *id;
    uint64_t index;
    continuation *choices; /* [n] */
    int n;
    xlstm_error err;
    bool over; /* under the runner's lock */
} request;

typedef struct runner {
    cli_many *many;
    serve_scheduler *scheduler;
    request *first, **end;
    size_t pending;
    serve_metrics metrics;
    xl_live *live;
    uint64_t lines; /* of the input so far */
    xl_bytes input; /* what was read and is no whole line yet */
    size_t used;    /* bytes of it that were taken */
    bool ended;     /* no more is read */
    int wake[2];    /* a pipe that the engine writes to when a request is over */
    pthread_mutex_t lock;
} runner;

/* ---- the engine's side ---- */

static json_t *token_text(const xlstm_tokenizer *tokenizer, int32_t id) {
    char *text;
    size_t bytes;
    if (xlstm_tokenizer_decode(tokenizer, &id, 1, true, &text, &bytes, NULL)) return json_null();
    json_t *out = json_stringn(text, bytes);
    free(text);
    return out;
}

static json_t *token_json(const xlstm_tokenizer *tokenizer, const serve_token *t) {
    json_t *top = json_array();
    for (int i = 0; i < t->tops; i++) {
        json_array_append_new(top,
                              json_pack("{s:i, s:o, s:f}", "id", (int)t->top_id[i], "text",
                                        token_text(tokenizer, t->top_id[i]), "logprob", (double)t->top_logprob[i]));
    }
    return json_pack("{s:i, s:o, s:f, s:o}", "id", (int)t->id, "text", token_text(tokenizer, t->id), "logprob",
                     (double)t->logprob, "top", top);
}

static void deliver(void *user, const serve_job *job, const serve_piece *piece) {
    request *q = user;
    runner *r = q->runner;
    if (piece->choice >= 0) {
        continuation *c = &q->choices[piece->choice];
        if (!xl_bytes_append(&c->text, piece->text, piece->bytes) && !q->err.status)
            xl_error_set(&q->err, XLSTM_ENOMEM, "out of memory for a text");
        for (size_t i = 0; i < piece->token_count && c->tokens; i++)
            json_array_append_new(c->tokens, token_json(r->many->context.tokenizer, &piece->tokens[i]));
        if (piece->stop) c->stop = json_stringn(piece->stop, piece->stop_bytes);
        c->finish = piece->finish;
        c->made = piece->made;
    }
    if (piece->finish == SERVE_FAILED) q->err = *piece->err;
    if (!piece->last) return;
    pthread_mutex_lock(&r->lock);
    q->over = true;
    pthread_mutex_unlock(&r->lock);           /* from here on the request may be printed and freed */
    if (write(r->wake[1], "", 1) < 0) return; /* full: it wakes anyway */
}

/* ---- requests ---- */

static void free_request(request *q) {
    for (int i = 0; i < q->n && q->choices; i++) {
        free(q->choices[i].text.data);
        json_decref(q->choices[i].tokens);
        json_decref(q->choices[i].stop);
    }
    free(q->choices);
    json_decref(q->id);
    serve_job_release(q->job);
    free(q);
}

/* Takes the job and the id over, also when it fails. */
static int submit(runner *r, serve_job *job, json_t *id, xlstm_error *err) {
    request *q = calloc(1, sizeof *q);
    if (q) q->choices = calloc((size_t)job->params.n, sizeof *q->choices);
    if (!q || !q->choices) {
        free(q);
        serve_job_release(job);
        json_decref(id);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    q->runner = r;
    q->job = job;
    q->id = id;
    q->n = job->params.n;
    q->index = r->many->prompts++;
    for (int i = 0; i < q->n && job->params.top_logprobs >= 0; i++) q->choices[i].tokens = json_array();
    job->deliver = deliver;
    job->user = q;
    r->many->prompt_tokens += job->count;
    const int status = serve_scheduler_submit(r->scheduler, job, err);
    if (status) {
        free_request(q);
        return status > 0 ? xl_fail(err, XLSTM_EINTERNAL, "the queue is full") : status;
    }
    *r->end = q;
    r->end = &q->next;
    r->pending++;
    return XLSTM_OK;
}

static int print(const request *q, int choice, xlstm_error *err) {
    const continuation *c = &q->choices[choice];
    json_t *o = json_pack("{s:I}", "index", (json_int_t)q->index);
    if (q->id) json_object_set(o, "id", q->id);
    if (q->n > 1) json_object_set_new(o, "choice", json_integer(choice));
    json_object_set_new(o, "text", json_stringn(c->text.size ? c->text.data : "", c->text.size));
    json_object_set_new(o, "finish", json_string(c->finish == SERVE_LENGTH ? "length" : "stop"));
    if (c->stop) json_object_set(o, "stop", c->stop);
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)q->job->count));
    json_object_set_new(o, "tokens", json_integer((json_int_t)c->made));
    if (c->tokens) json_object_set(o, "logprobs", c->tokens);
    /* ASCII only, because some readers take a Unicode line separator inside a text for the end of the line. */
    char *line = json_dumps(o, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7));
    json_decref(o);
    if (!line) return xl_fail(err, XLSTM_ENOMEM, "out of memory for a line of JSON");
    puts(line);
    free(line);
    return XLSTM_OK;
}

/* Prints what is over, from the oldest on, up to the first that is not. */
static int print_ready(runner *r, xlstm_error *err) {
    int status = XLSTM_OK;
    while (r->first) {
        request *q = r->first;
        pthread_mutex_lock(&r->lock);
        const bool over = q->over;
        pthread_mutex_unlock(&r->lock);
        if (!over) break;
        r->first = q->next;
        if (!r->first) r->end = &r->first;
        r->pending--;
        if (q->err.status && !status) {
            *err = q->err;
            status = err->status;
        }
        for (int i = 0; i < q->n && !q->err.status && !status; i++) {
            r->many->tokens += q->choices[i].made;
            status = print(q, i, err);
        }
        free_request(q);
        cli_flush();
    }
    return status;
}

/* ---- the input ---- */

/* The next whole line of what was read; false where there is none yet. */
static bool next_line(runner *r, char **line, size_t *bytes) {
    const size_t left = r->input.size - r->used;
    if (!r->input.data || !left) return false;
    char *from = r->input.data + r->used, *end = memchr(from, '\n', left);
    if (!end && !r->ended) return false;
    *line = from;
    *bytes = end ? (size_t)(end - from) : left;
    r->used += *bytes + (end != NULL);
    r->lines++;
    return true;
}

static int read_more(runner *r, xlstm_error *err) {
    enum { CHUNK = 64 << 10, LONGEST = 64 << 20 };
    if (r->used) {
        memmove(r->input.data, r->input.data + r->used, r->input.size - r->used);
        r->input.size -= r->used;
        r->used = 0;
    }
    if (r->input.size > LONGEST)
        return xl_fail(err, XLSTM_EFORMAT, "standard input: line %llu is longer than %d MiB",
                       (unsigned long long)r->lines + 1, LONGEST >> 20);
    if (!xl_bytes_reserve(&r->input, CHUNK)) return xl_fail(err, XLSTM_ENOMEM, "standard input: out of memory");
    const ssize_t got = read(STDIN_FILENO, r->input.data + r->input.size, CHUNK);
    if (got < 0 && errno != EINTR && errno != EAGAIN)
        return xl_fail(err, XLSTM_EIO, "standard input: cannot read: %s", strerror(errno));
    if (got > 0) r->input.size += (size_t)got;
    if (!got) r->ended = true;
    return XLSTM_OK;
}

static int take_lines(runner *r, size_t window, xlstm_error *err) {
    char *line, where[64];
    size_t bytes;
    int status = XLSTM_OK;
    while (!status && r->pending < window && next_line(r, &line, &bytes)) {
        serve_job *job = NULL;
        json_t *id = NULL;
        size_t blank = 0;
        while (blank < bytes && strchr(" \t\r", line[blank]) && line[blank]) blank++;
        if (blank == bytes) continue;
        snprintf(where, sizeof where, "standard input: line %llu", (unsigned long long)r->lines);
        status = cli_request_read(&r->many->context, line, bytes, where, &job, &id, err);
        xlstm_error inner;
        if (!status && (status = submit(r, job, id, &inner)))
            xl_error_set(err, status, "%s: %.900s", where, inner.text);
    }
    return status;
}

/* ---- the run ---- */

static bool must_stop(runner *r) {
    cli_watchdog_look(r->many->watchdog);
    cli_live_tell(r->live, &r->metrics);
    return cli_signals_stop() || cli_watchdog_hard(r->many->watchdog, NULL, NULL) || ferror(stdout);
}

static void cancel_all(runner *r) {
    r->ended = true;
    r->used = r->input.size;
    for (request *q = r->first; q; q = q->next) serve_job_cancel(q->job);
}

/* Waits for input or for a request that is over, a fifth of a second at most. */
static void wait_for_event(runner *r, bool input) {
    struct pollfd fds[] = {{.fd = r->wake[0], .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    char drained[256];
    poll(fds, input ? 2 : 1, 200);
    if (fds[0].revents && read(r->wake[0], drained, sizeof drained) < 0) return;
}

static bool readable(void) {
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

/* Keeps up to `window` requests on their way until the input and they are at their end. */
static int run(runner *r, size_t window, xlstm_error *err) {
    int status = XLSTM_OK;
    bool stopped = false;
    while (!r->ended || r->used < r->input.size || r->pending) {
        xlstm_error later;
        int more = take_lines(r, window, &later);
        if (!more && !r->ended && r->pending < window && readable()) {
            more = read_more(r, &later);
            if (!more) continue;
        }
        if (!more) more = print_ready(r, &later);
        if (more && !status) {
            /* What is on its way is finished and printed, but nothing more is read. */
            status = more;
            *err = later;
            r->ended = true;
            r->used = r->input.size;
        }
        if (must_stop(r) && !stopped) {
            stopped = true;
            cancel_all(r);
        }
        if (r->pending || !r->ended) wait_for_event(r, !r->ended && r->pending < window);
        more = print_ready(r, &later);
        if (more && !status) {
            status = more;
            *err = later;
        }
    }
    return stopped ? xl_fail(err, XLSTM_ECANCELLED, "stopped") : status;
}

static int open_scheduler(runner *r, bool jsonl, xlstm_error *err) {
    const cli_many *m = r->many;
    const int64_t batch = cli_int(m->context.cfg, "batch_size"), n = cli_int(m->context.cfg, "n");
    serve_scheduler_options options = {
        .model = m->model,
        .tokenizer = m->context.tokenizer,
        .settings = *m->settings,
        .batch_size = batch,
        .slice = xlstm_settings_get(m->settings, XLSTM_TUNE_SEGMENT),
        .max_itl_s = 1e9, /* nobody watches the tokens come: prompts are read as fast as they can be */
        .max_sequences = batch > n ? batch : n,
        .max_queue = INT64_MAX / 2,
        /* Prompts that begin alike are read once. */
        .cache_bytes = jsonl ? (uint64_t)256 << 20 : 0,
        .metrics = &r->metrics,
    };
    return serve_scheduler_create(&r->scheduler, &options, err);
}

int cli_many_run(cli_many *many, bool jsonl, int32_t *ids, size_t count, xlstm_error *err) {
    runner r = {.many = many, .ended = !jsonl, .wake = {-1, -1}};
    r.end = &r.first;
    pthread_mutex_init(&r.lock, NULL);
    int status = XLSTM_OK;
    if (pipe(r.wake)) status = xl_fail(err, XLSTM_EIO, "no pipe: %s", strerror(errno));
    for (int i = 0; i < 2 && !status; i++) fcntl(r.wake[i], F_SETFL, O_NONBLOCK);
    if (!status) status = open_scheduler(&r, jsonl, err);
    if (!status) r.live = cli_live_open(many->context.cfg, many->model, many->settings);
    const double start = xl_now_s();
    if (!status && ids) {
        serve_job *job = serve_job_create();
        if (!job) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
        else status = cli_job_params(many->context.cfg, &job->params, err);
        if (job) {
            job->ids = ids;
            job->count = count;
            ids = NULL;
        }
        if (status) serve_job_release(job);
        else status = submit(&r, job, NULL, err);
    }
    if (!status) status = run(&r, 4 * (size_t)cli_int(many->context.cfg, "batch_size"), err);
    many->seconds = xl_now_s() - start;
    serve_scheduler_destroy(r.scheduler);
    xl_live_close(r.live);
    while (r.first) {
        request *q = r.first;
        r.first = q->next;
        free_request(q);
    }
    for (int i = 0; i < 2; i++) {
        if (r.wake[i] >= 0) close(r.wake[i]);
    }
    pthread_mutex_destroy(&r.lock);
    free(r.input.data);
    free(ids);
    return status;
}
