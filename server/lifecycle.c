#include "server/lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "server/recent.h"

/* Beginnings of fewer tokens are read faster than they are looked for. */
enum { WORTH_KEEPING = 16 };

xlstm_session *serve_take_session(serve_scheduler *s, xlstm_error *err) {
    xlstm_session *session = NULL;
    if (s->idle_count) {
        session = s->idle[--s->idle_count];
        xlstm_session_reset(session);
        return session;
    }
    return xlstm_session_create(&session, s->o.model, &s->o.settings, err) ? NULL : session;
}

void serve_give_session(serve_scheduler *s, xlstm_session *session) {
    enum { KEPT = 16 };
    if (!session) return;
    xlstm_session **idle =
        s->idle_count < KEPT ? xl_grow(s->idle, &s->idle_room, s->idle_count + 1, sizeof(xlstm_session *)) : NULL;
    if (!idle) {
        xlstm_session_destroy(session);
        return;
    }
    s->idle = idle;
    s->idle[s->idle_count++] = session;
}

bool serve_add_draw(serve_scheduler *s, serve_choice *choice, const float *logits) {
    serve_draw *draws = xl_grow(s->draws, &s->draw_room, s->draw_count + 1, sizeof *draws);
    if (!draws) return false;
    s->draws = draws;
    s->draws[s->draw_count++] = (serve_draw){choice, logits};
    return true;
}

/* The job is over: whoever asks for its conversation next may have it, even before it hears of the end. */
static void finish(serve_scheduler *s, serve_job *job, const serve_piece *last) {
    job->state = SERVE_OVER;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->talk_count; i++) {
        if (s->talks[i] != job) continue;
        s->talks[i] = s->talks[--s->talk_count];
        break;
    }
    s->running--;
    s->held -= job->params.n;
    s->job_s += 0.1 * (xl_now_s() - job->submitted - s->job_s);
    pthread_mutex_unlock(&s->lock);
    job->deliver(job->user, job, last);
}

void serve_fail(serve_scheduler *s, serve_job *job, const xlstm_error *err) {
    if (job->state == SERVE_OVER) return;
    serve_count(err->status == XLSTM_ECANCELLED ? &s->o.metrics->jobs_cancelled : &s->o.metrics->jobs_failed, 1);
    finish(s, job, &(serve_piece){.choice = -1, .finish = SERVE_FAILED, .err = err, .last = true});
}

static void succeed(serve_scheduler *s, serve_job *job) {
    serve_count(&s->o.metrics->jobs_finished, 1);
    finish(s, job, &(serve_piece){.choice = -1, .last = true});
}

/* Adds a position to those at which the state is kept. */
static void add_mark(serve_job *job, size_t at) {
    size_t *marks = realloc(job->marks, (job->mark_count + 1) * sizeof *marks), i = job->mark_count;
    if (!marks) return;
    job->marks = marks;
    for (; i > 0 && marks[i - 1] > at; i--) marks[i] = marks[i - 1];
    marks[i] = at;
    job->mark_count++;
}

static bool caches(const serve_scheduler *s, const serve_job *job) {
    return s->prefixes && !job->no_cache && !job->continued;
}

void serve_fetch(serve_scheduler *s, serve_job *job) {
    if (caches(s, job)) {
        size_t length;
        switch (serve_prefixes_find(s->prefixes, job->ids, job->count, job->session, &length, &job->known)) {
        case SERVE_FOUND_ON_DISK:
            job->state = SERVE_FETCHING;
            return;
        case SERVE_FOUND_STATE:
            job->fed = job->cached = length;
            break;
        case SERVE_FOUND_NOTHING:
            break;
        }
        const size_t common = serve_common(s, job->ids, job->count);
        if (common < job->count) add_mark(job, common);
    }
    serve_count(&s->o.metrics->prompt_tokens, job->count);
    serve_count(&s->o.metrics->cached_tokens, job->cached);
    job->state = SERVE_READING;
}

