/* Replays a strategy against a landscape and scores it. */
#ifndef TUNE_REPLAY_H
#define TUNE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "tuner/landscape/landscape.h"
#include "tuner/search/strategy.h"

typedef enum tune_noise_kind { TUNE_NOISE_NONE, TUNE_NOISE_NATIVE, TUNE_NOISE_GAUSS } tune_noise_kind;

/* How an observation is made from a row. NATIVE: the mean of `repeats` recorded repeats, drawn with replacement;
 * where repeats is 0, the mean of all, each once. GAUSS: the mean of `repeats` draws with the relative standard
 * deviation `sd`. */
typedef struct tune_noise {
    tune_noise_kind kind;
    int repeats;
    double sd;
    bool halves; /* for a landscape that was halved: the search and the scores then use different repeats */
} tune_noise;

/* Parses "none", "native:R", "gauss:S:R", "halves" or "halves:R" (the last two are NATIVE; R is 0 where it is left
 * out). XLSTM_EARG says what was found and what was wanted. */
int tune_noise_parse(const char *text, tune_noise *out, xlstm_error *err);

typedef struct tune_step {
    uint32_t row, best_row; /* best_row: the best so far; before any valid row was evaluated, the row itself */
    double observed;        /* milliseconds; NaN: invalid */
    double estimate;        /* the estimate of best_row's time in ms; 0 before any valid row */
} tune_step;

/* One run; each step is an evaluation. */
typedef struct tune_trace {
    tune_step *steps;
    size_t count;
} tune_trace;

typedef struct tune_replay_options {
    const char *strategy;
    tune_strategy_options search; /* its seed is that of run 0; run i has seed + i */
    tune_noise noise;
    int budget;  /* number of evaluations */
    int seeds;   /* number of runs */
    int pending; /* number of points that are measured at the same time; 0 means 1 */
    bool brief;  /* a run ends with the budget, also where the time budget is not spent; P then says nothing */
    int threads; /* 0: one for each processor */
} tune_replay_options;

/* Runs the strategy. Each run continues until both the budget and the landscape's time budget (t95) are spent, or
 * the strategy is done. With `pending` above 1 the strategy is asked for that many points before it is told the
 * first; from then on the value that was asked for first is told, and one more point is asked for. Where a strategy
 * proposes a point again without asking for another sample of it (`again`), this costs nothing and is not a step.
 * Fills traces [seeds], to be freed by tune_traces_release; they do not depend on the number of threads. */
int tune_replay(const tune_landscape *l, const tune_replay_options *o, tune_trace *traces, xlstm_error *err);
void tune_traces_release(tune_trace *traces, int seeds);

/* Returns how close the runs are to the optimum after n evaluations: the optimum divided by the true time of the
 * best row, averaged over the runs. */
double tune_replay_share(const tune_landscape *l, const tune_trace *traces, int seeds, size_t n);

typedef struct tune_replay_score {
    /* P: progress over time compared with that of random search, which is computed; 0: like random search, 1: at
     * the optimum. Not finite where random search reaches the optimum within that time, as with only a few rows. */
    double performance;
    double over, abs; /* mean, and mean magnitude, of true time / estimate - 1 at the end */
    double repeats;   /* share of the evaluations whose row had been evaluated before */
    int short_runs;   /* number that ended before the time budget without evaluating every row */
} tune_replay_score;

/* Computes the scores, after Willemsen et al., "A Methodology for Comparing Optimization Algorithms for
 * Auto-Tuning", 2024. XLSTM_ENOMEM. */
int tune_replay_scores(const tune_landscape *l, const tune_trace *traces, int seeds, tune_replay_score *out,
                       xlstm_error *err);

#endif
