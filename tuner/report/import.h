/* A run folder without a study, such as the original's, as a run of a study in memory. */
#ifndef TUNE_REPORT_IMPORT_H
#define TUNE_REPORT_IMPORT_H

#include <jansson.h>

#include "tuner/report/report.h"
#include "tuner/study/study.h"

/* Reads summary.csv, and run_meta.json, best.json, trials.jsonl (every sample) and pareto.csv where they are there,
 * into a new study. The settings are what the run's own space declares (`space` of run_meta.json, or the original's
 * `bounds`), the original's three, and what `is_setting` knows. A trial's number is its row. *study is closed by
 * the caller, *run its number there. ENOTFOUND without summary.csv; EFORMAT names file, line, what was found and
 * what was wanted. */
int tune_report_import(tune_study **study, int64_t *run, const char *folder, const json_t *meta,
                       tune_setting_fn is_setting, xlstm_error *err);

/* An object's file in the folder; *out NULL where there is no such file. */
int tune_report_read_object(json_t **out, const char *folder, const char *name, xlstm_error *err);

#endif
