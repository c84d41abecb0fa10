/* The list of targets, and opening one by its name. */
#ifndef TUNE_TARGETS_H
#define TUNE_TARGETS_H

#include "tuner/target/target.h"

/* In the order of targets.def, ending with NULL. */
extern const tune_target_class *const tune_targets[];
/* The target of "NAME" or "NAME:ARGUMENT"; NULL where there is none of that name. */
const tune_target_class *tune_target_find(const char *name);

/* Opens the target that `name` calls. XLSTM_EARG names the nearest known one. On success it is closed with
 * tune_target_close. What `options` points to may go afterwards, except the strings in it. */
int tune_target_open(tune_target *out, const char *name, const tune_target_options *options, xlstm_error *err);
/* Accepts a target of which all is 0. */
void tune_target_close(tune_target *target);

#endif
