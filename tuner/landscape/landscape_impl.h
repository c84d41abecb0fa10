/* What the readers of landscapes share. Private to tuner/landscape. */
#ifndef TUNE_LANDSCAPE_IMPL_H
#define TUNE_LANDSCAPE_IMPL_H

#include <jansson.h>

#include "base/csv.h"
#include "tuner/landscape/landscape.h"

/* A landscape's rows as they are read. */
typedef struct table {
    const char *path;
    char *text; /* the file; NULL where csv has it */
    xl_csv csv; /* storage of its fields */
    const char *header[TUNE_SPACE_PARAMS];
    size_t params;
    tune_value *cells; /* [rows][params] */
} table;

/* Room for so many rows of t->params parameters. */
int tune_landscape_reserve(tune_landscape *l, table *t, size_t rows, xlstm_error *err);
/* What follows from the rows: the best, the median, what random search needs. */
int tune_landscape_summarize(tune_landscape *l, const char *path, xlstm_error *err);
/* Kernel Tuner's cache file: rows and samples. *file holds all texts, *declared the parameters' value lists. */
int tune_landscape_cache(tune_landscape *l, table *t, json_t **file, const json_t **declared, xlstm_error *err);

#endif
