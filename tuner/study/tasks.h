/* A fleet: one search by several processes that share a study. One process proposes; the nodes, an agent each,
 * measure.
 *
 * A task is what a node is to do for a run: measure a trial, for the first time or in the playoff, or run a process
 * of the last comparison. It exists from the moment it is proposed. A node claims it under a lease, which it renews
 * (heartbeat) as long as it lives; a task whose lease has run out is put back, for another node. The result is
 * stored in one transaction, together with the rows of the trial, and only by the node that holds the task: nothing
 * is lost, and nothing counts twice. All times are those of the database's clock, so the clocks of the nodes do not
 * matter.
 *
 * Nodes of one kind are alike: same machine, device, checkpoint, versions and space. Each kind has a run of its
 * own. */
#ifndef TUNE_TASKS_H
#define TUNE_TASKS_H

#include "tuner/study/study.h"

#define TUNE_FLEET_OPEN "open"
#define TUNE_FLEET_ENDED "ended"

/* The time by the database's clock, in seconds since 1970. */
int tune_study_now(tune_study *study, double *now, xlstm_error *err);

typedef struct tune_fleet_row {
    char *uid, *state, *target;
    char *meta;    /* what optimize was begun with, in the form of run_meta.json */
    double silent; /* seconds since the proposing process was last seen */
} tune_fleet_row;
void tune_fleet_row_clear(tune_fleet_row *row);

int tune_study_fleet_add(tune_study *study, const char *uid, const char *target, const char *meta,
                         xlstm_error *err);
/* Finds a fleet by its uid; NULL: the newest that is open. *found is false where there is none. */
int tune_study_fleet_find(tune_study *study, const char *uid, tune_fleet_row *row, bool *found, xlstm_error *err);
/* The proposing process is there, and the fleet is in this state (NULL: it stays). */
int tune_study_fleet_seen(tune_study *study, const char *uid, const char *state, xlstm_error *err);

#define TUNE_NODE_HERE "here"
#define TUNE_NODE_LEFT "left"   /* its agent has ended */
#define TUNE_NODE_ASIDE "aside" /* it disagrees with its kind; `reason` says how */

typedef struct tune_node_row {
    char *uid, *fleet, *kind;
    char *name;  /* of the machine */
    char *about; /* JSON: what the kind was made from, and what else is worth knowing */
    char *state, *reason;
    double silent; /* seconds since it was last seen; filled by reading */
} tune_node_row;
void tune_node_rows_free(tune_node_row *rows, size_t count);

int tune_study_node_add(tune_study *study, const tune_node_row *node, xlstm_error *err);
int tune_study_node_set(tune_study *study, const char *uid, const char *state, const char *reason,
                        xlstm_error *err);
/* All nodes of a fleet in the order in which they came. */
int tune_study_nodes(tune_study *study, const char *fleet, tune_node_row **rows, size_t *count, xlstm_error *err);
/* The run of a fleet's kind; 0: there is none yet. */
int tune_study_fleet_run(tune_study *study, const char *fleet, const char *kind, int64_t *run, xlstm_error *err);

/* Measure a point; the number is the trial's index. `what` may say by the database's clock `until` when. */
#define TUNE_WORK_TRIAL "trial"
#define TUNE_WORK_CHECK "check" /* measure a trial again for the playoff; the number is that of the measurement */
#define TUNE_WORK_PROCESS "process" /* run a process of the last comparison; the number counts them */
#define TUNE_TASK_PROPOSED "proposed"
#define TUNE_TASK_CLAIMED "claimed"
#define TUNE_TASK_DONE "done"
#define TUNE_TASK_FAILED "failed"
enum { TUNE_TASK_TURNS = 5 }; /* a task that so many nodes have claimed and lost has failed */

typedef struct tune_task {
    int64_t run;
    char *work;
    int64_t number;
    char *what;   /* JSON */
    char *state;  /* TUNE_TASK_* */
    char *node;   /* uid of the node that holds it or did it; NULL: none yet */
    int64_t turn; /* how often it was claimed */
    char *result; /* JSON; NULL: none */
} tune_task;
void tune_task_clear(tune_task *task);
void tune_tasks_free(tune_task *tasks, size_t count);

/* Proposes a task. `wanted`: uid of the only node that may claim it; NULL: any node. A task that exists already
 * stays as it is. */
int tune_study_task_add(tune_study *study, int64_t run, const char *work, int64_t number, const char *what,
                        const char *wanted, xlstm_error *err);
/* Lets another node, or any, do a task that is not done yet. */
int tune_study_task_want(tune_study *study, int64_t run, const char *work, int64_t number, const char *wanted,
                         xlstm_error *err);
/* Says anew what is to be done, of a task that is not over; a node that holds it goes on with what it has read. */
int tune_study_task_describe(tune_study *study, int64_t run, const char *work, int64_t number, const char *what,
                             xlstm_error *err);
/* A task that no node is to do is done: its trial is stored already. */
int tune_study_task_settle(tune_study *study, int64_t run, const char *work, int64_t number, xlstm_error *err);
#define TUNE_NO_NODE "-" /* as `wanted`: no node may claim it */
/* Claims the next proposed task of a run for lease_s seconds. */
int tune_study_task_claim(tune_study *study, int64_t run, const char *node, double lease_s, tune_task *task,
                          bool *found, xlstm_error *err);
/* The node is there: renews its leases. *current is false where it is to end, because the fleet has ended or the
 * proposing process was not seen for patience_s seconds. */
int tune_study_node_seen(tune_study *study, const char *uid, int64_t run, double lease_s, double patience_s,
                         bool *current, xlstm_error *err);
/* The node's process is gone: it counts as silent for long, and its leases in a run (0: none) have run out. A node
 * that is there all the same comes back with its next heartbeat, and what it measured too late does not count. */
int tune_study_node_gone(tune_study *study, const char *uid, int64_t run, xlstm_error *err);
/* Stores what came of a claimed task, with the trial and its samples where it measured one. *taken is false where
 * the task is no longer the node's: then nothing is stored. */
int tune_study_task_finish(tune_study *study, const tune_task *task, const char *result,
                           const tune_trial_row *trial, const tune_sample_row *samples, size_t count, bool *taken,
                           xlstm_error *err);
/* Puts a claimed task back, because its node ends before it is done. */
int tune_study_task_return(tune_study *study, const tune_task *task, xlstm_error *err);
/* Puts back the tasks of a run whose leases have run out. *count is how many there were. */
int tune_study_tasks_expire(tune_study *study, int64_t run, int64_t *count, xlstm_error *err);
/* Removes the tasks of a run that nobody has claimed. */
int tune_study_tasks_drop(tune_study *study, int64_t run, const char *work, xlstm_error *err);
/* Reads the tasks of a run by number, from one number on: those that are over (done or failed), or else the
 * others. */
int tune_study_tasks(tune_study *study, int64_t run, const char *work, int64_t from, bool over, tune_task **tasks,
                     size_t *count, xlstm_error *err);

#endif
