/* The facts of a run and what follows from them, read from its study. A folder without a study, such as the
 * original's, is imported into a study in memory first (import.h), so that everything after that is the same.
 * Ratings come from outputs/ratings.csv. A study is never written to. */
#ifndef TUNE_REPORT_REPORT_H
#define TUNE_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <xlstm/status.h>

#include "tuner/measure/stats.h"
#include "tuner/study/study.h"

enum { TUNE_REPORT_PARAMETERS = 32, TUNE_REPORT_LEVELS = 4096, TUNE_REPORT_OBJECTIVES = 10 };

/* A setting that the run's space varies or that differs between its trials, or one of the original's three. */
typedef struct tune_parameter {
    const char *name;      /* owned by the report */
    bool numeric;          /* whether every value is a number */
    size_t levels;         /* number of distinct values that trials had */
    const char **text;     /* [levels]: the values as text, numbers ascending, then names sorted */
    double *number;        /* [levels]: the values; NAN where not numeric */
    const json_t *offered; /* array of the values in the run's space, owned by the report; NULL: not recorded */
} tune_parameter;

typedef struct tune_report_trial {
    size_t row; /* number of the trial, which is its row in summary.csv */
    bool ok;    /* whether its status is ok or duplicate */
    bool duplicate;
    double prefill_tok_s, decode_tok_s; /* NAN: not measured, also in the following */
    double part_s[2];                   /* the two times of which request_s is the sum (tune_metrics.apart) */
    double request_s;                   /* the time of one execution (tune_metrics.seconds) */
    double ratio;                       /* objective divided by the baseline's; NAN: not recorded */
    double value;                       /* what the search minimised: the ratio, or where there is none request_s */
    int level[TUNE_REPORT_PARAMETERS];  /* index of the value among the parameter's levels; -1: none */
    double objective[TUNE_REPORT_OBJECTIVES]; /* by the report's objectives; NAN: not measured */
    bool front;                               /* whether it is in pareto.csv */
    double ppl; /* perplexity of its continuation in outputs/ratings.csv; NAN: not rated */
} tune_report_trial;

typedef struct tune_report_sample {
    long trial;                  /* number of its trial; -1: of the baseline */
    double at;                   /* seconds since 1970; NAN: unknown */
    double part_s[2], request_s; /* as of a trial */
    double seen;                 /* its value of the metric `noisy`; NAN: not measured */
    bool used;
    unsigned causes; /* TUNE_CAUSE_*: why it is not used, or what disturbed it */
} tune_report_sample;

typedef struct tune_report {
    char *folder;
    bool imported;    /* the folder has no study; state and space are only what its files contain */
    tune_run_row run; /* as stored in the study */
    tune_trial_counts counts;
    size_t points; /* number of points in the run's space; 0: not recorded */
    size_t trials;
    tune_trial_row *stored;   /* [trials], as stored in the study */
    tune_report_trial *trial; /* [trials], in the same order */
    size_t parameters;
    tune_parameter parameter[TUNE_REPORT_PARAMETERS];
    size_t samples;
    int noisy; /* the metric in which samples are shown and noise is described: what the search compared, as far as
                * a sample has it, else the time of one execution */
    tune_report_sample *sample; /* [samples]: those of the run's own process, in order of time */
    int objectives; /* number of objectives where there are several, at most TUNE_REPORT_OBJECTIVES; 0: one */
    const char *objective[TUNE_REPORT_OBJECTIVES]; /* names, such as "request_s"; static storage */
    size_t rated;                                  /* number of trials that have a ppl */
    json_t *meta;                                  /* run_meta.json; may be NULL */
    json_t *space;                                 /* the declared space: a list of values for each parameter */
    json_t *best;                                  /* the run's result as in best.json; may be NULL */
    json_t *settings; /* settings of the baseline, as far as they are recorded; may be NULL */
    long winner;      /* row that has the parameters in best.json (the fastest such row); -1: none */
    long challenger;  /* where the baseline stays: row that the search chose, by best.json; -1: none */
} tune_report;

