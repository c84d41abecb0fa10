/* An allocator in whose place each allocation of a call can fail in turn, and that counts what is not given back.
 * For tests that are programs of their own, since it stands before the C library's. Where it cannot (beside a
 * sanitizer, or another C library) TEST_MEMORY_FAILS is 0. */
#ifndef TESTS_FAILING_MEMORY_H
#define TESTS_FAILING_MEMORY_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include <jansson.h>
#include <xlstm/status.h>

#include "helper.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TEST_MEMORY_FAILS 0
#endif
#endif
#if !defined(TEST_MEMORY_FAILS) && defined(__GLIBC__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) &&   \
    !defined(__SANITIZE_THREAD__)
#define TEST_MEMORY_FAILS 1
#elif !defined(TEST_MEMORY_FAILS)
#define TEST_MEMORY_FAILS 0
#endif

static atomic_long memory_left; /* allocations until the one that fails; 0: none is to fail */
static atomic_long memory_live; /* blocks that are in use */

#if TEST_MEMORY_FAILS
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static bool memory_fails(void) {
    if (!atomic_load_explicit(&memory_left, memory_order_relaxed) || atomic_fetch_sub(&memory_left, 1) != 1)
        return false;
    errno = ENOMEM;
    return true;
}

static void *memory_counted(void *memory) {
    if (memory) atomic_fetch_add_explicit(&memory_live, 1, memory_order_relaxed);
    return memory;
}

/* Shown to the libraries that the program is linked with. */
#define TEST_SHOWN __attribute__((visibility("default")))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
TEST_SHOWN void *malloc(size_t bytes) {
    return memory_fails() ? NULL : memory_counted(__libc_malloc(bytes));
}

TEST_SHOWN void *calloc(size_t count, size_t bytes) {
    return memory_fails() ? NULL : memory_counted(__libc_calloc(count, bytes));
}

TEST_SHOWN void *realloc(void *memory, size_t bytes) {
    if (memory_fails()) return NULL;
    if (memory && bytes) return __libc_realloc(memory, bytes);
    if (!memory) return memory_counted(__libc_malloc(bytes));
    free(memory);
    return NULL;
}

TEST_SHOWN void *aligned_alloc(size_t alignment, size_t bytes) {
    return memory_fails() ? NULL : memory_counted(__libc_memalign(alignment, bytes));
}

TEST_SHOWN void *memalign(size_t alignment, size_t bytes) {
    return aligned_alloc(alignment, bytes);
}

TEST_SHOWN int posix_memalign(void **out, size_t alignment, size_t bytes) {
    void *memory = aligned_alloc(alignment, bytes);
    if (!memory) return ENOMEM;
    *out = memory;
    return 0;
}

TEST_SHOWN void free(void *memory) {
    if (memory) atomic_fetch_sub_explicit(&memory_live, 1, memory_order_relaxed);
    __libc_free(memory);
}
#pragma GCC diagnostic pop
#endif

#if TEST_MEMORY_FAILS
static inline void *memory_that_suffices(size_t bytes) {
    return memory_counted(__libc_malloc(bytes));
}
#endif

/* Leaves the memory of Jansson's values out: the program ends where there is none for them (cli/json_memory.h). */
static inline void memory_spare_json(void) {
#if TEST_MEMORY_FAILS
    json_set_alloc_funcs(memory_that_suffices, free);
#endif
}

/* Lets the at-th allocation from now on fail, and none after it; 0: none. */
static inline void memory_fail_at(long at) {
    atomic_store(&memory_left, at);
}

/* What a call does that is made again and again, each time with another allocation that fails. */
typedef int (*memory_call)(void *user, xlstm_error *err);

/* How a call came through its failures. */
typedef struct memory_tally {
    int told;     /* failures after which it said so */
    int survived; /* and those that it could do without */
} memory_tally;

/* Descriptors that are open. */
static inline int memory_descriptors(void) {
    int open = 0;
    for (int fd = 0; fd < 256; fd++) open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

/* Calls `make` until no allocation of it fails any more, with each of the first 100 in turn and a sample of the
 * others. A failure that is told has a text, and leaves no block and no open file behind if `exact`; the last call,
 * and so one without a failure, must succeed. `look` is called after each and says whether to go on, may be NULL.
 */
static inline memory_tally memory_each_fails(const char *name, memory_call make, void *user, bool exact,
                                             bool (*look)(void *user, int status)) {
    memory_tally tally = {0};
    for (long at = 1;; at += 1 + at / 100) {
        xlstm_error err = {0};
        const long before = atomic_load(&memory_live);
        const int files = memory_descriptors();
        memory_fail_at(at);
        const int status = make(user, &err);
        const bool over = atomic_load(&memory_left) > 0;
        memory_fail_at(0);
        const long behind = atomic_load(&memory_live) - before;
        if (over && status) fail_msg("%s: %s", name, err.text);
        if (status && !err.text[0]) fail_msg("%s: allocation %ld fails without a text", name, at);
        if (exact && memory_descriptors() > files) fail_msg("%s: allocation %ld leaves a file open", name, at);
        if (exact && status && behind > 0)
            fail_msg("%s: allocation %ld fails and leaves %ld blocks", name, at, behind);
        if (!over && status) tally.told++;
        else if (!over) tally.survived++;
        if ((look && !look(user, status)) || over) return tally;
    }
}

#endif
