#include "tuner/driver/agent.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "base/thread.h"
#include "tuner/driver/drive.h"
#include "tuner/driver/drive_prepare.h"
#include "tuner/driver/drive_samples.h"
#include "tuner/driver/drive_trials.h"
#include "tuner/driver/row.h"
#include "tuner/study/process_mark.h"
#include "tuner/target/fresh.h"
#include "tuner/target/wire.h"

#define NAP_LEAST 0.005 /* seconds between two looks for a task; doubles while there is none, */
#define NAP_MOST 0.25   /* up to this */
#define CLOCKS_S 10.0   /* clocks that differ by so much are worth a sentence */
#define BEAT_S 1.0      /* an agent without a task asks so often whether the fleet has ended */

typedef struct agent {
    const tune_agent_options *options;
    tune_agent_result *result;
    drive drive;
    /* The study is used by the agent and by its heartbeat, one at a time. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    tune_study *study;
    int64_t run;  /* 0: not known yet */
    double ahead; /* seconds by which this machine's clock is ahead of the database's; 0: less than one */
    bool current, ending;
    int beat_status; /* of a heartbeat that failed */
    xlstm_error beat_error;
} agent;

/* ---- the heartbeat ---- */

/* Heartbeats go on where the wall clock is set to another time, as far as the system lets them. */
#ifdef __APPLE__
#define BEAT_CLOCK CLOCK_REALTIME
static void make_wake(agent *a) {
    pthread_cond_init(&a->wake, NULL);
}
#else
#define BEAT_CLOCK CLOCK_MONOTONIC
static void make_wake(agent *a) {
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, BEAT_CLOCK);
    pthread_cond_init(&a->wake, &clock);
    pthread_condattr_destroy(&clock);
}
#endif

/* To be called with the lock held. */
static int beat(agent *a, xlstm_error *err) {
    return tune_study_node_seen(a->study, a->options->node->uid, a->run, a->options->lease_s,
                                a->options->patience_s, &a->current, err);
}

