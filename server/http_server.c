#include "server/http_server.h"

#include "base/error.h"

#ifndef XL_HAVE_MICROHTTPD

bool serve_http_is_there(void) {
    return false;
}

int serve_http_open(serve_http **out, const serve_http_options *options, xlstm_error *err) {
    (void)options;
    *out = NULL;
    return xl_fail(err, XLSTM_EUNSUPPORTED, "this xltune was built without libmicrohttpd, which HTTP needs");
}

int serve_http_start(serve_http *http, const serve_desk *desk, xlstm_error *err) {
    (void)http;
    (void)desk;
    return xl_fail(err, XLSTM_EUNSUPPORTED, "this xltune was built without libmicrohttpd, which HTTP needs");
}

const char *serve_http_address(const serve_http *http) {
    (void)http;
    return "";
}

void serve_http_look(serve_http *http) {
    (void)http;
}

void serve_http_close_door(serve_http *http) {
    (void)http;
}

bool serve_http_busy(serve_http *http) {
    (void)http;
    return false;
}

void serve_http_stop(serve_http *http) {
    (void)http;
}

#else

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "server/http_answer.h"
#include "server/http_routes.h"
#include "server/listen.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

enum { WORKERS = 2, DISCARD_TIMES = 8, BODIES_TIMES = 64 };

/* A connection; its exchange is what it is asked at the moment. */
typedef struct serve_link {
    struct serve_link *before, *after;
    int fd;
    double since;             /* that it has been idle, or that its request has been read */
    serve_exchange *exchange; /* NULL: none, or it is still being read */
    bool reading;
    bool shut;
} serve_link;

/* What MHD keeps for a request. */
typedef struct request {
    serve_link *link;
    serve_exchange *exchange;
    size_t seen;  /* bytes of the body */
    size_t limit; /* of them; the rest is passed over */
    bool refused; /* `why` is the answer, once the body was read */
    bool handed;  /* to the working threads */
    bool counted; /* among the running requests */
    serve_refusal why;
} request;

struct serve_http {
    serve_http_options o;
    serve_desk desk;
    struct MHD_Daemon *daemon; /* NULL before the start */
    int fd;                    /* of the address; -1: none */
    bool door_closed;          /* it takes no further connections */
    char address[SERVE_ADDRESS];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;
    serve_link *links;
    int64_t link_count, running;
    serve_exchange *first, **end; /* for the working threads */
    bool stopping;
    struct pollfd *polls;
    serve_link **polled;
    _Atomic uint64_t body_bytes; /* of all requests that are being read */
    pthread_t workers[WORKERS];
    int worker_count;
};

bool serve_http_is_there(void) {
    return true;
}

static void suspend_connection(void *connection) {
    MHD_suspend_connection(connection);
}

static void resume_connection(void *connection) {
    MHD_resume_connection(connection);
}

/* Requests. */

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool may_ask(const serve_http *h, struct MHD_Connection *connection, char owner[17], serve_refusal *why) {
    owner[0] = 0;
    if (!serve_access_count(h->o.access)) {
        if (serve_access_is_local(header(connection, "Host"), header(connection, "Origin"))) return true;
        return serve_refuse(why, 403, "permission_error", NULL,
                            "without an API key only programs of this machine may ask");
    }
    if (serve_access_allows(h->o.access, header(connection, "Authorization"), owner)) return true;
    serve_refuse(why, 401, "authentication_error", NULL,
                 "no API key of this server: wanted Authorization: Bearer KEY");
    why->name = "invalid_api_key";
    return false;
}

static serve_link *link_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void begin_reading(serve_http *h, request *q) {
    pthread_mutex_lock(&h->lock);
    q->link->reading = true;
    q->link->since = xl_now_s();
    h->running++;
    q->counted = true;
    pthread_mutex_unlock(&h->lock);
}

/* The coding of a body as Content-Encoding names it, NULL where it comes as it is. */
static const char *coding(struct MHD_Connection *connection) {
    const char *name = header(connection, "Content-Encoding");
    return name && *name && strcasecmp(name, "identity") != 0 ? name : NULL;
}

