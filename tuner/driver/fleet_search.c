#include "tuner/driver/fleet_search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/drive_prepare.h"
#include "tuner/driver/drive_trials.h"
#include "tuner/driver/fleet_final.h"
#include "tuner/driver/row.h"
#include "tuner/search/strategy.h"

#define LOOK_S 1.0       /* seconds between two looks at the nodes */
#define NAP_LEAST 0.002  /* seconds between two looks for results; doubles while there are none, */
#define NAP_MOST 0.1     /* up to this */
#define SEARCH_SHARE 0.6 /* of a budget; the rest is for the last comparison */
#define AHEAD_S 0.25     /* so many seconds of work are proposed ahead of the nodes, one trial at least, */
#define TWINS_MOST 256   /* and so many that repeat points which are being measured */
#define AHEAD_MOST 64    /* at most so many trials for each node */

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
}

/* ---- a kind ---- */

/* Tells the strategy what a stored trial says. */
static int tell(tune_kind *k, const tune_trial_row *row, uint32_t point, xlstm_error *err) {
    double told[TUNE_TOLD_COUNT];
    tune_drive_told_of(row, told);
    if (row->status != TUNE_TRIAL_DUPLICATE) {
        k->trial_s += row->seconds;
        k->trial_n++;
    }
    if (point == TUNE_NO_POINT) return XLSTM_OK;
    return tune_proposer_tell(k->proposer, point, told, row->status == TUNE_TRIAL_DUPLICATE ? 0 : row->seconds,
                              err);
}

/* Stores a trial that repeats the values of another. */
static int put_duplicate(tune_fleet *f, tune_kind *k, int64_t number, uint32_t point,
                         const tune_trial_row *original, xlstm_error *err) {
    tune_trial_row t;
    int status = tune_row_duplicate(&k->target, number, point, original, &t, err);
    if (status) return status;
    status = tune_study_trial_add(f->study, k->run, &t, NULL, 0, err);
    if (!status) status = tune_study_task_settle(f->study, k->run, TUNE_WORK_TRIAL, number, err);
    if (!status) status = tell(k, &t, point, err);
    tune_trial_row_clear(&t);
    return status;
}

/* The row of a trial among those of a run, by index; NULL: it is not there. */
static const tune_trial_row *row_of(const tune_trial_row *rows, size_t count, int64_t index) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].index == index) return &rows[i];
    }
    return NULL;
}

/* Asks for a point again, as for a stored trial or task at its time. Results came in another order then, so that
 * the strategy may propose another point now. */
static int ask_again(tune_kind *k, uint32_t point, xlstm_error *err) {
    uint32_t asked;
    if (tune_proposer_done(k->proposer)) return XLSTM_OK;
    int status = tune_proposer_ask(k->proposer, &asked, err);
    /* It may have nothing to propose before it is told more. */
    if (status == XLSTM_EARG) return XLSTM_OK;
    if (status || point == TUNE_NO_POINT) return status;
    return tune_proposer_exchange(k->proposer, asked, point, err);
}

/* What a trial's task says, malloc'd; NULL when out of memory. twin: the trial that measures the same point, -1:
 * none does. */
