#include "tuner/driver/fleet_final.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/comparison.h"
#include "tuner/driver/fleet_playoff.h"
#include "tuner/measure/nodes.h"
#include "tuner/target/wire.h"

enum { NODES = TUNE_NODES_MOST }; /* that take part, at most */
enum { NAME = 120 };              /* bytes of the name of a node in messages */
#define NAP_S 0.02                /* between two looks for a result */

typedef struct final {
    tune_fleet *fleet;
    tune_kind *kind;
    tune_trial_row winner; /* where there is one */
    size_t trials;         /* of the run; with the winner it says which comparison a task belongs to */
    int64_t base;          /* number of the first task of this comparison */
    int64_t posted;        /* numbers below it have a task */
    char *remark;
    xlstm_error failed;
} final;

/* ---- tasks ---- */

static bool is_mine(const final *c, const tune_task *task) {
    json_t *what = json_loads(task->what, 0, NULL);
    const bool mine = json_integer_value(json_object_get(what, "trial")) == c->winner.index &&
                      json_integer_value(json_object_get(what, "trials")) == (json_int_t)c->trials;
    json_decref(what);
    return mine;
}

/* Finds where the numbers of this comparison begin: where it began before the run was resumed, or after all others.
 */
static int find_base(final *c, xlstm_error *err) {
    int64_t after = 0;
    c->base = -1;
    for (int over = 0; over < 2; over++) {
        tune_task *tasks;
        size_t count;
        int status =
            tune_study_tasks(c->fleet->study, c->kind->run, TUNE_WORK_PROCESS, 0, over, &tasks, &count, err);
        if (status) return status;
        for (size_t i = 0; i < count; i++) {
            const int64_t number = tasks[i].number;
            if (number >= after) after = number + 1;
            if (is_mine(c, &tasks[i]) && (c->base < 0 || number < c->base)) c->base = number;
        }
        tune_tasks_free(tasks, count);
    }
    if (c->base < 0) c->base = after;
    c->posted = c->base;
    return XLSTM_OK;
}

/* The nodes that take part: those that are there, in the order in which they came. */
static int present(const final *c, const tune_node_row *out[NODES]) {
    int n = 0;
    for (size_t i = 0; i < c->fleet->node_count && n < NODES; i++) {
        const tune_node_row *node = &c->fleet->nodes[i];
        if (!strcmp(node->kind, c->kind->name) && tune_fleet_is_there(c->fleet, node)) out[n++] = node;
    }
    return n;
}

