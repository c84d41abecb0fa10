/* Where the output of an action goes: to --out FILE, or to standard output. Mostly it is collected in memory and
 * written whole at the end, so that an action that fails leaves nothing behind. */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include <stdbool.h>
#include <stdio.h>

#include "base/output.h"

typedef struct cli_sink {
    FILE *stream; /* what the action writes to */
    /* Private. */
    const char *path; /* NULL: standard output */
    char *text;
    size_t bytes;
    xl_output *file;
    bool collected;
} cli_sink;

/* `path` is that of --out, NULL or "-" for standard output; it must outlive the sink. `flows`: the output may be
 * longer than memory holds. It is not collected then: a file still appears whole at the end or not at all, but a
 * pipe gets what there was before the action failed. What is for a terminal is always collected. */
int cli_sink_open(cli_sink *s, const char *path, bool flows, xlstm_error *err);
/* Writes what was collected, and closes the sink. `status` is the action's result, which is returned where it
 * failed; nothing more is written then. */
int cli_sink_close(cli_sink *s, int status, xlstm_error *err);

#endif
