/* The last comparison: one winner, chosen before, against the baseline, by fresh samples only.
 *
 * Each sample is taken in a fresh process, because where a process's memory happens to lie makes it faster or
 * slower, and interleaving within one process does not cancel that. Each process runs randomized blocks of samples
 * in the order ABBA or BAAB, within which drift cancels; a disturbed block is discarded and run again. The
 * interval is over processes.
 *
 * The stopping rule is after Stein (1945). The first processes (eight, or fewer where the budget is tight) give a
 * scatter s0. In all, as many processes run as make t(n0 - 1) * s0 / sqrt(n) smaller than half the wanted width,
 * or as the budget allows. Half the width of the interval is the larger of that and Student's own from all n.
 * Because means and scatters of normal samples are independent, this rule, which never looks at means, does not
 * reduce the interval's coverage; docs/measurement.md has simulations for noise that is not normal.
 *
 * This takes processes for independent. Where the machine has states that last for several processes (states.h),
 * the interval is widened to that of the mean over the states if enough changes of state were seen; otherwise the
 * result holds for the time in which it was measured, and says so. */
#ifndef TUNE_MEASURE_FINAL_H
#define TUNE_MEASURE_FINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/measure/gauge.h"
#include "tuner/measure/race.h"
#include "tuner/measure/states.h"
#include "tuner/measure/timing.h"

/* ---- within one fresh process ---- */

/* What a process runs: `blocks` blocks, each of `quads` times ABBA or BAAB; each sample has as many executions as
 * the clock needs. */
typedef struct tune_block_plan {
    int blocks;        /* number of undisturbed blocks wanted; default 3 */
    int quads;         /* length of a block in groups of four samples; default 1 */
    int spare;         /* number of further blocks that may replace disturbed ones; default 3 */
    double deadline_s; /* seconds from the start of tune_blocks_run, warm-up included; INFINITY: none */
    uint64_t seed;     /* of the random order */
    int gauge_threads; /* the condition of so many processors is gauged before and after; 0: it is not */
} tune_block_plan;

/* With which of the two a process failed. */
typedef enum tune_culprit {
    TUNE_CULPRIT_EITHER, /* one of them, but which is not known (fresh.h) */
    TUNE_CULPRIT_BASELINE,
    TUNE_CULPRIT_WINNER,
    TUNE_CULPRIT_NEITHER, /* the machine's failure, or our own */
    TUNE_CULPRIT_COUNT
} tune_culprit;

/* The result of a process; plain data that can be sent through a pipe. */
enum { TUNE_BLOCKS_MOST = 64 };
typedef struct tune_block_result {
    tune_culprit culprit; /* of a failure */
    int blocks;           /* number of values in log_ratio */
    int disturbed;        /* number of blocks discarded */
    int kept;             /* how many of `blocks` are disturbed ones, used because there were too few others */
    double log_ratio[TUNE_BLOCKS_MOST]; /* for each block the mean of ln(baseline's cost / winner's cost) */
    double baseline_cost, winner_cost;  /* means over the blocks */
    double baseline_parts[TUNE_PARTS], winner_parts[TUNE_PARTS];
    uint64_t baseline_hash, winner_hash;
    double seconds;               /* duration of tune_blocks_run, without the start of the process */
    double at;                    /* when the process began, in seconds since 1970; 0: not known */
    tune_condition before, after; /* of the machine; NAN: not known */
} tune_block_result;

/* Returns how many quads a block needs to be longer than the correlation of the noise, 1 to 16. `costs` are the
 * baseline's in the search, in order and `spacing_s` seconds apart on average; a sample takes sample_s seconds. */
int tune_block_quads(const double *costs, size_t n, double spacing_s, double sample_s);

/* Warms both candidates up and runs the plan. Returns 0, with no block where the deadline left no time for one
 * after the warm-up, or a negative status. */
int tune_blocks_run(tune_sampler *sampler, int64_t baseline, int64_t winner, const tune_block_plan *plan,
                    tune_block_result *out, xlstm_error *err);

/* ---- over processes ---- */

