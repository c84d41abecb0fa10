/* The study: everything that was ever measured, in one SQLite file (in WAL mode) or on a PostgreSQL server. No
 * other part of the program uses SQL.
 *
 * A study holds machines, runs, trials and samples. A run folder has a study of its own (study.sqlite), or many
 * runs share one file. Several processes may write to one study at once: every call here is one transaction, and
 * waits up to a minute for the transaction of another process. A study handle may be used by one thread at a time.
 *
 * Strings in rows that a reading function fills are malloc'd and freed by the row's free function; strings in rows
 * that a writing function takes stay the caller's. JSON columns hold the text that the caller gave, unchecked. */
#ifndef TUNE_STUDY_H
#define TUNE_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <xlstm/status.h>

#include "tuner/metric/metric.h"
#include "tuner/space/named.h"

#define TUNE_STUDY_FILE "study.sqlite" /* name of the file in a run folder */
#define TUNE_BASELINE_TRIAL (-1)       /* the trial number of samples of the baseline */

typedef enum tune_trial_status {
    TUNE_TRIAL_OK,
    TUNE_TRIAL_DUPLICATE,  /* the point was measured before in this run; the values are those of that trial */
    TUNE_TRIAL_FAILED,     /* an error, or outputs that differ from the baseline's */
    TUNE_TRIAL_TIMEOUT,    /* stopped because it could not win any more, or because the time was up */
    TUNE_TRIAL_INFEASIBLE, /* outside the conditions of the space, or above a limit such as that of memory */
    TUNE_TRIAL_STATUS_COUNT
} tune_trial_status;
/* Returns "ok", "duplicate", "failed", "timeout" or "infeasible" in static storage; NULL outside the
 * enumeration. */
const char *tune_trial_status_name(int status);
/* Returns the status of a name; -1 where the name is unknown. */
int tune_trial_status_find(const char *name);

/* Fills in the metrics of runs that were made before runs stored a list of their own. The original's runs have the
 * same ones, so this is also the list for folders without a study. */
void tune_study_first_metrics(tune_metrics *out);

typedef struct tune_study tune_study;

/* Opens `path`, a file or the address of a server (study_address.h), and brings its schema up to date. Where a file
 * is missing it is created if `create` is set, else XLSTM_ENOTFOUND. XLSTM_EFORMAT, with advice, for a file that is
 * not a study, is damaged, or comes from a newer version. */
int tune_study_open(tune_study **out, const char *path, bool create, xlstm_error *err);
/* Does the same for reading only, also where the file or its folder may not be written, such as the study of
 * another user or one on a read-only disk. Nothing is written there; calls that write to the study fail. */
int tune_study_open_reading(tune_study **out, const char *path, xlstm_error *err);
/* Makes an empty study that exists only in memory. */
int tune_study_open_memory(tune_study **out, xlstm_error *err);
/* Waits until everything that was stored is on the disk. In a file, what was stored since the last call survives
 * the death of the process, but may be lost where the machine loses power; so it is called before anything else
 * that lasts is written that speaks of it. */
int tune_study_settle(tune_study *study, xlstm_error *err);
void tune_study_close(tune_study *study);

/* States of a run. A run is read as interrupted where its state is "running" but no process works on it. */
#define TUNE_RUN_RUNNING "running"         /* in progress: a process holds the folder's lock (run_lock.h) */
#define TUNE_RUN_INTERRUPTED "interrupted" /* ended by a signal or an error, or the process died */
#define TUNE_RUN_FINISHED "finished"

