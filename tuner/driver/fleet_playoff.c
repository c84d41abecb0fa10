#include "tuner/driver/fleet_playoff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/drive_prepare.h"
#include "tuner/driver/drive_trials.h"
#include "tuner/measure/final.h"
#include "tuner/target/wire.h"

enum { FINALISTS = 16, NODES = 16, ROUNDS = 1000 }; /* at most */
#define EVENT "playoff"
#define UNTIL 0.7  /* share of a budget at which it ends; the rest is for the last comparison */
#define NAP_S 0.02 /* between two looks for results */

/* A trial in the playoff. Values are ln(cost / baseline's cost). */
typedef struct finalist {
    int64_t trial;
    double before, careful; /* of the search; the same after adding its uncertainty */
    int samples_before;
    double sum, squares; /* of the blocks in the playoff */
    int blocks;
    bool out; /* all its measurements of this stage failed */
} finalist;

typedef struct playoff {
    tune_fleet *fleet;
    tune_kind *kind;
    size_t trials;           /* of the run: a playoff with another number of trials is another one */
    finalist *at[FINALISTS]; /* those still in it come first */
    finalist all[FINALISTS];
    int count, left;
    int first, end; /* the rounds of this stage */
    bool late;      /* the time is up */
} playoff;

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "playoff: out of memory");
}

static double mean_of(const finalist *a) {
    return a->blocks ? a->sum / a->blocks : NAN;
}

/* ---- who takes part ---- */

