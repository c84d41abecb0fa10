/* The study: what was ever measured, in one SQLite file (WAL). The only door to SQL.
 *
 * A study holds machines, runs, trials and samples. A run folder has a study of its own (study.sqlite), or many
 * runs share one file. Several processes may write to one study at once: every call here is one transaction, and a
 * call waits up to a minute for another's. A study handle belongs to one thread at a time.
 *
 * Strings in rows that a reading function fills are malloc'd and freed by the row's free function; strings in rows
 * that a writing function takes stay the caller's. JSON columns hold what the caller gave, unread. */
#ifndef TUNE_STUDY_H
#define TUNE_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "tuner/metric/metric.h"
#include "tuner/space/named.h"

#define TUNE_STUDY_FILE "study.sqlite" /* its name in a run folder */
#define TUNE_BASELINE_TRIAL (-1)       /* the trial number of samples of the baseline */

typedef enum tune_trial_status {
    TUNE_TRIAL_OK,
    TUNE_TRIAL_DUPLICATE,  /* the point was measured before in this run: values of that trial, no time spent */
    TUNE_TRIAL_FAILED,     /* an error, or outputs that differ from the baseline's */
    TUNE_TRIAL_TIMEOUT,    /* stopped because it could not win any more, or out of time */
    TUNE_TRIAL_INFEASIBLE, /* outside the space's conditions, or over a limit such as memory */
    TUNE_TRIAL_STATUS_COUNT
} tune_trial_status;
/* "ok", "duplicate", "failed", "timeout", "infeasible". Static storage; NULL outside the enumeration. */
const char *tune_trial_status_name(int status);
/* -1 where the name is unknown. */
int tune_trial_status_find(const char *name);

/* What runs were judged by before they kept a list of their own, and the original's: for folders without a study.
 */
void tune_study_first_metrics(tune_metrics *out);

typedef struct tune_study tune_study;

/* Opens `path`, making it where it is missing and `create` is set, and brings its schema up to date. A file that is
 * no study, is damaged or comes from a newer version is EFORMAT with what to do; a missing one ENOTFOUND. */
int tune_study_open(tune_study **out, const char *path, bool create, xlstm_error *err);
/* The same for reading only; this works also where the file or its folder may not be written, as with a study of
 * another user or on a read-only disk. Nothing is written there, and writing to the study is an error in either
 * case. */
int tune_study_open_reading(tune_study **out, const char *path, xlstm_error *err);
/* An empty study that lives in memory alone. */
int tune_study_open_memory(tune_study **out, xlstm_error *err);
void tune_study_close(tune_study *study);

/* A run's state. One that was left as running by a process that is no more is read as interrupted. */
#define TUNE_RUN_RUNNING "running"         /* in progress: a process holds the folder's lock (run_lock.h) */
#define TUNE_RUN_INTERRUPTED "interrupted" /* ended by a signal or an error, or its process died */
#define TUNE_RUN_FINISHED "finished"

typedef struct tune_run_row {
    int64_t id;    /* set by tune_study_run_add */
    char *uid;     /* unique everywhere, given by the caller */
    char *folder;  /* absolute path of the run folder */
    char *backend; /* "ray", "queued", … */
    char *state;   /* TUNE_RUN_* */
    char *mode;    /* strategy */
    char *objective;
    int64_t seed;
    char *machine;      /* fingerprint, see machine.h */
    char *machine_info; /* JSON; of the machine's row */
    char *device, *checkpoint, *kernels, *version;
    int64_t prompt_tokens, new_tokens; /* prompt with BOS */
    char *prompt_hash;
    double created, finished; /* seconds since 1970; finished 0: not yet */
    char *meta;               /* run_meta.json's text */
    char *space;              /* the declared space, JSON */
    tune_metrics metrics;     /* what its trials were judged by */
    char *baseline; /* the baseline: {"params": {…}, "metrics": {…}, …} JSON, or NULL before it was measured */
    char *result;   /* best.json's text, or NULL before the end */
    int64_t trials; /* rows of trial; filled by reading only */
} tune_run_row;

