/* Takes one sample: with a calibrated clock, long enough for it, and while watching what else the machine does.
 * Whether a sample is used depends on what was noticed then, and never on its own time, which would bias the
 * result. */
#ifndef TUNE_MEASURE_TIMING_H
#define TUNE_MEASURE_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

/* Properties of the clock, as measured in this process. */
typedef struct tune_clock {
    double resolution_s; /* smallest step between two different readings */
    double overhead_s;   /* duration of one reading */
    double shortest_s;   /* the clock's error in a sample of this length is at most 0.1 %; at least 1 ms */
} tune_clock;
/* Measures them; takes about a millisecond. */
void tune_clock_calibrate(tune_clock *clock);
/* Returns how often something that takes `once_s` seconds must be repeated within a sample; 1 to 1,000,000. */
unsigned tune_clock_repeats(const tune_clock *clock, double once_s);

/* What disturbed a sample; a set of bits. */
enum {
    TUNE_STEAL = 1,       /* the hypervisor gave the processor to others */
    TUNE_SWITCHED = 2,    /* other processes got the processor: involuntary context switches */
    TUNE_CLOCK = 4,       /* the processor's frequency differed from its usual one */
    TUNE_HOT = 8,         /* the processor was hot enough to throttle */
    TUNE_NEIGHBOURS = 16, /* other processes used processors that this one could have used */
    TUNE_HALTED = 32      /* this process did not run: stopped (SIGSTOP, Ctrl-Z), frozen, or waiting for a disk */
};

typedef struct tune_disturbance {
    unsigned reasons;     /* a set of TUNE_STEAL and so on; 0: undisturbed */
    double steal;         /* share of the processors' time, 0 to 1 */
    double neighbours;    /* processor time used by others, divided by wall time and number of processors, 0 to 1 */
    double switches;      /* involuntary switches of this process per second */
    double frequency_mhz; /* measured by a chain of dependent additions, which needs no driver */
    double temperature_c; /* of the hottest sensor; NAN where it cannot be read */
    double halted_s;      /* wall time less this process's processor time and its waiting for a processor */
} tune_disturbance;

/* Limits above which a sample counts as disturbed, with their defaults. */
typedef struct tune_watch_limits {
    double steal;      /* 0.02 */
    double neighbours; /* 0.15 */
    /* 200 per second. Only used where other processes ran at all, because threads of our own that outnumber the
     * processors are switched too. */
    double switches;
    double frequency; /* relative distance from the median of the samples so far: 0.08 */
    double hot_c;     /* 95 */
    double halted_s;  /* 0.5; INFINITY where another process does the work and this one waits */
} tune_watch_limits;
void tune_watch_limits_init(tune_watch_limits *limits);

/* Watches the machine: counters are read at begin and end. The kernel's counters advance in steps of 10 ms, so
 * that for a shorter sample the time since an earlier reading is included. What the machine does not report (on
 * macOS all but switches) is not judged. */
typedef struct tune_watch tune_watch;
int tune_watch_create(tune_watch **out, const tune_watch_limits *limits, xlstm_error *err);
void tune_watch_destroy(tune_watch *watch);
void tune_watch_begin(tune_watch *watch);
void tune_watch_end(tune_watch *watch, tune_disturbance *out);
/* Returns the processor's frequency in MHz, found in some 50 microseconds by timing additions that depend on each
 * other. */
double tune_frequency_mhz(void);
/* To be called by a handler of SIGCONT: the process was stopped and runs again. Where it has many threads, their
 * processor time could hide a short stop. */
void tune_watch_continued(void);
/* Writes "steal 4 %, 320 switches/s" or "undisturbed". Returns the length as snprintf does. */
int tune_disturbance_text(char *text, size_t bytes, const tune_disturbance *d);

/* ---- measuring a candidate ---- */

enum { TUNE_PARTS = 8 }; /* numbers that a reading holds, at most */

/* One measurement. All values are per execution: the sum over `repeats` executions divided by `repeats`. */
typedef struct tune_reading {
    double cost;              /* the objective, smaller is better, positive; usually the seconds of a request */
    double timed_s;           /* the shortest span that the clock timed for it; 0: cost is that span */
    double parts[TUNE_PARTS]; /* numbers of the caller, kept with the sample; NAN after the last */
    uint64_t hash;            /* of the outputs (the greedy tokens); 0: none */
} tune_reading;

