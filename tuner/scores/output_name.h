/* The names of the files that hold continuations. */
#ifndef TUNE_OUTPUT_NAME_H
#define TUNE_OUTPUT_NAME_H

#include <stdint.h>

/* The parts of a file name b=<backend>__h=<heads_per_band>__ck=<chunk_size>[__w=<workers>]__i=<row>.txt */
typedef struct tune_output_name {
    char backend[64];                            /* "": not in the name */
    int64_t heads_per_band, chunk_size, workers; /* -1: not in the name */
    int64_t row;                                 /* row of summary.csv, counted from 0; -1: not in the name */
} tune_output_name;

/* Reads the parts that the name has; parts of any other form are skipped. */
void tune_output_name_parse(const char *file, tune_output_name *out);
/* Returns the name, malloc'd, NULL when out of memory. What is -1 is left out. */
char *tune_output_name_format(const tune_output_name *name);

#endif
