/* The end of a run: the playoff has fixed one winner, and fresh processes compare it with the baseline. */
#ifndef TUNE_COMPARISON_H
#define TUNE_COMPARISON_H

#include "tuner/driver/driver.h"

typedef struct tune_comparison {
    const tune_target *problem;
    const tune_drive_options *options;
    tune_keeper *keeper;
    const tune_watcher *watcher;
    tune_sampler *sampler;
    tune_race *race;
    double started; /* tune_drive_now when this process began with the run */
    bool in_time;   /* the search did not end because its time was up */
    /* Called for every sample of a fresh process, and what marks these samples: the number of the process and the
     * time of its start on the wall clock. */
    tune_sample_fn on_sample;
    void *on_sample_ctx;
    int64_t *process;
    double *origin;
} tune_comparison;

/* Compares `result->winner` with the baseline, sets the verdict, writes best.json. Processes that an earlier
 * process of the run finished for the same winner count. XLSTM_ECANCELLED where it was stopped. */
int tune_comparison_run(tune_comparison *comparison, tune_drive_result *result, xlstm_error *err);

#endif
