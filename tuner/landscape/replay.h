/* Runs a strategy against a landscape and scores it. */
#ifndef TUNE_REPLAY_H
#define TUNE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "tuner/landscape/landscape.h"
#include "tuner/search/strategy.h"

typedef enum tune_noise_kind { TUNE_NOISE_NONE, TUNE_NOISE_NATIVE, TUNE_NOISE_GAUSS } tune_noise_kind;

/* NATIVE: the mean of `repeats` recorded repeats, drawn with replacement; of all of them, each once, where repeats
 * is 0. GAUSS: the mean of `repeats` draws whose relative standard deviation is `sd`. */
typedef struct tune_noise {
    tune_noise_kind kind;
    int repeats;
    double sd;
    bool halves; /* for a landscape that was halved: who judges has other repeats than who searches */
} tune_noise;

/* "none", "native:R", "gauss:S:R", "halves" or "halves:R" (NATIVE, R 0 where it is left out); EARG says what was
 * found and wanted. */
int tune_noise_parse(const char *text, tune_noise *out, xlstm_error *err);

typedef struct tune_step {
    uint32_t row, best_row; /* before a valid row was evaluated, best_row is the row itself */
    double observed;        /* ms; NaN: invalid */
    double estimate;        /* ms, of best_row's true time; 0 before a valid row */
} tune_step;

/* One run: an evaluation a step. */
typedef struct tune_trace {
    tune_step *steps;
    size_t count;
} tune_trace;

typedef struct tune_replay_options {
    const char *strategy;
    tune_strategy_options search; /* its seed is the first run's; run i has seed + i */
    tune_noise noise;
    int budget;  /* evaluations */
    int seeds;   /* runs */
    int threads; /* 0: all */
} tune_replay_options;

/* Each run goes on until both the budget and the landscape's time budget (t95) are spent, or the strategy is done.
 * A proposal told before that is not asked `again` costs nothing and is no step. traces: [seeds], filled here and
 * released with tune_traces_release; the same whatever the number of threads. */
int tune_replay(const tune_landscape *l, const tune_replay_options *o, tune_trace *traces, xlstm_error *err);
void tune_traces_release(tune_trace *traces, int seeds);

/* Share of the optimum, optimum / true time of the best row, after n evaluations; mean over the runs. */
double tune_replay_share(const tune_landscape *l, const tune_trace *traces, int seeds, size_t n);

typedef struct tune_replay_score {
    double performance; /* P: over time against calculated random search; 0 is random, 1 the optimum. Not finite
                           where random search is at the optimum within that time, as on a handful of rows: the
                           measure is what random search has left to gain */
    double over, abs;   /* mean and mean magnitude of true time / estimate - 1 at the end */
    double repeats;     /* share of evaluations of a row evaluated before */
    int short_runs;     /* ended before the landscape's time budget without having seen every row */
} tune_replay_score;

/* Source: Willemsen et al., "A Methodology for Comparing Optimization Algorithms for Auto-Tuning", 2024. ENOMEM. */
int tune_replay_scores(const tune_landscape *l, const tune_trace *traces, int seeds, tune_replay_score *out,
                       xlstm_error *err);

#endif
