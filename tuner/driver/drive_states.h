/* The states of the machine during the search: looks at its condition and says what was seen. Private to
 * tuner/driver. */
#ifndef TUNE_DRIVER_DRIVE_STATES_H
#define TUNE_DRIVER_DRIVE_STATES_H

#include "tuner/driver/drive.h"

#define TUNE_CONDITION_EVENT "condition"

/* For tune_race_options.condition; the context is the drive. Gauges the machine, keeps what it finds as an event of
 * the run ({"at": seconds since 1970, and each quantity by its name}), and tells the watcher once when the machine
 * turns out to have two states. Where the machine cannot be gauged, nothing is known of its condition. */
void tune_drive_look(void *ctx, tune_condition *out);

#endif
