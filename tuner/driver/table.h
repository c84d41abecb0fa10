/* A trial as a row of trials.jsonl and of summary.csv. */
#ifndef TUNE_DRIVER_TABLE_H
#define TUNE_DRIVER_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "tuner/study/study.h"

/* The original's keys first, in its order, then ours. `settings`: every setting of the point, "backend" among them.
 * A new reference, NULL when out of memory. */
json_t *tune_table_json(const tune_metrics *metrics, const tune_trial_row *trial, const json_t *settings,
                        const tune_sample_row *samples, size_t count);

/* The header of summary.csv; further columns are the settings in `baseline` that the original does not know. */
void tune_table_csv_header(FILE *out, const tune_metrics *metrics, const json_t *baseline);
void tune_table_csv_row(FILE *out, const tune_metrics *metrics, const json_t *baseline, const tune_trial_row *trial,
                        const json_t *settings);

#endif
