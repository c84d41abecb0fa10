/* What a run says at its end: best.json and the baseline's record, and reading them back. */
#ifndef TUNE_DRIVER_RESULT_H
#define TUNE_DRIVER_RESULT_H

#include "tuner/driver/driver.h"

/* The point of an object of params; TUNE_NO_POINT where the space does not hold it. */
uint32_t tune_result_point_json(const tune_space *space, const json_t *params);
/* Points of an array of objects of params, each once, the ones that are no points left out. *points is malloc'd. */
int tune_result_priors(const tune_space *space, const json_t *array, uint32_t **points, size_t *count,
                       xlstm_error *err);

/* {"settings": …, "metrics": …, "samples": n}; malloc'd text, NULL when out of memory. */
char *tune_result_baseline(const tune_target *problem, const double parts[TUNE_PARTS], int samples);

/* best.json: params and metrics of `candidate`, then the baseline, and what the last comparison said (`final` NULL:
 * it has not been); with several objectives the front's trials too. `entry` gives the candidate's means in the
 * search. A new reference. */
json_t *tune_result_best(const tune_target *problem, const tune_keeper *keeper, int64_t candidate,
                         const tune_race_entry *entry, const tune_final *final, const char *verdict,
                         const char *text);

/* Whether the run ended with a verdict before this process. */
bool tune_result_is_final(const tune_keeper *keeper);
/* The winner and the verdict out of the stored result. */
int tune_result_reload(const tune_target *problem, const tune_keeper *keeper, tune_drive_result *result,
                       xlstm_error *err);

#endif
