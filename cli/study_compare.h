/* Prints how two runs compare. */
#ifndef CLI_STUDY_COMPARE_H
#define CLI_STUDY_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Prints what tune_compare_runs returned in words, or with `csv` the points as a table. */
void cli_compare_text(FILE *out, const json_t *compared, bool csv);

#endif
