/* Starts threads with a stack that does not depend on the user's limits. */
#ifndef XL_BASE_THREAD_H
#define XL_BASE_THREAD_H

#include <pthread.h>

/* A thread gets at least a stack of this size, in bytes. What the system gives may be less: with glibc it is the
 * limit of the main thread's stack, with other C libraries 128 or 512 KB. */
#define XL_THREAD_STACK ((size_t)1 << 20)

/* Like pthread_create, with such a stack; returns 0 or an error number. */
int xl_thread_start(pthread_t *thread, void *(*run)(void *user), void *user);

#endif