static void *beat_on(void *ctx) {
    agent *a = ctx;
    const double step = a->options->lease_s / 3;
    pthread_mutex_lock(&a->lock);
    while (!a->ending) {
        struct timespec until;
        clock_gettime(BEAT_CLOCK, &until);
        const double at = (double)until.tv_nsec * 1e-9 + step;
        until.tv_sec += (time_t)at;
        until.tv_nsec = (long)((at - floor(at)) * 1e9);
        pthread_cond_timedwait(&a->wake, &a->lock, &until);
        if (!a->ending && !a->beat_status) a->beat_status = beat(a, &a->beat_error);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- one task ---- */

static bool is_stopped(const agent *a) {
    return tune_drive_stop_level(&a->drive) != 0;
}

/* The row of a trial whose point this node's space does not hold. */
static int outside(const tune_task *task, tune_named_list *params, tune_trial_row *row, xlstm_error *err) {
    *row = (tune_trial_row){.index = task->number,
                            .point = TUNE_NO_POINT,
                            .duplicate_of = -1,
                            .status = TUNE_TRIAL_INFEASIBLE,
                            .value = NAN,
                            .spread = NAN,
                            .started = xl_wall_s()};
    for (int i = 0; i < TUNE_METRICS; i++) row->metric[i] = NAN;
    row->params = *params;
    *params = (tune_named_list){0};
    row->key = tune_named_text(&row->params);
    row->reason = strdup("this node's space does not hold the point");
    return row->key && row->reason ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
}

/* A race holds each point once. Where a point comes again, the race begins anew. */
static int make_room(drive *d, uint32_t point, xlstm_error *err) {
    tune_race_entry e;
    if (!tune_race_get(d->race, point, &e)) return XLSTM_OK;
    tune_race_destroy(d->race);
    tune_sampler_destroy(d->sampler);
    d->race = NULL;
    d->sampler = NULL;
    return tune_drive_prepare(d, err);
}

/* No sample of a trial begins after the end of its search, which the task has by the database's clock. */
static int set_deadline(agent *a, const json_t *what, xlstm_error *err) {
    const json_t *until = json_object_get(what, "until");
    double now, deadline = INFINITY;
    if (json_is_number(until)) {
        pthread_mutex_lock(&a->lock);
        const int status = tune_study_now(a->study, &now, err);
        pthread_mutex_unlock(&a->lock);
        if (status) return status;
        deadline = tune_sampler_seconds(a->drive.sampler) + json_number_value(until) - now;
    }
    tune_race_set_deadline(a->drive.race, deadline);
    return XLSTM_OK;
}

/* TUNE_TIME_UP: the search ended before the first sample. */
static int measure_trial(agent *a, const tune_task *task, const json_t *what, tune_trial_row *row,
                         xlstm_error *err) {
    drive *d = &a->drive;
    tune_named_list params = {0};
    int status = tune_named_from_json(&params, json_object_get(what, "point"), err);
    if (status) return status;
    const uint32_t point = tune_named_point(&params, d->target->space);
    d->taken_count = 0;
    if (point == TUNE_NO_POINT) status = outside(task, &params, row, err);
    else status = tune_row_new(d->target, task->number, point, row, err);
    tune_named_clear(&params);
    if (status || point == TUNE_NO_POINT) return status;
    status = tune_drive_reserve(d, err);
    const bool baseline = !d->options->every && tune_target_is_baseline(d->target, point);
    if (!status && !baseline) status = make_room(d, point, err);
    if (!status) status = set_deadline(a, what, err);
    if (status) return status;
    if (baseline) return tune_drive_sample_baseline(d, row, err);
    status = tune_drive_sample(d, point, row, err);
    /* It may be the best here, and is then sampled beside later ones: those samples are its own too. */
    d->trials[point] = (int32_t)task->number;
    return status;
}

/* What is to be run of a candidate beside the baseline. */
typedef struct blocks {
    uint32_t point;
    int64_t trial;
    tune_block_plan plan;
} blocks;

static int read_blocks(agent *a, const json_t *what, blocks *out, xlstm_error *err) {
    drive *d = &a->drive;
    tune_named_list params = {0};
    int status = tune_named_from_json(&params, json_object_get(what, "point"), err);
    if (status) return status;
    out->point = tune_named_point(&params, d->target->space);
    out->trial = json_integer_value(json_object_get(what, "trial"));
    tune_named_clear(&params);
    if (out->point == TUNE_NO_POINT || !tune_wire_read_plan(json_object_get(what, "plan"), &out->plan))
        return xl_fail(err, XLSTM_EARG, "comparison: the winner is no point of this node's space");
    d->taken_count = 0;
    status = tune_drive_reserve(d, err);
    if (!status) d->trials[out->point] = (int32_t)out->trial;
    return status;
}

static void set_stage(drive *d, const char *stage, int64_t process, int64_t block) {
    for (size_t i = 0; i < d->taken_count; i++) {
        d->taken[i].stage = stage;
        d->taken[i].process = process;
        d->taken[i].block = block;
    }
}

/* Runs one process of the last comparison; its samples are in d->taken. */
static int run_process(agent *a, const tune_task *task, const json_t *what, tune_block_result *out,
                       xlstm_error *err) {
    drive *d = &a->drive;
    blocks b;
    int status = read_blocks(a, what, &b, err);
    if (status) return status;
    const double origin = d->started_wall, began = xl_wall_s();
    if (tune_fresh_possible(d->target)) {
        d->started_wall = began;
        status = tune_fresh_run(d->target, NULL, b.point, &b.plan, tune_drive_on_sample, d, out, err);
    } else {
        status = tune_blocks_run(d->sampler, TUNE_BASELINE, b.point, &b.plan, out, err);
    }
    d->started_wall = origin;
    out->at = began;
    set_stage(d, "final", task->number + 1, 0);
    return status;
}

/* Measures a finalist of the playoff again, in this process as in the search; its samples are in d->taken. */
static int check_finalist(agent *a, const json_t *what, tune_block_result *out, xlstm_error *err) {
    drive *d = &a->drive;
    blocks b;
    int status = read_blocks(a, what, &b, err);
    if (status) return status;
    const double began = xl_wall_s();
    status = tune_blocks_run(d->sampler, TUNE_BASELINE, b.point, &b.plan, out, err);
    out->at = began;
    set_stage(d, "check", 0, b.trial);
    return status;
}

/* Mean seconds of the baseline's samples in use; NAN: there are none. */
static double baseline_seconds(const drive *d) {
    double sum = 0;
    int n = 0;
    for (size_t i = 0; i < d->taken_count; i++) {
        if (!d->taken[i].used || d->taken[i].trial != TUNE_BASELINE_TRIAL) continue;
        sum += tune_target_seconds(d->target, d->taken[i].parts);
        n++;
    }
    return n ? sum / n : NAN;
}

/* What is stored with a task besides rows. */
static char *result_text(const agent *a, const tune_block_result *process, int status, const xlstm_error *why) {
    const double seconds = baseline_seconds(&a->drive);
    json_t *j = json_object();
    if (isfinite(seconds)) json_object_set_new(j, "baseline_s", json_real(seconds));
    if (process && !status) json_object_set_new(j, "result", tune_wire_result(process));
    if (status) json_object_set_new(j, "error", json_string(why->text));
    if (status) json_object_set_new(j, "status", json_integer(status));
    if (process && status) {
        const tune_culprit culprit = tune_final_unusable(status) ? process->culprit : TUNE_CULPRIT_NEITHER;
        json_object_set_new(j, "culprit", json_integer((int)culprit));
    }
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(j);
    return text;
}

double tune_agent_clock_ahead(double before, double after, double there, double *doubt) {
    *doubt = fmax(0, after - before) / 2;
    return (before + after) / 2 - there;
}

/* Compares this machine's clock with the database's, whose time everything has that is stored. */
static int compare_clocks(agent *a, xlstm_error *err) {
    const double before = xl_wall_s();
    double there;
    char text[300];
    int status = tune_study_now(a->study, &there, err);
    if (status) return status;
    double doubt;
    const double ahead = tune_agent_clock_ahead(before, xl_wall_s(), there, &doubt), size = fabs(ahead);
    if (size < 1 + doubt) return XLSTM_OK;
    a->ahead = ahead;
    snprintf(text, sizeof text, "node %s: its clock is %.0f %s %s that of the study's database, which counts",
             a->options->node->name, size < 120 ? size : size / 60, size < 120 ? "seconds" : "minutes",
             ahead > 0 ? "ahead of" : "behind");
    if (size >= CLOCKS_S + doubt && a->options->note) a->options->note(a->options->note_ctx, text);
    return XLSTM_OK;
}

/* Gives what was measured the database's time. */
static void set_times(agent *a, tune_trial_row *row) {
    drive *d = &a->drive;
    row->started -= a->ahead;
    for (size_t i = 0; i < d->taken_count; i++) d->taken[i].at -= a->ahead;
}

/* Does a claimed task and stores what came of it. A failure that is not the point's own ends the agent.
 * TUNE_TIME_UP: the task was put back, because its time was over. */
static int do_task(agent *a, const tune_task *task, xlstm_error *err) {
    drive *d = &a->drive;
    tune_trial_row row = {.duplicate_of = -1};
    tune_block_result process = {0};
    xlstm_error why = {0};
    const bool trial = !strcmp(task->work, TUNE_WORK_TRIAL), check = !strcmp(task->work, TUNE_WORK_CHECK);
    json_t *what = json_loads(task->what, 0, NULL);
    int status = trial   ? measure_trial(a, task, what, &row, &why)
                 : check ? check_finalist(a, what, &process, &why)
                         : run_process(a, task, what, &process, &why);
    json_decref(what);
    /* A process that fails is lost, and counts as such; the comparison goes on. */
    const bool counts = !status || (!trial && !tune_ends_everything(status));
    char *result = counts ? result_text(a, trial ? NULL : &process, status, &why) : NULL;
    if (is_stopped(a) && status) status = XLSTM_ECANCELLED;
    set_times(a, &row);
    pthread_mutex_lock(&a->lock);
    if (!counts) {
        tune_study_task_return(a->study, task, NULL);
        if (err && status < 0) *err = why;
    } else if (!result) {
        status = xl_fail(err, XLSTM_ENOMEM, "agent: out of memory");
    } else {
        bool taken = false;
        status = tune_study_task_finish(a->study, task, result, trial ? &row : NULL, d->taken, d->taken_count,
                                        &taken, err);
        if (!status && taken && trial) a->result->trials++;
        else if (!status && taken && check) a->result->checks++;
        else if (!status && taken) a->result->processes++;
        else if (!status) a->result->lost++;
    }
    pthread_mutex_unlock(&a->lock);
    free(result);
    tune_trial_row_clear(&row);
    return status;
}

/* ---- the loop ---- */

/* Claims a task, and first finds the run of this kind, which the proposing process begins. */
static int claim(agent *a, tune_task *task, bool *found, xlstm_error *err) {
    const tune_node_row *node = a->options->node;
    int status = XLSTM_OK;
    *found = false;
    pthread_mutex_lock(&a->lock);
    if (a->beat_status) {
        status = a->beat_status;
        if (err) *err = a->beat_error;
    }
    if (!status && !a->run) status = tune_study_fleet_run(a->study, node->fleet, node->kind, &a->run, err);
    if (!status && a->run && a->current)
        status = tune_study_task_claim(a->study, a->run, node->uid, a->options->lease_s, task, found, err);
    pthread_mutex_unlock(&a->lock);
    return status;
}

/* Whether the fleet goes on, as far as the last heartbeat knows. */
static bool is_current(agent *a) {
    pthread_mutex_lock(&a->lock);
    const bool current = a->current;
    pthread_mutex_unlock(&a->lock);
    return current;
}

static int work(agent *a, xlstm_error *err) {
    double nap = NAP_LEAST, asked = xl_now_s();
    int status = XLSTM_OK;
    while (!status && is_current(a) && !is_stopped(a)) {
        tune_task task = {0};
        bool found;
        status = claim(a, &task, &found, err);
        if (found) {
            status = do_task(a, &task, err);
            tune_task_clear(&task);
            nap = NAP_LEAST;
            if (status != TUNE_TIME_UP) continue;
            /* The proposing process takes it away, or has it measured when the search is continued. */
            status = XLSTM_OK;
            nap = NAP_MOST;
        }
        if (status) break;
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * nap)}, NULL);
        nap = fmin(NAP_MOST, 2 * nap);
        if (xl_now_s() - asked < BEAT_S) continue;
        pthread_mutex_lock(&a->lock);
        status = beat(a, err);
        pthread_mutex_unlock(&a->lock);
        asked = xl_now_s();
    }
    return status;
}

