/* The one pool of threads in the process. The calling thread takes part in the work, and could do all of it: it
 * waits for no thread that has taken nothing, so a thread that the system does not run delays nobody. The others
 * spin for a short while after their work and then sleep. Regions of different callers run one after the other; a
 * region that is begun inside a region runs on the thread that began it. */
#ifndef XL_BASE_POOL_H
#define XL_BASE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/affinity.h"

#define XL_POOL_MAX 256 /* threads of a region at most, the caller included */

typedef struct xl_pool xl_pool;
typedef struct xl_team xl_team; /* threads that are all there at once */

/* The process's pool, made by the first call and never destroyed; a forked child gets its own. NULL when out of
 * memory. Everything below accepts NULL as a pool: all work is done by the caller then. */
xl_pool *xl_pool_shared(void);

/* A pool of its own, for tests. NULL when out of memory. No region may be running when it is destroyed. */
xl_pool *xl_pool_create(void);
void xl_pool_destroy(xl_pool *pool);

/* Pins the pool's threads from the next region on; the caller is pinned while it takes part and set free after. */
void xl_pool_pin(xl_pool *pool, xl_pinning pinning);

/* Work: fn(ctx, task, thread). `thread` is in 0 … threads - 1, 0 the caller; no two that run have the same. */
typedef void (*xl_task_fn)(void *ctx, int64_t task, int thread);

/* Runs fn for every task in 0 … tasks - 1, each once, handed out in rising order to at most `threads` threads
 * (clipped to 1 … XL_POOL_MAX; fewer where the system gives no more). Returns when all are done, with the number of
 * threads that could take part; what they wrote is seen by the caller. */
int xl_pool_run(xl_pool *pool, int threads, int64_t tasks, xl_task_fn fn, void *ctx);

/* Several such phases one after the other by the same threads, which is cheaper than a run for each. The caller
 * alone goes from phase to phase, and does what is to be done between them. */
typedef struct xl_region {
    xl_pool *pool; /* NULL: the caller does all */
    int threads;
    bool eager;              /* phases are long, so threads that sleep are woken for each at once */
    void (*idle)(void *ctx); /* may be NULL: called by the caller, some milliseconds apart, while it waits long */
    void *idle_ctx;
} xl_region;

/* Every region is ended by the thread that began it. */
xl_region xl_region_begin(xl_pool *pool, int threads);
void xl_region_run(const xl_region *region, int64_t tasks, xl_task_fn fn, void *ctx);
void xl_region_end(xl_region *region);

/* For measurements. Runs fn(ctx, team, thread) once on each of `threads` threads at the same time (fewer where the
 * system gives no more: xl_team_size says). Returns their number when all have returned. */
typedef void (*xl_team_fn)(void *ctx, xl_team *team, int thread);
int xl_pool_parallel(xl_pool *pool, int threads, xl_team_fn fn, void *ctx);

int xl_team_size(const xl_team *team);
/* Waits until every thread of the team is here; what each wrote before is seen by all after. */
void xl_team_barrier(xl_team *team);

#endif
