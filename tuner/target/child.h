/* Runs a program once, times it, and keeps what it prints; whatever it does, it ends, and nothing of it stays. */
#ifndef TUNE_CHILD_H
#define TUNE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

typedef struct tune_child_options {
    char *const *argv;     /* ends with NULL; the program is looked for in PATH */
    double seconds;        /* it is ended after so long; INFINITY: never */
    uint64_t memory;       /* bytes of address space that each of its processes may have; 0: no limit */
    uint64_t output;       /* it is ended when it has printed more bytes than this */
    size_t keep;           /* so many bytes of what it prints are kept, of each stream: the last ones */
    bool discard;          /* its standard output goes to /dev/null; nothing of it is hashed or kept */
    int (*cancel)(void *); /* asked about ten times a second; non-zero ends it; may be NULL */
    void *user;
} tune_child_options;

typedef enum tune_child_end {
    TUNE_CHILD_EXITED, /* `code` is its exit code */
    TUNE_CHILD_KILLED, /* by the signal `code` */
    TUNE_CHILD_TOO_LONG,
    TUNE_CHILD_TOO_LOUD /* it printed more than it may */
} tune_child_end;

typedef struct tune_child_result {
    tune_child_end end;
    int code;
    double wall_s;       /* from its start to its end */
    double cpu_s;        /* user and system time, of its own children too where it waited for them */
    double peak_mb;      /* MiB of memory, of the largest of its processes; never less than xltune's own */
    uint64_t out_bytes;  /* printed on standard output */
    uint64_t hash;       /* of standard output; never 0 */
    char *text[2];       /* the end of standard output and of standard error, NUL-terminated: all, where that is no
                            more than `keep`, otherwise about half as much at least, from a line's beginning on */
    size_t bytes[2];     /* of them */
    char last_line[160]; /* the last line with text on standard error */
} tune_child_result;

/* Runs it under a guard (guard.h), with standard input from /dev/null; what it leaves behind is ended.
 * XLSTM_ECANCELLED; XLSTM_EIO where it cannot be started; XLSTM_ENOMEM. However it ended, *out is filled where
 * XLSTM_OK is returned, and then to be cleared. */
int tune_child_run(const tune_child_options *options, tune_child_result *out, xlstm_error *err);
void tune_child_clear(tune_child_result *result);

/* Whether a program of this name can be found and run. */
bool tune_child_exists(const char *program);
/* The path of a program as PATH finds it, malloc'd; NULL where there is none. */
char *tune_child_path(const char *program);

#endif
