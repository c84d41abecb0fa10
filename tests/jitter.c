/* What threads and processes meet at, with sleeps at random: faults that the usual timing hides show then. A build
 * with -Djitter=true sends these calls of our own code here, by the linker's --wrap (meson.build reads the names
 * from the lines that begin with WRAP). Nothing else changes, and without JITTER in the environment nothing sleeps.
 *   JITTER=SEED[,ONE_IN[,MOST_US]]     one call in ONE_IN (8) sleeps for 50 to MOST_US (5000) microseconds */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { LEAST_US = 50 };

static unsigned long seed, one_in = 8, most_us = 5000;
static bool wanted;
static atomic_ulong threads;
static _Thread_local uint64_t state; /* 0: this thread has drawn nothing yet */

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("JITTER");
    char *end;
    if (!text || !*text) return;
    seed = strtoul(text, &end, 10);
    if (*end == ',') one_in = strtoul(end + 1, &end, 10);
    if (*end == ',') most_us = strtoul(end + 1, &end, 10);
    wanted = one_in > 0 && most_us >= LEAST_US;
}

/* Xorshift; every thread draws numbers of its own. */
static uint64_t next(void) {
    if (!state)
        state =
            (seed + 1) * 0x9e3779b97f4a7c15U ^ (uint64_t)getpid() << 20 ^ (atomic_fetch_add(&threads, 1) + 1) << 44;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dU >> 32;
}

static void perhaps_sleep(void) {
    if (!wanted || next() % one_in) return;
    const int kept = errno;
    const long us = LEAST_US + (long)(next() % (most_us - LEAST_US + 1));
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
    errno = kept;
}

/* A call that sleeps before or behind itself: BEFORE and AFTER are perhaps_sleep() or nothing. */
#define WRAP(type, name, parameters, arguments, BEFORE, AFTER)                                                     \
    type __real_##name parameters;                                                                                 \
    type __wrap_##name parameters;                                                                                 \
    type __wrap_##name parameters {                                                                                \
        BEFORE;                                                                                                    \
        type result = __real_##name arguments;                                                                     \
        AFTER;                                                                                                     \
        return result;                                                                                             \
    }
#define SLEEP perhaps_sleep()
#define NOTHING (void)0

WRAP(int, pthread_mutex_lock, (pthread_mutex_t * m), (m), SLEEP, NOTHING)
WRAP(int, pthread_mutex_trylock, (pthread_mutex_t * m), (m), SLEEP, NOTHING)
WRAP(int, pthread_mutex_unlock, (pthread_mutex_t * m), (m), NOTHING, SLEEP)
WRAP(int, pthread_cond_signal, (pthread_cond_t * c), (c), NOTHING, SLEEP)
WRAP(int, pthread_cond_broadcast, (pthread_cond_t * c), (c), NOTHING, SLEEP)
WRAP(int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t *m), (c, m), NOTHING, SLEEP)
WRAP(int, pthread_cond_timedwait, (pthread_cond_t * c, pthread_mutex_t *m, const struct timespec *until),
     (c, m, until), NOTHING, SLEEP)
typedef void *thread_main(void *);
WRAP(int, pthread_create, (pthread_t * t, const pthread_attr_t *a, thread_main *f, void *u), (t, a, f, u), NOTHING,
     SLEEP)
WRAP(int, pthread_join, (pthread_t t, void **value), (t, value), SLEEP, SLEEP)
WRAP(int, sched_yield, (void), (), NOTHING, SLEEP)
WRAP(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), SLEEP, SLEEP)
WRAP(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), SLEEP, SLEEP)
WRAP(int, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms), NOTHING, SLEEP)
WRAP(int, close, (int fd), (fd), SLEEP, SLEEP)
WRAP(int, rename, (const char *from, const char *to), (from, to), SLEEP, SLEEP)
WRAP(int, unlink, (const char *path), (path), SLEEP, SLEEP)
WRAP(pid_t, fork, (void), (), NOTHING, SLEEP)
WRAP(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), SLEEP, SLEEP)
WRAP(int, kill, (pid_t pid, int number), (pid, number), SLEEP, SLEEP)