/* A token that is pending in the conversation's state comes before the prompt, which begins no new text then. */
static int continue_conversation(serve_job *job, xlstm_error *err) {
    const int32_t pending = xlstm_session_pending(job->session);
    job->continued = xlstm_session_position(job->session) > 0;
    const size_t begin = job->continued && job->bos >= 0 && job->count && job->ids[0] == job->bos;
    int32_t *ids = xl_array(job->count + 1, sizeof *ids);
    if (!ids) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    size_t count = 0;
    if (pending >= 0) ids[count++] = pending;
    for (size_t i = begin; i < job->count; i++) ids[count++] = job->ids[i];
    free(job->ids);
    job->ids = ids;
    job->count = count;
    if (!count) return xl_fail(err, XLSTM_EARG, "there is no text to continue");
    return XLSTM_OK;
}

static void have_loaded(void *owner, serve_errand *errand) {
    serve_scheduler *s = owner;
    serve_job *job = errand->subject;
    xlstm_error err = errand->err;
    job->session = errand->session;
    int status = errand->status == XLSTM_ENOTFOUND && !job->must_load ? XLSTM_OK : errand->status;
    if (!status) status = continue_conversation(job, &err);
    if (status) serve_fail(s, job, &err);
    else serve_fetch(s, job);
}

static void have_saved(void *owner, serve_errand *errand) {
    serve_scheduler *s = owner;
    serve_job *job = errand->subject;
    serve_give_session(s, errand->session);
    if (errand->status) serve_fail(s, job, &errand->err);
    else succeed(s, job);
}

