/* A run folder and its rows in the study: everything that a search leaves behind, written as it happens.
 *
 * The study is the truth. trials.jsonl and summary.csv beside it are appended and flushed a trial at a time, and
 * made again from the study when a run is resumed. One process at a time works on a run folder. */
#ifndef TUNE_DRIVER_KEEPER_H
#define TUNE_DRIVER_KEEPER_H

#include "tuner/study/study.h"
#include "tuner/target/target.h"

typedef struct tune_keeper tune_keeper;

/* Makes `<log_dir>/<backend>_<YYYYMMDD_HHMMSS>[_<tag>][_<n>]`, writes run_meta.json there from run->meta and adds
 * the run to the study: `study_file`, or the folder's own where that is NULL. From `run` are taken all but id, uid,
 * folder, state, created, finished. On failure no folder and no run stay behind. */
int tune_keeper_create(tune_keeper **out, const char *log_dir, const char *tag, const char *study_file,
                       const tune_run_row *run, xlstm_error *err);
/* Opens the run folder to continue its run. EARG where another process works on it. */
int tune_keeper_resume(tune_keeper **out, const char *folder, xlstm_error *err);
/* Sets the run's state to TUNE_RUN_* and releases the folder; NULL is accepted. */
void tune_keeper_close(tune_keeper *keeper, const char *state);

const char *tune_keeper_folder(const tune_keeper *keeper);
tune_study *tune_keeper_study(tune_keeper *keeper);
const tune_run_row *tune_keeper_run(const tune_keeper *keeper);
/* The trials stored so far, in order. */
const tune_trial_row *tune_keeper_trials(const tune_keeper *keeper, size_t *count);

/* Set what belongs to the run as a whole: the text of run_meta.json (NULL: unchanged), and the baseline's JSON. */
int tune_keeper_set_meta(tune_keeper *keeper, const char *meta, xlstm_error *err);
int tune_keeper_set_baseline(tune_keeper *keeper, const char *baseline, xlstm_error *err);
/* best.json, whole, and the run's result. */
int tune_keeper_set_result(tune_keeper *keeper, const json_t *result, xlstm_error *err);

/* Stores a finished trial with its samples and the baseline's beside it, and appends its rows. `settings`: every
 * setting of its point. The strings of `trial` are copied. */
int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const json_t *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err);
/* New values for a stored trial after more samples. The text files follow with tune_keeper_rebuild. */
int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err);
/* Stores samples that were not taken for a new trial, immediately. */
int tune_keeper_samples(tune_keeper *keeper, const tune_sample_row *samples, size_t count, xlstm_error *err);
int tune_keeper_event(tune_keeper *keeper, const char *kind, const char *text, xlstm_error *err);

/* Finds the points of the stored trials in the problem's space, and makes trials.jsonl and summary.csv again from
 * the study: the baseline's settings decide which further columns summary.csv has. Called before the first
 * tune_keeper_add. */
int tune_keeper_rebuild(tune_keeper *keeper, const tune_target *problem, xlstm_error *err);

#endif
