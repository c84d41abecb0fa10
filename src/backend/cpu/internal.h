/* Shared between the files of the CPU backend. */
#ifndef XL_BACKEND_CPU_INTERNAL_H
#define XL_BACKEND_CPU_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/backend.h"
#include "base/pool.h"
#include "kernels/kernels.h"

struct xl_device {
    xl_kernels kernels;
};

struct xl_plan {
    xl_device *device;
    xl_program program; /* ops are the plan's own copy */
    size_t last_cell;   /* operations behind it are needed only for the tokens whose logits are wanted */
    size_t widest_input;
    size_t block_floats; /* state of one block: c [NH, dqk, dv], n [NH, dqk], m [NH] */
};

/* The driver of `ray`: bands that have no chunk in flight, first come first served. */
typedef struct driver {
    pthread_mutex_t lock;
    int64_t bands;
    uint64_t take, put; /* of the ring ready[bands] */
    int64_t *ready;
    int64_t *at; /* [bands] the band's next token; its actor's alone while a chunk is in flight */
} driver;

struct xl_context {
    const xl_plan *plan;
    xlstm_settings settings;
    xlstm_schedule done; /* what the last calls did */
    float *state;        /* [blocks][block_floats] */
    float *slots;        /* one allocation behind slot[] and normed */
    size_t tokens;       /* that the slots have room for */
    float *slot[XL_SLOT_COUNT];
    float *normed; /* [tokens, widest_input] */
    float *scratch;
    size_t scratch_floats; /* of one thread, whole cache lines */
    int scratch_threads;
    driver driver;
};

/* One segment on its way through the program. */
typedef struct segment {
    xl_context *context;
    const xl_feed *feed;
    int64_t first, count; /* tokens of the feed */
    int64_t wanted;       /* tokens of the segment before this one need no logits */
    int64_t chunk_size, heads_per_band;
    int scheduler;
    atomic_bool stop; /* cancelled: what is left is passed over, barriers are kept */
    _Atomic uint64_t chunks;
    atomic_int in_flight, most_in_flight;
} segment;

int xl_cpu_feed(xl_context *context, const xl_feed *feed, xlstm_error *err);

/* True where work should not begin any more; polls the caller's cancel function on its own thread (0). */
bool xl_cpu_stopped(segment *s, int thread);

/* A thread's part of an operation; every thread of the team calls each in the same order. Those that need a
 * barrier inside have it; none ends with one. */
void xl_cpu_cell(segment *s, const xl_op *op, xl_team *team, int thread);
void xl_cpu_product(segment *s, const xl_op *op, xl_team *team, int thread, int64_t from);

/* Floats of one thread's scratch for products of segments of n tokens. */
size_t xl_cpu_product_scratch(const xl_plan *plan, int64_t tokens);

static inline float *xl_cpu_scratch(const xl_context *context, int thread) {
    return context->scratch + (size_t)thread * context->scratch_floats;
}

#endif