static char *task_text(const tune_fleet *f, const tune_kind *k, uint32_t point, int64_t twin) {
    json_t *what = json_pack("{s:o}", "point", tune_space_point_json(k->target.space, point));
    if (what && twin >= 0) json_object_set_new(what, "twin", json_integer(twin));
    if (what && isfinite(f->until)) json_object_set_new(what, "until", json_real(f->until));
    char *text = what ? json_dumps(what, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(what);
    return text;
}

/* Gives a trial that waits for a node the time of this search, which began anew. */
static int extend(tune_fleet *f, const tune_kind *k, int64_t number, uint32_t point, xlstm_error *err) {
    char *text = task_text(f, k, point, -1);
    if (!text) return no_memory(err);
    const int status = tune_study_task_describe(f->study, k->run, TUNE_WORK_TRIAL, number, text, err);
    free(text);
    return status;
}

/* Takes up a task that was not done when the proposing process ended. */
static int restore_task(tune_fleet *f, tune_kind *k, const tune_task *task, const tune_trial_row *rows,
                        size_t count, xlstm_error *err) {
    json_t *what = json_loads(task->what, 0, NULL), *twin = json_object_get(what, "twin");
    tune_named_list params = {0};
    int status = tune_named_from_json(&params, json_object_get(what, "point"), err);
    const uint32_t point = status ? TUNE_NO_POINT : tune_named_point(&params, k->target.space);
    const tune_trial_row *original = twin ? row_of(rows, count, json_integer_value(twin)) : NULL;
    const bool stored = row_of(rows, count, task->number) != NULL; /* then it was asked for with its row */
    if (!status && !stored) status = ask_again(k, point, err);
    if (!status) status = tune_kind_reserve(k, err);
    if (!status && stored) status = tune_study_task_settle(f->study, k->run, TUNE_WORK_TRIAL, task->number, err);
    else if (!status && original) status = put_duplicate(f, k, task->number, point, original, err);
    else if (!status)
        status = tune_kind_add_pending(k, task->number, point, twin ? json_integer_value(twin) : -1, err);
    if (!status && !twin && point != TUNE_NO_POINT) status = extend(f, k, task->number, point, err);
    if (!status && !twin && point != TUNE_NO_POINT) k->trial_of[point] = task->number;
    if (task->number >= k->next) k->next = task->number + 1;
    tune_named_clear(&params);
    json_decref(what);
    return status;
}

static int restore_row(tune_kind *k, const tune_trial_row *row, xlstm_error *err) {
    const uint32_t point = tune_named_point(&row->params, k->target.space);
    /* Nothing is known of a point that was not measured, neither that it failed: it may be proposed anew. */
    const bool unmeasured = tune_row_time_up(row);
    int status = unmeasured ? XLSTM_OK : ask_again(k, point, err);
    if (!status) status = tune_kind_reserve(k, err);
    if (!status && !unmeasured && point != TUNE_NO_POINT && row->duplicate_of < 0) k->trial_of[point] = row->index;
    if (!status && !unmeasured) status = tell(k, row, point, err);
    if (row->index >= k->next) k->next = row->index + 1;
    return status;
}

/* Continues with what the study holds of the run: by their numbers, finished trials are told, and tasks that are
 * not done yet are waited for. */
static int restore(tune_fleet *f, tune_kind *k, xlstm_error *err) {
    tune_trial_row *rows = NULL;
    tune_task *tasks = NULL;
    size_t count = 0, open = 0, row = 0, task = 0;
    int status = tune_study_trials(f->study, k->run, &rows, &count, err);
    if (!status) status = tune_study_tasks(f->study, k->run, TUNE_WORK_TRIAL, 0, false, &tasks, &open, err);
    while (!status && (row < count || task < open)) {
        if (task == open || (row < count && rows[row].index <= tasks[task].number))
            status = restore_row(k, &rows[row++], err);
        else status = restore_task(f, k, &tasks[task++], rows, count, err);
    }
    tune_trial_rows_free(rows, count);
    tune_tasks_free(tasks, open);
    return status;
}

/* The budget begins. Nodes know the end of the search by the database's clock, as their own may differ. */
static int begin_time(tune_fleet *f, xlstm_error *err) {
    const double left = f->options->drive->budget_s * SEARCH_SHARE;
    double now = 0;
    const int status = isfinite(left) ? tune_study_now(f->study, &now, err) : XLSTM_OK;
    f->started = tune_drive_now(f->options->drive);
    f->until = now + left;
    return status;
}

static int begin_kind(tune_fleet *f, const tune_node_row *node, xlstm_error *err) {
    const tune_drive_options *o = f->options->drive;
    tune_kind **more = realloc(f->kind, (f->kinds + 1) * sizeof(tune_kind *)), *k = calloc(1, sizeof *k);
    int status;
    if (more) f->kind = more;
    if (!more || !k) {
        free(k);
        return no_memory(err);
    }
    f->kind[f->kinds++] = k;
    /* The time in which nobody was there is not taken from the budget. */
    if (f->kinds == 1 && (status = begin_time(f, err))) return status;
    k->result.winner = TUNE_BASELINE;
    if (!(k->name = strdup(node->kind))) return no_memory(err);
    const tune_strategy_class *class = tune_strategy_find(o->mode);
    k->limit = class && class->ends == TUNE_ENDS_GENERATIONS ? o->population * o->generations : o->trials;
    status = tune_kind_describe(k, f->options->target, node, err);
    if (!status) status = f->options->hooks.begin(f->options->hooks.ctx, node, &k->keeper, err);
    if (status) return status;
    k->run = tune_keeper_run(k->keeper)->id;
    /* Where two parts of a space are searched apart, one proposal waits for the result of another. */
    status = tune_drive_make_proposer(&k->proposer, o, k->target.space, false, err);
    if (!status) status = tune_keeper_rebuild(k->keeper, &k->target, err);
    return status ? status : restore(f, k, err);
}

/* ---- nodes ---- */

/* Says once that several agents are on one machine. */
static void tell_neighbours(tune_fleet *f) {
    for (size_t i = 0; !f->told_neighbours && i < f->node_count; i++) {
        for (size_t k = i + 1; k < f->node_count && !f->told_neighbours; k++) {
            char text[200];
            if (!tune_fleet_is_there(f, &f->nodes[i]) || !tune_fleet_is_there(f, &f->nodes[k]) ||
                strcmp(f->nodes[i].name, f->nodes[k].name) != 0)
                continue;
            f->told_neighbours = true;
            snprintf(text, sizeof text, "several agents are on machine %s: they disturb each other's times",
                     f->nodes[i].name);
            tune_fleet_note(f, text);
        }
    }
}

static int look(tune_fleet *f, xlstm_error *err) {
    if (f->nodes && xl_now_s() - f->looked < LOOK_S) return XLSTM_OK;
    tune_node_rows_free(f->nodes, f->node_count);
    f->nodes = NULL;
    f->node_count = 0;
    f->looked = xl_now_s();
    int status = tune_study_fleet_seen(f->study, f->options->uid, NULL, err);
    if (!status) status = tune_study_nodes(f->study, f->options->uid, &f->nodes, &f->node_count, err);
    if (!status) status = tune_fleet_look_for_dead(f, err);
    size_t here = 0;
    for (size_t i = 0; !status && i < f->node_count; i++) here += tune_fleet_is_there(f, &f->nodes[i]);
    const bool enough = here >= (size_t)f->options->agents || f->kinds > 0;
    for (size_t k = 0; k < f->kinds; k++) f->kind[k]->nodes = 0;
    for (size_t i = 0; !status && enough && i < f->node_count; i++) {
        size_t k = 0;
        while (k < f->kinds && strcmp(f->kind[k]->name, f->nodes[i].kind) != 0) k++;
        if (k == f->kinds && tune_fleet_is_there(f, &f->nodes[i])) status = begin_kind(f, &f->nodes[i], err);
        if (!status && k < f->kinds) f->kind[k]->nodes += tune_fleet_is_there(f, &f->nodes[i]);
    }
    for (size_t k = 0; !status && k < f->kinds; k++) {
        int64_t count;
        status = tune_study_tasks_expire(f->study, f->kind[k]->run, &count, err);
    }
    tell_neighbours(f);
    char text[sizeof f->waiting] = "";
    if (!enough) snprintf(text, sizeof text, "waiting for agents: %zu of %d are there", here, f->options->agents);
    else if (!here) snprintf(text, sizeof text, "waiting for an agent: none is there");
    if (*text && strcmp(text, f->waiting) != 0) tune_fleet_note(f, text);
    snprintf(f->waiting, sizeof f->waiting, "%s", text);
    return status;
}

/* ---- results ---- */

/* Passes finished trials on to the run's files, in order and without a gap. */
static int adopt(tune_fleet *f, tune_kind *k, xlstm_error *err) {
    const tune_watcher *w = f->options->watcher;
    int64_t first = tune_keeper_next(k->keeper), last = k->next - 1;
    for (size_t i = 0; i < k->pending_count; i++) {
        if (k->pending[i].number <= last) last = k->pending[i].number - 1;
    }
    if (last < first) return XLSTM_OK;
    tune_trial_row *rows;
    size_t count;
    int status = tune_study_trials_between(f->study, k->run, first, last, &rows, &count, err);
    if (status) return status;
    for (size_t i = 0; !status && i < count; i++) {
        rows[i].point = tune_named_point(&rows[i].params, k->target.space);
        status = tune_keeper_adopt(k->keeper, &k->target, &rows[i], err);
        if (!status && w && w->trial) w->trial(w->ctx, &rows[i], false);
    }
    tune_trial_rows_free(rows, count);
    return status;
}

/* Stores that nothing came of a trial. */
static int put_failed(tune_fleet *f, tune_kind *k, const tune_pending *p, const char *why, xlstm_error *err) {
    tune_trial_row t;
    if (p->point == TUNE_NO_POINT)
        return xl_fail(err, XLSTM_EMISMATCH, "trial %lld is no point of the space: the run is of another space",
                       (long long)p->number);
    int status = tune_row_new(&k->target, p->number, p->point, &t, err);
    if (status) return status;
    t.status = TUNE_TRIAL_FAILED;
    t.reason = strdup(why);
    status = tune_study_trial_add(f->study, k->run, &t, NULL, 0, err);
    tune_trial_row_clear(&t);
    return status;
}

/* A trial is over: tells it, with the trials that wait for the same point. */
static int settle(tune_fleet *f, tune_kind *k, size_t at, const tune_task *task, xlstm_error *err) {
    const tune_pending p = k->pending[at];
    tune_trial_row *rows = NULL;
    size_t count = 0;
    int status = XLSTM_OK;
    char why[80];
    snprintf(why, sizeof why, "%lld nodes in turn were lost while they measured it", (long long)task->turn);
    if (!strcmp(task->state, TUNE_TASK_FAILED)) status = put_failed(f, k, &p, why, err);
    if (!status) status = tune_study_trials_between(f->study, k->run, p.number, p.number, &rows, &count, err);
    if (!status && count != 1)
        status = xl_fail(err, XLSTM_EINTERNAL, "trial %lld is done and has no row", (long long)p.number);
    k->pending[at] = k->pending[--k->pending_count];
    if (!status) status = tell(k, rows, p.point, err);
    for (size_t i = 0; !status && i < k->pending_count;) {
        if (k->pending[i].twin != p.number) {
            i++;
            continue;
        }
        const tune_pending twin = k->pending[i];
        k->pending[i] = k->pending[--k->pending_count];
        status = put_duplicate(f, k, twin.number, twin.point, rows, err);
    }
    tune_trial_rows_free(rows, count);
    return status;
}

static int collect(tune_fleet *f, tune_kind *k, size_t *over, xlstm_error *err) {
    tune_task *tasks;
    size_t count;
    int64_t lowest = INT64_MAX;
    for (size_t i = 0; i < k->pending_count; i++) {
        if (k->pending[i].number < lowest) lowest = k->pending[i].number;
    }
    if (lowest == INT64_MAX) return XLSTM_OK;
    int status = tune_study_tasks(f->study, k->run, TUNE_WORK_TRIAL, lowest, true, &tasks, &count, err);
    if (status) return status;
    for (size_t t = 0; !status && t < count; t++) {
        size_t at = 0;
        while (at < k->pending_count && (k->pending[at].number != tasks[t].number || k->pending[at].twin >= 0))
            at++;
        if (at == k->pending_count) continue;
        status = settle(f, k, at, &tasks[t], err);
        ++*over;
    }
    tune_tasks_free(tasks, count);
    return status || !*over ? status : adopt(f, k, err);
}

/* ---- proposals ---- */

/* Stores the task of a trial; twin: the trial that measures the same point, -1: none does. */
static int put_task(tune_fleet *f, tune_kind *k, int64_t number, uint32_t point, int64_t twin, xlstm_error *err) {
    char *text = task_text(f, k, point, twin);
    if (!text) return no_memory(err);
    int status =
        tune_study_task_add(f->study, k->run, TUNE_WORK_TRIAL, number, text, twin < 0 ? NULL : TUNE_NO_NODE, err);
    free(text);
    return status ? status : tune_kind_add_pending(k, number, point, twin, err);
}

static int propose_one(tune_fleet *f, tune_kind *k, xlstm_error *err) {
    uint32_t point;
    tune_trial_row *rows = NULL;
    size_t count = 0;
    int status = tune_proposer_ask(k->proposer, &point, err);
    if (!status) status = tune_kind_reserve(k, err);
    if (status) return status;
    const int64_t number = k->next++, before = k->trial_of[point];
    if (before < 0) {
        k->trial_of[point] = number;
        return put_task(f, k, number, point, -1, err);
    }
    /* The same point again: its values are, or will be, those of the first. */
    status = tune_study_trials_between(f->study, k->run, before, before, &rows, &count, err);
    if (status) return status;
    status = count ? put_duplicate(f, k, number, point, rows, err) : put_task(f, k, number, point, before, err);
    tune_trial_rows_free(rows, count);
    return status;
}

/* How many trials are to be proposed or measured at a time. The fewer, the more the strategy knows at each
 * proposal; but no node is to wait for one. */
static size_t ahead(const tune_kind *k) {
    const double trial_s = k->trial_n ? k->trial_s / k->trial_n : 1;
    const double more = ceil(k->nodes * fmin(AHEAD_MOST, AHEAD_S / fmax(trial_s, 1e-6)));
    return k->nodes ? (size_t)(k->nodes + fmax(1, more)) : 0;
}

static double spent(const tune_fleet *f) {
    return tune_drive_now(f->options->drive) - f->started;
}

static bool exhausted(const tune_fleet *f, const tune_kind *k) {
    return (k->limit && k->next >= k->limit) || tune_proposer_done(k->proposer) ||
           spent(f) > f->options->drive->budget_s * SEARCH_SHARE;
}

static int propose(tune_fleet *f, tune_kind *k, xlstm_error *err) {
    const size_t wanted = ahead(k);
    size_t open = 0; /* without those that wait for another, which are no work for a node */
    int status = XLSTM_OK;
    for (size_t i = 0; i < k->pending_count; i++) open += k->pending[i].twin < 0;
    while (!status && open < wanted && k->pending_count < open + TWINS_MOST && !exhausted(f, k)) {
        const size_t before = k->pending_count;
        status = propose_one(f, k, err);
        if (!status && k->pending_count > before) open += k->pending[before].twin < 0;
    }
    /* A strategy may have nothing to propose before it is told more. */
    if (status == XLSTM_EARG && k->pending_count) status = XLSTM_OK;
    if (!status && exhausted(f, k)) k->exhausted = true;
    return status;
}

/* ---- the whole ---- */

static void tell_progress(const tune_fleet *f) {
    const tune_watcher *w = f->options->watcher;
    int64_t done = 0;
    int total = 0;
    double best = NAN;
    if (!w || !w->progress) return;
    for (size_t i = 0; i < f->kinds; i++) {
        size_t count;
        const tune_trial_mark *marks = tune_keeper_marks(f->kind[i]->keeper, &count);
        done += f->kind[i]->next - (int64_t)f->kind[i]->pending_count;
        total += f->kind[i]->limit;
        for (size_t t = 0; t < count; t++) {
            if (marks[t].status == TUNE_TRIAL_OK && !(marks[t].value >= best)) best = marks[t].value;
        }
    }
    w->progress(w->ctx, "search", (int)done, total, best, 0, NAN);
}

static int turn(tune_fleet *f, xlstm_error *err) {
    size_t over = 0;
    int status = look(f, err);
    for (size_t i = 0; !status && i < f->kinds; i++) {
        tune_kind *k = f->kind[i];
        if (k->ended) continue;
        status = collect(f, k, &over, err);
        if (!status) status = propose(f, k, err);
        if (!status) status = adopt(f, k, err);
    }
    if (over) tell_progress(f);
    return status ? status : (int)(over > 0);
}

/* Whether a task of this number is among them. */
static bool holds(const tune_task *tasks, size_t count, int64_t number) {
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].number == number) return true;
    }
    return false;
}

