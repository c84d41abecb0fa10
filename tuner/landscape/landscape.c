#include "tuner/landscape/landscape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/landscape/landscape_impl.h"

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double mean_or_zero(double sum, size_t n) {
    return n ? sum / (double)n : 0;
}

static double median_of(const double *sorted, size_t n) {
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Returns the expected number of evaluations after which random search without repetitions has covered the share p
 * of the way from the median to the optimum. */
static double evaluations_to(const tune_landscape *l, double p) {
    double target = l->optimum + (l->median - l->optimum) * (1 - p);
    size_t i = 0;
    while (i + 1 < l->valid && l->sorted[l->valid - 1 - i] > target) i++;
    return ceil((double)i / (double)(l->valid + 1 - i));
}

int tune_landscape_summarize(tune_landscape *l, const char *path, xlstm_error *err) {
    double valid_cost = 0, invalid_cost = 0;
    double *costs = xl_array(l->rows, sizeof *costs);
    l->sorted = xl_array(l->rows, sizeof *l->sorted);
    if (!costs || !l->sorted) {
        free(costs);
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    }
    for (size_t r = 0; r < l->rows; r++) {
        costs[r] = l->cost[r];
        if (isnan(l->time[r])) invalid_cost += l->cost[r];
        else valid_cost += l->cost[r], l->sorted[l->valid++] = l->time[r];
    }
    qsort(costs, l->rows, sizeof *costs, compare_doubles);
    qsort(l->sorted, l->valid, sizeof *l->sorted, compare_doubles);
    double middle = median_of(costs, l->rows);
    free(costs);
    if (!l->valid) return xl_fail(err, XLSTM_EFORMAT, "%s: no row has a time", path);
    size_t invalid = l->rows - l->valid;
    l->optimum = l->sorted[0];
    l->median = median_of(l->sorted, l->valid);
    l->cost_per_eval = mean_or_zero(valid_cost, l->valid) +
                       (double)invalid / (double)l->rows * mean_or_zero(invalid_cost, invalid);
    l->t01 = evaluations_to(l, 0.01) * middle;
    l->t95 = evaluations_to(l, 0.95) * middle;
    return XLSTM_OK;
}

int tune_landscape_reserve(tune_landscape *l, table *t, size_t rows, xlstm_error *err) {
    size_t cells;
    if (!xl_mul(rows, t->params, &cells)) cells = SIZE_MAX;
    t->cells = xl_array(cells, sizeof *t->cells);
    l->time = xl_array(rows, sizeof *l->time);
    l->cost = xl_array(rows, sizeof *l->cost);
    l->sample_first = xl_array(rows + 1, sizeof *l->sample_first);
    if (t->cells && l->time && l->cost && l->sample_first) return XLSTM_OK;
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", t->path);
}

int tune_landscape_halve(tune_landscape *l, xlstm_error *err) {
    for (size_t r = 0; r < l->rows; r++) {
        size_t n = l->sample_first[r + 1] - l->sample_first[r];
        if (!isnan(l->time[r]) && n < 2)
            return xl_fail(err, XLSTM_EFORMAT,
                           "%s: line %zu: times: found %zu repeats, wanted at least two to halve", l->name, r + 2,
                           n);
    }
    size_t kept = 0, first = 0;
    for (size_t r = 0; r < l->rows; r++) {
        size_t n = l->sample_first[r + 1] - first;
        double sum = 0;
        l->sample_first[r] = kept;
        for (size_t i = 0; i < n; i++) {
            double sample = l->samples[first + i];
            if (i % 2) l->samples[kept++] = sample;
            else sum += sample;
        }
        if (!isnan(l->time[r])) l->time[r] = mean_or_zero(sum, (n + 1) / 2);
        first += n;
    }
    l->sample_first[l->rows] = kept;
    free(l->sorted);
    l->valid = 0;
    return tune_landscape_summarize(l, l->name, err);
}

void tune_landscape_destroy(tune_landscape *l) {
    if (!l) return;
    tune_space_destroy(l->space);
    free(l->name);
    free(l->time);
    free(l->cost);
    free(l->samples);
    free(l->sample_first);
    free(l->sorted);
    free(l);
}
