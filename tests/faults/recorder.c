/* A library to preload into a program: it records what the program does to the files under the folder RECORD_ROOT
 * (a real path), in order and with the data, into the file RECORD_LOG, which power_cut.py reads. Programs that the
 * program starts add to the same file.
 *
 * A record is: the operation (1 byte), its numbers a and b (8 bytes each), the lengths of two paths and of the data
 * (8 bytes each), then the paths and the data. Operations: n  a file was made: path, a: inode          t  it was
 * cut to b bytes: a: inode w  data were written at b: a: inode         s  a file was synced: a: inode d  a folder
 * was synced: path                r  a path was renamed to a second one l  a second path was made for a file u  a
 * path was removed, a folder too m  a folder was made                        ?  written in a way that is not
 * recorded: path Memory that is mapped for writing is reported as "?"; SQLite's "-shm" is left out, because it is
 * made anew after a cut.
 *
 * To be compiled without _FILE_OFFSET_BITS, like shim.c. For Linux on 64-bit processors. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE /* it defines some of these functions in headers */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

enum { PATH_BYTES = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_bytes;
static int file = -1;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RECORD_LOG");
    root = getenv("RECORD_ROOT");
    if (!root || !path) return;
    root_bytes = strlen(root);
    file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A program that cannot be recorded must not look as if it wrote nothing. */
static void broken(const char *why) {
    fprintf(stderr, "recorder: %s\n", why);
    _exit(99);
}

static void record(char operation, uint64_t a, uint64_t b, const char *path, const char *other, const void *data,
                   size_t bytes) {
    const uint64_t numbers[] = {a, b, path ? strlen(path) : 0, other ? strlen(other) : 0, bytes};
    const int before = errno;
    struct iovec parts[5] = {{&operation, 1}, {(void *)(uintptr_t)numbers, sizeof numbers}};
    parts[2] = (struct iovec){(void *)(uintptr_t)path, numbers[2]};
    parts[3] = (struct iovec){(void *)(uintptr_t)other, numbers[3]};
    parts[4] = (struct iovec){(void *)(uintptr_t)data, bytes};
    const size_t all = 1 + sizeof numbers + numbers[2] + numbers[3] + bytes;
    if (syscall(SYS_writev, file, parts, 5) != (long)all) broken("the record cannot be written");
    errno = before;
}

static bool is_inside(const char *path) {
    return file >= 0 && !strncmp(path, root, root_bytes) && (path[root_bytes] == '/' || !path[root_bytes]);
}

/* The real path of a path whose last part need not exist and is not followed; whether it is to be recorded. */
static bool find(const char *path, char out[PATH_BYTES]) {
    char folder[PATH_BYTES], real[PATH_BYTES];
    if (file < 0 || snprintf(folder, sizeof folder, "%s", path) >= PATH_BYTES) return false;
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/';) folder[--n] = 0;
    char *slash = strrchr(folder, '/');
    const char *name = slash ? slash + 1 : folder;
    if (slash) *slash = 0;
    if (!realpath(!slash ? "." : *folder ? folder : "/", real)) return false;
    if (snprintf(out, PATH_BYTES, "%s/%s", real, name) >= PATH_BYTES) return false;
    const size_t n = strlen(out);
    return is_inside(out) && !(n > 4 && !strcmp(out + n - 4, "-shm"));
}

/* The same for an open file, with what it is. */
static bool find_open(int fd, char out[PATH_BYTES], struct stat *st) {
    char link[64];
    if (file < 0 || fd == file || fd < 0) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, out, PATH_BYTES - 1);
    if (n <= 0) return false;
    out[n] = 0;
    return is_inside(out) && !(n > 4 && !strcmp(out + n - 4, "-shm")) && !fstat(fd, st);
}

/* ---- files ---- */

