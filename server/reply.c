#include "server/reply.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

struct serve_reply_choice {
    xl_bytes text;
    json_t *logprobs; /* what was collected, in the answer's form; NULL: none */
    size_t offset;    /* bytes of tokens in logprobs */
    uint64_t made;
    serve_finish finish;
    bool begun, ended_text;
    char *stop;
};

static const char *finish_name(serve_finish finish) {
    return finish == SERVE_STOP ? "stop" : finish == SERVE_LENGTH ? "length" : NULL;
}

bool serve_reply_open(serve_reply *r, const serve_body *body, size_t count, const char *model,
                      const xlstm_tokenizer *tokenizer) {
    static _Atomic uint64_t number;
    const char *prefix = body->form == SERVE_CHAT ? "chatcmpl" : "cmpl";
    *r = (serve_reply){.form = body->form,
                       .stream = body->stream,
                       .usage = body->usage,
                       .created = (int64_t)xl_wall_s(),
                       .model = model,
                       .tokenizer = tokenizer,
                       .top_logprobs = body->params.top_logprobs,
                       .count = count,
                       .start_s = xl_now_s()};
    snprintf(r->id, sizeof r->id, "%s-%08" PRIx64 "%08" PRIx64, prefix, (uint64_t)r->created & 0xffffffff,
             atomic_fetch_add(&number, 1) & 0xffffffff);
    r->choices = calloc(count, sizeof *r->choices);
    return r->choices != NULL;
}

void serve_reply_close(serve_reply *r) {
    for (size_t i = 0; r->choices && i < r->count; i++) {
        free(r->choices[i].text.data);
        free(r->choices[i].stop);
        json_decref(r->choices[i].logprobs);
    }
    free(r->choices);
    r->choices = NULL;
}

/* The text of one token; a new reference. NULL when out of memory. */
static json_t *token_text(const serve_reply *r, int32_t id, bool *whole) {
    char *text = NULL;
    size_t bytes = 0;
    if (xlstm_tokenizer_decode(r->tokenizer, &id, 1, true, &text, &bytes, NULL)) return NULL;
    json_t *json = json_stringn(text, bytes);
    *whole = !strstr(text, "\xef\xbf\xbd"); /* U+FFFD: a part of a character */
    free(text);
    return json;
}

/* Of a part of a character the bytes are not known, which OpenAI's form has null for. */
static json_t *bytes_of(const json_t *text, bool whole) {
    if (!whole) return json_null();
    json_t *list = json_array();
    const char *s = json_string_value(text);
    for (size_t i = 0; i < json_string_length(text); i++)
        json_array_append_new(list, json_integer((unsigned char)s[i]));
    return list;
}

/* NULL when out of memory, as everything down to logprobs_of. */
static json_t *chat_token(const serve_reply *r, int32_t id, float logprob) {
    bool whole = false;
    json_t *text = token_text(r, id, &whole);
    if (!text) return NULL;
    json_t *bytes = bytes_of(text, whole);
    return json_pack("{s:o, s:o, s:o}", "token", text, "logprob", xl_json_number((double)logprob), "bytes", bytes);
}

static json_t *chat_logprobs(const serve_reply *r, const serve_piece *p) {
    json_t *list = json_array();
    bool ok = true;
    for (size_t i = 0; i < p->token_count && ok; i++) {
        const serve_token *t = &p->tokens[i];
        json_t *one = chat_token(r, t->id, t->logprob), *top = json_array();
        ok = one != NULL;
        for (int k = 0; k < t->tops && ok; k++)
            ok = !json_array_append_new(top, chat_token(r, t->top_id[k], t->top_logprob[k]));
        json_object_set_new(one, "top_logprobs", top);
        json_array_append_new(list, one);
    }
    if (ok) return json_pack("{s:o, s:n}", "content", list, "refusal");
    json_decref(list);
    return NULL;
}

static json_t *completion_logprobs(const serve_reply *r, const serve_piece *p, size_t *offset) {
    json_t *tokens = json_array(), *logprobs = json_array(), *tops = json_array(), *offsets = json_array();
    bool ok = true;
    for (size_t i = 0; i < p->token_count && ok; i++) {
        const serve_token *t = &p->tokens[i];
        bool whole;
        json_t *text = token_text(r, t->id, &whole), *top = t->tops ? json_object() : json_null();
        ok = text != NULL;
        for (int k = 0; k < t->tops && ok; k++) {
            json_t *name = token_text(r, t->top_id[k], &whole);
            ok = name &&
                 !json_object_set_new(top, json_string_value(name), xl_json_number((double)t->top_logprob[k]));
            json_decref(name);
        }
        json_array_append_new(offsets, json_integer((json_int_t)*offset));
        *offset += json_string_length(text);
        json_array_append_new(tokens, text);
        json_array_append_new(logprobs, xl_json_number((double)t->logprob));
        json_array_append_new(tops, top);
    }
    json_t *all = json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", logprobs, "top_logprobs",
                            tops, "text_offset", offsets);
    if (ok) return all;
    json_decref(all);
    return NULL;
}

