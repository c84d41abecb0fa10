/* What libmicrohttpd is given as the answer to a request. */
#ifndef SERVE_HTTP_ANSWER_H
#define SERVE_HTTP_ANSWER_H

#include <microhttpd.h>

#include "server/http_exchange.h"
#include "server/http_routes.h"

/* To what is only asked for: whether the server is there, its models, its metrics. `path` is the request's. */
enum MHD_Result serve_answer_get(const serve_desk *desk, struct MHD_Connection *connection,
                                 const serve_route *route, const char *path);
/* Why there is no other answer; it is counted as an error. */
enum MHD_Result serve_answer_refusal(const serve_desk *desk, struct MHD_Connection *connection,
                                     const serve_refusal *why);
/* The answer of an exchange whose connection was woken because it is there, or begins; where it was woken too early
 * it sleeps again. */
enum MHD_Result serve_answer_exchange(struct MHD_Connection *connection, serve_exchange *exchange);

#endif
