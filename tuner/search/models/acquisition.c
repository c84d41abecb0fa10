#include "tuner/search/models/acquisition.h"

#include <math.h>

enum {
    HALVINGS = 14, /* steps of the search for a quantile */
    TARGETS = 3    /* quantiles of the least value */
};
/* Standard deviations beyond which a normal variable is taken not to lie. */
#define TAIL 5.0

/* Returns the probability that a standard normal variable is below z. */
static double below(double z) {
    return 0.5 * erfc(-z * 0.7071067811865476);
}

double tune_improvement(double target, tune_normal x) {
    if (x.sd < 1e-12) return fmax(target - x.mean, 0);
    const double z = (target - x.mean) / x.sd;
    return x.sd * (z * below(z) + exp(-0.5 * z * z) * 0.3989422804014327);
}

double tune_least(const tune_normal *x, size_t count, double chance, double most) {
    double low = most, high = most;
    for (size_t i = 0; i < count; i++) low = fmin(low, x[i].mean - TAIL * x[i].sd);
    for (int step = 0; step < HALVINGS && low < high; step++) {
        const double y = 0.5 * (low + high);
        double above = 1; /* the probability that all are above y */
        for (size_t i = 0; i < count && above > 1 - chance; i++) {
            if (x[i].mean - TAIL * x[i].sd < y) above *= below((x[i].mean - y) / fmax(x[i].sd, 1e-12));
        }
        if (above > 1 - chance) low = y;
        else high = y;
    }
    return 0.5 * (low + high);
}

void tune_acquire(const tune_normal *x, size_t count, double best, double ambition, double *score) {
    static const double chance[TARGETS] = {0.2, 0.5, 0.8};
    double target[TARGETS], most = 0;
    for (int t = 0; t < TARGETS; t++) target[t] = best - ambition * (best - tune_least(x, count, chance[t], best));
    /* The greatest must be known before anything is added, so each is computed twice. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            double sum = 0;
            for (int t = 0; t < TARGETS; t++) sum += tune_improvement(target[t], x[i]);
            if (!pass) most = fmax(most, sum);
            else score[i] += sum / most;
        }
        if (!(most > 0)) return;
    }
}
