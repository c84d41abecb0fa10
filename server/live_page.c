#include "server/live_page.h"

#include "base/error.h"

#ifndef XL_HAVE_MICROHTTPD

bool serve_live_is_there(void) {
    return false;
}

int serve_live_start(serve_live **out, const serve_live_options *options, xlstm_error *err) {
    (void)options;
    *out = NULL;
    return xl_fail(err, XLSTM_EUNSUPPORTED, "this xltune was built without libmicrohttpd, which HTTP needs");
}

const char *serve_live_address(const serve_live *live) {
    (void)live;
    return "";
}

bool serve_live_tell(serve_live *live, const char *json) {
    (void)live;
    (void)json;
    return true;
}

void serve_live_stop(serve_live *live) {
    (void)live;
}

#else

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/memory.h"
#include "server/listen.h"

enum { TOKEN_BYTES = 24, CONNECTIONS = 64, BEAT_S = 10, EVENT_BLOCK = 65536 };

struct serve_live {
    serve_live_options o;
    struct MHD_Daemon *daemon;
    int port;
    char token[2 * TOKEN_BYTES + 1];
    char cookie[48]; /* its name: cookies of 127.0.0.1 are shared by all ports */
    char address[128];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t news;
    char *told; /* the newest event */
    unsigned long number;
    bool stopping;
};

/* One that listens to the events. */
typedef struct listener {
    serve_live *live;
    unsigned long seen;
    char *text; /* the event that is being sent, and how far that came */
    size_t bytes, sent;
} listener;

bool serve_live_is_there(void) {
    return true;
}

/* ---- access ---- */

static bool same_secret(const char *a, const char *b) {
    unsigned differ = strlen(a) != strlen(b);
    for (size_t i = 0; a[i] && b[i]; i++) differ |= (unsigned)(a[i] ^ b[i]);
    return !differ;
}

/* Whether the browser means this server: a name that someone else made point here is not one of its own. */
static bool is_our_host(const serve_live *live, struct MHD_Connection *connection) {
    static const char *const names[] = {"127.0.0.1", "localhost"};
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    char own[64];
    for (size_t i = 0; host && i < sizeof names / sizeof *names; i++) {
        snprintf(own, sizeof own, "%s:%d", names[i], live->port);
        if (!strcasecmp(host, own)) return true;
    }
    return false;
}

static const char *argument(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static bool has_token(const serve_live *live, struct MHD_Connection *connection) {
    const char *cookie = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, live->cookie);
    return cookie && same_secret(cookie, live->token);
}

/* ---- answers ---- */

static void add_headers(struct MHD_Response *response, const char *type) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Frame-Options", "DENY");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned code, struct MHD_Response *response,
                             const char *type) {
    if (!response) return MHD_NO;
    add_headers(response, type);
    const enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned code, const char *text) {
    char line[640];
    const int length = snprintf(line, sizeof line, "%.600s\n", text);
    return reply(connection, code, MHD_create_response_from_buffer((size_t)length, line, MHD_RESPMEM_MUST_COPY),
                 "text/plain; charset=utf-8");
}

/* The token comes once in the address; from then on as a cookie, so that it is in no history and no link. */
static enum MHD_Result welcome(serve_live *live, struct MHD_Connection *connection) {
    char cookie[192];
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    snprintf(cookie, sizeof cookie, "%s=%s; HttpOnly; SameSite=Strict; Path=/", live->cookie, live->token);
    MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, cookie);
    MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, "/");
    return reply(connection, MHD_HTTP_SEE_OTHER, response, "text/plain");
}

static enum MHD_Result answer(serve_live *live, struct MHD_Connection *connection, const serve_live_answer *with) {
    char *text = NULL;
    size_t bytes = 0;
    xlstm_error err = {0};
    const int status =
        with->make(live->o.ctx, argument(connection, "a"), argument(connection, "b"), &text, &bytes, &err);
    if (status)
        return say(connection,
                   status == XLSTM_ENOTFOUND ? MHD_HTTP_NOT_FOUND
                   : status == XLSTM_EARG    ? MHD_HTTP_BAD_REQUEST
                                             : MHD_HTTP_INTERNAL_SERVER_ERROR,
                   err.text);
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
    if (!response) free(text);
    return reply(connection, MHD_HTTP_OK, response, "application/json");
}

/* ---- events ---- */

/* Waits for news, or for the time to show that the connection lives. Under the lock. */
static void wait_for_news(listener *l) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += BEAT_S;
    while (!l->live->stopping && l->seen == l->live->number) {
        if (pthread_cond_timedwait(&l->live->news, &l->live->lock, &until) == ETIMEDOUT) return;
    }
}

static ssize_t take_event(void *user, uint64_t position, char *to, size_t most) {
    listener *l = user;
    serve_live *live = l->live;
    (void)position;
    if (l->sent == l->bytes) {
        free(l->text);
        l->text = NULL;
        pthread_mutex_lock(&live->lock);
        wait_for_news(l);
        const bool stopping = live->stopping, news = l->seen != live->number;
        if (news && !stopping) l->text = xl_format("data: %s\n\n", live->told);
        l->seen = live->number;
        pthread_mutex_unlock(&live->lock);
        if (stopping) return MHD_CONTENT_READER_END_OF_STREAM;
        if (!news) l->text = strdup(": still there\n\n");
        if (!l->text) return MHD_CONTENT_READER_END_WITH_ERROR;
        l->bytes = strlen(l->text);
        l->sent = 0;
    }
    const size_t n = l->bytes - l->sent < most ? l->bytes - l->sent : most;
    memcpy(to, l->text + l->sent, n);
    l->sent += n;
    return (ssize_t)n;
}

