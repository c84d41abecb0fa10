/* A run as a landscape, so that strategies can be replayed against what was measured here. */
#ifndef TUNE_DRIVER_LANDSCAPE_EXPORT_H
#define TUNE_DRIVER_LANDSCAPE_EXPORT_H

#include "tuner/driver/keeper.h"

/* Writes every point that was measured, in the order of the space: `path` as CSV (gzip where it ends in .gz) with a
 * column a parameter, time (ms of the objective's mean; empty: invalid), cost_s and times (single samples joined by
 * ';'), an entry of spaces.json beside it with the parameters' ordered values and where they were measured, and the
 * same in Kernel Tuner's cache format beside it as <name>.kernel_tuner.json, there with every setting of the space,
 * equal ones too. `samples`: of each point, the first so
 * many; 0: all. EARG for an objective that is no time. */
int tune_landscape_export(const char *path, const tune_problem *problem, tune_keeper *keeper, tune_metric objective,
                          int samples, xlstm_error *err);

/* Whether a landscape could be written there, before hours are spent on measuring it: makes its folder, and refuses
 * a spaces.json that cannot be read. */
int tune_landscape_export_check(const char *path, xlstm_error *err);

#endif
