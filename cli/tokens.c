#include "cli/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int each_line(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const cli_token_command *command,
                     xlstm_error *err) {
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t bytes;
    int status = XLSTM_OK;
    while (!status && !ferror(stdout) && (bytes = getline(&line, &capacity, stdin)) >= 0) {
        number++;
        if (strspn(line, " \t\r\n") == (size_t)bytes) continue;
        status = command->line(cfg, tokenizer, line, (size_t)bytes, number, err);
    }
    free(line);
    if (!status && ferror(stdin)) status = xl_fail(err, XLSTM_EIO, "standard input: cannot read");
    return status;
}

int cli_tokens_run(const cli_spec *spec, const cli_token_command *command, int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    xlstm_error err;
    xlstm_tokenizer *tokenizer = NULL;
    int status = cli_open_tokenizer(cfg, &tokenizer, &err);
    if (!status)
        status = cli_bool(cfg, "jsonl") ? each_line(cfg, tokenizer, command, &err)
                                        : command->whole(cfg, tokenizer, &err);
    code = status ? cli_fail(cfg, &err) : 0;
    xlstm_tokenizer_close(tokenizer);
    cli_config_free(cfg);
    return code;
}
