/* The last stage: ONE winner, fixed before, against the baseline, with fresh samples alone.
 *
 * Fresh processes (where a process lands in memory is luck that interleaving does not cancel), each of which runs
 * randomized ABBA blocks (drift cancels within a block); a disturbed block is discarded whole and run again. The
 * interval is over processes. The rule, after Stein (1945): the first processes (eight, fewer where the budget
 * is tight) give a scatter s0; the whole is as many processes as bring t(n0 - 1) * s0 / sqrt(n) under half the
 * wanted width, or as the budget allows; the interval's half width is the larger of that and Student's own from all
 * n. Because means and scatters of normal samples are independent, no such stopping rule lets it cover less than it
 * says; docs/measurement.md has the simulations for noise that is not normal. It never looks at the sign. */
#ifndef TUNE_MEASURE_FINAL_H
#define TUNE_MEASURE_FINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/measure/race.h"
#include "tuner/measure/timing.h"

/* ---- within one fresh process ---- */

/* What a process runs: `blocks` blocks of `quads` times ABBA or BAAB, each sample of `repeats` executions (0: as
 * the clock needs). */
typedef struct tune_block_plan {
    int blocks;        /* undisturbed ones wanted; 3 */
    int quads;         /* 1 */
    int spare;         /* more that may be run in place of disturbed ones; 3 */
    double deadline_s; /* seconds from the start of tune_blocks_run, warm-up included; INFINITY */
    uint64_t seed;     /* of the order */
} tune_block_plan;

/* What it found; plain data, to be sent through a pipe as it is. */
enum { TUNE_BLOCKS_MOST = 64 };
typedef struct tune_block_result {
    int blocks;    /* in log_ratio */
    int disturbed; /* blocks discarded */
    int kept;      /* of `blocks`, how many are disturbed ones kept because there were no others */
    double log_ratio[TUNE_BLOCKS_MOST]; /* ln(baseline's cost / winner's cost), mean of each block */
    double baseline_cost, winner_cost;  /* means over the blocks */
    double baseline_parts[TUNE_PARTS], winner_parts[TUNE_PARTS];
    uint64_t baseline_hash, winner_hash;
    double seconds; /* of tune_blocks_run, without starting the process */
} tune_block_result;

/* Quads a block needs to outlast the noise, from the baseline's costs in the search (in order, `spacing_s` apart
 * on average) and the cost of one sample; 1 … 16. */
int tune_block_quads(const double *costs, size_t n, double spacing_s, double sample_s);

/* Warms both up and runs the plan. Returns 0, with no block where the deadline left no time for one after the
 * warm-up, or a negative status. */
int tune_blocks_run(tune_sampler *sampler, int64_t baseline, int64_t winner, const tune_block_plan *plan,
                    tune_block_result *out, xlstm_error *err);

/* ---- over processes ---- */

/* Runs a plan in a fresh process. Returns 0 (without a block where time was up) or a negative status;
 * XLSTM_ECANCELLED ends the comparison with what it has, any other failure counts as a lost process. */
typedef int (*tune_process_fn)(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err);

typedef struct tune_final_options {
    double level;        /* 0.95 */
    double width;        /* full width of the interval of the speed-up at which it stops; 0.01 */
    int first_processes; /* 8; fewer are used where `budget_s` allows fewer, never under 2 */
    int most_processes;  /* 12, 24, 48 by effort */
    int blocks;          /* a process; 3 */
    int quads;           /* a block, from tune_block_quads */
    double budget_s;     /* for the whole stage, wall clock; INFINITY */
    bool unhurried; /* nobody set a limit: first_processes and twenty blocks run whatever budget_s says; false */
    uint64_t seed;
    double (*now_s)(void *ctx); /* clock for the budget; NULL: the real one */
    void *now_ctx;
    void (*progress)(void *ctx, int processes, int planned, double mean, double low, double high); /* or NULL */
    void *progress_ctx;
} tune_final_options;
void tune_final_options_init(tune_final_options *options, tune_effort effort);
/* Fits the comparison into budget_s where a sample takes `sample_s` seconds: fewer blocks in a process first, then
 * shorter blocks, and fewer processes last, because eight processes of one block say more than three of three.
 * False where there is no time even for two processes, because fewer prove nothing. Options that are unhurried are
 * left as they are. */
bool tune_final_fit(tune_final_options *options, double sample_s);
/* About how many seconds two processes of the shortest kind take; less time proves nothing. */
double tune_final_least_seconds(double sample_s);
/* About how many seconds the first processes will take. */
double tune_final_seconds(const tune_final_options *options, double sample_s);

typedef enum tune_verdict {
    /* The result of a comparison: */
    TUNE_VERDICT_NONE,   /* no significant difference: the interval holds 0 */
    TUNE_VERDICT_BETTER, /* the winner is faster */
    TUNE_VERDICT_WORSE,  /* the winner is slower */
    /* Without a comparison: */
    TUNE_VERDICT_UNMEASURED, /* fewer than two processes, or nothing that could be compared: no interval */
    TUNE_VERDICT_NOTHING,    /* the search found nothing that looked faster than the baseline */
    TUNE_VERDICT_TOO_LITTLE, /* so few points were tried that finding nothing faster means nothing */
    TUNE_VERDICT_COUNT
} tune_verdict;
/* "no significant difference", "better", "worse", "not compared", "nothing faster found", "not enough was tried" */
const char *tune_verdict_name(tune_verdict verdict);
/* -1 where the name is unknown. */
int tune_verdict_find(const char *name);

typedef enum tune_final_stop {
    TUNE_STOP_WIDTH,
    TUNE_STOP_BUDGET,
    TUNE_STOP_MOST,
    TUNE_STOP_CANCELLED
} tune_final_stop;

const char *tune_final_stop_name(tune_final_stop stop); /* "width", "budget", "most", "cancelled" */

enum { TUNE_PROCESSES_MOST = 256 };
typedef struct tune_final {
    tune_verdict verdict;
    tune_final_stop stop;
    int processes; /* that count */
    int lost;      /* that failed */
    int blocks;    /* that count, over all processes */
    int discarded; /* disturbed blocks, run again */
    int kept;      /* disturbed blocks that had to be kept */
    double level;
    double log_ratio, log_low, log_high; /* mean of ln(baseline / winner) over processes, and its interval */
    double speedup, low, high;           /* exp of those, less 1; low -1 … high INFINITY without an interval */
    double within_sd, between_sd;        /* of block values in a process; of processes beyond that (placement) */
    double baseline_cost, winner_cost;   /* means, in the reading's unit */
    double baseline_parts[TUNE_PARTS], winner_parts[TUNE_PARTS];
    double seconds;
    double process[TUNE_PROCESSES_MOST]; /* each process's mean log ratio, in order */
} tune_final;

/* Runs the comparison. Returns 0 (the verdict may be UNMEASURED), or a negative status where every process that
 * was begun failed. */
int tune_final_run(const tune_final_options *options, tune_process_fn process, void *ctx, tune_final *out,
                   xlstm_error *err);

/* Makes the verdict from the values of processes that were measured elsewhere (resume, tests): fills log_ratio …
 * high and verdict. `first` is the number of processes that gave s0. */
void tune_final_judge(const double *process, int n, int first, double level, tune_final *out);

/* Writes the result in words: "better by 4.1 % [3.2, 5.0] (95 % interval, 10 fresh processes, 30 blocks)"; it says
 * what is missing where the budget was tight. Returns the length as snprintf does. */
int tune_final_text(char *text, size_t bytes, const tune_final *f);

#endif
