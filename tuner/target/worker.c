#include "tuner/target/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "tuner/target/guard.h"

#define LINE_MOST ((size_t)4 << 20) /* bytes of an answer */
#define NOISE_MOST (1 << 28)        /* bytes on standard error while one request is answered */

enum { TICK_MS = 100, END_MS = 500, IN = 0, OUT = 1, PROBLEM = 2 };

struct tune_worker {
    char **argv;
    uint64_t memory;
    int (*cancel)(void *);
    void *user;
    tune_guard guard; /* its pid is 0 where the program does not run */
    int fd[3];        /* this end of each of its standard streams; -1: closed */
    char *line;       /* what it has answered so far */
    size_t used, room;
    char said[512]; /* the end of its standard error, without the NUL */
    size_t said_bytes;
    uint64_t noise; /* bytes on standard error since the request */
    unsigned asked; /* requests so far */
    bool misspoke;  /* what was answered last was no answer to what was asked */
};

tune_worker *tune_worker_create(char *const *argv, uint64_t memory, int (*cancel)(void *), void *user) {
    size_t count = 0;
    while (argv[count]) count++;
    tune_worker *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (tune_worker){.memory = memory, .cancel = cancel, .user = user, .fd = {-1, -1, -1}};
    w->argv = calloc(count + 1, sizeof *w->argv);
    bool ok = w->argv != NULL;
    for (size_t i = 0; ok && i < count; i++) ok = (w->argv[i] = strdup(argv[i])) != NULL;
    if (ok) return w;
    tune_worker_destroy(w);
    return NULL;
}

/* ---- starting and ending ---- */

static void close_all(int *fd, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (fd[i] >= 0) close(fd[i]);
        fd[i] = -1;
    }
}

static int end_process(tune_worker *w) {
    tune_guard_report report;
    tune_guard_end(&w->guard, &report);
    close_all(w->fd, 3);
    w->used = 0;
    return report.status;
}

void tune_worker_stop(tune_worker *w) {
    end_process(w);
}

void tune_worker_destroy(tune_worker *w) {
    if (!w) return;
    end_process(w);
    for (char **word = w->argv; word && *word; word++) free(*word);
    free(w->argv);
    free(w->line);
    free(w);
}

static int start(tune_worker *w, xlstm_error *err) {
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, status = XLSTM_OK;
    for (int i = 0; !status && i < 3; i++) {
        if (!tune_pipe_open(pipes[i])) status = xl_fail(err, XLSTM_EIO, "worker: %s", strerror(errno));
    }
    const int theirs[3] = {pipes[IN][0], pipes[OUT][1], pipes[PROBLEM][1]};
    if (!status) status = tune_guard_start(w->argv, w->memory, theirs, &w->guard, err);
    if (status) {
        for (int i = 0; i < 3; i++) tune_pipe_close(pipes[i]);
        return status;
    }
    w->fd[IN] = pipes[IN][1];
    w->fd[OUT] = pipes[OUT][0];
    w->fd[PROBLEM] = pipes[PROBLEM][0];
    for (int i = 0; i < 3; i++) {
        close(theirs[i]);
        fcntl(w->fd[i], F_SETFL, O_NONBLOCK);
    }
    w->used = w->said_bytes = 0;
    signal(SIGPIPE, SIG_IGN); /* a worker that is gone is found by EPIPE */
    return XLSTM_OK;
}

/* ---- a request and its answer ---- */

/* Keeps the end of what is printed on standard error. */
static void take_noise(tune_worker *w, const char *data, size_t bytes) {
    w->noise += bytes;
    if (bytes > sizeof w->said) {
        data += bytes - sizeof w->said;
        bytes = sizeof w->said;
    }
    const size_t keep = w->said_bytes + bytes > sizeof w->said ? sizeof w->said - bytes : w->said_bytes;
    memmove(w->said, w->said + w->said_bytes - keep, keep);
    memcpy(w->said + keep, data, bytes);
    w->said_bytes = keep + bytes;
}