static int opened(int at, const char *path, int flags, int mode) {
    char real[PATH_BYTES];
    struct stat st;
    pthread_mutex_lock(&lock);
    const bool writes = (flags & O_ACCMODE) != O_RDONLY && at == AT_FDCWD;
    const bool old = writes && !stat(path, &st);
    const int fd = NEXT(int (*)(int, const char *, int, ...), "openat")(at, path, flags, mode);
    const int before = errno;
    if (fd >= 0 && writes && find_open(fd, real, &st) && S_ISREG(st.st_mode)) {
        if (!old) record('n', st.st_ino, 0, real, NULL, NULL, 0);
        else if (flags & O_TRUNC) record('t', st.st_ino, 0, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = before;
    return fd;
}

#define MODE(flags, mode)                                                                                          \
    int mode = 0;                                                                                                  \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                         \
        va_list more;                                                                                              \
        va_start(more, flags);                                                                                     \
        mode = va_arg(more, int);                                                                                  \
        va_end(more);                                                                                              \
    }

SHOWN int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}
SHOWN int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(AT_FDCWD, path, flags, mode);
}
SHOWN int openat(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(at, path, flags, mode);
}
SHOWN int openat64(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return opened(at, path, flags, mode);
}
SHOWN int __open_2(const char *path, int flags) {
    return opened(AT_FDCWD, path, flags, 0);
}
SHOWN int __open64_2(const char *path, int flags) {
    return opened(AT_FDCWD, path, flags, 0);
}

static FILE *opened_stream(const char *path, const char *mode) {
    char real[PATH_BYTES];
    if (strpbrk(mode, "wa+") && find(path, real)) record('?', 0, 0, real, NULL, NULL, 0);
    return NEXT(FILE * (*)(const char *, const char *), "fopen")(path, mode);
}
SHOWN FILE *fopen(const char *path, const char *mode) {
    return opened_stream(path, mode);
}
SHOWN FILE *fopen64(const char *path, const char *mode) {
    return opened_stream(path, mode);
}
SHOWN FILE *fdopen(int fd, const char *mode) {
    char real[PATH_BYTES];
    struct stat st;
    if (strpbrk(mode, "wa+") && find_open(fd, real, &st)) record('?', 0, 0, real, NULL, NULL, 0);
    return NEXT(FILE * (*)(int, const char *), "fdopen")(fd, mode);
}

/* Records n bytes that were written; offset -1: where the file stands now, behind them. */
static void written(int fd, const void *data, ssize_t n, off_t offset) {
    char real[PATH_BYTES];
    struct stat st;
    if (n <= 0 || !find_open(fd, real, &st) || !S_ISREG(st.st_mode)) return;
    if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - n;
    record('w', st.st_ino, (uint64_t)offset, NULL, NULL, data, (size_t)n);
}

SHOWN ssize_t write(int fd, const void *data, size_t bytes) {
    pthread_mutex_lock(&lock);
    const ssize_t n = NEXT(ssize_t(*)(int, const void *, size_t), "write")(fd, data, bytes);
    const int before = errno;
    written(fd, data, n, -1);
    pthread_mutex_unlock(&lock);
    errno = before;
    return n;
}
SHOWN ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
    pthread_mutex_lock(&lock);
    const ssize_t n = NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(fd, data, bytes, offset);
    const int before = errno;
    written(fd, data, n, offset);
    pthread_mutex_unlock(&lock);
    errno = before;
    return n;
}
SHOWN ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t offset) {
    return pwrite(fd, data, bytes, offset);
}
SHOWN ssize_t writev(int fd, const struct iovec *parts, int count) {
    char real[PATH_BYTES];
    struct stat st;
    if (find_open(fd, real, &st) && S_ISREG(st.st_mode)) record('?', 0, 0, real, NULL, NULL, 0);
    return NEXT(ssize_t(*)(int, const struct iovec *, int), "writev")(fd, parts, count);
}

