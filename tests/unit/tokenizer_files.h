/* Tokenizers made for a test: a base tokenizer.json with changes. */
#ifndef TEST_TOKENIZER_FILES_H
#define TEST_TOKENIZER_FILES_H

#include <jansson.h>

#include <xlstm/tokenizer.h>

#include "helper.h"

/* Reads tests/data/tokenizer-options.json: {"base": tokenizer.json, "cases": […]}; the caller owns the
 * reference. */
static inline json_t *read_options(const char *source) {
    char *path = xl_path_join(source, "tests/data/tokenizer-options.json");
    json_t *options = path ? json_load_file(path, JSON_ALLOW_NUL, NULL) : NULL;
    free(path);
    return options;
}

/* Replaces members of `tree`, those of "model" individually. */
static inline void apply_change(json_t *tree, const json_t *change) {
    const char *key;
    json_t *value, *copy = json_deep_copy(change);
    json_object_foreach(copy, key, value) {
        if (!strcmp(key, "model")) json_object_update(json_object_get(tree, "model"), value);
        else json_object_set(tree, key, value);
    }
    json_decref(copy);
}

/* Opens a tokenizer from the texts of its files; those that are NULL are left out. */
static inline int open_texts(xlstm_tokenizer **out, const char *tokenizer, size_t bytes,
                             const char *tokenizer_config, const char *config, xlstm_error *err) {
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "config.json"};
    const char *texts[] = {tokenizer, tokenizer_config, config};
    *out = NULL;
    for (int i = 0; i < 3; i++) {
        if (texts[i]) {
            test_put_bytes(names[i], texts[i], i ? strlen(texts[i]) : bytes);
        } else {
            char *path = test_path(names[i]);
            unlink(path);
            free(path);
        }
    }
    return xlstm_tokenizer_open(out, test_folder, err);
}

static inline int open_tree(xlstm_tokenizer **out, const json_t *tree, xlstm_error *err) {
    char *text = json_dumps(tree, 0);
    int status = open_texts(out, text, strlen(text), NULL, NULL, err);
    free(text);
    return status;
}

#endif
