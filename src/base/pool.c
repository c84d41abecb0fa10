#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/affinity.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/thread.h"

enum {
    SPIN_NS = 50000,       /* of a wait before the thread sleeps: several times what waking it takes */
    PAUSES = 32,           /* between two looks at the clock */
    WAKE_AFTER_NS = 100000 /* of a phase, when those that sleep are called to it */
};

/* Tasks that nobody has taken, and above them the number of threads that may take one. */
#define LEFT_BITS 48
#define LEFT_MASK ((UINT64_C(1) << LEFT_BITS) - 1)

typedef struct worker {
    pthread_mutex_t lock;
    pthread_cond_t called;
    bool is_called;
    xl_pool *pool;
    pthread_t thread;
    int index; /* its number in a region, from 1 */
} worker;

struct xl_pool {
    /* Of the phase at hand: written while no task is to be had, read only by those who have taken one. */
    xl_task_fn fn;
    void *ctx;
    uint64_t tasks;
    _Alignas(XL_CACHE_LINE) _Atomic uint64_t open;                     /* LEFT_BITS */
    _Alignas(XL_CACHE_LINE) _Atomic uint64_t unfinished;               /* tasks that are not done */
    _Alignas(XL_CACHE_LINE) _Atomic uint64_t asleep[XL_POOL_MAX / 64]; /* a bit for each worker, from 0 */
    atomic_bool stop;
    atomic_bool spin;    /* every thread of the region can have a CPU of its own */
    atomic_bool waiting; /* the caller sleeps until nothing is unfinished */
    pthread_mutex_t done_lock;
    pthread_cond_t done;

    pthread_mutex_t turn; /* held by the caller for the whole region */
    int cpus;
    int workers;
    worker *worker[XL_POOL_MAX]; /* from 1 */
    xl_pinning pinning;
    xl_affinity *affinity; /* NULL until something is pinned */
};

static _Thread_local bool inside_region;

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Whether ready(argument, index) came true within the time of a spin; looks once where there is none. Where there
 * are more threads than CPUs, the thread that is waited for may need this very CPU, so the waiter sleeps at once.
 * Yielding instead would hand the CPU to any other process, and on a busy machine the thread would not get it back
 * for a long time. */
static bool spin_until(bool (*ready)(const void *argument, int index), const void *argument, int index, bool spin) {
    if (ready(argument, index)) return true;
    if (!spin) return false;
    const int64_t until = nanoseconds() + SPIN_NS;
    do {
        for (int i = 0; i < PAUSES; i++) {
            pause_cpu();
            if (ready(argument, index)) return true;
        }
    } while (nanoseconds() < until);
    return false;
}

/* ---- tasks ---- */

static bool may_take(uint64_t open, int index) {
    return (open & LEFT_MASK) && (uint64_t)index < open >> LEFT_BITS;
}

/* The next task, or -1 where there is none for this thread. Who has one keeps the phase open until it is done. */
static int64_t take_task(xl_pool *pool, int index) {
    uint64_t open = atomic_load(&pool->open);
    while (may_take(open, index)) {
        if (atomic_compare_exchange_weak(&pool->open, &open, open - 1))
            return (int64_t)(pool->tasks - (open & LEFT_MASK));
    }
    return -1;
}

static bool has_task(const void *argument, int index) {
    const xl_pool *pool = argument;
    return atomic_load(&pool->stop) || may_take(atomic_load(&pool->open), index);
}

static bool is_finished(const void *argument, int index) {
    const xl_pool *pool = argument;
    (void)index;
    return !atomic_load_explicit(&pool->unfinished, memory_order_acquire);
}

/* ---- workers ---- */

static void sleep_until_called(worker *w) {
    _Atomic uint64_t *asleep = &w->pool->asleep[w->index / 64];
    const uint64_t bit = UINT64_C(1) << w->index % 64;
    pthread_mutex_lock(&w->lock);
    atomic_fetch_or(asleep, bit);
    while (!w->is_called && !has_task(w->pool, w->index)) pthread_cond_wait(&w->called, &w->lock);
    atomic_fetch_and(asleep, ~bit);
    w->is_called = false;
    pthread_mutex_unlock(&w->lock);
}

static void call_worker(worker *w) {
    pthread_mutex_lock(&w->lock);
    w->is_called = true;
    pthread_cond_signal(&w->called);
    pthread_mutex_unlock(&w->lock);
}

/* Opens a phase. Here and where the caller is about to sleep, each of two threads writes and then reads what the
 * other writes, so that one of them sees the other. C promises that of atomic stores and loads too, but QEMU 7.2
 * executes those of arm without a barrier between them, and a program that only ran phases hung under it about once
 * in six million. A read-modify-write orders them there as well; on x86 it is the instruction that the store would
 * be. */
static void announce_open(xl_pool *pool, uint64_t open) {
    atomic_exchange(&pool->open, open);
}

/* Calls those that sleep among the workers 1 … last. */
static void call_workers(xl_pool *pool, int last) {
    for (int base = 0; base <= last; base += 64) {
        uint64_t asleep = atomic_load(&pool->asleep[base / 64]);
        for (int i = 0; asleep && i < 64 && base + i <= last; i++, asleep >>= 1)
            if (asleep & 1) call_worker(pool->worker[base + i]);
    }
}

