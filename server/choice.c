#include "server/choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/largest.h"
#include "base/memory.h"

static bool needs_sampler(const xlstm_sampling *s) {
    return s->temperature > 0 || s->repetition_penalty != 1;
}

int serve_choice_open(serve_choice *choice, serve_job *job, int index, xlstm_session *session,
                      const xlstm_tokenizer *tokenizer, int64_t vocab, xlstm_error *err) {
    *choice = (serve_choice){.job = job, .index = index, .session = session};
    int status = xlstm_decoder_create(&choice->decoder, tokenizer, false, err);
    xlstm_sampling sampling = job->params.sampling;
    if (status || !needs_sampler(&sampling)) return status;
    sampling.seed += (uint64_t)index;
    status = xlstm_sampler_create(&choice->sampler, &sampling, vocab, err);
    if (status || sampling.repetition_penalty == 1) return status;
    for (size_t i = 0; i < job->count; i++) xlstm_sampler_accept(choice->sampler, job->ids[i]);
    return XLSTM_OK;
}

void serve_choice_close(serve_choice *choice) {
    xlstm_session_destroy(choice->session);
    xlstm_sampler_destroy(choice->sampler);
    xlstm_decoder_destroy(choice->decoder);
    free(choice->held.data);
    free(choice->ids);
    free(choice->waiting);
    free(choice->begins);
    *choice = (serve_choice){.job = NULL};
}

/* Puts a token into the list of the likeliest, if it belongs there. Of equal ones the lowest id comes first. */
static void consider(serve_token *out, int wanted, int32_t id, float logit) {
    int at = out->tops;
    while (at > 0 && logit > out->top_logprob[at - 1]) at--;
    if (at == wanted) return;
    if (out->tops < wanted) out->tops++;
    const size_t moved = (size_t)(out->tops - at - 1);
    memmove(out->top_id + at + 1, out->top_id + at, moved * sizeof *out->top_id);
    memmove(out->top_logprob + at + 1, out->top_logprob + at, moved * sizeof *out->top_logprob);
    out->top_id[at] = id;
    out->top_logprob[at] = logit;
}

void serve_logprobs(const float *logits, int64_t vocab, serve_token *out) {
    const int wanted = out->tops;
    float most = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < vocab; i++) most = logits[i] > most ? logits[i] : most;
    out->tops = 0;
    for (int64_t i = 0; i < vocab; i++) {
        if (isnan(logits[i])) continue;
        sum += exp((double)logits[i] - most);
        if (wanted) consider(out, wanted, (int32_t)i, logits[i]);
    }
    const double all = most + log(sum);
    out->logprob = (float)(logits[out->id] - all);
    for (int i = 0; i < out->tops; i++) out->top_logprob[i] = (float)(out->top_logprob[i] - all);
}

void serve_choice_draw(serve_choice *choice, const float *logits, int64_t vocab) {
    serve_token *t = &choice->drawn;
    t->id = choice->sampler ? xlstm_sampler_draw(choice->sampler, logits) : (int32_t)xl_largest(logits, vocab);
    t->tops = choice->job->params.top_logprobs;
    if (t->tops >= 0) serve_logprobs(logits, vocab, t);
}

/* Keeps the drawn token until its text is given. */
static bool keep_token(serve_choice *c) {
    serve_token *tokens = xl_grow(c->waiting, &c->waiting_room, c->waiting_count + 1, sizeof *tokens);
    if (!tokens) return false;
    c->waiting = tokens;
    uint64_t *begins = xl_grow(c->begins, &c->begins_room, c->waiting_count + 1, sizeof *begins);
    if (!begins) return false;
    c->begins = begins;
    c->waiting[c->waiting_count] = c->drawn;
    c->begins[c->waiting_count++] = c->released + c->held.size;
    return true;
}

static bool keep_id(serve_choice *c, int32_t id) {
    int32_t *ids = xl_grow(c->ids, &c->room, c->count + 1, sizeof *ids);
    if (!ids) return false;
    c->ids = ids;
    c->ids[c->count++] = id;
    return true;
}

/* Forgets what the piece of the call before gave: it stands at the beginning of the buffers. */
static void forget_given(serve_choice *c, size_t bytes, size_t tokens) {
    if (bytes) memmove(c->held.data, c->held.data + bytes, c->held.size - bytes);
    c->held.size -= bytes;
    c->released += bytes;
    if (tokens) {
        memmove(c->waiting, c->waiting + tokens, (c->waiting_count - tokens) * sizeof *c->waiting);
        memmove(c->begins, c->begins + tokens, (c->waiting_count - tokens) * sizeof *c->begins);
    }
    c->waiting_count -= tokens;
}

int serve_choice_take(serve_choice *c, const xlstm_tokenizer *tokenizer, serve_piece *piece, xlstm_error *err) {
    const serve_params *params = &c->job->params;
    const int32_t id = c->drawn.id;
    const char *text = NULL;
    size_t bytes = 0;
    int status = XLSTM_OK;
    *piece = (serve_piece){.choice = c->index};
    forget_given(c, c->given_bytes, c->given_tokens);
    c->given_bytes = c->given_tokens = 0;
    if (c->sampler) xlstm_sampler_accept(c->sampler, id);
    if (!keep_id(c, id))
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for a continuation of %zu tokens", c->count);
    piece->ended_text = !params->ignore_eos && xlstm_tokenizer_ends_text(tokenizer, id);
    if (piece->ended_text) {
        c->finish = SERVE_STOP;
    } else {
        c->made++;
        if (params->top_logprobs >= 0 && !keep_token(c)) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
        status = xlstm_decoder_push(c->decoder, id, &text, &bytes, err);
        if (status) return status;
        if (!xl_bytes_append(&c->held, text, bytes)) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
        if ((int64_t)c->made >= params->max_tokens) c->finish = SERVE_LENGTH;
    }
    if (c->finish) {
        status = xlstm_decoder_finish(c->decoder, &text, &bytes, err);
        if (status) return status;
        if (!xl_bytes_append(&c->held, text, bytes)) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    int found;
    piece->bytes = serve_stops_scan(&params->stops, &c->held, c->finish != SERVE_RUNNING, &found);
    piece->text = c->held.data;
    if (found >= 0) {
        piece->stop = params->stops.text[found];
        piece->stop_bytes = params->stops.bytes[found];
        piece->ended_text = false;
        c->finish = SERVE_STOP;
    }
    /* Tokens behind a stop string are not part of the answer. */
    const bool all = c->finish && found < 0;
    while (piece->token_count < c->waiting_count &&
           (all || c->begins[piece->token_count] < c->released + piece->bytes))
        piece->token_count++;
    c->ended_text = piece->ended_text;
    piece->tokens = c->waiting;
    piece->finish = c->finish;
    piece->made = c->made;
    c->given_bytes = piece->bytes;
    c->given_tokens = piece->token_count;
    return XLSTM_OK;
}
