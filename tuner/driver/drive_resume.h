/* Continues with the trials of an earlier process. Private to tuner/driver. */
#ifndef TUNE_DRIVER_DRIVE_RESUME_H
#define TUNE_DRIVER_DRIVE_RESUME_H

#include "tuner/driver/drive.h"

/* Brings race, strategy and counts to where they were after the last stored trial. XLSTM_EMISMATCH: a trial is not
 * a point of the space. */
int tune_drive_restore(drive *d, xlstm_error *err);

#endif
