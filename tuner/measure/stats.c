#include "tuner/measure/stats.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void tune_total_add(tune_total *total, double x) {
    const double y = x - total->lost, t = total->sum + y;
    total->lost = (t - total->sum) - y;
    total->sum = t;
}

double tune_mean(const double *x, size_t n) {
    if (n == 0) return NAN;
    tune_total total = {0};
    for (size_t i = 0; i < n; i++) tune_total_add(&total, x[i]);
    return total.sum / (double)n;
}

double tune_variance(const double *x, size_t n) {
    if (n < 2) return NAN;
    double mean = tune_mean(x, n), sum = 0, rest = 0;
    for (size_t i = 0; i < n; i++) {
        double d = x[i] - mean;
        sum += d * d;
        rest += d;
    }
    double v = (sum - rest * rest / (double)n) / (double)(n - 1);
    return v > 0 ? v : 0;
}

double tune_sd(const double *x, size_t n) {
    return sqrt(tune_variance(x, n));
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sorted_quantile(const double *s, size_t n, double p) {
    double h = p * (double)(n - 1);
    size_t i = (size_t)h;
    if (i >= n - 1) return s[n - 1];
    return s[i] + (h - (double)i) * (s[i + 1] - s[i]);
}

double tune_quantile(const double *x, size_t n, double p) {
    if (n == 0 || !(p >= 0 && p <= 1)) return NAN;
    double few[64];
    double *s = n <= 64 ? few : malloc(n * sizeof *s);
    if (!s) return NAN;
    memcpy(s, x, n * sizeof *s);
    qsort(s, n, sizeof *s, compare);
    double q = sorted_quantile(s, n, p);
    if (s != few) free(s);
    return q;
}

double tune_median(const double *x, size_t n) {
    return tune_quantile(x, n, 0.5);
}

double tune_mad(const double *x, size_t n) {
    if (n == 0) return NAN;
    double *d = malloc(n * sizeof *d);
    if (!d) return NAN;
    double median = tune_median(x, n);
    for (size_t i = 0; i < n; i++) d[i] = fabs(x[i] - median);
    double mad = 1.4826 * tune_median(d, n);
    free(d);
    return mad;
}

double tune_normal_cdf(double z) {
    return 0.5 * erfc(-z * M_SQRT1_2);
}

/* The continued fraction of the incomplete beta function, by Lentz's method; it converges for x < (a + 1)/(a + b +
 * 2). */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabs(d) < tiny) d = tiny;
    d = 1 / d;
    double h = d;
    for (int m = 1; m < 1000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 + even * d;
        c = 1 + even / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + odd * d;
        c = 1 + odd / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15) break;
    }
    return h;
}

/* The regularized incomplete beta function I_x(a, b). y = 1 - x is a separate argument because x may be close to
 * 1. */
static double beta_incomplete(double a, double b, double x, double y) {
    if (x <= 0) return 0;
    if (y <= 0) return 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

double tune_t_cdf(double t, double df) {
    if (!(df > 0) || isnan(t)) return NAN;
    if (df > 1e8) return tune_normal_cdf(t);
    double square = t * t;
    double tail = 0.5 * beta_incomplete(df / 2, 0.5, df / (df + square), square / (df + square));
    return t > 0 ? 1 - tail : tail;
}

/* The lower half by bisection on the tail: slow and sure. */
static double t_quantile(double p, double df) {
    double q = p < 0.5 ? p : 1 - p;
    double low = -1, high = 0;
    while (tune_t_cdf(low, df) > q && low > -DBL_MAX / 4) {
        high = low;
        low *= 2;
    }
    for (int i = 0; i < 200; i++) {
        double mid = 0.5 * (low + high);
        if (mid <= low || mid >= high) break;
        if (tune_t_cdf(mid, df) < q) low = mid;
        else high = mid;
    }
    double t = 0.5 * (low + high);
    return p < 0.5 ? t : -t;
}

/* Results are kept, because the same few are needed again and again: after every process, and in every round of a
 * race. */
double tune_t_quantile(double p, double df) {
    enum { KEPT = 64 };
    static _Thread_local struct { double p, df, t; } kept[KEPT];
    if (!(p > 0 && p < 1) || !(df > 0)) return NAN;
    if (p == 0.5) return 0;
    const int slot = df < KEPT ? (int)df : 0;
    if (kept[slot].p != p || kept[slot].df != df) {
        kept[slot].t = t_quantile(p, df);
        kept[slot].p = p;
        kept[slot].df = df;
    }
    return kept[slot].t;
}

double tune_f_quantile(double p, double df1, double df2) {
    if (!(p > 0 && p < 1) || !(df1 > 0) || !(df2 > 0)) return NAN;
    double low = 0, high = 1; /* of df1 F / (df1 F + df2), which has a beta distribution */
    for (int i = 0; i < 50; i++) {
        double mid = 0.5 * (low + high);
        if (mid <= low || mid >= high) break;
        if (beta_incomplete(df1 / 2, df2 / 2, mid, 1 - mid) < p) low = mid;
        else high = mid;
    }
    double x = 0.5 * (low + high);
    return df2 * x / (df1 * (1 - x));
}

static tune_interval around(double mean, double half, double df) {
    return (tune_interval){.mean = mean, .low = mean - half, .high = mean + half, .df = df};
}

tune_interval tune_mean_interval(const double *x, size_t n, double level) {
    if (n < 2) return around(tune_mean(x, n), INFINITY, 0);
    double df = (double)(n - 1);
    return around(tune_mean(x, n), tune_t_quantile(0.5 + level / 2, df) * tune_sd(x, n) / sqrt((double)n), df);
}
