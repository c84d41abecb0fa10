/* A run as a landscape, so that strategies can be replayed against what was measured here. */
#ifndef TUNE_LANDSCAPE_EXPORT_H
#define TUNE_LANDSCAPE_EXPORT_H

#include "tuner/driver/keeper.h"

/* Writes every point that was measured, in the order of the space, as tune_landscape_write does, with where and how
 * it was measured. `samples`: how many samples of each point are written, from the first; 0: all. EARG for an
 * objective that is not a time. */
int tune_landscape_export(const char *path, const tune_target *problem, tune_keeper *keeper, int objective,
                          int samples, xlstm_error *err);

#endif
