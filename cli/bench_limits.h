/* What the machine can do at most, measured by `xltune bench` before each sample and after it, because a machine's
 * speed may change within seconds. */
#ifndef CLI_BENCH_LIMITS_H
#define CLI_BENCH_LIMITS_H

#include <xlstm/roofline.h>

#include "cli/bench_table.h"

/* Begin with {0}: nothing is measured, and the calls below do nothing. */
typedef struct bench_limits {
    xlstm_probe *probe;   /* NULL: nothing is measured */
    xlstm_roofline *best; /* the highest rates seen */
    double before;        /* tokens per second that the limit allowed before the sample at hand */
} bench_limits;

/* Measures all limits into *best, which must outlive `l`. */
int bench_limits_open(bench_limits *l, const char *device, xlstm_roofline *best, xlstm_error *err);
void bench_limits_close(bench_limits *l);

/* Sets the limit that bounds a row, whose settings are those in force. */
void bench_limits_choose(const bench_limits *l, bench_row *row);

/* Between two samples: the last one of `done` has been taken (NULL: there was none), and one of `next` follows
 * (NULL: none). Sets limits_ts of done's last sample to the mean of what was measured before and after it. */
int bench_limits_between(bench_limits *l, bench_row *done, const bench_row *next, xlstm_error *err);

#endif
