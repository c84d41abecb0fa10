/* The parts of a trial that are lists, as JSON: what a column of the database or a member of an exported run holds.
 * Private to tuner/study. */
#ifndef TUNE_STUDY_TRIAL_JSON_H
#define TUNE_STUDY_TRIAL_JSON_H

#include <jansson.h>

#include "tuner/study/study.h"

/* New references; NULL when out of memory. */
json_t *tune_params_json(const tune_trial_row *trial); /* {"chunk_size": 32, …} */
json_t *tune_ratios_json(const tune_trial_row *trial); /* [0.1, null, …], or null where there are none */
json_t *tune_told_json(const tune_trial_row *trial);   /* the same; "joined" behind the numbers where it is */

/* The reverse, into a row that has none yet; NULL and null are none, which params must not be. EFORMAT says what
 * was found and what was wanted, in the words of one member. */
int tune_params_read(tune_trial_row *trial, const json_t *value, xlstm_error *err);
int tune_ratios_read(tune_trial_row *trial, const json_t *value, xlstm_error *err);
int tune_told_read(tune_trial_row *trial, const json_t *value, xlstm_error *err);

#endif
