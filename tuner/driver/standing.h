/* Tells the keeper how a run stands, from what the race, the last comparison and the target know. */
#ifndef TUNE_DRIVER_STANDING_H
#define TUNE_DRIVER_STANDING_H

#include "tuner/driver/keeper.h"
#include "tuner/measure/race.h"

/* Tells the keeper the baseline's mean parts over a number of samples. */
int tune_standing_baseline(const tune_target *target, tune_keeper *keeper, const double parts[TUNE_PARTS],
                           int samples, xlstm_error *err);

/* The facts of a run's standing that the target does not know. */
typedef struct tune_standing_facts {
    int64_t winner;               /* or TUNE_BASELINE */
    const tune_race_entry *entry; /* the winner's means in the search */
    const tune_final *final;      /* NULL: there was no last comparison yet */
    const char *verdict, *text;
    uint32_t challenger;       /* TUNE_NO_POINT: none */
    const json_t *interaction; /* may be NULL */
} tune_standing_facts;
int tune_standing_tell(const tune_target *target, tune_keeper *keeper, const tune_standing_facts *facts,
                       xlstm_error *err);

#endif
