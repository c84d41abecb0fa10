/* A client of the server without a network: it asks an exchange, sleeps until it is woken, and takes the answer as
 * the connection of an HTTP library does. */
#ifndef TESTS_SERVE_DESK_H
#define TESTS_SERVE_DESK_H

#include <pthread.h>

#include "helper.h"
#include "server/http_exchange.h"

typedef struct desk_client {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool awake;
} desk_client;

static inline void desk_client_init(desk_client *c) {
    *c = (desk_client){.awake = false};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
}

static inline void desk_client_clear(desk_client *c) {
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
}

/* For the desk. */
static inline void desk_suspend(void *connection) {
    desk_client *c = connection;
    pthread_mutex_lock(&c->lock);
    c->awake = false;
    pthread_mutex_unlock(&c->lock);
}

static inline void desk_resume(void *connection) {
    desk_client *c = connection;
    pthread_mutex_lock(&c->lock);
    c->awake = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static inline void desk_wait(desk_client *c) {
    pthread_mutex_lock(&c->lock);
    while (!c->awake) pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

/* The request is there, and the connection sleeps; serve_exchange_work is to follow. */
static inline void desk_ask(serve_exchange *x, desk_client *c, serve_form form, serve_work work, const char *body) {
    desk_suspend(c);
    x->form = form;
    x->work = work;
    x->suspended = true;
    assert_true(xl_bytes_append(&x->body, body, strlen(body)));
}

/* Takes all of the answer, 0-terminated; false: the connection is to be closed instead. */
static inline bool desk_take(serve_exchange *x, desk_client *c, char *out, size_t size) {
    size_t had = 0;
    desk_wait(c);
    pthread_mutex_lock(&x->lock);
    const bool gone = x->gone, stream = x->stream;
    if (!gone && !stream) {
        had = x->out.size;
        assert_true(had < size);
        memcpy(out, x->out.data, had);
    }
    pthread_mutex_unlock(&x->lock);
    while (!gone && stream) {
        const int64_t n = serve_exchange_take(x, out + had, size - 1 - had);
        if (n == -2) return false;
        if (n == -1) break;
        if (!n) desk_wait(c);
        had += (size_t)n;
    }
    out[had] = 0;
    return !gone;
}

#endif
