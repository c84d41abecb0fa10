#include "tuner/study/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/study/study_impl.h"

static int no_memory(const tune_study *s, xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
}

int tune_study_now(tune_study *study, double *now, xlstm_error *err) {
    tune_rows *q;
    int status = tune_study_query(study, &q, "reading the time", err, "SELECT xltune_now()", "");
    if (status) return status;
    if (tune_rows_next(study, q, &status, err)) *now = study->db->class->real(q, 0);
    tune_rows_end(study, q);
    return status;
}

/* ---- fleets ---- */

void tune_fleet_row_clear(tune_fleet_row *row) {
    free(row->uid);
    free(row->state);
    free(row->target);
    free(row->meta);
    *row = (tune_fleet_row){0};
}

int tune_study_fleet_add(tune_study *study, const char *uid, const char *target, const char *meta,
                         xlstm_error *err) {
    return tune_study_run_sql(study, "adding a fleet", err,
                              "INSERT INTO fleet(uid, state, target, meta, created, seen) VALUES "
                              "($1, 'open', $2, $3, xltune_now(), xltune_now()) ON CONFLICT (uid) DO NOTHING",
                              "sss", uid, target, meta);
}

int tune_study_fleet_find(tune_study *study, const char *uid, tune_fleet_row *row, bool *found, xlstm_error *err) {
    tune_rows *q;
    bool ok = true;
    *found = false;
    int status =
        tune_study_query(study, &q, "looking for a fleet", err,
                         "SELECT uid, state, target, meta, xltune_now() - seen FROM fleet WHERE uid = $1 OR "
                         "($1 = '' AND state = 'open') ORDER BY created DESC LIMIT 1",
                         "s", uid ? uid : "");
    if (status) return status;
    if (tune_rows_next(study, q, &status, err)) {
        *row = (tune_fleet_row){.silent = study->db->class->real(q, 4)};
        char **texts[] = {&row->uid, &row->state, &row->target, &row->meta};
        for (int i = 0; i < 4; i++) *texts[i] = tune_study_text(study, q, i, &ok);
        *found = ok;
        if (!ok) {
            tune_fleet_row_clear(row);
            status = no_memory(study, err);
        }
    }
    tune_rows_end(study, q);
    return status;
}

int tune_study_fleet_seen(tune_study *study, const char *uid, const char *state, xlstm_error *err) {
    return tune_study_run_sql(study, "keeping a fleet", err,
                              "UPDATE fleet SET seen = xltune_now(), state = coalesce($1, state) WHERE uid = $2",
                              "ss", state, uid);
}

int tune_study_fleet_run(tune_study *study, const char *fleet, const char *kind, int64_t *run, xlstm_error *err) {
    tune_rows *q;
    *run = 0;
    int status = tune_study_query(study, &q, "looking for a run", err,
                                  "SELECT id FROM run WHERE fleet = $1 AND kind = $2", "ss", fleet, kind);
    if (status) return status;
    if (tune_rows_next(study, q, &status, err)) *run = study->db->class->integer(q, 0);
    tune_rows_end(study, q);
    return status;
}

/* ---- nodes ---- */

void tune_node_rows_free(tune_node_row *rows, size_t count) {
    for (size_t i = 0; rows && i < count; i++) {
        char *texts[] = {rows[i].uid,   rows[i].fleet, rows[i].kind,  rows[i].name,
                         rows[i].about, rows[i].state, rows[i].reason};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) free(texts[k]);
    }
    free(rows);
}

int tune_study_node_add(tune_study *study, const tune_node_row *node, xlstm_error *err) {
    return tune_study_run_sql(
        study, "adding a node", err,
        "INSERT INTO node(uid, fleet, kind, name, about, state, began, seen) VALUES "
        "($1, $2, $3, $4, $5, 'here', xltune_now(), xltune_now()) ON CONFLICT (uid) DO NOTHING",
        "sssss", node->uid, node->fleet, node->kind, node->name, node->about);
}

int tune_study_node_set(tune_study *study, const char *uid, const char *state, const char *reason,
                        xlstm_error *err) {
    return tune_study_run_sql(study, "changing a node", err,
                              "UPDATE node SET state = $1, reason = coalesce($2, reason) WHERE uid = $3", "sss",
                              state, reason, uid);
}

