#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <xlstm/chat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/chat_variables.h"
#include "format/foreign_json.h"
#include "format/jinja/jinja_parser.h"
#include "format/jinja/jinja_render.h"

enum { CONFIG_LIMIT = 16 << 20 };

struct xlstm_chat_template {
    char *name; /* for messages: its file */
    xl_jinja_arena arena;
    const xl_jinja_node *body;
    json_t *tokens; /* name -> text; NULL: none */
};

static const char *const token_names[] = {"bos_token", "eos_token", "unk_token",  "sep_token",
                                          "pad_token", "cls_token", "mask_token", NULL};

/* Takes `tokens` over, also when it fails. */
static int parse(xlstm_chat_template **out, const char *text, size_t bytes, const char *name, json_t *tokens,
                 xlstm_error *err) {
    xlstm_chat_template *t = calloc(1, sizeof *t);
    if (t) {
        t->name = strdup(name);
        t->tokens = tokens;
    } else {
        json_decref(tokens);
    }
    int status = XLSTM_OK;
    const size_t valid = xl_utf8_valid(text, bytes);
    if (!t || !t->name) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", name);
    } else if (bytes > XL_JINJA_SOURCE_MAX) {
        status = xl_fail(err, XLSTM_EUNSUPPORTED, "%s: found a chat template of %zu bytes, wanted at most %d", name,
                         bytes, (int)XL_JINJA_SOURCE_MAX);
    } else if (valid < bytes) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: the chat template is not UTF-8, at byte %zu", name, valid);
    } else {
        xl_jinja_run r;
        if (xl_jinja_begin(&r, t->name, 0, err) && xl_jinja_parse(&r, text, bytes, &t->body)) {
            t->arena = r.arena;
            r.arena.blocks = NULL;
        }
        status = r.status;
        xl_jinja_end(&r);
    }
    if (status) {
        xlstm_chat_template_close(t);
        return status;
    }
    *out = t;
    return XLSTM_OK;
}

int xlstm_chat_template_parse(xlstm_chat_template **out, const char *text, size_t bytes, const char *name,
                              const char *tokens, xlstm_error *err) {
    json_t *object = NULL;
    const int status = tokens ? xl_chat_json(&object, tokens, "tokens", err) : XLSTM_OK;
    return status ? status : parse(out, text, bytes, name, object, err);
}

void xlstm_chat_template_close(xlstm_chat_template *chat) {
    if (!chat) return;
    xl_jinja_release(&chat->arena);
    json_decref(chat->tokens);
    free(chat->name);
    free(chat);
}

/* ---- from a folder ---- */

static xl_json_use used(size_t depth, const char *const keys[], char first) {
    if (depth || !strcmp(keys[0], "chat_template")) return XL_JSON_USE;
    return xl_json_listed(keys[0], token_names) ? XL_JSON_USE : XL_JSON_IGNORE;
}

/* A whole file; *data is NULL where there is none. */
static int read_file(const char *path, size_t limit, char **data, size_t *bytes, xlstm_error *err) {
    *data = NULL;
    return xl_is_file(path) ? xl_file_read(path, limit, data, bytes, err) : XLSTM_OK;
}

/* tokenizer_config.json, or NULL where there is none. */
static int read_config(const char *path, json_t **out, xlstm_error *err) {
    char *data;
    size_t bytes = 0;
    *out = NULL;
    int status = read_file(path, CONFIG_LIMIT, &data, &bytes, err);
    if (data) status = xl_json_read(out, path, data, bytes, 0, used, err);
    free(data);
    return status;
}

/* A token is a text, or an object with a text as `content`. */
static json_t *tokens_of(const json_t *config) {
    json_t *tokens = json_object();
    for (const char *const *name = token_names; tokens && *name; name++) {
        json_t *value = json_object_get(config, *name);
        if (json_is_object(value)) value = json_object_get(value, "content");
        if (json_is_string(value)) json_object_set(tokens, *name, value);
    }
    return tokens;
}

/* Of the list of templates in tokenizer_config.json, the one of that name. */
static int find_named(const char *path, const json_t *list, const char *name, const json_t **out,
                      xlstm_error *err) {
    char names[256] = "";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i), *text = json_object_get(entry, "template");
        const char *found = json_string_value(json_object_get(entry, "name"));
        if (!found || !json_is_string(text))
            return xl_fail(err, XLSTM_EFORMAT,
                           "%s: chat_template: entry %zu: wanted an object with the texts name and template", path,
                           i);
        if (!strcmp(found, name)) {
            *out = text;
            return XLSTM_OK;
        }
        const size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", length ? ", " : "", found);
    }
    return xl_fail(err, XLSTM_ENOTFOUND, "%s: chat_template: found the templates %s, wanted one named %s", path,
                   names, name);
}

