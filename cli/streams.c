#include "cli/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

void cli_streams_prepare(void) {
    /* Standard output is opened for reading only, so that writing to it fails and the loss is noticed. */
    static const int modes[] = {O_RDONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) != -1) continue;
        /* open returns the lowest free descriptor, which is this one. */
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

typedef struct kept {
    struct kept *next;
    char text[];
} kept;
static kept *copies;

const char *cli_plain(const char *text) {
    if (xl_utf8_is_clean(text)) return text;
    const size_t bytes = strlen(text) + 1;
    kept *copy = malloc(sizeof *copy + bytes);
    if (!copy) return "out of memory";
    memcpy(copy->text, text, bytes);
    xl_utf8_clean(copy->text);
    copy->next = copies;
    copies = copy;
    return copy->text;
}

static void drop_copies(void) {
    while (copies) {
        kept *next = copies->next;
        free(copies);
        copies = next;
    }
}

void cli_put(char *data, size_t bytes) {
    if (!isatty(STDOUT_FILENO)) {
        fwrite(data, 1, bytes, stdout);
        return;
    }
    for (char *part = data; *part;) {
        const size_t length = strcspn(part, "\n\t");
        const char end = part[length];
        part[length] = 0;
        char *next = part + length + (end != 0);
        xl_utf8_clean(part);
        fputs(part, stdout);
        if (end) putchar(end);
        part = next;
    }
}

static int lost; /* errno of the first flush that failed */

bool cli_flush(void) {
    if (!fflush(stdout)) return !lost;
    if (!lost) lost = errno;
    return false;
}

/* Whether standard output is a pipe or socket whose reader is gone. Writes that stdio makes by itself do not report
 * their error, so the descriptor is asked. */
static bool reader_left(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

int cli_streams_finish(const char *command, int code) {
    cli_flush();
    bool failed = ferror(stdout) != 0, left = (lost || failed) && (lost == EPIPE || reader_left());
    if (fclose(stdout) && !lost) lost = errno;
    drop_copies();
    if (code || (!lost && !failed)) return code;
    if (left) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
        _exit(128 + SIGPIPE); /* reached where the signal is blocked */
    }
    cli_say(command, "standard output: cannot write: %s", lost ? strerror(lost) : "a part of it was lost");
    return 1;
}
