/* A job: one prompt that is continued in one or more ways, and what is said of it while it runs. */
#ifndef SERVE_JOB_H
#define SERVE_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <xlstm/xlstm.h>

#include "server/stops.h"

enum { SERVE_TOP_MAX = 20, SERVE_CHOICES_MAX = 64 };

/* How a job is to be continued. Plain data but for the stop strings. */
typedef struct serve_params {
    xlstm_sampling sampling; /* choice k draws with seed + k */
    int64_t max_tokens;      /* of each choice; 0: the prompt is only read */
    int n;                   /* choices, 1 … SERVE_CHOICES_MAX */
    int top_logprobs;        /* 0 … SERVE_TOP_MAX beside the token that was drawn; -1: no logprobs at all */
    bool ignore_eos;
    bool keep_eos; /* the token that ends an answer belongs to the conversation's state */
    serve_stops stops;
} serve_params;

typedef struct serve_token {
    int32_t id;
    float logprob;                    /* of the model's own distribution, temperature 1 */
    int tops;                         /* the likeliest tokens, best first */
    int32_t top_id[SERVE_TOP_MAX];    /* [tops] */
    float top_logprob[SERVE_TOP_MAX]; /* [tops] */
} serve_token;

typedef enum serve_finish {
    SERVE_RUNNING,
    SERVE_STOP,   /* end of text, or a stop string */
    SERVE_LENGTH, /* max_tokens */
    SERVE_FAILED  /* of the whole job */
} serve_finish;

/* What a step of the engine added to a choice. Pointers live as long as the call that gives it. */
typedef struct serve_piece {
    int choice;       /* 0 … n - 1 */
    const char *text; /* whole characters; may be empty */
    size_t bytes;
    const serve_token *tokens; /* whose text begins in what was given so far; with logprobs only */
    size_t token_count;
    serve_finish finish;
    const char *stop; /* the stop string that was found, of stop_bytes; NULL: none */
    size_t stop_bytes;
    bool ended_text;        /* by a token that ends a text */
    uint64_t made;          /* tokens of this choice so far, that token not counted */
    const xlstm_error *err; /* of FAILED */
    bool last;              /* the job is over */
} serve_piece;

typedef struct serve_job serve_job;

/* Called from the engine's thread; must return soon, and must not call the scheduler. */
typedef void (*serve_deliver_fn)(void *user, const serve_job *job, const serve_piece *piece);

typedef struct serve_choice serve_choice;

struct serve_job {
    /* What the caller fills. The job owns all of it. */
    serve_params params;
    int32_t *ids;
    int32_t bos;   /* where the ids begin with it, it is left out behind a conversation; -1: none */
    size_t count;  /* > 0 unless a conversation with a pending token is continued */
    size_t *marks; /* positions in the prompt at which others will begin like it, rising; NULL: none known */
    size_t mark_count;
    bool no_cache;   /* neither looks for known beginnings nor leaves any */
    char *load_path; /* a conversation's file to continue; NULL, or one that is not there: from the beginning */
    char *save_path; /* where the conversation's state goes at the end; NULL: nowhere. n is 1 then */
    bool must_load;  /* ENOTFOUND where load_path is not there */
    double deadline; /* on the clock of xl_now_s; 0: none */
    serve_deliver_fn deliver;
    void *user;

    atomic_int refs;
    atomic_bool cancelled;

    /* The scheduler's. */
    serve_job *next; /* in the queue */
    serve_choice *choices;
    int opened, finished;   /* choices */
    xlstm_session *session; /* while the prompt is read */
    size_t fed, cached;     /* tokens of the prompt that were fed, or whose state came from the cache */
    size_t reading;         /* of the step at hand */
    float *known;           /* logits behind the prompt, from the cache; malloc'd */
    int state;
    bool continued; /* behind a conversation's state: the ids are not all of the text */
    double submitted;
};

/* With one reference, params at their defaults; NULL when out of memory. */
serve_job *serve_job_create(void);
void serve_job_hold(serve_job *job);
void serve_job_release(serve_job *job);
/* The job ends after the step at hand, with ECANCELLED. From any thread. */
void serve_job_cancel(serve_job *job);

void serve_params_init(serve_params *params);

#endif
