/* A thread that watches the resident memory of this process against a soft and a hard limit. */
#ifndef CLI_WATCHDOG_H
#define CLI_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "cli/config.h"

typedef struct cli_watchdog cli_watchdog;

typedef struct cli_watchdog_options {
    uint64_t soft, hard; /* in bytes; 0: no such limit */
    int64_t poll_ms;     /* at least 50; smaller values are taken as 50 */
    bool warn,
        release; /* what happens above the soft limit: a line on standard error; caches are asked to be released */
    const char *log_path; /* NULL: no log; the folder is created where it is missing */
} cli_watchdog_options;

/* Reads the options from the keys mem_soft_pct … mem_action. A limit given in MiB replaces the one given as a
 * percentage of the machine's memory. */
void cli_watchdog_options_read(const cli_config *cfg, cli_watchdog_options *options);

/* Starts the thread, which reads the memory in use at once. The columns of the log are
 * ts,rss_mb,avail_mb,total_mb,mps_alloc_mb,mps_reserved_mb; the last two concern a GPU and are 0.0 on a CPU. On
 * success the caller ends it with cli_watchdog_stop. */
int cli_watchdog_start(cli_watchdog **out, const cli_watchdog_options *options, xlstm_error *err);
/* Reads the memory once more, ends the thread, closes the log and frees the watchdog. NULL is accepted. EIO: a line
 * of the log could not be written. */
int cli_watchdog_stop(cli_watchdog *watchdog, xlstm_error *err);

/* Reads the memory in use now, in the caller's thread, without writing a line to the log. */
void cli_watchdog_look(cli_watchdog *watchdog);
/* Whether the hard limit was exceeded; *rss and *limit (both may be NULL) then hold the memory in use and the
 * limit, in bytes. */
bool cli_watchdog_hard(const cli_watchdog *watchdog, uint64_t *rss, uint64_t *limit);
/* Whether the soft limit asked for caches to be released since the last call. */
bool cli_watchdog_take_release(cli_watchdog *watchdog);

#endif
