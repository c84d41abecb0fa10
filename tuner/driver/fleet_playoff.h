/* The playoff of a fleet's kind: the trials that look best are measured again, side by side on the same nodes, and
 * the worse half is dropped until one is left. A trial that was merely lucky in the search does not win in this
 * way. Private to tuner/driver. */
#ifndef TUNE_DRIVER_FLEET_PLAYOFF_H
#define TUNE_DRIVER_FLEET_PLAYOFF_H

#include "tuner/driver/fleet_kind.h"

/* Sets *winner to the index of the trial that wins, or -1 where none looks faster than the baseline. Where a budget
 * leaves no time for the playoff it is the trial with the best value of the search, after adding its uncertainty.
 * The trials that took part get the value that the playoff alone gave them. A run that is continued goes on with
 * what the nodes have measured, and a playoff that was over before is not held again. XLSTM_ECANCELLED where it was
 * stopped. */
int tune_fleet_playoff(tune_fleet *f, tune_kind *k, int64_t *winner, xlstm_error *err);

#endif
