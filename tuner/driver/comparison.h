/* The last comparison of a run: after the playoff has chosen one winner, fresh processes compare it with the
 * baseline. */
#ifndef TUNE_COMPARISON_H
#define TUNE_COMPARISON_H

#include "tuner/driver/keeper.h"
#include "tuner/driver/options.h"
#include "tuner/driver/result.h"
#include "tuner/target/target.h"

typedef struct tune_comparison {
    const tune_target *target;
    const tune_drive_options *options;
    tune_keeper *keeper;
    const tune_watcher *watcher;
    tune_sampler *sampler;
    tune_race *race; /* NULL where other processes did the search */
    double started;  /* value of tune_drive_now when this process began to work on the run */
    bool in_time;    /* whether the search ended for another reason than that its time was up */
    /* on_sample is called for every sample of a fresh process. Before it, *process is set to the number of the
     * process, and *origin to the time of its start, in seconds since 1970. */
    tune_sample_fn on_sample;
    void *on_sample_ctx;
    int64_t *process;
    double *origin;
    /* Runs a process elsewhere, and reports no samples; NULL: it runs here. `number` counts processes from 0. */
    int (*run)(void *ctx, int64_t winner, const tune_block_plan *plan, int number, tune_block_result *out,
               xlstm_error *err);
    int machines; /* number of machines on which they run in turn; 0: one */
    /* Told of the result before the verdict is put into words; may change it. May be NULL. */
    void (*judged)(void *ctx, tune_final *final);
    void *run_ctx;
    char **remark; /* *remark is added to the verdict's words; may be NULL, and so may that */
} tune_comparison;

/* Compares `result->winner` with the baseline, sets the verdict, and tells the keeper how the run stands.
 * Processes that were finished for the same winner before the run was resumed count too. XLSTM_ECANCELLED where it
 * was stopped. */
int tune_comparison_run(tune_comparison *comparison, tune_drive_result *result, xlstm_error *err);

#endif
