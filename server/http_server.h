/* The server: HTTP by libmicrohttpd before the scheduler. */
#ifndef SERVE_HTTP_SERVER_H
#define SERVE_HTTP_SERVER_H

#include "server/access.h"
#include "server/http_exchange.h"

typedef struct serve_http serve_http;

typedef struct serve_http_options {
    serve_desk desk;            /* suspend and resume are filled here */
    const serve_access *access; /* without keys only this machine's own programs may ask */
    const char *host;           /* "127.0.0.1", "::1", a name */
    int port;                   /* 0: one that is free */
    int64_t max_connections;
    size_t body_bytes; /* of a request at most */
    double idle_s;     /* after which a client that neither sends nor reads what it should is dropped */
} serve_http_options;

/* Whether the program was built with libmicrohttpd; without it the start fails with EUNSUPPORTED. */
bool serve_http_is_there(void);

/* EIO where the address cannot be listened at. What the options point to must outlive the server. */
int serve_http_start(serve_http **out, const serve_http_options *options, xlstm_error *err);
/* "http://127.0.0.1:8080". */
const char *serve_http_address(const serve_http *http);
/* To be called some times a second: drops clients that are gone, and those that are too slow. */
void serve_http_look(serve_http *http);
/* New connections are not taken any more. */
void serve_http_close_door(serve_http *http);
/* Whether any request is being answered. */
bool serve_http_busy(serve_http *http);
/* Closes all connections. NULL is accepted. */
void serve_http_stop(serve_http *http);

#endif
