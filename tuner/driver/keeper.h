/* The keeper of a run: its folder and its rows in the study, which is everything that a search leaves behind. Each
 * result is written as soon as it is known.
 *
 * The study is authoritative. trials.jsonl and summary.csv in the folder get a row after each trial, and are made
 * again from the study when a run is resumed. Only one process at a time works on a run folder. */
#ifndef TUNE_DRIVER_KEEPER_H
#define TUNE_DRIVER_KEEPER_H

#include "tuner/study/study.h"
#include "tuner/target/target.h"

typedef struct tune_keeper tune_keeper;

/* Makes `<log_dir>/<backend>_<YYYYMMDD_HHMMSS>[_<tag>][_<n>]`, writes run_meta.json there from run->meta and adds
 * the run to the study: `study_file`, or where that is NULL a study in the folder itself. All members of `run` are
 * used except id, uid, folder, state, created and finished. On success the caller closes *out with
 * tune_keeper_close; on failure neither folder nor run remain. */
int tune_keeper_create(tune_keeper **out, const char *log_dir, const char *tag, const char *study_file,
                       const tune_run_row *run, xlstm_error *err);
/* Opens the run folder to continue its run. XLSTM_EARG where another process works on it. */
int tune_keeper_resume(tune_keeper **out, const char *folder, xlstm_error *err);
/* Sets the run's state to one of TUNE_RUN_*, releases the folder and frees the keeper. NULL is accepted. */
void tune_keeper_close(tune_keeper *keeper, const char *state);

const char *tune_keeper_folder(const tune_keeper *keeper);
tune_study *tune_keeper_study(tune_keeper *keeper);
const tune_run_row *tune_keeper_run(const tune_keeper *keeper);
/* The trials stored so far, in order. The pointer is valid until the next call that adds or changes a trial. */
const tune_trial_row *tune_keeper_trials(const tune_keeper *keeper, size_t *count);

/* Set what belongs to the run as a whole: the text of run_meta.json, and the baseline's record as JSON text. */
int tune_keeper_set_meta(tune_keeper *keeper, const char *meta, xlstm_error *err);
int tune_keeper_set_baseline(tune_keeper *keeper, const char *baseline, xlstm_error *err);
/* Writes best.json and stores the same object as the run's result. */
int tune_keeper_set_result(tune_keeper *keeper, const json_t *result, xlstm_error *err);

/* Stores a finished trial with its samples and the baseline's samples beside them, and appends its rows to the
 * files. `settings` has every setting of its point. The strings of `trial` are copied. */
int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const json_t *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Replaces the values of a stored trial after more samples. The text files change only with
 * tune_keeper_rebuild. */
int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err);
/* Stores samples at once that do not belong to a new trial. */
int tune_keeper_samples(tune_keeper *keeper, const tune_sample_row *samples, size_t count, xlstm_error *err);
int tune_keeper_event(tune_keeper *keeper, const char *kind, const char *text, xlstm_error *err);

/* Finds the points of the stored trials in the problem's space, and makes trials.jsonl and summary.csv again from
 * the study. The baseline's settings decide which further columns summary.csv has. Must be called before the first
 * tune_keeper_add. */
int tune_keeper_rebuild(tune_keeper *keeper, const tune_target *problem, xlstm_error *err);

#endif
