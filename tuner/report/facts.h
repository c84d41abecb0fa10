/* Facts that the text, the JSON and the pictures all use. */
#ifndef TUNE_REPORT_FACTS_H
#define TUNE_REPORT_FACTS_H

#include "tuner/report/report.h"

/* "20 trials: 15 measured, 4 duplicates, 1 failed, infeasible or too slow"; cut to fit. */
void tune_counts_text(char *text, size_t bytes, const tune_trial_counts *counts);
/* The number of distinct points among the trials with status ok or duplicate. */
size_t tune_report_points(const tune_report *report);

/* What a trial's value was when it ended (`value` follows its later samples), as a ratio; NAN: not kept. */
double tune_report_first_value(const tune_trial_row *trial);

/* Samples behind the value of the trial that won, or where the baseline stays, of the one that was compared with
 * it; 0 where neither is known or samples were not kept. */
size_t tune_report_winner_samples(const tune_report *report);

/* The baseline's samples beside the trials: in use, of those disturbed all the same (on a machine where that is the
 * rule), left out as warm-up, left out because something disturbed them; and what that was, most often first,
 * as "other processes (12), steal time (2)". */
typedef struct tune_sample_counts {
    size_t used, marked, warmup, disturbed;
    char reasons[160];
} tune_sample_counts;
void tune_report_baseline_samples(const tune_report *report, tune_sample_counts *out);

/* A recording is a whole space measured for its own sake (`--mode grid --export-landscape`): it has no winner and
 * no last comparison. */
bool tune_report_is_recording(const tune_report *report);

/* Samples in use of a recording, the baseline's with them; and of its points with a value, the fewest and most that
 * one has. 0 where samples were not kept. */
typedef struct tune_recorded {
    size_t samples, marked; /* marked: disturbed, and in use all the same */
    size_t aside;           /* disturbed, left out and taken again */
    size_t fewest, most;
} tune_recorded;
int tune_report_recorded(const tune_report *report, tune_recorded *out, xlstm_error *err); /* ENOMEM */

/* The last comparison as best.json holds it. */
typedef struct tune_comparison {
    bool there;
    double value, low, high, level; /* speed-up; NAN */
    long processes, blocks, discarded, kept, lost;
    const char *stopped_by;     /* "width", "budget", "most"; NULL: unknown */
    const json_t *log_ratios;   /* array, one number a process; may be NULL */
    const char *verdict, *text; /* NULL where best.json has none */
} tune_comparison;
tune_comparison tune_report_comparison(const tune_report *report);

/* The rows of pareto.csv as indexes into the trials, best in the first objective first; room for all. How many. */
size_t tune_report_front(const tune_report *report, size_t *front);
/* An objective of the baseline, in the search where best.json has that; NAN. */
double tune_report_baseline(const tune_report *report, int objective);

/* Whether the run's space is recorded, as far as its parameters go. */
bool tune_report_space_is_known(const tune_report *report);
/* What the values of the run's space multiply to; 0: not recorded, or more than can be counted. Conditions, and
 * settings that come to the same, leave fewer points. */
size_t tune_report_combinations(const tune_report *report);
/* Every point of the run's space has a trial of its own. */
bool tune_report_all_tried(const tune_report *report);
/* Values of the run's space that no trial had, neighbours together, as "17 to 31, 33"; "" where there are none or
 * the space is not recorded. */
void tune_report_gaps(const tune_report *report, size_t parameter, char *text, size_t bytes);

/* {"value": 32, …} of a trial's parameters as text: "chunk_size 32, heads_per_band 4". */
void tune_report_point(const tune_report *report, const tune_report_trial *trial, char *text, size_t bytes);

#endif
