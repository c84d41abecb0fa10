/* Exhaustively measured spaces, against which a strategy is replayed without the machine they were measured on.
 *
 * FILE.csv.gz (or .csv): one row a point that exists; a column a parameter, then `time` (ms; empty: invalid) and
 * `cost_s` (seconds that evaluating the row cost), then optionally `times` (single repeats joined by ';'). The
 * ordered value lists come from `spaces.json` beside the file (a list of {"name": …, "params": {…}}), else from the
 * columns: numbers ascending, texts as they appear. Or Kernel Tuner's cache file, JSON, gzip or not. */
#ifndef TUNE_LANDSCAPE_H
#define TUNE_LANDSCAPE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/space/space.h"

typedef struct tune_landscape {
    char *name;        /* the file's name without folder and .csv.gz */
    tune_space *space; /* its points are the rows: id = 0-based row */
    size_t rows;
    double *time;         /* [rows] ms; NaN: invalid */
    double *cost;         /* [rows] s; 0 where not recorded */
    double *samples;      /* repeats of all rows one after the other */
    size_t *sample_first; /* [rows + 1] */
    double *sorted;       /* valid times, ascending */
    size_t valid;
    double optimum, median; /* ms */
    double cost_per_eval;   /* s; of random search */
    double t01, t95;        /* s; where random search got 1 % and 95 % of the way from median to optimum */
} tune_landscape;

/* EFORMAT names file, line, column, what was found and wanted; ENOTFOUND, EIO, ENOMEM. */
int tune_landscape_read(const char *path, tune_landscape **out, xlstm_error *err);
/* Divides each valid row's repeats, numbered from 0 in the order measured: the mean of the even ones becomes its
 * time (and so the optimum), the odd ones stay as its samples. EFORMAT names a valid row that has fewer than two;
 * after a failure the landscape can only be destroyed. */
int tune_landscape_halve(tune_landscape *l, xlstm_error *err);
void tune_landscape_destroy(tune_landscape *l);

#endif
