/* Plans and results of the last comparison as JSON: what goes through the pipe to a fresh process, and what is kept
 * of the processes that are done. */
#ifndef TUNE_DRIVER_WIRE_H
#define TUNE_DRIVER_WIRE_H

#include <jansson.h>

#include "tuner/measure/final.h"
#include "tuner/measure/timing.h"

/* New references; NULL when out of memory. Numbers that are not finite go as null. */
json_t *tune_wire_plan(const tune_block_plan *plan);
json_t *tune_wire_result(const tune_block_result *result);
json_t *tune_wire_sample(const tune_sample *sample);
/* False where a member is missing or of another type. null reads as INFINITY in a plan, as NAN elsewhere. */
bool tune_wire_read_plan(const json_t *j, tune_block_plan *plan);
bool tune_wire_read_result(const json_t *j, tune_block_result *result);
bool tune_wire_read_sample(const json_t *j, tune_sample *sample);

#endif
