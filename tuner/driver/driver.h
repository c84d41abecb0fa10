/* The search: ask a strategy for a point, measure it, tell the strategy, store the result; then choose one winner
 * and compare it with the baseline by fresh samples.
 *
 * Everything is stored before the next step begins, so that a run that is killed at any moment can be continued:
 * the strategy is told again what was measured, in the same order, and proposes the same points. */
#ifndef TUNE_DRIVER_DRIVER_H
#define TUNE_DRIVER_DRIVER_H

#include "tuner/driver/keeper.h"
#include "tuner/measure/race.h"
#include "tuner/target/target.h"

typedef struct tune_drive_options {
    const char *mode; /* name of a strategy; with several objectives auto means nsga2 */
    uint64_t seed;
    int trials;      /* number of proposals; 0: until the strategy is done */
    int population;  /* of strategies that work in generations */
    int generations; /* the same; the number of proposals is population * generations */
    double budget_s; /* seconds for everything, from when this process began its work; INFINITY: no limit */
    tune_effort effort;
    int repeats;                 /* most samples of one trial during the search; 0: decided by effort */
    int objective[TUNE_METRICS]; /* metrics: the first decides the winner; with more a Pareto front is kept */
    int objectives;
    bool every;           /* each trial gets all `repeats` samples, and nothing is eliminated */
    bool apart;           /* whether those of prefill alone and of decode alone may be searched apart */
    const json_t *priors; /* array of objects of params to try first, as far as they are points; may be NULL */
    /* Returns 0 to continue, anything else to end after the current trial (the problem's cancel ends it at once).
     * May be NULL. */
    int (*stop)(void *ctx);
    void *stop_ctx;
    double (*now_s)(void *ctx); /* the clock of the budget, in seconds, for simulations; NULL: the real one */
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

typedef enum tune_drive_end { TUNE_DRIVE_DONE, TUNE_DRIVE_STOPPED } tune_drive_end;

typedef struct tune_drive_result {
    tune_drive_end end;
    int64_t winner;    /* TUNE_BASELINE_TRIAL: nothing was shown to be faster than the baseline */
    tune_final final;  /* verdict TUNE_VERDICT_UNMEASURED where there was no comparison */
    char verdict[512]; /* the verdict as a sentence */
    int trials, measured, duplicates, failed;
} tune_drive_result;

/* Runs or continues the keeper's run to its end: search, playoff, last comparison, best.json. Returns 0 also where
 * it was stopped, and a negative status where the run cannot continue (the baseline fails, or the study cannot be
 * written). */
int tune_drive(const tune_target *problem, const tune_drive_options *options, tune_keeper *keeper,
               const tune_watcher *watcher, tune_drive_result *result, xlstm_error *err);

#endif
