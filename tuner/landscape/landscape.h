/* Landscapes: exhaustively measured spaces. A strategy can be replayed against one without the machine on which it
 * was measured.
 *
 * FILE.csv.gz (or .csv) has one row for each point that exists. Its columns are the parameters, then `time` (ms;
 * empty: invalid) and `cost_s` (seconds that evaluating the row took), then optionally `times` (single repeats
 * joined by ';'). The ordered lists of values come from `spaces.json` beside the file (a list of {"name": …,
 * "params": {…}}), or else from the columns: numbers ascending, texts in the order of appearance. A file may also
 * be Kernel Tuner's cache file: JSON, gzip or not. */
#ifndef TUNE_LANDSCAPE_H
#define TUNE_LANDSCAPE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/space/space.h"

typedef struct tune_landscape {
    char *name;        /* the file's name without its folder and .csv.gz */
    tune_space *space; /* its points are the rows: a point's id is its row, counted from 0 */
    size_t rows;
    double *time;         /* [rows]: milliseconds; NaN: invalid */
    double *cost;         /* [rows]: seconds; 0 where not recorded */
    double *samples;      /* repeats of all rows, one row after the other */
    size_t *sample_first; /* [rows + 1]: index of each row's first repeat in `samples` */
    double *sorted;       /* [valid]: valid times, ascending */
    size_t valid;
    double optimum, median; /* of the valid times, in milliseconds */
    double cost_per_eval;   /* seconds that random search needs for an evaluation */
    double t01, t95;        /* seconds in which random search gets 1 % and 95 % from median to optimum */
} tune_landscape;

/* Reads a landscape, to be freed with tune_landscape_destroy. XLSTM_EFORMAT names file, line and column, what was
 * found and what was wanted; also XLSTM_ENOTFOUND, XLSTM_EIO, XLSTM_ENOMEM. */
int tune_landscape_read(const char *path, tune_landscape **out, xlstm_error *err);
/* Divides the repeats of each valid row, numbered from 0 in the order in which they were measured. The mean of the
 * even ones becomes the row's time (so the optimum changes too), and the odd ones stay as its samples.
 * XLSTM_EFORMAT names a valid row that has fewer than two repeats; after a failure the landscape can only be
 * destroyed. */
int tune_landscape_halve(tune_landscape *l, xlstm_error *err);
void tune_landscape_destroy(tune_landscape *l);

#endif
