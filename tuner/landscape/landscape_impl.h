/* Declarations that the readers of landscapes share. Private to tuner/landscape. */
#ifndef TUNE_LANDSCAPE_IMPL_H
#define TUNE_LANDSCAPE_IMPL_H

#include <jansson.h>

#include "base/csv.h"
#include "tuner/landscape/landscape.h"

/* The rows of a landscape while they are read. */
typedef struct table {
    const char *path;
    char *text; /* contents of the file; NULL once `csv` owns them */
    xl_csv csv; /* owns the texts of the fields */
    const char *header[TUNE_SPACE_PARAMS];
    size_t params;
    tune_value *cells; /* [rows][params] */
} table;

/* Makes room for `rows` rows of t->params parameters. */
int tune_landscape_reserve(tune_landscape *l, table *t, size_t rows, xlstm_error *err);
/* Computes what follows from the rows: optimum, median, and the times of random search. */
int tune_landscape_summarize(tune_landscape *l, const char *path, xlstm_error *err);
/* Reads rows and samples of Kernel Tuner's cache file. *file owns all texts, and *declared, which is borrowed from
 * it, holds the values of the parameters. */
int tune_landscape_cache(tune_landscape *l, table *t, json_t **file, const json_t **declared, xlstm_error *err);

#endif
