#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "format/foreign_json.h"
#include "format/tokenizer/read_ends.h"

enum { SIDE_FILE_LIMIT = 16 << 20 };

/* The keys that are read in the files beside tokenizer.json. */
static xl_json_use used(size_t depth, const char *const keys[], char first) {
    static const char *const list[] = {"bos_token",    "eos_token",          "bos_token_id",
                                       "eos_token_id", "_from_model_config", NULL};
    return depth || xl_json_listed(keys[depth], list) ? XL_JSON_USE : XL_JSON_IGNORE;
}

/* A JSON object from a file beside tokenizer.json; *out is NULL where there is no such file. */
static int read_beside(const char *dir, const char *name, json_t **out, xlstm_error *err) {
    *out = NULL;
    char *path = xl_path_join(dir, name), *data = NULL;
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    size_t bytes;
    int status = XLSTM_OK;
    if (xl_is_file(path)) status = xl_file_read(path, SIDE_FILE_LIMIT, &data, &bytes, err);
    if (data) status = xl_json_read(out, path, data, bytes, 0, used, err);
    free(data);
    free(path);
    return status;
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

/* The value's id or list of ids, one at a time. */
static const json_t *entry_of(const json_t *value, size_t index) {
    if (json_is_array(value)) return json_array_get(value, index);
    return index ? NULL : value;
}

/* The first id that config.json names and that is a special token of the tokenizer; -1: none. */
static int32_t numbered(const xlstm_tokenizer *t, const json_t *config, const char *key) {
    const json_t *value = json_object_get(config, key), *entry;
    for (size_t i = 0; (entry = entry_of(value, i)); i++) {
        if (!json_is_integer(entry)) continue;
        json_int_t id = json_integer_value(entry);
        if (id >= 0 && id < t->size && t->tokens[id].special) return (int32_t)id;
    }
    return -1;
}

/* Adds a token at which a text ends. */
static int add_end(const xl_tokenizer_json *in, int32_t id) {
    xlstm_tokenizer *t = in->tokenizer;
    if (id < 0 || xlstm_tokenizer_ends_text(t, id)) return XLSTM_OK;
    int32_t *grown = xl_grow(t->ends, &t->end_capacity, t->end_count + 1, sizeof *grown);
    if (!grown) return xl_fail(in->err, XLSTM_ENOMEM, "%s: out of memory", in->path);
    t->ends = grown;
    t->ends[t->end_count++] = id;
    return XLSTM_OK;
}

/* The ids of generation_config.json all count, because that file is made for generation; but one that was only made
 * from config.json adds nothing of its own. */
static int add_generation_ends(const xl_tokenizer_json *in, const json_t *generation) {
    if (json_is_true(json_object_get(generation, "_from_model_config"))) return XLSTM_OK;
    const json_t *value = json_object_get(generation, "eos_token_id"), *entry;
    for (size_t i = 0; (entry = entry_of(value, i)); i++) {
        if (json_is_null(entry)) continue;
        const json_int_t id = json_integer_value(entry);
        if (!json_is_integer(entry) || id < -1 || id > INT32_MAX)
            return xl_fail(
                in->err, XLSTM_EFORMAT,
                "%s: beside it, generation_config.json: eos_token_id is neither a token's id nor a list of "
                "such",
                in->path);
        int status = add_end(in, (int32_t)id);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* The ids of config.json count where they are special tokens of the tokenizer: that of the published 7B is the id
 * of '!'. */
static int add_config_ends(const xl_tokenizer_json *in, const json_t *config) {
    const json_t *value = json_object_get(config, "eos_token_id"), *entry;
    for (size_t i = 0; (entry = entry_of(value, i)); i++) {
        json_int_t id = json_is_integer(entry) ? json_integer_value(entry) : -1;
        if (id < 0 || id > INT32_MAX || !xlstm_tokenizer_is_special(in->tokenizer, (int32_t)id)) continue;
        int status = add_end(in, (int32_t)id);
        if (status) return status;
    }
    return XLSTM_OK;
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
    json_t *tokenizer_config = NULL, *config = NULL, *generation = NULL;
    bool bos = false, eos = false;
    int status = read_beside(dir, "tokenizer_config.json", &tokenizer_config, in->err);
    if (!status) status = read_beside(dir, "config.json", &config, in->err);
    if (!status) status = read_beside(dir, "generation_config.json", &generation, in->err);
    if (!status) status = named(in, root, tokenizer_config, "bos_token", &t->bos, &bos);
    if (!status) status = named(in, root, tokenizer_config, "eos_token", &t->eos, &eos);
    if (!status && !bos) {
        t->bos = from_template(in, root, json_object_get(root, "post_processor"), 0);
        /* Where tokenizer_config.json names no BOS, none is put first. */
        if (t->bos < 0 && !tokenizer_config) t->bos = numbered(t, config, "bos_token_id");
        if (t->bos < 0 && !tokenizer_config) t->bos = usual(in, root, begins);
    }
    if (!status && !eos) {
        t->eos = numbered(t, config, "eos_token_id");
        if (t->eos < 0) t->eos = usual(in, root, ends);
    }
    if (!status) status = add_end(in, t->eos);
    if (!status) status = add_generation_ends(in, generation);
    if (!status) status = add_config_ends(in, config);
    json_decref(tokenizer_config);
    json_decref(config);
    json_decref(generation);
    return status;
}
