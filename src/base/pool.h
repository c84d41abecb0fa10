/* The one pool of threads in the process. The calling thread takes part in the work. The others spin for a short
 * while after their work and then sleep. Regions of different callers run one after the other; a region that is
 * begun inside a region runs on the thread that began it. */
#ifndef XL_BASE_POOL_H
#define XL_BASE_POOL_H

#include <stdint.h>

#include "base/affinity.h"

#define XL_POOL_MAX 256 /* threads of a region at most, the caller included */

typedef struct xl_pool xl_pool;
typedef struct xl_team xl_team; /* the threads that run one region together */

/* The process's pool, made by the first call and never destroyed; a forked child gets its own. NULL when out of
 * memory. Everything below accepts NULL as a pool: all work is done by the caller then. */
xl_pool *xl_pool_shared(void);

/* A pool of its own, for tests. NULL when out of memory. No region may be running when it is destroyed. */
xl_pool *xl_pool_create(void);
void xl_pool_destroy(xl_pool *pool);

/* Pins the pool's threads from the next region on; the caller is pinned while it takes part and set free after. */
void xl_pool_pin(xl_pool *pool, xl_pinning pinning);

/* Runs fn(ctx, task, thread) for every task in 0 … tasks - 1, each once, handed out in rising order to at most
 * `threads` threads (clipped to 1 … XL_POOL_MAX; fewer where the system gives no more). `thread` is in
 * 0 … threads - 1, 0 the caller. Returns when all are done, with the number of threads that were used. */
typedef void (*xl_task_fn)(void *ctx, int64_t task, int thread);
int xl_pool_run(xl_pool *pool, int threads, int64_t tasks, xl_task_fn fn, void *ctx);

/* Runs fn(ctx, team, thread) once on each of `threads` threads at the same time (fewer where the system gives no
 * more: xl_team_size says). Returns their number when all have returned. */
typedef void (*xl_region_fn)(void *ctx, xl_team *team, int thread);
int xl_pool_parallel(xl_pool *pool, int threads, xl_region_fn fn, void *ctx);

int xl_team_size(const xl_team *team);
/* Waits until every thread of the team is here; what each wrote before is seen by all after. */
void xl_team_barrier(xl_team *team);
/* The same, calling idle(ctx) again and again, some milliseconds apart, while it waits long. */
void xl_team_barrier_idle(xl_team *team, void (*idle)(void *ctx), void *ctx);
/* The next number of this phase, 0, 1, 2, …, each given to one thread; a barrier begins again at 0. */
int64_t xl_team_claim(xl_team *team);

#endif
