/* A library to preload into a program: the FAULT_AT-th call of a kind fails, as the system might let it fail.
 *
 * FAULT_KIND names the kind: memory, open, write, sync, rename, folder, map, thread, socket. Without FAULT_AT
 * nothing fails. The number of calls of that kind is added to the file FAULT_COUNTS, one line a process, when it
 * ends. Programs that the program starts inherit all this and count for themselves.
 *
 * To be compiled without _FILE_OFFSET_BITS, under which the plain names would be those with 64 in them. For Linux
 * on 64-bit processors, where off_t has 64 bits either way. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE /* it defines some of these functions in headers */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

#define SHOWN __attribute__((visibility("default")))
/* The C library declares them with attributes that a compiler may hold against a second definition. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum kind { MEMORY, OPEN, WRITE, SYNC, RENAME, FOLDER, MAP, THREAD, SOCKET, KINDS };
static const char *const names[KINDS] = {"memory", "open", "write",  "sync",  "rename",
                                         "folder", "map",  "thread", "socket"};

static int kind = KINDS;
static long at;
static atomic_long calls;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULT_KIND"), *number = getenv("FAULT_AT");
    for (int k = 0; name && k < KINDS; k++) {
        if (!strcmp(name, names[k])) kind = k;
    }
    at = number ? atol(number) : 0;
    atomic_store(&calls, 0);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAULT_COUNTS");
    char line[32];
    const int n = snprintf(line, sizeof line, "%ld\n", atomic_load(&calls));
    const int was = kind;
    kind = KINDS;
    const int file = path && was < KINDS ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (file < 0) return;
    if (write(file, line, (size_t)n) != n) return;
    close(file);
}

/* Whether this call fails; sets errno then. */
static int fails(enum kind of, int error) {
    if ((int)of != kind) return 0;
    if (atomic_fetch_add(&calls, 1) + 1 != at) return 0;
    errno = error;
    return 1;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

SHOWN void *malloc(size_t bytes) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_malloc(bytes);
}
SHOWN void *calloc(size_t count, size_t bytes) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_calloc(count, bytes);
}
SHOWN void *realloc(void *memory, size_t bytes) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_realloc(memory, bytes);
}

SHOWN int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return fails(OPEN, EMFILE) ? -1 : NEXT(int (*)(const char *, int, ...), "open")(path, flags, mode);
}
SHOWN int openat(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return fails(OPEN, EMFILE) ? -1
                               : NEXT(int (*)(int, const char *, int, ...), "openat")(folder, path, flags, mode);
}
SHOWN int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return open(path, flags, mode);
}
SHOWN int openat64(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return openat(folder, path, flags, mode);
}
SHOWN int __open_2(const char *path, int flags) {
    return open(path, flags);
}
SHOWN int __open64_2(const char *path, int flags) {
    return open(path, flags);
}
SHOWN int __openat_2(int folder, const char *path, int flags) {
    return openat(folder, path, flags);
}
SHOWN int __openat64_2(int folder, const char *path, int flags) {
    return openat(folder, path, flags);
}
SHOWN int mkstemp64(char *path) {
    return fails(OPEN, EMFILE) ? -1 : NEXT(int (*)(char *), "mkstemp")(path);
}
SHOWN FILE *fopen64(const char *path, const char *mode) {
    return fails(OPEN, EMFILE) ? NULL : NEXT(FILE * (*)(const char *, const char *), "fopen")(path, mode);
}
SHOWN FILE *fopen(const char *path, const char *mode) {
    return fails(OPEN, EMFILE) ? NULL : NEXT(FILE * (*)(const char *, const char *), "fopen")(path, mode);
}

