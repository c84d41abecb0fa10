/* Shared by the files of tuner/study only. */
#ifndef TUNE_STUDY_IMPL_H
#define TUNE_STUDY_IMPL_H

#include <sqlite3.h>

#include "tuner/study/study.h"

struct tune_study {
    sqlite3 *db;
    char *path;
    int64_t metrics_run; /* the run whose list `metrics` is; 0: none yet */
    tune_metrics metrics;
};

#define TUNE_STUDY_APPLICATION 0x786c7475 /* "xltu": PRAGMA application_id of a study */

/* Step i brings a database of version i to version i + 1. */
extern const char *const tune_study_steps[];
extern const int tune_study_step_count;

/* As tune_study_open with a table of steps of its own, for tests of migration. */
int tune_study_open_steps(tune_study **out, const char *path, bool create, const char *const *steps, int count,
                          xlstm_error *err);

/* The list that runs were judged by before they kept their own, as tune_metrics_text writes it. */
extern const char tune_study_metrics_0[];

/* The list of a run, owned by the study and valid until another run's is asked for. */
int tune_study_metrics(tune_study *s, int64_t run, const tune_metrics **out, xlstm_error *err);
/* A trial's metrics by name, and a sample's parts, as JSON text (malloc'd, NULL when out of memory) and back. */
char *tune_study_metric_text(const tune_metrics *metrics, const double *values);
void tune_study_read_metrics(const tune_metrics *metrics, const char *text, double values[TUNE_METRICS]);
char *tune_study_part_text(const tune_metrics *metrics, const double *parts);
void tune_study_read_parts(const char *text, double parts[TUNE_METRIC_PARTS]);

/* SQLite's failure in words: the file, what was tried, SQLite's message, and what to do about it. */
int tune_study_fail(tune_study *s, const char *doing, xlstm_error *err);
/* Runs statements without results. */
int tune_study_exec(tune_study *s, const char *sql, const char *doing, xlstm_error *err);
/* Prepares one statement and binds its arguments, a letter each: s text or NULL, i int64_t, d double (NaN: NULL).
 */
int tune_study_prepare(tune_study *s, sqlite3_stmt **out, const char *doing, xlstm_error *err, const char *sql,
                       const char *types, ...);
/* Prepares, binds, steps to the end, finalizes. */
int tune_study_run_sql(tune_study *s, const char *doing, xlstm_error *err, const char *sql, const char *types, ...);

int tune_study_begin(tune_study *s, xlstm_error *err);
/* Commits where status is OK, else rolls back; returns the status, or the commit's failure. */
int tune_study_end(tune_study *s, int status, xlstm_error *err);

/* Inside a transaction of the caller's. */
int tune_study_put_run(tune_study *s, tune_run_row *run, xlstm_error *err);
int tune_study_put_trial(tune_study *s, int64_t run, const tune_trial_row *t, bool replace, xlstm_error *err);
int tune_study_put_samples(tune_study *s, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err);
int tune_study_put_event(tune_study *s, int64_t run, double at, const char *kind, const char *text,
                         xlstm_error *err);

/* A column's text, malloc'd (NULL for SQL NULL); clears *ok when out of memory. */
char *tune_study_text(sqlite3_stmt *q, int column, bool *ok);
/* A column's number; NaN for SQL NULL. */
double tune_study_real(sqlite3_stmt *q, int column);
/* "search", "check" or "final" as static storage; "search" for anything else. */
const char *tune_study_stage(const char *name);

#endif
