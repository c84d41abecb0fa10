/* The two tables of a run's folder, trials.jsonl and summary.csv. Writing them anew happens beside the old ones,
 * which stay until the new ones are whole; after that each trial is appended by one write to each. The study is
 * authoritative: a row may be lost where the machine loses power, and comes back when the run is resumed. */
#ifndef TUNE_RUN_RUN_TABLES_H
#define TUNE_RUN_RUN_TABLES_H

#include <stdbool.h>

#include <jansson.h>

#include "base/output.h"
#include "tuner/study/study.h"

/* Zero-initialized with both descriptors -1, it is closed. */
typedef struct tune_run_tables {
    const char *folder; /* the caller's */
    char *path[2];      /* of trials.jsonl and summary.csv */
    xl_output *anew[2]; /* while they are written anew */
    int file[2];        /* descriptors to append to; -1 while they are written anew */
} tune_run_tables;

void tune_run_tables_init(tune_run_tables *t);
/* Begins to write both tables anew, in `folder`, which must outlive the tables. */
int tune_run_tables_begin(tune_run_tables *t, const char *folder, const tune_metrics *metrics,
                          const json_t *baseline, xlstm_error *err);
/* Adds a trial to both; `settings` has every setting of its point. */
int tune_run_tables_add(tune_run_tables *t, const tune_metrics *metrics, const json_t *baseline,
                        const tune_trial_row *trial, const json_t *settings, const tune_sample_row *samples,
                        size_t count, xlstm_error *err);
/* Puts the tables that are written anew in the place of the old ones. */
int tune_run_tables_ready(tune_run_tables *t, xlstm_error *err);
/* Waits until all rows are on the disk. */
int tune_run_tables_settle(const tune_run_tables *t, xlstm_error *err);
/* Drops tables that are written anew and not ready. */
void tune_run_tables_close(tune_run_tables *t);

#endif
