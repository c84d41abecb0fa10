/* The driver's memory: a run's trials, in the study and at hand. What is to be in files is told to whoever writes
 * them; the study is the truth, and the files follow it. */
#ifndef TUNE_DRIVER_KEEPER_H
#define TUNE_DRIVER_KEEPER_H

#include "tuner/driver/result.h"
#include "tuner/study/study.h"
#include "tuner/target/target.h"

typedef struct tune_keeper tune_keeper;

/* Who writes the files of a run. A failure ends the run. */
typedef struct tune_keeper_files {
    void *ctx;
    /* All rows of trials follow anew. `baseline`: every setting of the baseline. The space outlives the run. */
    int (*begin)(void *ctx, const tune_space *space, const tune_named_list *baseline, xlstm_error *err);
    /* A trial that is stored, every setting of its point, and the samples of the search that were taken for it, the
     * baseline's beside them. */
    int (*trial)(void *ctx, const tune_trial_row *trial, const tune_named_list *settings,
                 const tune_sample_row *samples, size_t count, xlstm_error *err);
    /* What the baseline's samples say so far; the metrics of the point itself among its metrics. */
    int (*baseline)(void *ctx, const tune_side *baseline, xlstm_error *err);
    int (*standing)(void *ctx, const tune_standing *standing, xlstm_error *err);
    /* Several objectives: the front of all trials may have changed. */
    int (*front)(void *ctx, const int *objective, int objectives, xlstm_error *err);
    /* Whether the run ended with a verdict before this process, and then its winner and verdict. */
    int (*ended)(void *ctx, bool *ended, tune_drive_result *result, xlstm_error *err);
} tune_keeper_files;

/* The trials of a run that is in the study. `run` and `study` stay the caller's and outlive the keeper; `name` is
 * what messages call the run; `files` NULL: there are none. */
int tune_keeper_open(tune_keeper **out, tune_study *study, const tune_run_row *run, const char *name,
                     const tune_keeper_files *files, xlstm_error *err);
void tune_keeper_close(tune_keeper *keeper); /* NULL is accepted */

const char *tune_keeper_name(const tune_keeper *keeper);
tune_study *tune_keeper_study(const tune_keeper *keeper);
const tune_run_row *tune_keeper_run(const tune_keeper *keeper);
/* The trials stored so far, in order. The pointer is valid until the next call that adds or changes a trial. */
const tune_trial_row *tune_keeper_trials(const tune_keeper *keeper, size_t *count);

/* Stores a finished trial with its samples and the baseline's samples beside them, and tells of it. `settings` has
 * every setting of its point. The strings of `trial` are copied. */
int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const tune_named_list *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Replaces the values of a stored trial after more samples. The files change only with tune_keeper_rebuild. */
int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err);
/* Stores samples at once that do not belong to a new trial. */
int tune_keeper_samples(tune_keeper *keeper, const tune_sample_row *samples, size_t count, xlstm_error *err);
int tune_keeper_event(tune_keeper *keeper, const char *kind, const char *text, xlstm_error *err);

/* Finds the points of the stored trials in the problem's space, and has the files made again from the study. Must
 * be called before the first tune_keeper_add. */
int tune_keeper_rebuild(tune_keeper *keeper, const tune_target *problem, xlstm_error *err);

/* Have the baseline's figures, the standing and the front written; and what an earlier process ended with. */
int tune_keeper_baseline(tune_keeper *keeper, const tune_side *baseline, xlstm_error *err);
int tune_keeper_standing(tune_keeper *keeper, const tune_standing *standing, xlstm_error *err);
int tune_keeper_front(tune_keeper *keeper, const int *objective, int objectives, xlstm_error *err);
int tune_keeper_ended(tune_keeper *keeper, bool *ended, tune_drive_result *result, xlstm_error *err);

#endif
