#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/tokens.h"

/* Stores an id in ids[at] after checking that the tokenizer has it. */
static int take_id(const xlstm_tokenizer *tokenizer, long long id, int32_t *ids, size_t at, const char *where,
                   xlstm_error *err) {
    long long size = xlstm_tokenizer_size(tokenizer);
    if (id < 0 || id >= size)
        return xl_fail(err, XLSTM_EARG, "%s: token id %lld, 0 to %lld is wanted", where, id, size - 1);
    ids[at] = (int32_t)id;
    return XLSTM_OK;
}

static int read_array(const xlstm_tokenizer *tokenizer, const json_t *array, int32_t *ids, const char *where,
                      xlstm_error *err) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value)) return xl_fail(err, XLSTM_EFORMAT, "%s: ids[%zu] is not an integer", where, i);
        int status = take_id(tokenizer, json_integer_value(value), ids, i, where, err);
        if (status) return status;
    }
    return XLSTM_OK;
}

static int print_json(const char *text, size_t bytes, xlstm_error *err) {
    json_t *object = json_pack("{s:o}", "text", json_stringn(text, bytes));
    /* ASCII only, because some readers take a Unicode line separator inside the text for the end of the line. */
    char *line = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    if (!line) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu bytes of text", bytes);
    puts(line);
    free(line);
    return XLSTM_OK;
}

static int detokenize_line(const cli_config *cfg, const xlstm_tokenizer *tokenizer, const char *line, size_t bytes,
                           size_t number, xlstm_error *err) {
    char where[64];
    snprintf(where, sizeof where, "standard input: line %zu", number);
    json_error_t error;
    json_t *object = json_loadb(line, bytes, 0, &error);
    const json_t *array = json_object_get(object, "ids");
    if (!json_is_array(array)) {
        json_decref(object);
        return object ? xl_fail(err, XLSTM_EFORMAT, "%s: no array \"ids\", {\"ids\": […]} is wanted", where)
                      : xl_fail(err, XLSTM_EFORMAT, "%s: %s", where, error.text);
    }
    size_t count = json_array_size(array), length;
    char *text;
    int32_t *ids = xl_array(count, sizeof *ids);
    int status = ids ? read_array(tokenizer, array, ids, where, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status) status = xlstm_tokenizer_decode(tokenizer, ids, count, true, &text, &length, err);
    if (!status) {
        status = print_json(text, length, err);
        free(text);
    }
    free(ids);
    json_decref(object);
    return status;
}

/* Parses ids that are separated by white space or commas. */
static int parse_ids(const xlstm_tokenizer *tokenizer, const char *list, size_t bytes, int32_t *ids, size_t *count,
                     const char *where, xlstm_error *err) {
    size_t n = 0;
    for (const char *p = list, *end = list + bytes; p < end;) {
        if (isspace((unsigned char)*p) || *p == ',') {
            p++;
            continue;
        }
        char *after;
        errno = 0;
        long long id = strtoll(p, &after, 10);
        if (after == p || errno || (*after && !isspace((unsigned char)*after) && *after != ','))
            return xl_fail(err, XLSTM_EFORMAT, "%s: \"%.20s\" at byte %zu, a token id is wanted", where, p,
                           (size_t)(p - list));
        int status = take_id(tokenizer, id, ids, n++, where, err);
        if (status) return status;
        p = after;
    }
    *count = n;
    return XLSTM_OK;
}

static int detokenize_whole(cli_config *cfg, const xlstm_tokenizer *tokenizer, xlstm_error *err) {
    const char *path = cli_str(cfg, "file");
    const char *where = path && strcmp(path, "-") != 0 ? path : "standard input";
    char *list, *text;
    size_t bytes, count = 0, length;
    int status = cli_input_text(path, &list, &bytes, err);
    if (status) return status;
    int32_t *ids = xl_array(bytes / 2 + 1, sizeof *ids);
    status = ids ? parse_ids(tokenizer, list, bytes, ids, &count, where, err)
                 : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", where);
    if (!status) status = xlstm_tokenizer_decode(tokenizer, ids, count, true, &text, &length, err);
    if (!status) {
        fwrite(text, 1, length, stdout);
        free(text);
    }
    free(ids);
    free(list);
    return status;
}

static int run(int argc, char **argv) {
    static const cli_spec spec = {
        .command = CLI(detokenize),
        .instead = "ids are read from standard input, or from a file with --file",
        .summary = "Turns token ids back into text.",
        .details = "Reads ids from --file or standard input, separated by spaces, line ends or\n"
                   "commas, and writes their text and nothing else. With --jsonl each line of\n"
                   "standard input is {\"ids\": [...]} and gives a line {\"text\": ...}. Special tokens\n"
                   "are kept. Bytes that are not UTF-8 become U+FFFD. Only tokenizer.json is needed\n"
                   "in the folder.\n",
    };
    static const cli_token_command command = {detokenize_line, detokenize_whole};
    return cli_tokens_run(&spec, &command, argc, argv);
}

const cli_command cli_cmd_detokenize = {"turn token ids into text", run};
