/* The lists of a trial as JSON: the content of a database column, or of a member of an exported run. Private to
 * tuner/study. */
#ifndef TUNE_STUDY_TRIAL_JSON_H
#define TUNE_STUDY_TRIAL_JSON_H

#include <jansson.h>

#include "tuner/study/study.h"

/* The caller owns the reference; NULL when out of memory. */
json_t *tune_params_json(const tune_trial_row *trial); /* {"chunk_size": 32, …} */
json_t *tune_ratios_json(const tune_trial_row *trial); /* [0.1, null, …], or null where there are none */
json_t *tune_told_json(
    const tune_trial_row *trial); /* the same form; where the trial is a joined one, "joined" follows the numbers */

/* Read them back into a row that has none yet. NULL and null mean that there are none, which is an error for
 * params. XLSTM_EFORMAT says what was found and what was wanted for the member. */
int tune_params_read(tune_trial_row *trial, const json_t *value, xlstm_error *err);
int tune_ratios_read(tune_trial_row *trial, const json_t *value, xlstm_error *err);
int tune_told_read(tune_trial_row *trial, const json_t *value, xlstm_error *err);

#endif
