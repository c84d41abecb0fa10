#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/config.h"

static void print_ids(const int32_t *ids, size_t count, char between) {
    for (size_t i = 0; i < count; i++) {
        if (i) putchar(between);
        printf("%ld", (long)ids[i]);
    }
}

static int tokenize_line(const xlstm_tokenizer *tokenizer, const char *line, size_t bytes, size_t number, bool bos,
                         xlstm_error *err) {
    json_error_t error;
    json_t *object = json_loadb(line, bytes, JSON_ALLOW_NUL, &error);
    const json_t *text = json_object_get(object, "text");
    int status = XLSTM_OK;
    if (!object) {
        status = xl_fail(err, XLSTM_EFORMAT, "standard input: line %zu: %s", number, error.text);
    } else if (!json_is_string(text)) {
        status = xl_fail(err, XLSTM_EFORMAT,
                         "standard input: line %zu: no string \"text\", {\"text\": …} is wanted", number);
    } else {
        int32_t *ids;
        size_t count;
        status = xlstm_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), bos, &ids,
                                        &count, err);
        if (!status) {
            fputs("{\"ids\":[", stdout);
            print_ids(ids, count, ',');
            puts("]}");
            free(ids);
        }
    }
    json_decref(object);
    return status;
}

static int tokenize_lines(const xlstm_tokenizer *tokenizer, bool bos, xlstm_error *err) {
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t bytes;
    int status = XLSTM_OK;
    while (!status && (bytes = getline(&line, &capacity, stdin)) >= 0) {
        number++;
        if (strspn(line, " \t\r\n") == (size_t)bytes) continue;
        status = tokenize_line(tokenizer, line, (size_t)bytes, number, bos, err);
    }
    free(line);
    if (!status && ferror(stdin)) status = xl_fail(err, XLSTM_EIO, "standard input: cannot read");
    return status;
}

static int tokenize_whole(const xlstm_tokenizer *tokenizer, cli_config *cfg, bool bos, xlstm_error *err) {
    char *text = NULL;
    size_t bytes = 0, count;
    int32_t *ids;
    int status = cli_is_set(cfg, "prompt_file") || cli_is_set(cfg, "prompt")
                     ? cli_prompt_text(cfg, &text, &bytes, err)
                     : cli_input_text(cli_str(cfg, "file"), &text, &bytes, err);
    if (status) return status;
    status = xlstm_tokenizer_encode(tokenizer, text, bytes, bos, &ids, &count, err);
    if (!status) {
        print_ids(ids, count, ' ');
        putchar('\n');
        free(ids);
    }
    free(text);
    return status;
}

static int run(int argc, char **argv) {
    static const cli_spec spec = {
        .name = "tokenize",
        .command = CLI_TOKENIZE,
        .summary = "Turns text into token ids, separated by spaces.",
        .details = "The text is --prompt, --prompt-file, --file or standard input, to the byte. With\n"
                   "--jsonl each line of standard input is {\"text\": ...} and gives {\"ids\": [...]}.\n"
                   "Added tokens in a text become their ids. The folder needs tokenizer.json alone.\n",
    };
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code >= 0) return code;
    xlstm_error err;
    xlstm_tokenizer *tokenizer = NULL;
    const char *dir = cli_model_path(cfg, &err);
    int status = dir ? xlstm_tokenizer_open(&tokenizer, dir, &err) : err.status;
    bool bos = cli_bool(cfg, "bos");
    if (!status)
        status = cli_bool(cfg, "jsonl") ? tokenize_lines(tokenizer, bos, &err)
                                        : tokenize_whole(tokenizer, cfg, bos, &err);
    if (fflush(stdout) && !status) status = xl_fail(&err, XLSTM_EIO, "standard output: cannot write");
    code = status ? cli_fail(cfg, &err) : 0;
    xlstm_tokenizer_close(tokenizer);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_tokenize = {"tokenize", "text to token ids", run};