SHOWN int ftruncate(int fd, off_t bytes) {
    char real[PATH_BYTES];
    struct stat st;
    pthread_mutex_lock(&lock);
    const int status = NEXT(int (*)(int, off_t), "ftruncate")(fd, bytes);
    if (!status && find_open(fd, real, &st)) record('t', st.st_ino, (uint64_t)bytes, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return status;
}
SHOWN int ftruncate64(int fd, off_t bytes) {
    return ftruncate(fd, bytes);
}

static int synced(int fd, const char *name) {
    char real[PATH_BYTES];
    struct stat st;
    pthread_mutex_lock(&lock);
    const int status = NEXT(int (*)(int), name)(fd);
    if (!status && find_open(fd, real, &st)) {
        if (S_ISDIR(st.st_mode)) record('d', 0, 0, real, NULL, NULL, 0);
        else record('s', st.st_ino, 0, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return status;
}
SHOWN int fsync(int fd) {
    return synced(fd, "fsync");
}
SHOWN int fdatasync(int fd) {
    return synced(fd, "fdatasync");
}

static void mapped(int protection, int flags, int fd) {
    char real[PATH_BYTES];
    struct stat st;
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE && find_open(fd, real, &st))
        record('?', 0, 0, real, NULL, NULL, 0);
}
SHOWN void *mmap(void *where, size_t bytes, int protection, int flags, int fd, off_t offset) {
    mapped(protection, flags, fd);
    return (void *)syscall(SYS_mmap, where, bytes, protection, flags, fd, offset);
}
SHOWN void *mmap64(void *where, size_t bytes, int protection, int flags, int fd, off_t offset) {
    return mmap(where, bytes, protection, flags, fd, offset);
}

/* ---- names ---- */

/* A call that changes names has happened; both paths were found before it. */
static int named(int status, char operation, bool inside, const char *path, const char *other) {
    if (!status && inside) record(operation, 0, 0, path, other, NULL, 0);
    pthread_mutex_unlock(&lock);
    return status;
}

SHOWN int rename(const char *from, const char *to) {
    char a[PATH_BYTES], b[PATH_BYTES];
    pthread_mutex_lock(&lock);
    const bool from_inside = find(from, a), to_inside = find(to, b);
    if (from_inside != to_inside) broken("a file is renamed into or out of the folder");
    return named(NEXT(int (*)(const char *, const char *), "rename")(from, to), 'r', from_inside, a, b);
}
SHOWN int link(const char *from, const char *to) {
    char a[PATH_BYTES], b[PATH_BYTES];
    pthread_mutex_lock(&lock);
    const bool from_inside = find(from, a), to_inside = find(to, b);
    return named(NEXT(int (*)(const char *, const char *), "link")(from, to), 'l', from_inside && to_inside, a, b);
}
SHOWN int unlink(const char *path) {
    char a[PATH_BYTES];
    pthread_mutex_lock(&lock);
    const bool inside = find(path, a);
    return named(NEXT(int (*)(const char *), "unlink")(path), 'u', inside, a, NULL);
}
SHOWN int unlinkat(int at, const char *name, int flags) {
    char folder[PATH_BYTES], a[2 * PATH_BYTES];
    struct stat st;
    pthread_mutex_lock(&lock);
    bool inside = at == AT_FDCWD ? find(name, a) : find_open(at, folder, &st);
    if (at != AT_FDCWD && inside) snprintf(a, sizeof a, "%s/%s", folder, name);
    return named(NEXT(int (*)(int, const char *, int), "unlinkat")(at, name, flags), 'u', inside, a, NULL);
}
SHOWN int rmdir(const char *path) {
    char a[PATH_BYTES];
    pthread_mutex_lock(&lock);
    const bool inside = find(path, a);
    return named(NEXT(int (*)(const char *), "rmdir")(path), 'u', inside, a, NULL);
}
SHOWN int mkdir(const char *path, mode_t mode) {
    char a[PATH_BYTES];
    pthread_mutex_lock(&lock);
    const bool inside = find(path, a);
    return named(NEXT(int (*)(const char *, mode_t), "mkdir")(path, mode), 'm', inside, a, NULL);
}
