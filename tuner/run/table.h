/* A trial as a row of trials.jsonl and of summary.csv. */
#ifndef TUNE_RUN_TABLE_H
#define TUNE_RUN_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "tuner/study/study.h"

/* Returns the row of trials.jsonl: the original's keys first, in its order, then ours. `settings` has every
 * setting of the point, "backend" among them. The caller owns the reference; NULL when out of memory. */
json_t *tune_table_json(const tune_metrics *metrics, const tune_trial_row *trial, const json_t *settings,
                        const tune_sample_row *samples, size_t count);

/* EARG where a metric or a parameter has the name of another column. */
int tune_table_check(const tune_metrics *metrics, const tune_space *space, xlstm_error *err);

/* Write the header of summary.csv and a row of it. After the original's columns come the settings in `baseline`
 * that the original does not know. */
void tune_table_csv_header(FILE *out, const tune_metrics *metrics, const json_t *baseline);
void tune_table_csv_row(FILE *out, const tune_metrics *metrics, const json_t *baseline, const tune_trial_row *trial,
                        const json_t *settings);

#endif
