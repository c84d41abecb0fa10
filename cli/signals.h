/* Signals; a command responds to them at its next safe point. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/* From this call on SIGINT, SIGTERM and SIGHUP are remembered, SIGUSR1 asks for caches to be released, and SIGCONT
 * is reported to the measurement. A second signal of the same kind ends the process at once. SIGHUP stays ignored
 * where it was ignored before (nohup). */
void cli_signals_install(void);
/* Handles only SIGUSR1, which would end a program that has just begun; it is remembered until caches can be
 * released. */
void cli_signals_install_release(void);
/* Handles only SIGCONT; for the processes of the last comparison. */
void cli_signals_install_continue(void);
/* Returns 0, or which of SIGINT, SIGTERM and SIGHUP came first. */
int cli_signals_stop(void);
/* Returns 0, or the exit code for that signal: 130, 143 or 129. */
int cli_signals_code(void);
/* Returns the name of that signal, "SIGINT"; "" where none came. */
const char *cli_signals_name(void);
/* Returns whether SIGUSR1 came since the last call. */
bool cli_signals_take_release(void);
/* An xlstm_cancel_fn: returns non-zero once SIGINT, SIGTERM or SIGHUP came. */
int cli_signals_cancel(void *user);

#endif