/* What the piece adds to the logprobs; JSON's null where none are wanted. A new reference. */
static json_t *logprobs_of(const serve_reply *r, serve_reply_choice *c, const serve_piece *p) {
    if (r->top_logprobs < 0 || r->form == SERVE_PLAIN) return json_null();
    if (r->form == SERVE_CHAT) return chat_logprobs(r, p);
    return completion_logprobs(r, p, &c->offset);
}

static json_t *usage_of(const serve_reply *r) {
    uint64_t made = 0;
    for (size_t i = 0; i < r->count; i++) made += r->choices[i].made;
    const uint64_t total = r->prompt_tokens + made;
    return json_pack("{s:I, s:I, s:I, s:{s:I}}", "prompt_tokens", (json_int_t)r->prompt_tokens, "completion_tokens",
                     (json_int_t)made, "total_tokens", (json_int_t)total, "prompt_tokens_details", "cached_tokens",
                     (json_int_t)r->cached_tokens);
}

/* Takes over `choices`. */
static json_t *frame(const serve_reply *r, json_t *choices) {
    const char *object = r->form == SERVE_COMPLETION ? "text_completion"
                         : r->stream                 ? "chat.completion.chunk"
                                                     : "chat.completion";
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "id", r->id, "object", object, "created", (json_int_t)r->created,
                     "model", r->model, "choices", choices);
}

/* Takes over the reference. */
static bool put_json(json_t *json, const char *before, const char *after, xl_bytes *out) {
    char *text = json_dumps(json, JSON_COMPACT);
    const bool ok = text && xl_bytes_append(out, before, strlen(before)) &&
                    xl_bytes_append(out, text, strlen(text)) && xl_bytes_append(out, after, strlen(after));
    free(text);
    json_decref(json);
    return ok;
}

static bool put_event(json_t *json, xl_bytes *out) {
    return put_json(json, "data: ", "\n\n", out);
}

static bool put_chunk(const serve_reply *r, json_t *choice, xl_bytes *out) {
    json_t *chunk = frame(r, json_pack("[o]", choice));
    if (r->usage) json_object_set_new(chunk, "usage", json_null());
    return put_event(chunk, out);
}

/* A delta of OpenAI's chat; text NULL: none. */
static json_t *delta_of(size_t index, json_t *delta, json_t *logprobs, const char *finish) {
    return json_pack("{s:I, s:o, s:o, s:s?}", "index", (json_int_t)index, "delta", delta, "logprobs", logprobs,
                     "finish_reason", finish);
}

static bool stream_chat(const serve_reply *r, size_t at, serve_reply_choice *c, const serve_piece *p,
                        xl_bytes *out) {
    bool ok = true;
    if (!c->begun)
        ok = put_chunk(
            r, delta_of(at, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), json_null(), NULL), out);
    c->begun = true;
    if (ok && (p->bytes || p->token_count)) {
        json_t *logprobs = logprobs_of(r, c, p);
        ok = logprobs &&
             put_chunk(
                 r, delta_of(at, json_pack("{s:s%}", "content", p->text ? p->text : "", p->bytes), logprobs, NULL),
                 out);
    }
    if (p->finish) ok = ok && put_chunk(r, delta_of(at, json_object(), json_null(), finish_name(p->finish)), out);
    return ok;
}

static bool stream_completion(const serve_reply *r, size_t at, serve_reply_choice *c, const serve_piece *p,
                              xl_bytes *out) {
    json_t *logprobs = logprobs_of(r, c, p);
    return logprobs &&
           put_chunk(r,
                     json_pack("{s:I, s:s%, s:o, s:s?}", "index", (json_int_t)at, "text", p->text ? p->text : "",
                               p->bytes, "logprobs", logprobs, "finish_reason", finish_name(p->finish)),
                     out);
}

static bool stream_plain(const serve_reply *r, size_t at, const serve_piece *p, xl_bytes *out) {
    return put_event(json_pack("{s:I, s:s%, s:b, s:I, s:I}", "index", (json_int_t)at, "content",
                               p->text ? p->text : "", p->bytes, "stop", 0, "tokens_predicted", (json_int_t)p->made,
                               "tokens_evaluated", (json_int_t)r->prompt_tokens),
                     out);
}

/* Joins what the piece adds to what was collected. */
static bool collect(const serve_reply *r, serve_reply_choice *c, const serve_piece *p) {
    if (!xl_bytes_append(&c->text, p->text ? p->text : "", p->bytes)) return false;
    json_t *more = logprobs_of(r, c, p);
    if (!more) return false;
    if (json_is_object(more) && c->logprobs) {
        const char *key;
        json_t *list;
        json_object_foreach(more, key, list) json_array_extend(json_object_get(c->logprobs, key), list);
        json_decref(more);
    } else if (json_is_object(more)) {
        c->logprobs = more;
    } else {
        json_decref(more);
    }
    return true;
}

