/* Declarations that only the files of tuner/study share. */
#ifndef TUNE_STUDY_IMPL_H
#define TUNE_STUDY_IMPL_H

#include <sqlite3.h>

#include "tuner/study/study.h"

struct tune_study {
    sqlite3 *db;
    char *path;
    int64_t metrics_run; /* id of the run to which `metrics` belongs; 0: none yet */
    tune_metrics metrics;
};

#define TUNE_STUDY_APPLICATION 0x786c7475 /* "xltu": PRAGMA application_id of a study */

/* Step i migrates a database of version i to version i + 1. */
extern const char *const tune_study_steps[];
extern const int tune_study_step_count;

/* Like tune_study_open, with another table of steps; for tests of migration. */
int tune_study_open_steps(tune_study **out, const char *path, bool create, const char *const *steps, int count,
                          xlstm_error *err);

/* The metrics of runs that were made before runs stored their own, in the form of tune_metrics_text. */
extern const char tune_study_metrics_0[];

/* Reads the metrics of a run. The list belongs to the study and is valid until that of another run is read. */
int tune_study_metrics(tune_study *s, int64_t run, const tune_metrics **out, xlstm_error *err);
/* Convert a trial's metrics (by name) and a sample's parts to JSON text (malloc'd, NULL when out of memory) and
 * back. */
char *tune_study_metric_text(const tune_metrics *metrics, const double *values);
void tune_study_read_metrics(const tune_metrics *metrics, const char *text, double values[TUNE_METRICS]);
char *tune_study_part_text(const tune_metrics *metrics, const double *parts);
void tune_study_read_parts(const char *text, double parts[TUNE_METRIC_PARTS]);

/* Reports a failure of SQLite: the file, what was being done (`doing`), SQLite's message, and advice. Returns the
 * status. */
int tune_study_fail(tune_study *s, const char *doing, xlstm_error *err);
/* Runs statements that return no rows. */
int tune_study_exec(tune_study *s, const char *sql, const char *doing, xlstm_error *err);
/* Prepares one statement and binds its arguments. `types` has a letter for each: s text or NULL, i int64_t, d
 * double (NaN is stored as NULL). */
int tune_study_prepare(tune_study *s, sqlite3_stmt **out, const char *doing, xlstm_error *err, const char *sql,
                       const char *types, ...);
/* Prepares a statement, binds its arguments, runs it to its end and finalizes it. */
int tune_study_run_sql(tune_study *s, const char *doing, xlstm_error *err, const char *sql, const char *types, ...);

int tune_study_begin(tune_study *s, xlstm_error *err);
/* Ends the transaction: commits where status is XLSTM_OK, else rolls back. Returns the status, or that of a failed
 * commit. */
int tune_study_end(tune_study *s, int status, xlstm_error *err);

/* Store rows; must be called inside a transaction. */
int tune_study_put_run(tune_study *s, tune_run_row *run, xlstm_error *err);
int tune_study_put_trial(tune_study *s, int64_t run, const tune_trial_row *t, bool replace, xlstm_error *err);
int tune_study_put_samples(tune_study *s, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err);
int tune_study_put_event(tune_study *s, int64_t run, double at, const char *kind, const char *text,
                         xlstm_error *err);

/* Returns a column's text, malloc'd (NULL for SQL NULL); clears *ok when out of memory. */
char *tune_study_text(sqlite3_stmt *q, int column, bool *ok);
/* Returns a column's number; NaN for SQL NULL. */
double tune_study_real(sqlite3_stmt *q, int column);
/* Returns the name of a stage in static storage; "search" for an unknown one. */
const char *tune_study_stage(const char *name);

/* Makes room for one more element of `size` bytes in a growing array; returns false when out of memory. */
bool tune_study_grow(void **array, size_t count, size_t *capacity, size_t size);

#endif