int tune_study_nodes(tune_study *study, const char *fleet, tune_node_row **rows, size_t *count, xlstm_error *err) {
    tune_rows *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    int status =
        tune_study_query(study, &q, "reading nodes", err,
                         "SELECT uid, fleet, kind, name, about, state, reason, xltune_now() - seen FROM node "
                         "WHERE fleet = $1 ORDER BY began, uid",
                         "s", fleet);
    if (status) return status;
    while (!status && tune_rows_next(study, q, &status, err)) {
        bool ok = tune_study_grow(&all, used, &capacity, sizeof(tune_node_row));
        if (ok) {
            tune_node_row *n = (tune_node_row *)all + used++;
            *n = (tune_node_row){.silent = study->db->class->real(q, 7)};
            char **texts[] = {&n->uid, &n->fleet, &n->kind, &n->name, &n->about, &n->state, &n->reason};
            for (int i = 0; i < 7; i++) *texts[i] = tune_study_text(study, q, i, &ok);
        }
        if (!ok) status = no_memory(study, err);
    }
    tune_rows_end(study, q);
    if (status) {
        tune_node_rows_free(all, used);
        return status;
    }
    *rows = all;
    *count = used;
    return XLSTM_OK;
}

/* A node's heartbeat. */
typedef struct beat {
    const char *uid;
    int64_t run;
    double lease_s, patience_s;
    bool *current;
} beat;

static int renew(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    const beat *b = ctx;
    tune_rows *q;
    (void)again;
    int status = tune_study_run_sql(s, "a node's heartbeat", err,
                                    "UPDATE node SET seen = xltune_now() WHERE uid = $1", "s", b->uid);
    if (!status)
        status =
            tune_study_run_sql(s, "a node's heartbeat", err,
                               "UPDATE task SET lease = xltune_now() + $1 WHERE run = $2 AND state = 'claimed' AND "
                               "node = $3",
                               "dis", b->lease_s, b->run, b->uid);
    if (status) return status;
    status = tune_study_query(s, &q, "a node's heartbeat", err,
                              "SELECT 1 FROM fleet JOIN node ON node.fleet = fleet.uid WHERE node.uid = $1 AND "
                              "fleet.state = 'open' AND xltune_now() - fleet.seen < $2",
                              "sd", b->uid, b->patience_s);
    if (status) return status;
    *b->current = tune_rows_next(s, q, &status, err);
    tune_rows_end(s, q);
    return status;
}

int tune_study_node_seen(tune_study *study, const char *uid, int64_t run, double lease_s, double patience_s,
                         bool *current, xlstm_error *err) {
    beat b = {uid, run, lease_s, patience_s, current};
    return tune_study_transaction(study, renew, &b, err);
}

typedef struct loss {
    const char *uid;
    int64_t run;
} loss;

static int lose(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    const loss *l = ctx;
    (void)again;
    int status =
        tune_study_run_sql(s, "changing a node", err, "UPDATE node SET seen = 0 WHERE uid = $1", "s", l->uid);
    if (status) return status;
    return tune_study_run_sql(s, "putting tasks back", err,
                              "UPDATE task SET lease = 0 WHERE run = $1 AND state = 'claimed' AND node = $2", "is",
                              l->run, l->uid);
}

int tune_study_node_gone(tune_study *study, const char *uid, int64_t run, xlstm_error *err) {
    loss l = {uid, run};
    return tune_study_transaction(study, lose, &l, err);
}

/* ---- tasks ---- */

void tune_task_clear(tune_task *task) {
    free(task->work);
    free(task->what);
    free(task->state);
    free(task->node);
    free(task->result);
    *task = (tune_task){0};
}

void tune_tasks_free(tune_task *tasks, size_t count) {
    for (size_t i = 0; tasks && i < count; i++) tune_task_clear(&tasks[i]);
    free(tasks);
}

int tune_study_task_add(tune_study *study, int64_t run, const char *work, int64_t number, const char *what,
                        const char *wanted, xlstm_error *err) {
    return tune_study_run_sql(study, "proposing a task", err,
                              "INSERT INTO task(run, work, number, what, wanted, state, turn) VALUES "
                              "($1, $2, $3, $4, $5, 'proposed', 0) ON CONFLICT (run, work, number) DO NOTHING",
                              "isiss", run, work, number, what, wanted);
}

