/* The verdict in words: what it rests on, why it ended, and what it holds for. */
#ifndef TUNE_REPORT_WORDS_VERDICT_H
#define TUNE_REPORT_WORDS_VERDICT_H

#include "tuner/report/report.h"
#include "tuner/report/words_say.h"

/* Adds the section "Verdict". */
void tune_say_verdict(tune_words *words, const tune_report *report);

#endif
