/* What a race remembers of each candidate, and what it concludes from it; for race.c and race_run.c alone. */
#ifndef TUNE_MEASURE_RACE_IMPL_H
#define TUNE_MEASURE_RACE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/measure/race.h"
#include "tuner/measure/stats.h"
#include "tuner/measure/strata.h"

#define TUNE_COLD 0.05       /* a first sample is called cold only where it is slower by at least this share */
enum { TUNE_EXCESSES = 64 }; /* ratios of first to later samples that are kept, to learn how cold first ones are */

/* What a sample cost, and between which conditions of the machine (numbers of tune_strata_add) it was taken. */
typedef struct tune_race_cost {
    double cost;
    int before, after; /* negative: not known */
} tune_race_cost;

/* A race keeps one for each candidate to its end, so it holds nothing that follows from the rest. */
typedef struct tune_arm {
    int64_t candidate;
    double value, cost; /* as in tune_race_entry, and so are hash, status and outcome */
    uint64_t hash;
    char *why;      /* why it failed; NULL: it did not, or memory was out */
    double *values; /* [room], of which n are in use: ln(cost / baseline's cost); NULL before tune_race_make_room */
    double first_value; /* value of the very first sample */
    double ss;          /* sum of the squared deviations of `values` from their means in each state, */
    int df;             /* and its degrees of freedom */
    int n, room, status;
    tune_race_outcome outcome;
    uint32_t next;      /* the arm before it in its chain of the index, plus 1; 0: none */
    uint8_t dropped;    /* number of samples dropped as warm-up */
    bool first_checked; /* whether the first sample is known to be warm */
    bool warm;          /* whether the candidate has run in this process */
    bool changed;       /* whether it is in the race's list of changed arms */
} tune_arm;

/* What follows the values in the same block: [room], and the sums of the parts over the samples (or those of the
 * one that was stopped, where there is no other), as many as the race has. */
static inline tune_race_cost *tune_race_samples(const tune_arm *arm) {
    return (tune_race_cost *)(arm->values + arm->room);
}
static inline double *tune_race_sums(const tune_arm *arm) {
    return (double *)(tune_race_samples(arm) + arm->room);
}

struct tune_race {
    tune_sampler *sampler;
    tune_race_options options;
    int64_t baseline, incumbent;
    tune_arm *arms; /* arms[0] is the baseline; of xl_stretch */
    size_t count, room;
    uint32_t *chain;  /* [chains]: the index by candidate: the last arm of each chain, plus 1; of xl_stretch */
    size_t chains;    /* 0 or a power of two */
    int64_t *changed; /* [changes]: the candidates whose samples changed since tune_race_forget_changes */
    size_t changes, changes_room;
    double *base_cost;
    double base_at[2]; /* the middle of the last two samples; that of sample i is at i % 2 */
    size_t base_n, base_room;
    tune_total base_total; /* of base_cost */
    double base_end_s;
    bool ready;     /* whether the baseline is warm */
    bool backwards; /* whether the next round runs in reverse order */
    double ss;      /* sum of squared deviations, pooled over all arms, and its degrees of freedom */
    int df;
    double excess[TUNE_EXCESSES];
    size_t excesses;
    double t_df, t_value; /* the last degrees of freedom and their quantile of Student's t */
    tune_finalist *finalists;
    int finalist_count;
    tune_strata *strata; /* of the machine */
    /* By how much values are higher in its second state, summed over the arms that have samples in both, each with
     * its weight; and the sum of these weights. */
    double effect, effect_weight;
    int condition;        /* number of the last condition; negative: none */
    double condition_s;   /* when it was taken, */
    double condition_for; /* and how long that took */
};

/* The candidates. Pointers stay valid while there is reserved room. find returns NULL where there is none. */
tune_arm *tune_race_find(const tune_race *race, int64_t candidate);
int tune_race_reserve(tune_race *race, size_t more, xlstm_error *err);
tune_arm *tune_race_add(tune_race *race, int64_t candidate);
void tune_race_drop_last(tune_race *race);
tune_race_entry tune_race_entry_of(const tune_race *race, const tune_arm *arm);
/* Makes room for so many samples of an arm, and for its parts, which are 0 at first. ENOMEM. */
int tune_race_make_room(const tune_race *race, tune_arm *arm, int room, xlstm_error *err);

/* Adds a sample with this ln(cost / baseline's cost), and computes the arm's mean and scatter after samples were
 * added or removed. ENOMEM. */
int tune_race_push(tune_race *race, tune_arm *arm, double value, const tune_race_cost *sample, xlstm_error *err);
/* Puts an arm whose samples are about to change into the list of changed arms. ENOMEM. */
int tune_race_mark(tune_race *race, tune_arm *arm, xlstm_error *err);
void tune_race_refresh(tune_race *race, tune_arm *arm);
/* Takes the first of an arm's two samples away; `parts` are those of the other. */
void tune_race_drop_first(tune_race *race, tune_arm *arm, const double parts[TUNE_PARTS]);
/* Computes all arms' scatters, and what they tell of the states, again, after the conditions showed other states
 * than before. */
void tune_race_restate(tune_race *race);

/* By how much first samples are slower, as a logarithm: a quantile of the observed values, or 0 where these are no
 * larger than the noise; and one more observation. */
double tune_race_coldness(const tune_race *race, double p);
void tune_race_learn(tune_race *race, double excess);
/* Scatter pooled over all arms but one (NULL: over all). */
double tune_race_scatter_without(const tune_race *race, const tune_arm *without, double *df);

/* The difference of two arms' values: where the machine has states, over those in which both have samples, because
 * what a candidate is worth may depend on the state. *weight is 1 over the difference's variance in units of one
 * sample's; 0: they have no state in common, and the difference is NAN. */
double tune_race_difference(const tune_race *race, const tune_arm *a, const tune_arm *b, double *weight);
/* Half the width of the interval for such a difference. */
double tune_race_half_width(tune_race *race, double weight);
/* An arm's value as if it had been measured in each state of the machine for the time that the machine takes it,
 * provided that all candidates differ as much between the states as those do that have samples in both. For
 * ranking; decisions rest on differences. */
double tune_race_standing(const tune_race *race, const tune_arm *arm);
/* By how much values are higher in the machine's second state, from the candidates that have samples in both. */
double tune_race_state_effect(const tune_race *race);

#endif
