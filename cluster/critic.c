#include "cluster/critic.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"
#include "cluster/http.h"

enum { ANSWER_LIMIT = 4 << 20, TRIES = 4, SILENT_S = 600, ANSWER_TOKENS = 1024 };

struct cluster_critic {
    cluster_http *http;
    char *path; /* "/v1", or "/api" for Ollama's own protocol */
    bool ollama;
    char *model, *rubric;
    int (*cancel)(void *user);
    void *user;
};

void cluster_critic_close(cluster_critic *c) {
    if (!c) return;
    cluster_http_close(c->http);
    free(c->path);
    free(c->model);
    free(c->rubric);
    free(c);
}

const char *cluster_critic_model(const cluster_critic *c) {
    return c->model;
}

/* What a server says where it refuses. */
static int refused(const cluster_critic *c, const char *path, const cluster_answer *answer, xlstm_error *err) {
    json_t *object = json_loadb(answer->data, answer->bytes, 0, NULL);
    const json_t *error = json_object_get(object, "error");
    const char *text = json_string_value(json_is_object(error) ? json_object_get(error, "message") : error);
    const int status =
        xl_fail(err, XLSTM_EIO, "%s%s: the server answers %ld%s%.300s", cluster_http_address(c->http), path,
                answer->code, text ? ": " : "", text ? text : "");
    json_decref(object);
    return status;
}

/* Sends a request and reads its answer, an object, which the caller owns. */
static int ask(cluster_critic *c, const char *method, const char *name, const json_t *body, json_t **out,
               xlstm_error *err) {
    char *path = xl_format("%s%s", c->path, name), *text = body ? json_dumps(body, 0) : NULL;
    int status = path && (text || !body) ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    cluster_answer answer = {0};
    for (int i = 0; i < TRIES && !status; i++) {
        cluster_answer_clear(&answer);
        status = cluster_http_ask(c->http, method, path, text, text ? strlen(text) : 0, "application/json",
                                  ANSWER_LIMIT, &answer, err);
        if (status || (answer.code != 429 && answer.code != 503)) break;
        if (c->cancel && c->cancel(c->user)) status = xl_fail(err, XLSTM_ECANCELLED, "cancelled");
        else if (i + 1 < TRIES) nanosleep(&(struct timespec){.tv_sec = 1 << i}, NULL);
    }
    if (!status && answer.code != 200) status = refused(c, path, &answer, err);
    json_error_t bad;
    *out = status ? NULL : json_loadb(answer.data, answer.bytes, JSON_ALLOW_NUL, &bad);
    if (!status && !json_is_object(*out)) {
        json_decref(*out);
        status =
            xl_fail(err, XLSTM_EFORMAT, "%s%s: the answer is no JSON object", cluster_http_address(c->http), path);
    }
    cluster_answer_clear(&answer);
    free(path);
    free(text);
    return status;
}

static int first_model(cluster_critic *c, xlstm_error *err) {
    json_t *object;
    int status = ask(c, "GET", c->ollama ? "/tags" : "/models", NULL, &object, err);
    if (status) return status;
    const json_t *list = json_object_get(object, c->ollama ? "models" : "data");
    const char *name = json_string_value(json_object_get(json_array_get(list, 0), c->ollama ? "name" : "id"));
    if (!name)
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: the server names no model", cluster_http_address(c->http));
    else if (!(c->model = strdup(name))) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    json_decref(object);
    return status;
}

/* Takes the address apart into the server's and the path. */
static int open_http(cluster_critic *c, const cluster_critic_options *o, xlstm_error *err) {
    char *address = strdup(o->address);
    if (!address) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    char *host = strstr(address, "://");
    char *path = host ? strchr(host + 3, '/') : NULL;
    size_t length = path ? strlen(path) : 0;
    while (length && path[length - 1] == '/') path[--length] = 0;
    c->path = strdup(length ? path : "/v1");
    if (path) *path = 0;
    c->ollama = c->path && strlen(c->path) >= 4 && !strcmp(c->path + strlen(c->path) - 4, "/api");
    int status = XLSTM_OK;
    if (!c->path) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    else if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0)
        status =
            xl_fail(err, XLSTM_EARG, "found %.200s, wanted an address as http://127.0.0.1:8080/v1", o->address);
    else
        status = cluster_http_open(
            &c->http,
            &(cluster_http_options){
                .address = address, .token = o->key, .silent_s = SILENT_S, .cancel = o->cancel, .user = o->user},
            err);
    free(address);
    return status;
}

