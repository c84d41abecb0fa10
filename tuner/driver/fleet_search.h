/* The proposing role: a search whose points are measured by the nodes of a fleet (tuner/study/tasks.h). Nodes of
 * one kind share a run: a strategy of their own proposes for them, and their winner is compared with their baseline
 * by fresh processes on two or more of them. A fleet of three kinds ends with three verdicts. */
#ifndef TUNE_DRIVER_FLEET_SEARCH_H
#define TUNE_DRIVER_FLEET_SEARCH_H

#include "tuner/driver/fleet_options.h"

/* Runs or continues the fleet to its end. Returns 0 also where it was stopped (*stopped). */
int tune_fleet_run(tune_study *study, const tune_fleet_options *options, bool *stopped, xlstm_error *err);

#endif