/* Runs a plan in a fresh process. Returns 0, with no block where the time was up, or a negative status.
 * XLSTM_ECANCELLED ends the comparison with the results so far; XLSTM_ECHANGED, and XLSTM_EMISMATCH where what one
 * of the two puts out is not what the baseline did, end it without any; every other failure counts as a lost
 * process, of which `culprit` in *out, which is zeroed before, says what is known. */
typedef int (*tune_process_fn)(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err);

typedef struct tune_final_options {
    double level;        /* confidence level; default 0.95 */
    double width;        /* full width of the speed-up's interval at which the comparison stops; default 0.01 */
    int first_processes; /* processes that give s0; default 8, fewer where budget_s allows only fewer, at least 2 */
    int most_processes;  /* 12, 24 or 48 by effort */
    int blocks;          /* blocks of a process; default 3 */
    int quads;           /* quads of a block, from tune_block_quads */
    double budget_s;     /* seconds for the whole comparison; INFINITY: no limit */
    double spread_s;     /* seconds over which the begins of most_processes are spread evenly; 0: none */
    bool spread_whole; /* whether all of them run, even where the interval is narrow enough before; default false */
    bool unhurried;    /* no limit was asked for: first_processes and 20 blocks run in any case; default false */
    /* The processes run in turn on so many machines of one kind; default 1. With several the comparison ends after
     * a whole turn, when the scatter within the machines makes the interval over machines (nodes.h) narrow enough.
     */
    int machines;
    uint64_t seed;
    double (*now_s)(void *ctx); /* the clock of the budget, in seconds; NULL: the real one */
    void *now_ctx;
    /* Waits between two processes. Returns 0, or XLSTM_ECANCELLED to end the comparison. NULL: nothing waits. */
    int (*wait)(void *ctx, double seconds);
    void *wait_ctx;
    void (*progress)(void *ctx, int processes, int planned, double mean, double low, double high); /* may be NULL */
    void *progress_ctx;
} tune_final_options;
void tune_final_options_init(tune_final_options *options, tune_effort effort);
/* Makes the comparison fit into budget_s, where a sample takes `sample_s` seconds. First the number of blocks in a
 * process is reduced, then their length, and the number of processes last, because eight processes of one block
 * each give more information than three of three. Returns false where there is no time for two processes, because
 * fewer give no interval. Options that are unhurried stay as they are. */
bool tune_final_fit(tune_final_options *options, double sample_s);
/* Returns about how many seconds two of the shortest possible processes take, which is the least that a comparison
 * needs. */
double tune_final_least_seconds(double sample_s);
/* Returns about how many seconds the first processes will take. */
double tune_final_seconds(const tune_final_options *options, double sample_s);

typedef enum tune_verdict {
    /* Results of a comparison: */
    TUNE_VERDICT_NONE,   /* no significant difference: the interval contains 0 */
    TUNE_VERDICT_BETTER, /* the winner is faster */
    TUNE_VERDICT_WORSE,  /* the winner is slower */
    TUNE_VERDICT_FAILS,  /* the winner failed in some processes and the baseline in fewer: nothing is claimed */
    /* There was no comparison: */
    TUNE_VERDICT_UNMEASURED, /* fewer than two processes, so there is no interval */
    TUNE_VERDICT_NOTHING,    /* the best that the search found was not faster than the baseline */
    TUNE_VERDICT_TOO_LITTLE, /* too few points were tried to conclude that nothing is faster */
    TUNE_VERDICT_COUNT
} tune_verdict;
/* Returns "no significant difference", "better", "worse", "fails at times", "not compared", "nothing faster found"
 * or "not enough was tried". */
const char *tune_verdict_name(tune_verdict verdict);
/* Returns -1 where the name is unknown. */
int tune_verdict_find(const char *name);

typedef enum tune_final_stop {
    TUNE_STOP_WIDTH,
    TUNE_STOP_BUDGET,
    TUNE_STOP_MOST,
    TUNE_STOP_CANCELLED
} tune_final_stop;

const char *tune_final_stop_name(tune_final_stop stop); /* returns "width", "budget", "most" or "cancelled" */

