/* A page that is kept up to date: served on this machine's loopback interface to browsers that have the token, with
 * JSON that the program makes, and a stream of events (server-sent events). */
#ifndef SERVE_LIVE_PAGE_H
#define SERVE_LIVE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

typedef struct serve_live serve_live;

/* The answers to GET /api/<name>?a=…&b=…, of which a and b are NULL where they are missing. */
typedef struct serve_live_answer {
    const char *name; /* NULL: the end of the list */
    /* Makes the answer, malloc'd. Called by several threads at once. XLSTM_ENOTFOUND and XLSTM_EARG become HTTP's
     * codes 404 and 400, other failures 500. */
    int (*make)(void *ctx, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err);
} serve_live_answer;

typedef struct serve_live_options {
    int port;         /* 0: one that is free */
    const char *page; /* the HTML at "/" */
    size_t page_bytes;
    const serve_live_answer *answers;
    void *ctx;
} serve_live_options;

/* Whether the program was built with libmicrohttpd; without it the start fails with XLSTM_EUNSUPPORTED. */
bool serve_live_is_there(void);

/* Starts the server, with a token of its own. XLSTM_EIO where the port cannot be listened at. What the options
 * point to must outlive the server. */
int serve_live_start(serve_live **out, const serve_live_options *options, xlstm_error *err);
/* "http://127.0.0.1:8080/?token=0123…": opened once, it gives a browser the token as a cookie. */
const char *serve_live_address(const serve_live *live);
/* Sends one line of JSON to all that listen to /events; those that come later get it first. Returns false when out
 * of memory. */
bool serve_live_tell(serve_live *live, const char *json);
/* Closes all connections. NULL is accepted. */
void serve_live_stop(serve_live *live);

#endif