static uint64_t declared_length(struct MHD_Connection *connection) {
    const char *text = header(connection, "Content-Length");
    return text ? strtoull(text, NULL, 10) : 0;
}

/* The head of a request is there. */
static enum MHD_Result begin(serve_http *h, struct MHD_Connection *connection, const char *path, const char *method,
                             void **context) {
    request *q = calloc(1, sizeof *q);
    char owner[17];
    serve_link *l = link_of(connection);
    if (!q || !l) {
        free(q);
        return MHD_NO;
    }
    *context = q;
    q->link = l;
    q->limit = h->o.body_bytes;
    serve_count(&h->desk.metrics->requests, 1);
    begin_reading(h, q);
    const serve_route *r = serve_route_find(path, method, &q->why);
    const uint64_t length = declared_length(connection);
    if (!r) {
        q->refused = true;
    } else if (!r->open && !may_ask(h, connection, owner, &q->why)) {
        q->refused = true;
    } else if (coding(connection) && !strcmp(r->method, "POST")) {
        q->refused = true;
        serve_refuse(&q->why, 415, "invalid_request_error", NULL,
                     "Content-Encoding: found %.40s; bodies are not unpacked here: send it without compression",
                     coding(connection));
    } else if (length > q->limit) {
        q->refused = true;
        serve_refuse(&q->why, 413, "invalid_request_error", NULL, "a body of %llu bytes, wanted at most %zu",
                     (unsigned long long)length, q->limit);
    } else if (!strcmp(r->method, "POST")) {
        q->exchange = serve_exchange_create(&h->desk, connection);
        if (!q->exchange) return MHD_NO;
        q->exchange->work = r->kind == SERVE_ROUTE_TOKENIZE     ? SERVE_WORK_TOKENIZE
                            : r->kind == SERVE_ROUTE_DETOKENIZE ? SERVE_WORK_DETOKENIZE
                                                                : SERVE_WORK_ANSWER;
        q->exchange->form = r->form;
        memcpy(q->exchange->owner, owner, sizeof owner);
    }
    /* An answer before the body was read would be lost to clients that send all of it first; but those that ask
     * before they send, and those that would send for ever, are answered at once. */
    const bool asks = header(connection, "Expect") != NULL;
    if (q->refused && (asks || length > DISCARD_TIMES * (uint64_t)q->limit))
        return serve_answer_refusal(&h->desk, connection, &q->why);
    return MHD_YES;
}

/* A piece of the body. */
static enum MHD_Result take_body(serve_http *h, request *q, const char *data, size_t bytes) {
    q->seen += bytes;
    if (q->seen > DISCARD_TIMES * q->limit) return MHD_NO;
    if (q->refused || !q->exchange) return MHD_YES;
    if (q->seen > q->limit) {
        q->refused = true;
        serve_refuse(&q->why, 413, "invalid_request_error", NULL, "a body of more than %zu bytes", q->limit);
    } else {
        const uint64_t all = atomic_fetch_add(&h->body_bytes, bytes) + bytes;
        if (all > BODIES_TIMES * (uint64_t)q->limit || !xl_bytes_append(&q->exchange->body, data, bytes)) {
            atomic_fetch_sub(&h->body_bytes, bytes); /* what came before stays counted as long as it is kept */
            q->refused = true;
            serve_refuse(&q->why, 503, "server_error", NULL, "too many requests are being read");
        }
    }
    return MHD_YES;
}

