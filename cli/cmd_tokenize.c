#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/tokens.h"

static void print_ids(const int32_t *ids, size_t count, char between) {
    for (size_t i = 0; i < count; i++) {
        if (i) putchar(between);
        printf("%ld", (long)ids[i]);
    }
}

static int tokenize_line(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *line, size_t bytes,
                         size_t number, xlstm_error *err) {
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
        status = xlstm_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text),
                                        cli_bool(cfg, "bos"), &ids, &count, err);
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

static int tokenize_whole(cli_config *cfg, const xlstm_tokenizer *tokenizer, xlstm_error *err) {
    char *text = NULL;
    size_t bytes = 0, count;
    int32_t *ids;
    bool prompt = cli_is_set(cfg, "prompt_file") || cli_is_set(cfg, "prompt");
    const char *file = cli_str(cfg, "file"), *name = prompt ? NULL : file ? file : "standard input";
    int status = prompt ? cli_prompt_text(cfg, &text, &bytes, err) : cli_input_text(file, &text, &bytes, err);
    if (status) return status;
    status = cli_encode_prompt(cfg, tokenizer, name, text, bytes, cli_bool(cfg, "bos"), &ids, &count, err);
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
        .command = CLI(tokenize),
        .instead = "a text is given with --prompt, a file with --file",
        .summary = "Turns text into token ids, separated by spaces.",
        .details = "The text is that of --prompt, --prompt-file or --file, or standard input, byte\n"
                   "for byte. With --jsonl each line of standard input is {\"text\": ...} and gives a\n"
                   "line {\"ids\": [...]}. Added tokens in a text become their ids. Only\n"
                   "tokenizer.json is needed in the folder.\n",
    };
    static const cli_token_command command = {tokenize_line, tokenize_whole};
    return cli_tokens_run(&spec, &command, argc, argv);
}

const cli_command cli_cmd_tokenize = {"turn text into token ids", run};
