/* What the readers of landscapes share. Private to tuner/landscape. */
#ifndef TUNE_LANDSCAPE_IMPL_H
#define TUNE_LANDSCAPE_IMPL_H

#include <jansson.h>

#include "tuner/landscape/landscape.h"

/* A landscape's rows as they are read. */
typedef struct table {
    const char *path;
    char *text; /* the file; storage of the fields of a CSV */
    const char *header[TUNE_SPACE_PARAMS + 3];
    size_t columns, params, cost, times; /* column numbers; `times` == columns where there is none */
    tune_value *cells;                   /* [rows][params] */
    char **repeats;                      /* [rows] */
} table;

/* Room for so many rows of t->params parameters. */
int tune_landscape_reserve(tune_landscape *l, table *t, size_t rows, xlstm_error *err);
/* Kernel Tuner's cache file: rows and samples. *file holds all texts, *declared the parameters' value lists. */
int tune_landscape_cache(tune_landscape *l, table *t, json_t **file, const json_t **declared, xlstm_error *err);

#endif
