#include "tuner/search/cells.h"

#include <math.h>
#include <string.h>

/* Sorts edges of an objective by value; few and nearly sorted ones. */
static void sort(const double *edge, uint8_t *order, size_t n) {
    for (size_t i = 1; i < n; i++) {
        const uint8_t e = order[i];
        size_t at = i;
        for (; at > 0 && edge[order[at - 1]] > edge[e]; at--) order[at] = order[at - 1];
        order[at] = e;
    }
}

/* Cuts in the first `objectives` of them, between what `box` says in the others: into slices along the last one, in
 * which the points below the slice are the front of one objective less. */
static void cut(tune_cells *c, const uint8_t *points, size_t n, int objectives, tune_cell box) {
    const int k = objectives - 1;
    const double *edge = c->edge[k];
    uint8_t order[TUNE_CELLS_POINTS];
    if (n) memcpy(order, points, n * sizeof *order);
    if (k == 0) {
        box.from[0] = 0;
        box.to[0] = (uint8_t)(c->edges - 1);
        for (size_t i = 0; i < n; i++) {
            if (edge[order[i]] < edge[box.to[0]]) box.to[0] = order[i];
        }
        c->cell[c->count++] = box;
        return;
    }
    sort(edge, order, n);
    for (size_t i = 0; i <= n; i++) {
        box.from[k] = i ? order[i - 1] : 0;
        box.to[k] = i < n ? order[i] : (uint8_t)(c->edges - 1);
        if (edge[box.to[k]] > edge[box.from[k]]) cut(c, order, i, k, box);
    }
}

void tune_cells_cut(tune_cells *c, const double *values, size_t points, int objectives, const double *reference) {
    uint8_t all[TUNE_CELLS_POINTS];
    c->objectives = objectives;
    c->edges = points + 2;
    c->count = 0;
    for (int k = 0; k < objectives; k++) {
        c->edge[k][0] = -INFINITY;
        for (size_t i = 0; i < points; i++) c->edge[k][i + 1] = values[i * (size_t)objectives + (size_t)k];
        c->edge[k][points + 1] = reference[k];
    }
    for (size_t i = 0; i < points; i++) all[i] = (uint8_t)(i + 1);
    cut(c, all, points, objectives, (tune_cell){0});
}

double tune_cells_gain(const tune_cells *c, double below[TUNE_CELLS_OBJECTIVES][TUNE_CELLS_EDGES]) {
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        const tune_cell *cell = &c->cell[i];
        double volume = 1;
        for (int k = 0; k < c->objectives; k++) volume *= below[k][cell->to[k]] - below[k][cell->from[k]];
        sum += volume;
    }
    return sum;
}
