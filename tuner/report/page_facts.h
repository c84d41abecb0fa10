/* A run as the page gets it: one JSON object with everything that its pictures, tables and words show. */
#ifndef TUNE_REPORT_PAGE_FACTS_H
#define TUNE_REPORT_PAGE_FACTS_H

#include <stdio.h>

#include "tuner/report/report.h"

/* Writes the object: what `explain --json` prints, and beside it the run, its parameters and metrics, and the
 * trials and samples column by column (docs/report.md lists the members). Numbers that are unknown are null.
 * Failure to write is left to the stream. XLSTM_ENOMEM. */
int tune_page_facts(FILE *out, const tune_report *report, const tune_analysis *analysis, tune_unit_fn unit,
                    xlstm_error *err);

#endif
