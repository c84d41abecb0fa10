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

size_t tune_front(const tune_metrics *metrics, const tune_trial_row *trials, size_t count, const int *objective,
                  int objectives, size_t *front) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        bool member = trials[i].status == TUNE_TRIAL_OK;
        for (size_t k = 0; member && k < count; k++) {
            if (trials[k].status != TUNE_TRIAL_OK || k == i) continue;
            member = !tune_front_beats(metrics, trials[k].metric, trials[i].metric, objective, objectives);
        }
        if (!member) continue;
        size_t at = found++;
        for (; at && comes_first(metrics, &trials[i], &trials[front[at - 1]], objective, objectives); at--)
            front[at] = front[at - 1];
        front[at] = i;
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