static int by_careful(const void *a, const void *b) {
    const finalist *x = a, *y = b;
    if (x->careful != y->careful) return x->careful < y->careful ? -1 : 1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* Keeps the best so many of the trials, but those that are equal to the baseline in effect, whose value is 1. One
 * that looks slower than the baseline takes part too: a sample or two do not prove it. */
static void choose(playoff *p, int most) {
    size_t count;
    const tune_trial_mark *marks = tune_keeper_marks(p->kind->keeper, &count);
    finalist list[FINALISTS + 1];
    p->trials = count;
    p->count = 0;
    for (size_t i = 0; i < count; i++) {
        const tune_trial_mark *t = &marks[i];
        if (t->status != TUNE_TRIAL_OK || !(t->value > 0) || t->value == 1 || t->point == TUNE_NO_POINT) continue;
        const double value = log(t->value);
        list[p->count++] = (finalist){.trial = (int64_t)i,
                                      .before = value,
                                      .careful = value + (isfinite(t->spread) ? t->spread : 0),
                                      .samples_before = (int)t->samples};
        qsort(list, (size_t)p->count, sizeof *list, by_careful);
        if (p->count > most) p->count = most;
    }
    memcpy(p->all, list, (size_t)p->count * sizeof *list);
    for (int i = 0; i < p->count; i++) p->at[i] = &p->all[i];
    p->left = p->count;
}

/* ---- tasks ---- */

/* A measurement of a trial has the number by which it is found again. */
static int64_t number_of(const finalist *a, int round) {
    return a->trial * ROUNDS + round;
}

static int present(const playoff *p, const tune_node_row *out[NODES]) {
    int n = 0;
    for (size_t i = 0; i < p->fleet->node_count && n < NODES; i++) {
        const tune_node_row *node = &p->fleet->nodes[i];
        if (!strcmp(node->kind, p->kind->name) && tune_fleet_is_there(p->fleet, node)) out[n++] = node;
    }
    return n;
}

/* All finalists of a round are measured on the same node, so that its effect on them is the same. */
static const char *node_for(const playoff *p, int round) {
    const tune_node_row *nodes[NODES];
    const int n = present(p, nodes);
    return n ? nodes[round % n]->uid : NULL;
}

static double seconds_left(const playoff *p) {
    const tune_drive_options *o = p->fleet->options->drive;
    return UNTIL * o->budget_s - (tune_drive_now(o) - p->fleet->started);
}

static int post(const playoff *p, const finalist *a, int round, int blocks, xlstm_error *err) {
    tune_trial_row row;
    const tune_block_plan plan = {.blocks = blocks,
                                  .quads = 1,
                                  .spare = blocks,
                                  .deadline_s = seconds_left(p),
                                  .seed = p->fleet->options->drive->seed ^
                                          0x9e3779b97f4a7c15u * (uint64_t)(number_of(a, round) + 1)};
    int status = tune_keeper_read(p->kind->keeper, a->trial, &row, err);
    if (status) return status;
    json_t *what = json_pack("{s:o, s:I, s:i, s:o}", "point", tune_named_json(&row.params), "trial",
                             (json_int_t)a->trial, "round", round, "plan", tune_wire_plan(&plan));
    tune_trial_row_clear(&row);
    char *text = what ? json_dumps(what, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(what);
    if (!text) return no_memory(err);
    status = tune_study_task_add(p->fleet->study, p->kind->run, TUNE_WORK_CHECK, number_of(a, round), text,
                                 node_for(p, round), err);
    free(text);
    return status;
}

/* Gives what nobody has begun to nodes that are there, where those that were to do it may be gone. */
static int readdress(const playoff *p, xlstm_error *err) {
    int status = XLSTM_OK;
    for (int round = p->first; round < p->end; round++) {
        const char *node = node_for(p, round);
        for (int i = 0; !status && node && i < p->left; i++)
            status = tune_study_task_want(p->fleet->study, p->kind->run, TUNE_WORK_CHECK,
                                          number_of(p->at[i], round), node, err);
    }
    return status;
}

/* ---- results ---- */

/* Adds the blocks of a measurement; returns how many there were, -1 where it failed. */
static int add_result(finalist *a, const tune_task *task) {
    tune_block_result r;
    json_t *j = task->result ? json_loads(task->result, 0, NULL) : NULL;
    const bool read = tune_wire_read_result(json_object_get(j, "result"), &r);
    json_decref(j);
    for (int i = 0; read && i < r.blocks; i++) {
        a->sum -= r.log_ratio[i]; /* which is that of the baseline to it */
        a->squares += r.log_ratio[i] * r.log_ratio[i];
        a->blocks++;
    }
    return read ? r.blocks : -1;
}

/* Adds up what there is of a finalist. Returns how many of its measurements of this stage are over. */
static int add_results(playoff *p, finalist *a, const tune_task *tasks, size_t count) {
    int over = 0, failed = 0;
    a->sum = a->squares = 0;
    a->blocks = 0;
    for (size_t t = 0; t < count; t++) {
        const int64_t round = tasks[t].number - number_of(a, 0);
        if (round < 0 || round >= p->end) continue;
        const int blocks = add_result(a, &tasks[t]);
        if (round < p->first) continue;
        over++;
        failed += blocks < 0;
        p->late = p->late || !blocks;
    }
    a->out = failed == p->end - p->first;
    return over;
}

/* *open is how many measurements of this stage are not over. */
static int gather(playoff *p, int *open, xlstm_error *err) {
    tune_task *tasks;
    size_t count;
    int status = tune_study_tasks(p->fleet->study, p->kind->run, TUNE_WORK_CHECK, 0, true, &tasks, &count, err);
    if (status) return status;
    *open = p->left * (p->end - p->first);
    for (int i = 0; i < p->left; i++) *open -= add_results(p, p->at[i], tasks, count);
    tune_tasks_free(tasks, count);
    return XLSTM_OK;
}

/* The best first. Those that the time did not suffice for come after those that were measured, and those that
 * failed last. */
static int by_mean(const void *a, const void *b) {
    const finalist *x = *(finalist *const *)a, *y = *(finalist *const *)b;
    if (x->out != y->out) return x->out - y->out;
    if (!x->blocks != !y->blocks) return !x->blocks - !y->blocks;
    const double l = mean_of(x), r = mean_of(y);
    if (x->blocks && l != r) return l < r ? -1 : 1;
    return by_careful(x, y);
}

static void tell_progress(const playoff *p) {
    const tune_watcher *w = p->fleet->options->watcher;
    const double mean = mean_of(p->at[0]);
    if (w && w->progress) w->progress(w->ctx, "check", 0, 0, exp(isnan(mean) ? p->at[0]->before : mean), 0, NAN);
}

/* Has all that are left measured in the stage's rounds and waits for it, or until the time is up. */
static int measure(playoff *p, int blocks, xlstm_error *err) {
    int status = XLSTM_OK, open = 0;
    for (int round = p->first; round < p->end; round++)
        for (int i = 0; !status && i < p->left; i++) status = post(p, p->at[i], round, blocks, err);
    double looked = p->fleet->looked;
    tell_progress(p);
    while (!status) {
        status = gather(p, &open, err);
        p->late = p->late || seconds_left(p) <= 0;
        if (status || !open || p->late) break;
        if (tune_fleet_stopped(p->fleet)) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
        status = p->fleet->turn(p->fleet, err);
        if (status > 0) status = XLSTM_OK;
        if (!status && p->fleet->looked > looked) status = readdress(p, err);
        looked = p->fleet->looked;
        tune_fleet_nap(NAP_S);
    }
    return status;
}

static int hold(playoff *p, const tune_race_options *o, xlstm_error *err) {
    int stages = 0, status = XLSTM_OK;
    for (int n = p->left; n > 1; n = (n + 1) / 2) stages++;
    /* More samples than in the search; a block has two of a finalist. */
    const int each = stages ? (o->playoff + stages - 1) / stages : 0, samples = each > o->most ? each : o->most + 1,
              blocks = (samples + 1) / 2;
    p->late = seconds_left(p) <= 0;
    while (!status && p->left > 1 && !p->late) {
        const tune_node_row *nodes[NODES];
        const int n = present(p, nodes), rounds = n < 1 ? 1 : n < blocks ? n : blocks;
        p->first = p->end;
        p->end += rounds;
        status = measure(p, (blocks + rounds - 1) / rounds, err);
        if (status) break;
        qsort(p->at, (size_t)p->left, sizeof *p->at, by_mean);
        const int half = p->late ? p->left : (p->left + 1) / 2;
        int good = 0;
        while (good < half && !p->at[good]->out) good++;
        p->left = good;
    }
    if (p->late && !status) status = tune_study_tasks_drop(p->fleet->study, p->kind->run, TUNE_WORK_CHECK, err);
    return status;
}

/* ---- what came of it ---- */

/* Standard error of a mean of that many blocks, from the scatter of all; NAN: unknown. */
static double spread_of(const playoff *p, int blocks) {
    double squares = 0;
    int free = 0;
    for (int i = 0; i < p->count; i++) {
        const finalist *a = &p->all[i];
        if (a->blocks < 2) continue;
        squares += fmax(0, a->squares - a->sum * a->sum / a->blocks);
        free += a->blocks - 1;
    }
    return free ? sqrt(squares / free / blocks) : NAN;
}

/* Notes the playoff in the history of the run. */
static int note(const playoff *p, int64_t winner, xlstm_error *err) {
    json_t *j = json_object(), *list = json_array();
    char text[160];
    if (winner < 0) snprintf(text, sizeof text, "of %d finalists none was faster than the baseline", p->count);
    else snprintf(text, sizeof text, "of %d finalists trial %lld won", p->count, (long long)winner);
    for (int i = 0; i < p->count; i++) {
        const finalist *a = &p->all[i];
        if (!a->blocks) continue;
        json_array_append_new(
            list,
            json_pack("{s:I, s:f, s:i, s:f, s:i, s:o}", "trial", (json_int_t)a->trial, "before", a->before,
                      "samples_before", a->samples_before, "after", mean_of(a), "samples", 2 * a->blocks, "spread",
                      isfinite(spread_of(p, a->blocks)) ? json_real(spread_of(p, a->blocks)) : json_null()));
    }
    json_object_set_new(j, "trials", json_integer((json_int_t)p->trials));
    json_object_set_new(j, "winner", json_integer(winner));
    json_object_set_new(j, "finalists", list);
    json_object_set_new(j, "found", json_pack("{s:s}", "text", text));
    char *event = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(j);
    int status = event ? tune_keeper_event(p->kind->keeper, EVENT, event, err) : no_memory(err);
    free(event);
    return status;
}

/* Finds the playoff of as many trials in the history; NULL: there was none. */
static int recall(const playoff *p, json_t **out, xlstm_error *err) {
    tune_event_row *events;
    size_t count;
    *out = NULL;
    int status = tune_study_events(p->fleet->study, p->kind->run, &events, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        json_t *j = strcmp(events[i].kind, EVENT) != 0 ? NULL : json_loads(events[i].text, 0, NULL);
        if (j && json_integer_value(json_object_get(j, "trials")) == (json_int_t)p->trials) {
            json_decref(*out);
            *out = j;
        } else {
            json_decref(j);
        }
    }
    tune_event_rows_free(events, count);
    return XLSTM_OK;
}

static double number(const json_t *object, const char *key) {
    const json_t *j = json_object_get(object, key);
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static int change(tune_kind *k, tune_trial_row *t, const json_t *found, xlstm_error *err) {
    t->value = exp(number(found, "after"));
    t->spread = number(found, "spread");
    t->samples = json_integer_value(json_object_get(found, "samples"));
    int status = tune_keeper_change(k->keeper, t, err);
    return status ? status : tune_drive_refresh_duplicates(k->keeper, t, err);
}

/* Gives the trials the values that were noted, and shows them, the best one first. */
static int apply(const playoff *p, const json_t *noted, xlstm_error *err) {
    const json_t *list = json_object_get(noted, "finalists");
    const tune_watcher *w = p->fleet->options->watcher;
    const size_t n = json_array_size(list);
    bool *shown = calloc(n + 1, sizeof *shown);
    int status = shown ? XLSTM_OK : no_memory(err);
    for (size_t place = 0; !status && place < n; place++) {
        const json_t *best = NULL;
        size_t at = 0, count;
        for (size_t i = 0; i < n; i++) {
            const json_t *j = json_array_get(list, i);
            if (shown[i] || (best && !(number(j, "after") < number(best, "after")))) continue;
            best = j;
            at = i;
        }
        if (!best) break;
        shown[at] = true;
        const int64_t trial = json_integer_value(json_object_get(best, "trial"));
        const tune_trial_mark *marks = tune_keeper_marks(p->kind->keeper, &count);
        if (trial < 0 || (size_t)trial >= count || marks[trial].status != TUNE_TRIAL_OK ||
            !isfinite(number(best, "after")))
            continue;
        tune_trial_row row;
        status = tune_keeper_read(p->kind->keeper, trial, &row, err);
        if (status) break;
        status = change(p->kind, &row, best, err);
        const tune_finalist f = {.candidate = row.point,
                                 .before = number(best, "before"),
                                 .after = number(best, "after"),
                                 .samples_before = (int)json_integer_value(json_object_get(best, "samples_before")),
                                 .samples = (int)json_integer_value(json_object_get(best, "samples"))};
        if (!status && w && w->finalist) w->finalist(w->ctx, &row, &f, (int)place);
        tune_trial_row_clear(&row);
    }
    free(shown);
    return status;
}

/* The one that is left, where it is faster than the baseline. */
static int64_t winner_of(const playoff *p) {
    const finalist *a = p->left ? p->at[0] : NULL;
    if (!a) return -1;
    return (a->blocks ? mean_of(a) : a->before) < 0 ? a->trial : -1;
}

int tune_fleet_playoff(tune_fleet *f, tune_kind *k, int64_t *winner, xlstm_error *err) {
    playoff *p = calloc(1, sizeof *p);
    tune_race_options o;
    json_t *noted = NULL;
    *winner = -1;
    if (!p) return no_memory(err);
    p->fleet = f;
    p->kind = k;
    tune_drive_race_options(f->options->drive, &o);
    choose(p, o.finalists < FINALISTS ? o.finalists : FINALISTS);
    int status = recall(p, &noted, err);
    if (!status && !noted && p->count > 1) {
        status = hold(p, &o, err);
        if (!status) status = note(p, winner_of(p), err);
        if (!status) status = recall(p, &noted, err);
    }
    if (!status && noted) status = apply(p, noted, err);
    if (!status) *winner = noted ? json_integer_value(json_object_get(noted, "winner")) : winner_of(p);
    json_decref(noted);
    free(p);
    return status;
}
