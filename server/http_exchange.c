#include "server/http_exchange.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/rng.h"

/* Of an answer that the client does not read. */
enum { UNREAD_MAX = 1 << 20, COMPACT_AT = 1 << 16 };

serve_exchange *serve_exchange_create(const serve_desk *desk, void *connection) {
    serve_exchange *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    x->desk = desk;
    x->connection = connection;
    x->moved_s = xl_now_s();
    atomic_init(&x->refs, 1);
    pthread_mutex_init(&x->lock, NULL);
    return x;
}

void serve_exchange_hold(serve_exchange *x) {
    atomic_fetch_add_explicit(&x->refs, 1, memory_order_relaxed);
}

void serve_exchange_release(serve_exchange *x) {
    if (!x || atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < x->part_count; i++) serve_job_release(x->parts[i].job);
    serve_reply_close(&x->reply);
    free(x->body.data);
    free(x->out.data);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

/* Everything below down to deliver is under the lock. */

static void wake(serve_exchange *x) {
    if (!x->suspended || !x->connection) return;
    x->suspended = false;
    x->desk->resume(x->connection);
}

static void cancel(serve_exchange *x) {
    for (size_t i = 0; i < x->part_count; i++) serve_job_cancel(x->parts[i].job);
}

static void drop(serve_exchange *x, _Atomic uint64_t *why) {
    if (x->gone) return;
    if (why) serve_count(why, 1);
    x->gone = true;
    cancel(x);
    wake(x);
}

/* Answers with an error: as the whole answer, or at the end of a stream that has begun. */
static void refuse(serve_exchange *x, const serve_refusal *why) {
    if (x->done) return;
    serve_count(&x->desk->metrics->request_errors, 1);
    cancel(x);
    if (x->ready) {
        if (!serve_reply_error(why, &x->out)) drop(x, NULL);
    } else {
        char *text = serve_refusal_json(why);
        x->code = why->code;
        x->out.size = 0;
        x->stream = false;
        if (!text || !xl_bytes_append(&x->out, text, strlen(text))) drop(x, NULL);
        free(text);
    }
    x->ready = x->done = true;
    wake(x);
}

static void succeed(serve_exchange *x, json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    x->code = 200;
    if (!text || !xl_bytes_append(&x->out, text, strlen(text)) || !xl_bytes_append(&x->out, "\n", 1)) drop(x, NULL);
    free(text);
    x->ready = x->done = true;
    wake(x);
}

static void refusal_of(const xlstm_error *err, serve_refusal *why) {
    static const struct {
        int status, code;
        const char *type;
    } codes[] = {
        {XLSTM_EARG, 400, "invalid_request_error"},
        {XLSTM_ENOTFOUND, 404, "not_found_error"},
        {XLSTM_EMISMATCH, 409, "invalid_request_error"},
        {XLSTM_EFORMAT, 409, "invalid_request_error"},
        {XLSTM_ECANCELLED, 503, "server_error"},
        {XLSTM_ENOMEM, 503, "server_error"},
        {XLSTM_EUNSUPPORTED, 400, "invalid_request_error"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].status == err->status) {
            serve_refuse(why, codes[i].code, codes[i].type, NULL, "%s", err->text);
            return;
        }
    }
    serve_refuse(why, 500, "server_error", NULL, "%s", err->text);
}

/* From the engine's thread. */
static void deliver(void *user, const serve_job *job, const serve_piece *p) {
    serve_part *part = user;
    serve_exchange *x = part->exchange;
    pthread_mutex_lock(&x->lock);
    const bool idle = x->taken == x->out.size;
    if (!part->counted) {
        x->reply.prompt_tokens += job->count;
        x->reply.cached_tokens += job->cached;
        part->counted = true;
    }
    if (p->last) x->parts_left--;
    if (x->gone || x->done) {
        /* Nobody listens any more. */
    } else if (p->finish == SERVE_FAILED) {
        serve_refusal why;
        refusal_of(p->err, &why);
        refuse(x, &why);
    } else {
        bool ok = p->choice < 0 || serve_reply_piece(&x->reply, part->first + (size_t)p->choice, p, &x->out);
        if (!x->parts_left) {
            ok = ok && serve_reply_end(&x->reply, &x->out);
            x->done = true;
        }
        x->code = 200;
        x->stream = x->reply.stream;
        x->ready = x->done || (x->stream && x->out.size > 0);
        if (!ok) drop(x, NULL);
        else if (x->out.size - x->taken > UNREAD_MAX && !x->done) drop(x, &x->desk->metrics->slow_readers);
        if (x->ready) wake(x);
    }
    if (idle) x->moved_s = xl_now_s();
    pthread_mutex_unlock(&x->lock);
    if (p->last) serve_exchange_release(x);
}

static bool copy_params(serve_params *to, const serve_params *from) {
    *to = *from;
    to->stops.count = 0;
    for (size_t i = 0; i < from->stops.count; i++) {
        if (!serve_stops_add(&to->stops, from->stops.text[i], from->stops.bytes[i])) return false;
    }
    return true;
}

