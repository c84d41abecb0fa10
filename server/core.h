/* The scheduler's inside, shared by the files that run jobs. */
#ifndef SERVE_CORE_H
#define SERVE_CORE_H

#include <pthread.h>

#include "server/choice.h"
#include "server/disk.h"
#include "server/prefixes.h"
#include "server/scheduler_options.h"
#include "server/slices.h"

/* Of a job that was taken from the queue. */
enum {
    SERVE_LOADING,  /* its conversation is read from its file */
    SERVE_FETCHING, /* a beginning of its prompt is read from the cache's folder */
    SERVE_READING,  /* its prompt is fed */
    SERVE_DECODING, /* its choices are continued */
    SERVE_SAVING,   /* its conversation is written */
    SERVE_OVER
};

/* Prompts of the last time, to see how prompts begin alike. */
enum { SERVE_RECENT = 32, SERVE_RECENT_TOKENS = 65536 };

typedef struct serve_recent {
    int32_t *ids;
    size_t count;
} serve_recent;

typedef struct serve_draw {
    serve_choice *choice;
    const float *logits;
} serve_draw;

struct serve_scheduler {
    serve_scheduler_options o;
    int64_t vocab;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock. */
    serve_job *first, **end; /* the queue */
    int64_t queued;
    int64_t running;   /* jobs that were taken from it */
    int64_t held;      /* sequences of all these */
    serve_job **talks; /* [talk_count] waiting and running jobs with a conversation */
    size_t talk_count, talk_room;
    double job_s; /* how long a job takes */
    bool closed, ending, started;
    /* The engine's thread alone. */
    xlstm_batch *batch;
    serve_disk *disk;
    serve_prefixes *prefixes; /* NULL: no cache */
    serve_slices slices;
    serve_job **jobs; /* [job_count], of max_sequences */
    size_t job_count;
    int64_t sequences; /* of these jobs */
    bool ends;         /* `ending`, as it was at the beginning of the step */
    xlstm_session **idle;
    size_t idle_count, idle_room;
    xlstm_batch_item *items; /* of a step */
    serve_job **readers;     /* [reader_count] that are fed in it */
    serve_choice **decoders; /* [decoder_count] that are decoded in it */
    size_t reader_count, decoder_count;
    serve_draw *draws;
    size_t draw_count, draw_room;
    float *logits;
    uint64_t turn, reader_turn;
    serve_recent recent[SERVE_RECENT];
    size_t recent_at;
};

/* Slices of so many prompts at most are in one step. */
enum { SERVE_READERS_MAX = 8 };

#endif
