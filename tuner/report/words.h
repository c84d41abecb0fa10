/* The report as sentences; the writers decide on their form. */
#ifndef TUNE_REPORT_WORDS_H
#define TUNE_REPORT_WORDS_H

#include "tuner/report/report.h"
#include "tuner/report/words_say.h"

int tune_words_make(tune_words *out, const tune_report *report, const tune_analysis *analysis, xlstm_error *err);
void tune_words_clear(tune_words *words);

#endif
