/* What a search by a fleet is given. */
#ifndef TUNE_DRIVER_FLEET_OPTIONS_H
#define TUNE_DRIVER_FLEET_OPTIONS_H

#include "tuner/driver/keeper.h"
#include "tuner/driver/options.h"
#include "tuner/study/tasks.h"
#include "tuner/target/target.h"

typedef struct tune_fleet_hooks {
    void *ctx;
    /* A kind has its first node: begins the run of the kind, or finds it where it was begun before. The keeper
     * lives until the fleet's end. */
    int (*begin)(void *ctx, const tune_node_row *node, tune_keeper **keeper, xlstm_error *err);
    /* The search of a kind has ended. */
    int (*ended)(void *ctx, tune_keeper *keeper, const tune_drive_result *result, xlstm_error *err);
} tune_fleet_hooks;

typedef struct tune_fleet_options {
    const char *uid; /* of the fleet, which is in the study */
    int agents;      /* nodes to wait for before the search begins; 0: the first is enough. May become less while it
                        waits */
    double lease_s;  /* of the nodes: one that is silent for longer is gone */
    const tune_drive_options *drive;
    const tune_target *target; /* as this machine describes it; nothing is measured here */
    tune_fleet_hooks hooks;
    const tune_watcher *watcher;
} tune_fleet_options;

#endif
