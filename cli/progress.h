/* Shows the progress of a long step in one line on standard error, where that is a terminal; shows nothing
 * elsewhere. Only for the main thread. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stddef.h>

/* Shows "WHAT done/total"; where total is 0 (unknown), the seconds since the step began. done == total ends the
 * step. It may be called often: it shows nothing for a step shorter than half a second, and draws at most ten times
 * a second. */
void cli_progress(const char *what, size_t done, size_t total);
/* Ends the step and removes its line. Must be called before anything else is printed. */
void cli_progress_end(void);
/* From now on seconds come from this clock, which is xl_now_s at first; for tests. */
void cli_progress_use_clock(double (*clock)(void));

#endif
