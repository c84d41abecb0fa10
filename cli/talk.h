/* A conversation with a model: its state is kept, so that a turn feeds only what is new. */
#ifndef CLI_TALK_H
#define CLI_TALK_H

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "server/stops.h"

typedef struct cli_talk cli_talk;

typedef struct cli_talk_options {
    xlstm_model *model;
    const xlstm_tokenizer *tokenizer;
    xlstm_settings settings;
    const xlstm_chat_template *chat; /* NULL: what is said is continued as it is */
    const char *system;              /* the first message; NULL: none */
    xlstm_sampling sampling;
    int64_t max_tokens; /* of an answer */
    const serve_stops *stops;
    xlstm_cancel_fn interrupted;                             /* polled; ends the answer at hand */
    void (*put)(void *user, const char *text, size_t bytes); /* a part of the answer */
    void *user;
} cli_talk_options;

/* What the options point at must outlive the conversation. */
int cli_talk_create(cli_talk **out, const cli_talk_options *options, xlstm_error *err);
void cli_talk_destroy(cli_talk *talk);

/* Says something and gives the answer. Interrupted while the text was read, it is ECANCELLED, and nothing was said;
 * interrupted later, the answer is what came so far. After any other failure nothing was said either. */
int cli_talk_say(cli_talk *talk, const char *text, xlstm_error *err);
/* Drops the last answer and gives another. EARG where there is none. */
int cli_talk_retry(cli_talk *talk, xlstm_error *err);
/* Forgets everything but the system's message. */
int cli_talk_reset(cli_talk *talk, xlstm_error *err);

/* Writes the state to `path`, which `generate --load-state` continues too, and the messages to path.json. */
int cli_talk_save(const cli_talk *talk, const char *path, xlstm_error *err);
/* The conversation becomes the saved one, or stays as it is after a failure. */
int cli_talk_load(cli_talk *talk, const char *path, xlstm_error *err);

/* Tokens so far; those of the last answer, and the seconds that it took. */
uint64_t cli_talk_position(const cli_talk *talk);
uint64_t cli_talk_answer(const cli_talk *talk, double *seconds);

#endif