/* The file of a conversation, malloc'd to *out. Its folder is made. */
static bool conversation_path(const serve_exchange *x, const char *name, char **out, serve_refusal *why) {
    xlstm_error err = {.status = XLSTM_ENOMEM, .text = "out of memory"};
    char *folder = x->owner[0] ? xl_format("%s/%s", x->desk->sessions, x->owner) : strdup(x->desk->sessions);
    if (folder && !xl_make_folder(folder, &err)) *out = xl_format("%s/%s.safetensors", folder, name);
    free(folder);
    if (!*out) refusal_of(&err, why);
    return *out != NULL;
}

int serve_conversations_open(const char *sessions, xlstm_error *err) {
    int status = xl_make_folder(sessions, err);
    if (!status && access(sessions, W_OK | X_OK))
        status = xl_fail(err, XLSTM_EIO, "%s: cannot write conversations there: %s", sessions, strerror(errno));
    if (status) return status;
    xl_output_sweep(sessions);
    DIR *dir = opendir(sessions);
    for (const struct dirent *d; dir && (d = readdir(dir));) {
        char *folder = strlen(d->d_name) == SERVE_OWNER_LETTERS ? xl_format("%s/%s", sessions, d->d_name) : NULL;
        if (folder) xl_output_sweep(folder);
        free(folder);
    }
    if (dir) closedir(dir);
    return XLSTM_OK;
}

static bool set_conversation(const serve_exchange *x, serve_job *job, const serve_body *body, serve_refusal *why) {
    const char *from = body->from[0] ? body->from : body->conversation;
    if (!*from) return true;
    if (!x->desk->sessions)
        return serve_refuse(why, 400, "invalid_request_error", "session_id",
                            "session_id: this server keeps no conversations (--sessions DIR)");
    job->must_load = body->from[0] != 0;
    if (!conversation_path(x, from, &job->load_path, why)) return false;
    if (!body->conversation[0]) return true;
    if (!conversation_path(x, body->conversation, &job->save_path, why)) return false;
    /* A copy of one conversation never takes the place of another. */
    if (strcmp(from, body->conversation) != 0 && !access(job->save_path, F_OK))
        return serve_refuse(why, 409, "invalid_request_error", "session_id",
                            "session_id: there is a conversation '%s' already; a copy of '%s' needs a new name",
                            body->conversation, from);
    return true;
}

/* Fills a job with the index-th prompt. */
static bool fill_job(const serve_exchange *x, serve_job *job, const serve_body *body, size_t index,
                     serve_refusal *why) {
    if (!copy_params(&job->params, &body->params))
        return serve_refuse(why, 503, "server_error", NULL, "out of memory");
    if (!body->seeded) {
        xl_rng rng;
        xl_rng_seed(&rng, xl_now_ns() ^ (uint64_t)(uintptr_t)job);
        job->params.sampling.seed = xl_rng_next(&rng);
    }
    job->no_cache = body->no_cache;
    job->deadline = x->desk->request_s > 0 ? xl_now_s() + x->desk->request_s : 0;
    job->deliver = deliver;
    return serve_prompt_fill(job, body, index, x->desk->chat, x->desk->tokenizer, why) &&
           set_conversation(x, job, body, why);
}

static bool submit(serve_exchange *x, serve_job *job, serve_refusal *why) {
    xlstm_error err = {0};
    switch (serve_scheduler_submit(x->desk->scheduler, job, &err)) {
    case XLSTM_OK:
        return true;
    case SERVE_FULL:
        serve_refuse(why, 429, "rate_limit_error", NULL, "too many requests wait already");
        why->name = "rate_limit_exceeded";
        x->retry_after = serve_scheduler_retry_after(x->desk->scheduler);
        return false;
    case SERVE_IN_USE:
        serve_refuse(why, 409, "invalid_request_error", "session_id",
                     "another request has this conversation in hand");
        why->name = "session_in_use";
        x->retry_after = 1;
        return false;
    case SERVE_CLOSING:
        serve_refuse(why, 503, "server_error", NULL, "the server ends");
        x->retry_after = 5;
        return false;
    default:
        refusal_of(&err, why);
        return false;
    }
}

static void answer(serve_exchange *x) {
    serve_body body;
    serve_refusal why;
    if (!serve_body_read(&body, x->form, x->body.data ? x->body.data : "", x->body.size, x->desk->max_tokens,
                         &why)) {
        refuse(x, &why);
        return;
    }
    const size_t n = (size_t)body.params.n;
    bool ok = serve_reply_open(&x->reply, &body, body.prompt_count ? body.prompt_count * n : n, x->desk->model_name,
                               x->desk->tokenizer) ||
              serve_refuse(&why, 503, "server_error", NULL, "out of memory");
    for (size_t i = 0; ok && i < (body.messages ? 1 : body.prompt_count); i++) {
        serve_job *job = serve_job_create();
        if (!job) ok = serve_refuse(&why, 503, "server_error", NULL, "out of memory");
        serve_part *part = &x->parts[i];
        *part = (serve_part){.exchange = x, .job = job, .first = i * n};
        if (job) x->part_count++;
        ok = ok && fill_job(x, job, &body, i, &why);
        if (job) job->user = part;
    }
    for (size_t i = 0; ok && i < x->part_count; i++) {
        serve_exchange_hold(x);
        x->parts_left++;
        ok = submit(x, x->parts[i].job, &why);
        if (ok) continue;
        x->parts_left--;
        atomic_fetch_sub(&x->refs, 1); /* the caller has another */
    }
    if (!ok) refuse(x, &why);
    serve_body_clear(&body);
}

