/* A target is what is tuned: something with a space of settings that can be measured, behind one table of
 * functions. The engine (engine.h) is one; tests use simulated ones. The rest of the tuner knows no model. */
#ifndef TUNE_TARGET_H
#define TUNE_TARGET_H

#include "tuner/measure/final.h"
#include "tuner/measure/timing.h"
#include "tuner/metric/metric.h"
#include "tuner/space/named.h"
#include "tuner/space/space.h"

/* The candidate that stands for the settings in force before the search. Other candidates are points of the
 * space. */
#define TUNE_BASELINE (-1)

/* What is known of a measured candidate besides its samples. */
typedef struct tune_outcome {
    char token_hash[33];         /* of the outputs; "" where there are none */
    double metric[TUNE_METRICS]; /* metrics that are properties of the point (tune_metric.of_point); NAN: unknown */
    tune_named_list in_force;    /* settings really used; owned by the receiver, may be empty */
} tune_outcome;

typedef struct tune_target {
    void *self;
    const tune_space *space;     /* sealed; owned by the target */
    const tune_metrics *metrics; /* owned by the target */

    /* Takes a sample of a candidate; the parts of the reading are those of the metrics. The baseline is measured
     * first. XLSTM_EUNSUPPORTED: the candidate is infeasible (too little memory, or a limit that it exceeds).
     * XLSTM_ECANCELLED, XLSTM_ENOMEM and XLSTM_ECHANGED end the run; any other failure is the candidate's own. */
    tune_measure_fn measure;
    /* Computes the metrics that follow from mean parts. The others are left as they are; they are NAN before the
     * call. */
    void (*derive)(void *self, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]);
    /* Returns the positive number to minimise for an objective: the metric itself, or the time behind a rate; for
     * a property of the point, which has no samples, the seconds of an execution. */
    double (*cost)(void *self, int objective, const double parts[TUNE_PARTS]);
    /* Checks that what is measured is the same as when the run began; called before a verdict. May be NULL. A
     * failure ends the run. */
    int (*unchanged)(void *self, xlstm_error *err);
    /* Describes a measured candidate. May be NULL. A failure ends the run. */
    int (*outcome)(void *self, int64_t candidate, tune_outcome *out, xlstm_error *err);
    /* Lists every setting of a candidate by name, for the engine also "backend"; the caller owns the list. Returns
     * false when out of memory. */
    bool (*settings)(void *self, int64_t candidate, tune_named_list *out);
    /* Whether a point is equal in effect to the baseline's settings. NULL: it is where its settings are the
     * same. */
    bool (*is_baseline)(void *self, int64_t candidate);
    /* Runs a plan for the baseline and the winner in a fresh process, and reports its samples (with candidates as
     * here). XLSTM_ECANCELLED and XLSTM_ECHANGED end the comparison; any other failure loses only this process.
     * NULL: the blocks of the comparison run in this process, which the verdict shows by its number of
     * processes. */
    int (*spawn)(void *self, int64_t winner, const tune_block_plan *plan, tune_sample_fn on_sample, void *ctx,
                 tune_block_result *out, xlstm_error *err);
} tune_target;

/* Whether a candidate is the baseline or equal in effect to it, so that there is nothing to compare. */
bool tune_target_is_baseline(const tune_target *target, int64_t candidate);
/* Computes all metrics that follow from mean parts; NAN for the others. */
void tune_target_metrics(const tune_target *target, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]);
double tune_target_cost(const tune_target *target, int objective, const double parts[TUNE_PARTS]);
/* Returns the seconds of one execution; NAN where the parts do not contain it. */
double tune_target_seconds(const tune_target *target, const double parts[TUNE_PARTS]);
/* Sets everything to unknown. */
void tune_outcome_init(tune_outcome *out);

#endif
