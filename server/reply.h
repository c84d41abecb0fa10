/* What is answered, as JSON: whole, or in events while it comes. */
#ifndef SERVE_REPLY_H
#define SERVE_REPLY_H

#include "base/bytes.h"
#include "server/body.h"

typedef struct serve_reply_choice serve_reply_choice;

typedef struct serve_reply {
    serve_form form;
    bool stream, usage;
    char id[48];
    int64_t created;   /* seconds since 1970 */
    const char *model; /* its name */
    const xlstm_tokenizer *tokenizer;
    int top_logprobs; /* -1: none */
    serve_reply_choice *choices;
    size_t count; /* of all prompts together */
    uint64_t prompt_tokens, cached_tokens;
    double start_s, first_s; /* of the request, of its first token; 0: not yet */
} serve_reply;

/* For `count` choices. The id and the time are made here. False when out of memory. */
bool serve_reply_open(serve_reply *r, const serve_body *body, size_t count, const char *model,
                      const xlstm_tokenizer *tokenizer);
void serve_reply_close(serve_reply *r);

/* Adds a piece of choice `at`; where the answer is streamed its events are appended to `out`. False when out of
 * memory. */
bool serve_reply_piece(serve_reply *r, size_t at, const serve_piece *piece, xl_bytes *out);
/* Everything is there: appends the rest of the stream, or the whole answer. */
bool serve_reply_end(serve_reply *r, xl_bytes *out);
/* The answer ends in the middle of its stream. */
bool serve_reply_error(const serve_refusal *why, xl_bytes *out);

#endif
