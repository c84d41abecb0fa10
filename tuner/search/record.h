/* What a strategy was told, a row a point: the ground that the strategies share. Private to tuner/search. */
#ifndef TUNE_RECORD_H
#define TUNE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/search/strategy.h"
#include "tuner/space/space.h"

typedef struct tune_seen {
    uint32_t point;
    int samples;    /* finite values told */
    int failures;   /* NaN told */
    double mean;    /* of the values' logarithms */
    double squares; /* sum of squared differences from it */
    double first;   /* logarithm of the first value */
} tune_seen;

typedef struct tune_record {
    const tune_space *space;
    uint32_t *row;  /* [ids] index into seen + 1; 0: never told */
    uint8_t *asked; /* [ids] asked and not told yet */
    size_t ids;     /* points that `row` and `asked` have room for */
    /* Where the space is not counted: a fresh point, found ahead, so that it is known whether one is left. */
    uint32_t spare;
    tune_walk walk; /* looks for it where drawing finds none */
    xl_rng rng;     /* draws it */
    tune_seen *seen;
    size_t count, room;
    size_t pending; /* points with asked set and never told */
    int told;       /* values told in all, failures too */
} tune_record;

int tune_record_init(tune_record *r, const tune_space *space, xlstm_error *err);
void tune_record_release(tune_record *r);

/* NULL where the point was never told; valid until the next tell. */
tune_seen *tune_record_find(const tune_record *r, uint32_t point);
int tune_record_tell(tune_record *r, uint32_t point, double value, xlstm_error *err);
int tune_record_ask(tune_record *r, uint32_t point, xlstm_error *err);

/* Neither told nor asked. */
bool tune_record_fresh(const tune_record *r, uint32_t point);
bool tune_record_any_fresh(const tune_record *r);
/* A fresh point, each equally likely while many are; TUNE_NO_POINT where none is. */
uint32_t tune_record_random_fresh(const tune_record *r, xl_rng *rng);

/* Pooled variance of the logarithm of one told value, from points told repeatedly; *freedom: its degrees of freedom
 * (0: nothing was repeated, the result is 0). */
double tune_record_noise(const tune_record *r, int *freedom);
/* The point of the least mean and that mean: right where values have no noise. */
void tune_record_best(const tune_record *r, tune_best *out);

#endif
