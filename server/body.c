#include "server/body.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/utf8.h"

static const char invalid[] = "invalid_request_error";

void serve_refusal_set(serve_refusal *why, int code, const char *type, const char *param, const char *format, ...) {
    va_list args;
    *why = (serve_refusal){.code = code, .type = type};
    snprintf(why->param, sizeof why->param, "%s", param ? param : "");
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    xl_utf8_clean(why->text);
}

char *serve_refusal_json(const serve_refusal *why) {
    json_t *json = json_pack("{s:{s:s, s:s, s:s?, s:s?}}", "error", "message", why->text, "type", why->type,
                             "param", why->param[0] ? why->param : NULL, "code", why->name);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

#define REFUSE(why, param, ...) serve_refuse((why), 400, invalid, (param), __VA_ARGS__)

json_t *serve_json_read(const char *data, size_t bytes, serve_refusal *why) {
    json_error_t error;
    const size_t mark = xl_utf8_mark(data, bytes);
    json_t *json = json_loadb(data + mark, bytes - mark, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (bytes == mark) {
        REFUSE(why, NULL, "the body is empty, wanted a JSON object");
    } else if (!json && json_error_code(&error) == json_error_numeric_overflow) {
        REFUSE(why, NULL,
               "line %d, column %d: a number is too large, wanted whole ones of at most 64 bits with a sign",
               error.line, error.column);
    } else if (!json) {
        REFUSE(why, NULL, "the body is not JSON: line %d, column %d: %s", error.line, error.column, error.text);
    } else if (!json_is_object(json)) {
        REFUSE(why, NULL, "the body is JSON, but not an object");
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* The value of a key; NULL where it is missing or null. */
static const json_t *value_of(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

/* The readers leave *out alone where the key is missing. */
static bool read_bool(const json_t *o, const char *key, bool *out, serve_refusal *why) {
    const json_t *v = value_of(o, key);
    if (!v) return true;
    if (!json_is_boolean(v)) return REFUSE(why, key, "%s: wanted true or false", key);
    *out = json_is_true(v);
    return true;
}

static bool read_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *out, serve_refusal *why) {
    const json_t *v = value_of(o, key);
    if (!v) return true;
    /* Some clients write 16.0. */
    const double real = json_is_real(v) ? json_real_value(v) : 0.5;
    const bool whole = real >= -9e15 && real <= 9e15 && real == (double)(int64_t)real;
    const int64_t n = json_is_integer(v) ? json_integer_value(v) : whole ? (int64_t)real : 0;
    if ((!json_is_integer(v) && !whole) || n < min || n > max)
        return REFUSE(why, key, "%s: wanted a whole number from %lld to %lld", key, (long long)min, (long long)max);
    *out = n;
    return true;
}

static bool read_number(const json_t *o, const char *key, double min, double max, double *out, serve_refusal *why) {
    const json_t *v = value_of(o, key);
    if (!v) return true;
    const double n = json_number_value(v);
    if (!json_is_number(v) || !(n >= min && n <= max))
        return REFUSE(why, key, "%s: wanted a number from %g to %g", key, min, max);
    *out = n;
    return true;
}

static bool good_name(const char *name, size_t bytes) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return bytes && bytes <= SERVE_NAME_MAX && name[0] != '.' && strspn(name, letters) == bytes;
}

static bool read_name(const json_t *o, const char *key, char out[SERVE_NAME_MAX + 1], serve_refusal *why) {
    const json_t *v = value_of(o, key);
    if (!v) return true;
    if (!json_is_string(v) || !good_name(json_string_value(v), json_string_length(v)))
        return REFUSE(why, key, "%s: wanted 1 to %d letters, digits, '_', '-' and '.', not beginning with '.'", key,
                      SERVE_NAME_MAX);
    memcpy(out, json_string_value(v), json_string_length(v) + 1);
    return true;
}

static bool no_memory(serve_refusal *why) {
    return serve_refuse(why, 503, "server_error", NULL, "out of memory");
}

static bool read_stop(const json_t *o, serve_params *params, serve_refusal *why) {
    const json_t *v = value_of(o, "stop");
    const size_t count = json_is_array(v) ? json_array_size(v) : v != NULL;
    if (count > SERVE_STOPS_MAX) return REFUSE(why, "stop", "stop: wanted at most %d strings", SERVE_STOPS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, i) : v;
        const size_t bytes = json_string_length(one);
        if (!json_is_string(one) || bytes > SERVE_STOP_BYTES_MAX)
            return REFUSE(why, "stop", "stop: wanted a string, or a list of strings, of at most %d bytes",
                          SERVE_STOP_BYTES_MAX);
        if (bytes && !serve_stops_add(&params->stops, json_string_value(one), bytes)) return no_memory(why);
    }
    return true;
}

/* What changes the answer and is not done here must not be passed over in silence. */
static bool refuse_unsupported(const json_t *o, serve_refusal *why) {
    static const char *const lists[] = {
        "logit_bias",         "tools",       "functions",      "audio",        "suffix",        "grammar",
        "json_schema",        "samplers",    "lora",           "image_data",   "prediction",    "chat_template",
        "structured_outputs", "guided_json", "guided_grammar", "guided_regex", "guided_choice", "stop_token_ids",
        "allowed_token_ids",  "bad_words"};
    static const char *const numbers[] = {"presence_penalty", "frequency_penalty", "n_probs",        "mirostat",
                                          "dry_multiplier",   "xtc_probability",   "dynatemp_range", "min_tokens"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *v = value_of(o, lists[i]);
        const bool empty = !v || (json_is_array(v) && !json_array_size(v)) ||
                           (json_is_object(v) && !json_object_size(v)) ||
                           (json_is_string(v) && !json_string_length(v));
        if (!empty) return REFUSE(why, lists[i], "%s is not supported", lists[i]);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const json_t *v = value_of(o, numbers[i]);
        if (v && (!json_is_number(v) || json_number_value(v) != 0))
            return REFUSE(why, numbers[i], "%s is not supported: wanted 0", numbers[i]);
    }
    const json_t *format = value_of(value_of(o, "response_format"), "type");
    if (format && (!json_is_string(format) || strcmp(json_string_value(format), "text") != 0))
        return REFUSE(why, "response_format", "response_format: only {\"type\": \"text\"} is supported");
    if (json_is_true(value_of(o, "echo"))) return REFUSE(why, "echo", "echo is not supported");
    return true;
}

static bool read_sampling(const json_t *o, serve_body *b, serve_refusal *why) {
    xlstm_sampling *s = &b->params.sampling;
    int64_t seed = 0;
    s->temperature = b->form == SERVE_PLAIN ? 0.8 : 1;
    if (b->form == SERVE_PLAIN) {
        s->top_k = 40;
        s->top_p = 0.95;
        s->min_p = 0.05;
    }
    if (!read_number(o, "temperature", 0, 100, &s->temperature, why)) return false;
    if (!read_number(o, "top_p", 0, 1, &s->top_p, why)) return false;
    if (!read_number(o, "min_p", 0, 1, &s->min_p, why)) return false;
    if (!read_int(o, "top_k", -1, INT32_MAX, &s->top_k, why)) return false;
    if (!read_number(o, "repetition_penalty", 0.01, 100, &s->repetition_penalty, why)) return false;
    if (!read_number(o, "repeat_penalty", 0.01, 100, &s->repetition_penalty, why)) return false;
    if (!read_int(o, "repeat_last_n", -1, INT32_MAX, &s->repeat_last_n, why)) return false;
    if (!read_int(o, "seed", INT64_MIN, INT64_MAX, &seed, why)) return false;
    if (s->top_k < 0) s->top_k = 0;
    if (s->top_p < 1e-9) s->top_p = 1e-9; /* the likeliest token alone */
    b->seeded = value_of(o, "seed") && !(b->form == SERVE_PLAIN && seed == -1);
    s->seed = (uint64_t)seed;
    return true;
}

static bool read_logprobs(const json_t *o, serve_body *b, serve_refusal *why) {
    int64_t count = -1;
    bool wanted = false;
    if (b->form == SERVE_CHAT) {
        if (!read_bool(o, "logprobs", &wanted, why)) return false;
        if (!read_int(o, "top_logprobs", 0, SERVE_TOP_MAX, &count, why)) return false;
        if (count > 0 && !wanted)
            return REFUSE(why, "top_logprobs", "top_logprobs: wanted together with \"logprobs\": true");
        count = !wanted ? -1 : count < 0 ? 0 : count;
    } else if (!json_is_boolean(value_of(o, "logprobs"))) {
        if (!read_int(o, "logprobs", 0, SERVE_TOP_MAX, &count, why)) return false;
    } else if (json_is_true(value_of(o, "logprobs"))) {
        count = 0;
    }
    b->params.top_logprobs = (int)count;
    return true;
}

static bool read_counts(const json_t *o, serve_body *b, int64_t max_tokens, serve_refusal *why) {
    int64_t tokens = b->form == SERVE_COMPLETION ? 16 : max_tokens, n = 1, best_of = -1;
    if (!read_int(o, "n_predict", -2, INT64_MAX, &tokens, why)) return false;
    if (!read_int(o, "max_tokens", b->form == SERVE_PLAIN ? -1 : 0, INT64_MAX, &tokens, why)) return false;
    if (!read_int(o, "max_completion_tokens", 0, INT64_MAX, &tokens, why)) return false;
    if (!read_int(o, "n", 1, SERVE_CHOICES_MAX, &n, why)) return false;
    if (!read_int(o, "best_of", 1, SERVE_CHOICES_MAX, &best_of, why)) return false;
    if (best_of > n) return REFUSE(why, "best_of", "best_of: more than n is not supported");
    b->params.max_tokens = tokens < 0 || tokens > max_tokens ? max_tokens : tokens;
    b->params.n = (int)n;
    return true;
}

static bool read_ids(const json_t *list, serve_prompt *prompt, serve_refusal *why) {
    const size_t count = json_array_size(list);
    prompt->ids = xl_array(count, sizeof *prompt->ids);
    if (!prompt->ids) return no_memory(why);
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
            return REFUSE(why, "prompt", "prompt: token %zu is no id of a token", i);
        prompt->ids[i] = (int32_t)json_integer_value(id);
    }
    prompt->count = count;
    return true;
}

static bool read_prompt(const json_t *v, serve_prompt *prompt, serve_refusal *why) {
    if (json_is_array(v)) return read_ids(v, prompt, why);
    if (!json_is_string(v)) return REFUSE(why, "prompt", "prompt: wanted text, or a list of ids of tokens");
    prompt->bytes = json_string_length(v);
    prompt->text = malloc(prompt->bytes + 1);
    if (!prompt->text) return no_memory(why);
    memcpy(prompt->text, json_string_value(v), prompt->bytes + 1);
    return true;
}

static bool read_prompts(const json_t *o, serve_body *b, serve_refusal *why) {
    const json_t *v = value_of(o, "prompt"), *first = json_array_get(v, 0);
    if (!v) return REFUSE(why, "prompt", "prompt: missing");
    /* A list of numbers is one prompt, a list of texts or lists several. */
    const bool many = json_is_array(v) && (!first || !json_is_integer(first));
    const size_t count = many ? json_array_size(v) : 1;
    if (!count || count > SERVE_PROMPTS_MAX)
        return REFUSE(why, "prompt", "prompt: wanted a list of 1 to %d prompts", SERVE_PROMPTS_MAX);
    for (size_t i = 0; i < count; i++) {
        b->prompt_count = i + 1;
        if (!read_prompt(many ? json_array_get(v, i) : v, &b->prompts[i], why)) return false;
    }
    return true;
}

/* The text of a message: a string, or a list of parts of text. A new reference. */
static json_t *content_of(const json_t *message, size_t index, serve_refusal *why) {
    const json_t *v = value_of(message, "content");
    if (!v) return json_string("");
    xl_bytes all = {0};
    const json_t *part;
    size_t i;
    bool ok = json_is_array(v) || json_is_string(v), room = true;
    if (json_is_string(v)) room = xl_bytes_append(&all, json_string_value(v), json_string_length(v));
    json_array_foreach((json_t *)(uintptr_t)v, i, part) {
        const json_t *type = value_of(part, "type"), *text = value_of(part, "text");
        ok = ok && json_is_string(type) && !strcmp(json_string_value(type), "text") && json_is_string(text);
        room = room && (!ok || xl_bytes_append(&all, json_string_value(text), json_string_length(text)));
    }
    ok = ok && !memchr(all.data ? all.data : "", 0, all.size);
    json_t *content = ok && room ? json_stringn(all.data ? all.data : "", all.size) : NULL;
    free(all.data);
    if (!room) no_memory(why);
    else if (!content)
        REFUSE(why, "messages", "messages[%zu].content: wanted text without NUL, or a list of parts of type text",
               index);
    return content;
}

static bool read_messages(const json_t *o, serve_body *b, serve_refusal *why) {
    const json_t *v = value_of(o, "messages"), *message;
    size_t i;
    if (!json_is_array(v) || !json_array_size(v))
        return REFUSE(why, "messages", "messages: wanted a list of at least one message");
    const json_t *variables = value_of(o, "chat_template_kwargs");
    if (variables && !json_is_object(variables))
        return REFUSE(why, "chat_template_kwargs", "chat_template_kwargs: wanted an object");
    if (variables && !(b->variables = json_dumps(variables, JSON_COMPACT))) return no_memory(why);
    b->messages = json_array();
    json_array_foreach((json_t *)(uintptr_t)v, i, message) {
        const json_t *role = value_of(message, "role");
        if (!json_is_string(role) || !json_string_length(role) || json_string_length(role) > 32 ||
            strlen(json_string_value(role)) != json_string_length(role))
            return REFUSE(why, "messages", "messages[%zu].role: wanted a text such as \"user\"", i);
        if (json_array_size(value_of(message, "tool_calls")))
            return REFUSE(why, "messages", "messages[%zu].tool_calls is not supported", i);
        json_t *content = content_of(message, i, why);
        if (!content) return false;
        /* The newer name of the same role. */
        const char *name = !strcmp(json_string_value(role), "developer") ? "system" : json_string_value(role);
        if (json_array_append_new(b->messages, json_pack("{s:s, s:o}", "role", name, "content", content)))
            return no_memory(why);
    }
    return true;
}

static bool read_all(serve_body *b, const json_t *o, int64_t max_tokens, serve_refusal *why) {
    bool cache = true;
    const json_t *options = value_of(o, "stream_options");
    if (!refuse_unsupported(o, why)) return false;
    if (!read_sampling(o, b, why) || !read_logprobs(o, b, why) || !read_counts(o, b, max_tokens, why)) return false;
    if (!read_stop(o, &b->params, why) || !read_bool(o, "stream", &b->stream, why)) return false;
    if (!read_bool(o, "ignore_eos", &b->params.ignore_eos, why) || !read_bool(o, "cache_prompt", &cache, why))
        return false;
    if (options && !json_is_object(options))
        return REFUSE(why, "stream_options", "stream_options: wanted an object");
    if (options && !read_bool(options, "include_usage", &b->usage, why)) return false;
    if (options && !b->stream)
        return REFUSE(why, "stream_options", "stream_options: wanted together with \"stream\": true alone");
    if (!read_name(o, "session_id", b->conversation, why) || !read_name(o, "session_from", b->from, why))
        return false;
    b->no_cache = !cache;
    b->params.keep_eos = b->form == SERVE_CHAT;
    if (!(b->form == SERVE_CHAT ? read_messages(o, b, why) : read_prompts(o, b, why))) return false;
    if ((b->conversation[0] || b->from[0]) && (b->params.n > 1 || b->prompt_count > 1))
        return REFUSE(why, "session_id", "session_id: wanted with one prompt and n = 1");
    return true;
}

bool serve_body_read(serve_body *out, serve_form form, const char *data, size_t bytes, int64_t max_tokens,
                     serve_refusal *why) {
    *out = (serve_body){.form = form};
    serve_params_init(&out->params);
    json_t *o = serve_json_read(data, bytes, why);
    const bool ok = o && read_all(out, o, max_tokens, why);
    json_decref(o);
    if (!ok) serve_body_clear(out);
    return ok;
}

void serve_body_clear(serve_body *body) {
    serve_stops_clear(&body->params.stops);
    for (size_t i = 0; i < body->prompt_count; i++) {
        free(body->prompts[i].text);
        free(body->prompts[i].ids);
    }
    json_decref(body->messages);
    free(body->variables);
    *body = (serve_body){.form = body->form};
}