/* Reads what is there, once: a worker that prints without an end does not keep this process from looking at the
 * clock. */
static bool read_some(tune_worker *w, int which) {
    char buffer[1 << 12];
    const ssize_t n = read(w->fd[which], buffer, sizeof buffer);
    if (n < 0) {
        if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) close_all(&w->fd[which], 1);
        return true;
    }
    if (n == 0) close_all(&w->fd[which], 1);
    else if (which == PROBLEM) take_noise(w, buffer, (size_t)n);
    else {
        if (w->used + (size_t)n + 1 > w->room) {
            const size_t room = 2 * (w->used + (size_t)n + 1);
            char *grown = realloc(w->line, room);
            if (!grown) return false;
            w->line = grown;
            w->room = room;
        }
        memcpy(w->line + w->used, buffer, (size_t)n);
        w->used += (size_t)n;
    }
    return true;
}

/* The last line with text on standard error, in printable characters. */
static void last_words(tune_worker *w, char out[160]) {
    while (w->fd[PROBLEM] >= 0) {
        const uint64_t before = w->noise;
        if (!read_some(w, PROBLEM) || w->noise == before || w->noise > NOISE_MOST) break;
    }
    size_t end = w->said_bytes;
    while (end && strchr(" \r\n\t", w->said[end - 1])) end--;
    size_t begin = end, at = 0;
    while (begin && w->said[begin - 1] != '\n') begin--;
    for (; begin < end && at < 150; begin++) out[at++] = (unsigned char)w->said[begin] < ' ' ? '?' : w->said[begin];
    out[at] = 0;
}

/* Ends the program, and fails with what happened. */
static int give_up(tune_worker *w, const char *what, xlstm_error *err) {
    char words[160];
    last_words(w, words);
    end_process(w);
    return xl_fail(err, XLSTM_EIO, "worker: %s%s%s", what, words[0] ? ": " : "", words);
}

/* Gives up one that printed what was not asked for. */
static int misspoke(tune_worker *w, const char *what, xlstm_error *err) {
    w->misspoke = true;
    return give_up(w, what, err);
}

