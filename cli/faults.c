#include "cli/faults.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mapped.h"

static int out = STDERR_FILENO;
static const char *before = "", *after = "";
static atomic_flag said = ATOMIC_FLAG_INIT;

static void append(char *line, size_t room, size_t *used, const char *text, int clean) {
    for (; *text && *used < room; text++) {
        unsigned char c = (unsigned char)*text;
        /* A path may hold anything; the line may go to a terminal, or be JSON. */
        line[(*used)++] = clean && (c < 0x20 || c == 0x7f || c == '"' || c == '\\') ? '?' : (char)c;
    }
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)context;
    const char *path = info->si_code > 0 ? xl_mapped_path(info->si_addr) : NULL;
    if (path) {
        /* Several threads read the file; the first one speaks and ends the process. */
        while (atomic_flag_test_and_set(&said)) pause();
        char line[4600];
        size_t used = 0;
        append(line, sizeof line, &used, before, 0);
        append(line, sizeof line, &used, path, 1);
        append(line, sizeof line, &used, after, 0);
        ssize_t written = write(out, line, used);
        (void)written;
        _exit(1);
    }
    /* Not of a file: what the system does by itself. The access is made again, a signal that was sent is sent
     * again.
     */
    signal(number, SIG_DFL);
    if (info->si_code <= 0) raise(number);
}

void cli_faults_install(int fd, const char *first, const char *last) {
    struct sigaction action;
    out = fd;
    before = first;
    after = last;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_bus_error;
    sigaction(SIGBUS, &action, NULL);
}
