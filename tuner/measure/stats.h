/* Statistics of timings. Nothing here knows a clock or a model.
 *
 * Ratios are natural logarithms: ln(time of one / time of the other). Arrays belong to the caller, hold finite
 * numbers in the order in which they were measured, and are not changed. "Undefined" means that NAN is
 * returned. */
#ifndef TUNE_MEASURE_STATS_H
#define TUNE_MEASURE_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* Arithmetic mean, with compensated summation. Undefined for n = 0. */
double tune_mean(const double *x, size_t n);
/* A compensated sum that grows by one number at a time; {0} is the sum of none. After n numbers sum / n is what
 * tune_mean gives for them. */
typedef struct tune_total {
    double sum, lost;
} tune_total;
void tune_total_add(tune_total *total, double x);
/* Sum of squared deviations divided by n - 1, and its square root. Undefined for n < 2. */
double tune_variance(const double *x, size_t n);
double tune_sd(const double *x, size_t n);
/* Quantile, with p in [0, 1]; interpolates linearly between order statistics (type 7 of Hyndman and Fan 1996, the
 * default of numpy). */
double tune_quantile(const double *x, size_t n, double p);
double tune_median(const double *x, size_t n);
/* 1.4826 times the median absolute deviation from the median, which is the standard deviation for normal data. */
double tune_mad(const double *x, size_t n);

/* P(T <= t) of Student's distribution and its inverse for p in (0, 1). df > 0 need not be whole; INFINITY is the
 * normal distribution. */
double tune_t_cdf(double t, double df);
double tune_t_quantile(double p, double df);
double tune_normal_cdf(double z);
/* The inverse of P(F <= f) for p in (0, 1) and degrees of freedom > 0, which need not be whole. */
double tune_f_quantile(double p, double df1, double df2);

/* An interval for a mean. */
typedef struct tune_interval {
    double mean;      /* the estimate; NAN for n = 0 */
    double low, high; /* -INFINITY and INFINITY where n is too small */
    double df;        /* degrees of freedom behind the width */
} tune_interval;

/* Student's interval for the mean of n independent numbers, at a confidence level in (0, 1) such as 0.95. */
tune_interval tune_mean_interval(const double *x, size_t n, double level);

/* The correlation time of the noise in samples: 1 + 2 * the sum of autocorrelations up to the first lag that is at
 * least five times the sum so far (Sokal's window). At least 1. Undefined for n < 4. */
double tune_correlation_time(const double *x, size_t n);

/* Describes a series of repeated measurements of the same thing. */
typedef struct tune_noise {
    size_t n;
    double median;   /* in the unit of the measurements */
    double spread;   /* median absolute deviation divided by the median: the typical relative scatter */
    double step;     /* the same, from differences of neighbours: the noise that interleaving does not cancel */
    double drift;    /* relative change from the first to the last measurement (Theil-Sen slope) */
    double drift_p;  /* probability of such a drift by chance (Mann-Kendall, effective sample size) */
    size_t outliers; /* number of samples further than 4 deviations (at least 1 %) from the moving median */
    double worst;    /* the largest such deviation, relative and signed */
    double correlation_time; /* in samples */
} tune_noise;
void tune_describe_noise(const double *x, size_t n, tune_noise *out);
/* Whether sample i of the series is one of noise->outliers, and how far it is from the moving median, as a share of
 * that (signed). `noise` describes the same series, of at least 4 samples. */
bool tune_noise_is_outlier(const double *x, size_t n, size_t i, const tune_noise *noise, double *off);
/* Writes the description as one sentence: "240 samples scatter by 0.6 %, drift +1.2 % from first to last, 3
 * outliers up to +18 %". Returns the length as snprintf does. */
int tune_noise_text(char *text, size_t bytes, const tune_noise *noise);

#endif
