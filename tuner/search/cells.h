/* The part of the space of objectives that no point of a front reaches, cut into boxes, and the hypervolume that a
 * new point adds to the front: known, or expected where each objective of the point is a random variable of its own
 * (Emmerich, Deutz and Klinkenberg, "Hypervolume-based expected improvement", 2011). Smaller is better in every
 * objective. Private to tuner/search. */
#ifndef TUNE_CELLS_H
#define TUNE_CELLS_H

#include <stddef.h>
#include <stdint.h>

enum {
    TUNE_CELLS_OBJECTIVES = 3, /* at most */
    TUNE_CELLS_POINTS = 64,    /* points of the front, at most */
    TUNE_CELLS_EDGES = TUNE_CELLS_POINTS + 2,
    TUNE_CELLS = (TUNE_CELLS_POINTS + 1) * (TUNE_CELLS_POINTS + 2) / 2
};

/* A box from edge[k][from[k]] to edge[k][to[k]] in each objective k. */
typedef struct tune_cell {
    uint8_t from[TUNE_CELLS_OBJECTIVES], to[TUNE_CELLS_OBJECTIVES];
} tune_cell;

typedef struct tune_cells {
    int objectives;
    size_t edges; /* of each objective: minus infinity, the values of the points, and the reference */
    double edge[TUNE_CELLS_OBJECTIVES][TUNE_CELLS_EDGES];
    size_t count;
    tune_cell cell[TUNE_CELLS];
} tune_cells;

/* Cuts what lies within the reference and is dominated by none of the points into boxes that do not overlap.
 * values is [points][objectives], finite; objectives from 1 to TUNE_CELLS_OBJECTIVES, points up to
 * TUNE_CELLS_POINTS, none of them worse than the reference in any objective. */
void tune_cells_cut(tune_cells *c, const double *values, size_t points, int objectives, const double *reference);

/* Returns the hypervolume that a point adds. below[k][e] is the expected amount by which the point lies below
 * edge[k][e], 0 where it lies above: of minus infinity 0. */
double tune_cells_gain(const tune_cells *c, double below[TUNE_CELLS_OBJECTIVES][TUNE_CELLS_EDGES]);

#endif
