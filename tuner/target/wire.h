/* Plans and results of the last comparison as JSON, for the pipe to a fresh process and for the study, which keeps
 * the results of processes that are done. */
#ifndef TUNE_DRIVER_WIRE_H
#define TUNE_DRIVER_WIRE_H

#include <jansson.h>

#include "tuner/measure/final.h"
#include "tuner/measure/timing.h"

/* The caller owns the reference; NULL when out of memory. Numbers that are not finite are written as null. */
json_t *tune_wire_plan(const tune_block_plan *plan);
json_t *tune_wire_result(const tune_block_result *result);
json_t *tune_wire_sample(const tune_sample *sample);
/* A process that failed: {"status": …, "text": …, "culprit": …}. */
json_t *tune_wire_failure(int status, const char *text, tune_culprit culprit);
/* Returns TUNE_CULPRIT_EITHER where the object does not say it. */
tune_culprit tune_wire_read_culprit(const json_t *failure);
/* Return false where a member is missing or has another type. null is read as INFINITY in a plan, and as NAN
 * elsewhere. */
bool tune_wire_read_plan(const json_t *j, tune_block_plan *plan);
bool tune_wire_read_result(const json_t *j, tune_block_result *result);
bool tune_wire_read_sample(const json_t *j, tune_sample *sample);

#endif