SHOWN ssize_t write(int file, const void *data, size_t bytes) {
    return fails(WRITE, ENOSPC) ? -1 : NEXT(ssize_t(*)(int, const void *, size_t), "write")(file, data, bytes);
}
SHOWN ssize_t pwrite(int file, const void *data, size_t bytes, off_t offset) {
    return fails(WRITE, ENOSPC)
               ? -1
               : NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(file, data, bytes, offset);
}
SHOWN ssize_t pwrite64(int file, const void *data, size_t bytes, off_t offset) {
    return pwrite(file, data, bytes, offset);
}
SHOWN size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    return fails(WRITE, ENOSPC)
               ? 0
               : NEXT(size_t(*)(const void *, size_t, size_t, FILE *), "fwrite")(data, size, count, file);
}
SHOWN int fflush(FILE *file) {
    return fails(WRITE, ENOSPC) ? EOF : NEXT(int (*)(FILE *), "fflush")(file);
}
SHOWN int fclose(FILE *file) {
    const int failed = fails(WRITE, ENOSPC), error = errno;
    const int status = NEXT(int (*)(FILE *), "fclose")(file);
    if (!failed) return status;
    errno = error;
    return EOF;
}
SHOWN int ftruncate(int file, off_t bytes) {
    return fails(WRITE, ENOSPC) ? -1 : NEXT(int (*)(int, off_t), "ftruncate")(file, bytes);
}

SHOWN int ftruncate64(int file, off_t bytes) {
    return ftruncate(file, bytes);
}

SHOWN int fsync(int file) {
    return fails(SYNC, EIO) ? -1 : NEXT(int (*)(int), "fsync")(file);
}
SHOWN int fdatasync(int file) {
    return fails(SYNC, EIO) ? -1 : NEXT(int (*)(int), "fdatasync")(file);
}

SHOWN int rename(const char *from, const char *to) {
    return fails(RENAME, EACCES) ? -1 : NEXT(int (*)(const char *, const char *), "rename")(from, to);
}
SHOWN int link(const char *from, const char *to) {
    return fails(RENAME, EACCES) ? -1 : NEXT(int (*)(const char *, const char *), "link")(from, to);
}

SHOWN int mkdir(const char *path, mode_t mode) {
    return fails(FOLDER, ENOSPC) ? -1 : NEXT(int (*)(const char *, mode_t), "mkdir")(path, mode);
}
SHOWN char *mkdtemp(char *path) {
    return fails(FOLDER, ENOSPC) ? NULL : NEXT(char *(*)(char *), "mkdtemp")(path);
}

SHOWN void *mmap(void *where, size_t bytes, int protection, int flags, int file, off_t offset) {
    return fails(MAP, ENOMEM) ? MAP_FAILED
                              : NEXT(void *(*)(void *, size_t, int, int, int, off_t),
                                     "mmap")(where, bytes, protection, flags, file, offset);
}

SHOWN void *mmap64(void *where, size_t bytes, int protection, int flags, int file, off_t offset) {
    return mmap(where, bytes, protection, flags, file, offset);
}

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx) {
    return fails(THREAD, EAGAIN) ? EAGAIN
                                 : NEXT(int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *),
                                        "pthread_create")(thread, attributes, run, ctx);
}

SHOWN int socket(int domain, int type, int protocol) {
    return fails(SOCKET, EMFILE) ? -1 : NEXT(int (*)(int, int, int), "socket")(domain, type, protocol);
}
SHOWN int bind(int s, const struct sockaddr *address, socklen_t bytes) {
    return fails(SOCKET, EADDRINUSE)
               ? -1
               : NEXT(int (*)(int, const struct sockaddr *, socklen_t), "bind")(s, address, bytes);
}
SHOWN int listen(int s, int backlog) {
    return fails(SOCKET, EADDRINUSE) ? -1 : NEXT(int (*)(int, int), "listen")(s, backlog);
}
SHOWN ssize_t send(int s, const void *data, size_t bytes, int flags) {
    return fails(SOCKET, EPIPE) ? -1
                                : NEXT(ssize_t(*)(int, const void *, size_t, int), "send")(s, data, bytes, flags);
}
SHOWN ssize_t recv(int s, void *data, size_t bytes, int flags) {
    return fails(SOCKET, ECONNRESET) ? -1
                                     : NEXT(ssize_t(*)(int, void *, size_t, int), "recv")(s, data, bytes, flags);
}
