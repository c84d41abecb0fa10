/* A search in progress, shared by the files of the driver. Private to tuner/driver. */
#ifndef TUNE_DRIVER_DRIVE_H
#define TUNE_DRIVER_DRIVE_H

#include "tuner/driver/keeper.h"
#include "tuner/driver/options.h"
#include "tuner/driver/proposer.h"
#include "tuner/driver/result.h"
#include "tuner/measure/gauge.h"
#include "tuner/measure/race.h"
#include "tuner/target/target.h"

typedef struct drive {
    const tune_target *target;
    tune_meter meter; /* measures it */
    const tune_drive_options *options;
    tune_keeper *keeper; /* NULL: this process only measures */
    const tune_watcher *watcher;
    tune_drive_result *result;
    tune_sampler *sampler;
    tune_race *race;
    tune_proposer *proposer;
    int32_t *trials;        /* [points]: the trial that measured each point; -1: none */
    size_t points;          /* length of `trials` */
    tune_sample_row *taken; /* samples of the trial that is being measured */
    size_t taken_count, taken_room;
    int64_t seq, block;
    int64_t process; /* of the last comparison: number of the fresh process */
    const char *stage;
    double started;      /* tune_drive_now when this process began its work */
    double started_wall; /* when the sampler was made, seconds since 1970 */
    double baseline_parts[TUNE_PARTS];
    double last_parts[TUNE_PARTS]; /* of the baseline's last sample, in seconds */
    double best;                   /* lowest ratio to the baseline of any trial; NAN: none */
    int best_samples;              /* number of samples behind `best` */
    double search_until,
        playoff_until; /* ends of search and playoff within the budget, in seconds as spent() counts */
    uint32_t untimed;  /* a point whose first sample did not fit into the time, for later; TUNE_NO_POINT: none */
    int limit;         /* number of proposals; 0: no limit */
    double trial_s;    /* seconds that measured trials took in this process, and how many there were */
    int trial_n;
    tune_gauge *gauge; /* looks at the machine; NULL before the first look */
    bool told_states;  /* whether the user knows that the machine has states */
    xlstm_error kept;  /* the first failure inside a callback */
    int kept_status;
} drive;

#endif
