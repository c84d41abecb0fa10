#include "tuner/report/gnuplot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

static void child(const char *program, int in, int out) {
    int null = open("/dev/null", O_WRONLY);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) _exit(126);
    execlp(program, program, "-", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Writes the script to gnuplot. EPIPE means that gnuplot ended early, which its exit code explains better. */
static void feed(int fd, const char *script) {
    size_t left = strlen(script);
    while (left > 0) {
        ssize_t n = write(fd, script, left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        script += n;
        left -= (size_t)n;
    }
}

static void first_line(FILE *f, char *line, int size) {
    rewind(f);
    line[0] = '\0';
    while (fgets(line, size, f)) {
        char *text = line + strspn(line, " \t^\r\n");
        if (!*text) continue;
        text[strcspn(text, "\r\n")] = '\0';
        memmove(line, text, strlen(text) + 1);
        return;
    }
}

int tune_gnuplot_run(const char *program, const char *script, xlstm_error *err) {
    if (!program) program = "gnuplot";
    /* gnuplot's messages go to a file, because a second pipe could fill up while nobody reads it. */
    FILE *complaints = tmpfile();
    int ends[2];
    if (!complaints) return xl_fail(err, XLSTM_EIO, "gnuplot: no temporary file: %s", strerror(errno));
    if (pipe(ends)) {
        fclose(complaints);
        return xl_fail(err, XLSTM_EIO, "gnuplot: pipe: %s", strerror(errno));
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        child(program, ends[0], fileno(complaints));
    }
    close(ends[0]);
    int status = 0, code = -1;
    if (pid < 0) {
        status = xl_fail(err, XLSTM_EIO, "gnuplot: %s", strerror(errno));
    } else {
        struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
        sigaction(SIGPIPE, &ignore, &before);
        feed(ends[1], script);
        close(ends[1]);
        ends[1] = -1;
        while (waitpid(pid, &code, 0) < 0 && errno == EINTR) {
        }
        sigaction(SIGPIPE, &before, NULL);
    }
    if (ends[1] >= 0) close(ends[1]);
    if (!status && code != 0) {
        char line[200];
        first_line(complaints, line, sizeof line);
        if (WIFEXITED(code) && WEXITSTATUS(code) == 127) {
            status = xl_fail(
                err, XLSTM_EUNSUPPORTED,
                "%s is not there: pictures need gnuplot (Debian: gnuplot-nox, Mac: brew install gnuplot)", program);
        } else {
            status = xl_fail(err, XLSTM_EIO, "%s failed: %s", program, line[0] ? line : "no message");
        }
    }
    fclose(complaints);
    return status;
}

static bool safe(unsigned char c) {
    return c >= ' ' && c != 0x7f && c != '`';
}

void tune_plot_quote(FILE *out, const char *text) {
    int written = 0;
    fputc('\'', out);
    for (; *text && written < 60; text++, written++) {
        unsigned char c = (unsigned char)*text;
        /* Bytes above 127 may be invalid UTF-8, which gnuplot would copy into the SVG. */
        if (c == '\'') fputs("''", out);
        else fputc(safe(c) && c < 0x80 ? c : '?', out);
    }
    fputc('\'', out);
}

void tune_plot_quote_path(FILE *out, const char *path) {
    /* gnuplot takes a ~ at the beginning for the user's folder, and what follows a | for a command. */
    fputs(*path == '/' ? "\"" : "\"./", out);
    for (; *path; path++) {
        const unsigned char c = (unsigned char)*path;
        if (isalnum(c) || strchr("/._-", c)) fputc(c, out);
        else fprintf(out, "\\%03o", c);
    }
    fputc('"', out);
}
