/* What can be measured and optimized. A target declares its metrics, and nothing else in the tuner knows any of
 * them by name. A run keeps the list with which it was made, so that its values can be read without the target. */
#ifndef TUNE_METRIC_H
#define TUNE_METRIC_H

#include <stdbool.h>

#include <xlstm/status.h>

enum {
    TUNE_METRICS = 16,    /* of a target, at most */
    TUNE_METRIC_PARTS = 8 /* numbers that one sample gives, at most; see tune_metric.part */
};

typedef struct tune_metric {
    char name[32]; /* column of summary.csv, and what --objective takes */
    char unit[16]; /* "s", "tok/s", "MiB"; "" for a plain number */
    bool larger_is_better;
    /* Whether it follows from what is computed and not from how long that takes: a point then has one value,
     * without noise. Other metrics are measured sample by sample. */
    bool of_point;
    int part; /* the part of a sample that it is the mean of; -1: it derives from several, or comes with the point
               */
    /* Two values that differ by at most least + least_share * value are equal: such a difference is rounding, or
     * pages that come and go. Both are 0 for a measured time, whose noise is estimated. */
    double least, least_share;
    unsigned affected; /* by parameters with any of these declared effects (tune_param.affects) */
} tune_metric;

typedef struct tune_metrics {
    int count;
    int parts;     /* of a sample */
    int objective; /* what is optimized where nothing is said */
    int seconds;   /* the metric that says how long one execution takes */
    /* Two metrics of parts whose sum is `seconds` and that parameters may affect one without the other: -1 where
     * there are none. */
    int apart[2];
    tune_metric at[TUNE_METRICS];
} tune_metrics;

/* Index of a name; -1 where there is none. */
int tune_metrics_find(const tune_metrics *metrics, const char *name);
/* Index of the metric that is the mean of that part; -1. */
int tune_metrics_of_part(const tune_metrics *metrics, int part);
/* "" outside the list. */
const char *tune_metrics_name(const tune_metrics *metrics, int index);
/* Adds a metric that only a file names: smaller is better, and it is measured. Returns its index; -1 where the list
 * is full or the name is too long. */
int tune_metrics_add(tune_metrics *metrics, const char *name);

/* The value with its sign changed where larger is better, so that smaller is better; infinite where it is NaN. */
double tune_metric_cost(const tune_metric *metric, double value);

/* The list as JSON text, malloc'd (NULL when out of memory), and the reverse (EFORMAT). */
char *tune_metrics_text(const tune_metrics *metrics);
int tune_metrics_parse(tune_metrics *metrics, const char *text, xlstm_error *err);

#endif
