/* Describes series of measurements in time: correlation, drift, outliers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "tuner/measure/stats.h"

static double lag_product(const double *x, size_t n, size_t lag, double mean) {
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++) sum += (x[i] - mean) * (x[i + lag] - mean);
    return sum;
}

double tune_correlation_time(const double *x, size_t n) {
    if (n < 4) return NAN;
    double mean = tune_mean(x, n), zero = lag_product(x, n, 0, mean), time = 1;
    if (!(zero > 0)) return 1;
    for (size_t lag = 1; lag < n; lag++) {
        time += 2 * lag_product(x, n, lag, mean) / zero;
        if ((double)lag >= 5 * time) break;
    }
    return time > 1 ? time : 1;
}

static double slope_median(const double *x, size_t n) {
    /* Uses all pairs up to a few hundred samples, and beyond that every so many, about 100,000 in all. */
    size_t pairs = n * (n - 1) / 2, stride = pairs / 100000 + 1, kept = 0, seen = 0;
    double *slopes = malloc((pairs / stride + 2) * sizeof *slopes);
    if (!slopes) return NAN;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (seen++ % stride == 0) slopes[kept++] = (x[j] - x[i]) / (double)(j - i);
        }
    }
    double slope = tune_median(slopes, kept);
    free(slopes);
    return slope;
}

/* The trend test of Mann and Kendall. Its variance is enlarged by the correlation time of the series without its
 * trend. */
static double trend_p(const double *x, size_t n, double stretch) {
    double s = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) s += (x[j] > x[i]) - (x[j] < x[i]);
    }
    double m = (double)n, variance = m * (m - 1) * (2 * m + 5) / 18 * stretch;
    double z = s == 0 ? 0 : (fabs(s) - 1) / sqrt(variance);
    return 2 * tune_normal_cdf(-z);
}

bool tune_noise_is_outlier(const double *x, size_t n, size_t i, const tune_noise *noise, double *off) {
    const size_t first = i > 10 ? i - 10 : 0, last = i + 11 < n ? i + 11 : n;
    const double local = tune_median(x + first, last - first);
    *off = (x[i] - local) / local;
    return fabs(*off) > fmax(4 * noise->spread, 0.01);
}

void tune_describe_noise(const double *x, size_t n, tune_noise *out) {
    *out = (tune_noise){.n = n, .median = tune_median(x, n), .drift_p = 1, .correlation_time = NAN};
    if (n < 4) return;
    double *rest = malloc(n * sizeof *rest);
    if (!rest) return;
    size_t m = n < 4000 ? n : 4000; /* the time of the trend test grows with the square of m */
    double slope = slope_median(x, m);
    for (size_t i = 0; i < n; i++) rest[i] = x[i] - slope * ((double)i - (double)(n - 1) / 2);
    out->correlation_time = tune_correlation_time(rest, n);
    out->spread = tune_mad(rest, n) / out->median;
    out->drift = slope * (double)(n - 1) / out->median;
    for (size_t i = 1; i < n; i++) rest[i - 1] = (x[i] - x[i - 1]) / sqrt(2);
    out->step = tune_mad(rest, n - 1) / out->median;
    out->drift_p = trend_p(x, m, out->correlation_time);
    for (size_t i = 0; i < n; i++) {
        double off;
        if (!tune_noise_is_outlier(x, n, i, out, &off)) continue;
        out->outliers++;
        if (fabs(off) > fabs(out->worst)) out->worst = off;
    }
    free(rest);
}

int tune_noise_text(char *text, size_t bytes, const tune_noise *noise) {
    if (noise->n < 4) return snprintf(text, bytes, "%zu samples are too few to describe their noise", noise->n);
    char drift[96], outliers[96];
    if (noise->drift_p < 0.01 && fabs(noise->drift) >= 0.001) {
        snprintf(drift, sizeof drift, "drift of %+.1f %% from first to last", 100 * noise->drift);
    } else {
        snprintf(drift, sizeof drift, "no drift to speak of");
    }
    if (noise->outliers) {
        snprintf(outliers, sizeof outliers, "%zu outlier%s up to %+.0f %%", noise->outliers,
                 noise->outliers == 1 ? "" : "s", 100 * noise->worst);
    } else {
        snprintf(outliers, sizeof outliers, "no outliers");
    }
    char spread[XL_NUMBER_TEXT];
    return snprintf(text, bytes, "%zu samples scatter by %s %%, %s, %s", noise->n,
                    xl_number_rounded(spread, 100 * noise->spread, 2), drift, outliers);
}
