/* What the commands tokenize and detokenize share. */
#ifndef CLI_TOKENS_H
#define CLI_TOKENS_H

#include "cli/config.h"

/* The two functions that such a command supplies; both print their result. */
typedef struct cli_token_command {
    /* Handles one line of standard input (--jsonl). `number` counts lines from 1; the line is never blank. */
    int (*line)(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *line, size_t bytes,
                size_t number, xlstm_error *err);
    /* Handles the whole input. */
    int (*whole)(cli_config *cfg, const xlstm_tokenizer *tokenizer, xlstm_error *err);
} cli_token_command;

/* Runs the whole command, from the arguments to the exit code. */
int cli_tokens_run(const cli_spec *spec, const cli_token_command *command, int argc, char **argv);

#endif
