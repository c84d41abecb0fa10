/* A run as it is carried from one study to another; private to tuner/study. */
#ifndef TUNE_STUDY_EXCHANGE_H
#define TUNE_STUDY_EXCHANGE_H

#include "tuner/study/study_impl.h"

#define TUNE_EXPORT_FORMAT "xltune-run"
#define TUNE_EXPORT_VERSION 2 /* version 1 has an engine's circumstances in members of their own */

/* Rows of a run on their way into a study: as many as are stored together. */
enum { TUNE_TOGETHER = 64 };
typedef struct tune_carrier {
    tune_study *study; /* NULL: they are not stored */
    int64_t run;
    tune_trial_row trials[TUNE_TOGETHER];
    tune_sample_row samples[TUNE_TOGETHER];
    size_t trial_count, sample_count;
} tune_carrier;

/* Adds a row, and stores those that are there where it is the last one that there is room for. What belongs to a
 * trial is moved out of it, also where that fails. Must be called inside a transaction. */
int tune_carry_trial(tune_carrier *c, tune_trial_row *row, xlstm_error *err);
int tune_carry_sample(tune_carrier *c, const tune_sample_row *row, xlstm_error *err);
/* Stores what is left. */
int tune_carry_rest(tune_carrier *c, xlstm_error *err);
/* Forgets it. */
void tune_carrier_clear(tune_carrier *c);

/* Sets *run to the number of the study's run of that uid; 0: it has none. */
int tune_study_have(tune_study *s, const char *uid, int64_t *run, xlstm_error *err);

#endif
