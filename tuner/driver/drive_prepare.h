/* What a search begins with: for measuring a sampler and a race, for proposing a strategy. Private to tuner/driver.
 */
#ifndef TUNE_DRIVER_DRIVE_PREPARE_H
#define TUNE_DRIVER_DRIVE_PREPARE_H

#include "tuner/driver/drive.h"

/* What the options say of a race. */
void tune_drive_race_options(const tune_drive_options *options, tune_race_options *out);
/* Makes sampler and race, which their owner destroys also after a failure. */
int tune_drive_prepare(drive *d, xlstm_error *err);
/* Makes the proposer that the options ask for. */
int tune_drive_make_proposer(tune_proposer **out, const tune_drive_options *options, const tune_space *space,
                             bool apart, xlstm_error *err);

#endif
