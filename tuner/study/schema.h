/* The schema of a study, and its versions. Private to tuner/study. */
#ifndef TUNE_STUDY_SCHEMA_H
#define TUNE_STUDY_SCHEMA_H

#include "tuner/study/database.h"

/* A step that brings the schema from version i to version i + 1, where i is its place in the table. */
typedef struct tune_study_step {
    const char *sql;      /* for SQLite, */
    const char *postgres; /* and for PostgreSQL; NULL: the same */
} tune_study_step;
extern const tune_study_step tune_study_steps[];
extern const int tune_study_step_count;

/* Brings a database that was just opened up to date. XLSTM_EFORMAT where a newer version wrote it. */
int tune_study_migrate(tune_database *db, const tune_study_step *steps, int count, xlstm_error *err);

/* The metrics of runs that were made before runs stored their own, in the form of tune_metrics_text. */
extern const char tune_study_metrics_0[];

#endif
