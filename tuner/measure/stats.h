/* Statistics of timings: numbers in, numbers out; nothing here knows a clock or a model.
 *
 * Ratios are handled as natural logarithms: ln(time of one / time of the other). Arrays are the caller's, finite
 * numbers, in the order they were measured, and are not changed. "Undefined" is NAN. */
#ifndef TUNE_MEASURE_STATS_H
#define TUNE_MEASURE_STATS_H

#include <stddef.h>

/* Undefined for n = 0. The sum is compensated. */
double tune_mean(const double *x, size_t n);
/* Sum of squared deviations over n - 1; undefined for n < 2. */
double tune_variance(const double *x, size_t n);
double tune_sd(const double *x, size_t n);
/* p in [0, 1]; linear between order statistics (type 7 of Hyndman and Fan 1996, numpy's default). */
double tune_quantile(const double *x, size_t n, double p);
double tune_median(const double *x, size_t n);
/* 1.4826 times the median absolute deviation from the median: the sd of normal data. */
double tune_mad(const double *x, size_t n);

/* P(T <= t) and its inverse, p in (0, 1), for df > 0 (need not be whole); df = INFINITY is the normal. */
double tune_t_cdf(double t, double df);
double tune_t_quantile(double p, double df);
double tune_normal_cdf(double z);

/* An interval for a mean. */
typedef struct tune_interval {
    double mean;      /* the estimate; NAN for n = 0 */
    double low, high; /* -INFINITY, INFINITY where n is too small for one */
    double df;        /* degrees of freedom behind the width */
} tune_interval;

/* Student's interval of a level in (0, 1), 0.95 say, for the mean of n independent numbers. */
tune_interval tune_mean_interval(const double *x, size_t n, double level);

/* The correlation time of the noise in samples: 1 + 2 * sum of autocorrelations up to the first lag that is at
 * least five times the sum so far (Sokal's window); at least 1. Undefined for n < 4. */
double tune_correlation_time(const double *x, size_t n);

/* A description of a series of repeated measurements of the same thing. */
typedef struct tune_noise {
    size_t n;
    double median;           /* in the unit of x */
    double spread;           /* MAD over median: the typical relative scatter */
    double step;             /* the same from the differences of neighbours: what interleaving does not cancel */
    double drift;            /* relative change from first to last (Theil-Sen slope) */
    double drift_p;          /* chance of so large a drift without any (Mann-Kendall, effective size) */
    size_t outliers;         /* samples over 4 MADs (at least 1 %) from the moving median */
    double worst;            /* largest such deviation, relative, with its sign */
    double correlation_time; /* in samples */
} tune_noise;
void tune_describe_noise(const double *x, size_t n, tune_noise *out);
/* Writes the description as one sentence: "240 samples scatter by 0.6 %, drift +1.2 % from first to last, 3
 * outliers up to +18 %". Returns the length as snprintf does. */
int tune_noise_text(char *text, size_t bytes, const tune_noise *noise);

#endif