static void end_events(void *user) {
    listener *l = user;
    free(l->text);
    free(l);
}

static enum MHD_Result events(serve_live *live, struct MHD_Connection *connection) {
    listener *l = calloc(1, sizeof *l);
    if (!l) return MHD_NO;
    l->live = live;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, EVENT_BLOCK, take_event, l, end_events);
    if (!response) free(l);
    return reply(connection, MHD_HTTP_OK, response, "text/event-stream");
}

/* ---- requests ---- */

static enum MHD_Result page(serve_live *live, struct MHD_Connection *connection) {
    return reply(connection, MHD_HTTP_OK,
                 MHD_create_response_from_buffer(live->o.page_bytes, (void *)(uintptr_t)live->o.page,
                                                 MHD_RESPMEM_PERSISTENT),
                 "text/html; charset=utf-8");
}

static enum MHD_Result route(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *body, size_t *body_bytes, void **state) {
    serve_live *live = user;
    (void)version;
    (void)body;
    static char begun;
    if (!*state) { /* MHD calls first with the headers alone */
        *state = &begun;
        return MHD_YES;
    }
    if (*body_bytes) { /* nothing here takes a body */
        *body_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered here");
    if (!is_our_host(live, connection)) return say(connection, MHD_HTTP_FORBIDDEN, "this is not that host");
    const char *token = argument(connection, "token");
    if (!strcmp(url, "/") && token && same_secret(token, live->token)) return welcome(live, connection);
    if (!has_token(live, connection))
        return say(connection, MHD_HTTP_FORBIDDEN,
                   "the token is wanted: open the address that `xltune dash` printed");
    if (!strcmp(url, "/")) return page(live, connection);
    if (!strcmp(url, "/events")) return events(live, connection);
    for (const serve_live_answer *a = live->o.answers; a->name; a++) {
        if (!strncmp(url, "/api/", 5) && !strcmp(url + 5, a->name)) return answer(live, connection, a);
    }
    return say(connection, MHD_HTTP_NOT_FOUND, "there is nothing of that name");
}

/* ---- start and end ---- */

static int make_token(serve_live *live, xlstm_error *err) {
    unsigned char bytes[TOKEN_BYTES];
    if (getentropy(bytes, sizeof bytes)) return xl_fail(err, XLSTM_EIO, "random numbers: %s", strerror(errno));
    for (int i = 0; i < TOKEN_BYTES; i++) snprintf(live->token + 2 * i, 3, "%02x", bytes[i]);
    return XLSTM_OK;
}

/* Everything that the threads of the daemon read is known before they begin. */
static int listen_there(serve_live *live, xlstm_error *err) {
    char at[SERVE_ADDRESS];
    int fd;
    int status = serve_bind(&fd, at, "127.0.0.1", live->o.port, err);
    if (!status) status = serve_listen(fd, "127.0.0.1", live->o.port, err);
    if (status) {
        if (fd >= 0) close(fd);
        return status;
    }
    live->port = atoi(strrchr(at, ':') + 1);
    snprintf(live->cookie, sizeof live->cookie, "xltune_dash_%d", live->port);
    snprintf(live->address, sizeof live->address, "%.60s/?token=%s", at, live->token);
    live->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
                                    route, live, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                    (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,
                                    MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END);
    if (live->daemon) return XLSTM_OK; /* which closes the socket at its end */
    close(fd);
    return xl_fail(err, XLSTM_EIO, "127.0.0.1 port %d: the server does not start", live->port);
}

int serve_live_start(serve_live **out, const serve_live_options *options, xlstm_error *err) {
    serve_live *live = calloc(1, sizeof *live);
    *out = NULL;
    if (!live) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    live->o = *options;
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->news, NULL);
    int status = make_token(live, err);
    if (!status) status = listen_there(live, err);
    if (status) {
        serve_live_stop(live);
        return status;
    }
    *out = live;
    return XLSTM_OK;
}

const char *serve_live_address(const serve_live *live) {
    return live->address;
}

bool serve_live_tell(serve_live *live, const char *json) {
    char *copy = strdup(json);
    if (!copy) return false;
    pthread_mutex_lock(&live->lock);
    free(live->told);
    live->told = copy;
    live->number++;
    pthread_cond_broadcast(&live->news);
    pthread_mutex_unlock(&live->lock);
    return true;
}

void serve_live_stop(serve_live *live) {
    if (!live) return;
    pthread_mutex_lock(&live->lock);
    live->stopping = true;
    pthread_cond_broadcast(&live->news);
    pthread_mutex_unlock(&live->lock);
    if (live->daemon) MHD_stop_daemon(live->daemon);
    free(live->told);
    pthread_cond_destroy(&live->news);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

#endif
