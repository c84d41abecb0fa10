#include "tuner/search/pareto.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

bool tune_pareto_beats(const double *a, const double *b, int objectives) {
    bool better = false;
    for (int k = 0; k < objectives; k++) {
        if (a[k] > b[k]) return false;
        better |= a[k] < b[k];
    }
    return better;
}

/* Deb's lists of the points that each point beats would need memory quadratic in the number of points. Counting
 * again for each front needs the same comparisons, but only for the points of that front. */
int tune_pareto_rank(const double *values, size_t count, int objectives, int *rank, xlstm_error *err) {
    size_t *beaten_by = xl_array(count, sizeof *beaten_by), *front = xl_array(count, sizeof *front);
    int status = XLSTM_OK;
    if (!beaten_by || !front) {
        status = xl_fail(err, XLSTM_ENOMEM, "Pareto ranks: out of memory for %zu points", count);
        goto out;
    }
    size_t m = (size_t)objectives, first = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        beaten_by[i] = 0;
        for (size_t j = 0; j < count; j++)
            beaten_by[i] += tune_pareto_beats(values + j * m, values + i * m, objectives);
        if (beaten_by[i]) continue;
        rank[i] = 0;
        front[last++] = i;
    }
    while (first < last) {
        const size_t i = front[first++];
        for (size_t j = 0; j < count; j++) {
            if (!beaten_by[j] || !tune_pareto_beats(values + i * m, values + j * m, objectives)) continue;
            if (--beaten_by[j]) continue;
            rank[j] = rank[i] + 1;
            front[last++] = j;
        }
    }
out:
    free(beaten_by);
    free(front);
    return status;
}

typedef struct place {
    int rank;
    double value;
    size_t index;
} place;

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Adds the distances of one rank in one objective. */
static void add_distances(const place *p, size_t n, double *crowding) {
    const double range = p[n - 1].value - p[0].value;
    if (!(range > 0)) return;
    crowding[p[0].index] = crowding[p[n - 1].index] = INFINITY;
    /* An infinite range would make all distances meaningless. */
    for (size_t i = 1; i + 1 < n && isfinite(range); i++)
        crowding[p[i].index] += (p[i + 1].value - p[i - 1].value) / range;
}

int tune_pareto_crowding(const double *values, size_t count, int objectives, const int *rank, double *crowding,
                         xlstm_error *err) {
    place *order = xl_array(count, sizeof *order);
    if (!order) return xl_fail(err, XLSTM_ENOMEM, "crowding: out of memory for %zu points", count);
    for (size_t i = 0; i < count; i++) crowding[i] = 0;
    for (int k = 0; k < objectives && count; k++) {
        for (size_t i = 0; i < count; i++)
            order[i] = (place){rank[i], values[i * (size_t)objectives + (size_t)k], i};
        qsort(order, count, sizeof *order, by_place);
        for (size_t from = 0, to; from < count; from = to) {
            for (to = from + 1; to < count && order[to].rank == order[from].rank;) to++;
            add_distances(order + from, to - from, crowding);
        }
    }
    free(order);
    return XLSTM_OK;
}
