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
        /* A path may contain any byte, and the line may go to a terminal or be JSON. */
        line[(*used)++] = clean && (c < 0x20 || c == 0x7f || c == '"' || c == '\\') ? '?' : (char)c;
    }
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)context;
    const char *path = info->si_code > 0 ? xl_mapped_path(info->si_addr) : NULL;
    if (path) {
        /* Several threads may read the file at once. The first one writes the message and ends the process, the
         * others wait. */
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
    /* Not caused by a mapped file: the default action is restored. The access will be repeated and meet it; a
     * signal that another process sent is raised again. */
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
