/* A library to preload into a program: its wall clock is CLOCK_SKEW seconds ahead. For Linux. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))
/* The C library declares them with attributes that a compiler may hold against a second definition. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

SHOWN int clock_gettime(clockid_t id, struct timespec *t) {
    const char *skew = getenv("CLOCK_SKEW");
    const long failed = syscall(SYS_clock_gettime, id, t);
    if (!failed && id == CLOCK_REALTIME && skew) t->tv_sec += atol(skew);
    return (int)failed;
}
