/* The three standard streams: how they are prepared, how messages are printed, and how standard output is
 * closed. */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

/* To be called once, before anything is opened. Descriptors 0 to 2 that are closed are opened on /dev/null, so that
 * no file that the program opens gets their numbers; standard output is opened such that writing to it fails.
 * SIGPIPE and SIGXFSZ are ignored: a reader that is gone or a file that reaches its size limit is then an error of
 * the write, and a long run can still finish its work. */
void cli_streams_prepare(void);

/* Prints one line on standard error, "xltune COMMAND: …" ("xltune: …" where command is NULL). All messages go
 * through this function, which cleans texts from files and flags with xl_utf8_clean. */
void cli_say(const char *command, const char *format, ...) XLSTM_PRINTF(2, 3);
void cli_say_list(const char *command, const char *format, va_list args) XLSTM_PRINTF(2, 0);

/* Makes a text from a file, a folder's name or a flag fit to be printed on standard output for people. Returns
 * `text` itself, or where it contains characters that xl_utf8_clean removes a cleaned copy, which lives until the
 * end of the program; "out of memory" where there is no memory for the copy. */
const char *cli_plain(const char *text);

/* Writes data of a fixed form (csv, JSON) to standard output: unchanged, or where that is a terminal without
 * control characters other than newlines and tabs. `data` must be NUL-terminated and may be changed. */
void cli_put(char *data, size_t bytes);

/* Flushes standard output. Returns false on failure, so that the caller can stop printing; cli_streams_finish
 * reports it. */
bool cli_flush(void);

/* To be called once, at the very end: flushes and closes standard output and returns the exit code. That is `code`;
 * or 1, after a message, where `code` is 0 and anything printed was lost. Where it was lost because the reader of a
 * pipe is gone (head), the process ends itself by SIGPIPE without a message, as other programs do. Commands
 * therefore need not check what printf returns. */
int cli_streams_finish(const char *command, int code);

#endif
