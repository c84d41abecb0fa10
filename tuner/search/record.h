/* The record of what a strategy was told, one row for each point; used by all strategies. Private to
 * tuner/search. */
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
    int samples;    /* number of finite values told */
    int failures;   /* number of NaN told */
    double mean;    /* of the logarithms of the values */
    double squares; /* sum of the squared differences of the logarithms from their mean */
    double first;   /* logarithm of the first value */
} tune_seen;

typedef struct tune_record {
    const tune_space *space;
    uint32_t *row;  /* [ids]: index into `seen`, plus 1; 0: never told */
    uint8_t *asked; /* [ids]: whether the point was asked for and not told yet */
    size_t ids;     /* length of `row` and `asked` */
    /* Where the space is not counted: a fresh point found in advance, which shows that there is still one. */
    uint32_t spare;
    tune_walk walk; /* finds it where drawing does not */
    xl_rng rng;     /* draws it */
    tune_seen *seen;
    size_t count, room;
    uint32_t *flight; /* [pending]: the points that were asked for and never told, in the order of asking */
    size_t pending, flight_room;
    int told; /* number of values told, failures included */
} tune_record;

int tune_record_init(tune_record *r, const tune_space *space, xlstm_error *err);
void tune_record_release(tune_record *r);

/* Returns NULL where the point was never told; valid until the next tell. */
tune_seen *tune_record_find(const tune_record *r, uint32_t point);
int tune_record_tell(tune_record *r, uint32_t point, double value, xlstm_error *err);
int tune_record_ask(tune_record *r, uint32_t point, xlstm_error *err);
/* Replaces `asked`, which was asked for and not told since, by `point`. */
int tune_record_exchange(tune_record *r, uint32_t asked, uint32_t point, xlstm_error *err);

/* Whether the point was neither told nor asked for. */
bool tune_record_fresh(const tune_record *r, uint32_t point);
bool tune_record_any_fresh(const tune_record *r);
/* Returns a fresh point, each with equal probability while there are many; TUNE_NO_POINT where there is none. */
uint32_t tune_record_random_fresh(const tune_record *r, xl_rng *rng);

/* Returns the pooled variance of the logarithm of one told value, from points that were told repeatedly. *freedom
 * is its degrees of freedom; 0: no point was repeated, and the result is 0. */
double tune_record_noise(const tune_record *r, int *freedom);
/* Returns the point with the lowest mean, and that mean; the right answer where values have no noise. */
void tune_record_best(const tune_record *r, tune_best *out);

#endif
