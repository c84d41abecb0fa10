/* Many continuations at once: the scheduler of the server (server/scheduler.h) without a network. */
#ifndef CLI_MANY_H
#define CLI_MANY_H

#include "cli/request_line.h"
#include "cli/watchdog.h"

typedef struct cli_many {
    cli_request_context context;
    xlstm_model *model;
    const xlstm_settings *settings;
    cli_watchdog *watchdog;
    /* Set by cli_many_run. */
    uint64_t prompts, prompt_tokens, tokens;
    double seconds;
} cli_many;

/* Continues each line of standard input (`jsonl`), or the one prompt `ids`, which it takes over, and prints each
 * continuation as a line of JSON, in the order of the input. ECANCELLED after a signal or over the hard memory
 * limit: what was complete is printed. */
int cli_many_run(cli_many *many, bool jsonl, int32_t *ids, size_t count, xlstm_error *err);

#endif
