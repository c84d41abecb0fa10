/* The name of the file that holds a continuation. */
#ifndef TUNE_OUTPUT_NAME_H
#define TUNE_OUTPUT_NAME_H

#include <stdint.h>

/* What a file name says: b=<backend>__h=<heads_per_band>__ck=<chunk_size>[__w=<workers>]__i=<row>.txt */
typedef struct tune_output_name {
    char backend[64];                            /* "": not said */
    int64_t heads_per_band, chunk_size, workers; /* -1: not said */
    int64_t row;                                 /* 0-based row of summary.csv; -1: not said */
} tune_output_name;

/* Reads the parts of a name that have this form; other parts are skipped. */
void tune_output_name_parse(const char *file, tune_output_name *out);
/* malloc'd; workers -1 leaves `__w=` out. NULL when out of memory. */
char *tune_output_name_format(const tune_output_name *name);

#endif
