#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

/* How long the writer of a pipe may be silent, in seconds. */
#define SILENCE_S 60

static int wait_for_writer(int fd, const char *path, int seconds, xlstm_error *err) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int n;
    do n = poll(&ready, 1, seconds * 1000);
    while (n < 0 && errno == EINTR);
    if (n > 0) return XLSTM_OK;
    if (n < 0) return xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
    return xl_fail(err, XLSTM_EIO, "%s: a pipe into which nobody wrote for %d s", path, seconds);
}

int xl_file_read(const char *path, size_t limit, char **data, size_t *bytes, xlstm_error *err) {
    /* O_NONBLOCK: without it, opening a FIFO would wait for its writer, for ever if none comes. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return xl_fail(err, errno == ENOENT ? XLSTM_ENOTFOUND : XLSTM_EIO, "%s: %s", path, strerror(errno));
    int status = XLSTM_OK;
    char *buffer = NULL;
    bool begun = false;
    struct stat st;
    if (fstat(fd, &st) || S_ISDIR(st.st_mode)) {
        status = xl_fail(err, XLSTM_EIO, "%s: not a readable file", path);
        goto out;
    }
    size_t capacity = st.st_size > 0 ? (size_t)st.st_size : 4096, used = 0;
    if (capacity > limit) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: %zu bytes, at most %zu are accepted", path, capacity, limit);
        goto out;
    }
    for (;;) {
        char *grown = realloc(buffer, capacity + 1);
        if (!grown) {
            status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu bytes", path, capacity);
            goto out;
        }
        buffer = grown;
        ssize_t n = read(fd, buffer + used, capacity + 1 - used);
        if (n < 0 && errno == EINTR) continue;
        bool silent = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        bool partner_missing = n == 0 && !begun && S_ISFIFO(st.st_mode);
        if (silent || partner_missing) {
            status = wait_for_writer(fd, path, silent ? SILENCE_S : XL_FIFO_WAIT_S, err);
            if (status) goto out;
            begun = true;
            continue;
        }
        if (n < 0) {
            status = xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
            goto out;
        }
        if (n == 0) break;
        begun = true;
        used += (size_t)n;
        if (used > limit) {
            status = xl_fail(err, XLSTM_EFORMAT, "%s: more than the %zu bytes accepted", path, limit);
            goto out;
        }
        if (used > capacity) capacity *= 2;
    }
    buffer[used] = 0;
    *data = buffer;
    *bytes = used;
    buffer = NULL;
out:
    free(buffer);
    close(fd);
    return status;
}

int xl_text_open(xl_text *out, const char *path, size_t limit, xlstm_error *err) {
    char *data = NULL;
    void *map = MAP_FAILED;
    struct stat st;
    *out = (xl_text){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size <= limit)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0) close(fd);
    if (map == MAP_FAILED) { /* also says what is wrong with a file that cannot be opened */
        int status = xl_file_read(path, limit, &data, &out->bytes, err);
        out->data = data;
        return status;
    }
    posix_madvise(map, (size_t)st.st_size, POSIX_MADV_SEQUENTIAL);
    out->data = map;
    out->bytes = (size_t)st.st_size;
    out->is_mapped = true;
    xl_mapped_add(&out->mapped, map, out->bytes, path);
    return XLSTM_OK;
}

void xl_text_close(xl_text *text) {
    void *data = (void *)(uintptr_t)text->data;
    if (text->is_mapped) {
        xl_mapped_remove(&text->mapped);
        munmap(data, text->bytes);
    } else {
        free(data);
    }
    *text = (xl_text){0};
}

/* The lock is taken on the folder itself, so that no lock file is left behind. */
int xl_folder_lock(int *lock, const char *path, xlstm_error *err) {
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0) return xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
    while (flock(*lock, LOCK_EX)) {
        if (errno == EINTR) continue;
        /* On a file system without locks the work goes on without one. */
        if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS) break;
        int status = xl_fail(err, XLSTM_EIO, "%s: cannot lock: %s", path, strerror(errno));
        xl_folder_unlock(lock);
        return status;
    }
    return XLSTM_OK;
}

void xl_folder_unlock(int *lock) {
    if (*lock >= 0) close(*lock);
    *lock = -1;
}

void xl_sync_folder(const char *path) {
    char *folder = xl_path_folder(path);
    int fd = folder ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

int xl_make_folder(const char *path, xlstm_error *err) {
    char *copy = strdup(path);
    if (!copy) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    for (char *p = copy + 1; *copy; p++) {
        if (*p != '/' && *p) continue;
        char end = *p;
        *p = 0;
        int why = mkdir(copy, 0777) ? errno : 0;
        if (why && !xl_is_folder(copy)) {
            if (why == EEXIST) why = ENOTDIR;
            int status = xl_fail(err, XLSTM_EIO, "%s: cannot make folder: %s", path, strerror(why));
            free(copy);
            return status;
        }
        if (!why) xl_sync_folder(copy);
        if (!end) break;
        *p = end;
    }
    free(copy);
    return XLSTM_OK;
}

bool xl_is_folder(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool xl_is_file(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

char *xl_path_join(const char *dir, const char *name) {
    if (name[0] == '/' || !dir[0]) return strdup(name);
    size_t n = strlen(dir);
    return xl_format("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *xl_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    if (slash == path) return strdup("/");
    return strndup(path, (size_t)(slash - path));
}
