#include "cli/synth_tokenizer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/utf8.h"
#include "cli/config_impl.h"

enum {
    SPECIALS = 2,
    BYTES = 256,
    /* Ids above this get no text: generated ids hardly ever come near it, and the file stays small. */
    TEXTS_MAX = 1 << 18
};

const char *const cli_synth_tokenizer_files[] = {"tokenizer.json", "tokenizer_config.json", NULL};

/* The embedded tokenizer without its vocabulary, for when its files are not installed. */
static const char skeleton[] =
    "{\"version\": \"1.0\", \"added_tokens\": ["
    "{\"id\": 0, \"content\": \"<|endoftext|>\", \"special\": true, \"normalized\": false},"
    "{\"id\": 1, \"content\": \"<|padding|>\", \"special\": true, \"normalized\": false}],"
    "\"normalizer\": {\"type\": \"NFC\"},"
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true},"
    "\"decoder\": {\"type\": \"ByteLevel\"},"
    "\"model\": {\"type\": \"BPE\", \"vocab\": {\"<|endoftext|>\": 0, \"<|padding|>\": 1}, \"merges\": []}}";

/* Writes the character that stands for a byte in the alphabet of ByteLevel. */
static void byte_name(int byte, char name[5]) {
    int other = 256;
    for (int b = 0; b < byte; b++) other += !((b >= 33 && b <= 126) || (b >= 161 && b != 173));
    bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    name[xl_utf8_put(printable ? (uint32_t)byte : (uint32_t)other, name)] = 0;
}

/* Gives the bytes the ids from SPECIALS on, the most common bytes first, as far as there is room. */
static bool add_bytes(json_t *vocab, int64_t size) {
    static const char usual[] = " etaoinshrdlucmfwygpbvk.,'\"\n;-!?ITAHSWBMCNPDLEFGORYUKVxqjz:()";
    bool good = true;
    int64_t id = SPECIALS;
    for (int i = 0; i < (int)sizeof usual - 1 + BYTES && id < size && good; i++) {
        char name[5];
        byte_name(i < (int)sizeof usual - 1 ? (unsigned char)usual[i] : i - (int)(sizeof usual - 1), name);
        if (json_object_get(vocab, name)) continue;
        good = !json_object_set_new(vocab, name, json_integer(id++));
    }
    return good;
}

/* Removes the tokens whose ids are beyond the vocabulary, and the merges that make them. What remains is the state
 * of the tokenizer when its training had reached that size. */
static bool cut(json_t *model, int64_t size) {
    json_t *vocab = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges"),
           *kept = json_array();
    const char *token;
    json_t *value;
    void *next;
    json_object_foreach_safe(vocab, next, token, value) {
        if (json_integer_value(value) >= size) json_object_del(vocab, token);
    }
    size_t i;
    json_array_foreach(merges, i, value) {
        const char *a = json_string_value(json_array_get(value, 0)),
                   *b = json_string_value(json_array_get(value, 1));
        char *whole = a && b ? xl_format("%s%s", a, b) : NULL;
        if (whole && json_object_get(vocab, whole)) json_array_append(kept, value);
        free(whole);
    }
    return !json_object_set_new(model, "merges", kept);
}

/* Gives every id that is left its own number as text. */
static bool fill(json_t *vocab, int64_t size) {
    bool good = true;
    for (int64_t id = (int64_t)json_object_size(vocab); id < size && id < TEXTS_MAX && good; id++) {
        char name[40];
        snprintf(name, sizeof name, "\xc4\xa0%lld", (long long)id); /* U+0120 stands for a space */
        good = json_object_get(vocab, name) || !json_object_set_new(vocab, name, json_integer(id));
    }
    return good;
}

static json_t *embedded(void) {
    char *path = cli_data_path("models/tiny-literature/tokenizer.json");
    json_t *root = path ? json_load_file(path, 0, NULL) : NULL;
    free(path);
    return root;
}

static int write_json(const char *dir, const char *name, const json_t *value, xlstm_error *err) {
    char *path = xl_path_join(dir, name), *text = json_dumps(value, JSON_INDENT(1)), *line = NULL;
    if (text) line = xl_format("%s\n", text);
    int status = path && line ? xl_file_write(path, line, strlen(line), err)
                              : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    free(line);
    free(text);
    free(path);
    return status;
}

int cli_synth_tokenizer(const char *dir, int64_t vocab, xlstm_error *err) {
    json_t *root = vocab >= SPECIALS + BYTES ? embedded() : NULL;
    bool made = !root;
    if (made) root = json_loads(skeleton, 0, NULL);
    json_t *model = json_object_get(root, "model"), *tokens = json_object_get(model, "vocab");
    bool good = model && tokens;
    if (made) {
        good = good && add_bytes(tokens, vocab);
        if (vocab < SPECIALS + BYTES)
            good = good && !json_object_set_new(model, "unk_token", json_string("<|padding|>"));
    } else {
        good = good && cut(model, vocab);
    }
    good = good && fill(tokens, vocab);
    json_t *config = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "tokenizer_class", "GPTNeoXTokenizerFast",
                               "bos_token", "<|endoftext|>", "eos_token", "<|endoftext|>", "unk_token",
                               "<|endoftext|>", "pad_token", "<|padding|>", "add_prefix_space", 0);
    int status = good && config ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    if (!status) status = write_json(dir, cli_synth_tokenizer_files[0], root, err);
    if (!status) status = write_json(dir, cli_synth_tokenizer_files[1], config, err);
    json_decref(config);
    json_decref(root);
    return status;
}
