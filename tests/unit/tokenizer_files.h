/* Tokenizers made for a test: a base tokenizer.json, changes to it, a folder of its own. */
#ifndef TEST_TOKENIZER_FILES_H
#define TEST_TOKENIZER_FILES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <xlstm/tokenizer.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"

/* tests/data/tokenizer-options.json: {"base": tokenizer.json, "cases": […]}; the caller's. */
static inline json_t *read_options(const char *source) {
    char *path = xl_path_join(source, "tests/data/tokenizer-options.json");
    json_t *options = path ? json_load_file(path, JSON_ALLOW_NUL, NULL) : NULL;
    free(path);
    return options;
}

/* Replaces members of `tree`, those of "model" one by one. */
static inline void apply_change(json_t *tree, const json_t *change) {
    const char *key;
    json_t *value, *copy = json_deep_copy(change);
    json_object_foreach(copy, key, value) {
        if (!strcmp(key, "model")) json_object_update(json_object_get(tree, "model"), value);
        else json_object_set(tree, key, value);
    }
    json_decref(copy);
}

/* Without waiting for the disk, as xl_file_write does. */
static inline int put_file(const char *path, const char *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    if (!file) return XLSTM_EIO;
    size_t written = fwrite(data, 1, bytes, file);
    return fclose(file) || written != bytes ? XLSTM_EIO : XLSTM_OK;
}

/* Opens a tokenizer from the texts of its files; those that are NULL are left out. */
static inline int open_texts(xlstm_tokenizer **out, const char *tokenizer, size_t bytes,
                             const char *tokenizer_config, const char *config, xlstm_error *err) {
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "config.json"};
    const char *texts[] = {tokenizer, tokenizer_config, config};
    char folder[] = "/tmp/xltune-tokenizer-XXXXXX";
    *out = NULL;
    if (!mkdtemp(folder)) return XLSTM_EIO;
    int status = XLSTM_OK;
    for (int i = 0; i < 3; i++) {
        char *path = xl_path_join(folder, names[i]);
        if (texts[i] && !status) status = put_file(path, texts[i], i ? strlen(texts[i]) : bytes);
        free(path);
    }
    if (!status) status = xlstm_tokenizer_open(out, folder, err);
    for (int i = 0; i < 3; i++) {
        char *path = xl_path_join(folder, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
    return status;
}

static inline int open_tree(xlstm_tokenizer **out, const json_t *tree, xlstm_error *err) {
    char *text = json_dumps(tree, 0);
    int status = open_texts(out, text, strlen(text), NULL, NULL, err);
    free(text);
    return status;
}

#endif