/* All of the request is there: it goes to the working threads, and the connection sleeps. */
static void hand_over(serve_http *h, request *q, struct MHD_Connection *connection) {
    serve_exchange *x = q->exchange;
    q->handed = true;
    atomic_fetch_sub(&h->body_bytes, x->body.size); /* the body is the workers' from here on */
    pthread_mutex_lock(&x->lock);
    x->suspended = true;
    MHD_suspend_connection(connection);
    pthread_mutex_unlock(&x->lock);
    serve_exchange_hold(x);
    pthread_mutex_lock(&h->lock);
    q->link->reading = false;
    q->link->exchange = x;
    x->next = NULL;
    *h->end = x;
    h->end = &x->next;
    pthread_cond_signal(&h->work);
    const bool stopping = h->stopping;
    pthread_mutex_unlock(&h->lock);
    if (stopping) serve_exchange_drop(x, NULL);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *data, size_t *bytes, void **context) {
    serve_http *h = cls;
    request *q = *context;
    (void)version;
    if (!q) return begin(h, connection, path, method, context);
    if (*bytes) {
        const size_t given = *bytes;
        *bytes = 0;
        return take_body(h, q, data, given);
    }
    if (q->refused) return serve_answer_refusal(&h->desk, connection, &q->why);
    if (!q->exchange) {
        const serve_route *r = serve_route_find(path, method, &q->why);
        return r ? serve_answer_get(&h->desk, connection, r, path) : MHD_NO;
    }
    if (q->handed) return serve_answer_exchange(connection, q->exchange);
    hand_over(h, q, connection);
    return MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code) {
    serve_http *h = cls;
    request *q = *context;
    (void)connection;
    (void)code;
    if (!q) return;
    pthread_mutex_lock(&h->lock);
    q->link->exchange = NULL;
    q->link->reading = false;
    q->link->since = xl_now_s();
    if (q->counted) h->running--;
    pthread_mutex_unlock(&h->lock);
    if (q->exchange) {
        if (!q->handed) atomic_fetch_sub(&h->body_bytes, q->exchange->body.size);
        serve_exchange_close(q->exchange);
        serve_exchange_release(q->exchange);
    }
    free(q);
    *context = NULL;
}

static void connected(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_ConnectionNotificationCode code) {
    serve_http *h = cls;
    serve_link *l = *context;
    pthread_mutex_lock(&h->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        l = calloc(1, sizeof *l);
        if (l) {
            *l = (serve_link){.after = h->links, .fd = info ? info->connect_fd : -1, .since = xl_now_s()};
            if (l->after) l->after->before = l;
            h->links = l;
            h->link_count++;
        }
        *context = l;
    } else if (l) {
        if (l->after) l->after->before = l->before;
        if (l->before) l->before->after = l->after;
        else h->links = l->after;
        h->link_count--;
        free(l);
        *context = NULL;
    }
    serve_gauge(&h->desk.metrics->connections, (uint64_t)h->link_count);
    pthread_mutex_unlock(&h->lock);
}

