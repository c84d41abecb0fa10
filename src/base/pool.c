#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/affinity.h"
#include "base/cpu.h"
#include "base/memory.h"

/* A pause is 15 to 60 ns: about 50 microseconds, several times what waking a sleeper takes. */
enum { SPINS = 2000 };

struct xl_team {
    int size;
    bool spin; /* every member can have a CPU of its own */
    _Alignas(XL_CACHE_LINE) _Atomic int64_t next;
    _Alignas(XL_CACHE_LINE) atomic_int arrived;
    _Alignas(XL_CACHE_LINE) atomic_uint phase;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t moved;
};

typedef struct worker {
    _Alignas(XL_CACHE_LINE) atomic_uint ticket; /* regions begun for this worker */
    atomic_bool asleep;
    pthread_mutex_t lock;
    pthread_cond_t called;
    xl_pool *pool;
    pthread_t thread;
    int index; /* its number in a team, from 1 */
} worker;

struct xl_pool {
    xl_team team;
    xl_region_fn fn;
    void *ctx;
    _Alignas(XL_CACHE_LINE) atomic_int running; /* workers still inside the region */
    atomic_bool stop;
    atomic_bool waiting; /* the caller sleeps until running is 0 */
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

/* Where there are more threads than CPUs, the thread that is waited for may need this very CPU, so the waiter
 * sleeps at once. Yielding instead would hand the CPU to any other process, and on a busy machine the thread would
 * not get it back for a long time. */
static bool spin_until_changed(atomic_uint *word, unsigned old, bool spin) {
    for (int i = 0; spin && i < SPINS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old) return true;
        pause_cpu();
    }
    return atomic_load_explicit(word, memory_order_acquire) != old;
}

int xl_team_size(const xl_team *team) {
    return team->size;
}

/* Sleeps until the phase changes, or for some milliseconds where `briefly` is true; the team's lock is held. */
static void sleep_in_phase(xl_team *team, bool briefly) {
    enum { NANOSECONDS = 5000000, SECOND = 1000000000 };
    if (!briefly) {
        pthread_cond_wait(&team->moved, &team->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += NANOSECONDS;
    until.tv_sec += until.tv_nsec / SECOND;
    until.tv_nsec %= SECOND;
    pthread_cond_timedwait(&team->moved, &team->lock, &until);
}

void xl_team_barrier(xl_team *team) {
    xl_team_barrier_idle(team, NULL, NULL);
}

void xl_team_barrier_idle(xl_team *team, void (*idle)(void *ctx), void *ctx) {
    if (team->size == 1) {
        atomic_store_explicit(&team->next, 0, memory_order_relaxed);
        return;
    }
    unsigned phase = atomic_load_explicit(&team->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == team->size - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->next, 0, memory_order_relaxed);
        atomic_store(&team->phase, phase + 1);
        if (atomic_load(&team->sleepers)) {
            pthread_mutex_lock(&team->lock);
            pthread_cond_broadcast(&team->moved);
            pthread_mutex_unlock(&team->lock);
        }
        return;
    }
    if (spin_until_changed(&team->phase, phase, team->spin)) return;
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->phase) == phase) {
        sleep_in_phase(team, idle != NULL);
        if (!idle) continue;
        pthread_mutex_unlock(&team->lock);
        idle(ctx);
        pthread_mutex_lock(&team->lock);
    }
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
}

int64_t xl_team_claim(xl_team *team) {
    return atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
}

static void wait_for_ticket(worker *w, unsigned seen, bool spin) {
    if (spin_until_changed(&w->ticket, seen, spin)) return;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->asleep, true);
    while (atomic_load(&w->ticket) == seen) pthread_cond_wait(&w->called, &w->lock);
    atomic_store(&w->asleep, false);
    pthread_mutex_unlock(&w->lock);
}

static void call_worker(worker *w) {
    atomic_fetch_add(&w->ticket, 1);
    if (!atomic_load(&w->asleep)) return;
    pthread_mutex_lock(&w->lock);
    pthread_cond_signal(&w->called);
    pthread_mutex_unlock(&w->lock);
}

static void *worker_main(void *argument) {
    worker *w = argument;
    xl_pool *pool = w->pool;
    inside_region = true;
    unsigned seen = 0;
    bool spin = false;
    for (;;) {
        wait_for_ticket(w, seen, spin);
        seen++;
        if (atomic_load(&pool->stop)) return NULL;
        spin = pool->team.spin;
        pool->fn(pool->ctx, &pool->team, w->index);
        if (atomic_fetch_sub(&pool->running, 1) == 1 && atomic_load(&pool->waiting)) {
            pthread_mutex_lock(&pool->done_lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->done_lock);
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
    int failed = pthread_create(&w->thread, NULL, worker_main, w);
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
    pthread_mutex_init(&pool->team.lock, NULL);
    pthread_cond_init(&pool->team.moved, NULL);
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
    pthread_cond_destroy(&pool->team.moved);
    pthread_mutex_destroy(&pool->team.lock);
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

static int run_alone(xl_region_fn fn, void *ctx) {
    xl_team alone = {.size = 1};
    fn(ctx, &alone, 0);
    return 1;
}

static void wait_for_workers(xl_pool *pool) {
    if (pool->team.spin) {
        for (int i = 0; i < SPINS; i++) {
            if (!atomic_load(&pool->running)) return;
            pause_cpu();
        }
    }
    pthread_mutex_lock(&pool->done_lock);
    atomic_store(&pool->waiting, true);
    while (atomic_load(&pool->running)) pthread_cond_wait(&pool->done, &pool->done_lock);
    atomic_store(&pool->waiting, false);
    pthread_mutex_unlock(&pool->done_lock);
}

int xl_pool_parallel(xl_pool *pool, int threads, xl_region_fn fn, void *ctx) {
    if (threads > XL_POOL_MAX) threads = XL_POOL_MAX;
    if (!pool || threads <= 1 || inside_region) return run_alone(fn, ctx);
    pthread_mutex_lock(&pool->turn);
    while (pool->workers < threads - 1 && add_worker(pool)) {
    }
    if (threads > pool->workers + 1) threads = pool->workers + 1;

    xl_team *team = &pool->team;
    team->size = threads;
    team->spin = threads <= pool->cpus;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    pool->fn = fn;
    pool->ctx = ctx;
    atomic_store(&pool->running, threads - 1);
    for (int i = 1; i < threads; i++) call_worker(pool->worker[i]);

    inside_region = true;
    if (pool->affinity && pool->pinning != XL_PIN_NONE) {
        xl_affinity_pin(pool->affinity, pthread_self(), (int)pool->pinning, 0);
        fn(ctx, team, 0);
        xl_affinity_pin(pool->affinity, pthread_self(), XL_PIN_NONE, 0);
    } else {
        fn(ctx, team, 0);
    }
    inside_region = false;
    wait_for_workers(pool);
    pthread_mutex_unlock(&pool->turn);
    return threads;
}

typedef struct task_list {
    xl_task_fn fn;
    void *ctx;
    int64_t tasks;
} task_list;

static void run_tasks(void *ctx, xl_team *team, int thread) {
    const task_list *list = ctx;
    for (int64_t i = xl_team_claim(team); i < list->tasks; i = xl_team_claim(team)) list->fn(list->ctx, i, thread);
}

int xl_pool_run(xl_pool *pool, int threads, int64_t tasks, xl_task_fn fn, void *ctx) {
    if (tasks <= 0) return 1;
    task_list list = {fn, ctx, tasks};
    return xl_pool_parallel(pool, tasks < threads ? (int)tasks : threads, run_tasks, &list);
}
