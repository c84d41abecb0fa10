/* What can be asked of the server: paths and methods. */
#ifndef SERVE_HTTP_ROUTES_H
#define SERVE_HTTP_ROUTES_H

#include "server/body.h"

typedef enum serve_route_kind {
    SERVE_ROUTE_ANSWER,
    SERVE_ROUTE_TOKENIZE,
    SERVE_ROUTE_DETOKENIZE,
    SERVE_ROUTE_MODELS,
    SERVE_ROUTE_MODEL,
    SERVE_ROUTE_HEALTH,
    SERVE_ROUTE_METRICS
} serve_route_kind;

typedef struct serve_route {
    const char *path;
    const char *method;
    serve_route_kind kind;
    serve_form form;
    bool open; /* to those without a key */
} serve_route;

/* A model's own page is this with its name behind it. */
#define SERVE_ROUTE_MODEL_PATH "/v1/models/"

/* NULL, with *why filled, where there is none; HEAD is as GET. */
const serve_route *serve_route_find(const char *path, const char *method, serve_refusal *why);

#endif
