/* The report as sentences; the writers decide on their form. */
#ifndef TUNE_REPORT_WORDS_H
#define TUNE_REPORT_WORDS_H

#include "tuner/report/report.h"

enum { TUNE_SECTIONS = 16 };

/* A paragraph, or one line of a table, which is not wrapped. */
typedef struct tune_line {
    bool table;
    char *text; /* UTF-8 without control characters */
} tune_line;

typedef struct tune_section {
    char *title;
    size_t lines;
    tune_line *line;
} tune_section;

typedef struct tune_words {
    size_t sections;
    tune_section section[TUNE_SECTIONS]; /* the title of the first section is the run's folder */
    bool out_of_memory;
} tune_words;

int tune_words_make(tune_words *out, const tune_report *report, const tune_analysis *analysis, xlstm_error *err);
void tune_words_clear(tune_words *words);

#endif
