/* What a long step is at: one line on standard error where that is a terminal, and nothing elsewhere. For the main
 * thread. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stddef.h>

/* "WHAT done/total"; total 0: unknown, then the seconds since the step began. done == total ends the step. To be
 * called often: it shows nothing of a step shorter than half a second and draws ten times a second at most. */
void cli_progress(const char *what, size_t done, size_t total);
/* The step is over: its line is taken away. To be called before anything else is printed. */
void cli_progress_end(void);

#endif
