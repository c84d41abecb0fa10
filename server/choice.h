/* One continuation of a prompt: its state, what it draws from and the text that is not given yet. */
#ifndef SERVE_CHOICE_H
#define SERVE_CHOICE_H

#include "base/bytes.h"
#include "server/job.h"

struct serve_choice {
    serve_job *job;
    int index;
    serve_finish finish;
    xlstm_session *session; /* stands behind every token but the last; NULL: gone */
    xlstm_sampler *sampler; /* NULL: the likeliest token is taken, which needs none */
    xlstm_decoder *decoder;
    xl_bytes held;     /* text that may be the beginning of a stop string */
    uint64_t released; /* bytes of text that were given or passed over */
    int32_t *ids;      /* the tokens of the continuation */
    size_t count, room;
    serve_token *waiting; /* whose text is held; with logprobs only */
    uint64_t *begins;     /* where their text begins */
    size_t waiting_count, waiting_room, begins_room;
    size_t given_bytes, given_tokens; /* by the last piece; they stand at the beginning of held and waiting */
    uint64_t made;                    /* tokens, one that ends the text not counted */
    serve_token drawn;
    bool ended_text; /* by the last of ids */
    double last_s;   /* when the last token was drawn */
};

/* Sets up choice `index` of a job whose session it takes over (also on failure). */
int serve_choice_open(serve_choice *choice, serve_job *job, int index, xlstm_session *session,
                      const xlstm_tokenizer *tokenizer, int64_t vocab, xlstm_error *err);
void serve_choice_close(serve_choice *choice);

/* Draws the next token from logits [vocab] into choice->drawn. From any thread, one at a time for a choice. */
void serve_choice_draw(serve_choice *choice, const float *logits, int64_t vocab);

/* Takes the token that was drawn: the piece says what it adds, or how the choice ends. Its pointers live until the
 * next call. */
int serve_choice_take(serve_choice *choice, const xlstm_tokenizer *tokenizer, serve_piece *piece, xlstm_error *err);

/* Log-probabilities of logits [vocab]: that of out->id, and the out->tops likeliest. */
void serve_logprobs(const float *logits, int64_t vocab, serve_token *out);

#endif
