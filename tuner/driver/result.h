/* The result of a run: writing best.json and the baseline's record, and reading them back. */
#ifndef TUNE_DRIVER_RESULT_H
#define TUNE_DRIVER_RESULT_H

#include "tuner/driver/driver.h"

/* Returns the point that an object of params describes; TUNE_NO_POINT where the space does not contain it. */
uint32_t tune_result_point_json(const tune_space *space, const json_t *params);
/* Returns the points that an array of objects of params describes, each once; objects that describe no point are
 * left out. *points is malloc'd. */
int tune_result_priors(const tune_space *space, const json_t *array, uint32_t **points, size_t *count,
                       xlstm_error *err);

/* Returns {"settings": …, "metrics": …, "samples": n} as text, malloc'd; NULL when out of memory. */
char *tune_result_baseline(const tune_target *problem, const double parts[TUNE_PARTS], int samples);

/* Makes the object of best.json: params and metrics of `candidate`, the baseline, and the result of the last
 * comparison (`final` is NULL before it); with several objectives also the trials of the Pareto front. `entry`
 * holds the candidate's means in the search. The caller owns the reference. */
json_t *tune_result_best(const tune_target *problem, const tune_keeper *keeper, int64_t candidate,
                         const tune_race_entry *entry, const tune_final *final, const char *verdict,
                         const char *text);

/* Whether the stored result of the run has a verdict of the last comparison. */
bool tune_result_is_final(const tune_keeper *keeper);
/* Reads the winner and the verdict from the stored result. */
int tune_result_reload(const tune_target *problem, const tune_keeper *keeper, tune_drive_result *result,
                       xlstm_error *err);

#endif
