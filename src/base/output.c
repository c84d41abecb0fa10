#include "base/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

struct xl_output {
    char *path;      /* as the caller named it, for messages */
    char *target;    /* where links lead to; NULL where the output is written in place */
    char *temporary; /* what is renamed to target */
    int fd;
    FILE *stream;                   /* NULL: it was not asked for; it has the descriptor otherwise */
    pid_t maker;                    /* the process that opened it, which is not one that was forked later */
    struct xl_output *next, **here; /* in the list of those that are open; here is NULL outside of it */
};

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static xl_output *open_outputs;

static void enlist(xl_output *o) {
    o->maker = getpid();
    pthread_mutex_lock(&open_lock);
    o->next = open_outputs;
    o->here = &open_outputs;
    if (o->next) o->next->here = &o->next;
    open_outputs = o;
    pthread_mutex_unlock(&open_lock);
}

static void strike(xl_output *o) {
    pthread_mutex_lock(&open_lock);
    if (o->here) *o->here = o->next;
    if (o->here && o->next) o->next->here = o->here;
    o->here = NULL;
    pthread_mutex_unlock(&open_lock);
}

void xl_output_drop_all(void) {
    pthread_mutex_lock(&open_lock);
    for (const xl_output *o = open_outputs; o; o = o->next) {
        if (o->temporary && o->maker == getpid()) unlink(o->temporary);
    }
    pthread_mutex_unlock(&open_lock);
}

static int failed(const char *path, int why, xlstm_error *err) {
    const char *name = strcmp(path, "-") == 0 ? "standard output" : path;
    return xl_fail(err, why == ENOMEM ? XLSTM_ENOMEM : XLSTM_EIO, "%s: cannot write: %s", name, strerror(why));
}

int xl_write_all(int fd, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes) {
        /* Some systems refuse more than 2 GiB at once. */
        ssize_t n = write(fd, at, bytes < (size_t)1 << 30 ? bytes : (size_t)1 << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* ---- where a path leads to ---- */

/* The descriptor that a path stands for, which is written from where it stands; -1 where the path is that of a
 * file. */
static int descriptor_of(const char *path) {
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(folders[i]);
        char *end;
        if (strncmp(path, folders[i], length) != 0 || path[length] < '0' || path[length] > '9') continue;
        long number = strtol(path + length, &end, 10);
        if (!*end && number <= 1 << 20) return (int)number;
    }
    return -1;
}

/* Takes one step along a symbolic link: returns a malloc'd path, or NULL with errno, which is 0 where `path` is no
 * link. */
static char *link_target(const char *path) {
    char text[4096];
    ssize_t n = readlink(path, text, sizeof text - 1);
    if (n < 0) {
        if (errno == EINVAL || errno == ENOENT) errno = 0;
        return NULL;
    }
    text[n] = 0;
    char *folder = xl_path_folder(path), *target = folder ? xl_path_join(folder, text) : NULL;
    free(folder);
    if (!target) errno = ENOMEM;
    return target;
}

/* The file that a chain of links ends in, whether it is there or not. malloc'd; NULL with errno. */
static char *follow(const char *path) {
    enum { MOST_LINKS = 40 };
    char *at = strdup(path);
    for (int i = 0; at && i < MOST_LINKS; i++) {
        char *next = link_target(at);
        if (!next && !errno) return at;
        int why = errno;
        free(at);
        at = next;
        errno = why;
    }
    if (at) {
        free(at);
        errno = ELOOP;
    }
    return NULL;
}

/* ---- opening ---- */

/* A FIFO can be opened only while somebody reads it; opening is tried again for a bounded time. */
static int open_in_place(const char *path, bool fifo, int flags) {
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags | (fifo ? O_NONBLOCK : 0), 0666);
    for (int i = 0; fifo && fd < 0 && errno == ENXIO && i < XL_FIFO_WAIT_S * 50; i++) {
        nanosleep(&pause, NULL);
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    }
    if (fd >= 0 && fifo) fcntl(fd, F_SETFL, 0);
    return fd;
}

/* Text that stdio still holds for the same descriptor is written first. */
static int share_descriptor(int number) {
    if (number == STDOUT_FILENO) fflush(stdout);
    return fcntl(number, F_DUPFD_CLOEXEC, 3);
}