/* It closed its standard output: says how it ended. */
static int gone(tune_worker *w, xlstm_error *err) {
    char words[160], what[96] = "closed its standard output";
    /* The end of a process comes after the end of its streams. */
    struct pollfd p = {.fd = w->guard.report, .events = POLLIN};
    const bool ended = poll(&p, 1, END_MS) > 0;
    last_words(w, words);
    int status = end_process(w); /* not const: the macros of a Mac take its address */
    if (ended && WIFEXITED(status)) snprintf(what, sizeof what, "ended with exit code %d", WEXITSTATUS(status));
    else if (ended && WIFSIGNALED(status))
        snprintf(what, sizeof what, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return xl_fail(err, XLSTM_EIO, "worker: %s before it answered%s%s", what, words[0] ? ": " : "", words);
}

/* Takes the answer, where its line is whole. */
static int take_answer(tune_worker *w, json_t **answer, xlstm_error *err) {
    char *end = w->used ? memchr(w->line, '\n', w->used) : NULL;
    json_error_t bad;
    if (!end) return w->used > LINE_MOST ? give_up(w, "printed 4 MiB without the end of a line", err) : XLSTM_OK;
    *answer = json_loadb(w->line, (size_t)(end - w->line), JSON_REJECT_DUPLICATES, &bad);
    if (!json_is_object(*answer)) {
        char what[128];
        const int shown = end - w->line < 40 ? (int)(end - w->line) : 40;
        snprintf(what, sizeof what, "found '%.*s', wanted one JSON object in a line", shown, w->line);
        for (char *c = what; *c; c++) {
            if ((unsigned char)*c < ' ' || (unsigned char)*c >= 127) *c = '?';
        }
        json_decref(*answer);
        *answer = NULL;
        return misspoke(w, what, err);
    }
    if (end + 1 != w->line + w->used) {
        json_decref(*answer);
        *answer = NULL;
        return misspoke(w, "printed more than one line as an answer", err);
    }
    w->used = 0;
    return XLSTM_OK;
}

/* Whether the program itself has ended and all that it printed was read, though a child that it left behind may
 * keep its streams open. */
static bool has_ended(tune_worker *w) {
    if (!tune_guard_has_ended(&w->guard)) return false;
    struct pollfd p = {.fd = w->fd[OUT], .events = POLLIN};
    return poll(&p, 1, 0) <= 0;
}

static int exchange(tune_worker *w, const char *text, size_t left, double seconds, json_t **answer,
                    xlstm_error *err) {
    const double until = xl_now_s() + seconds;
    while (!*answer) {
        struct pollfd p[4];
        nfds_t n = 0;
        p[n++] = (struct pollfd){.fd = w->guard.report, .events = POLLIN};
        for (int i = 0; i < 3; i++) {
            if (w->fd[i] >= 0 && (i != IN || left))
                p[n++] = (struct pollfd){.fd = w->fd[i], .events = i == IN ? POLLOUT : POLLIN};
        }
        const double wait = 1e3 * (until - xl_now_s());
        poll(p, n, wait > TICK_MS ? TICK_MS : wait > 0 ? (int)wait + 1 : 0);
        if (left && w->fd[IN] >= 0) {
            const ssize_t sent = write(w->fd[IN], text, left);
            if (sent > 0) {
                text += sent;
                left -= (size_t)sent;
            } else if (errno != EAGAIN && errno != EINTR) close_all(&w->fd[IN], 1);
        }
        for (int i = OUT; i <= PROBLEM; i++) {
            if (w->fd[i] >= 0 && !read_some(w, i)) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
        }
        const int status = take_answer(w, answer, err);
        if (status || *answer) return status;
        if (w->fd[OUT] < 0 || has_ended(w)) return gone(w, err);
        if (w->noise > NOISE_MOST) return give_up(w, "printed 256 MiB on its standard error", err);
        if (w->cancel && w->cancel(w->user)) {
            end_process(w);
            return xl_fail(err, XLSTM_ECANCELLED, "stopped");
        }
        if (xl_now_s() >= until) {
            char what[64], number[XL_NUMBER_TEXT];
            snprintf(what, sizeof what, "did not answer within %s s", xl_number_rounded(number, seconds, 3));
            return give_up(w, what, err);
        }
    }
    return XLSTM_OK;
}

/* What it did while nothing was asked is not the fault of the next point. */
int tune_worker_look(tune_worker *w, bool *running, xlstm_error *err) {
    *running = false;
    if (!w->guard.pid) return XLSTM_OK;
    if (!read_some(w, OUT)) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    if (w->used || w->fd[OUT] < 0) end_process(w);
    *running = w->guard.pid > 0;
    return XLSTM_OK;
}

bool tune_worker_misspoke(const tune_worker *w) {
    return w->misspoke;
}

static int check_id(tune_worker *w, json_t **answer, unsigned id, xlstm_error *err) {
    const json_t *found = json_object_get(*answer, "id");
    const bool same = json_is_integer(found) && json_integer_value(found) == id;
    if (same && !json_object_del(*answer, "id")) return XLSTM_OK;
    json_decref(*answer);
    *answer = NULL;
    return misspoke(w, "its answer has not the id of the request", err);
}

int tune_worker_ask(tune_worker *w, json_t *request, double seconds, json_t **answer, xlstm_error *err) {
    *answer = NULL;
    const unsigned id = ++w->asked;
    json_object_set_new(request, "id", json_integer(id));
    char *text = json_dumps(request, JSON_COMPACT | JSON_REAL_PRECISION(17));
    char *line = text ? xl_format("%s\n", text) : NULL;
    free(text);
    if (!line) return xl_fail(err, XLSTM_ENOMEM, "worker: out of memory");
    int status = w->guard.pid ? XLSTM_OK : start(w, err);
    w->noise = 0;
    w->misspoke = false;
    if (!status) status = exchange(w, line, strlen(line), seconds, answer, err);
    free(line);
    return status ? status : check_id(w, answer, id, err);
}
