/* A guard is a small process between xltune and a program that it runs. It starts the program, takes its time, and
 * ends it and all that it started as soon as xltune asks for that or is gone, in whatever way xltune ended: what
 * xltune itself would do at its end is not done after SIGKILL. */
#ifndef TUNE_GUARD_H
#define TUNE_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <xlstm/status.h>

typedef struct tune_guard {
    pid_t pid;  /* of the guard; 0: none is running */
    int order;  /* the program is ended when this is closed */
    int report; /* becomes readable when the program has ended, by itself or not */
} tune_guard;

typedef struct tune_guard_report {
    int status;          /* of the program, as waitpid gives it */
    struct rusage use;   /* of the program, and of its children where it waited for them */
    double began, ended; /* xl_now_s */
} tune_guard_report;

/* Starts a program, which is looked for in PATH, in a process group of its own; `argv` ends with NULL. `streams`
 * become its standard streams; -1: /dev/null. They stay open here, and need FD_CLOEXEC. `memory`: bytes of address
 * space that each of its processes may have; 0: no limit. XLSTM_EIO where it cannot be started. */
int tune_guard_start(char *const *argv, uint64_t memory, const int streams[3], tune_guard *out, xlstm_error *err);
/* Sends a signal to the program's process group, for a program that ends in an orderly way when it is asked to;
 * ignored where none is running. SIGPIPE must be ignored. */
void tune_guard_signal(const tune_guard *g, int number);
/* Whether the program has ended by itself. */
bool tune_guard_has_ended(const tune_guard *g);
/* Kills the program's process group, and on Linux also what left the group, waits for them, and releases the guard.
 */
void tune_guard_end(tune_guard *g, tune_guard_report *report);

/* A pipe whose ends are closed on exec; {-1, -1} where false is returned, with errno. */
bool tune_pipe_open(int out[2]);
/* Closes the ends that are not -1. */
void tune_pipe_close(int pipe[2]);

#endif
