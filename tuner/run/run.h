/* A run: its folder and its rows in the study, which is everything that a search leaves behind. Each result is
 * written as soon as it is known.
 *
 * The study is authoritative. trials.jsonl and summary.csv in the folder get a row after each trial, and are made
 * again from the study when a run is resumed. Only one process at a time works on a run folder. */
#ifndef TUNE_RUN_RUN_H
#define TUNE_RUN_RUN_H

#include "tuner/driver/keeper.h"
#include "tuner/study/study.h"

typedef struct tune_run tune_run;

/* Makes `<log_dir>/<backend>_<YYYYMMDD_HHMMSS>[_<tag>][_<n>]`, writes run_meta.json there from row->meta and adds
 * the run to the study: `study_file`, or where that is NULL a study in the folder itself. All members of `row` are
 * used except id, uid, folder, state, created and finished. On success the caller closes *out with tune_run_close;
 * on failure neither folder nor run remain. */
int tune_run_create(tune_run **out, const char *log_dir, const char *tag, const char *study_file,
                    const tune_run_row *row, xlstm_error *err);
/* Opens the run folder to continue its run. XLSTM_EARG where another process works on it. */
int tune_run_resume(tune_run **out, const char *folder, xlstm_error *err);
/* Sets the run's state to one of TUNE_RUN_* (NULL: it stays), releases the folder and frees the run. NULL is
 * accepted. */
void tune_run_close(tune_run *run, const char *state);

const char *tune_run_folder(const tune_run *run);
/* Returns the keeper that a driver is given; the run owns it. */
tune_keeper *tune_run_keeper(const tune_run *run);

/* Replaces the text of run_meta.json. */
int tune_run_set_meta(tune_run *run, const char *meta, xlstm_error *err);

#endif
