/* pareto.csv: the trials that no other trial dominates, for a run with several objectives. */
#ifndef TUNE_RUN_PARETO_CSV_H
#define TUNE_RUN_PARETO_CSV_H

#include "tuner/study/study.h"

typedef struct tune_pareto {
    const tune_metrics *metrics;
    const tune_trial_row *trials; /* [count]: those of the whole run */
    size_t count;
    const tune_space *space;
    const int *objective; /* [objectives]: indexes of metrics */
    int objectives;
} tune_pareto;

/* Writes it into the run folder: trial, the objectives, then the searched parameters, in the order of
 * tune_front. */
int tune_pareto_write(const char *folder, const tune_pareto *what, xlstm_error *err);

#endif
