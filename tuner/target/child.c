#include "tuner/target/child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { TICK_MS = 100, SHORT_TICK_MS = 1, ROUNDS = 20 };
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

typedef struct stream {
    int fd; /* of the pipe; -1: closed */
    char *text;
    size_t bytes;
} stream;

typedef struct running {
    const tune_child_options *options;
    pid_t pid;
    int handle; /* a pidfd; -1: there is none, so that the end is looked for every millisecond */
    stream stream[2];
    uint64_t hash, printed[2];
    bool ended;
    int status;
    struct rusage use;
    double began, end;
} running;

/* ---- starting ---- */

/* Between fork and exec: only functions that are safe there. */
static void become(char *const *argv, uint64_t memory, const int streams[3], int error) {
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++) dup2(streams[i] < 0 ? nothing : streams[i], i);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (memory) {
        const struct rlimit limit = {(rlim_t)memory, (rlim_t)memory};
        setrlimit(RLIMIT_AS, &limit);
    }
    execvp(argv[0], argv);
    const int code = errno;
    ssize_t told = write(error, &code, sizeof code);
    (void)told;
    _exit(127);
}

static void close_pipe(int pipe[2]) {
    for (int i = 0; i < 2; i++) {
        if (pipe[i] >= 0) close(pipe[i]);
        pipe[i] = -1;
    }
}

static bool make_pipe(int out[2]) {
    if (pipe(out)) {
        out[0] = out[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) fcntl(out[i], F_SETFD, FD_CLOEXEC);
    return true;
}

static int open_handle(pid_t pid) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

int tune_child_start(char *const *argv, uint64_t memory, const int streams[3], pid_t *pid, xlstm_error *err) {
    int error[2] = {-1, -1}, code = 0;
#ifdef __linux__
    prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
    if (!make_pipe(error)) return xl_fail(err, XLSTM_EIO, "%s: %s", argv[0], strerror(errno));
    *pid = fork();
    if (!*pid) become(argv, memory, streams, error[1]);
    if (*pid < 0) code = errno;
    else {
        setpgid(*pid, *pid); /* also here, since who comes first is not known */
        close(error[1]);
        error[1] = -1;
        ssize_t n;
        while ((n = read(error[0], &code, sizeof code)) < 0 && errno == EINTR) {
        }
        if (n != (ssize_t)sizeof code) code = 0;
        if (code) waitpid(*pid, NULL, 0);
    }
    close_pipe(error);
    if (!code) return XLSTM_OK;
    *pid = 0;
    return xl_fail(err, XLSTM_EIO, "%s: %s", argv[0], strerror(code));
}

static int start(running *r, xlstm_error *err) {
    int out[2] = {-1, -1}, problem[2] = {-1, -1};
    int status = make_pipe(out) && make_pipe(problem)
                     ? XLSTM_OK
                     : xl_fail(err, XLSTM_EIO, "%s: %s", r->options->argv[0], strerror(errno));
    const int streams[3] = {-1, r->options->discard ? -1 : out[1], problem[1]};
    r->began = xl_now_s();
    if (!status) status = tune_child_start(r->options->argv, r->options->memory, streams, &r->pid, err);
    const int ends[2] = {out[0], problem[0]};
    if (status) {
        close_pipe(out);
        close_pipe(problem);
        return status;
    }
    close(out[1]);
    close(problem[1]);
    for (int i = 0; i < 2; i++) {
        r->stream[i].fd = ends[i];
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    r->handle = open_handle(r->pid);
    return XLSTM_OK;
}

/* ---- listening ---- */

static void take(running *r, int which, const char *data, size_t bytes) {
    stream *s = &r->stream[which];
    r->printed[which] += bytes;
    for (size_t i = 0; !which && i < bytes; i++) r->hash = (r->hash ^ (unsigned char)data[i]) * FNV_PRIME;
    size_t room = r->options->keep - s->bytes;
    if (bytes > room) bytes = room;
    memcpy(s->text + s->bytes, data, bytes);
    s->bytes += bytes;
}

/* Reads what is there. */
static void drain(running *r, int which) {
    static _Thread_local char buffer[1 << 16];
    stream *s = &r->stream[which];
    while (s->fd >= 0) {
        const ssize_t n = read(s->fd, buffer, sizeof buffer);
        if (n > 0) take(r, which, buffer, (size_t)n);
        else if (n < 0 && errno == EINTR) continue;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        else {
            close(s->fd);
            s->fd = -1;
        }
        if (r->printed[0] + r->printed[1] > r->options->output) return;
    }
}

/* It is not reaped yet, so that its number stays that of its group. */
static void look_for_end(running *r) {
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) && errno == EINTR) {
    }
    if (!info.si_pid) return;
    r->ended = true;
    r->end = xl_now_s();
}

static void listen(running *r, double until) {
    struct pollfd p[3];
    int n = 0;
    for (int i = 0; i < 2; i++) {
        if (r->stream[i].fd >= 0) p[n++] = (struct pollfd){.fd = r->stream[i].fd, .events = POLLIN};
    }
    if (r->handle >= 0) p[n++] = (struct pollfd){.fd = r->handle, .events = POLLIN};
    const double left = 1e3 * (until - xl_now_s());
    int wait = r->handle >= 0 ? TICK_MS : SHORT_TICK_MS;
    if (left < wait) wait = left > 0 ? (int)left + 1 : 0;
    poll(p, (nfds_t)n, wait);
    look_for_end(r);
    for (int i = 0; i < 2; i++) drain(r, i);
}