int tune_study_task_want(tune_study *study, int64_t run, const char *work, int64_t number, const char *wanted,
                         xlstm_error *err) {
    return tune_study_run_sql(
        study, "changing a task", err,
        "UPDATE task SET wanted = $1 WHERE run = $2 AND work = $3 AND number = $4 AND state = "
        "'proposed'",
        "sisi", wanted, run, work, number);
}

int tune_study_task_describe(tune_study *study, int64_t run, const char *work, int64_t number, const char *what,
                             xlstm_error *err) {
    return tune_study_run_sql(study, "changing a task", err,
                              "UPDATE task SET what = $1 WHERE run = $2 AND work = $3 AND number = $4 AND state IN "
                              "('proposed', 'claimed')",
                              "sisi", what, run, work, number);
}

int tune_study_task_settle(tune_study *study, int64_t run, const char *work, int64_t number, xlstm_error *err) {
    return tune_study_run_sql(study, "changing a task", err,
                              "UPDATE task SET state = 'done' WHERE run = $1 AND work = $2 AND number = $3", "isi",
                              run, work, number);
}

/* The columns of a task as they are read. */
#define TASK_COLUMNS "work, number, what, state, node, turn, result"

static int read_task(tune_study *s, tune_rows *q, int64_t run, tune_task *t, xlstm_error *err) {
    const tune_database_class *class = s->db->class;
    bool ok = true;
    *t = (tune_task){.run = run, .number = class->integer(q, 1), .turn = class->integer(q, 5)};
    t->work = tune_study_text(s, q, 0, &ok);
    t->what = tune_study_text(s, q, 2, &ok);
    t->state = tune_study_text(s, q, 3, &ok);
    t->node = tune_study_text(s, q, 4, &ok);
    t->result = tune_study_text(s, q, 6, &ok);
    if (ok) return XLSTM_OK;
    tune_task_clear(t);
    return no_memory(s, err);
}

/* `again`: after a lost connection; looks first for the claim that was made before, if it was. */
static int claim_one(tune_study *s, int64_t run, const char *node, double lease_s, bool again, tune_task *task,
                     bool *found, xlstm_error *err) {
    tune_rows *q;
    *found = false;
    static const char old[] = "UPDATE task SET lease = xltune_now() + $1 WHERE node = $2 AND run = $3 AND state = "
                              "'claimed' RETURNING " TASK_COLUMNS;
    char *sql =
        again ? strdup(old)
              : xl_format("UPDATE task SET lease = xltune_now() + $1, node = $2, state = 'claimed', turn = turn "
                          "+ 1 WHERE run = $3 AND (work, number) = (SELECT work, number FROM task WHERE run = $3 "
                          "AND state = 'proposed' AND (wanted IS NULL OR wanted = $2) ORDER BY work, number "
                          "LIMIT 1%s) RETURNING " TASK_COLUMNS,
                          s->db->class->skip_locked);
    if (!sql) return no_memory(s, err);
    s->db->once = true;
    int status = tune_study_query(s, &q, "claiming a task", err, sql, "dsi", lease_s, node, run);
    free(sql);
    if (status) return status;
    if (tune_rows_next(s, q, &status, err)) {
        status = read_task(s, q, run, task, err);
        *found = !status;
    }
    tune_rows_end(s, q);
    return status || *found || !again ? status : claim_one(s, run, node, lease_s, false, task, found, err);
}

/* One statement, which is a transaction of its own: agents claim often, and wait for each answer. */
int tune_study_task_claim(tune_study *study, int64_t run, const char *node, double lease_s, tune_task *task,
                          bool *found, xlstm_error *err) {
    const tune_database_class *class = study->db->class;
    int status = claim_one(study, run, node, lease_s, false, task, found, err);
    while (status && class->revived && class->revived(study->db))
        status = claim_one(study, run, node, lease_s, true, task, found, err);
    return status;
}

typedef struct finish {
    const tune_task *task;
    const char *result;
    const tune_trial_row *trial;
    const tune_sample_row *samples;
    size_t count;
    bool *taken;
} finish;

