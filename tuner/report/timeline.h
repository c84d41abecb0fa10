/* The samples of a run along the time during which it worked. Pauses are cut out: the run was interrupted and
 * resumed, or the computer slept. */
#ifndef TUNE_REPORT_TIMELINE_H
#define TUNE_REPORT_TIMELINE_H

#include "tuner/report/report.h"

enum { TUNE_TIMELINE_WINDOW = 11 }; /* samples of the moving median */

typedef struct tune_timeline_point {
    size_t sample;    /* index of the report's samples */
    double at;        /* seconds at work since the first sample, with `gap` for each pause */
    bool after_pause; /* whether a pause came before it */
    double median;    /* of the last TUNE_TIMELINE_WINDOW samples of the baseline in use; NAN: it is none of them */
    bool outlier;     /* whether it is one of the outliers of tune_report_noise */
} tune_timeline_point;

typedef struct tune_pause {
    double at, seconds; /* where it is on the time at work, and how long it was */
} tune_pause;

typedef struct tune_timeline {
    size_t points;
    tune_timeline_point *point; /* [points]: the samples of which the time is known, in order of time */
    size_t pauses;
    tune_pause *pause; /* [pauses] */
    double gap;        /* seconds that stand for a pause */
} tune_timeline;

/* *out is cleared by tune_timeline_clear. XLSTM_ENOMEM. */
int tune_report_timeline(const tune_report *report, tune_timeline *out, xlstm_error *err);
void tune_timeline_clear(tune_timeline *timeline);

/* Writes "pause of 40 min". */
void tune_pause_text(char *text, size_t bytes, const tune_pause *pause);

#endif
