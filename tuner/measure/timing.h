/* Taking one sample honestly: a calibrated clock, a sample long enough for it, and a watch on what else the
 * machine did meanwhile. A sample is judged by that watch, never by its own time. */
#ifndef TUNE_MEASURE_TIMING_H
#define TUNE_MEASURE_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

/* The clock as this process sees it. */
typedef struct tune_clock {
    double resolution_s; /* smallest step between two different readings */
    double overhead_s;   /* one reading */
    double shortest_s;   /* a sample this long errs by at most 0.1 % through the clock; never under 1 ms */
} tune_clock;
/* Takes about a millisecond. */
void tune_clock_calibrate(tune_clock *clock);
/* How often a thing that takes `once_s` must be repeated within a sample; 1 … 1,000,000. */
unsigned tune_clock_repeats(const tune_clock *clock, double once_s);

/* What disturbed a sample; a bit set. */
enum {
    TUNE_STEAL = 1,       /* the hypervisor took the processor away */
    TUNE_SWITCHED = 2,    /* other processes took it: involuntary context switches */
    TUNE_CLOCK = 4,       /* the processor's frequency differed from its usual one */
    TUNE_HOT = 8,         /* the processor was hot enough to throttle */
    TUNE_NEIGHBOURS = 16, /* other processes kept processors busy that this one could have used */
    TUNE_HALTED = 32 /* this process did not compute: stopped (SIGSTOP, Ctrl-Z), frozen, or waiting for a disk */
};

typedef struct tune_disturbance {
    unsigned reasons;     /* TUNE_STEAL | … ; 0: undisturbed */
    double steal;         /* share of the processors' time, 0 … 1 */
    double neighbours;    /* processors' time that others used, over wall time times processors, 0 … 1 */
    double switches;      /* involuntary switches of this process a second */
    double frequency_mhz; /* by timing a chain of dependent additions, which needs no driver */
    double temperature_c; /* hottest sensor; NAN where it cannot be read */
    double halted_s;      /* wall time less the processor time of this process and what it waited for a processor */
} tune_disturbance;

/* The limits above which a sample counts as disturbed. */
typedef struct tune_watch_limits {
    double steal;      /* 0.02 */
    double neighbours; /* 0.15 */
    double switches;   /* 200 a second; judged only where neighbours were busy at all: threads of our own that
                          outnumber the processors switch too */
    double frequency;  /* relative distance from the median of the samples so far: 0.08 */
    double hot_c;      /* 95 */
    double halted_s;   /* 0.5; INFINITY where the work is done elsewhere and waited for */
} tune_watch_limits;
void tune_watch_limits_init(tune_watch_limits *limits);

/* Counters are read at begin and end; the kernel's are in steps of 10 ms, so shorter samples borrow the time
 * since the last step. What the machine does not offer (macOS: all but switches) is not judged. */
typedef struct tune_watch tune_watch;
int tune_watch_create(tune_watch **out, const tune_watch_limits *limits, xlstm_error *err);
void tune_watch_destroy(tune_watch *watch);
void tune_watch_begin(tune_watch *watch);
void tune_watch_end(tune_watch *watch, tune_disturbance *out);
/* To be called by a handler of SIGCONT: this process was stopped and runs again. Where it has many threads, their
 * processor time can hide a short stop. */
void tune_watch_continued(void);
/* "steal 4 %, 320 switches/s"; "undisturbed". Returns the length that snprintf would. */
int tune_disturbance_text(char *text, size_t bytes, const tune_disturbance *d);

/* ---- the thing that is measured ---- */

enum { TUNE_PARTS = 8 }; /* numbers that a reading holds, at most */

/* One measurement, of which `repeats` executions are the sum over `repeats`: everything is per execution. */
typedef struct tune_reading {
    double cost;              /* the objective, smaller is better, > 0: seconds of the request as a rule */
    double timed_s;           /* shortest span that the clock timed for it; 0: cost is that */
    double parts[TUNE_PARTS]; /* the caller's own, as many as it has, NAN behind them; kept with the sample */
    uint64_t hash;            /* of what was computed (greedy tokens); 0: none */
} tune_reading;

