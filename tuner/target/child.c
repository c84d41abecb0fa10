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

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/target/guard.h"

enum { TICK_MS = 100 };
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

typedef struct stream {
    int fd; /* of the pipe; -1: closed */
    char *text;
    size_t bytes;
} stream;

typedef struct running {
    const tune_child_options *options;
    tune_guard guard;
    stream stream[2];
    uint64_t hash, printed[2];
    tune_guard_report report;
} running;

/* ---- starting ---- */

static int start(running *r, xlstm_error *err) {
    int out[2] = {-1, -1}, problem[2] = {-1, -1};
    int status = tune_pipe_open(out) && tune_pipe_open(problem)
                     ? XLSTM_OK
                     : xl_fail(err, XLSTM_EIO, "%s: %s", r->options->argv[0], strerror(errno));
    const int streams[3] = {-1, r->options->discard ? -1 : out[1], problem[1]};
    if (!status) status = tune_guard_start(r->options->argv, r->options->memory, streams, &r->guard, err);
    const int ends[2] = {out[0], problem[0]};
    if (status) {
        tune_pipe_close(out);
        tune_pipe_close(problem);
        return status;
    }
    close(out[1]);
    close(problem[1]);
    for (int i = 0; i < 2; i++) {
        r->stream[i].fd = ends[i];
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return XLSTM_OK;
}

/* ---- listening ---- */

/* Lets go of the older half of what is kept, and of the line that this cuts. */
static void forget(stream *s, size_t keep) {
    const size_t stay = s->bytes < keep / 2 ? s->bytes : keep / 2;
    const char *from = s->text + s->bytes - stay, *line = memchr(from, '\n', stay);
    if (line) from = line + 1;
    s->bytes = (size_t)(s->text + s->bytes - from);
    memmove(s->text, from, s->bytes);
}

static void take(running *r, int which, const char *data, size_t bytes) {
    const size_t keep = r->options->keep;
    stream *s = &r->stream[which];
    r->printed[which] += bytes;
    for (size_t i = 0; !which && i < bytes; i++) r->hash = (r->hash ^ (unsigned char)data[i]) * FNV_PRIME;
    if (s->bytes + bytes > keep) forget(s, keep);
    if (s->bytes + bytes > keep) { /* more at once than there is room for */
        const size_t last = keep - s->bytes;
        data += bytes - last;
        bytes = last;
    }
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

static void listen(running *r, double until) {
    struct pollfd p[3];
    int n = 0;
    for (int i = 0; i < 2; i++) {
        if (r->stream[i].fd >= 0) p[n++] = (struct pollfd){.fd = r->stream[i].fd, .events = POLLIN};
    }
    p[n++] = (struct pollfd){.fd = r->guard.report, .events = POLLIN};
    const double left = 1e3 * (until - xl_now_s());
    poll(p, (nfds_t)n, left > TICK_MS ? TICK_MS : left > 0 ? (int)left + 1 : 0);
    for (int i = 0; i < 2; i++) drain(r, i);
}

/* ---- ending ---- */

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
    int status = r->report.status; /* not const: the macros of a Mac take its address */
    *out = (tune_child_result){.end = end, .wall_s = r->report.ended - r->report.began};
    if (end == TUNE_CHILD_EXITED && WIFSIGNALED(status)) out->end = TUNE_CHILD_KILLED;
    out->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    const struct timeval u = r->report.use.ru_utime, s = r->report.use.ru_stime;
    out->cpu_s = (double)(u.tv_sec + s.tv_sec) + 1e-6 * (double)(u.tv_usec + s.tv_usec);
#ifdef __APPLE__
    out->peak_mb = (double)r->report.use.ru_maxrss / (1 << 20); /* bytes there, KiB elsewhere */
#else
    out->peak_mb = (double)r->report.use.ru_maxrss / (1 << 10);
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
    running r = {.options = options, .hash = FNV_BASIS, .stream = {{.fd = -1}, {.fd = -1}}};
    tune_child_end end = TUNE_CHILD_EXITED;
    *out = (tune_child_result){0};
    for (int i = 0; i < 2; i++) r.stream[i].text = malloc(options->keep + 1);
    int status =
        r.stream[0].text && r.stream[1].text ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "command: out of memory");
    if (!status) status = start(&r, err);
    const double until = xl_now_s() + options->seconds;
    while (!status && end == TUNE_CHILD_EXITED && !tune_guard_has_ended(&r.guard)) {
        listen(&r, until);
        if (tune_guard_has_ended(&r.guard)) break;
        if (options->cancel && options->cancel(options->user)) status = xl_fail(err, XLSTM_ECANCELLED, "stopped");
        if (xl_now_s() >= until) end = TUNE_CHILD_TOO_LONG;
        if (r.printed[0] + r.printed[1] > options->output) end = TUNE_CHILD_TOO_LOUD;
    }
    if (r.guard.pid) tune_guard_end(&r.guard, &r.report);
    for (int i = 0; i < 2; i++) {
        if (r.stream[i].fd < 0) continue;
        drain(&r, i);
        if (r.stream[i].fd >= 0) close(r.stream[i].fd);
    }
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
