/* The measurements of the search: candidates race against the incumbent. Each gets few samples at first, and more
 * only while it can still win. The search only eliminates candidates; its values are not an unbiased estimate of
 * how fast the winner is, for which there is the last comparison (final.h).
 *
 * All values are relative to the baseline, whose samples are interleaved with the candidates'. A round is B c1 …
 * cK B, and the next one B cK … c1 B, where neighbouring rounds share a B. The value of a candidate's sample is
 * the logarithm of its cost divided by the baseline's cost at that time, which is interpolated between the two B
 * around it; so drift cancels, and values from different days can be compared. An interval on the difference to
 * the incumbent's value decides. The scatter is pooled over all candidates, so that it is known from the second
 * sample on.
 *
 * Warm-up is detected and not counted: a candidate that looks promising after its first sample gets a second one,
 * and a first sample that is slower than the second by more than the noise is dropped. The race learns how much
 * slower first samples usually are; a candidate is eliminated after one sample only where it is too slow even when
 * that is subtracted. */
#ifndef TUNE_MEASURE_RACE_H
#define TUNE_MEASURE_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuner/measure/gauge.h"
#include "tuner/measure/timing.h"

typedef enum tune_effort { TUNE_QUICK, TUNE_NORMAL, TUNE_THOROUGH } tune_effort;
/* Returns the effort of a name, "quick", "normal" or "thorough"; -1 for any other name. */
int tune_effort_parse(const char *name);
const char *tune_effort_name(tune_effort effort);

struct tune_race_entry;

typedef struct tune_race_options {
    int first;     /* samples that every candidate gets: 1, 1 or 2 by effort */
    int most;      /* samples of one candidate within a race, at most: 2, 4 or 8 */
    int finalists; /* candidates with which the playoff begins: 3, 6 or 10 */
    int parts;     /* parts of a reading that are in use: the first ones, all TUNE_PARTS by default */
    int playoff;   /* samples that the playoff adds to the last two: 6, 16 or 40 */
    double level;  /* confidence level of the interval that eliminates: 0.90 */
    /* A first sample is stopped at this multiple of the incumbent's cost (1.5), but never below the baseline's
     * cost, because a disturbed sample may have made the incumbent look fast. */
    double hopeless;
    double deadline_s; /* by tune_sampler_seconds; no sample begins after it; INFINITY: none */
    /* Returns whether a candidate that would be eliminated for its cost should get more samples for another merit.
     * May be NULL. */
    bool (*worthy)(void *ctx, const struct tune_race_entry *entry);
    void *worthy_ctx;
    /* Tells the machine's condition between two samples (gauge.h), which may take some 30 ms: it is asked twice a
     * second at most, and for 4 % of the time. Where it shows two states of the machine (strata.h), candidates are
     * compared within a state only. NULL: the machine is taken to have one state. */
    void (*condition)(void *ctx, tune_condition *out);
    void *condition_ctx;
} tune_race_options;
void tune_race_options_init(tune_race_options *options, tune_effort effort);

typedef enum tune_race_outcome {
    TUNE_RACE_NEW_INCUMBENT, /* it has the best value now */
    TUNE_RACE_OUT,           /* eliminated: by the interval it is slower than the incumbent */
    TUNE_RACE_SURVIVED,      /* not distinguishable from the incumbent with `most` samples */
    TUNE_RACE_STOPPED,       /* stopped early as hopeless */
    TUNE_RACE_FAILED,        /* the measuring function failed; `text` of the entry says why */
    TUNE_RACE_UNTIMED        /* the deadline came before its first sample */
} tune_race_outcome;

/* The results of a candidate. */
typedef struct tune_race_entry {
    int64_t candidate;
    tune_race_outcome outcome;
    int samples;  /* number of samples behind `value` */
    double value; /* mean of ln(cost / baseline's cost); 0 is the baseline; a lower bound where stopped */
    double cost;  /* mean cost, in the unit of the reading */
    double parts[TUNE_PARTS]; /* means; NAN for those that are not in use */
    uint64_t hash;            /* of the outputs of the last sample */
    int status;               /* negative where it failed */
    const char *text;         /* why it failed; owned by the race. NULL: it did not fail, or memory was out */
} tune_race_entry;

typedef struct tune_race tune_race;
/* Makes a race. The sampler is borrowed. `baseline` is the incumbent until a candidate beats it. */
int tune_race_create(tune_race **out, tune_sampler *sampler, int64_t baseline, const tune_race_options *options,
                     xlstm_error *err);
void tune_race_destroy(tune_race *race);

/* Adds a candidate that an earlier process of the run measured; to be called before any racing. `values` are n log
 * ratios to the baseline. */
int tune_race_restore(tune_race *race, int64_t candidate, const double *values, int n, double cost,
                      const double parts[TUNE_PARTS], xlstm_error *err);

/* Takes one more sample of the baseline. Returns TUNE_TIME_UP where the deadline came before it. */
int tune_race_take_baseline(tune_race *race, xlstm_error *err);
/* Measures `count` candidates, each new to the race and not the baseline, against the incumbent. Returns 0 with an
 * entry for each in out[count], or a negative status that ends the race (cancelled, out of memory, the baseline
 * failed). Then candidates that were finished stay in the race, and those without a sample do not. */
int tune_race_run(tune_race *race, const int64_t *candidates, int count, tune_race_entry *out, xlstm_error *err);

/* The playoff: the best `finalists` are measured in rounds, and the slower half is dropped again and again until
 * one is left. *winner may be the baseline. Where no time is left, it is the best value so far, after adding its
 * uncertainty. */
int tune_race_finish(tune_race *race, int64_t *winner, xlstm_error *err);

/* Sets a later deadline for the same race. */
void tune_race_set_deadline(tune_race *race, double deadline_s);

/* The playoff's result for a candidate that took part. */
typedef struct tune_finalist {
    int64_t candidate;
    double before, after; /* ln(cost / baseline's cost) of the search's, of all samples; NAN: it failed */
    int samples_before, samples;
} tune_finalist;
/* The finalists of the last tune_race_finish, best first; owned by the race and valid until the next one. */
const tune_finalist *tune_race_finalists(const tune_race *race, int *count);

/* Returns the candidates whose samples were added to or dropped since the race began, or since
 * tune_race_forget_changes, each once, in the order of their first change. Those of tune_race_restore do not count.
 * The array belongs to the race, and is valid until the next measurement. */
const int64_t *tune_race_changes(const tune_race *race, size_t *count);
void tune_race_forget_changes(tune_race *race);

bool tune_race_get(const tune_race *race, int64_t candidate, tune_race_entry *out);
int64_t tune_race_incumbent(const tune_race *race);
/* Returns the log ratios of a candidate in the order in which they were taken. They belong to the race and are
 * valid until the candidate is measured again. NULL: there are none. */
const double *tune_race_values(const tune_race *race, int64_t candidate, int *n);
/* Returns the costs of all baseline samples in the order in which they were taken; for tune_describe_noise. */
const double *tune_race_baseline_costs(const tune_race *race, size_t *n);
/* Returns the states of the machine that its conditions showed so far; owned by the race. */
const struct tune_strata *tune_race_strata(const tune_race *race);
/* Returns the pooled standard deviation of one log ratio, and in *df (may be NULL) the degrees of freedom behind
 * it; NAN and 0 where there is none yet. */
double tune_race_scatter(const tune_race *race, double *df);

#endif