static atomic_uint serial; /* number of the next temporary file of this process */

/* The temporary file's name is short, so that a target whose name has the greatest possible length can be written
 * too. */
static int open_aside(xl_output *o, const struct stat *old) {
    char *folder = xl_path_folder(o->target);
    int why = folder ? 0 : ENOMEM;
    while (!why) {
        free(o->temporary);
        o->temporary = xl_format("%s/xltune-%ld-%u.tmp", folder, (long)getpid(), atomic_fetch_add(&serial, 1));
        if (!o->temporary) why = ENOMEM;
        if (!why) o->fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, old ? 0600 : 0666);
        if (why || o->fd >= 0) break;
        if (errno != EEXIST) why = errno;
    }
    free(folder);
    if (why) {
        free(o->temporary);
        o->temporary = NULL;
    }
    /* Only root can keep another owner, and changing the owner changes the mode: the owner is set first, then the
     * mode. */
    if (!why && old) {
        if (fchown(o->fd, old->st_uid, old->st_gid)) errno = 0;
        if (fchmod(o->fd, old->st_mode & 07777)) why = errno;
    }
    return why;
}

/* 0, or errno. */
static int open_output(xl_output *o) {
    struct stat there;
    int number = descriptor_of(o->path);
    if (number >= 0) {
        o->fd = share_descriptor(number);
        return o->fd < 0 ? errno : 0;
    }
    bool exists = !stat(o->path, &there);
    if (!exists && errno != ENOENT) return errno;
    if (exists && S_ISDIR(there.st_mode)) return EISDIR;
    if (exists && !S_ISREG(there.st_mode)) {
        o->fd = open_in_place(o->path, S_ISFIFO(there.st_mode), 0);
        return o->fd < 0 ? errno : 0;
    }
    if (exists && faccessat(AT_FDCWD, o->path, W_OK, AT_EACCESS)) return errno;
    o->target = follow(o->path);
    return o->target ? open_aside(o, exists ? &there : NULL) : errno;
}

int xl_output_open(xl_output **out, const char *path, xlstm_error *err) {
    *out = NULL;
    xl_output *o = calloc(1, sizeof *o);
    if (o) o->fd = -1;
    if (!o || !(o->path = strdup(path))) {
        free(o);
        return failed(path, ENOMEM, err);
    }
    int why = open_output(o);
    if (why) {
        xl_output_abort(o);
        if (why == ENXIO) return xl_fail(err, XLSTM_EIO, "%s: cannot write: nobody reads from it", path);
        return failed(path, why, err);
    }
    enlist(o);
    *out = o;
    return XLSTM_OK;
}

int xl_output_look(const char *path, xlstm_error *err) {
    struct stat st;
    if (descriptor_of(path) >= 0) return XLSTM_OK;
    int why = 0;
    if (!lstat(path, &st)) {
        if (S_ISDIR(st.st_mode)) why = EISDIR;
    } else {
        char *folder = xl_path_folder(path);
        if (!folder) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        if (access(folder, W_OK | X_OK)) why = errno;
        free(folder);
    }
    return why ? xl_fail(err, XLSTM_EIO, "%s: cannot write: %s", path, strerror(why)) : XLSTM_OK;
}

int xl_output_write(xl_output *o, const void *data, size_t bytes, xlstm_error *err) {
    return xl_write_all(o->fd, data, bytes) ? failed(o->path, errno, err) : XLSTM_OK;
}

int xl_output_stream(xl_output *o, FILE **stream, xlstm_error *err) {
    if (!o->stream) o->stream = fdopen(o->fd, "w");
    *stream = o->stream;
    return o->stream ? XLSTM_OK : failed(o->path, errno, err);
}

/* Closes the descriptor, and the stream that has it; 0, or -1 with errno. */
static int shut(xl_output *o) {
    const int wrong = o->stream ? fclose(o->stream) : close(o->fd);
    o->stream = NULL;
    o->fd = -1;
    return wrong;
}

const char *xl_output_name(const xl_output *o) {
    if (o->temporary) return o->temporary;
    return descriptor_of(o->path) >= 0 ? NULL : o->path;
}

