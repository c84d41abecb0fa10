/* What a picture marks among the trials: the baseline, the point that was chosen, a first row that was cold. */
#ifndef TUNE_REPORT_MARKS_H
#define TUNE_REPORT_MARKS_H

#include "tuner/report/report.h"

/* Whether the run's space has this parameter; where no space is known, whether it has a value at all. */
bool tune_report_tuned(const tune_report *report, const char *parameter);

/* The baseline's value of a parameter as text; false where it is not known. */
bool tune_report_baseline_setting(const tune_report *report, const char *parameter, char *text, size_t bytes);

/* The baseline's value in the search. NAN where it is not known. */
typedef struct tune_baseline_speed {
    double prefill_s, decode_s, request_s, prefill_tok_s, decode_tok_s;
} tune_baseline_speed;
tune_baseline_speed tune_report_baseline_speed(const tune_report *report);

/* The trial to ring, and what it is: "winner", "fastest" of a recording, "best found, not confirmed" where the
 * baseline stays. NULL where there is none. */
const tune_report_trial *tune_report_chosen(const tune_report *report, const char **what);

/* The first row of a tool that leaves no warm-up out: no samples were kept, its prefill took half as long again as
 * that of any other row, and its decode was the slowest too. At least three rows. */
bool tune_report_cold_first(const tune_report *report);

/* Samples behind a trial's value; 0 where that is not known. */
size_t tune_report_trial_samples(const tune_report *report, const tune_report_trial *trial);

#endif