/* Adds the run (and its machine where it is new) and sets run->id. */
int tune_study_run_add(tune_study *study, tune_run_row *run, xlstm_error *err);
/* Changes the parts that are not NULL; state "finished" also sets `finished`. */
int tune_study_run_update(tune_study *study, int64_t run, const char *state, const char *meta, const char *baseline,
                          const char *result, xlstm_error *err);
/* All runs, oldest first; *rows is freed by tune_run_rows_free. */
int tune_study_runs(tune_study *study, tune_run_row **rows, size_t *count, xlstm_error *err);
/* One run by uid, by the name of its folder, or by its number as text; "" or NULL: the newest. ENOTFOUND names what
 * was looked for. *row is filled, freed by tune_run_row_clear. */
int tune_study_run_find(tune_study *study, const char *name, tune_run_row *row, xlstm_error *err);
void tune_run_row_clear(tune_run_row *row);
void tune_run_rows_free(tune_run_row *rows, size_t count);
/* Removes a run with its trials and samples. */
int tune_study_run_remove(tune_study *study, int64_t run, xlstm_error *err);

/* Numbers in order; NaN: not known. */
typedef struct tune_numbers {
    double *value; /* [count], malloc'd; NULL: none */
    size_t count;
} tune_numbers;

typedef struct tune_trial_row {
    int64_t index;          /* number of the proposal, from 0 */
    tune_named_list params; /* the proposed point */
    uint32_t point; /* its id for whoever has the space and looked it up; TUNE_NO_POINT as read: it is not stored */
    char *key;      /* the canonical point as text: equal keys are one point */
    tune_trial_status status;
    char *reason;                /* NULL where status is ok */
    int64_t duplicate_of;        /* index of the trial whose values these are; -1 */
    double metric[TUNE_METRICS]; /* by the run's list, means over the samples in use; NaN: not measured */
    double value;                /* the objective as a ratio to the baseline's, smaller is better; NaN: no value */
    double spread;               /* standard error of log(value); NaN: unknown */
    tune_numbers told;           /* what the strategy was told at the time */
    bool joined;                 /* it checks the join of two strategies' bests: nobody was told */
    tune_numbers ratios;         /* ln(cost / baseline's cost), one a sample in use */
    int64_t samples;             /* samples in use */
    char *token_hash;            /* of the greedy continuation, hexadecimal; NULL: none */
    char *in_force;              /* what the engine really used, JSON; NULL: unknown */
    double started;              /* seconds since 1970 */
    double seconds;              /* what the trial cost */
} tune_trial_row;

/* What befell a sample, as a set of bits. */
typedef enum tune_cause {
    TUNE_CAUSE_WARMUP = 1,     /* left out as warm-up */
    TUNE_CAUSE_STOPPED = 2,    /* stopped early as hopeless */
    TUNE_CAUSE_STEAL = 4,      /* disturbed: the hypervisor took the processor away */
    TUNE_CAUSE_SWITCHES = 8,   /* by switches to other processes */
    TUNE_CAUSE_OTHERS = 16,    /* by other processes beside it */
    TUNE_CAUSE_FREQUENCY = 32, /* by the clock's frequency */
    TUNE_CAUSE_HEAT = 64,
    TUNE_CAUSE_ELSE = 128 /* by something that has no bit of its own */
} tune_cause;
enum { TUNE_CAUSES = 8, TUNE_CAUSES_DISTURBED = 0xfc };
/* In words, of bit 0 to TUNE_CAUSES - 1: "warm-up", "steal time", … */
const char *tune_cause_name(int bit);
/* From a `why` that stands without its causes: in trials.jsonl, and in studies of version 0.1. */
unsigned tune_causes_of_text(const char *why);

typedef struct tune_sample_row {
    int64_t trial;                   /* index, or TUNE_BASELINE_TRIAL */
    const char *stage;               /* "search", "check" or "final"; static when read */
    int64_t block;                   /* what was measured together; drift cancels inside a block */
    int64_t process;                 /* 0: the run's own; final stage: number of the fresh process, from 1 */
    int64_t seq;                     /* order in time within the run's stage */
    double at;                       /* seconds since 1970, at its start */
    double parts[TUNE_METRIC_PARTS]; /* those of the run's metrics; NaN: not measured */
    double value;                    /* the objective, smaller is better; NaN: none */
    bool used;                       /* false: left out of every estimate */
    unsigned causes;                 /* TUNE_CAUSE_* */
    char why[96]; /* with figures, why not: "warm-up", "4 % steal time", …; of one in use: what disturbed it all the
                     same */
} tune_sample_row;

