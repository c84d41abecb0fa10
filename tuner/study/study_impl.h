/* Declarations that only the files of tuner/study share. */
#ifndef TUNE_STUDY_IMPL_H
#define TUNE_STUDY_IMPL_H

#include "tuner/study/database.h"
#include "tuner/study/schema.h"
#include "tuner/study/study.h"

struct tune_study {
    tune_database *db;
    const char *path;    /* what messages call it; belongs to db */
    int64_t metrics_run; /* id of the run to which `metrics` belongs; 0: none yet */
    tune_metrics metrics;
};

/* Like tune_study_open, with another table of steps; for tests of migration. */
int tune_study_open_steps(tune_study **out, const char *path, bool create, const tune_study_step *steps, int count,
                          xlstm_error *err);

/* ---- statements ---- */

/* Begins one statement with its arguments; on success the caller ends *out with tune_rows_end. `types` has a letter
 * for each: s text or NULL, i int64_t, d double (NaN is stored as NULL). */
int tune_study_query(tune_study *s, tune_rows **out, const char *doing, xlstm_error *err, const char *sql,
                     const char *types, ...);
/* Does the same and ends it, for statements whose rows do not matter. */
int tune_study_run_sql(tune_study *s, const char *doing, xlstm_error *err, const char *sql, const char *types, ...);

/* Moves to the next row: true where there is one. At the end it is false, and where reading fails *status is set
 * too. */
bool tune_rows_next(tune_study *s, tune_rows *rows, int *status, xlstm_error *err);
void tune_rows_end(tune_study *s, tune_rows *rows); /* NULL is accepted */
/* A column's text, malloc'd (NULL for SQL NULL); clears *ok when out of memory. */
char *tune_study_text(tune_study *s, tune_rows *rows, int column, bool *ok);

/* Runs `work` in one transaction. Where the connection to a server is lost the transaction is begun again; `again`
 * says so, because the first one may have been committed all the same. */
typedef int (*tune_study_work)(tune_study *s, void *ctx, bool again, xlstm_error *err);
int tune_study_transaction(tune_study *s, tune_study_work work, void *ctx, xlstm_error *err);

/* ---- rows ---- */

/* Reads the metrics of a run. The list belongs to the study and is valid until that of another run is read. */
int tune_study_metrics(tune_study *s, int64_t run, const tune_metrics **out, xlstm_error *err);
/* Convert a trial's metrics (by name) and a sample's parts to JSON text (malloc'd, NULL when out of memory) and
 * back. */
char *tune_study_metric_text(const tune_metrics *metrics, const double *values);
void tune_study_read_metrics(const tune_metrics *metrics, const char *text, double values[TUNE_METRICS]);
char *tune_study_part_text(const tune_metrics *metrics, const double *parts);
void tune_study_read_parts(const char *text, double parts[TUNE_METRIC_PARTS]);

/* Store rows; must be called inside a transaction. `replace`: trials of these indices may be there already.
 * `again`: samples may be there already, and are then left as they are. */
int tune_study_put_run(tune_study *s, tune_run_row *run, xlstm_error *err);
int tune_study_put_trials(tune_study *s, int64_t run, const tune_trial_row *rows, size_t count, bool replace,
                          xlstm_error *err);
int tune_study_put_samples(tune_study *s, int64_t run, const tune_sample_row *samples, size_t count, bool again,
                           xlstm_error *err);
int tune_study_put_event(tune_study *s, int64_t run, double at, const char *kind, const char *text,
                         xlstm_error *err);

/* Returns the name of a stage in static storage; "search" for an unknown one. */
const char *tune_study_stage(const char *name);

/* Makes room for one more element of `size` bytes in a growing array; returns false when out of memory. */
bool tune_study_grow(void **array, size_t count, size_t *capacity, size_t size);

#endif
