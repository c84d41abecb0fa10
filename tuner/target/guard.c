#include "tuner/target/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "base/clock.h"
#include "base/error.h"

/* Descriptors of the guard, beside the three standard streams. */
enum { ORDER = 3, REPORT = 4, COUNT = 5 };
enum { ROUNDS = 20, DESCRIPTORS_MOST = 1 << 16 };

/* ---- in the guard and the program: after fork, only functions that are safe there ---- */

/* The program itself. */
static void become(char *const *argv, uint64_t memory, int error) {
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
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

static void close_from(int first) {
#if defined(__linux__) && defined(SYS_close_range)
    if (!syscall(SYS_close_range, (unsigned)first, UINT_MAX, 0)) return;
#endif
    const long most = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (most > 0 && most < DESCRIPTORS_MOST ? (int)most : DESCRIPTORS_MOST); fd++) close(fd);
}

/* Keeps the program's streams and this guard's own descriptors, at their numbers, and nothing else of xltune. */
static bool keep_only(const int streams[3], int order, int report) {
    int from[COUNT] = {streams[0], streams[1], streams[2], order, report};
    for (int i = 0; i < COUNT; i++) {
        if (from[i] < 0) from[i] = open("/dev/null", O_RDWR);
        from[i] = fcntl(from[i], F_DUPFD, COUNT); /* away from the numbers that are wanted */
        if (from[i] < 0) return false;
    }
    for (int i = 0; i < COUNT; i++) dup2(from[i], i);
    close_from(COUNT);
    fcntl(ORDER, F_SETFD, FD_CLOEXEC);
    fcntl(REPORT, F_SETFD, FD_CLOEXEC);
    return true;
}

static void put_aside(int signal_number) {
    (void)signal_number; /* it only interrupts pselect */
}

/* What a terminal or a user sends to xltune is for xltune to answer. */
static void set_signals(sigset_t *waiting) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t child;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
    struct sigaction seen = {.sa_handler = put_aside};
    sigaction(SIGCHLD, &seen, NULL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    sigemptyset(waiting);
}

/* It is not reaped yet, so that its number stays that of its group. */
static bool is_over(pid_t pid) {
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && errno == EINTR) {
    }
    return info.si_pid != 0;
}

/* Waits until the program has ended, or is to be ended; passes the signals on that are ordered, a byte each. */
static void watch(pid_t pid, const sigset_t *waiting) {
    while (!is_over(pid)) {
        unsigned char number;
        fd_set order;
        FD_ZERO(&order);
        FD_SET(ORDER, &order);
        if (pselect(ORDER + 1, &order, NULL, NULL, NULL, waiting) <= 0) continue;
        if (read(ORDER, &number, 1) != 1) return;
        kill(-pid, number);
    }
}

/* Kills the processes that became children of the guard because the program that started them is gone. */
static bool kill_orphans(void) {
    bool any = false;
#ifdef __linux__
    char text[4096];
    const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    pid_t pid = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            pid = 10 * pid + (text[i] - '0');
            continue;
        }
        if (pid > 0) {
            kill(pid, SIGKILL);
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
            }
            any = true;
        }
        pid = 0;
    }
#endif
    return any;
}

static void finish(pid_t pid, tune_guard_report *report) {
    kill(-pid, SIGKILL);
    while (wait4(pid, &report->status, 0, &report->use) < 0 && errno == EINTR) {
    }
    /* What it started itself may become a child of this process only when its own parent is gone. */
    for (int round = 0; round < ROUNDS && kill_orphans(); round++) {
    }
}