static int from_config(xlstm_chat_template **out, const char *dir, const char *path, const json_t *config,
                       const char *name, json_t *tokens, xlstm_error *err) {
    const json_t *value = json_object_get(config, "chat_template");
    const bool preset = !strcmp(name, "default");
    int status = XLSTM_OK;
    if (json_is_array(value)) {
        status = find_named(path, value, name, &value, err);
    } else if (value && !json_is_null(value) && !json_is_string(value)) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: chat_template: wanted a text or a list of named ones", path);
    } else if (!json_is_string(value) || !preset) {
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: has no chat template%s%s", dir, preset ? "" : " named ",
                         preset ? "" : name);
    }
    char *label = status ? NULL : xl_format("%s: chat_template", path);
    if (!status && !label) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    if (status) json_decref(tokens);
    else status = parse(out, json_string_value(value), json_string_length(value), label, tokens, err);
    free(label);
    return status;
}

/* Whether a name is that of a file. */
static bool is_path(const char *name) {
    const size_t bytes = strlen(name);
    return strchr(name, '/') || (bytes > 6 && !strcmp(name + bytes - 6, ".jinja"));
}

int xlstm_chat_template_open(xlstm_chat_template **out, const char *dir, const char *name, xlstm_error *err) {
    if (!name) name = "default";
    if (!*name) return xl_fail(err, XLSTM_EARG, "chat template: the name is empty");
    char *config_path = xl_path_join(dir, "tokenizer_config.json");
    const bool path = is_path(name);
    char *file = path                      ? strdup(name)
                 : strcmp(name, "default") ? xl_format("%s/additional_chat_templates/%s.jinja", dir, name)
                                           : xl_path_join(dir, "chat_template.jinja");
    json_t *config = NULL;
    char *text = NULL;
    size_t bytes = 0;
    int status = XLSTM_OK;
    if (!config_path || !file) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", dir);
    if (!status) status = read_config(config_path, &config, err);
    if (!status && path) status = xl_file_read(file, XL_JINJA_SOURCE_MAX, &text, &bytes, err);
    else if (!status) status = read_file(file, XL_JINJA_SOURCE_MAX, &text, &bytes, err);
    if (!status) {
        json_t *tokens = tokens_of(config);
        status = text ? parse(out, text, bytes, file, tokens, err)
                      : from_config(out, dir, config_path, config, name, tokens, err);
    }
    json_decref(config);
    free(text);
    free(file);
    free(config_path);
    return status;
}

/* ---- rendering ---- */

static int check_text(const char *text, size_t index, const char *what, xlstm_error *err) {
    const size_t bytes = strlen(text), valid = xl_utf8_valid(text, bytes);
    if (valid == bytes) return XLSTM_OK;
    return xl_fail(err, XLSTM_EARG, "message %zu: the %s is not UTF-8, at byte %zu", index + 1, what, valid);
}

static bool set_messages(xl_jinja_run *r, const xlstm_message *messages, size_t count) {
    xl_jinja_value list, one;
    if (!xl_jinja_new_list(r, false, &list)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!xl_jinja_new_dict(r, &one) ||
            !xl_jinja_set(r, one.dict, xl_jinja_text("role"), xl_jinja_text(messages[i].role)) ||
            !xl_jinja_set(r, one.dict, xl_jinja_text("content"), xl_jinja_text(messages[i].content)) ||
            !xl_jinja_append(r, list.list, one))
            return false;
    }
    return xl_chat_set(r, "messages", list);
}

static bool render(xl_jinja_run *r, const xlstm_chat_template *t, const xlstm_message *messages, size_t count,
                   bool add_generation_prompt, const json_t *variables) {
    return xl_chat_set(r, "tools", xl_jinja_none()) && xl_chat_set(r, "documents", xl_jinja_none()) &&
           xl_chat_set_members(r, t->tokens) && set_messages(r, messages, count) &&
           xl_chat_set(r, "add_generation_prompt", xl_jinja_bool(add_generation_prompt)) &&
           xl_chat_set_members(r, variables) && xl_jinja_render(r, t->body);
}

int xlstm_chat_render(const xlstm_chat_template *chat, const xlstm_message *messages, size_t count,
                      bool add_generation_prompt, const char *variables, char **text, size_t *bytes,
                      xlstm_error *err) {
    json_t *object = NULL;
    int status = variables ? xl_chat_json(&object, variables, "variables", err) : XLSTM_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = check_text(messages[i].role, i, "role", err);
        if (!status) status = check_text(messages[i].content, i, "content", err);
    }
    if (status) {
        json_decref(object);
        return status;
    }
    xl_jinja_run r;
    if (xl_jinja_begin(&r, chat->name, (int64_t)time(NULL), err) &&
        render(&r, chat, messages, count, add_generation_prompt, object) && xl_jinja_put(&r, "", 1)) {
        *bytes = r.out.size - 1;
        *text = r.out.data;
        r.out = (xl_bytes){NULL, 0, 0};
    }
    status = r.status;
    xl_jinja_end(&r);
    json_decref(object);
    return status;
}
