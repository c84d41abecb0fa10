/* What is tuned, as the driver sees it: something with a space of settings that can be measured. The engine is one
 * (engine.h); tests drive simulated ones. */
#ifndef TUNE_DRIVER_PROBLEM_H
#define TUNE_DRIVER_PROBLEM_H

#include <jansson.h>

#include "tuner/measure/final.h"
#include "tuner/measure/timing.h"
#include "tuner/space/space.h"
#include "tuner/study/study.h"

/* The parts of a reading; NAN where the problem does not know one. */
enum { TUNE_PART_PREFILL_S, TUNE_PART_DECODE_S, TUNE_PART_ENERGY_J, TUNE_PART_PEAK_MB };

/* What is known of a candidate besides its times, after it was measured. */
typedef struct tune_description {
    tune_trial_status status; /* OK; FAILED or INFEASIBLE with a reason */
    char reason[256];
    char token_hash[33]; /* "" where nothing was computed */
    double kl, ppl;      /* NAN: not determined */
    json_t *in_force;    /* what the settings came to in the engine; owned by the receiver, may be NULL */
} tune_description;

typedef struct tune_problem {
    void *self;
    const tune_space *space; /* sealed; owned by the problem */
    int64_t prompt_tokens, new_tokens;

    /* A candidate is a point of the space, or TUNE_BASELINE_TRIAL: the settings in force before the search. The
     * baseline is measured first. XLSTM_EUNSUPPORTED: the candidate is infeasible (memory that is not there, a
     * limit that it exceeds); XLSTM_ECANCELLED, XLSTM_ENOMEM and XLSTM_ECHANGED end the run; any other failure is
     * the candidate's.
     */
    tune_measure_fn measure;
    /* Whether what is measured is still what it was when the run began; asked before a verdict. May be NULL. A
     * failure ends the run. */
    int (*unchanged)(void *self, xlstm_error *err);
    /* May be NULL. A failure ends the run. */
    int (*describe)(void *self, int64_t candidate, tune_description *out, xlstm_error *err);
    /* Every setting of a candidate by name, a new reference; "backend" among them. */
    json_t *(*settings)(void *self, int64_t candidate);
    /* Whether a point comes to the baseline's own settings. NULL: where its settings are the same by name. */
    bool (*is_baseline)(void *self, int64_t candidate);
    /* Runs a plan for the baseline and the winner in a fresh process and reports its samples (candidate: as here).
     * XLSTM_ECANCELLED and XLSTM_ECHANGED end the comparison, any other failure loses this process alone.
     * NULL: the comparison's blocks run in this process, and the verdict says so by its count of processes. */
    int (*fresh)(void *self, int64_t winner, const tune_block_plan *plan, tune_sample_fn on_sample, void *ctx,
                 tune_block_result *out, xlstm_error *err);
} tune_problem;

/* Whether a candidate is the baseline, or a point that comes to its settings: there is nothing to compare. */
bool tune_problem_is_baseline(const tune_problem *problem, int64_t candidate);
/* All metrics of mean parts; NAN for what does not follow from them. */
void tune_problem_metrics(const tune_problem *problem, const double parts[TUNE_PARTS],
                          double metric[TUNE_METRIC_COUNT]);
/* What is to be minimised for an objective that follows from the parts: the metric itself, the seconds behind a
 * rate; always positive. For kl and ppl, which do not: a request's seconds. */
double tune_problem_cost(tune_metric objective, const double parts[TUNE_PARTS]);

#endif
