#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "format/tokenizer_parts.h"

enum { SIDE_FILE_LIMIT = 16 << 20 };

/* A JSON object from a file beside tokenizer.json; *out is NULL where there is no such file. */
static int read_beside(const char *dir, const char *name, json_t **out, xlstm_error *err) {
    *out = NULL;
    char *path = xl_path_join(dir, name), *data = NULL;
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    size_t bytes;
    int status = xl_is_file(path) ? xl_file_read(path, SIDE_FILE_LIMIT, &data, &bytes, err) : XLSTM_ENOTFOUND;
    if (!status) {
        json_error_t error;
        *out = json_loadb(data, bytes, 0, &error);
        if (!*out)
            status = xl_fail(err, XLSTM_EFORMAT, "%s: line %d column %d: %s", path, error.line, error.column,
                             error.text);
        else if (!json_is_object(*out)) status = xl_fail(err, XLSTM_EFORMAT, "%s: not a JSON object", path);
    }
    free(data);
    free(path);
    return status == XLSTM_ENOTFOUND ? XLSTM_OK : status;
}

/* What tokenizer_config.json says of a key: "text" or {"content": "text"}. *found: it says something, null too. */
static int named(const xl_tokenizer_json *in, const json_t *root, const json_t *config, const char *key,
                 int32_t *id, bool *found) {
    const json_t *value = json_object_get(config, key);
    *found = value != NULL;
    if (!value || json_is_null(value)) return XLSTM_OK;
    if (json_is_object(value)) value = json_object_get(value, "content");
    if (!json_is_string(value))
        return xl_fail(in->err, XLSTM_EFORMAT,
                       "%s: beside it, tokenizer_config.json: %s is neither a string nor null", in->path, key);
    *id = xl_tokenizer_find(in, root, json_string_value(value), json_string_length(value));
    if (*id < 0)
        return xl_fail(in->err, XLSTM_EFORMAT,
                       "%s: has no token \"%.100s\", which tokenizer_config.json names as %s", in->path,
                       json_string_value(value), key);
    return XLSTM_OK;
}

/* What config.json says, an id or a list of ids, as far as the tokenizer agrees that it is special. */
static int32_t numbered(const xlstm_tokenizer *t, const json_t *config, const char *key) {
    const json_t *value = json_object_get(config, key);
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_integer(entry)) continue;
        json_int_t id = json_integer_value(entry);
        if (id >= 0 && id < t->size && t->tokens[id].special) return (int32_t)id;
    }
    return -1;
}

/* The first special token that a template puts before the text. */
static int32_t from_template(const xl_tokenizer_json *in, const json_t *root, const json_t *processor, int depth) {
    const json_t *list = json_object_get(processor, "processors");
    for (size_t i = 0; i < json_array_size(list) && depth < 8; i++) {
        int32_t id = from_template(in, root, json_array_get(list, i), depth + 1);
        if (id >= 0) return id;
    }
    const json_t *first = json_object_get(json_array_get(json_object_get(processor, "single"), 0), "SpecialToken");
    const json_t *name = json_object_get(first, "id");
    return json_is_string(name) ? xl_tokenizer_find(in, root, json_string_value(name), json_string_length(name))
                                : -1;
}

static int32_t usual(const xl_tokenizer_json *in, const json_t *root, const char *const *names) {
    for (; *names; names++) {
        int32_t id = xl_tokenizer_find(in, root, *names, strlen(*names));
        if (id >= 0 && in->tokenizer->tokens[id].special) return id;
    }
    return -1;
}

int xl_read_ends(xl_tokenizer_json *in, const json_t *root, const char *dir) {
    static const char *const begins[] = {"<|begin_of_text|>", "<s>",           "<bos>",
                                         "<|startoftext|>",   "<|endoftext|>", NULL};
    static const char *const ends[] = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", NULL};
    xlstm_tokenizer *t = in->tokenizer;
    json_t *tokenizer_config = NULL, *config = NULL;
    bool bos = false, eos = false;
    int status = read_beside(dir, "tokenizer_config.json", &tokenizer_config, in->err);
    if (!status) status = read_beside(dir, "config.json", &config, in->err);
    if (!status) status = named(in, root, tokenizer_config, "bos_token", &t->bos, &bos);
    if (!status) status = named(in, root, tokenizer_config, "eos_token", &t->eos, &eos);
    if (!status && !bos) {
        t->bos = from_template(in, root, json_object_get(root, "post_processor"), 0);
        if (t->bos < 0) t->bos = numbered(t, config, "bos_token_id");
        if (t->bos < 0) t->bos = usual(in, root, begins);
    }
    if (!status && !eos) {
        t->eos = numbered(t, config, "eos_token_id");
        if (t->eos < 0) t->eos = usual(in, root, ends);
    }
    json_decref(tokenizer_config);
    json_decref(config);
    return status;
}
