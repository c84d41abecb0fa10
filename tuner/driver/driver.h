/* The search: ask a strategy, measure, tell, keep; then fix one winner and judge it with fresh samples.
 *
 * Everything is kept before the next thing is begun, so that a run that is killed at any moment goes on where it
 * was: the strategy is told again what was measured, in the same order, and proposes what it would have proposed.
 */
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
    /* 0: go on; otherwise end after the trial in hand (the problem's cancel is for at once). May be NULL. */
    int (*stop)(void *ctx);
    void *stop_ctx;
    double (*now_s)(void *ctx); /* the clock that the budget goes by, for simulations; NULL: the real one */
    void *now_ctx;
} tune_drive_options;
/* The objective is the metrics' own. */
void tune_drive_options_init(tune_drive_options *options, const tune_metrics *metrics);
double tune_drive_now(const tune_drive_options *options);
/* The strategy that the options come to. */
const char *tune_drive_strategy(const tune_drive_options *options);

/* What a watcher is told; every member but ctx may be NULL. */
typedef struct tune_watcher {
    void *ctx;
    /* A trial ended (also one that a resumed run has already: `old`). */
    void (*trial)(void *ctx, const tune_trial_row *trial, bool old);
    /* What the playoff made of a trial; called for each finalist, the best (place 0) first. */
    void (*finalist)(void *ctx, const tune_trial_row *trial, const tune_finalist *f, int place);
    /* Anything in between, about once a sample: stage is "search", "check" (the playoff), "final" or "record". done
     * of total (0: unknown) are trials, processes or samples; best is the lowest value so far as a ratio to the
     * baseline (NAN: none), in the final stage the comparison's; samples are those behind it (0: unknown); left_s
     * is an estimate (NAN: none). */
    void (*progress)(void *ctx, const char *stage, int done, int total, double best, int samples, double left_s);
    /* A sentence worth reading. */
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

/* Runs or goes on with the keeper's run to its end: search, playoff, final comparison, best.json. Returns 0 also
 * when stopped; a negative status for what ends a run (the baseline fails, the study cannot be written). */
int tune_drive(const tune_target *problem, const tune_drive_options *options, tune_keeper *keeper,
               const tune_watcher *watcher, tune_drive_result *result, xlstm_error *err);

#endif
