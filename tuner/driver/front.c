#include "tuner/driver/front.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Returns the size below which a difference does not count; 0 for a measured time, whose noise is not known
 * here. */
static double resolution(const tune_metric *metric, double value) {
    return metric->least + metric->least_share * value;
}

bool tune_front_beats(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                      int objectives) {
    bool better = false;
    for (int i = 0; i < objectives; i++) {
        const tune_metric *m = &metrics->at[objective[i]];
        double x = tune_metric_cost(m, a[objective[i]]), y = tune_metric_cost(m, b[objective[i]]),
               least = resolution(m, y);
        if (isinf(y)) least = 0;
        if (x > y + least) return false;
        better |= x < y - least;
    }
    return better;
}

bool tune_front_beats_clearly(const tune_metrics *metrics, const double *a, const double *b, const int *objective,
                              int objectives, double noise) {
    bool better = false;
    for (int i = 0; i < objectives; i++) {
        const tune_metric *m = &metrics->at[objective[i]];
        double x = tune_metric_cost(m, a[objective[i]]), y = tune_metric_cost(m, b[objective[i]]),
               least = resolution(m, y);
        if (isinf(y)) return false;
        if (least > 0 || y == 0 ? x > y + least : !(y - x > noise * fabs(x))) return false;
        better |= x < y - least;
    }
    return better;
}

/* Orders trials by the first objective, then by the next; equal ones by their number. */
static bool comes_first(const tune_metrics *metrics, const tune_trial_row *a, const tune_trial_row *b,
                        const int *objective, int objectives) {
    for (int i = 0; i < objectives; i++) {
        const tune_metric *m = &metrics->at[objective[i]];
        double x = tune_metric_cost(m, a->metric[objective[i]]), y = tune_metric_cost(m, b->metric[objective[i]]);
        if (x != y) return x < y;
    }
    return a->index < b->index;
}

/* What a front is found among: all trials that are ok, sorted by comes_first. Those that are beaten get the mark.
 */
#define BEATEN ((size_t)1 << (8 * sizeof(size_t) - 1))
typedef struct field {
    const tune_metrics *metrics;
    const tune_trial_row *trials;
    const int *objective;
    int objectives;
    size_t *index; /* [count], in `trials` */
    size_t count;
} field;

static const tune_trial_row *trial_at(const field *f, size_t i) {
    return &f->trials[f->index[i] & ~BEATEN];
}

static bool in_order(const field *f, size_t i, size_t k) {
    return comes_first(f->metrics, trial_at(f, i), trial_at(f, k), f->objective, f->objectives);
}

static void exchange(const field *f, size_t i, size_t k) {
    const size_t index = f->index[i];
    f->index[i] = f->index[k];
    f->index[k] = index;
}

/* Lets the element at `top` of a heap of `n`, whose last in order is at 0, sink to its place. */
static void sink(const field *f, size_t top, size_t n) {
    for (size_t child; (child = 2 * top + 1) < n; top = child) {
        if (child + 1 < n && in_order(f, child, child + 1)) child++;
        if (!in_order(f, top, child)) return;
        exchange(f, top, child);
    }
}

/* A heap sort, which needs neither memory nor, unlike qsort, to be told of the metrics by a global variable. */
static void sort(const field *f) {
    for (size_t top = f->count / 2; top > 0; top--) sink(f, top - 1, f->count);
    for (size_t n = f->count; n > 1; n--) {
        exchange(f, 0, n - 1);
        sink(f, 0, n - 1);
    }
}

static double cost_at(const field *f, size_t i, int k) {
    const int objective = f->objective[k];
    return tune_metric_cost(&f->metrics->at[objective], trial_at(f, i)->metric[objective]);
}

/* The costs in an objective within which a trial is no better and no worse than the one at i. */
static void range_at(const field *f, size_t i, int k, double *low, double *high) {
    const double cost = cost_at(f, i, k);
    const double least = isinf(cost) ? 0 : resolution(&f->metrics->at[f->objective[k]], cost);
    *low = cost - least;
    *high = cost + least;
}

/* Of two objectives: what may beat a trial by the first one comes before some place in the order, and of those only
 * the best in the second one counts. Both places move on from trial to trial. */
static void mark_beaten_of_two(const field *f) {
    size_t as_good = 0, better = 0; /* how many of the first trials are so by the first objective */
    double best_as_good = INFINITY, best_better = INFINITY;
    for (size_t i = 0; i < f->count; i++) {
        double low[2], high[2];
        for (int k = 0; k < 2; k++) range_at(f, i, k, &low[k], &high[k]);
        for (; as_good < f->count && cost_at(f, as_good, 0) <= high[0]; as_good++)
            best_as_good = fmin(best_as_good, cost_at(f, as_good, 1));
        for (; better < as_good && cost_at(f, better, 0) < low[0]; better++)
            best_better = fmin(best_better, cost_at(f, better, 1));
        if ((better && best_better <= high[1]) || (best_as_good <= high[1] && best_as_good < low[1]))
            f->index[i] |= BEATEN;
    }
}

static void mark_beaten(const field *f) {
    for (size_t i = 0; i < f->count; i++) {
        bool beaten = false;
        for (size_t k = 0; !beaten && k < f->count; k++)
            beaten = k != i && tune_front_beats(f->metrics, trial_at(f, k)->metric, trial_at(f, i)->metric,
                                                f->objective, f->objectives);
        if (beaten) f->index[i] |= BEATEN;
    }
}

size_t tune_front(const tune_metrics *metrics, const tune_trial_row *trials, size_t count, const int *objective,
                  int objectives, size_t *front) {
    field f = {metrics, trials, objective, objectives, front, 0};
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (trials[i].status == TUNE_TRIAL_OK) front[f.count++] = i;
    }
    sort(&f);
    /* With such a share the ranges lie in the order of the costs. */
    const double share = objectives > 0 ? metrics->at[objective[0]].least_share : 0;
    if (objectives == 2 && share >= 0 && share < 1) mark_beaten_of_two(&f);
    else mark_beaten(&f);
    for (size_t i = 0; i < f.count; i++) {
        if (!(front[i] & BEATEN)) front[found++] = front[i];
    }
    return found;
}

int tune_front_objectives(const tune_metrics *metrics, const char *text, int *objective) {
    int n = 0;
    while (*text && n < TUNE_METRICS) {
        char name[32];
        size_t length = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, text);
        int metric = tune_metrics_find(metrics, name);
        if (metric >= 0) objective[n++] = metric;
        text += length + (text[length] == ',');
    }
    return n;
}
