/* The search: ask a strategy, measure, tell, keep; then fix one winner and compare it with the baseline by fresh
 * samples.
 *
 * Everything is stored before the next step begins, so that a run that is killed at any moment can be
 * continued: the strategy is told again what was measured, in the same order, and proposes the same points. */
#ifndef TUNE_DRIVER_DRIVER_H
#define TUNE_DRIVER_DRIVER_H

#include "tuner/driver/keeper.h"
#include "tuner/measure/race.h"
#include "tuner/target/target.h"

typedef struct tune_drive_options {
    const char *mode; /* a strategy's name; auto is nsga2 where there are several objectives */
    uint64_t seed;
    int trials;      /* proposals; 0: until the strategy is done */
    int population;  /* of ga */
    int generations; /* of ga: the proposals are population * generations */
    double budget_s; /* for everything, from the start of this process's work; INFINITY */
    tune_effort effort;
    int repeats;                 /* most samples of one trial in the search; 0: by effort */
    int objective[TUNE_METRICS]; /* the first fixes the winner; more: a Pareto front is kept */
    int objectives;
    bool every;           /* each trial gets all `repeats` samples: nothing is eliminated */
    bool apart;           /* parameters of prefill alone and of decode alone may be searched apart */
    const json_t *priors; /* array of objects of params to try first, where they are points; may be NULL */
    /* 0: go on; otherwise end after the current trial (the problem's cancel ends it at once). May be NULL. */
    int (*stop)(void *ctx);
    void *stop_ctx;
    double (*now_s)(void *ctx); /* the clock that the budget goes by, for simulations; NULL: the real one */
    void *now_ctx;
} tune_drive_options;
/* The objective is the metrics' own. */
void tune_drive_options_init(tune_drive_options *options, const tune_metrics *metrics);
double tune_drive_now(const tune_drive_options *options);
/* The strategy that the options choose. */
const char *tune_drive_strategy(const tune_drive_options *options);

/* What a watcher is told; every member but ctx may be NULL. */
typedef struct tune_watcher {
    void *ctx;
    /* A trial ended; called also for the trials that a resumed run has already (`old`). */
    void (*trial)(void *ctx, const tune_trial_row *trial, bool old);
    /* What the playoff made of a trial; called for each finalist, the best (place 0) first. */
    void (*finalist)(void *ctx, const tune_trial_row *trial, const tune_finalist *f, int place);
    /* Progress, about once for each sample. The stage is "search", "check" (the playoff), "final" or "record". done
     * of total (0: unknown) counts trials, processes or samples. best is the lowest value so far as a ratio to the
     * baseline (NAN: none), in the final stage that of the comparison; samples is the number behind it (0:
     * unknown). left_s is an estimate of the time left (NAN: none). */
    void (*progress)(void *ctx, const char *stage, int done, int total, double best, int samples, double left_s);
    /* A sentence for the user. */
    void (*note)(void *ctx, const char *text);
} tune_watcher;

typedef enum tune_drive_end { TUNE_DRIVE_DONE, TUNE_DRIVE_STOPPED } tune_drive_end;

typedef struct tune_drive_result {
    tune_drive_end end;
    int64_t winner;    /* TUNE_BASELINE_TRIAL: the baseline stays */
    tune_final final;  /* verdict TUNE_VERDICT_UNMEASURED where there was no comparison */
    char verdict[512]; /* in words */
    int trials, measured, duplicates, failed;
} tune_drive_result;

/* Runs or continues the keeper's run to its end: search, playoff, final comparison, best.json. Returns 0 also when
 * it was stopped, and a negative status where the run cannot go on (the baseline fails, or the study cannot be
 * written). */
int tune_drive(const tune_target *problem, const tune_drive_options *options, tune_keeper *keeper,
               const tune_watcher *watcher, tune_drive_result *result, xlstm_error *err);

#endif
