#include "tuner/target/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* ---- reading ---- */

typedef struct piece {
    const char *start;
    size_t length;
    bool is_name; /* the name of a parameter; else text as it is */
} piece;

/* Takes the next piece off *at; false at the end. A place that is not closed has length 0 and is_name. */
static bool next_piece(const char **at, piece *out) {
    const char *p = *at;
    if (!*p) return false;
    if ((p[0] == '{' || p[0] == '}') && p[1] == p[0]) {
        *out = (piece){p, 1, false};
        *at = p + 2;
    } else if (p[0] == '{') {
        const size_t length = strcspn(p + 1, "{}");
        const bool closed = p[1 + length] == '}';
        *out = (piece){p + 1, closed ? length : 0, true};
        *at = p + 1 + length + (closed ? 1 : 0);
    } else {
        size_t length = strcspn(p, "{}");
        if (!length) length = 1; /* a single closing brace is text */
        *out = (piece){p, length, false};
        *at = p + length;
    }
    return true;
}

static int param_of(const tune_space *space, const piece *name) {
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const char *own = tune_space_param(space, i)->name;
        if (strlen(own) == name->length && !strncmp(own, name->start, name->length)) return (int)i;
    }
    return -1;
}

static int check_word(const char *key, const char *word, const tune_space *space, bool *used, xlstm_error *err) {
    piece p;
    for (const char *at = word; next_piece(&at, &p);) {
        if (!p.is_name) continue;
        if (!p.length)
            return xl_fail(err, XLSTM_EARG, "%s: found '%s', wanted {name}, or {{ for a brace", key, word);
        const int param = param_of(space, &p);
        if (param < 0)
            return xl_fail(err, XLSTM_EARG,
                           "%s: found {%.*s}, wanted the name of a parameter of the space (or {{ for a "
                           "brace)",
                           key, (int)(p.length < 60 ? p.length : 60), p.start);
        used[param] = true;
    }
    return XLSTM_OK;
}

int tune_template_check(const char *key, const json_t *words, const tune_space *space, bool *used,
                        xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < json_array_size(words); i++)
        status = check_word(key, json_string_value(json_array_get(words, i)), space, used, err);
    return status;
}

int tune_template_no_shell(const char *key, const json_t *words, xlstm_error *err) {
    static const char *const signs[] = {"&&", "||", "|",   "&",    ";",   ">", ">>",
                                        "<",  "2>", "2>>", "2>&1", ">&2", "&>"};
    bool found = false, exec = false;
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        const size_t length = strlen(word);
        exec = exec || !strncmp(word, "-exec", 5) || !strncmp(word, "-ok", 3); /* of find, which ends in ";" */
        for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) found = found || !strcmp(word, signs[k]);
        found = (found || (length && word[length - 1] == ';' && !strchr(word, ' '))) && !(exec && word[0] == ';');
        if (found)
            return xl_fail(err, XLSTM_EARG, "%s: found '%.40s', which only a shell understands: give --shell too",
                           key, word);
    }
    return XLSTM_OK;
}

/* ---- filling in ---- */

char *tune_template_fill_text(const char *text, const tune_named_list *values) {
    char *out = strdup("");
    piece p;
    for (const char *at = text; out && next_piece(&at, &p);) {
        char number[64];
        const char *start = p.start;
        size_t length = p.length;
        for (size_t i = 0; p.is_name && i < values->count; i++) {
            const tune_named *one = &values->item[i];
            if (strlen(one->name) != p.length || strncmp(one->name, p.start, p.length) != 0) continue;
            start = one->value.text ? one->value.text : tune_value_print(one->value, number, sizeof number);
            length = strlen(start);
            break;
        }
        char *grown = xl_format("%s%.*s", out, (int)length, start);
        free(out);
        out = grown;
    }
    return out;
}

static char *joined(char **words) {
    char *text = strdup("");
    for (size_t i = 0; text && words[i]; i++) {
        char *grown = xl_format("%s%s%s", text, i ? " " : "", words[i]);
        free(text);
        text = grown;
    }
    return text;
}

/* Takes the words over. */
static char **shell_command(char **words) {
    char *line = joined(words), **out = line ? calloc(4, sizeof *out) : NULL;
    tune_template_free(words);
    if (!out) {
        free(line);
        return NULL;
    }
    out[0] = strdup("/bin/sh");
    out[1] = out[0] ? strdup("-c") : NULL;
    out[2] = line;
    if (out[0] && out[1]) return out;
    free(line);
    out[2] = NULL;
    tune_template_free(out);
    return NULL;
}

char **tune_template_fill(const json_t *words, const tune_named_list *values, bool shell) {
    const size_t count = json_array_size(words);
    char **out = calloc(count + 1, sizeof *out);
    for (size_t i = 0; out && i < count; i++) {
        out[i] = tune_template_fill_text(json_string_value(json_array_get(words, i)), values);
        if (out[i]) continue;
        tune_template_free(out);
        out = NULL;
    }
    return out && shell ? shell_command(out) : out;
}

void tune_template_free(char **words) {
    for (char **w = words; w && *w; w++) free(*w);
    free(words);
}

char *tune_template_text(const json_t *words) {
    char *text = strdup("");
    for (size_t i = 0; text && i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        const char *quote = !*word || strpbrk(word, " \t\n\"") ? "'" : "";
        char *grown = xl_format("%s%s%s%s%s", text, i ? " " : "", quote, word, quote);
        free(text);
        text = grown;
    }
    return text;
}