bool serve_reply_piece(serve_reply *r, size_t at, const serve_piece *p, xl_bytes *out) {
    serve_reply_choice *c = &r->choices[at];
    if (r->first_s <= 0) r->first_s = xl_now_s();
    c->made = p->made;
    c->finish = p->finish;
    c->ended_text = p->ended_text;
    if (p->stop && !(c->stop = strndup(p->stop, p->stop_bytes))) return false;
    if (!r->stream) return collect(r, c, p);
    switch (r->form) {
    case SERVE_CHAT:
        return stream_chat(r, at, c, p, out);
    case SERVE_COMPLETION:
        return stream_completion(r, at, c, p, out);
    default:
        return !p->bytes || stream_plain(r, at, p, out);
    }
}

/* The last event, or all, in llama-server's words. */
static json_t *plain_end(const serve_reply *r, size_t at) {
    const serve_reply_choice *c = &r->choices[at];
    const double now = xl_now_s(), first = r->first_s > 0 ? r->first_s : now;
    const double prompt_ms = (first - r->start_s) * 1e3, made_ms = (now - first) * 1e3;
    const char *type = c->stop ? "word" : c->ended_text ? "eos" : "limit";
    const uint64_t fed = r->prompt_tokens - r->cached_tokens;
    json_t *end = json_pack("{s:I, s:s%, s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:b}", "index", (json_int_t)at,
                            "content", c->text.data ? c->text.data : "", c->text.size, "stop", 1, "model", r->model,
                            "stop_type", type, "stopping_word", c->stop ? c->stop : "", "tokens_predicted",
                            (json_int_t)c->made, "tokens_evaluated", (json_int_t)r->prompt_tokens, "tokens_cached",
                            (json_int_t)r->cached_tokens, "truncated", 0);
    json_object_set_new(end, "timings",
                        json_pack("{s:I, s:f, s:f, s:I, s:f, s:f}", "prompt_n", (json_int_t)fed, "prompt_ms",
                                  prompt_ms, "prompt_per_second",
                                  prompt_ms > 0 ? (double)fed / prompt_ms * 1e3 : 0.0, "predicted_n",
                                  (json_int_t)c->made, "predicted_ms", made_ms, "predicted_per_second",
                                  made_ms > 0 ? (double)c->made / made_ms * 1e3 : 0.0));
    return end;
}

static json_t *whole_choice(const serve_reply *r, size_t at) {
    serve_reply_choice *c = &r->choices[at];
    json_t *logprobs = c->logprobs ? json_incref(c->logprobs) : json_null();
    const char *text = c->text.data ? c->text.data : "";
    if (r->form == SERVE_COMPLETION)
        return json_pack("{s:I, s:s%, s:o, s:s?}", "index", (json_int_t)at, "text", text, c->text.size, "logprobs",
                         logprobs, "finish_reason", finish_name(c->finish));
    return json_pack("{s:I, s:{s:s, s:s%, s:n}, s:o, s:s?}", "index", (json_int_t)at, "message", "role",
                     "assistant", "content", text, c->text.size, "refusal", "logprobs", logprobs, "finish_reason",
                     finish_name(c->finish));
}

bool serve_reply_end(serve_reply *r, xl_bytes *out) {
    static const char done[] = "data: [DONE]\n\n";
    if (r->form == SERVE_PLAIN) {
        if (r->stream) {
            bool ok = true;
            for (size_t i = 0; i < r->count; i++) ok = ok && put_event(plain_end(r, i), out);
            return ok;
        }
        if (r->count == 1) return put_json(plain_end(r, 0), "", "\n", out);
        json_t *all = json_array();
        for (size_t i = 0; i < r->count; i++) json_array_append_new(all, plain_end(r, i));
        return put_json(all, "", "\n", out);
    }
    json_t *choices = json_array();
    for (size_t i = 0; i < r->count && !r->stream; i++) json_array_append_new(choices, whole_choice(r, i));
    json_t *all = frame(r, choices);
    json_object_set_new(all, "usage", usage_of(r));
    if (!r->stream) return put_json(all, "", "\n", out);
    if (r->usage) {
        if (!put_event(all, out)) return false;
    } else {
        json_decref(all);
    }
    return xl_bytes_append(out, done, sizeof done - 1);
}

bool serve_reply_error(const serve_refusal *why, xl_bytes *out) {
    char *text = serve_refusal_json(why);
    const bool ok = text && xl_bytes_append(out, "data: ", 6) && xl_bytes_append(out, text, strlen(text)) &&
                    xl_bytes_append(out, "\n\n", 2);
    free(text);
    return ok;
}