/* The time is up: pending trials that no node has claimed, or that nodes have put back, are not measured any more.
 */
static int forget_dropped(tune_fleet *f, tune_kind *k, xlstm_error *err) {
    tune_task *tasks;
    size_t count, over = 0;
    int status = tune_study_tasks_drop(f->study, k->run, TUNE_WORK_TRIAL, err);
    if (!status) status = tune_study_tasks(f->study, k->run, TUNE_WORK_TRIAL, 0, false, &tasks, &count, err);
    if (status) return status;
    status = collect(f, k, &over, err);
    for (size_t i = 0; !status && i < k->pending_count;) {
        const tune_pending p = k->pending[i];
        if (holds(tasks, count, p.twin < 0 ? p.number : p.twin)) {
            i++;
            continue;
        }
        k->pending[i] = k->pending[--k->pending_count];
        status = put_failed(f, k, &p, TUNE_ROW_TIME_UP, err);
    }
    tune_tasks_free(tasks, count);
    return status;
}

/* Ends the search of the kinds that have nothing left to wait for. */
static int end_kinds(tune_fleet *f, xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < f->kinds; i++) {
        tune_kind *k = f->kind[i];
        if (k->ended || !k->exhausted) continue;
        if (k->pending_count && spent(f) > f->options->drive->budget_s * SEARCH_SHARE)
            status = forget_dropped(f, k, err);
        if (status || k->pending_count) continue;
        status = adopt(f, k, err);
        if (!status) status = tune_fleet_compare(f, k, err);
        k->ended = !status && !tune_fleet_stopped(f);
        if (k->ended) status = f->options->hooks.ended(f->options->hooks.ctx, k->keeper, &k->result, err);
    }
    return status;
}

static bool all_ended(const tune_fleet *f) {
    for (size_t i = 0; i < f->kinds; i++) {
        if (!f->kind[i]->ended) return false;
    }
    return f->kinds > 0;
}

int tune_fleet_run(tune_study *study, const tune_fleet_options *options, bool *stopped, xlstm_error *err) {
    tune_fleet f = {.turn = turn, .study = study, .options = options, .started = tune_drive_now(options->drive)};
    double nap = NAP_LEAST;
    int status = XLSTM_OK;
    while (status >= 0 && !tune_fleet_stopped(&f) && !all_ended(&f)) {
        status = turn(&f, err);
        nap = status > 0 ? NAP_LEAST : fmin(NAP_MOST, 2 * nap);
        if (status >= 0) status = end_kinds(&f, err);
        if (!status) tune_fleet_nap(nap);
    }
    *stopped = tune_fleet_stopped(&f);
    if (status == XLSTM_ECANCELLED && *stopped) status = XLSTM_OK;
    for (size_t i = 0; i < f.kinds; i++) tune_kind_free(f.kind[i]);
    free(f.kind);
    tune_node_rows_free(f.nodes, f.node_count);
    return status < 0 ? status : XLSTM_OK;
}
