/* Writes a measured space as a landscape (landscape.h), against which strategies can be replayed. */
#ifndef TUNE_LANDSCAPE_WRITE_H
#define TUNE_LANDSCAPE_WRITE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/space/space.h"

/* The measurements of one point. */
typedef struct tune_measured {
    uint32_t point;
    double seconds; /* duration of its measurement */
    double *ms;     /* [count]: the single times, in milliseconds */
    size_t count;   /* 0: the point is invalid */
} tune_measured;

/* Writes the points, each once and in the order of their ids, into three files. `path` is a CSV file (gzip where
 * it ends in .gz) with a column for each parameter, time (the mean in ms; empty: invalid), cost_s and times
 * (joined by ';'). spaces.json beside it gets an entry with the ordered values of the parameters and `facts`, a
 * borrowed object that says where and how it was measured (the processor is its machine.cpu); entries of other
 * landscapes stay. <name>.kernel_tuner.json beside it is Kernel Tuner's cache file, with every setting of the
 * space, also those that are equal in effect. A pipe or device gets only the CSV. Each file is written completely
 * or not at all. */
int tune_landscape_write(const char *path, const tune_space *space, const tune_measured *points, size_t count,
                         json_t *facts, xlstm_error *err);

/* Checks, before hours are spent on measuring, whether a landscape could be written there: makes its folder, and
 * refuses a spaces.json that cannot be read. */
int tune_landscape_write_check(const char *path, xlstm_error *err);

#endif
