/* From the messages of a conversation to tokens. */
#ifndef SERVE_PROMPT_H
#define SERVE_PROMPT_H

#include "server/body.h"

typedef struct serve_chat serve_chat;

/* Takes the chat template of the checkpoint's folder; where it has none, messages are written as "User: …". */
int serve_chat_open(serve_chat **out, const char *dir, xlstm_error *err);
void serve_chat_close(serve_chat *chat);
/* Why the template that is there cannot be used, so that conversations are refused; NULL: it can, or there is none.
 */
const char *serve_chat_problem(const serve_chat *chat);

/* Fills ids, count and marks of a job from the index-th prompt of a body, or its messages. */
bool serve_prompt_fill(serve_job *job, const serve_body *body, size_t index, const serve_chat *chat,
                       const xlstm_tokenizer *tokenizer, serve_refusal *why);

#endif
