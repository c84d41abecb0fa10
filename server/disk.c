#include "server/disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"

typedef struct line {
    serve_errand *first, **end;
} line;

struct serve_disk {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    line todo, done;
    int pending; /* submitted and not settled */
    bool closing;
    void (*wake)(void *user);
    void *user;
};

static void put(line *l, serve_errand *e) {
    e->next = NULL;
    *l->end = e;
    l->end = &e->next;
}

static serve_errand *take(line *l) {
    serve_errand *e = l->first;
    if (!e) return NULL;
    l->first = e->next;
    if (!l->first) l->end = &l->first;
    return e;
}

static void run_errand(serve_errand *e) {
    struct stat st;
    switch (e->kind) {
    case SERVE_LOAD:
        if (stat(e->path, &st) && errno == ENOENT) {
            e->status = xl_fail(&e->err, XLSTM_ENOTFOUND, "%s: there is no such file", e->path);
        } else {
            e->status = xlstm_state_load(e->session, e->path, &e->err);
        }
        break;
    case SERVE_SAVE:
        e->status = xlstm_state_save(e->session, e->path, &e->err);
        break;
    case SERVE_REMOVE:
        unlink(e->path);
        break;
    }
}

static void *disk_thread(void *argument) {
    serve_disk *d = argument;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        serve_errand *e = take(&d->todo);
        if (!e && d->closing) break;
        if (!e) {
            pthread_cond_wait(&d->work, &d->lock);
            continue;
        }
        pthread_mutex_unlock(&d->lock);
        run_errand(e);
        pthread_mutex_lock(&d->lock);
        put(&d->done, e);
        pthread_mutex_unlock(&d->lock);
        d->wake(d->user);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

int serve_disk_create(serve_disk **out, void (*wake)(void *user), void *user, xlstm_error *err) {
    *out = NULL;
    serve_disk *d = calloc(1, sizeof *d);
    if (!d) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    d->todo.end = &d->todo.first;
    d->done.end = &d->done.first;
    d->wake = wake;
    d->user = user;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->work, NULL);
    const int code = xl_thread_start(&d->thread, disk_thread, d);
    if (code) {
        pthread_cond_destroy(&d->work);
        pthread_mutex_destroy(&d->lock);
        free(d);
        return xl_fail(err, XLSTM_EIO, "no thread for the disk: %s", strerror(code));
    }
    *out = d;
    return XLSTM_OK;
}

void serve_disk_settle(serve_disk *d) {
    for (;;) {
        pthread_mutex_lock(&d->lock);
        serve_errand *e = take(&d->done);
        if (e) d->pending--;
        pthread_mutex_unlock(&d->lock);
        if (!e) return;
        e->done(e->owner, e);
        free(e->path);
        free(e);
    }
}

void serve_disk_destroy(serve_disk *d) {
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    /* What is settled may send another errand, which no thread is left for. */
    serve_disk_settle(d);
    for (serve_errand *e; (e = take(&d->todo));) {
        run_errand(e);
        put(&d->done, e);
        serve_disk_settle(d);
    }
    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void serve_disk_submit(serve_disk *d, serve_errand *errand) {
    pthread_mutex_lock(&d->lock);
    put(&d->todo, errand);
    d->pending++;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->lock);
}

bool serve_disk_ready(serve_disk *d) {
    pthread_mutex_lock(&d->lock);
    const bool ready = d->done.first != NULL;
    pthread_mutex_unlock(&d->lock);
    return ready;
}

int serve_disk_pending(serve_disk *d) {
    pthread_mutex_lock(&d->lock);
    const int pending = d->pending;
    pthread_mutex_unlock(&d->lock);
    return pending;
}