/* Starts the program, and tells xltune the error number of that, or 0. */
static pid_t start(char *const *argv, uint64_t memory) {
    int error[2], code = 0;
    pid_t pid = -1;
    if (!tune_pipe_open(error)) code = errno;
    else {
        pid = fork();
        if (!pid) become(argv, memory, error[1]);
        if (pid < 0) code = errno;
        setpgid(pid, pid); /* also here, since who comes first is not known */
        close(error[1]);
        while (read(error[0], &code, sizeof code) < 0 && errno == EINTR) {
        }
        close(error[0]);
        if (code && pid > 0) waitpid(pid, NULL, 0);
    }
    const ssize_t told = write(REPORT, &code, sizeof code);
    return code || told < 0 ? -1 : pid;
}

static void guard(char *const *argv, uint64_t memory, const int streams[3], int order, int report) {
    tune_guard_report r = {.status = 0};
    sigset_t waiting;
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
    set_signals(&waiting);
    if (!keep_only(streams, order, report)) _exit(1);
    r.began = xl_now_s();
    const pid_t pid = start(argv, memory);
    if (pid < 0) _exit(1);
    close_from(REPORT + 1);
    for (int i = 0; i < 3; i++) close(i); /* xltune sees the end of the program's streams */
    watch(pid, &waiting);
    r.ended = xl_now_s();
    finish(pid, &r);
    const ssize_t told = write(REPORT, &r, sizeof r);
    _exit(told != (ssize_t)sizeof r);
}

/* ---- in xltune ---- */

void tune_pipe_close(int pipe[2]) {
    for (int i = 0; i < 2; i++) {
        if (pipe[i] >= 0) close(pipe[i]);
        pipe[i] = -1;
    }
}

bool tune_pipe_open(int out[2]) {
    if (pipe(out)) {
        out[0] = out[1] = -1;
        return false;
    }
    for (int i = 0; i < 2; i++) fcntl(out[i], F_SETFD, FD_CLOEXEC);
    return true;
}

static bool read_whole(int fd, void *data, size_t bytes) {
    size_t have = 0;
    while (have < bytes) {
        const ssize_t n = read(fd, (char *)data + have, bytes - have);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) have += (size_t)n;
    }
    return true;
}

int tune_guard_start(char *const *argv, uint64_t memory, const int streams[3], tune_guard *out, xlstm_error *err) {
    int order[2] = {-1, -1}, report[2] = {-1, -1}, code = 0;
    *out = (tune_guard){.order = -1, .report = -1};
    if (!tune_pipe_open(order) || !tune_pipe_open(report)) code = errno;
    else if ((out->pid = fork()) < 0) code = errno;
    if (!code && !out->pid) guard(argv, memory, streams, order[0], report[1]);
    if (!code) {
        close(order[0]);
        close(report[1]);
        order[0] = report[1] = -1;
        if (!read_whole(report[0], &code, sizeof code)) code = EMFILE;
        if (code) waitpid(out->pid, NULL, 0);
    }
    if (code) {
        tune_pipe_close(order);
        tune_pipe_close(report);
        out->pid = 0;
        return xl_fail(err, XLSTM_EIO, "%s: %s", argv[0], strerror(code));
    }
    out->order = order[1];
    out->report = report[0];
    return XLSTM_OK;
}

bool tune_guard_has_ended(const tune_guard *g) {
    struct pollfd p = {.fd = g->report, .events = POLLIN};
    return g->pid > 0 && poll(&p, 1, 0) > 0;
}

void tune_guard_signal(const tune_guard *g, int number) {
    const unsigned char byte = (unsigned char)number;
    if (g->pid <= 0) return;
    while (write(g->order, &byte, 1) < 0 && errno == EINTR) {
    }
}

void tune_guard_end(tune_guard *g, tune_guard_report *report) {
    *report = (tune_guard_report){.status = SIGKILL};
    if (g->pid <= 0) return;
    close(g->order);
    if (!read_whole(g->report, report, sizeof *report)) /* the guard itself was killed, and the program with it */
        *report = (tune_guard_report){.status = SIGKILL, .ended = xl_now_s()};
    close(g->report);
    while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *g = (tune_guard){.order = -1, .report = -1};
}