typedef struct tune_run_row {
    int64_t id;    /* set by tune_study_run_add */
    char *uid;     /* globally unique, chosen by the caller */
    char *folder;  /* absolute path of the run folder */
    char *backend; /* "ray", "queued", … */
    char *state;   /* TUNE_RUN_* */
    char *mode;    /* name of the strategy */
    char *objective;
    int64_t seed;
    char *machine;      /* fingerprint, see machine.h */
    char *machine_info; /* JSON; stored with the machine, not with the run */
    char *version;
    char *target; /* what was tuned: the name of a row of targets.def */
    /* Given by the target. Times of two runs can be compared where their machines and identities are the same. The
     * build is what may differ and is worth knowing. The workload says what one execution does. */
    tune_named_list identity, workload, build;
    double created, finished; /* seconds since 1970; finished is 0 before the end */
    char *meta;               /* text of run_meta.json */
    char *space;              /* the declared space, as JSON */
    tune_metrics metrics;     /* the metrics of its trials */
    char *baseline;           /* JSON {"params": {…}, "metrics": {…}, …}; NULL before it is measured */
    char *result;             /* text of best.json; NULL before the end */
    char *fleet, *kind; /* the fleet whose nodes measure it, and their kind (tasks.h); NULL: one process does */
    int64_t trials;     /* number of its trials; filled only by reading */
} tune_run_row;

/* Whether two workloads are of one class: both have the same numbers, each within a factor of two (zero counts as
 * one). Texts do not count. */
bool tune_workload_alike(const tune_named_list *a, const tune_named_list *b);

/* Adds the run, and its machine where that is new, and sets run->id. */
int tune_study_run_add(tune_study *study, tune_run_row *run, xlstm_error *err);
/* Changes the columns whose argument is not NULL; the state "finished" also sets `finished`. */
int tune_study_run_update(tune_study *study, int64_t run, const char *state, const char *meta, const char *baseline,
                          const char *result, xlstm_error *err);
/* Reads all runs, oldest first; *rows is freed by tune_run_rows_free. */
int tune_study_runs(tune_study *study, tune_run_row **rows, size_t *count, xlstm_error *err);
/* Reads one run, found by uid, by the name of its folder, or by its number as text; "" or NULL: the newest run.
 * XLSTM_ENOTFOUND names what was looked for. *row is freed by tune_run_row_clear. */
int tune_study_run_find(tune_study *study, const char *name, tune_run_row *row, xlstm_error *err);
void tune_run_row_clear(tune_run_row *row);
void tune_run_rows_free(tune_run_row *rows, size_t count);
/* Removes a run with its trials and samples. */
int tune_study_run_remove(tune_study *study, int64_t run, xlstm_error *err);

/* A list of numbers; NaN: unknown. */
typedef struct tune_numbers {
    double *value; /* [count], malloc'd; NULL: none */
    size_t count;
} tune_numbers;

typedef struct tune_trial_row {
    int64_t index;          /* number of the proposal, counted from 0 */
    tune_named_list params; /* parameters of the proposed point */
    uint32_t point; /* its id in the space; TUNE_NO_POINT as read from a study, because ids are not stored */
    char *key;      /* the canonical point as text: points with equal keys are equal in effect */
    tune_trial_status status;
    char *reason;                /* NULL where status is ok */
    int64_t duplicate_of;        /* index of the trial that has these values; -1: not a duplicate */
    double metric[TUNE_METRICS]; /* by the run's metrics: means over the samples in use; NaN: not measured */
    double value;                /* the objective as a ratio to the baseline's, smaller is better; NaN: no value */
    double spread;               /* standard error of log(value); NaN: unknown */
    tune_numbers told;           /* the values that the strategy was told */
    bool joined;         /* it joins the best points of two strategies, to check them; no strategy was told of it */
    tune_numbers ratios; /* ln(cost / baseline's cost) for each sample in use */
    int64_t samples;     /* number of samples in use */
    char *token_hash;    /* of the greedy continuation, hexadecimal; NULL: unknown */
    char *in_force;      /* settings that the engine really used, as JSON; NULL: unknown */
    double started;      /* seconds since 1970 */
    double seconds;      /* duration of the trial */
} tune_trial_row;