/* For what the mean ratio and its interval hold. */
typedef enum tune_scope {
    TUNE_SCOPE_STATE,    /* for the time of measuring, in which the machine kept one state */
    TUNE_SCOPE_TIME,     /* for the time of measuring, in which it changed its state too seldom, or drifted */
    TUNE_SCOPE_LONG_RUN, /* for the long run: the mean over all states, weighted by the time that each lasts */
    TUNE_SCOPE_MACHINES  /* for the mean over machines of one kind, of which several took part (nodes.h) */
} tune_scope;
const char *
tune_scope_name(tune_scope scope); /* "one state", "time of measuring", "long run", "machines of the kind" */

typedef struct tune_final {
    tune_verdict verdict;
    tune_scope scope;
    tune_states states; /* of the machine, as the processes' ratios show them */
    tune_final_stop stop;
    int processes;                  /* number of processes in use */
    int lost;                       /* number of processes that failed */
    int failed[TUNE_CULPRIT_COUNT]; /* the same by culprit */
    char why[160];                  /* what the first of them said that was not the machine's failure; "": none */
    int blocks;                     /* number of blocks in use, over all processes */
    int discarded;                  /* number of disturbed blocks that were not used */
    int kept; /* number of disturbed blocks that were used, because there were too few others */
    double level;
    double log_ratio, log_low, log_high; /* mean of ln(baseline / winner) over processes, and its interval */
    double speedup, low, high;    /* their exponentials, less 1; without an interval low is -1 and high INFINITY */
    double within_sd, between_sd; /* scatter of blocks within a process, and of processes beyond that */
    double baseline_cost, winner_cost; /* means, in the unit of the reading */
    double baseline_parts[TUNE_PARTS], winner_parts[TUNE_PARTS];
    double seconds;
    double process[TUNE_PROCESSES_MOST];                              /* mean log ratio of each process, in order */
    int blocks_of[TUNE_PROCESSES_MOST], kept_of[TUNE_PROCESSES_MOST]; /* `blocks` and `kept` of each, in order */
    double at[TUNE_PROCESSES_MOST]; /* seconds from the begin of the first process to the begin of each, in order */
    double condition[TUNE_QUANTITIES]
                    [TUNE_PROCESSES_MOST]; /* of the machine during each process; NAN, 0: unknown */
    int machines;                      /* number of machines that took part and were not set aside; 0 or 1: one */
    int processes_aside, blocks_aside; /* how many ran on machines that were set aside; they are not in use */
    int unsure;    /* number of machines that were set aside and with which the interval also holds (nodes.h) */
    int label;     /* the quantity of the condition that tells the states apart; TUNE_QUANTITIES: none */
    double span_s; /* seconds from the begin of the first process to the end of the last; 0: not known */
} tune_final;

/* Runs the comparison. Returns 0 (the verdict may be TUNE_VERDICT_UNMEASURED), or a negative status where every
 * process that was started failed, where the model changed (XLSTM_ECHANGED), or where an output is not what it has
 * to be (XLSTM_EMISMATCH). */
int tune_final_run(const tune_final_options *options, tune_process_fn process, void *ctx, tune_final *out,
                   xlstm_error *err);

/* Whether such a status says that what was compared cannot be used: its processes fail, or its output is another.
 * The other statuses are of the machine, the device, the model, or of us. */
bool tune_final_unusable(int status);

/* Computes log_ratio … high, the states and the verdict from the values of processes that were measured before
 * (after a resume, and in tests). `first` is the number of processes that gave s0. */
void tune_final_judge(const double *process, int n, int first, double level, tune_final *out);
/* Returns the verdict that follows from the interval and from `failed`. A winner that failed more often than the
 * baseline is never better: the processes that ended well are not those that a user of it would have. */
tune_verdict tune_final_decide(const tune_final *f);

/* Writes what the machine's condition was in a state, as "each processor at 57 % beside the others"; to be called
 * where a label tells the states apart. */
void tune_final_label(char *text, size_t bytes, const tune_final *f, int state);
/* Writes the result in words: "better by 4.1 % [3.2, 5.0] (95 % interval, 10 fresh processes, 30 blocks)", and
 * what is missing where the budget was tight. Returns the length as snprintf does. */
int tune_final_text(char *text, size_t bytes, const tune_final *f);

#endif
