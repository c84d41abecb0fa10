/* Progress: one line on a terminal, drawn over and taken away again; nothing in a pipe, nothing for a short step.
 */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <sys/wait.h>

#include "cli/progress.h"
#include "helper.h"

static double now = 1000;

static double clock_s(void) {
    return now;
}

/* A long step of unknown length, one of known length, and a short one. */
static void steps(void) {
    cli_progress_use_clock(clock_s);
    cli_progress("loading", 0, 0);
    now += 0.7;
    cli_progress("loading", 0, 0);
    now += 0.09;
    cli_progress("loading", 0, 0); /* too soon to be drawn again */
    cli_progress("writing", 0, 8);
    now += 0.7;
    cli_progress("writing", 5, 8);
    cli_progress("writing", 8, 8);
    cli_progress("short", 1, 8);
    now += 0.49;
    cli_progress("short", 2, 8);
    cli_progress_end();
    cli_progress_end();
}

/* Runs the steps in a child whose standard error is `fd`, closes it, and reads what comes out at the other end. */
static void run_steps(int fd, int other, char *text, size_t size) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        dup2(fd, STDERR_FILENO);
        steps();
        _exit(0);
    }
    close(fd);
    size_t used = 0;
    ssize_t n;
    while (used + 1 < size && (n = read(other, text + used, size - 1 - used)) > 0) used += (size_t)n;
    text[used] = 0;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(other);
}

static void on_a_terminal(void **state) {
    char text[400];
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master)) TEST_SKIP("there are no pseudo-terminals");
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    run_steps(slave, master, text, sizeof text);
    assert_string_equal(text, "\rloading, 1 s\033[K\r\033[K\rwriting 5/8\033[K\r\033[K");
}

static void in_a_pipe(void **state) {
    char text[400];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    run_steps(ends[1], ends[0], text, sizeof text);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_terminal),
        cmocka_unit_test(in_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
