/* The options of a search, and the functions that are told of its progress. */
#ifndef TUNE_DRIVER_OPTIONS_H
#define TUNE_DRIVER_OPTIONS_H

#include "tuner/measure/race.h"
#include "tuner/metric/metric.h"
#include "tuner/study/study.h"

typedef struct tune_drive_options {
    const char *mode; /* name of a strategy; with several objectives auto means ehvi */
    uint64_t seed;
    int trials;      /* number of proposals; 0: until the strategy is done */
    int population;  /* of strategies that work in generations */
    int generations; /* the same; the number of proposals is population * generations */
    double budget_s; /* seconds for everything, from when this process began its work; INFINITY: no limit */
    tune_effort effort;
    int repeats;                 /* most samples of one trial during the search; 0: decided by effort */
    int objective[TUNE_METRICS]; /* metrics: the first decides the winner; with more a Pareto front is kept */
    int objectives;
    bool every; /* each trial gets all `repeats` samples, and nothing is eliminated */
    bool apart; /* whether parameters of one part of the time alone (tune_metrics.apart) may be searched apart */
    /* points to try first, as far as they are points of the space */
    const tune_named_list *priors;
    size_t prior_count;
    /* Returns 0 to continue, anything else to end after the current trial (the target's cancel ends it at once).
     * May be NULL. */
    int (*stop)(void *ctx);
    void *stop_ctx;
    double spread_s; /* seconds over which the last comparison's processes are spread; 0: one follows the other */
    /* The clock of the budget, in seconds, for simulations; NULL: the real one. A simulation has no machine, so
     * that none is watched beside a clock of its own. */
    double (*now_s)(void *ctx);
    void *now_ctx;
} tune_drive_options;
/* Fills in the defaults; the objective is that of `metrics`. */
void tune_drive_options_init(tune_drive_options *options, const tune_metrics *metrics);
double tune_drive_now(const tune_drive_options *options);
/* The name of the strategy that the options choose. */
const char *tune_drive_strategy(const tune_drive_options *options);

/* Functions that are told how the run progresses. Every member but ctx may be NULL. */
typedef struct tune_watcher {
    void *ctx;
    /* A trial ended. Also called, with `old` set, for the trials that a resumed run already has. */
    void (*trial)(void *ctx, const tune_trial_row *trial, bool old);
    /* The playoff's result for a trial. Called for each finalist, the best one (place 0) first. */
    void (*finalist)(void *ctx, const tune_trial_row *trial, const tune_finalist *f, int place);
    /* Called about once for each sample. The stage is "search", "check" (the playoff), "final" or "record". `done`
     * of `total` (0: unknown) counts trials, processes or samples. `best` is the lowest value so far as a ratio to
     * the baseline's (NAN: none), in the stage "final" that of the comparison; `samples` is the number of samples
     * behind it (0: unknown). left_s is an estimate of the seconds left (NAN: none). */
    void (*progress)(void *ctx, const char *stage, int done, int total, double best, int samples, double left_s);
    /* A sentence for the user. */
    void (*note)(void *ctx, const char *text);
} tune_watcher;

#endif