int xl_output_commit(xl_output *o, xlstm_error *err) {
    /* What a stream could not write earlier it has forgotten, and the reason too. */
    int why = o->stream && ferror(o->stream) ? EIO : 0;
    if (o->stream && fflush(o->stream)) why = errno;
    /* Not every file system can sync, and a pipe does not need it. */
    if (o->target && !why && fsync(o->fd) && errno != EINVAL && errno != ENOTSUP) why = errno;
    if (shut(o) && !why) why = errno;
    if (!why && o->target && rename(o->temporary, o->target)) why = errno;
    int status = why ? failed(o->path, why, err) : XLSTM_OK;
    if (!why && o->target) {
        xl_sync_folder(o->target);
        strike(o);
        free(o->temporary);
        o->temporary = NULL;
    }
    xl_output_abort(o);
    return status;
}

/* Returns the process that made a temporary file and sets its number there; 0: the name is that of another file. */
static long maker_of(const char *name, unsigned long *number) {
    char *end;
    if (strncmp(name, "xltune-", 7) != 0 || name[7] < '1' || name[7] > '9') return 0;
    const long pid = strtol(name + 7, &end, 10);
    if (*end != '-' || end[1] < '0' || end[1] > '9') return 0;
    *number = strtoul(end + 1, &end, 10);
    return strcmp(end, ".tmp") == 0 ? pid : 0;
}

/* In a container a program that is started again often gets the number of the one before it. What has this
 * process's number and was not made by it is then recognized by its own number, which was counted before the file
 * was made. */
static bool is_left(const char *name) {
    unsigned long number = 0;
    const long pid = maker_of(name, &number);
    if (pid == (long)getpid()) return number >= atomic_load(&serial);
    return pid && kill((pid_t)pid, 0) && errno == ESRCH;
}

void xl_output_sweep(const char *folder) {
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (is_left(e->d_name)) unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir) closedir(dir);
}

void xl_output_abort(xl_output *o) {
    if (!o) return;
    if (o->fd >= 0) (void)shut(o);
    if (o->temporary) unlink(o->temporary);
    strike(o);
    free(o->temporary);
    free(o->target);
    free(o->path);
    free(o);
}

int xl_file_write(const char *path, const void *data, size_t bytes, xlstm_error *err) {
    xl_output *o;
    int status = xl_output_open(&o, path, err);
    if (status) return status;
    status = xl_output_write(o, data, bytes, err);
    if (!status) return xl_output_commit(o, err);
    xl_output_abort(o);
    return status;
}

/* ---- logs ---- */

struct xl_log {
    char *path;
    FILE *file;
    int why; /* errno of the first failure */
};

static int open_log(xl_log *log) {
    struct stat there;
    int number = descriptor_of(log->path);
    bool fifo = number < 0 && !stat(log->path, &there) && S_ISFIFO(there.st_mode);
    int fd = number >= 0 ? share_descriptor(number) : open_in_place(log->path, fifo, fifo ? 0 : O_CREAT | O_TRUNC);
    if (fd < 0) return errno;
    log->file = fdopen(fd, "w");
    if (log->file) return 0;
    int why = errno;
    close(fd);
    return why;
}

int xl_log_open(xl_log **out, const char *path, xlstm_error *err) {
    *out = NULL;
    xl_log *log = calloc(1, sizeof *log);
    char *folder = xl_path_folder(path);
    int status = log && folder && (log->path = strdup(path)) ? XLSTM_OK : failed(path, ENOMEM, err);
    if (!status && descriptor_of(path) < 0) status = xl_make_folder(folder, err);
    int why = status ? 0 : open_log(log);
    if (why == ENXIO) status = xl_fail(err, XLSTM_EIO, "%s: cannot write: nobody reads from it", path);
    else if (why) status = failed(path, why, err);
    free(folder);
    if (status) xl_log_close(log, NULL);
    else *out = log;
    return status;
}

void xl_log_line(xl_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool written = vfprintf(log->file, format, args) >= 0 && fputc('\n', log->file) != EOF;
    va_end(args);
    if ((!written || fflush(log->file)) && !log->why) log->why = errno ? errno : EIO;
}

int xl_log_close(xl_log *log, xlstm_error *err) {
    if (!log) return XLSTM_OK;
    if (log->file && fclose(log->file) && !log->why) log->why = errno;
    int status = log->why ? failed(log->path, log->why, err) : XLSTM_OK;
    free(log->path);
    free(log);
    return status;
}
