/* Imports a run folder that has no study, such as the original's, as a run of a study in memory. */
#ifndef TUNE_REPORT_IMPORT_H
#define TUNE_REPORT_IMPORT_H

#include <jansson.h>

#include "tuner/report/report.h"
#include "tuner/study/study.h"

/* Reads summary.csv, and where they exist run_meta.json, best.json, trials.jsonl (every sample) and pareto.csv,
 * into a new study. Settings are the parameters that the run's own space declares (`space` of run_meta.json, or
 * the original's `bounds`), the original's three, and the names for which `is_setting` returns true. A trial's
 * number is its row. The caller closes *study; *run is the run's number in it. XLSTM_ENOTFOUND without a
 * summary.csv; XLSTM_EFORMAT names file and line, what was found and what was wanted. */
int tune_report_import(tune_study **study, int64_t *run, const char *folder, const json_t *meta,
                       tune_setting_fn is_setting, xlstm_error *err);

/* Reads a file of the folder that holds a JSON object; *out is NULL where there is no such file. */
int tune_report_read_object(json_t **out, const char *folder, const char *name, xlstm_error *err);

#endif
