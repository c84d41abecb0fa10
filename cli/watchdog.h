/* A thread that watches the resident memory of this process against a soft and a hard limit. */
#ifndef CLI_WATCHDOG_H
#define CLI_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "cli/config.h"

typedef struct cli_watchdog cli_watchdog;

typedef struct cli_watchdog_options {
    uint64_t soft, hard;  /* bytes; 0: no such limit */
    int64_t poll_ms;      /* at least 50; less is taken as 50 */
    bool warn, release;   /* what the soft limit does: a line on standard error; ask for caches to be released */
    const char *log_path; /* NULL: no log; its folder is made */
} cli_watchdog_options;

/* Reads the options from the keys mem_soft_pct … mem_action; a limit in MiB replaces the one that is a share of all
 * memory. */
void cli_watchdog_options_read(const cli_config *cfg, cli_watchdog_options *options);

/* Starts the thread, which reads the memory in use at once. The columns of the log are
 * ts,rss_mb,avail_mb,total_mb,mps_alloc_mb,mps_reserved_mb; the last two are those of a device and 0.0 on a CPU. */
int cli_watchdog_start(cli_watchdog **out, const cli_watchdog_options *options, xlstm_error *err);
/* Reads the memory once more, ends the thread and closes the log. NULL is accepted. EIO: a line of the log could
 * not be written. */
int cli_watchdog_stop(cli_watchdog *watchdog, xlstm_error *err);

/* Reads the memory now, in the caller's thread, without a line in the log. */
void cli_watchdog_look(cli_watchdog *watchdog);
/* Whether the hard limit was passed; *rss and *limit (may be NULL) then say by what, in bytes. */
bool cli_watchdog_hard(const cli_watchdog *watchdog, uint64_t *rss, uint64_t *limit);
/* Whether the soft limit asked for caches to be released since the last call. */
bool cli_watchdog_take_release(cli_watchdog *watchdog);

#endif