/* What a measurement may come to besides 0 and a failure, which is negative. */
enum {
    TUNE_STOPPED = 1, /* the cost exceeds the limit: the candidate is hopeless and was stopped early; the reading's
                         cost is a lower bound */
    TUNE_TIME_UP = 2  /* the deadline came before the first sample */
};

/* Runs `candidate` (a number that means something to ctx alone) `repeats` times and fills *out. `limit` (INFINITY:
 * none) is a cost over which the candidate is hopeless: the callee may stop as soon as the cost is known to
 * exceed it and return TUNE_STOPPED. Returns 0, TUNE_STOPPED, or a negative status: XLSTM_ECANCELLED ends
 * everything at once, so do the others of tune_ends_everything; any
 * other fails this candidate alone. */
typedef int (*tune_measure_fn)(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                               xlstm_error *err);

/* Whether a failure is not the candidate's own, so that no candidate could be measured any more. */
static inline bool tune_ends_everything(int status) {
    return status == XLSTM_ECANCELLED || status == XLSTM_ENOMEM || status == XLSTM_ECHANGED;
}

typedef struct tune_sample {
    int64_t candidate;
    tune_reading reading;
    tune_disturbance disturbance;
    double start_s;   /* since the sampler was made */
    double seconds;   /* all that it took */
    unsigned repeats; /* executions within the sample */
    bool warmup;      /* left out: the candidate was not warm yet */
    bool set_aside;   /* left out: disturbed, taken again */
    bool stopped;     /* stopped early as hopeless */
} tune_sample;

/* Called for every sample as it ends, also for those that are left out. */
typedef void (*tune_sample_fn)(void *ctx, const tune_sample *sample);

typedef struct tune_sampler_options {
    tune_measure_fn measure;
    void *ctx;
    tune_sample_fn on_sample; /* may be NULL */
    void *on_sample_ctx;
    tune_watch_limits limits; /* tune_sampler_options_init sets the usual ones */
    int retakes;              /* a disturbed sample is taken again at most so often, 3; then it is kept, marked;
                                 on a machine where that is the rule it is kept at once, unless it was halted */
    bool watch;               /* false: no watch, for simulations; true */
    double (*now_s)(void *);  /* clock for start_s, seconds and deadlines; NULL: the real one */
    void *now_ctx;
} tune_sampler_options;
void tune_sampler_options_init(tune_sampler_options *options);

typedef struct tune_sampler tune_sampler;
int tune_sampler_create(tune_sampler **out, const tune_sampler_options *options, xlstm_error *err);
void tune_sampler_destroy(tune_sampler *sampler);

/* Takes one undisturbed sample. Returns 0, TUNE_STOPPED or a negative status. */
int tune_sampler_take(tune_sampler *sampler, int64_t candidate, double limit, tune_sample *out, xlstm_error *err);
/* The same without taking a disturbed one again: for blocks, which are discarded whole. */
int tune_sampler_take_once(tune_sampler *sampler, int64_t candidate, double limit, tune_sample *out,
                           xlstm_error *err);
/* Whether most of the last samples were disturbed, so that taking them again would only cost time. */
bool tune_sampler_busy(const tune_sampler *sampler);
/* Runs a candidate until its times are steady: until the last is within 5 % of the fastest so far and not the
 * first, at most `most` times or, after four, `seconds`; past `deadline_s` (by tune_sampler_seconds) no further run
 * begins after the first: who sets one asks afterwards whether it has passed, for then it may not be warm. Those
 * samples are reported as warm-up. *out (may be NULL) is the last of them. Also learns how many repeats a sample of
 * this candidate needs. */
int tune_sampler_warm(tune_sampler *sampler, int64_t candidate, int most, double seconds, double deadline_s,
                      double limit, tune_sample *out, xlstm_error *err);

/* Counts since the sampler was made. */
typedef struct tune_sampler_counts {
    uint64_t taken, warmup, set_aside, kept_disturbed, stopped;
    double seconds;
} tune_sampler_counts;
void tune_sampler_get_counts(const tune_sampler *sampler, tune_sampler_counts *out);
double tune_sampler_seconds(const tune_sampler *sampler); /* since it was made */

#endif