int tune_agent_run(const tune_target *target, tune_study *study, const tune_agent_options *options,
                   tune_agent_result *result, xlstm_error *err) {
    pthread_t thread;
    agent a = {.options = options,
               .result = result,
               .study = study,
               .current = true,
               .drive = {.target = target,
                         .meter = {.target = target},
                         .options = options->drive,
                         .stage = "search",
                         .untimed = TUNE_NO_POINT,
                         .started = tune_drive_now(options->drive),
                         .best = NAN}};
    *result = (tune_agent_result){0};
    int status = tune_drive_prepare(&a.drive, err);
    if (!status) status = compare_clocks(&a, err);
    if (!status) status = tune_study_node_add(study, options->node, err);
    if (status) goto out;
    pthread_mutex_init(&a.lock, NULL);
    make_wake(&a);
    if (xl_thread_start(&thread, beat_on, &a)) {
        status = xl_fail(err, XLSTM_EIO, "agent: no thread could be started");
    } else {
        status = work(&a, err);
        pthread_mutex_lock(&a.lock);
        a.ending = true;
        pthread_cond_signal(&a.wake);
        pthread_mutex_unlock(&a.lock);
        pthread_join(thread, NULL);
    }
    tune_study_node_set(study, options->node->uid, TUNE_NODE_LEFT,
                        status && err && status != XLSTM_ECANCELLED ? err->text : NULL, NULL);
    pthread_cond_destroy(&a.wake);
    pthread_mutex_destroy(&a.lock);
out:
    tune_race_destroy(a.drive.race);
    tune_gauge_destroy(a.drive.gauge);
    tune_sampler_destroy(a.drive.sampler);
    free(a.drive.trials);
    free(a.drive.taken);
    return status;
}

/* ---- kinds ---- */

char *tune_agent_about(const tune_target *target, const char *target_name, const char *machine,
                       const json_t *machine_info, const char *version, char kind[33]) {
    json_t *j = json_pack("{s:s, s:s, s:s, s:o?, s:o?, s:o?, s:o?, s:o?}", "target", target_name, "machine",
                          machine, "version", version, "identity", tune_named_json(&target->identity), "workload",
                          tune_named_json(&target->workload), "build", tune_named_json(&target->build), "baseline",
                          tune_named_json(&target->baseline), "space", tune_space_json(target->space));
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
    if (text) xl_fnv_hex(text, strlen(text), kind);
    free(text);
    /* What is worth knowing, and no part of the kind. */
    if (j) json_object_set_new(j, "machine_info", json_deep_copy(machine_info));
    json_t *mark = j ? tune_process_mark() : NULL;
    if (mark) json_object_set_new(j, "process", mark);
    text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(j);
    return text;
}
