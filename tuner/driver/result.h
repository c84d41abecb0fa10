/* The results of a search as typed values, for its caller and for the functions that write its files. */
#ifndef TUNE_DRIVER_RESULT_H
#define TUNE_DRIVER_RESULT_H

#include <jansson.h>

#include "tuner/measure/final.h"
#include "tuner/metric/metric.h"
#include "tuner/space/named.h"
#include "tuner/study/study.h"

typedef enum tune_drive_end { TUNE_DRIVE_DONE, TUNE_DRIVE_STOPPED } tune_drive_end;

typedef struct tune_drive_result {
    tune_drive_end end;
    int64_t winner;     /* TUNE_BASELINE: nothing was shown to be faster than the baseline */
    tune_final final;   /* verdict TUNE_VERDICT_UNMEASURED where there was no comparison */
    char verdict[1024]; /* the verdict as a sentence */
    int trials, measured, duplicates, failed;
} tune_drive_result;

/* One side of a comparison: every setting, and the metrics that follow from its samples (NAN: none). */
typedef struct tune_side {
    tune_named_list settings;
    double metric[TUNE_METRICS];
    int samples; /* number of samples behind the metrics; 0: this process took none */
} tune_side;

/* The standing of a run: its best point so far, or in the end. */
typedef struct tune_standing {
    int64_t winner; /* a point; TUNE_BASELINE: the baseline */
    tune_side best, baseline;
    const tune_final *final; /* the last comparison; NULL: there was none yet */
    bool fresh;              /* the metrics are from the samples of the last comparison */
    const char *verdict;     /* its name, and in words */
    const char *text;
    uint32_t challenger;       /* point that was compared with the baseline and did not win; TUNE_NO_POINT */
    const json_t *interaction; /* result of the check of a joined point (interaction.h); NULL: none */
} tune_standing;

#endif
