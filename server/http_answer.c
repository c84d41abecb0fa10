#include "server/http_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16384 }; /* bytes of a stream that libmicrohttpd asks for at once */

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned code, struct MHD_Response *response,
                             const char *type) {
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    if (code == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    const enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result queue_text(struct MHD_Connection *connection, unsigned code, const char *text, size_t bytes,
                                  const char *type) {
    /* MHD takes a pointer that is not const, and copies. */
    return queue(connection, code,
                 MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY), type);
}

static const char type_json[] = "application/json";

static enum MHD_Result queue_json(struct MHD_Connection *connection, json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    const enum MHD_Result result = text ? queue_text(connection, 200, text, strlen(text), type_json) : MHD_NO;
    free(text);
    return result;
}

enum MHD_Result serve_answer_refusal(const serve_desk *desk, struct MHD_Connection *connection,
                                     const serve_refusal *why) {
    char *text = serve_refusal_json(why);
    serve_count(&desk->metrics->request_errors, 1);
    struct MHD_Response *response =
        text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY) : NULL;
    if (response && why->allow) MHD_add_response_header(response, "Allow", why->allow);
    const enum MHD_Result result = queue(connection, (unsigned)why->code, response, type_json);
    free(text);
    return result;
}

static json_t *model_json(const serve_desk *desk) {
    return json_pack("{s:s, s:s, s:I, s:s}", "id", desk->model_name, "object", "model", "created", (json_int_t)0,
                     "owned_by", "xltune");
}

enum MHD_Result serve_answer_get(const serve_desk *desk, struct MHD_Connection *connection, const serve_route *r,
                                 const char *path) {
    switch (r->kind) {
    case SERVE_ROUTE_HEALTH:
        return queue_json(connection, json_pack("{s:s}", "status", "ok"));
    case SERVE_ROUTE_MODELS:
        return queue_json(connection, json_pack("{s:s, s:[o]}", "object", "list", "data", model_json(desk)));
    case SERVE_ROUTE_MODEL: {
        const char *name = path + strlen(SERVE_ROUTE_MODEL_PATH);
        if (!strcmp(name, desk->model_name)) return queue_json(connection, model_json(desk));
        serve_refusal why;
        serve_refuse(&why, 404, "invalid_request_error", "model", "there is no model %.100s here", name);
        why.name = "model_not_found";
        return serve_answer_refusal(desk, connection, &why);
    }
    default: {
        xl_bytes out = {0};
        enum MHD_Result result = MHD_NO;
        if (serve_metrics_text(desk->metrics, &out))
            result = queue_text(connection, 200, out.data, out.size, "text/plain; version=0.0.4; charset=utf-8");
        free(out.data);
        return result;
    }
    }
}

static ssize_t read_stream(void *cls, uint64_t at, char *to, size_t most) {
    (void)at;
    const int64_t bytes = serve_exchange_take(cls, to, most);
    if (bytes == -1) return MHD_CONTENT_READER_END_OF_STREAM;
    return bytes < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : (ssize_t)bytes;
}

enum MHD_Result serve_answer_exchange(struct MHD_Connection *connection, serve_exchange *x) {
    pthread_mutex_lock(&x->lock);
    const bool gone = x->gone, stream = x->stream, ready = x->ready;
    const unsigned code = (unsigned)x->code;
    const int retry = x->retry_after;
    struct MHD_Response *response = NULL;
    if (ready && !gone && !stream) {
        response = MHD_create_response_from_buffer(x->out.size, x->out.data, MHD_RESPMEM_MUST_COPY);
        x->taken = x->out.size;
    }
    if (!ready && !gone) {
        /* Woken too early: sleeps again. */
        x->suspended = true;
        MHD_suspend_connection(connection);
    }
    pthread_mutex_unlock(&x->lock);
    if (gone) return MHD_NO;
    if (!ready) return MHD_YES;
    if (stream) {
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, x, NULL);
        if (response) {
            MHD_add_response_header(response, "Cache-Control", "no-cache");
            MHD_add_response_header(response, "X-Accel-Buffering", "no");
        }
    } else if (response && retry) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", retry);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    return queue(connection, code, response, stream ? "text/event-stream; charset=utf-8" : type_json);
}