/* Sends the disk on its way with a session, which comes back with `done`. */
static int send(serve_scheduler *s, serve_job *job, serve_errand_kind kind, const char *path,
                xlstm_session *session, void (*done)(void *owner, serve_errand *errand), xlstm_error *err) {
    serve_errand *errand = calloc(1, sizeof *errand);
    char *copy = strdup(path);
    if (!errand || !copy) {
        free(errand);
        free(copy);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    *errand =
        (serve_errand){.kind = kind, .path = copy, .session = session, .done = done, .owner = s, .subject = job};
    serve_disk_submit(s->disk, errand);
    return XLSTM_OK;
}

void serve_begin(serve_scheduler *s, serve_job *job) {
    xlstm_error err = {0};
    job->session = serve_take_session(s, &err);
    if (!job->session) {
        serve_fail(s, job, &err);
    } else if (!job->load_path) {
        serve_fetch(s, job);
    } else if (send(s, job, SERVE_LOAD, job->load_path, job->session, have_loaded, &err)) {
        serve_fail(s, job, &err);
    } else {
        job->session = NULL; /* the errand's */
        job->state = SERVE_LOADING;
    }
}

size_t serve_readable(const serve_job *job) {
    for (size_t i = 0; i < job->mark_count; i++) {
        const size_t mark = job->marks[i];
        if (mark >= WORTH_KEEPING && mark > job->fed && mark < job->count) return mark - job->fed;
    }
    return job->count - job->fed;
}

/* Keeps a copy of the state behind what was fed. */
static void keep_prompt(serve_scheduler *s, const serve_job *job, const float *logits) {
    xlstm_session *copy = NULL;
    if (!logits && serve_prefixes_has(s->prefixes, job->ids, job->fed)) return;
    if (xlstm_session_create(&copy, s->o.model, &s->o.settings, NULL)) return;
    if (xlstm_session_copy_state(copy, job->session, NULL)) xlstm_session_destroy(copy);
    else serve_prefixes_put(s->prefixes, job->ids, job->fed, copy, logits);
}

void serve_have_read(serve_scheduler *s, serve_job *job, const float *logits) {
    bool keep = false;
    job->fed += job->reading;
    for (size_t i = 0; i < job->mark_count; i++) keep |= job->marks[i] == job->fed;
    keep |= job->fed == job->count && job->fed - job->cached >= WORTH_KEEPING;
    if (keep && job->fed >= WORTH_KEEPING && caches(s, job)) keep_prompt(s, job, logits);
    if (job->fed == job->count) serve_fork(s, job, logits);
}

/* Keeps the state behind a prompt and its continuation: a later prompt may begin with both. */
static void keep_answer(serve_scheduler *s, serve_choice *c) {
    const serve_job *job = c->job;
    const size_t made = c->count ? c->count - 1 : 0; /* the last was not fed */
    const size_t count = job->count + made;
    int32_t *ids = made && caches(s, job) && count >= WORTH_KEEPING ? xl_array(count, sizeof *ids) : NULL;
    if (!ids) {
        serve_give_session(s, c->session);
    } else {
        memcpy(ids, job->ids, job->count * sizeof *ids);
        memcpy(ids + job->count, c->ids, made * sizeof *ids);
        serve_prefixes_put(s->prefixes, ids, count, c->session, NULL);
        free(ids);
    }
    c->session = NULL;
}

/* Writes the conversation of a job, of which this is the one choice. */
static void save_conversation(serve_scheduler *s, serve_job *job, serve_choice *c) {
    xlstm_error err = {0};
    const bool dropped = !c->count || (c->ended_text && !job->params.keep_eos);
    int status = xlstm_session_set_pending(c->session, dropped ? -1 : c->ids[c->count - 1], &err);
    if (!status) status = send(s, job, SERVE_SAVE, job->save_path, c->session, have_saved, &err);
    if (status) {
        serve_fail(s, job, &err);
        return;
    }
    c->session = NULL;
    job->state = SERVE_SAVING;
}

static void end_choice(serve_scheduler *s, serve_choice *c) {
    serve_job *job = c->job;
    job->finished++;
    if (job->save_path) {
        save_conversation(s, job, c);
        return;
    }
    keep_answer(s, c);
    if (job->finished == job->params.n) succeed(s, job);
}

void serve_fork(serve_scheduler *s, serve_job *job, const float *logits) {
    const int n = job->params.n;
    xlstm_error err = {0};
    int status = XLSTM_OK;
    job->choices = calloc((size_t)n, sizeof *job->choices);
    if (!job->choices) status = xl_fail(&err, XLSTM_ENOMEM, "out of memory");
    for (int i = 0; i < n && !status; i++) {
        xlstm_session *session = i ? serve_take_session(s, &err) : job->session;
        if (!session) {
            status = err.status;
            break;
        }
        if (!i) job->session = NULL;
        status = serve_choice_open(&job->choices[i], job, i, session, s->o.tokenizer, s->vocab, &err);
        job->opened++;
        if (i && !status) status = xlstm_session_copy_state(session, job->choices[0].session, &err);
    }
    job->state = SERVE_DECODING;
    for (int i = 0; i < n && !status; i++) {
        serve_choice *c = &job->choices[i];
        if (job->params.max_tokens > 0) {
            if (!serve_add_draw(s, c, logits)) status = xl_fail(&err, XLSTM_ENOMEM, "out of memory");
        } else {
            c->finish = SERVE_LENGTH;
            job->deliver(job->user, job, &(serve_piece){.choice = i, .text = "", .finish = SERVE_LENGTH});
            end_choice(s, c);
        }
    }
    if (status) serve_fail(s, job, &err);
}

void serve_have_drawn(serve_scheduler *s, serve_choice *c, double now) {
    serve_job *job = c->job;
    serve_piece piece;
    xlstm_error err = {0};
    if (job->state == SERVE_OVER) return;
    if (serve_choice_take(c, s->o.tokenizer, &piece, &err)) {
        serve_fail(s, job, &err);
        return;
    }
    if (c->last_s > 0) serve_observe(&s->o.metrics->inter_token_seconds, now - c->last_s);
    else if (!c->index) serve_observe(&s->o.metrics->first_token_seconds, now - job->submitted);
    c->last_s = now;
    if (!piece.ended_text) serve_count(&s->o.metrics->generated_tokens, 1);
    if (piece.bytes || piece.token_count || piece.finish) job->deliver(job->user, job, &piece);
    if (piece.finish) end_choice(s, c);
}
