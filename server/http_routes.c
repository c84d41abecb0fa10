#include "server/http_routes.h"

#include <string.h>

static const serve_route routes[] = {
    {"/v1/completions", "POST", SERVE_ROUTE_ANSWER, SERVE_COMPLETION, false},
    {"/v1/chat/completions", "POST", SERVE_ROUTE_ANSWER, SERVE_CHAT, false},
    {"/chat/completions", "POST", SERVE_ROUTE_ANSWER, SERVE_CHAT, false},
    {"/completion", "POST", SERVE_ROUTE_ANSWER, SERVE_PLAIN, false},
    {"/completions", "POST", SERVE_ROUTE_ANSWER, SERVE_PLAIN, false},
    {"/tokenize", "POST", SERVE_ROUTE_TOKENIZE, SERVE_PLAIN, false},
    {"/detokenize", "POST", SERVE_ROUTE_DETOKENIZE, SERVE_PLAIN, false},
    {"/v1/models", "GET", SERVE_ROUTE_MODELS, SERVE_PLAIN, false},
    {"/v1/models/", "GET", SERVE_ROUTE_MODELS, SERVE_PLAIN, false},
    {"/models", "GET", SERVE_ROUTE_MODELS, SERVE_PLAIN, false},
    {"/health", "GET", SERVE_ROUTE_HEALTH, SERVE_PLAIN, true},
    {"/v1/health", "GET", SERVE_ROUTE_HEALTH, SERVE_PLAIN, true},
    {"/metrics", "GET", SERVE_ROUTE_METRICS, SERVE_PLAIN, false},
};
static const serve_route one_model = {SERVE_ROUTE_MODEL_PATH, "GET", SERVE_ROUTE_MODEL, SERVE_PLAIN, false};

const serve_route *serve_route_find(const char *path, const char *method, serve_refusal *why) {
    const char *plain = !strcmp(method, "HEAD") ? "GET" : method;
    const serve_route *other = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(path, routes[i].path) != 0) continue;
        if (!strcmp(plain, routes[i].method)) return &routes[i];
        other = &routes[i];
    }
    if (!strncmp(path, one_model.path, strlen(one_model.path)) && !strcmp(plain, "GET")) return &one_model;
    if (other) {
        serve_refuse(why, 405, "invalid_request_error", NULL, "%s: wanted %s, not %.16s", path, other->method,
                     method);
        why->allow = !strcmp(other->method, "GET") ? "GET, HEAD" : other->method;
    } else {
        serve_refuse(why, 404, "invalid_request_error", NULL,
                     "there is no %.100s here, but /v1/completions, /v1/chat/completions, /v1/models, /completion, "
                     "/tokenize, /detokenize, /health and /metrics",
                     path);
    }
    return NULL;
}
