/* A recording: a space measured whole, for a landscape rather than for a winner.
 *
 * Rounds over all points, the baseline among them, each point once a round; every odd round runs the one before it
 * backwards, and each pair has an order of its own. So a drift of the machine falls on all points alike, and so do
 * the first and the second half of anything. Nothing is eliminated, raced or compared at the end. A disturbed
 * sample is set aside and taken again at the end of its round, once, and kept then; where that is the rule, of the
 * machine or of the point (one that leaves a processor to others), it is kept at once.
 *
 * Samples are stored as they come and everything else follows from them: a recording that is killed goes on with
 * the sample that it was at. */
#ifndef TUNE_DRIVER_RECORDING_H
#define TUNE_DRIVER_RECORDING_H

#include "tuner/driver/driver.h"

typedef struct tune_recording {
    tune_drive_end end;
    int points, failed; /* of the points: a failure in any round, so they have no time */
    int rounds, wanted; /* every point without failure has `rounds` samples at least, and should have `wanted` */
    int missing;        /* samples of such points; 0: the recording is whole */
    int taken;          /* samples in use, the baseline's too */
    int disturbed;      /* of these */
    int64_t fastest;    /* of the means; TUNE_BASELINE_TRIAL where no point has one */
} tune_recording;

/* Runs or continues the keeper's run: `repeats` samples (0: 2, 4 or 8 by effort) of every point, or of the first
 * `trials`, within the budget. The options mode, every, apart, priors and those of the genetic search have no
 * meaning here. The watcher is told of samples (progress, stage "record"), not of trials. Returns 0 also when it
 * was stopped or the budget is spent, and a negative status where the run cannot go on. */
int tune_recording_run(const tune_target *problem, const tune_drive_options *options, tune_keeper *keeper,
                       const tune_watcher *watcher, tune_recording *out, xlstm_error *err);

#endif
