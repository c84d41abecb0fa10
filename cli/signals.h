/* Signals that a command answers at its next safe point. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/* From now on SIGINT and SIGTERM are remembered, SIGUSR1 asks for caches to be released. A second SIGINT or SIGTERM
 * ends the process at once. */
void cli_signals_install(void);
/* 0, or the SIGINT or SIGTERM that came first. */
int cli_signals_stop(void);
/* 0, or the exit code for it: 130, 143. */
int cli_signals_code(void);
/* Whether SIGUSR1 came since the last call. */
bool cli_signals_take_release(void);
/* An xlstm_cancel_fn: non-zero once SIGINT or SIGTERM came. */
int cli_signals_cancel(void *user);

#endif
