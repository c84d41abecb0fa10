/* Signals, to which a command responds at its next safe point. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/* From this call on SIGINT, SIGTERM and SIGHUP are remembered, SIGUSR1 asks for caches to be released, and SIGCONT
 * is passed to the measurement. A second signal of the same kind ends the process at once. SIGHUP stays ignored
 * where it was ignored before (nohup). */
void cli_signals_install(void);
/* Handles SIGCONT only, for the processes of the last comparison. */
void cli_signals_install_continue(void);
/* 0, or the one of SIGINT, SIGTERM and SIGHUP that came first. */
int cli_signals_stop(void);
/* 0, or the exit code for it: 130, 143, 129. */
int cli_signals_code(void);
/* Its name, "SIGINT"; "" where none came. */
const char *cli_signals_name(void);
/* Whether SIGUSR1 came since the last call. */
bool cli_signals_take_release(void);
/* An xlstm_cancel_fn: non-zero once one of them came. */
int cli_signals_cancel(void *user);

#endif
