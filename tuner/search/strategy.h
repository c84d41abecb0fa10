/* Search strategies. A strategy knows points and numbers only: which points exist, which were measured, what they
 * gave. The driver asks for a point, measures it, tells the result, until it has enough or the strategy is done.
 *
 * The same space, options and sequence of calls give the same proposals on every machine. Values are positive and
 * smaller is better (a rate is told as its reciprocal). One strategy object belongs to one thread at a time. */
#ifndef TUNE_STRATEGY_H
#define TUNE_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/space/space.h"

typedef struct tune_strategy_options {
    uint64_t seed;
    int population;  /* ga: points of a generation; 0: 10 */
    int generations; /* ga: done after population * generations proposals; 0: no end */
    int trials;      /* random: done after so many proposals; 0: no end */
    int budget;      /* measurements that the caller expects to make; 0: unknown. A hint, never an end */
    double noise; /* relative standard deviation of one told value where it is known (0: none); negative: unknown */
    /* Points to propose first, in this order (what was good before, the default setting); not owned, copied. */
    const uint32_t *priors;
    size_t prior_count;
    int objectives; /* values of a tune_strategy_tell_all; 0: 1. A strategy of one objective looks at the first
                       alone */
    const struct tune_auto_params *auto_params; /* auto: what to vary (tuner/search/auto.h); NULL: the defaults */
} tune_strategy_options;

/* Everything 0, noise unknown. */
void tune_strategy_options_init(tune_strategy_options *o);

typedef struct tune_proposal {
    uint32_t point;
    /* The point was told before (or is being measured) and the strategy wants another, independent sample. Where it
     * is false and the point was told before, the driver tells the known value again, without measuring. */
    bool again;
} tune_proposal;

typedef struct tune_best { /* of several objectives: in the first */
    uint32_t point;        /* TUNE_NO_POINT: nothing valid was told yet */
    double estimate;       /* of its true value: unbiased as far as possible, never a minimum of noisy samples */
    double relative_sd;    /* of that estimate; 0 where the values seem free of noise */
    int samples;           /* told values of this point */
} tune_best;

typedef struct tune_strategy tune_strategy;

/* When a strategy is done. */
typedef enum tune_ends {
    TUNE_ENDS_TRIALS,      /* after `trials` proposals; the same point may be proposed twice */
    TUNE_ENDS_GENERATIONS, /* after population * generations of them; the same */
    TUNE_ENDS_SPACE        /* when every point was measured, if `trials` did not end it before */
} tune_ends;

/* One strategy is one file, which ends in one const entry of this type, and a row of strategies.def. */
typedef struct tune_strategy_class {
    const char *name;    /* "auto" */
    const char *summary; /* one line for help */
    const char *many;    /* the strategy that takes its place where there are several objectives; NULL: itself */
    tune_ends ends;
    bool exhaustive; /* every point in one order, whatever the seed; the default of `trials` does not cut it off */
    bool guided;     /* learns from what earlier runs measured: their best points are its first */
    bool divides;    /* gives its best where parameters that act on different phases are searched apart */
    int (*create)(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err);
    int (*ask)(void *state, tune_proposal *out, xlstm_error *err);
    int (*tell)(void *state, uint32_t point, double value, double cost_s, xlstm_error *err);
    /* As many values as the options' objectives, none of them NaN; NULL: a strategy of one objective. */
    int (*tell_all)(void *state, uint32_t point, const double *values, double cost_s, xlstm_error *err);
    bool (*done)(const void *state);
    void (*best)(const void *state, tune_best *out);
    void (*destroy)(void *state);
} tune_strategy_class;

enum { TUNE_OBJECTIVES = 16 }; /* at most */

#define STRATEGY(id) extern const tune_strategy_class tune_strategy_##id;
#include "tuner/search/strategies.def"
#undef STRATEGY
/* All of them, the default first; ends with NULL. */
extern const tune_strategy_class *const tune_strategies[];
/* The row of a name; NULL where there is none. */
const tune_strategy_class *tune_strategy_find(const char *name);
/* EARG where there is none, with the nearest and all names. */
int tune_strategy_check(const char *name, xlstm_error *err);

/* `space` must be sealed and outlive the strategy. EARG names an unknown strategy, the nearest and all names. */
int tune_strategy_create(const char *name, const tune_space *space, const tune_strategy_options *options,
                         tune_strategy **out, xlstm_error *err);
void tune_strategy_destroy(tune_strategy *s);

/* The next point. Any number may be asked before the first is told: a point that is being measured is not proposed
 * again (but by ga and random, whose proposals may repeat). XLSTM_EARG after done. */
int tune_strategy_ask(tune_strategy *s, tune_proposal *out, xlstm_error *err);
/* One measured value of a point, asked for or not (results of an earlier run may be told first). NaN: the point
 * failed or is infeasible. cost_s: what measuring it cost, seconds; NaN where unknown. The same point may be told
 * any number of times; each finite value is one noisy observation. EARG: no such point, or a value not positive. */
int tune_strategy_tell(tune_strategy *s, uint32_t point, double value, double cost_s, xlstm_error *err);
/* The same with a value for each of the options' objectives: values[0] as above, the others finite and smaller is
 * better; a NaN among them: the point failed. A strategy of one objective is told values[0]. */
int tune_strategy_tell_all(tune_strategy *s, uint32_t point, const double *values, double cost_s, xlstm_error *err);
/* Nothing worth asking is left: every point was measured (auto, under noise: and the winner settled), or the number
 * of proposals is used up. */
bool tune_strategy_done(const tune_strategy *s);
tune_best tune_strategy_best(const tune_strategy *s);

#endif
