/* A request and its answer, whatever library speaks HTTP. The body is collected, worked on by a thread that may
 * take its time, and answered by the engine's thread piece by piece; meanwhile the connection sleeps. */
#ifndef SERVE_HTTP_EXCHANGE_H
#define SERVE_HTTP_EXCHANGE_H

#include <pthread.h>

#include "server/prompt.h"
#include "server/reply.h"
#include "server/scheduler.h"

/* What all requests share. */
typedef struct serve_desk {
    serve_scheduler *scheduler;
    const xlstm_tokenizer *tokenizer;
    const serve_chat *chat;
    serve_metrics *metrics;
    const char *model_name;
    int64_t max_tokens;   /* of a choice */
    double request_s;     /* a request may take; 0: no limit */
    const char *sessions; /* folder of the conversations; NULL: there are none */
    /* Put the connection to sleep, and wake it. */
    void (*suspend)(void *connection);
    void (*resume)(void *connection);
} serve_desk;

enum { SERVE_OWNER_LETTERS = 16 }; /* in the name of the folder of a key's conversations */

/* Makes the folder of conversations where it is missing, and removes what a server that was killed was writing into
 * it and into the folders of keys in it. XLSTM_EIO: it cannot be made, or nothing can be written there. */
int serve_conversations_open(const char *sessions, xlstm_error *err);

typedef enum serve_work {
    SERVE_WORK_ANSWER, /* a prompt is continued, in the exchange's form */
    SERVE_WORK_TOKENIZE,
    SERVE_WORK_DETOKENIZE
} serve_work;

typedef struct serve_exchange serve_exchange;

/* A job's way back to its exchange. */
typedef struct serve_part {
    serve_exchange *exchange;
    serve_job *job;
    size_t first; /* the first of its choices among all */
    bool counted; /* its prompt was added to the usage */
} serve_part;

struct serve_exchange {
    const serve_desk *desk;
    atomic_int refs;
    serve_work work;
    serve_form form;
    char owner[SERVE_OWNER_LETTERS + 1]; /* whose conversations; "": there are no keys */
    xl_bytes body;
    serve_exchange *next; /* in the line before the working threads */

    pthread_mutex_t lock; /* of what follows */
    void *connection;     /* NULL: closed */
    bool suspended;
    bool gone;   /* the client is, or is to be: the connection is closed as soon as it can be */
    bool ready;  /* the answer's code is known, and there is something of it */
    bool stream; /* the answer is a stream of events */
    bool done;   /* all of it is in `out` */
    int code;    /* of HTTP */
    int retry_after;
    xl_bytes out;
    size_t taken;   /* of out, by the connection */
    double moved_s; /* when something was taken last, or came after all was taken */
    serve_reply reply;
    serve_part parts[SERVE_PROMPTS_MAX];
    size_t part_count, parts_left;
};

/* With one reference; NULL when out of memory. */
serve_exchange *serve_exchange_create(const serve_desk *desk, void *connection);
void serve_exchange_hold(serve_exchange *x);
void serve_exchange_release(serve_exchange *x);

/* The body is complete: reads it, and answers or has it answered. The connection is asleep. */
void serve_exchange_work(serve_exchange *x);
/* The connection takes up to `most` bytes of a stream. 0: there is nothing yet, and it was put to sleep; -1: that
 * was all; -2: it is to be closed. */
int64_t serve_exchange_take(serve_exchange *x, char *to, size_t most);
/* Ends the work and has the connection closed; `why` is counted where it is not NULL. */
void serve_exchange_drop(serve_exchange *x, _Atomic uint64_t *why);
/* The connection is closed. */
void serve_exchange_close(serve_exchange *x);

#endif
