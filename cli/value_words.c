#include "cli/value_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Takes the next word off *at, without its quotes; malloc'd. NULL where a quote is not closed, or out of memory. */
static char *next_word(const char **at) {
    char *word = malloc(strlen(*at) + 1), quote = 0;
    size_t length = 0;
    const char *p = *at;
    for (; word && *p && (quote || !isspace((unsigned char)*p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"') quote = quote ? 0 : *p;
        else if (*p == '\\' && quote != '\'' && p[1]) word[length++] = *++p;
        else word[length++] = *p;
    }
    *at = p;
    if (word) word[length] = 0;
    if (!quote) return word;
    free(word);
    return NULL;
}

json_t *cli_value_texts(const json_t *json) {
    bool good = json_is_array(json) && json_array_size(json) && json_array_size(json) <= CLI_LIST_MOST;
    for (size_t i = 0; good && i < json_array_size(json); i++) good = json_is_string(json_array_get(json, i));
    return good ? json_deep_copy(json) : NULL;
}

json_t *cli_value_words(const char *text) {
    json_t *list = text[0] == '[' ? json_loads(text, 0, NULL) : NULL;
    if (list) {
        json_t *texts = cli_value_texts(list);
        json_decref(list);
        return texts;
    }
    list = json_array();
    while (list) {
        while (isspace((unsigned char)*text)) text++;
        if (!*text) break;
        char *word = next_word(&text);
        json_t *one = word ? json_string(word) : NULL;
        free(word);
        if (one && json_array_size(list) < CLI_LIST_MOST && !json_array_append_new(list, one)) continue;
        json_decref(list);
        return NULL;
    }
    if (json_array_size(list)) return list;
    json_decref(list);
    return NULL;
}

json_t *cli_value_text_of_words(const char *text) {
    json_t *list = cli_value_words(text);
    if (!list || text[0] == '[') return list;
    json_decref(list);
    return json_string(text);
}
