/* The three standard streams: how they begin, how a message leaves, and how standard output ends. */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

/* To be called once, before anything is opened. A closed descriptor from 0 to 2 is opened on /dev/null, so that no
 * file of ours gets its number, and standard output so that writing to it fails. SIGPIPE and SIGXFSZ are ignored: a
 * reader that went away, or a file above its size limit, then is an error of the write, and a long run still ends
 * its work. */
void cli_streams_prepare(void);

/* Prints one line on standard error, "xltune COMMAND: …" ("xltune: …" where command is NULL). All messages go
 * through this function, which cleans texts from files and flags with xl_utf8_clean. */
void cli_say(const char *command, const char *format, ...) XLSTM_PRINTF(2, 3);
void cli_say_list(const char *command, const char *format, va_list args) XLSTM_PRINTF(2, 0);

/* A text from a file, a folder's name or a flag as it may stand in a line of standard output that people read:
 * `text` itself, or where it holds what xl_utf8_clean takes out a cleaned copy, which lives until the end of the
 * program; "out of memory" where there is none for the copy. */
const char *cli_plain(const char *text);

/* Writes data whose form is fixed (csv, JSON) to standard output: to the byte, but where that is a terminal without
 * control characters other than newlines and tabs. `data` is NUL-terminated and may be changed. */
void cli_put(char *data, size_t bytes);

/* Writes out what was printed so far. cli_streams_finish reports a failure; false tells a caller that would print
 * more. */
bool cli_flush(void);

/* Once, at the very end: writes out standard output and closes it. `code`, or where it is 0 and anything that was
 * printed was lost, 1 after a line that says so; where it was lost because the reader of a pipe went away (head),
 * the process ends itself by SIGPIPE without a word, as other programs do. Commands need not look at what printf
 * returns. */
int cli_streams_finish(const char *command, int code);

#endif