static int finish_one(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    const finish *f = ctx;
    const tune_task *t = f->task;
    tune_rows *q;
    *f->taken = false;
    int status =
        tune_study_query(s, &q, "storing a result", err,
                         "UPDATE task SET state = 'done', result = $1, lease = NULL WHERE run = $2 AND work = $3 "
                         "AND number = $4 AND node = $5 AND turn = $6 AND state = 'claimed' RETURNING number",
                         "sisisi", f->result, t->run, t->work, t->number, t->node, t->turn);
    if (status) return status;
    *f->taken = tune_rows_next(s, q, &status, err);
    tune_rows_end(s, q);
    if (!status && !*f->taken && again) { /* the transaction before may have been committed */
        status =
            tune_study_query(s, &q, "storing a result", err,
                             "SELECT 1 FROM task WHERE run = $1 AND work = $2 AND number = $3 AND node = $4 AND "
                             "turn = $5 AND state = 'done'",
                             "isisi", t->run, t->work, t->number, t->node, t->turn);
        if (status) return status;
        *f->taken = tune_rows_next(s, q, &status, err);
        tune_rows_end(s, q);
        return status;
    }
    if (status || !*f->taken) return status;
    if (f->trial) status = tune_study_put_trials(s, t->run, f->trial, 1, false, err);
    return status ? status : tune_study_put_samples(s, t->run, f->samples, f->count, false, err);
}

int tune_study_task_finish(tune_study *study, const tune_task *task, const char *result,
                           const tune_trial_row *trial, const tune_sample_row *samples, size_t count, bool *taken,
                           xlstm_error *err) {
    finish f = {task, result, trial, samples, count, taken};
    const int status = tune_study_transaction(study, finish_one, &f, err);
    if (status) *taken = false; /* also where the task was the node's and its trial could not be stored */
    return status;
}

int tune_study_task_return(tune_study *study, const tune_task *task, xlstm_error *err) {
    return tune_study_run_sql(
        study, "putting a task back", err,
        "UPDATE task SET state = 'proposed', node = NULL, lease = NULL, turn = turn - 1 WHERE run "
        "= $1 AND work = $2 AND number = $3 AND node = $4 AND turn = $5 AND state = 'claimed'",
        "isisi", task->run, task->work, task->number, task->node, task->turn);
}

int tune_study_tasks_expire(tune_study *study, int64_t run, int64_t *count, xlstm_error *err) {
    tune_rows *q;
    *count = 0;
    int status = tune_study_query(study, &q, "putting tasks back", err,
                                  "UPDATE task SET state = CASE WHEN turn >= $1 THEN 'failed' ELSE 'proposed' END, "
                                  "wanted = NULL, lease = NULL WHERE run = $2 AND state = 'claimed' AND lease < "
                                  "xltune_now() RETURNING number",
                                  "ii", (int64_t)TUNE_TASK_TURNS, run);
    if (status) return status;
    while (tune_rows_next(study, q, &status, err)) ++*count;
    tune_rows_end(study, q);
    return status;
}

int tune_study_tasks_drop(tune_study *study, int64_t run, const char *work, xlstm_error *err) {
    return tune_study_run_sql(study, "removing tasks", err,
                              "DELETE FROM task WHERE run = $1 AND work = $2 AND state = 'proposed'", "is", run,
                              work);
}

int tune_study_tasks(tune_study *study, int64_t run, const char *work, int64_t from, bool over, tune_task **tasks,
                     size_t *count, xlstm_error *err) {
    tune_rows *q;
    void *all = NULL;
    size_t used = 0, capacity = 0;
    int status =
        tune_study_query(study, &q, "reading tasks", err,
                         over ? "SELECT " TASK_COLUMNS " FROM task WHERE run = $1 AND work = $2 AND number >= "
                                "$3 AND state IN ('done', 'failed') ORDER BY number"
                              : "SELECT " TASK_COLUMNS " FROM task WHERE run = $1 AND work = $2 AND number >= "
                                "$3 AND state IN ('proposed', 'claimed') ORDER BY number",
                         "isi", run, work, from);
    if (status) return status;
    while (!status && tune_rows_next(study, q, &status, err)) {
        if (!tune_study_grow(&all, used, &capacity, sizeof(tune_task))) status = no_memory(study, err);
        else if (!(status = read_task(study, q, run, (tune_task *)all + used, err))) used++;
    }
    tune_rows_end(study, q);
    if (status) {
        tune_tasks_free(all, used);
        return status;
    }
    *tasks = all;
    *count = used;
    return XLSTM_OK;
}
