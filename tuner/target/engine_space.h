/* The engine's tunables as parameters of a space. */
#ifndef TUNE_ENGINE_SPACE_H
#define TUNE_ENGINE_SPACE_H

#include <xlstm/tunable.h>

#include "tuner/space/space.h"

/* Returns the bits TUNE_AFFECTS_* for a tunable's XLSTM_AFFECTS_*. */
unsigned tune_engine_affects(const xlstm_tunable *tunable);
/* Lists the *count tunables that the engine has on a device (NULL: the first) for a model (NULL: with the limits of
 * the machine only); `out` has room for XLSTM_TUNABLE_COUNT. */
int tune_known_tunables(const char *device, const xlstm_hparams *hparams, tune_known *out, size_t *count,
                        xlstm_error *err);
/* Makes the original's space: heads_per_band and chunk_size as ranges of integers with its draws and mutations;
 * workers too where workers_max > 0. */
int tune_space_original(int64_t heads_min, int64_t heads_max, int64_t chunks_min, int64_t chunks_max,
                        int64_t workers_min, int64_t workers_max, tune_space **out, xlstm_error *err);

#endif