static void *worker(void *argument) {
    serve_http *h = argument;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        serve_exchange *x = h->first;
        if (!x && h->stopping) break;
        if (!x) {
            pthread_cond_wait(&h->work, &h->lock);
            continue;
        }
        h->first = x->next;
        if (!h->first) h->end = &h->first;
        pthread_mutex_unlock(&h->lock);
        serve_exchange_work(x);
        serve_exchange_release(x);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Looks after the connections. */

static void shut(serve_link *l) {
    if (!l->shut && l->fd >= 0) shutdown(l->fd, SHUT_RDWR);
    l->shut = true;
}

/* One whose request is being answered. */
static void look_at_answer(serve_http *h, serve_link *l, bool closed, double now) {
    serve_exchange *x = l->exchange;
    if (pthread_mutex_trylock(&x->lock)) return; /* it is busy, and so not late */
    const bool unread = x->ready && x->out.size > x->taken;
    const bool slow = unread && now - x->moved_s > h->o.idle_s;
    pthread_mutex_unlock(&x->lock);
    if (!slow && !closed) return;
    serve_exchange_drop(x, slow ? &h->desk.metrics->slow_readers : NULL);
    shut(l);
}

void serve_http_look(serve_http *h) {
    const double now = xl_now_s();
    nfds_t count = 0;
    pthread_mutex_lock(&h->lock);
    for (serve_link *l = h->links; l; l = l->after) {
        if (!l->exchange) {
            if (now - l->since > h->o.idle_s) shut(l);
        } else if ((int64_t)count < h->o.max_connections) {
            h->polled[count] = l;
            h->polls[count++] = (struct pollfd){.fd = l->fd, .events = POLLIN | POLLRDHUP};
        }
    }
    if (count && poll(h->polls, count, 0) >= 0) {
        for (nfds_t i = 0; i < count; i++) {
            const short seen = h->polls[i].revents;
            char byte;
            bool closed = (seen & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
            if (!closed && (seen & POLLIN)) closed = !recv(h->polls[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
            look_at_answer(h, h->polled[i], closed, now);
        }
    }
    pthread_mutex_unlock(&h->lock);
}

static int start_workers(serve_http *h, xlstm_error *err) {
    for (; h->worker_count < WORKERS; h->worker_count++) {
        const int code = xl_thread_start(&h->workers[h->worker_count], worker, h);
        if (code) return xl_fail(err, XLSTM_EIO, "no thread for requests: %s", strerror(code));
    }
    return XLSTM_OK;
}

int serve_http_open(serve_http **out, const serve_http_options *options, xlstm_error *err) {
    *out = NULL;
    if (!serve_access_count(options->access) && !serve_access_is_loopback(options->host))
        return xl_fail(err, XLSTM_EARG,
                       "host %s: others could ask, so a key is wanted (--api-key-file, or XLTUNE_API_KEY)",
                       options->host);
    serve_http *h = calloc(1, sizeof *h);
    if (!h) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    h->o = *options;
    h->end = &h->first;
    h->fd = -1;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->work, NULL);
    h->polls = calloc((size_t)options->max_connections, sizeof *h->polls);
    h->polled = calloc((size_t)options->max_connections, sizeof(serve_link *));
    int status = h->polls && h->polled ? serve_bind(&h->fd, h->address, options->host, options->port, err)
                                       : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    if (status) serve_http_stop(h);
    else *out = h;
    return status;
}

int serve_http_start(serve_http *h, const serve_desk *desk, xlstm_error *err) {
    h->desk = *desk;
    h->desk.suspend = suspend_connection;
    h->desk.resume = resume_connection;
    int status = start_workers(h, err);
    if (!status) status = serve_listen(h->fd, h->o.host, h->o.port, err);
    if (status) return status;
    h->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        handle, h, MHD_OPTION_LISTEN_SOCKET, h->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)h->o.max_connections,
        MHD_OPTION_NOTIFY_COMPLETED, completed, h, MHD_OPTION_NOTIFY_CONNECTION, connected, h, MHD_OPTION_END);
    return h->daemon ? XLSTM_OK : xl_fail(err, XLSTM_EIO, "%s: the server does not start", h->address);
}

const char *serve_http_address(const serve_http *http) {
    return http->address;
}

void serve_http_close_door(serve_http *h) {
    if (h->fd < 0 || !h->daemon || h->door_closed) return;
    MHD_quiesce_daemon(h->daemon);
    h->door_closed = true;
    /* MHD's thread may still take the socket off its list, so the descriptor stays until that thread has ended.
     * Where a listening socket cannot be shut down (macOS), those who knock are to be refused all the same. */
    if (!shutdown(h->fd, SHUT_RDWR)) return;
    close(h->fd);
    h->fd = -1;
}

bool serve_http_busy(serve_http *h) {
    pthread_mutex_lock(&h->lock);
    const bool busy = h->running > 0;
    pthread_mutex_unlock(&h->lock);
    return busy;
}

void serve_http_stop(serve_http *h) {
    if (!h) return;
    serve_http_close_door(h);
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    /* MHD wants no connection asleep when it stops. */
    for (serve_link *l = h->links; l; l = l->after)
        if (l->exchange) serve_exchange_drop(l->exchange, NULL);
    pthread_cond_broadcast(&h->work);
    pthread_mutex_unlock(&h->lock);
    for (int i = 0; i < h->worker_count; i++) pthread_join(h->workers[i], NULL);
    if (h->daemon) MHD_stop_daemon(h->daemon);
    /* Requests whose last bytes came after the working threads had ended. */
    for (serve_exchange *x = h->first, *next; x; x = next) {
        next = x->next;
        serve_exchange_release(x);
    }
    if (h->fd >= 0) close(h->fd);
    free(h->polls);
    free(h->polled);
    pthread_cond_destroy(&h->work);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

#endif
