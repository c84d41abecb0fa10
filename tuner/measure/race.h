/* The search's measurements: candidates race against the incumbent, few samples first, more only for those that can
 * still win. The search only eliminates: what it says of the winner is not for telling people (final.h is).
 *
 * Yardstick of everything is the baseline, interleaved: a round is B c1 … cK B, the next B cK … c1 B (neighbouring
 * rounds share a B), and a candidate's value is ln(its cost / the baseline's cost, linear between the two B around
 * it), so drift cancels and values of different days compare. An interval on the difference to the incumbent's
 * value decides; the scatter is pooled over all candidates, so that it is known from the second sample on.
 *
 * Warm-up is detected, not counted: a candidate that looks promising after its first sample gets a second, and a
 * first that is slower than the second beyond the noise is dropped; how much slower first samples are, as a rule,
 * is learnt, and a candidate that is out after one sample is out even with that taken off. */
#ifndef TUNE_MEASURE_RACE_H
#define TUNE_MEASURE_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/measure/timing.h"

typedef enum tune_effort { TUNE_QUICK, TUNE_NORMAL, TUNE_THOROUGH } tune_effort;
/* The effort of a name: "quick", "normal", "thorough"; -1 for another name. */
int tune_effort_parse(const char *name);
const char *tune_effort_name(tune_effort effort);

struct tune_race_entry;

typedef struct tune_race_options {
    int first;         /* samples of every candidate: 1, 1, 2 by effort */
    int most;          /* at most so many of one within a race: 2, 4, 8 */
    int finalists;     /* how many the playoff starts with: 3, 6, 10 */
    int playoff;       /* samples that the playoff adds to the last two: 6, 16, 40 */
    double level;      /* of the eliminating interval: 0.90 */
    double hopeless;   /* a first sample is stopped at this multiple of the incumbent's cost, 1.5, and never below
                        * the baseline's own: an incumbent may owe its value to a disturbed sample */
    double deadline_s; /* by tune_sampler_seconds; no new sample starts after it; INFINITY */
    /* Whether a candidate that would be eliminated for its cost has another merit for which it gets samples. May be
     * NULL. */
    bool (*worthy)(void *ctx, const struct tune_race_entry *entry);
    void *worthy_ctx;
} tune_race_options;
void tune_race_options_init(tune_race_options *options, tune_effort effort);

typedef enum tune_race_outcome {
    TUNE_RACE_NEW_INCUMBENT, /* the best value now */
    TUNE_RACE_OUT,           /* the interval says that it is slower than the incumbent */
    TUNE_RACE_SURVIVED,      /* not told apart from the incumbent with `most` samples */
    TUNE_RACE_STOPPED,       /* stopped early as hopeless */
    TUNE_RACE_FAILED,        /* the measuring function failed; the text is in err of tune_race_entry */
    TUNE_RACE_UNTIMED        /* the deadline came before its first sample */
} tune_race_outcome;

/* What is known of a candidate. */
typedef struct tune_race_entry {
    int64_t candidate;
    tune_race_outcome outcome;
    int samples;              /* behind `value` */
    double value;             /* mean of ln(cost / baseline's cost); 0 is the baseline; a bound where stopped */
    double cost;              /* mean cost, in the reading's unit */
    double parts[TUNE_PARTS]; /* means */
    uint64_t hash;            /* of the last sample */
    int status;               /* negative where failed */
    char text[256];           /* why it failed */
} tune_race_entry;

typedef struct tune_race tune_race;
/* The sampler is borrowed. `baseline` is the incumbent until something beats it. */
int tune_race_create(tune_race **out, tune_sampler *sampler, int64_t baseline, const tune_race_options *options,
                     xlstm_error *err);
void tune_race_destroy(tune_race *race);

/* Restores what an earlier process of the run measured, before any racing: `values` are log ratios to the baseline.
 */
int tune_race_restore(tune_race *race, int64_t candidate, const double *values, int n, double cost,
                      const double parts[TUNE_PARTS], xlstm_error *err);

/* Takes one more sample of the baseline. Returns TUNE_TIME_UP where the deadline came before it. */
int tune_race_take_baseline(tune_race *race, xlstm_error *err);
/* Measures `count` candidates (each new to the race, not the baseline) against the incumbent. Returns 0 with one
 * entry each in out[count], or a negative status that ends the race (cancelled, out of memory, the baseline itself
 * failing); entries of what was finished stay in the race, one without a sample does not. */
int tune_race_run(tune_race *race, const int64_t *candidates, int count, tune_race_entry *out, xlstm_error *err);

/* The playoff: the best `finalists` are measured in rounds side by side, the worse half dropped, until one is left.
 * *winner may be the baseline. Without time left it is the best value so far, shrunk by its uncertainty. */
int tune_race_finish(tune_race *race, int64_t *winner, xlstm_error *err);

/* Sets a later deadline for the same race. */
void tune_race_set_deadline(tune_race *race, double deadline_s);

/* What the playoff made of a candidate that it began with. */
typedef struct tune_finalist {
    int64_t candidate;
    double before, after; /* ln(cost / baseline's cost) with the search's samples, with all; NAN: it failed */
    int samples_before, samples;
} tune_finalist;
/* The finalists of the last tune_race_finish, best first; owned by the race and valid until the next one. */
const tune_finalist *tune_race_finalists(const tune_race *race, int *count);

bool tune_race_get(const tune_race *race, int64_t candidate, tune_race_entry *out);
int64_t tune_race_incumbent(const tune_race *race);
/* The log ratios of a candidate in the order in which they were taken; owned by the race and valid until it
 * measures again. NULL: none. */
const double *tune_race_values(const tune_race *race, int64_t candidate, int *n);
/* Costs of every baseline sample in the order taken; for tune_describe_noise. */
const double *tune_race_baseline_costs(const tune_race *race, size_t *n);
/* Pooled scatter (sd) of one log ratio, and the degrees of freedom behind it; NAN, 0 before there is any. */
double tune_race_scatter(const tune_race *race, double *df);

#endif