static void *worker_main(void *argument) {
    worker *w = argument;
    xl_pool *pool = w->pool;
    inside_region = true;
    for (;;) {
        if (!spin_until(has_task, pool, w->index, atomic_load(&pool->spin))) sleep_until_called(w);
        if (atomic_load(&pool->stop)) return NULL;
        for (int64_t task = take_task(pool, w->index); task >= 0; task = take_task(pool, w->index)) {
            pool->fn(pool->ctx, task, w->index);
            /* From here on the caller may be in the next phase. */
            if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->waiting)) {
                pthread_mutex_lock(&pool->done_lock);
                pthread_cond_signal(&pool->done);
                pthread_mutex_unlock(&pool->done_lock);
            }
        }
    }
}

/* Returns false where the system gives no more threads. */
static bool add_worker(xl_pool *pool) {
    worker *w = xl_aligned_calloc(1, sizeof *w);
    if (!w) return false;
    w->pool = pool;
    w->index = pool->workers + 1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->called, NULL);
    /* Signals are left to the program's own threads, except for those that an access of this thread raises: if they
     * were blocked, the system would end the process without calling the program's handler. */
    static const int own[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = xl_thread_start(&w->thread, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        pthread_cond_destroy(&w->called);
        pthread_mutex_destroy(&w->lock);
        xl_aligned_free(w);
        return false;
    }
    pool->worker[++pool->workers] = w;
    if (pool->affinity) xl_affinity_pin(pool->affinity, w->thread, (int)pool->pinning, w->index);
    return true;
}

xl_pool *xl_pool_create(void) {
    xl_pool *pool = xl_aligned_calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->cpus = xl_cpu_count();
    pthread_mutex_init(&pool->turn, NULL);
    pthread_mutex_init(&pool->done_lock, NULL);
    pthread_cond_init(&pool->done, NULL);
    return pool;
}

void xl_pool_destroy(xl_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->stop, true);
    for (int i = 1; i <= pool->workers; i++) call_worker(pool->worker[i]);
    for (int i = 1; i <= pool->workers; i++) {
        worker *w = pool->worker[i];
        pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->called);
        pthread_mutex_destroy(&w->lock);
        xl_aligned_free(w);
    }
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->done_lock);
    pthread_mutex_destroy(&pool->turn);
    xl_affinity_destroy(pool->affinity);
    xl_aligned_free(pool);
}

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static xl_pool *shared_pool;

static void before_fork(void) {
    pthread_mutex_lock(&shared_lock);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&shared_lock);
}

/* The child has none of the threads: its pool begins anew, and the parent's record stays behind unused. */
static void after_fork_in_child(void) {
    shared_pool = NULL;
    inside_region = false;
    pthread_mutex_unlock(&shared_lock);
}

xl_pool *xl_pool_shared(void) {
    static bool watched;
    pthread_mutex_lock(&shared_lock);
    if (!watched) {
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        watched = true;
    }
    if (!shared_pool) shared_pool = xl_pool_create();
    xl_pool *pool = shared_pool;
    pthread_mutex_unlock(&shared_lock);
    return pool;
}

void xl_pool_pin(xl_pool *pool, xl_pinning pinning) {
    if (!pool || inside_region) return;
    pthread_mutex_lock(&pool->turn);
    if (pinning != pool->pinning) {
        if (!pool->affinity) pool->affinity = xl_affinity_create();
        pool->pinning = pinning;
        for (int i = 1; pool->affinity && i <= pool->workers; i++)
            xl_affinity_pin(pool->affinity, pool->worker[i]->thread, (int)pinning, i);
    }
    pthread_mutex_unlock(&pool->turn);
}

/* ---- regions ---- */

xl_region xl_region_begin(xl_pool *pool, int threads) {
    if (threads > XL_POOL_MAX) threads = XL_POOL_MAX;
    if (!pool || threads <= 1 || inside_region) return (xl_region){.threads = 1};
    pthread_mutex_lock(&pool->turn);
    while (pool->workers < threads - 1 && add_worker(pool)) {
    }
    if (threads > pool->workers + 1) threads = pool->workers + 1;
    atomic_store(&pool->spin, threads <= pool->cpus);
    call_workers(pool, threads - 1);
    inside_region = true;
    if (pool->affinity && pool->pinning != XL_PIN_NONE)
        xl_affinity_pin(pool->affinity, pthread_self(), (int)pool->pinning, 0);
    return (xl_region){.pool = pool, .threads = threads};
}

void xl_region_end(xl_region *region) {
    xl_pool *pool = region->pool;
    if (!pool) return;
    if (pool->affinity && pool->pinning != XL_PIN_NONE)
        xl_affinity_pin(pool->affinity, pthread_self(), XL_PIN_NONE, 0);
    inside_region = false;
    region->pool = NULL;
    pthread_mutex_unlock(&pool->turn);
}

