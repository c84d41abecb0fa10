/* A library to preload into a program: its FAIL_AT-th allocation after the start fails. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

#define SHOWN __attribute__((visibility("default")))

SHOWN void *malloc(size_t bytes);
SHOWN void *calloc(size_t count, size_t bytes);
SHOWN void *realloc(void *memory, size_t bytes);

static long left; /* allocations until the one that fails; 0: none fails any more */

static int fails(void) {
    if (left == 0 || --left > 0) return 0;
    errno = ENOMEM;
    return 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("FAIL_AT");
    left = at ? atol(at) : 0;
}

void *malloc(size_t bytes) {
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes) {
    return fails() ? NULL : __libc_realloc(memory, bytes);
}
