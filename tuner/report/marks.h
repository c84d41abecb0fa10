/* What a picture marks among the trials: the baseline, the chosen point, and a first row that was cold. */
#ifndef TUNE_REPORT_MARKS_H
#define TUNE_REPORT_MARKS_H

#include "tuner/report/report.h"

/* Whether the run's space has this parameter; where the space is not known, whether any trial has a value of
 * it. */
bool tune_report_tuned(const tune_report *report, const char *parameter);

/* Writes the baseline's value of a parameter as text; returns false where it is not known. */
bool tune_report_baseline_setting(const tune_report *report, const char *parameter, char *text, size_t bytes);

/* The baseline's values in the search; NAN where they are not known. */
typedef struct tune_baseline_speed {
    double part_s[2], request_s, prefill_tok_s, decode_tok_s;
    double seen; /* of the metric tune_report.noisy */
} tune_baseline_speed;
tune_baseline_speed tune_report_baseline_speed(const tune_report *report);

/* What the time of one execution is called: "whole request" where it is the sum of two (tune_metrics.apart), else
 * the metric's name without its unit. Static storage. */
const char *tune_report_time_name(const tune_report *report);
/* What the metric is called in which samples are shown (tune_report.noisy): tune_report_time_name where that is the
 * time of one execution, else its name, without the unit where that is seconds. Static storage. */
const char *tune_report_noise_name(const tune_report *report);
/* Its unit, "s" for a time; "" for none. */
const char *tune_report_noise_unit(const tune_report *report);
/* Whether the first objective is a time or a speed, so that what is better is faster. */
bool tune_report_timed(const tune_report *report);
/* Whether a trial's value is a ratio to the baseline: some trial has one. */
bool tune_report_has_ratio(const tune_report *report);
/* What a trial's value is called where it is a ratio, smaller is better: "time / baseline's" for a time or a speed,
 * "peak_mb / baseline's", or where larger is better "baseline's rate / rate". Static storage. */
const char *tune_report_ratio_name(const tune_report *report);
/* How many times a picture shows apart: the two and the whole, 3, or the whole alone, 1. */
int tune_report_times(const tune_report *report);

/* Returns the trial to mark, and in *what the label: "winner"; "fastest" in a recording; "best found, not
 * confirmed" where the baseline stays. NULL where there is none. */
const tune_report_trial *tune_report_chosen(const tune_report *report, const char **what);

/* Whether the first row was cold. True for a program that does not leave warm-up out: no samples were recorded,
 * the first row's prefill took half as long again as that of any other row, and its decode was the slowest too.
 * Needs three rows. */
bool tune_report_cold_first(const tune_report *report);

/* Returns the number of samples behind a trial's value; 0 where it is not known. */
size_t tune_report_trial_samples(const tune_report *report, const tune_report_trial *trial);

#endif
