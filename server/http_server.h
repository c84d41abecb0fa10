/* The server: HTTP by libmicrohttpd before the scheduler. */
#ifndef SERVE_HTTP_SERVER_H
#define SERVE_HTTP_SERVER_H

#include "server/access.h"
#include "server/http_exchange.h"

typedef struct serve_http serve_http;

typedef struct serve_http_options {
    const serve_access *access; /* without keys only this machine's own programs may ask */
    const char *host;           /* "127.0.0.1", "::1", a name */
    int port;                   /* 0: one that is free */
    int64_t max_connections;
    size_t body_bytes; /* of a request at most */
    double idle_s;     /* after which a client that neither sends nor reads what it should is dropped */
} serve_http_options;

/* Whether the program was built with libmicrohttpd; without it nothing opens, with EUNSUPPORTED. */
bool serve_http_is_there(void);

/* Takes the address; who connects is refused until the start. EARG where an address that others reach has no key,
 * EIO where it cannot be had. What the options point to must outlive the server. *out is NULL on failure. */
int serve_http_open(serve_http **out, const serve_http_options *options, xlstm_error *err);
/* Answers from now on, with what is at the desk, whose suspend and resume are filled here. To be called once; what
 * the desk points to must outlive the server. */
int serve_http_start(serve_http *http, const serve_desk *desk, xlstm_error *err);
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