/* What happened during a sample, as a set of bits. */
typedef enum tune_cause {
    TUNE_CAUSE_WARMUP = 1,     /* left out as warm-up */
    TUNE_CAUSE_STOPPED = 2,    /* stopped early, because the trial could not win any more */
    TUNE_CAUSE_STEAL = 4,      /* disturbed: the hypervisor gave the processor to others (steal time) */
    TUNE_CAUSE_SWITCHES = 8,   /* disturbed by switches to other processes */
    TUNE_CAUSE_OTHERS = 16,    /* disturbed by other processes on the machine */
    TUNE_CAUSE_FREQUENCY = 32, /* disturbed by a change of the clock frequency */
    TUNE_CAUSE_HEAT = 64,
    TUNE_CAUSE_ELSE = 128,  /* disturbed by something that has no bit of its own */
    TUNE_CAUSE_HALTED = 256 /* disturbed by a halt: the process was stopped, or waited for a disk */
} tune_cause;
enum { TUNE_CAUSES = 9, TUNE_CAUSES_DISTURBED = 0x1fc };
/* Returns the name of a bit, from 0 to TUNE_CAUSES - 1: "warm-up", "steal time", … */
const char *tune_cause_name(int bit);
/* Finds the causes from the text `why`, for files that have no causes: trials.jsonl, and studies of version
 * 0.1. */
unsigned tune_causes_of_text(const char *why);

typedef struct tune_sample_row {
    int64_t trial;     /* index of the trial, or TUNE_BASELINE_TRIAL */
    const char *stage; /* "search", "check" or "final"; static storage when read */
    int64_t block;   /* number of the group of samples measured together; within it, drift of the machine cancels */
    int64_t process; /* 0: the run's own; in the stage "final" the number of the fresh process, from 1 */
    int64_t seq;     /* position in time within the run's stage */
    double at;       /* start of the sample, in seconds since 1970 */
    double parts[TUNE_METRIC_PARTS]; /* by the run's list of metrics; NaN: not measured */
    double value;                    /* the objective, smaller is better; NaN: none */
    bool used;                       /* false: it is left out of every estimate */
    unsigned causes;                 /* TUNE_CAUSE_* */
    char why[96];                    /* why it is not used, or what disturbed it, with figures: "4 % steal time" */
} tune_sample_row;

/* Stores a trial and its samples, with the baseline's samples that were taken beside it, in one transaction.
 * XLSTM_EARG where the run has a trial of that index already. */
