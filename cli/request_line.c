#include "cli/request_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/value.h"

void cli_sampling(const cli_config *cfg, xlstm_sampling *sampling) {
    *sampling = (xlstm_sampling){.temperature = cli_num(cfg, "temperature"),
                                 .top_k = cli_int(cfg, "top_k"),
                                 .top_p = cli_num(cfg, "top_p"),
                                 .min_p = cli_num(cfg, "min_p"),
                                 .repetition_penalty = cli_num(cfg, "repetition_penalty"),
                                 .repeat_last_n = cli_int(cfg, "repeat_last_n"),
                                 .seed = (uint64_t)cli_int(cfg, "seed")};
}

int cli_open_chat_template(cli_config *cfg, xlstm_chat_template **out, xlstm_error *err) {
    const char *name = cli_str(cfg, "chat_template"), *dir = cli_model_path(cfg, err);
    if (!dir) return err->status;
    if (name && !strcmp(name, "none")) return xl_fail(err, XLSTM_ENOTFOUND, "no chat template is to be used");
    return xlstm_chat_template_open(out, dir, name, err);
}

int cli_stops(const json_t *list, serve_stops *stops, xlstm_error *err) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        if (stops->count == SERVE_STOPS_MAX)
            return xl_fail(err, XLSTM_EARG, "stop: found more than %d texts", (int)SERVE_STOPS_MAX);
        if (json_string_length(text) > SERVE_STOP_BYTES_MAX)
            return xl_fail(err, XLSTM_EARG, "stop: found a text of %zu bytes, wanted at most %d",
                           json_string_length(text), (int)SERVE_STOP_BYTES_MAX);
        if (!serve_stops_add(stops, json_string_value(text), json_string_length(text)))
            return xl_fail(err, XLSTM_ENOMEM, "stop: out of memory");
    }
    return XLSTM_OK;
}

int cli_job_params(const cli_config *cfg, serve_params *params, xlstm_error *err) {
    cli_sampling(cfg, &params->sampling);
    params->max_tokens = cli_int(cfg, "max_new_tokens");
    params->n = (int)cli_int(cfg, "n");
    params->top_logprobs = cli_has(cfg, "logprobs") ? (int)cli_int(cfg, "logprobs") : -1;
    return cli_has(cfg, "stop") ? cli_stops(cli_object(cfg, "stop"), &params->stops, err) : XLSTM_OK;
}

/* Sets one parameter from its value in normal form. */
static int set(serve_params *p, const char *name, const json_t *value, xlstm_error *err) {
    const int64_t integer = json_integer_value(value);
    const double number = json_number_value(value);
    if (!strcmp(name, "temperature")) p->sampling.temperature = number;
    else if (!strcmp(name, "top_p")) p->sampling.top_p = number;
    else if (!strcmp(name, "min_p")) p->sampling.min_p = number;
    else if (!strcmp(name, "repetition_penalty")) p->sampling.repetition_penalty = number;
    else if (!strcmp(name, "top_k")) p->sampling.top_k = integer;
    else if (!strcmp(name, "repeat_last_n")) p->sampling.repeat_last_n = integer;
    else if (!strcmp(name, "seed")) p->sampling.seed = (uint64_t)integer;
    else if (!strcmp(name, "max_new_tokens")) p->max_tokens = integer;
    else if (!strcmp(name, "n")) p->n = (int)integer;
    else if (!strcmp(name, "logprobs")) p->top_logprobs = (int)integer;
    else if (!strcmp(name, "stop")) {
        serve_stops_clear(&p->stops);
        return cli_stops(value, &p->stops, err);
    } else {
        return xl_fail(err, XLSTM_EARG, "unknown key \"%s\"; xltune generate -h says what a line may hold", name);
    }
    return XLSTM_OK;
}

/* A member that is a key of generate. null leaves the configured value. */
static int set_member(serve_params *params, const char *name, const json_t *json, xlstm_error *err) {
    const int row = cli_key_find(name, CLI(generate), true);
    const cli_key *key = row < 0 ? NULL : cli_key_at(row);
    if (json_is_null(json)) return XLSTM_OK;
    if (!key || !(key->commands & CLI(generate))) return set(params, name, json, err);
    char message[CLI_MESSAGE];
    json_t *value = cli_value_from_json(key, json, message);
    if (!value) return xl_fail(err, XLSTM_EARG, "%s: %s", name, message);
    const int status = set(params, key->name, value, err);
    json_decref(value);
    return status;
}

/* The conversation as the checkpoint's template writes it, which puts BOS where it belongs. */
static int encode_messages(const cli_request_context *context, const json_t *messages, serve_job *job,
                           xlstm_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    if (!context->chat) return xl_fail(err, XLSTM_ENOTFOUND, "messages: %.900s", context->no_chat);
    if (!json_is_array(messages)) return xl_fail(err, XLSTM_EARG, "messages: wanted a list of objects");
    json_t *object = json_pack("{s:O}", "messages", messages);
    char *variables = object ? json_dumps(object, 0) : NULL;
    json_decref(object);
    int status = variables ? xlstm_chat_render(context->chat, NULL, 0, true, variables, &text, &bytes, err)
                           : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(variables);
    if (!status)
        status = xlstm_tokenizer_encode(context->tokenizer, text, bytes, false, &job->ids, &job->count, err);
    free(text);
    return status;
}

static int read_object(const cli_request_context *context, json_t *object, serve_job *job, xlstm_error *err) {
    int status = cli_job_params(context->cfg, &job->params, err);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        if (status) return status;
        if (strcmp(name, "prompt") != 0 && strcmp(name, "messages") != 0 && strcmp(name, "id") != 0)
            status = set_member(&job->params, name, value, err);
    }
    if (status) return status;
    const json_t *prompt = json_object_get(object, "prompt"), *messages = json_object_get(object, "messages");
    if (!prompt == !messages) return xl_fail(err, XLSTM_EARG, "wanted either \"prompt\" or \"messages\"");
    if (messages) return encode_messages(context, messages, job, err);
    if (!json_is_string(prompt)) return xl_fail(err, XLSTM_EARG, "prompt: wanted a text");
    return xlstm_tokenizer_encode(context->tokenizer, json_string_value(prompt), json_string_length(prompt), true,
                                  &job->ids, &job->count, err);
}

int cli_request_read(const cli_request_context *context, const char *line, size_t bytes, const char *where,
                     serve_job **out, json_t **id, xlstm_error *err) {
    json_error_t bad;
    const size_t mark = xl_utf8_mark(line, bytes);
    json_t *object = json_loadb(line + mark, bytes - mark, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &bad);
    if (!object) return xl_fail(err, XLSTM_EFORMAT, "%s: %s", where, bad.text);
    xlstm_error inner = {0};
    serve_job *job = serve_job_create();
    int status = XLSTM_OK;
    if (!job) status = xl_fail(&inner, XLSTM_ENOMEM, "out of memory");
    else if (!json_is_object(object)) status = xl_fail(&inner, XLSTM_EFORMAT, "wanted {\"prompt\": …}");
    else status = read_object(context, object, job, &inner);
    if (status) {
        status = xl_fail(err, status, "%s: %.900s", where, inner.text);
        serve_job_release(job);
    } else {
        *out = job;
        *id = json_incref(json_object_get(object, "id"));
    }
    json_decref(object);
    return status;
}
