/* What tokenize and detokenize share. */
#ifndef CLI_TOKENS_H
#define CLI_TOKENS_H

#include "cli/config.h"

/* The two forms of such a command; both print their result. */
typedef struct cli_token_command {
    /* One line of standard input (--jsonl), of `number` from 1, never blank. */
    int (*line)(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *line, size_t bytes,
                size_t number, xlstm_error *err);
    /* The whole input. */
    int (*whole)(cli_config *cfg, const xlstm_tokenizer *tokenizer, xlstm_error *err);
} cli_token_command;

/* The whole command, arguments to exit code. */
int cli_tokens_run(const cli_spec *spec, const cli_token_command *command, int argc, char **argv);

#endif