/* Whether a name is that of a setting; called for the columns of folders without a study. */
typedef bool (*tune_setting_fn)(const char *name);

/* Reads the run of a folder; freed by tune_report_free. XLSTM_ENOTFOUND where there is neither a study nor a
 * summary.csv; XLSTM_EFORMAT names file and line, what was found and what was wanted. `is_setting` may be NULL. */
int tune_report_read(tune_report **out, const char *folder, tune_setting_fn is_setting, xlstm_error *err);
/* Reads a run of a study, a file or the address of a server, by its uid; its folder may be elsewhere or gone. */
int tune_report_read_from(tune_report **out, const char *study, const char *uid, xlstm_error *err);
void tune_report_free(tune_report *report);

/* ---- analysis ---- */

/* A share of the differences in ln(value) between trials, with its interval. */
typedef struct tune_share {
    double share, low, high; /* 0 to 1; NAN where there are too few trials */
} tune_share;

typedef struct tune_pair {
    size_t a, b; /* indexes of parameters, a < b */
    tune_share strength;
    size_t tried, possible; /* numbers of combinations of the values that trials had */
} tune_pair;

enum { TUNE_REPORT_PAIRS = TUNE_REPORT_PARAMETERS * (TUNE_REPORT_PARAMETERS - 1) / 2 };

/* The importance of parameters, from additive models of ln(value) whose level means are found by backfitting. A
 * parameter's importance is the mean of what it explains alone and what it explains beyond all others, so that
 * parameters which the search always changed together share what cannot be told apart. A pair's strength is what
 * the means of its cells explain of the rest. The share that chance would explain is subtracted. Intervals are
 * those of a delete-a-group jackknife, at 95 %. A pair whose cells were visited only once each has NAN. */
typedef struct tune_analysis {
    size_t used; /* number of distinct points used */
    tune_share importance[TUNE_REPORT_PARAMETERS];
    double unexplained; /* share that remains for interactions and noise */
    size_t pairs;
    tune_pair pair[TUNE_REPORT_PAIRS]; /* strongest first */
} tune_analysis;
int tune_report_analyse(const tune_report *report, tune_analysis *out, xlstm_error *err);

/* Describes the noise of the baseline's samples in use (the metric `noisy`, in order of time); n is 0 where there
 * are none. */
int tune_report_noise(const tune_report *report, tune_noise *out, xlstm_error *err);

/* ---- writers ---- */

/* Returns the unit of a parameter: "tokens", "" or NULL. */
typedef const char *(*tune_unit_fn)(const char *parameter);

typedef struct tune_report_options {
    const char *folder;                         /* where files are written; NULL: into the run's own folder */
    tune_unit_fn unit;                          /* may be NULL */
    const char *gnuplot;                        /* the program; NULL: "gnuplot", looked up in PATH */
    const char *file;                           /* html: the file to write, as xl_output_open takes it */
    const char *page;                           /* html: the folder of page.html and what it names */
    void (*wrote)(void *ctx, const char *path); /* called with the path of each file; may be NULL */
    void *ctx;
} tune_report_options;

/* A run as the writers get it. */
typedef struct tune_analysed {
    const tune_report *report;
    const tune_analysis *analysis;
} tune_analysed;

/* A form of the report. `write` makes its files in options->folder, or prints to standard output: one run after the
 * other, or as html all in one file. */
typedef struct tune_writer {
    const char *name; /* for example "text" */
    int (*write)(const tune_analysed *runs, size_t count, const tune_report_options *options, xlstm_error *err);
} tune_writer;

extern const tune_writer tune_writer_text; /* the sentences of `explain`, 80 columns, on standard output */
extern const tune_writer tune_writer_json; /* facts and sentences as one JSON object on standard output */
extern const tune_writer tune_writer_csv;  /* importance.csv, interactions.csv */
extern const tune_writer tune_writer_png;  /* PNG and SVG, by gnuplot; XLSTM_EUNSUPPORTED without it */
extern const tune_writer tune_writer_html; /* a page that needs no other file */

#endif
