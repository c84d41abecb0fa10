/* The keeper of a run stores its trials in the study, and of each holds in memory only what a search asks for again
 * and again. Writing the run's files is left to functions that the keeper calls. The study is authoritative, and
 * the files can be made from it. */
#ifndef TUNE_DRIVER_KEEPER_H
#define TUNE_DRIVER_KEEPER_H

#include "tuner/driver/result.h"
#include "tuner/study/study.h"
#include "tuner/target/target.h"

typedef struct tune_keeper tune_keeper;

/* Functions that write the files of a run. A failure ends the run. */
typedef struct tune_keeper_files {
    void *ctx;
    /* Called before all rows of trials are written anew. `baseline`: every setting of the baseline. The space
     * outlives the run. */
    int (*begin)(void *ctx, const tune_space *space, const tune_named_list *baseline, xlstm_error *err);
    /* Called for a stored trial, with every setting of its point and the samples of the search that were taken for
     * it, including the baseline's samples beside them. */
    int (*trial)(void *ctx, const tune_trial_row *trial, const tune_named_list *settings,
                 const tune_sample_row *samples, size_t count, xlstm_error *err);
    /* Called after the rows of all stored trials were passed to `trial` that followed `begin`: from now on each
     * trial is a new one. */
    int (*ready)(void *ctx, xlstm_error *err);
    /* What the baseline's samples say so far; the metrics of the point itself among its metrics. */
    int (*baseline)(void *ctx, const tune_side *baseline, xlstm_error *err);
    int (*standing)(void *ctx, const tune_standing *standing, xlstm_error *err);
    /* Several objectives: the front of all trials may have changed. */
    int (*front)(void *ctx, const int *objective, int objectives, xlstm_error *err);
    /* Whether the run ended with a verdict before this process, and then its winner and verdict. */
    int (*ended)(void *ctx, bool *ended, tune_drive_result *result, xlstm_error *err);
} tune_keeper_files;

/* Opens the keeper of a run that is in the study. `run` and `study` stay the caller's and must outlive the keeper;
 * `name` is what messages call the run; `files` may be NULL. */
int tune_keeper_open(tune_keeper **out, tune_study *study, const tune_run_row *run, const char *name,
                     const tune_keeper_files *files, xlstm_error *err);
void tune_keeper_close(tune_keeper *keeper); /* NULL is accepted */

const char *tune_keeper_name(const tune_keeper *keeper);
tune_study *tune_keeper_study(const tune_keeper *keeper);
const tune_run_row *tune_keeper_run(const tune_keeper *keeper);
/* What stays in memory of a stored trial; its other values are read from the study when they are asked for. */
typedef struct tune_trial_mark {
    double value, spread; /* as in its row, and so are the next three */
    uint32_t point;       /* TUNE_NO_POINT before tune_keeper_rebuild, for trials that were stored before */
    int32_t duplicate_of, samples;
    uint8_t status; /* TUNE_TRIAL_* */
    bool time_up;   /* it was not measured, because the time was up (tune_row_time_up) */
} tune_trial_mark;
/* The trials stored so far, by index, up to the first that is missing. The pointer is valid until the next call
 * that adds a trial. */
const tune_trial_mark *tune_keeper_marks(const tune_keeper *keeper, size_t *count);
/* Their numbers by outcome. */
tune_trial_counts tune_keeper_count(const tune_keeper *keeper);
/* Reads the row of a stored trial, with its point; the caller clears it with tune_trial_row_clear. */
int tune_keeper_read(const tune_keeper *keeper, int64_t index, tune_trial_row *row, xlstm_error *err);
/* Visits the rows of all trials by index, few of which are in memory at a time. The study may be used meanwhile.
 * Ends at the first visit that fails, with its status. */
typedef int (*tune_keeper_visit)(void *ctx, const tune_trial_row *row, xlstm_error *err);
int tune_keeper_each(const tune_keeper *keeper, tune_keeper_visit visit, void *ctx, xlstm_error *err);
/* Gives the rows of all trials, for searches with several objectives, and for when a run has ended: from the first
 * call on they are in memory. The pointer is valid until the next call that adds or changes a trial. */
int tune_keeper_rows(tune_keeper *keeper, const tune_trial_row **rows, size_t *count, xlstm_error *err);

/* The index of the trial that is added next. */
int64_t tune_keeper_next(const tune_keeper *keeper);

/* Stores a finished trial with its samples and the baseline's samples beside them, and passes it to the files.
 * `settings` has every setting of its point. The strings of `trial` are copied. */
int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const tune_named_list *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Takes over the next trial, which another process stored, and passes it to the files with its own samples. */
int tune_keeper_adopt(tune_keeper *keeper, const tune_target *target, const tune_trial_row *trial,
                      xlstm_error *err);
/* Replaces the values of a stored trial after more samples. The files change only with tune_keeper_rebuild. */
int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err);
/* Stores samples at once that do not belong to a new trial. */
int tune_keeper_samples(tune_keeper *keeper, const tune_sample_row *samples, size_t count, xlstm_error *err);
int tune_keeper_event(tune_keeper *keeper, const char *kind, const char *text, xlstm_error *err);

/* Finds the points of the stored trials in the target's space, and has the files made again from the study. Must
 * be called before the first tune_keeper_add. */
int tune_keeper_rebuild(tune_keeper *keeper, const tune_target *target, xlstm_error *err);

/* Pass the baseline's values, the run's standing and the Pareto front to the files; and return how an earlier
 * process ended the run. */
int tune_keeper_baseline(tune_keeper *keeper, const tune_side *baseline, xlstm_error *err);
int tune_keeper_standing(tune_keeper *keeper, const tune_standing *standing, xlstm_error *err);
int tune_keeper_front(tune_keeper *keeper, const int *objective, int objectives, xlstm_error *err);
int tune_keeper_ended(tune_keeper *keeper, bool *ended, tune_drive_result *result, xlstm_error *err);

#endif
