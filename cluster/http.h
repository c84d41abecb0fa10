/* Requests by HTTP to one server, through libcurl. Only http.c knows that library. */
#ifndef CLUSTER_HTTP_H
#define CLUSTER_HTTP_H

#include <stddef.h>

#include <xlstm/status.h>

typedef struct cluster_http cluster_http;

typedef struct cluster_http_options {
    const char *address;       /* "http://HEAD:8265"; https too */
    const char *token;         /* sent as "Authorization: Bearer …" and never shown; NULL: none */
    long silent_s;             /* a request that moves nothing for so long has failed; 0: a minute */
    int (*cancel)(void *user); /* asked about once a second; non-zero ends a request; may be NULL */
    void *user;
} cluster_http_options;

/* An answer, whatever its code. */
typedef struct cluster_answer {
    long code;  /* 200, 404 */
    char *data; /* malloc'd, NUL-terminated (the NUL is not counted) */
    size_t bytes;
} cluster_answer;

/* Checks the address and connects to nothing yet. XLSTM_EARG where it is no http:// or https:// address, or holds
 * more than a host and a port; XLSTM_EUNSUPPORTED where this program was built without libcurl. */
int cluster_http_open(cluster_http **out, const cluster_http_options *options, xlstm_error *err);
void cluster_http_close(cluster_http *http);
/* The address without a slash at its end; lives as long as `http`. */
const char *cluster_http_address(const cluster_http *http);

/* Sends a request: `path` begins with '/', `body` may be NULL, and `type` is its content type. An answer of more
 * than `limit` bytes is an error. XLSTM_EIO where no answer comes; XLSTM_ECANCELLED. *out is to be cleared after
 * success. A connection is kept from one request to the next; one request at a time. */
int cluster_http_ask(cluster_http *http, const char *method, const char *path, const void *body, size_t bytes,
                     const char *type, size_t limit, cluster_answer *out, xlstm_error *err);
void cluster_answer_clear(cluster_answer *answer);

#endif
