#include "cli/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

void cli_streams_prepare(void) {
    /* Open for reading alone, standard output refuses what is written to it instead of losing it in silence. */
    static const int modes[] = {O_RDONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) != -1) continue;
        /* open gives the lowest free number, which is this one. */
        if (open("/dev/null", modes[fd]) < 0) _exit(1);
    }
    signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
}

void cli_say_list(const char *command, const char *format, va_list args) {
    char line[4096];
    vsnprintf(line, sizeof line, format, args);
    xl_utf8_clean(line);
    fprintf(stderr, "xltune%s%s: %s\n", command ? " " : "", command ? command : "", line);
}

void cli_say(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cli_say_list(command, format, args);
    va_end(args);
}

static int lost; /* errno of the first flush that failed */

bool cli_flush(void) {
    if (!fflush(stdout)) return !lost;
    if (!lost) lost = errno;
    return false;
}

int cli_streams_finish(const char *command, int code) {
    cli_flush();
    bool failed = ferror(stdout) != 0;
    if (fclose(stdout) && !lost) lost = errno;
    if ((!lost && !failed) || code) return code;
    cli_say(command, "standard output: cannot write: %s", lost ? strerror(lost) : "a part of it was lost");
    return 1;
}
