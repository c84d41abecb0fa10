/* The check of a joined point: prefill's settings and decode's were searched apart, each by its own part of the
 * time, which is right where neither group touches the other's part.
 *
 * Fresh samples decide, none that chose anything: the joined point in rounds beside a trial with its prefill and
 * other decode settings (prefill is compared) and beside one with its decode and other prefill settings (decode
 * is). Rounds run in alternating order, so that drift cancels; the interval is Student's, over rounds. */
#ifndef TUNE_DRIVER_INTERACTION_H
#define TUNE_DRIVER_INTERACTION_H

#include "tuner/driver/keeper.h"
#include "tuner/measure/race.h"

typedef struct tune_interaction_job {
    const tune_space *space;
    const tune_metrics *metrics; /* with two that may be searched apart */
    tune_keeper *keeper;
    tune_sampler *sampler;
    uint32_t joined;   /* a point with a trial */
    int rounds;        /* at least 4; see tune_interaction_rounds */
    double deadline_s; /* by tune_sampler_seconds: no further round begins; INFINITY */
} tune_interaction_job;

/* 6, 10, 20 by effort. */
int tune_interaction_rounds(tune_effort effort);

/* Makes the check where the trials allow one, and stores the result as the run's event "interaction". Does nothing
 * where the event is there already for as many trials, where no trial has half of the joined point's settings, or
 * where the time was up before the fourth round. Returns 0, or a status that ends the run (cancelled, or the study
 * cannot be written). */
int tune_interaction_check(const tune_interaction_job *job, xlstm_error *err);

/* Puts the last check of a run with as many trials as now into best.json, as "interaction": for "prefill" and
 * "decode" (each may be missing) value, low, high: the part's time at the joined point over that beside other
 * settings, less 1; "rounds", "level", "interact": whether an interval leaves 0 out; "text": one sentence. */
int tune_interaction_add(tune_keeper *keeper, json_t *best, xlstm_error *err);

#endif