static int post(final *c, int64_t number, const tune_block_plan *plan, const char *node, xlstm_error *err) {
    tune_block_plan own = *plan;
    own.seed = plan->seed + 0x9e3779b97f4a7c15u * (uint64_t)(number - c->base);
    json_t *what =
        json_pack("{s:o, s:I, s:I, s:o}", "point", tune_named_json(&c->winner.params), "trial",
                  (json_int_t)c->winner.index, "trials", (json_int_t)c->trials, "plan", tune_wire_plan(&own));
    char *text = what ? json_dumps(what, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(what);
    if (!text) return xl_fail(err, XLSTM_ENOMEM, "comparison: out of memory");
    int status = tune_study_task_add(c->fleet->study, c->kind->run, TUNE_WORK_PROCESS, number, text, node, err);
    free(text);
    return status;
}

/* Gives the task to a node that is there, where the one that was to do it is gone. */
static int readdress(final *c, int64_t number, xlstm_error *err) {
    const tune_node_row *nodes[NODES];
    const int n = present(c, nodes);
    return n ? tune_study_task_want(c->fleet->study, c->kind->run, TUNE_WORK_PROCESS, number,
                                    nodes[(number - c->base) % n]->uid, err)
             : XLSTM_OK;
}

static int read_result(const tune_task *task, tune_block_result *out, xlstm_error *err) {
    json_t *j = task->result ? json_loads(task->result, 0, NULL) : NULL;
    const char *why = json_string_value(json_object_get(j, "error"));
    const bool other = json_integer_value(json_object_get(j, "status")) == XLSTM_EMISMATCH;
    int status = XLSTM_OK;
    const tune_culprit culprit = tune_wire_read_culprit(j);
    if (!tune_wire_read_result(json_object_get(j, "result"), out)) {
        out->culprit = culprit;
        status = xl_fail(err, other ? XLSTM_EMISMATCH : XLSTM_EIO, "%s",
                         why ? why : "a process of the comparison was lost by every node");
    }
    json_decref(j);
    return status;
}

static int run_elsewhere(void *ctx, int64_t winner, const tune_block_plan *plan, int number, tune_block_result *out,
                         xlstm_error *err) {
    final *c = ctx;
    const tune_node_row *nodes[NODES];
    const int64_t wanted = c->base + number;
    int status = XLSTM_OK;
    (void)winner;
    out->culprit = TUNE_CULPRIT_NEITHER; /* unless a node says otherwise */
    /* A process for each node is on its way at a time. */
    const int n = present(c, nodes);
    for (; !status && c->posted < wanted + (n > 1 ? n : 1); c->posted++)
        status = post(c, c->posted, plan, n ? nodes[(c->posted - c->base) % n]->uid : NULL, err);
    double looked = c->fleet->looked;
    while (!status) {
        tune_task *tasks;
        size_t count;
        if (tune_fleet_stopped(c->fleet)) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
        status =
            tune_study_tasks(c->fleet->study, c->kind->run, TUNE_WORK_PROCESS, wanted, true, &tasks, &count, err);
        if (status) break;
        const bool done = count && tasks[0].number == wanted;
        if (done) status = read_result(&tasks[0], out, err);
        tune_tasks_free(tasks, count);
        /* The clocks of nodes may differ: when a process began is known by this one's. */
        if (done && !status) out->at = xl_wall_s() - out->seconds;
        if (done) return status;
        status = c->fleet->turn(c->fleet, err);
        if (status > 0) status = XLSTM_OK;
        if (!status && c->fleet->looked > looked) status = readdress(c, wanted, err);
        looked = c->fleet->looked;
        tune_fleet_nap(NAP_S);
    }
    c->failed = err ? *err : c->failed;
    return status;
}

/* ---- what the nodes say ---- */

/* The name of a node for messages: that of its machine, and where several agents of the fleet are on one machine
 * also the beginning of its uid, as the agent prints it. */
static void print_name(const final *c, const char *uid, char text[NAME]) {
    const tune_node_row *found = NULL;
    int namesakes = 0;
    for (size_t i = 0; i < c->fleet->node_count; i++)
        if (!strcmp(c->fleet->nodes[i].uid, uid)) found = &c->fleet->nodes[i];
    for (size_t i = 0; found && i < c->fleet->node_count; i++)
        namesakes += !strcmp(c->fleet->nodes[i].name, found->name);
    if (found && namesakes < 2) snprintf(text, NAME, "%s", found->name);
    else snprintf(text, NAME, "%.*s (%.8s)", NAME - 16, found ? found->name : "node", uid);
}

/* Assigns the processes in use to nodes: `of` gets the index of each, and `uid` those of the nodes. Returns the
 * number of nodes; 0 where that cannot be told. */
static int assign(const final *c, const tune_task *tasks, size_t count, const tune_final *f,
                  const char *uid[TUNE_NODES_MOST], int of[TUNE_PROCESSES_MOST]) {
    int n = 0, used = 0;
    for (size_t i = 0; i < count && used < f->processes; i++) {
        tune_block_result r;
        if (tasks[i].number < c->base || !tasks[i].node || read_result(&tasks[i], &r, NULL) || r.blocks < 1)
            continue;
        int at = 0;
        while (at < n && strcmp(uid[at], tasks[i].node) != 0) at++;
        if (at == TUNE_NODES_MOST) return 0;
        if (at == n) uid[n++] = tasks[i].node;
        of[used++] = at;
    }
    return used == f->processes ? n : 0;
}

static void set_aside(final *c, const char *uid, const char *name, const tune_node_ratio *node) {
    char text[NAME + 160];
    snprintf(text, sizeof text, "node %s disagrees with its kind (%+.1f %% there) and is set aside%s", name,
             100 * expm1(node->mean),
             node->unsure ? "; the others are too few to be sure, so the interval also holds with it" : "");
    tune_fleet_note(c->fleet, text);
    tune_keeper_event(c->kind->keeper, "node", text, NULL);
    tune_study_node_set(c->fleet->study, uid, TUNE_NODE_ASIDE, text, NULL);
}

/* Says with how many of the nodes that were set aside the interval also holds, and what it is without. */
static void say_unsure(char *text, size_t bytes, const tune_nodes *s) {
    char of[24] = "";
    if (s->unsure < s->count - s->left) snprintf(of, sizeof of, "%d of ", s->unsure);
    snprintf(text, bytes,
             ", but %d are too few to be sure: the interval also holds with %sthem, without them [%+.1f, %+.1f]",
             s->left, of, 100 * expm1(s->rest_low), 100 * expm1(s->rest_high));
}

static void judge_nodes(final *c, const char *const *uid, int n, const int *of, tune_final *f) {
    char names[400] = "", these[120] = "", unsure[160] = "";
    size_t at = 0;
    tune_nodes s;
    tune_nodes_judge(f, of, n, &s);
    for (int i = 0; i < n; i++) {
        char name[NAME];
        print_name(c, uid[i], name);
        if (s.at[i].aside) set_aside(c, uid[i], name, &s.at[i]);
        else if (at < sizeof names)
            at += (size_t)snprintf(names + at, sizeof names - at, "%s%s %+.1f %%", at ? ", " : "", name,
                                   100 * expm1(s.at[i].mean));
    }
    /* Two nodes say little about others of their kind, and enough about themselves. */
    if (s.left == 2 && !s.disagree && isfinite(s.these_low))
        snprintf(these, sizeof these, "; these two alone [%+.1f, %+.1f], %s would narrow the interval",
                 100 * expm1(s.these_low), 100 * expm1(s.these_high), s.unsure ? "more" : "a third");
    if (s.unsure) say_unsure(unsure, sizeof unsure, &s);
    free(c->remark);
    c->remark =
        xl_format("; on %d node%s of this kind (%s)%s%s%s%s", s.left, s.left == 1 ? "" : "s", names,
                  s.left < n ? ", others were set aside" : "", unsure, s.disagree ? ", which disagree" : "", these);
}

static void judged(void *ctx, tune_final *f) {
    final *c = ctx;
    tune_task *tasks;
    size_t count;
    const char *uid[TUNE_NODES_MOST];
    int of[TUNE_PROCESSES_MOST];
    if (tune_study_tasks(c->fleet->study, c->kind->run, TUNE_WORK_PROCESS, c->base, true, &tasks, &count, NULL))
        return;
    const int n = assign(c, tasks, count, f, uid, of);
    if (n > 0) judge_nodes(c, uid, n, of, f);
    tune_tasks_free(tasks, count);
}

/* ---- the comparison ---- */

/* Whether a trial can have won, whatever the study says. */
static bool can_win(const tune_kind *k, int64_t index) {
    size_t count;
    const tune_trial_mark *marks = tune_keeper_marks(k->keeper, &count);
    return index >= 0 && (size_t)index < count && marks[index].status == TUNE_TRIAL_OK &&
           marks[index].point != TUNE_NO_POINT;
}

static void count_trials(tune_kind *k) {
    const tune_trial_counts c = tune_keeper_count(k->keeper);
    k->result.trials = (int)c.trials;
    k->result.measured = (int)(c.trials - c.duplicates);
    k->result.duplicates = (int)c.duplicates;
    k->result.failed = (int)c.failed;
}

int tune_fleet_compare(tune_fleet *f, tune_kind *k, xlstm_error *err) {
    int64_t process = 0, winner = -1;
    double origin = 0;
    final c = {.fleet = f, .kind = k};
    tune_comparison comparison = {.target = &k->target,
                                  .options = f->options->drive,
                                  .keeper = k->keeper,
                                  .watcher = f->options->watcher,
                                  .started = f->started,
                                  .in_time = true,
                                  .process = &process,
                                  .origin = &origin,
                                  .run = run_elsewhere,
                                  .judged = judged,
                                  .run_ctx = &c,
                                  .remark = &c.remark};
    k->result = (tune_drive_result){.winner = TUNE_BASELINE, .final = {.verdict = TUNE_VERDICT_UNMEASURED}};
    count_trials(k);
    int status = tune_fleet_playoff(f, k, &winner, err);
    if (!status) status = tune_keeper_rebuild(k->keeper, &k->target, err);
    c.trials = (size_t)tune_keeper_next(k->keeper);
    if (!status && can_win(k, winner)) {
        status = tune_keeper_read(k->keeper, winner, &c.winner, err);
        if (!status) k->result.winner = c.winner.point;
        if (!status) status = find_base(&c, err);
    }
    const tune_node_row *nodes[NODES];
    comparison.machines = present(&c, nodes);
    if (!status) status = tune_comparison_run(&comparison, &k->result, err);
    if (!status) status = tune_study_tasks_drop(f->study, k->run, TUNE_WORK_PROCESS, err);
    if (status == XLSTM_ECANCELLED) k->result.end = TUNE_DRIVE_STOPPED;
    tune_trial_row_clear(&c.winner);
    free(c.remark);
    return status;
}