static void tokenize(serve_exchange *x) {
    serve_refusal why;
    xlstm_error err = {0};
    int32_t *ids = NULL;
    size_t count = 0;
    json_t *o = serve_json_read(x->body.data ? x->body.data : "", x->body.size, &why);
    const json_t *content = json_object_get(o, "content"), *bos = json_object_get(o, "add_special");
    if (!content) content = json_object_get(o, "prompt");
    bool ok = o != NULL;
    if (ok && !json_is_string(content))
        ok = serve_refuse(&why, 400, "invalid_request_error", "content", "content: wanted text");
    if (ok && xlstm_tokenizer_encode(x->desk->tokenizer, json_string_value(content), json_string_length(content),
                                     json_is_true(bos), &ids, &count, &err)) {
        refusal_of(&err, &why);
        ok = false;
    }
    if (!ok) {
        refuse(x, &why);
    } else {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(ids[i]));
        succeed(x, json_pack("{s:o}", "tokens", list));
    }
    json_decref(o);
    free(ids);
}

static void detokenize(serve_exchange *x) {
    serve_refusal why;
    xlstm_error err = {0};
    char *text = NULL;
    size_t bytes = 0;
    json_t *o = serve_json_read(x->body.data ? x->body.data : "", x->body.size, &why);
    const json_t *list = json_object_get(o, "tokens");
    const size_t count = json_array_size(list);
    int32_t *ids = xl_array(count, sizeof *ids);
    bool ok = o != NULL;
    if (ok && !json_is_array(list))
        ok = serve_refuse(&why, 400, "invalid_request_error", "tokens", "tokens: wanted a list of ids");
    if (ok && !ids) ok = serve_refuse(&why, 503, "server_error", NULL, "out of memory");
    const json_int_t most = (json_int_t)xlstm_tokenizer_size(x->desk->tokenizer) - 1;
    for (size_t i = 0; ok && i < count; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > most)
            ok = serve_refuse(&why, 400, "invalid_request_error", "tokens",
                              "tokens[%zu]: wanted an id from 0 to %lld", i, (long long)most);
        else ids[i] = (int32_t)json_integer_value(id);
    }
    if (ok && xlstm_tokenizer_decode(x->desk->tokenizer, ids, count, true, &text, &bytes, &err)) {
        refusal_of(&err, &why);
        ok = false;
    }
    if (ok) succeed(x, json_pack("{s:s%}", "content", text, bytes));
    else refuse(x, &why);
    json_decref(o);
    free(ids);
    free(text);
}

void serve_exchange_work(serve_exchange *x) {
    pthread_mutex_lock(&x->lock);
    if (!x->gone) {
        switch (x->work) {
        case SERVE_WORK_ANSWER:
            answer(x);
            break;
        case SERVE_WORK_TOKENIZE:
            tokenize(x);
            break;
        case SERVE_WORK_DETOKENIZE:
            detokenize(x);
            break;
        }
    }
    free(x->body.data);
    x->body = (xl_bytes){0};
    pthread_mutex_unlock(&x->lock);
}

int64_t serve_exchange_take(serve_exchange *x, char *to, size_t most) {
    pthread_mutex_lock(&x->lock);
    const size_t left = x->out.size - x->taken;
    int64_t bytes = (int64_t)(left < most ? left : most);
    if (x->gone) {
        bytes = -2;
    } else if (left) {
        memcpy(to, x->out.data + x->taken, (size_t)bytes);
        x->taken += (size_t)bytes;
        x->moved_s = xl_now_s();
        if (x->taken == x->out.size || x->taken > COMPACT_AT) {
            memmove(x->out.data, x->out.data + x->taken, x->out.size - x->taken);
            x->out.size -= x->taken;
            x->taken = 0;
        }
    } else if (x->done) {
        bytes = -1;
    } else {
        x->suspended = true;
        x->desk->suspend(x->connection);
    }
    pthread_mutex_unlock(&x->lock);
    return bytes;
}

void serve_exchange_drop(serve_exchange *x, _Atomic uint64_t *why) {
    pthread_mutex_lock(&x->lock);
    drop(x, why);
    pthread_mutex_unlock(&x->lock);
}

void serve_exchange_close(serve_exchange *x) {
    pthread_mutex_lock(&x->lock);
    x->connection = NULL;
    x->gone = true;
    cancel(x);
    pthread_mutex_unlock(&x->lock);
}
