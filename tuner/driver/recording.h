/* A recording: every point of a space is measured equally often, for a landscape and not to find a winner.
 *
 * It consists of rounds over all points, the baseline among them; each point is sampled once a round. Every odd
 * round runs in the reverse order of the one before it, and each such pair of rounds has a random order of its
 * own. So a drift of the machine's speed, or a difference between the first and the second half of a round,
 * affects all points alike. Nothing is eliminated, raced or compared at the end. A disturbed sample is not used
 * and is taken once more at the end of its round; the second one is used in any case. Where samples of the machine
 * or of a point are always disturbed (a point that leaves processors to other programs), they are used at once.
 *
 * Samples are stored as soon as they are taken, and everything else is computed from them, so a recording that was
 * killed continues with the sample it was at. */
#ifndef TUNE_DRIVER_RECORDING_H
#define TUNE_DRIVER_RECORDING_H

#include "tuner/driver/keeper.h"
#include "tuner/driver/options.h"
#include "tuner/driver/result.h"
#include "tuner/target/target.h"

typedef struct tune_recording {
    tune_drive_end end;
    int points, failed; /* failed: number of points that failed in any round; they have no time */
    int rounds, wanted; /* every point that did not fail has at least `rounds` samples, and should have `wanted` */
    int missing;        /* number of samples that such points still lack; 0: the recording is complete */
    int taken;          /* number of samples in use, the baseline's included */
    int disturbed;      /* how many of `taken` were disturbed */
    int64_t fastest;    /* the point with the lowest mean; TUNE_BASELINE where no point has one */
} tune_recording;

/* Runs or continues the keeper's run: takes `repeats` samples (0: 2, 4 or 8 by effort) of every point, or of the
 * first `trials` points, within the budget. The options mode, every, apart, priors, population and generations are
 * not used. The watcher is told of samples (progress, stage "record"), not of trials. Returns 0 also where it was
 * stopped or the budget is spent, and a negative status where the run cannot continue. */
int tune_recording_run(const tune_target *target, const tune_drive_options *options, tune_keeper *keeper,
                       const tune_watcher *watcher, tune_recording *out, xlstm_error *err);

#endif
