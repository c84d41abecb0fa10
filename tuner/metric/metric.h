/* What can be measured and optimized. A target declares its metrics; no other part of the tuner knows any of them
 * by name. A run stores the list with which it was made, so that its values can be read without the target. */
#ifndef TUNE_METRIC_H
#define TUNE_METRIC_H

#include <stdbool.h>

#include <xlstm/status.h>

enum {
    TUNE_METRICS = 16,    /* metrics of a target, at most */
    TUNE_METRIC_PARTS = 8 /* numbers that one sample consists of, at most; see tune_metric.part */
};

typedef struct tune_metric {
    char name[32]; /* as the column of summary.csv and as --objective takes it */
    char unit[16]; /* "s", "tok/s", "MiB"; "" for a number without a unit */
    bool larger_is_better;
    /* Whether it depends on what is computed and not on how long that takes. A point then has one value, without
     * noise. Other metrics are measured sample by sample. */
    bool of_point;
    int part; /* the part of a sample of which it is the mean; -1: none, it is derived or known for the point */
    /* Two values that differ by at most least + least_share * value count as equal, because so small a difference
     * is rounding, or memory pages that happen to be resident. Both are 0 for a measured time, whose noise is
     * estimated. */
    double least, least_share;
    unsigned affected; /* effects (tune_param.affects): parameters with any of them can change the metric */
} tune_metric;

typedef struct tune_metrics {
    int count;
    int parts;     /* numbers of which a sample consists */
    int objective; /* the metric that is optimized where none is asked for */
    int seconds;   /* the metric that is the time of one execution, in seconds */
    /* Two metrics whose sum is `seconds`, where a parameter may affect one of them without the other; -1 where
     * there are none. */
    int apart[2];
    tune_metric at[TUNE_METRICS];
} tune_metrics;

/* Returns the index of a name; -1 where there is none. */
int tune_metrics_find(const tune_metrics *metrics, const char *name);
/* Returns the index of the first of several names, as --objective takes them, "time,memory"; -1 where there is
 * none. */
int tune_metrics_find_first(const tune_metrics *metrics, const char *names);
/* Returns the index of the metric that is the mean of that part; -1 where there is none. */
int tune_metrics_of_part(const tune_metrics *metrics, int part);
/* Returns the name of a metric; "" outside the list. */
const char *tune_metrics_name(const tune_metrics *metrics, int index);
/* Fails with XLSTM_EARG for an objective that the list does not have: names the nearest one, and all. */
int tune_metrics_unknown(const tune_metrics *metrics, const char *name, xlstm_error *err);
/* Copies the name of a metric without its unit at the end, "prefill" for prefill_s in seconds. */
void tune_metrics_stem(const tune_metrics *metrics, int index, char stem[32]);

/* Returns the value, negated where larger is better, so that smaller is always better; infinity where it is
 * NaN. */
double tune_metric_cost(const tune_metric *metric, double value);

/* Returns the list as JSON text, malloc'd, NULL when out of memory; and reads it back (XLSTM_EFORMAT). */
char *tune_metrics_text(const tune_metrics *metrics);
int tune_metrics_parse(tune_metrics *metrics, const char *text, xlstm_error *err);

#endif