/* Sleeps until the phase is finished, or for some milliseconds where `briefly` is true; done_lock is held. */
static void sleep_in_phase(xl_pool *pool, bool briefly) {
    enum { NANOSECONDS = 5000000, SECOND = 1000000000 };
    if (!briefly) {
        pthread_cond_wait(&pool->done, &pool->done_lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += NANOSECONDS;
    until.tv_sec += until.tv_nsec / SECOND;
    until.tv_nsec %= SECOND;
    pthread_cond_timedwait(&pool->done, &pool->done_lock, &until);
}

/* Waits for tasks that others hold. */
static void wait_for_others(const xl_region *region) {
    xl_pool *pool = region->pool;
    if (spin_until(is_finished, pool, 0, atomic_load(&pool->spin))) return;
    pthread_mutex_lock(&pool->done_lock);
    atomic_exchange(&pool->waiting, true); /* not a store: see announce_open */
    while (atomic_load(&pool->unfinished)) {
        sleep_in_phase(pool, region->idle != NULL);
        if (!region->idle) continue;
        pthread_mutex_unlock(&pool->done_lock);
        region->idle(region->idle_ctx);
        pthread_mutex_lock(&pool->done_lock);
    }
    atomic_store(&pool->waiting, false);
    pthread_mutex_unlock(&pool->done_lock);
}

void xl_region_run(const xl_region *region, int64_t tasks, xl_task_fn fn, void *ctx) {
    xl_pool *pool = region->pool;
    if (!pool || tasks <= 1) {
        for (int64_t i = 0; i < tasks; i++) fn(ctx, i, 0);
        return;
    }
    assert((uint64_t)tasks <= LEFT_MASK);
    pool->fn = fn;
    pool->ctx = ctx;
    pool->tasks = (uint64_t)tasks;
    atomic_store(&pool->unfinished, (uint64_t)tasks);
    announce_open(pool, (uint64_t)region->threads << LEFT_BITS | (uint64_t)tasks);
    const int others = tasks < region->threads ? (int)tasks - 1 : region->threads - 1;
    bool called = region->eager;
    if (called) call_workers(pool, others);
    const int64_t start = nanoseconds();
    for (int64_t task = take_task(pool, 0); task >= 0; task = take_task(pool, 0)) {
        fn(ctx, task, 0);
        atomic_fetch_sub(&pool->unfinished, 1);
        if (called || nanoseconds() - start < WAKE_AFTER_NS) continue;
        call_workers(pool, others);
        called = true;
    }
    wait_for_others(region);
}

int xl_pool_run(xl_pool *pool, int threads, int64_t tasks, xl_task_fn fn, void *ctx) {
    if (tasks <= 0) return 1;
    xl_region region = xl_region_begin(pool, tasks < threads ? (int)tasks : threads);
    region.eager = true;
    xl_region_run(&region, tasks, fn, ctx);
    const int used = region.threads;
    xl_region_end(&region);
    return used;
}

/* ---- teams ---- */

struct xl_team {
    int size;
    bool spin;
    xl_team_fn fn;
    void *ctx;
    atomic_int arrived;
    _Alignas(XL_CACHE_LINE) atomic_uint phase;
    pthread_mutex_t lock;
    pthread_cond_t moved;
};

int xl_team_size(const xl_team *team) {
    return team->size;
}

static bool has_moved(const void *argument, int phase) {
    const xl_team *team = argument;
    return atomic_load_explicit(&team->phase, memory_order_acquire) != (unsigned)phase;
}

void xl_team_barrier(xl_team *team) {
    const unsigned phase = atomic_load_explicit(&team->phase, memory_order_relaxed);
    if (atomic_fetch_add(&team->arrived, 1) == team->size - 1) {
        atomic_store(&team->arrived, 0);
        pthread_mutex_lock(&team->lock);
        atomic_store(&team->phase, phase + 1);
        pthread_cond_broadcast(&team->moved);
        pthread_mutex_unlock(&team->lock);
        return;
    }
    if (spin_until(has_moved, team, (int)phase, team->spin)) return;
    pthread_mutex_lock(&team->lock);
    while (!has_moved(team, (int)phase)) pthread_cond_wait(&team->moved, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

/* As many tasks as threads: nobody gets past the first barrier before each has one. */
static void join_team(void *ctx, int64_t task, int thread) {
    xl_team *team = ctx;
    (void)thread;
    xl_team_barrier(team);
    team->fn(team->ctx, team, (int)task);
}

int xl_pool_parallel(xl_pool *pool, int threads, xl_team_fn fn, void *ctx) {
    xl_region region = xl_region_begin(pool, threads);
    xl_team team = {.size = region.threads, .fn = fn, .ctx = ctx};
    team.spin = region.pool && atomic_load(&region.pool->spin);
    pthread_mutex_init(&team.lock, NULL);
    pthread_cond_init(&team.moved, NULL);
    region.eager = true;
    xl_region_run(&region, region.threads, join_team, &team);
    pthread_cond_destroy(&team.moved);
    pthread_mutex_destroy(&team.lock);
    xl_region_end(&region);
    return team.size;
}
