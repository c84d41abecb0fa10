/* Exports a run as a landscape, against which strategies can be replayed. */
#ifndef CLI_LANDSCAPE_EXPORT_H
#define CLI_LANDSCAPE_EXPORT_H

#include "tuner/driver/keeper.h"
#include "tuner/target/target.h"

/* Writes every measured point, in the order of the space, in the form of tune_landscape_write, together with where
 * and how it was measured. `samples`: how many samples of each point are written, counted from the first; 0: all.
 * XLSTM_EARG for an objective that is not a time. */
int cli_landscape_export(const char *path, const tune_target *target, tune_keeper *keeper, int objective,
                         int samples, xlstm_error *err);

#endif
