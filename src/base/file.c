#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

int xl_file_read(const char *path, size_t limit, char **data, size_t *bytes, xlstm_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return xl_fail(err, errno == ENOENT ? XLSTM_ENOTFOUND : XLSTM_EIO, "%s: %s", path, strerror(errno));
    int status = XLSTM_OK;
    char *buffer = NULL;
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
        if (n < 0) {
            status = xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
            goto out;
        }
        if (n == 0) break;
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

static int write_all(int fd, const char *data, size_t bytes) {
    while (bytes) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        data += n;
        bytes -= (size_t)n;
    }
    return 0;
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

int xl_file_write(const char *path, const void *data, size_t bytes, xlstm_error *err) {
    char *temporary = xl_format("%s.tmp%ld", path, (long)getpid());
    if (!temporary) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    int status = XLSTM_OK;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        status = xl_fail(err, XLSTM_EIO, "%s: cannot write: %s", path, strerror(errno));
        goto out;
    }
    if (write_all(fd, data, bytes) || fsync(fd)) {
        status = xl_fail(err, XLSTM_EIO, "%s: cannot write: %s", path, strerror(errno));
        close(fd);
        unlink(temporary);
        goto out;
    }
    if (close(fd) || rename(temporary, path)) {
        status = xl_fail(err, XLSTM_EIO, "%s: cannot write: %s", path, strerror(errno));
        unlink(temporary);
        goto out;
    }
    xl_sync_folder(path);
out:
    free(temporary);
    return status;
}

int xl_make_folder(const char *path, xlstm_error *err) {
    char *copy = strdup(path);
    if (!copy) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    for (char *p = copy + 1; *copy; p++) {
        if (*p != '/' && *p) continue;
        char end = *p;
        *p = 0;
        if (mkdir(copy, 0777) && !xl_is_folder(copy)) {
            int status = xl_fail(err, XLSTM_EIO, "%s: cannot make folder: %s", path, strerror(errno));
            free(copy);
            return status;
        }
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