/* ---- ending ---- */

/* Kills the children that this process got because the program that started them is gone. Whoever calls has no
 * other children. */
static bool kill_orphans(void) {
    bool any = false;
#ifdef __linux__
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *f = fopen(path, "re");
    long pid;
    while (f && fscanf(f, "%ld", &pid) == 1) {
        kill((pid_t)pid, SIGKILL);
        while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) {
        }
        any = true;
    }
    if (f) fclose(f);
#endif
    return any;
}

void tune_child_end_all(pid_t pid, int *status, struct rusage *use) {
    kill(-pid, SIGKILL);
    while (wait4(pid, status, 0, use) < 0 && errno == EINTR) {
    }
    /* What it started itself may become a child of this process only when its own parent is gone. */
    for (int round = 0; round < ROUNDS && kill_orphans(); round++) {
    }
}

/* Ends the program, where it has not ended, and all that it started. */
static void end_all(running *r) {
    tune_child_end_all(r->pid, &r->status, &r->use);
    if (!r->ended) r->end = xl_now_s();
}

static void keep_last_line(tune_child_result *out) {
    const char *text = out->text[1];
    size_t end = out->bytes[1];
    while (end && strchr(" \r\n\t", text[end - 1])) end--;
    size_t begin = end;
    while (begin && text[begin - 1] != '\n') begin--;
    snprintf(out->last_line, sizeof out->last_line, "%.*s", (int)(end - begin < 150 ? end - begin : 150),
             text + begin);
}

static void fill(running *r, tune_child_end end, tune_child_result *out) {
    *out = (tune_child_result){.end = end, .wall_s = r->end - r->began};
    if (end == TUNE_CHILD_EXITED && WIFSIGNALED(r->status)) out->end = TUNE_CHILD_KILLED;
    out->code = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : WEXITSTATUS(r->status);
    const struct timeval u = r->use.ru_utime, s = r->use.ru_stime;
    out->cpu_s = (double)(u.tv_sec + s.tv_sec) + 1e-6 * (double)(u.tv_usec + s.tv_usec);
#ifdef __APPLE__
    out->peak_mb = (double)r->use.ru_maxrss / (1 << 20); /* bytes there, KiB elsewhere */
#else
    out->peak_mb = (double)r->use.ru_maxrss / (1 << 10);
#endif
    out->out_bytes = r->printed[0];
    out->hash = r->hash ? r->hash : 1;
    for (int i = 0; i < 2; i++) {
        out->text[i] = r->stream[i].text;
        out->bytes[i] = r->stream[i].bytes;
        out->text[i][out->bytes[i]] = 0;
        r->stream[i].text = NULL;
    }
    keep_last_line(out);
}

int tune_child_run(const tune_child_options *options, tune_child_result *out, xlstm_error *err) {
    running r = {.options = options, .handle = -1, .hash = FNV_BASIS, .stream = {{.fd = -1}, {.fd = -1}}};
    bool stop = false;
    tune_child_end end = TUNE_CHILD_EXITED;
    *out = (tune_child_result){0};
    for (int i = 0; i < 2; i++) r.stream[i].text = malloc(options->keep + 1);
    int status =
        r.stream[0].text && r.stream[1].text ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "command: out of memory");
    if (!status) status = start(&r, err);
    const double until = r.began + options->seconds;
    while (!status && !r.ended && !stop) {
        listen(&r, until);
        if (r.ended) break;
        if (options->cancel && options->cancel(options->user)) status = xl_fail(err, XLSTM_ECANCELLED, "stopped");
        if (xl_now_s() >= until) end = TUNE_CHILD_TOO_LONG;
        if (r.printed[0] + r.printed[1] > options->output) end = TUNE_CHILD_TOO_LOUD;
        stop = end != TUNE_CHILD_EXITED;
    }
    if (r.pid > 0) end_all(&r);
    for (int i = 0; i < 2; i++) {
        if (r.stream[i].fd < 0) continue;
        drain(&r, i);
        if (r.stream[i].fd >= 0) close(r.stream[i].fd);
    }
    if (r.handle >= 0) close(r.handle);
    if (!status) fill(&r, end, out);
    for (int i = 0; i < 2; i++) free(r.stream[i].text);
    return status;
}

void tune_child_clear(tune_child_result *result) {
    for (int i = 0; i < 2; i++) free(result->text[i]);
    *result = (tune_child_result){0};
}

char *tune_child_path(const char *program) {
    if (strchr(program, '/')) return access(program, X_OK) || !xl_is_file(program) ? NULL : strdup(program);
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; at;) {
        const size_t length = strcspn(at, ":");
        char *full = xl_format("%.*s/%s", (int)length, length ? at : ".", program);
        if (full && !access(full, X_OK) && xl_is_file(full)) return full;
        free(full);
        at = at[length] ? at + length + 1 : NULL;
    }
    return NULL;
}

bool tune_child_exists(const char *program) {
    char *path = tune_child_path(program);
    free(path);
    return path != NULL;
}