/* Stores a trial and its samples (and the baseline's that were taken beside it) in one transaction. A trial of that
 * index that is already there is EARG: nothing is measured twice. */
int tune_study_trial_add(tune_study *study, int64_t run, const tune_trial_row *trial,
                         const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Replaces the values of a trial after more samples of it (racing), and stores those. */
int tune_study_trial_update(tune_study *study, int64_t run, const tune_trial_row *trial,
                            const tune_sample_row *samples, size_t count, xlstm_error *err);
/* Samples that belong to no single trial's measurement (the baseline alone, the final stage). */
int tune_study_samples_add(tune_study *study, int64_t run, const tune_sample_row *samples, size_t count,
                           xlstm_error *err);
/* Trials by index, freed by tune_trial_rows_free. */
int tune_study_trials(tune_study *study, int64_t run, tune_trial_row **rows, size_t *count, xlstm_error *err);
/* The outcomes of a run's trials. trials = measured + duplicates + failed. */
typedef struct tune_trial_counts {
    size_t trials, measured, duplicates;
    size_t failed; /* failed, infeasible or stopped as too slow */
} tune_trial_counts;
tune_trial_counts tune_trials_count(const tune_trial_row *rows, size_t count);
/* Copies a row; tune_trial_row_clear frees the copy. False when out of memory. */
bool tune_trial_row_copy(tune_trial_row *to, const tune_trial_row *from);
void tune_trial_row_clear(tune_trial_row *row);
void tune_trial_rows_free(tune_trial_row *rows, size_t count);
/* Samples in the order they were stored; plain data, *rows freed by free. */
int tune_study_samples(tune_study *study, int64_t run, tune_sample_row **rows, size_t *count, xlstm_error *err);

/* The run's history: when it started, was resumed, was stopped, and what went wrong outside of trials. */
typedef struct tune_event_row {
    double at; /* seconds since 1970 */
    char *kind, *text;
} tune_event_row;
int tune_study_event_add(tune_study *study, int64_t run, const char *kind, const char *text, xlstm_error *err);
int tune_study_events(tune_study *study, int64_t run, tune_event_row **rows, size_t *count, xlstm_error *err);
void tune_event_rows_free(tune_event_row *rows, size_t count);

/* The best trials of earlier runs for this checkpoint and device, best first within each run, newest run first,
 * that finished with status ok: params JSON, at most `limit` distinct ones. The same machine's come before others'.
 * A workload is alike where prompt and new tokens are within a factor of two. `except` is a run to leave out. */
typedef struct tune_known_point {
    char *params;      /* JSON */
    bool same_machine; /* measured on `machine` with this version */
} tune_known_point;
int tune_study_known(tune_study *study, const tune_run_row *like, int64_t except, size_t limit,
                     tune_known_point **points, size_t *count, xlstm_error *err);
void tune_known_points_free(tune_known_point *points, size_t count);

/* Copies every run of the study file `from` that is not here yet (by uid), in one transaction: all or nothing.
 * *added: runs copied. */
int tune_study_merge(tune_study *study, const char *from, size_t *added, xlstm_error *err);
/* One run with its trials and samples as JSON text, malloc'd; the format import reads. */
int tune_study_export(tune_study *study, int64_t run, char **text, xlstm_error *err);
/* A file that export wrote. */
typedef struct tune_import {
    const char *name; /* for messages */
    const char *text;
    size_t bytes;
    int64_t run; /* its number here; set by the import */
} tune_import;
/* Imports files, all or nothing: each is checked whole before anything is stored, in one transaction. EARG where a
 * run is here already, or twice among the files. */
int tune_study_import(tune_study *study, tune_import *files, size_t count, xlstm_error *err);

#endif
