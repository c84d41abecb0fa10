/* A run as it is carried from one study to another; private to tuner/study. */
#ifndef TUNE_STUDY_EXCHANGE_H
#define TUNE_STUDY_EXCHANGE_H

#include "tuner/study/study_impl.h"

#define TUNE_EXPORT_FORMAT "xltune-run"
#define TUNE_EXPORT_VERSION 2 /* version 1 has an engine's circumstances in members of their own */

/* Everything that belongs to one run. */
typedef struct tune_whole {
    tune_run_row run;
    tune_trial_row *trials;
    tune_sample_row *samples;
    tune_event_row *events;
    size_t trial_count, sample_count, event_count;
} tune_whole;

void tune_whole_clear(tune_whole *w);
/* Stores the run; must be called inside a transaction. */
int tune_whole_put(tune_study *s, tune_whole *w, xlstm_error *err);
/* Sets *found to whether the study has a run of that uid. */
int tune_study_have(tune_study *s, const char *uid, bool *found, xlstm_error *err);

#endif
