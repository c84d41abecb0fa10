/* best.json, the state and the result of a run: making the object, and reading it back. */
#ifndef TUNE_RUN_BEST_JSON_H
#define TUNE_RUN_BEST_JSON_H

#include <jansson.h>

#include "tuner/driver/result.h"

/* Returns the baseline's record {"settings": …, "metrics": …, "samples": n} as the study keeps it; malloc'd text,
 * NULL when out of memory. */
char *tune_best_baseline(const tune_metrics *metrics, const tune_side *baseline);

/* Makes the object of best.json: params and metrics of the winner, the baseline, and the result of the last
 * comparison; with several objectives also the trials of the Pareto front. `run` has the baseline's record. The
 * caller owns the reference. NULL when out of memory. */
json_t *tune_best_json(const tune_run_row *run, const tune_trial_row *trials, size_t count, const tune_space *space,
                       const tune_standing *standing);

/* Whether the text of a best.json is that of a run that ended with a verdict. */
bool tune_best_is_final(const char *text);
/* Reads the winner and the verdict from it. XLSTM_EFORMAT where they are missing; `name` is what the message calls
 * the run. */
int tune_best_read(const char *text, const tune_space *space, const char *name, tune_drive_result *result,
                   xlstm_error *err);

#endif
