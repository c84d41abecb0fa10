/* The check of the joined point. The settings for the two parts of the time (tune_metrics.apart; of the engine:
 * prefill and decode) were searched apart, each by its own part, which is right only where neither group affects
 * the other's part.
 *
 * The check uses fresh samples, which chose nothing: in rounds it measures the joined point, a trial that has its
 * settings for the first part and others for the second (their first times are compared), and a trial that has its
 * settings for the second part and others for the first (their second times are compared). The order alternates
 * from round to round, so that a drift of the machine's speed cancels; the interval is Student's, over rounds. */
#ifndef TUNE_DRIVER_INTERACTION_H
#define TUNE_DRIVER_INTERACTION_H

#include <jansson.h>

#include "tuner/driver/keeper.h"
#include "tuner/measure/race.h"

typedef struct tune_interaction_job {
    const tune_space *space;
    const tune_metrics *metrics; /* must have two metrics that may be searched apart */
    tune_keeper *keeper;
    tune_sampler *sampler;
    uint32_t joined;   /* a point that has a trial */
    int rounds;        /* number of rounds, at least 4; see tune_interaction_rounds */
    double deadline_s; /* by tune_sampler_seconds; no round begins after it; INFINITY: none */
} tune_interaction_job;

/* Number of rounds by effort: 6, 10 or 20. */
int tune_interaction_rounds(tune_effort effort);

/* Makes the check where the trials allow one, and stores the result as the run's event "interaction". Does nothing
 * where the event already exists for the same number of trials, where no trial has one part's settings of the
 * joined point, or where the time was up before the fourth round. Returns 0, or a status that ends the run
 * (cancelled, or the study cannot be written). */
int tune_interaction_check(const tune_interaction_job *job, xlstm_error *err);

/* Finds the stored result of the last check, provided that no trial was added since; *found is NULL where there is
 * none, and otherwise a reference that the caller owns. It is the member "interaction" of best.json: each part by
 * its name ("prefill", "decode"; each may be missing) with value, low and high, which say by what fraction the part
 * takes longer at the joined point than beside other settings; "rounds"; "level"; "interact": whether an interval
 * excludes 0; and "text", one sentence. */
int tune_interaction_found(const tune_keeper *keeper, json_t **found, xlstm_error *err);

#endif
