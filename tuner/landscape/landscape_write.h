/* What was measured of a space as a landscape (landscape.h), so that strategies can be replayed against it. */
#ifndef TUNE_LANDSCAPE_WRITE_H
#define TUNE_LANDSCAPE_WRITE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/space/space.h"

/* One point. */
typedef struct tune_measured {
    uint32_t point;
    double seconds; /* that measuring it took */
    double *ms;     /* [count] its single times */
    size_t count;   /* 0: it is invalid */
} tune_measured;

/* Writes points[count], each once and in the order of their ids: `path` as CSV (gzip where it ends in .gz) with a
 * column a parameter, time (ms, the mean; empty: invalid), cost_s and times (joined by ';'), an entry of
 * spaces.json beside it with the parameters' ordered values and `facts` (an object, borrowed: where and how it was
 * measured, the processor as machine.cpu), and the same in Kernel Tuner's cache format beside it as
 * <name>.kernel_tuner.json, there with every setting of the space, equal ones too. A pipe or device gets the CSV
 * alone. Each file is whole or as it was; entries of other landscapes stay. */
int tune_landscape_write(const char *path, const tune_space *space, const tune_measured *points, size_t count,
                         json_t *facts, xlstm_error *err);

/* Whether a landscape could be written there, before hours are spent on measuring it: makes its folder, and refuses
 * a spaces.json that cannot be read. */
int tune_landscape_write_check(const char *path, xlstm_error *err);

#endif
