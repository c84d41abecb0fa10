/* The last comparison of a fleet's kind: its nodes run the fresh processes, in turn, and the node is a block: only
 * ratios of one node are compared, and a node whose ratios differ from those of the others is named and set aside.
 * Private to tuner/driver. */
#ifndef TUNE_DRIVER_FLEET_FINAL_H
#define TUNE_DRIVER_FLEET_FINAL_H

#include "tuner/driver/fleet_kind.h"

/* Compares the best trial of the kind with the baseline on the kind's nodes, two or more where there are two, and
 * tells the keeper; fills kind->result. XLSTM_ECANCELLED where it was stopped. */
int tune_fleet_compare(tune_fleet *f, tune_kind *k, xlstm_error *err);

#endif
