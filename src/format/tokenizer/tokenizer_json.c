#include "format/tokenizer/tokenizer_json.h"

#include <string.h>

#include <jansson.h>

#include "base/error.h"

bool xl_json_flag(const xl_tokenizer_json *in, const json_t *object, const char *where, const char *key,
                  bool preset, bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = value && !json_is_null(value) ? json_is_true(value) : preset;
    if (!value || json_is_null(value) || json_is_boolean(value)) return true;
    xl_fail(in->err, XLSTM_EFORMAT, "%s: %s.%s is not a boolean, true or false is wanted", in->path, where, key);
    return false;
}

int32_t xl_vocab_id(const json_t *vocab, const char *text) {
    const json_t *value = json_object_get(vocab, text);
    return value ? (int32_t)json_integer_value(value) : -1;
}

int32_t xl_tokenizer_find(const xl_tokenizer_json *in, const json_t *root, const char *text, size_t bytes) {
    const json_t *list = json_object_get(root, "added_tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i), *content = json_object_get(entry, "content");
        if (json_string_length(content) == bytes && !memcmp(json_string_value(content), text, bytes))
            return (int32_t)json_integer_value(json_object_get(entry, "id"));
    }
    return strlen(text) == bytes ? xl_vocab_id(in->vocab, text) : -1;
}
