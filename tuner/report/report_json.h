/* The report as one JSON object, which `explain --json` prints and the page contains. */
#ifndef TUNE_REPORT_REPORT_JSON_H
#define TUNE_REPORT_REPORT_JSON_H

#include "tuner/report/report.h"

/* Returns a new reference in *out. With `placed`, each section of the words also says what it is `about`, and how
 * many `rows` of a table its last lines are. XLSTM_ENOMEM. */
int tune_report_json(json_t **out, const tune_report *report, const tune_analysis *analysis, bool placed,
                     xlstm_error *err);

#endif
