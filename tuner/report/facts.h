/* Facts about a run that the text, the JSON and the pictures all use. */
#ifndef TUNE_REPORT_FACTS_H
#define TUNE_REPORT_FACTS_H

#include "tuner/report/report.h"

/* Writes "20 trials: 15 measured, 4 duplicates, 1 failed, infeasible or too slow", cut to fit. */
void tune_counts_text(char *text, size_t bytes, const tune_trial_counts *counts);
/* Returns the number of distinct points among the trials with status ok or duplicate. */
size_t tune_report_points(const tune_report *report);

/* Returns a trial's value when the trial ended, before later samples changed `value`, as a ratio; NAN: not
 * recorded. */
double tune_report_first_value(const tune_trial_row *trial);

/* Returns the number of samples behind the value of the winning trial, or where the baseline stays, of the trial
 * that was compared with it; 0 where that is not known or samples were not recorded. */
size_t tune_report_winner_samples(const tune_report *report);

/* Numbers of the baseline's samples beside the trials: in use, in use although disturbed (on a machine that is
 * always busy), left out as warm-up, and left out as disturbed. `reasons` lists what disturbed them, the most
 * frequent first: "other processes (12), steal time (2)". */
typedef struct tune_sample_counts {
    size_t used, marked, warmup, disturbed;
    char reasons[160];
} tune_sample_counts;
void tune_report_baseline_samples(const tune_report *report, tune_sample_counts *out);

/* Whether the run is a recording: a whole space measured for a landscape (`--mode grid --export-landscape`), which
 * has no winner and no last comparison. */
bool tune_report_is_recording(const tune_report *report);

/* The samples of a recording. fewest and most are the numbers of samples that its points with a value have. All
 * are 0 where samples were not recorded. */
typedef struct tune_recorded {
    size_t samples, marked; /* samples in use, the baseline's included; those in use although disturbed */
    size_t aside;           /* disturbed samples that were left out and taken again */
    size_t fewest, most;
} tune_recorded;
int tune_report_recorded(const tune_report *report, tune_recorded *out, xlstm_error *err); /* 0, or XLSTM_ENOMEM */

/* The last comparison as best.json has it. */
typedef struct tune_comparison {
    bool there;
    double value, low, high, level; /* speed-up and its interval; NAN: unknown */
    long processes, blocks, discarded, kept, lost;
    const json_t *failed;   /* how many of the lost ones failed with "winner", "baseline", "either"; may be NULL */
    const char *stopped_by; /* "width", "budget" or "most"; NULL: unknown */
    const json_t *log_ratios; /* array with one number for each process; may be NULL */
    const json_t *begun_s;    /* for each process the seconds from the beginning of the first one; may be NULL */
    const json_t *states;     /* array of objects with processes, visits and value; may be NULL */
    const json_t *state_of;   /* the state of each process, as an index of `states`; may be NULL */
    const json_t *condition;  /* of the machine: for each quantity its values, one for each process; may be NULL */
    long changes;             /* number of changes of state from one process to the next */
    const char *holds_for;    /* what tune_scope_name returns; NULL: unknown */
    long also_aside;          /* with how many machines that were set aside the interval also holds */
    double seconds;           /* from the beginning of the first process to the end of the last; NAN: unknown */
    const char *verdict, *text; /* NULL where best.json has none */
} tune_comparison;
tune_comparison tune_report_comparison(const tune_report *report);

/* Fills `front`, which has room for all trials, with the rows of pareto.csv as indexes of trials, the best in the
 * first objective first. Returns their number. */
size_t tune_report_front(const tune_report *report, size_t *front);
/* Returns an objective's value for the baseline in the search, where best.json has it; NAN otherwise. */
double tune_report_baseline(const tune_report *report, int objective);

/* Whether the parameters and values of the run's space are recorded. */
bool tune_report_space_is_known(const tune_report *report);
/* Returns the number of combinations of the values of the run's space; 0: not recorded, or too large. Because of
 * conditions and of settings that are equal in effect there may be fewer points. */
size_t tune_report_combinations(const tune_report *report);
/* Whether every point of the run's space has a trial. */
bool tune_report_all_tried(const tune_report *report);
/* Writes the values of the run's space that no trial had, with neighbours joined, as "17 to 31, 33"; "" where
 * there are none or the space is not recorded. */
void tune_report_gaps(const tune_report *report, size_t parameter, char *text, size_t bytes);

/* Writes a trial's parameters as "chunk_size 32, heads_per_band 4". */
void tune_report_point(const tune_report *report, const tune_report_trial *trial, char *text, size_t bytes);

#endif
