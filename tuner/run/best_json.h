/* best.json: how a run stands, as an object; and reading it back. */
#ifndef TUNE_RUN_BEST_JSON_H
#define TUNE_RUN_BEST_JSON_H

#include <jansson.h>

#include "tuner/driver/result.h"

/* {"settings": …, "metrics": …, "samples": n}, as the study keeps the baseline; malloc'd text, NULL when out of
 * memory. */
char *tune_best_baseline(const tune_metrics *metrics, const tune_side *baseline);

/* best.json: params and metrics of the winner, then the baseline, and what the last comparison said; with several
 * objectives the front's trials too. `run` has the baseline's record. A new reference. */
json_t *tune_best_json(const tune_run_row *run, const tune_trial_row *trials, size_t count, const tune_space *space,
                       const tune_standing *standing);

/* Whether best.json's text is that of a run that ended with a verdict. */
bool tune_best_is_final(const char *text);
/* The winner and the verdict out of it; EFORMAT where it holds none, `name` is what the message calls the run. */
int tune_best_read(const char *text, const tune_space *space, const char *name, tune_drive_result *result,
                   xlstm_error *err);

#endif