int tune_study_trial_add(tune_study *study, int64_t run, const tune_trial_row *trial,
                         const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Replaces the values of a trial after more samples of it, and stores these samples. */
int tune_study_trial_update(tune_study *study, int64_t run, const tune_trial_row *trial,
                            const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Stores samples that do not belong to the measurement of a single trial, such as those of the last comparison. */
int tune_study_samples_add(tune_study *study, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err);
/* Reads a run's trials by index; *rows is freed by tune_trial_rows_free. */
int tune_study_trials(tune_study *study, int64_t run, tune_trial_row **rows, size_t *count, xlstm_error *err);
/* Reads a run's trials by index, one at a time, and calls `visit` with each. A row is freed when it returns; what
 * it keeps it moves out, and leaves *row zeroed. Reading ends at the first visit that fails, with its status. While
 * it lasts nothing else may be done with the study. */
typedef int (*tune_trial_visit)(void *ctx, tune_trial_row *row, xlstm_error *err);
int tune_study_trials_each(tune_study *study, int64_t run, tune_trial_visit visit, void *ctx, xlstm_error *err);
/* Does the same as tune_study_trials for those with an index from `first` to `last`. */
int tune_study_trials_between(tune_study *study, int64_t run, int64_t first, int64_t last, tune_trial_row **rows,
                              size_t *count, xlstm_error *err);
/* Numbers of trials of a run by outcome; trials = measured + duplicates + failed. */
typedef struct tune_trial_counts {
    size_t trials, measured, duplicates;
    size_t failed; /* failed, infeasible or stopped as too slow */
} tune_trial_counts;
tune_trial_counts tune_trials_count(const tune_trial_row *rows, size_t count);
/* Copies a row; tune_trial_row_clear frees the copy. Returns false when out of memory. */
bool tune_trial_row_copy(tune_trial_row *to, const tune_trial_row *from);
void tune_trial_row_clear(tune_trial_row *row);
void tune_trial_rows_free(tune_trial_row *rows, size_t count);
/* Reads a run's samples in the order in which they were stored; *rows is freed by free. */
int tune_study_samples(tune_study *study, int64_t run, tune_sample_row **rows, size_t *count, xlstm_error *err);
/* Does the same one at a time; see tune_study_trials_each. */
typedef int (*tune_sample_visit)(void *ctx, const tune_sample_row *row, xlstm_error *err);
int tune_study_samples_each(tune_study *study, int64_t run, tune_sample_visit visit, void *ctx, xlstm_error *err);
/* Reads the samples of one trial like tune_study_samples, without the baseline's beside them. */
int tune_study_samples_of(tune_study *study, int64_t run, int64_t trial, tune_sample_row **rows, size_t *count,
                          xlstm_error *err);
/* Reads those of the trials from `first`, which is no less than 0, to `last`, with the baseline's in the blocks of
 * these numbers. */
int tune_study_samples_between(tune_study *study, int64_t run, int64_t first, int64_t last, tune_sample_row **rows,
                               size_t *count, xlstm_error *err);

/* An event in the history of a run: that it started, was resumed or stopped, or an error outside of trials. */
typedef struct tune_event_row {
    double at; /* seconds since 1970 */
    char *kind, *text;
} tune_event_row;
int tune_study_event_add(tune_study *study, int64_t run, const char *kind, const char *text, xlstm_error *err);
/* Reads a run's events in the order in which they were noted; *rows is freed by tune_event_rows_free. */
int tune_study_events(tune_study *study, int64_t run, tune_event_row **rows, size_t *count, xlstm_error *err);
/* Does the same one at a time; see tune_study_trials_each. */
typedef int (*tune_event_visit)(void *ctx, tune_event_row *row, xlstm_error *err);
int tune_study_events_each(tune_study *study, int64_t run, tune_event_visit visit, void *ctx, xlstm_error *err);
void tune_event_rows_free(tune_event_row *rows, size_t count);

/* Finds points worth trying again: the best trials (status ok) of earlier runs for this checkpoint, device,
 * objective and a similar workload, at most `limit` distinct ones. Runs of the same machine and version come
 * before others, newer ones before older ones, and within a run the better trials first. A workload is similar
 * where the numbers of prompt and new tokens are each within a factor of two. `except` is the id of a run to leave
 * out. *points is freed by tune_known_points_free. */
typedef struct tune_known_point {
    char *params;      /* JSON */
    bool same_machine; /* measured on the machine of `like` by the same version */
} tune_known_point;
int tune_study_known(tune_study *study, const tune_run_row *like, int64_t except, size_t limit,
                     tune_known_point **points, size_t *count, xlstm_error *err);
void tune_known_points_free(tune_known_point *points, size_t count);

/* Copies every run of the study `from` (a file, or the address of a server) whose uid this study does not have yet,
 * in one transaction. Few rows are in memory at a time. *added is the number of runs copied. */
int tune_study_merge(tune_study *study, const char *from, size_t *added, xlstm_error *err);
/* Writes one run with its trials, samples and events to `out` as JSON text without a newline at its end, in the
 * format that tune_imports_read reads. Few rows are in memory at a time, so that `out` has got a part of the text
 * where this fails. XLSTM_EIO where `out` cannot be written: its error indicator is set then. */
int tune_study_export(tune_study *study, int64_t run, FILE *out, xlstm_error *err);
/* A file written by tune_study_export. */
typedef struct tune_import {
    const char *name; /* for messages */
    const char *text;
    size_t bytes;
    int64_t run; /* its number in the study, set by storing it */
} tune_import;
typedef struct tune_imports tune_imports;
/* Reads and checks files, before a study is opened, or made, for them. `lists`: also their trials, samples and
 * events, which takes most of the time of an import; without it they are checked when they are stored. XLSTM_EARG
 * where two files hold the same run. The files must outlive *out, which is freed by tune_imports_free (NULL is
 * accepted), also after a failure. */
int tune_imports_read(tune_imports **out, tune_import *files, size_t count, bool lists, xlstm_error *err);
void tune_imports_free(tune_imports *imports);
/* Stores them, all or none. XLSTM_EARG where the study has a run already, and the errors of what was not checked.
 */
int tune_imports_store(tune_imports *imports, tune_study *study, xlstm_error *err);
/* Both. */
int tune_study_import(tune_study *study, tune_import *files, size_t count, xlstm_error *err);

#endif
