/* Search strategies. A strategy knows only points and numbers: which points exist, which were measured, and their
 * values. The driver asks for a point, measures it and tells the result, until it has enough or the strategy is
 * done.
 *
 * The same space, options and sequence of calls give the same proposals on every machine. Values are positive, and
 * smaller is better (a rate is told as its reciprocal). A strategy may be used by one thread at a time. */
#ifndef TUNE_STRATEGY_H
#define TUNE_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/space/space.h"

typedef struct tune_strategy_options {
    uint64_t seed;
    int population;  /* ga, nsga2: size of the population; 0: 10 */
    int generations; /* ga: done after population * generations proposals; 0: never */
    int trials;      /* random: done after this many proposals; 0: never */
    int budget;      /* measurements that the caller expects to make; 0: unknown. Only a hint */
    double noise;    /* relative standard deviation of one told value (0: no noise); negative: unknown */
    /* Points to propose first, in this order, such as earlier bests and the default setting. Copied. */
    const uint32_t *priors;
    size_t prior_count;
    /* Number of values for tune_strategy_tell_all; 0 means 1. Strategies for one objective use only the first. */
    int objectives;
    const struct tune_auto_params *auto_params; /* of auto (tuner/search/auto.h); NULL: the defaults */
} tune_strategy_options;

/* Sets everything to 0, and noise to unknown. */
void tune_strategy_options_init(tune_strategy_options *o);

typedef struct tune_proposal {
    uint32_t point;
    /* True: the point was told before or is being measured, and the strategy wants another, independent sample.
     * Where it is false and the point was told before, the driver tells the known value again without
     * measuring. */
    bool again;
} tune_proposal;

typedef struct tune_best { /* with several objectives: by the first one */
    uint32_t point;        /* TUNE_NO_POINT: no valid value was told yet */
    double estimate;       /* of the true value: as unbiased as possible, never the minimum of noisy samples */
    double relative_sd;    /* of the estimate; 0 where the values seem to have no noise */
    int samples;           /* number of values told for this point */
} tune_best;

typedef struct tune_strategy tune_strategy;

/* When a strategy is done. */
typedef enum tune_ends {
    TUNE_ENDS_TRIALS,      /* after `trials` proposals; a point may be proposed repeatedly */
    TUNE_ENDS_GENERATIONS, /* after population * generations proposals; likewise */
    TUNE_ENDS_SPACE        /* when every point was measured, or after `trials` proposals */
} tune_ends;

/* A strategy is one file that ends in one const entry of this type, and a row of strategies.def. */
typedef struct tune_strategy_class {
    const char *name;    /* "auto" */
    const char *summary; /* one line for the help */
    const char *many;    /* name of the strategy used instead for several objectives; NULL: this one */
    tune_ends ends;
    bool exhaustive; /* proposes every point in one fixed order; the default of `trials` does not limit it */
    bool guided;     /* uses results of earlier runs: their best points are proposed first */
    bool divides;    /* works well where parameters of different phases are searched apart */
    int (*create)(const tune_space *space, const tune_strategy_options *options, void **state, xlstm_error *err);
    int (*ask)(void *state, tune_proposal *out, xlstm_error *err);
    int (*tell)(void *state, uint32_t point, double value, double cost_s, xlstm_error *err);
    /* Takes as many values as there are objectives, none of them NaN; NULL: a strategy for one objective. */
    int (*tell_all)(void *state, uint32_t point, const double *values, double cost_s, xlstm_error *err);
    bool (*done)(const void *state);
    void (*best)(const void *state, tune_best *out);
    /* Not `asked`, which was asked for, is being measured, but `point`. */
    int (*exchange)(void *state, uint32_t asked, uint32_t point, xlstm_error *err);
    void (*destroy)(void *state);
} tune_strategy_class;

enum { TUNE_OBJECTIVES = 16 }; /* objectives, at most */

#define STRATEGY(id) extern const tune_strategy_class tune_strategy_##id;
#include "tuner/search/strategies.def"
#undef STRATEGY
/* All strategies, the default one first; the list ends with NULL. */
extern const tune_strategy_class *const tune_strategies[];
/* Returns the entry of a name; NULL where there is none. */
const tune_strategy_class *tune_strategy_find(const char *name);
/* XLSTM_EARG where there is no strategy of that name; the message has the nearest name and all names. */
int tune_strategy_check(const char *name, xlstm_error *err);

/* Makes a strategy, to be freed with tune_strategy_destroy. `space` must be sealed and outlive it. XLSTM_EARG for
 * an unknown name, as in tune_strategy_check. */
int tune_strategy_create(const char *name, const tune_space *space, const tune_strategy_options *options,
                         tune_strategy **out, xlstm_error *err);
void tune_strategy_destroy(tune_strategy *s);

/* Returns the next point. Several may be asked for before the first is told: a point that is being measured is not
 * proposed again (except by strategies that may propose points repeatedly). XLSTM_EARG after done. */
int tune_strategy_ask(tune_strategy *s, tune_proposal *out, xlstm_error *err);
/* Tells one measured value of a point, whether or not it was asked for (results of an earlier run may be told
 * first). NaN: the point failed or is infeasible. cost_s: seconds that the measurement took; NaN: unknown. A point
 * may be told any number of times; each finite value is one noisy observation. XLSTM_EARG: there is no such point,
 * or the value is not positive. */
int tune_strategy_tell(tune_strategy *s, uint32_t point, double value, double cost_s, xlstm_error *err);
/* Does the same with a value for each objective: values[0] as above, the others finite, smaller is better; a NaN
 * among them means that the point failed. A strategy for one objective is told only values[0]. */
int tune_strategy_tell_all(tune_strategy *s, uint32_t point, const double *values, double cost_s, xlstm_error *err);
/* Says that not the point `asked`, which was asked for, is being measured, but `point`. A search that goes on asks
 * for as many points as it had, and may get others than were measured. `asked` may then be proposed again.
 * XLSTM_EARG: there is no such point. */
int tune_strategy_exchange(tune_strategy *s, uint32_t asked, uint32_t point, xlstm_error *err);
/* Whether there is nothing left to ask: every point was measured (and for auto under noise the winner is settled),
 * or the number of proposals is used up. */
bool tune_strategy_done(const tune_strategy *s);
tune_best tune_strategy_best(const tune_strategy *s);

#endif