/* Results of a measurement besides 0 and failures, which are negative. */
enum {
    TUNE_STOPPED =
        1, /* the cost exceeds the limit, so the measurement was stopped; the reading's cost is a lower bound */
    TUNE_TIME_UP = 2 /* the deadline came before the first sample */
};

/* Runs `candidate` (a number that only ctx interprets) `repeats` times and fills *out. `limit` (INFINITY: none) is
 * the cost above which the candidate is hopeless: the function may stop and return TUNE_STOPPED as soon as the
 * cost is known to exceed it. Returns 0, TUNE_STOPPED, or a negative status; those of tune_ends_everything end the
 * whole measurement, any other only fails this candidate. */
typedef int (*tune_measure_fn)(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                               xlstm_error *err);

/* Whether a failure is not the candidate's own, so that measuring other candidates makes no sense. */
static inline bool tune_ends_everything(int status) {
    return status == XLSTM_ECANCELLED || status == XLSTM_ENOMEM || status == XLSTM_ECHANGED;
}

typedef struct tune_sample {
    int64_t candidate;
    tune_reading reading;
    tune_disturbance disturbance;
    double start_s;   /* seconds since the sampler was made */
    double seconds;   /* duration of the whole sample */
    unsigned repeats; /* number of executions within the sample */
    bool warmup;      /* not used: the candidate was not warm yet */
    bool set_aside;   /* not used: disturbed and taken again */
    bool stopped;     /* stopped early as hopeless */
} tune_sample;

/* Called at the end of every sample, also of those that are not used. */
typedef void (*tune_sample_fn)(void *ctx, const tune_sample *sample);

typedef struct tune_sampler_options {
    tune_measure_fn measure;
    void *ctx;
    tune_sample_fn on_sample; /* may be NULL */
    void *on_sample_ctx;
    tune_watch_limits limits; /* tune_sampler_options_init sets the defaults */
    /* How often a disturbed sample is taken again at most (3); then it is used and marked. On a busy machine it is
     * used at once, unless the process was stopped. */
    int retakes;
    bool watch;              /* false: nothing is watched, for simulations; default true */
    double (*now_s)(void *); /* the clock for start_s, seconds and deadlines; NULL: the real one */
    void *now_ctx;
} tune_sampler_options;
void tune_sampler_options_init(tune_sampler_options *options);

typedef struct tune_sampler tune_sampler;
int tune_sampler_create(tune_sampler **out, const tune_sampler_options *options, xlstm_error *err);
void tune_sampler_destroy(tune_sampler *sampler);

/* Takes one sample, again where it was disturbed. Returns 0, TUNE_STOPPED or a negative status. */
int tune_sampler_take(tune_sampler *sampler, int64_t candidate, double limit, tune_sample *out, xlstm_error *err);
/* Does the same, but takes a disturbed sample only once; for blocks, which are discarded as a whole. */
int tune_sampler_take_once(tune_sampler *sampler, int64_t candidate, double limit, tune_sample *out,
                           xlstm_error *err);
/* Whether most of the last samples were disturbed, so that taking them again would only cost time. */
bool tune_sampler_busy(const tune_sampler *sampler);
/* Runs a candidate until its times are steady: the last one, not the first run, is within 5 % of the fastest so
 * far. Runs at most `most` times, and after four runs at most `seconds`. Past `deadline_s` (by
 * tune_sampler_seconds) no run but the first begins, so a caller that sets one must check afterwards whether it
 * has passed, because the candidate may then not be warm. These samples are reported as warm-up. *out (may be
 * NULL) is the last of them. Also learns how many repeats a sample of this candidate needs. */
int tune_sampler_warm(tune_sampler *sampler, int64_t candidate, int most, double seconds, double deadline_s,
                      double limit, tune_sample *out, xlstm_error *err);

/* Numbers of samples since the sampler was made, and their seconds. */
typedef struct tune_sampler_counts {
    uint64_t taken, warmup, set_aside, kept_disturbed, stopped;
    double seconds;
} tune_sampler_counts;
void tune_sampler_get_counts(const tune_sampler *sampler, tune_sampler_counts *out);
double tune_sampler_seconds(const tune_sampler *sampler); /* seconds since the sampler was made */

#endif
