/* What a run says, and what follows from it, read from its study; a folder without one, as the original's, is
 * imported into a study in memory first (import.h), so that there is one way from there on. Ratings come from
 * outputs/ratings.csv. Never writes into a study. */
#ifndef TUNE_REPORT_REPORT_H
#define TUNE_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <xlstm/status.h>

#include "tuner/measure/stats.h"
#include "tuner/study/study.h"

enum { TUNE_REPORT_PARAMETERS = 32, TUNE_REPORT_LEVELS = 4096, TUNE_REPORT_OBJECTIVES = 10 };

/* One setting that the run's space varies or that its trials differ in, or one of the original's three. */
typedef struct tune_parameter {
    const char *name;      /* the report's */
    bool numeric;          /* every value is a number */
    size_t levels;         /* distinct values that trials had */
    const char **text;     /* [levels] in order: numbers ascending, then names sorted */
    double *number;        /* [levels]; NAN where not numeric */
    const json_t *offered; /* array of the values that the run's space holds; the report's; NULL: not recorded */
} tune_parameter;

typedef struct tune_report_trial {
    size_t row; /* of summary.csv: the trial's number */
    bool ok;    /* counts: status ok or duplicate */
    bool duplicate;
    double prefill_tok_s, decode_tok_s, prefill_s, decode_s, request_s; /* NAN: not measured */
    double ratio;                      /* objective over the baseline's; NAN without that column */
    double value;                      /* what the search minimised: ratio where there is one, else request_s */
    int level[TUNE_REPORT_PARAMETERS]; /* index into the parameter's levels; -1: empty */
    double objective[TUNE_REPORT_OBJECTIVES]; /* of the report's objectives; NAN */
    bool front;                               /* pareto.csv has it */
    double ppl;                               /* of its continuation by outputs/ratings.csv; NAN */
} tune_report_trial;

typedef struct tune_report_sample {
    long trial; /* its number; -1: the baseline's */
    double at;  /* seconds since 1970; NAN */
    double prefill_s, decode_s;
    bool used;
    unsigned causes; /* TUNE_CAUSE_*: why not; or what disturbed one that is in use */
} tune_report_sample;

typedef struct tune_report {
    char *folder;
    bool imported;    /* the folder has no study: state and space are as far as its files tell */
    tune_run_row run; /* as the study has it */
    tune_trial_counts counts;
    size_t points; /* that the run's space holds, settings that come to the same counted once; 0: not recorded */
    size_t trials;
    tune_trial_row *stored;   /* [trials], as the study has them */
    tune_report_trial *trial; /* [trials], in their order */
    size_t parameters;
    tune_parameter parameter[TUNE_REPORT_PARAMETERS];
    size_t samples;
    tune_report_sample *sample; /* of the run's own process, in time order */
    int objectives;             /* where there are several, at most TUNE_REPORT_OBJECTIVES; 0: there is one */
    const char *objective[TUNE_REPORT_OBJECTIVES]; /* their names, "request_s"; static */
    size_t rated;                                  /* trials with a ppl */
    json_t *meta;                                  /* run_meta.json, or NULL */
    json_t *space;                                 /* the declared space: a list of values each */
    json_t *best;                                  /* the run's result, as best.json; NULL: there is none */
    json_t *settings;                              /* of the baseline, as far as they are recorded; NULL */
    long winner;     /* row whose parameters best.json names (the fastest of them); -1 */
    long challenger; /* where the baseline stays: row of the search's choice, by best.json; -1 */
} tune_report;

/* Whether a name is a setting's; asked for columns of folders without a study. */
typedef bool (*tune_setting_fn)(const char *name);

/* ENOTFOUND where there is neither a study nor a summary.csv; EFORMAT names file, line, what was found, what was
 * wanted. `is_setting` may be NULL. */
int tune_report_read(tune_report **out, const char *folder, tune_setting_fn is_setting, xlstm_error *err);
void tune_report_free(tune_report *report);

/* ---- what follows ---- */

/* Share of the differences in ln(value) between trials. */
typedef struct tune_share {
    double share, low, high; /* 0 … 1; NAN where there are too few trials */
} tune_share;

typedef struct tune_pair {
    size_t a, b; /* parameters, a < b */
    tune_share strength;
    size_t tried, possible; /* combinations of the values seen */
} tune_pair;

enum { TUNE_REPORT_PAIRS = TUNE_REPORT_PARAMETERS * (TUNE_REPORT_PARAMETERS - 1) / 2 };

/* Additive models of ln(value), level means by backfitting. A parameter's importance is the mean of what it
 * explains alone and of what it explains beyond all others, so that parameters which the search moved together
 * share what cannot be told apart; a pair's strength is what the means of its cells explain of the rest. What
 * chance would explain is taken off. Intervals: delete-a-group jackknife, 95 %. A pair whose cells were visited
 * once each has NAN. */
typedef struct tune_analysis {
    size_t used; /* distinct points behind it */
    tune_share importance[TUNE_REPORT_PARAMETERS];
    double unexplained; /* share left to interactions and noise */
    size_t pairs;
    tune_pair pair[TUNE_REPORT_PAIRS]; /* strongest first */
} tune_analysis;
int tune_report_analyse(const tune_report *report, tune_analysis *out, xlstm_error *err);

/* Noise of the baseline's samples in use (whole requests, in time order); n = 0 where there are none. */
int tune_report_noise(const tune_report *report, tune_noise *out, xlstm_error *err);

/* ---- writers ---- */

/* Where a parameter's unit comes from: "tokens", "" or NULL. */
typedef const char *(*tune_unit_fn)(const char *parameter);

typedef struct tune_report_options {
    const char *folder;                         /* where files go; the run's own for NULL */
    tune_unit_fn unit;                          /* may be NULL */
    const char *gnuplot;                        /* program; NULL: "gnuplot" of the PATH */
    void (*wrote)(void *ctx, const char *path); /* told of each file; may be NULL */
    void *ctx;
} tune_report_options;

/* A way to write a report. `write` makes its files in options->folder, or prints to standard output. */
typedef struct tune_writer {
    const char *name; /* "text" */
    int (*write)(const tune_report *report, const tune_analysis *analysis, const tune_report_options *options,
                 xlstm_error *err);
} tune_writer;

extern const tune_writer tune_writer_text; /* the words of `explain`, 80 columns, on standard output */
extern const tune_writer tune_writer_json; /* facts and words as one object on standard output */
extern const tune_writer tune_writer_csv;  /* importance.csv, interactions.csv */
extern const tune_writer tune_writer_png;  /* PNG and SVG, by gnuplot; EUNSUPPORTED where that is missing */

extern const tune_writer *const tune_writers[]; /* all of them; ends with NULL */
/* NULL where the name is unknown. */
const tune_writer *tune_writer_find(const char *name);

#endif
