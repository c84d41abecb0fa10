/* The columns of the page: a page may hold a hundred thousand trials. */
#ifndef TUNE_REPORT_PAGE_COLUMNS_H
#define TUNE_REPORT_PAGE_COLUMNS_H

#include <stdio.h>

#include "tuner/report/report.h"

/* Write the members "trials", and "samples" and "pauses" with a comma between them. Failure to write is left to the
 * stream. XLSTM_ENOMEM. */
void tune_page_put_trials(FILE *out, const tune_report *report);
int tune_page_put_samples(FILE *out, const tune_report *report, xlstm_error *err);

#endif
