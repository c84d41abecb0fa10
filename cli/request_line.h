/* What is to be continued, and how: from the configuration, and from a line of `generate --jsonl`. */
#ifndef CLI_REQUEST_LINE_H
#define CLI_REQUEST_LINE_H

#include "cli/config.h"
#include "server/job.h"

/* The sampling options as configured. */
void cli_sampling(const cli_config *cfg, xlstm_sampling *sampling);

/* Opens the chat template as configured. ENOTFOUND: there is none, or it was told not to use one. */
int cli_open_chat_template(cli_config *cfg, xlstm_chat_template **out, xlstm_error *err);

/* Adds the stop texts of a list of JSON to *stops; EARG for more, or longer ones, than there is room for. */
int cli_stops(const json_t *list, serve_stops *stops, xlstm_error *err);

/* Fills the parameters of a job as configured: sampling, max_new_tokens, n, logprobs (0 with `--json` alone), stop.
 * Its stop strings are the job's, also after a failure. */
int cli_job_params(const cli_config *cfg, serve_params *params, xlstm_error *err);

/* What a line may need besides the configuration. */
typedef struct cli_request_context {
    cli_config *cfg;
    const xlstm_tokenizer *tokenizer;
    const xlstm_chat_template *chat; /* NULL: there is none, */
    const char *no_chat;             /* and why */
} cli_request_context;

/* Reads {"prompt": text} or {"messages": [...]}, with any of the keys of generate that cli_job_params reads, and an
 * "id" of any kind. *job has one reference, and *id (NULL where there is none) belongs to the caller. Errors begin
 * with `where`. */
int cli_request_read(const cli_request_context *context, const char *line, size_t bytes, const char *where,
                     serve_job **job, json_t **id, xlstm_error *err);

#endif