int cluster_critic_open(cluster_critic **out, const cluster_critic_options *o, xlstm_error *err) {
    cluster_critic *c = calloc(1, sizeof *c);
    if (!c) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    c->cancel = o->cancel;
    c->user = o->user;
    c->rubric = strdup(o->rubric);
    int status = c->rubric ? open_http(c, o, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (!status && o->model) {
        c->model = strdup(o->model);
        if (!c->model) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    } else if (!status) {
        status = first_model(c, err);
    }
    if (status) cluster_critic_close(c);
    else *out = c;
    return status;
}

static bool is_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    return !strncasecmp(text, word, length) && !isalnum((unsigned char)text[length]);
}

cluster_choice cluster_choice_of(const char *words) {
    for (const char *end; (end = strstr(words, "</think>"));) words = end + strlen("</think>");
    bool begins = true;
    for (; *words; words++) {
        /* A small a is an article; only a whole answer may be one. */
        if (begins && (*words == 'A' || !strcmp(words, "a")) && is_word(words, "a")) return CLUSTER_FIRST;
        if (begins && (*words == 'B' || !strcmp(words, "b")) && is_word(words, "b")) return CLUSTER_SECOND;
        if (begins && is_word(words, "tie")) return CLUSTER_TIE;
        begins = !isalnum((unsigned char)*words);
    }
    return CLUSTER_UNCLEAR;
}

static json_t *request(const cluster_critic *c, const char *prompt, const char *first, const char *second,
                       int64_t seed) {
    char *system = xl_format("You compare two continuations of a text. %s Answer with one word: A where "
                             "continuation A is better, B where continuation B is better, TIE where neither is.",
                             c->rubric);
    char *user =
        xl_format("The text:\n<<<\n%s\n>>>\n\nContinuation A:\n<<<\n%s\n>>>\n\nContinuation B:\n<<<\n%s\n>>>\n\n"
                  "Which continuation is better? Answer A, B or TIE.",
                  prompt, first, second);
    json_t *body = NULL;
    if (system && user) {
        json_t *messages = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", system, "role",
                                     "user", "content", user);
        if (c->ollama)
            body = json_pack("{s:s, s:o, s:b, s:{s:f, s:I, s:i}}", "model", c->model, "messages", messages,
                             "stream", 0, "options", "temperature", 0.0, "seed", (json_int_t)seed, "num_predict",
                             (int)ANSWER_TOKENS);
        else
            body = json_pack("{s:s, s:o, s:f, s:I, s:i}", "model", c->model, "messages", messages, "temperature",
                             0.0, "seed", (json_int_t)seed, "max_tokens", (int)ANSWER_TOKENS);
    }
    free(system);
    free(user);
    return body;
}

int cluster_critic_ask(cluster_critic *c, const char *prompt, const char *first, const char *second, int64_t seed,
                       cluster_choice *choice, char **words, xlstm_error *err) {
    json_t *body = request(c, prompt, first, second, seed), *answer = NULL;
    if (!body) return xl_fail(err, XLSTM_ENOMEM, "out of memory, or a text that is not UTF-8");
    int status = ask(c, "POST", c->ollama ? "/chat" : "/chat/completions", body, &answer, err);
    json_decref(body);
    if (status) return status;
    const json_t *message =
        json_object_get(c->ollama ? answer : json_array_get(json_object_get(answer, "choices"), 0), "message");
    const char *text = json_string_value(json_object_get(message, "content"));
    if (!text) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s%s: the answer holds no message", cluster_http_address(c->http),
                         c->path);
    } else if (!(*words = strdup(text))) {
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    } else {
        *choice = cluster_choice_of(*words);
    }
    json_decref(answer);
    return status;
}
