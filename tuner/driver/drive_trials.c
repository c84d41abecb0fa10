#include "tuner/driver/drive_trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "tuner/driver/drive_samples.h"
#include "tuner/driver/front.h"
#include "tuner/driver/row.h"

/* ---- several objectives ---- */

/* Returns the value of the k-th objective that the strategy is told. Divergence and perplexity are properties of a
 * point and do not drift with the machine, so they are not put in relation to the baseline. */
static double told_objective(const drive *d, const tune_trial_row *t, int k) {
    const int objective = d->options->objective[k];
    if (k == 0) return t->value;
    return d->target->metrics->at[objective].of_point ? t->metric[objective]
                                                      : tune_drive_cost_ratio(d, t->index, objective);
}

bool tune_drive_may_be_on_front(void *ctx, const tune_race_entry *e) {
    const drive *d = ctx;
    const tune_drive_options *o = d->options;
    double df, sd = tune_race_scatter(d->race, &df);
    tune_trial_row about = {.index = -1};
    const tune_trial_row *all;
    size_t count;
    /* Without memory for the trials it goes on, and what needs them next says so. */
    if (isnan(sd) || !d->keeper || tune_keeper_rows(d->keeper, &all, &count, NULL)) return true;
    for (int i = 0; i < TUNE_METRICS; i++) about.metric[i] = NAN;
    const bool known = !tune_row_describe(d->target, e->candidate, &about, NULL);
    tune_row_measured(d->target, e->parts, &about);
    double metric[TUNE_METRICS];
    memcpy(metric, about.metric, sizeof metric);
    tune_trial_row_clear(&about);
    if (!known) return true;
    for (size_t i = 0; i < count; i++) {
        if (all[i].status != TUNE_TRIAL_OK || all[i].samples < 1) continue;
        const double noise = 2 * sd * sqrt(1.0 / e->samples + 1.0 / (double)all[i].samples);
        if (tune_front_beats_clearly(d->target->metrics, all[i].metric, metric, o->objective, o->objectives, noise))
            return false;
    }
    return true;
}

/* ---- trials ---- */

/* Replaces a row's list of numbers by a copy of `values`. */
static int put_numbers(tune_numbers *to, const double *values, size_t count, xlstm_error *err) {
    double *copy = count ? xl_array(count, sizeof *copy) : NULL;
    if (count && !copy) return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
    if (count) memcpy(copy, values, count * sizeof *copy);
    free(to->value);
    *to = (tune_numbers){copy, count};
    return XLSTM_OK;
}

/* Copies what the race knows of a candidate into its row. */
static int take_values(drive *d, const tune_race_entry *e, tune_trial_row *t, xlstm_error *err) {
    double df;
    int n = 0;
    tune_row_measured(d->target, e->parts, t);
    t->value = exp(e->value);
    t->samples = e->samples;
    const double *values = tune_race_values(d->race, e->candidate, &n);
    t->spread = tune_race_scatter(d->race, &df) / sqrt(n ? n : 1);
    return put_numbers(&t->ratios, values, values ? (size_t)n : 0, err);
}

static void judge_outcome(const drive *d, const tune_race_entry *e, tune_trial_row *t) {
    char number[XL_NUMBER_TEXT];
    switch (e->outcome) {
    case TUNE_RACE_FAILED:
        t->status = e->status == XLSTM_EUNSUPPORTED ? TUNE_TRIAL_INFEASIBLE : TUNE_TRIAL_FAILED;
        t->reason = e->text ? strdup(e->text) : NULL;
        break;
    case TUNE_RACE_STOPPED:
        t->status = TUNE_TRIAL_TIMEOUT;
        t->reason = xl_format("stopped after %s s: too slow to win", xl_number_rounded(number, e->cost, 3));
        break;
    default:
        t->status = TUNE_TRIAL_OK;
    }
}

static void take_best(drive *d, int status, double value, int64_t samples) {
    if (status != TUNE_TRIAL_OK || isnan(value) || value >= d->best) return;
    d->best = value;
    d->best_samples = (int)samples;
}

/* Finds the best trial anew. After more samples the lowest value may be another trial's, or higher than before. */
static void find_best(drive *d) {
    size_t count;
    const tune_trial_mark *all = tune_keeper_marks(d->keeper, &count);
    d->best = NAN;
    for (size_t i = 0; i < count; i++) take_best(d, all[i].status, all[i].value, all[i].samples);
}

void tune_drive_count(drive *d, const tune_trial_row *t, uint32_t point, bool old) {
    tune_drive_result *r = d->result;
    r->trials++;
    if (t->status == TUNE_TRIAL_DUPLICATE) r->duplicates++;
    else r->measured++;
    if (t->status == TUNE_TRIAL_FAILED || t->status == TUNE_TRIAL_INFEASIBLE || t->status == TUNE_TRIAL_TIMEOUT)
        r->failed++;
    if (t->status != TUNE_TRIAL_DUPLICATE && point < d->points) d->trials[point] = (int32_t)t->index;
    take_best(d, (int)t->status, t->value, t->samples);
    if (d->watcher && d->watcher->trial) d->watcher->trial(d->watcher->ctx, t, old);
}

static int keep(drive *d, const tune_trial_row *t, uint32_t point, xlstm_error *err) {
    tune_named_list settings;
    if (!tune_target_settings(d->target, point, &settings))
        return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
    int status = tune_keeper_add(d->keeper, t, &settings, d->taken, d->taken_count, err);
    tune_named_clear(&settings);
    d->taken_count = 0;
    if (!status) tune_drive_count(d, t, point, false);
    return status;
}

void tune_drive_told_of(const tune_trial_row *t, double told[TUNE_TOLD_COUNT]) {
    for (size_t i = 0; i < TUNE_TOLD_COUNT; i++) {
        told[i] = i < t->told.count && isfinite(t->told.value[i]) ? t->told.value[i] : NAN;
    }
}

int tune_drive_duplicate(drive *d, uint32_t point, xlstm_error *err) {
    double told[TUNE_TOLD_COUNT];
    tune_trial_row original, t;
    int status = tune_keeper_read(d->keeper, tune_drive_trial_of(d, point), &original, err);
    if (status) return status;
    status = tune_row_duplicate(d->target, tune_keeper_next(d->keeper), point, &original, &t, err);
    tune_drive_told_of(&original, told);
    tune_trial_row_clear(&original);
    if (status) return status;
    d->taken_count = 0;
    status = keep(d, &t, point, err);
    if (!status) status = tune_proposer_tell(d->proposer, point, told, 0, err);
    tune_trial_row_clear(&t);
    return status;
}

int tune_drive_refresh_duplicates(tune_keeper *keeper, const tune_trial_row *original, xlstm_error *err) {
    size_t count;
    const tune_trial_mark *all = tune_keeper_marks(keeper, &count);
    for (size_t i = (size_t)original->index + 1; i < count; i++) {
        tune_trial_row t;
        if (all[i].duplicate_of != original->index) continue;
        int status = tune_keeper_read(keeper, (int64_t)i, &t, err);
        if (status) return status;
        memcpy(t.metric, original->metric, sizeof t.metric);
        t.value = original->value;
        status = tune_keeper_change(keeper, &t, err);
        tune_trial_row_clear(&t);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Updates the row of a trial that has other samples than when it was stored. */
static int refresh_row(drive *d, int64_t trial, const tune_race_entry *e, xlstm_error *err) {
    tune_trial_row t;
    int status = tune_keeper_read(d->keeper, trial, &t, err);
    if (status) return status;
    status = take_values(d, e, &t, err);
    if (!status) status = tune_keeper_change(d->keeper, &t, err);
    if (!status) status = tune_drive_refresh_duplicates(d->keeper, &t, err);
    tune_trial_row_clear(&t);
    return status;
}

int tune_drive_refresh(drive *d, int64_t except, bool *changed, xlstm_error *err) {
    size_t count, changes;
    const int64_t *points = tune_race_changes(d->race, &changes);
    for (size_t i = 0; i < changes; i++) {
        tune_race_entry e;
        const int32_t trial = tune_drive_trial_of(d, points[i]);
        if (trial < 0 || trial == except) continue;
        const tune_trial_mark *m = &tune_keeper_marks(d->keeper, &count)[trial];
        if (m->status != TUNE_TRIAL_OK || !tune_race_get(d->race, points[i], &e) || e.samples == m->samples)
            continue;
        int status = refresh_row(d, trial, &e, err);
        if (status) return status;
        *changed = true;
    }
    tune_race_forget_changes(d->race);
    if (*changed) find_best(d);
    return XLSTM_OK;
}

/* Marks samples as not used that the race, after seeing the next sample, took for warm-up. */
static void mark_dropped(drive *d, const tune_trial_row *t) {
    int64_t used = 0;
    for (size_t i = 0; i < d->taken_count; i++) used += d->taken[i].trial == t->index && d->taken[i].used;
    for (size_t i = 0; i < d->taken_count && used > t->samples; i++) {
        tune_sample_row *p = &d->taken[i];
        if (p->trial != t->index || !p->used) continue;
        p->used = false;
        snprintf(p->why, sizeof p->why, "warm-up");
        p->causes = TUNE_CAUSE_WARMUP;
        used--;
    }
}

/* ---- measuring: what a node of a fleet does too ---- */

/* Puts what the strategy is to be told into the row. */
static int put_told(const drive *d, tune_trial_row *t, const double told[TUNE_TOLD_COUNT], xlstm_error *err) {
    const int objectives = d->options->objectives;
    const size_t n = TUNE_TOLD_OBJECTIVES + (objectives > 1 ? (size_t)objectives : 0);
    return put_numbers(&t->told, told, n, err);
}

int tune_drive_sample(drive *d, uint32_t point, tune_trial_row *t, xlstm_error *err) {
    const int64_t candidate = point;
    tune_race_entry e;
    double told[TUNE_TOLD_COUNT], start = tune_drive_now(d->options);
    const int objectives = d->options->objectives;
    for (int i = 0; i < TUNE_TOLD_COUNT; i++) told[i] = NAN;
    d->block = t->index;
    d->taken_count = 0;
    d->trials[point] = (int32_t)t->index;
    int status = tune_race_run(d->race, &candidate, 1, &e, err);
    d->trials[point] = -1;
    if (!status) status = tune_drive_kept_failure(d, err);
    if (status) return status;
    if (e.outcome == TUNE_RACE_UNTIMED) return TUNE_TIME_UP;
    judge_outcome(d, &e, t);
    if (t->status == TUNE_TRIAL_OK) status = tune_row_describe(d->target, candidate, t, err);
    if (!status && (t->status == TUNE_TRIAL_OK || t->status == TUNE_TRIAL_TIMEOUT))
        status = take_values(d, &e, t, err);
    if (status) return status;
    t->seconds = tune_drive_now(d->options) - start;
    d->trial_s += t->seconds;
    d->trial_n++;
    if (t->status == TUNE_TRIAL_OK) {
        told[TUNE_TOLD_VALUE] = t->value;
        told[TUNE_TOLD_FIRST] = tune_drive_part_ratio(d, t->index, 0);
        told[TUNE_TOLD_SECOND] = tune_drive_part_ratio(d, t->index, 1);
        for (int k = 0; k < objectives; k++) told[TUNE_TOLD_OBJECTIVES + k] = told_objective(d, t, k);
    } else if (t->status == TUNE_TRIAL_TIMEOUT) {
        told[TUNE_TOLD_VALUE] = t->value;
    }
    mark_dropped(d, t);
    return put_told(d, t, told, err);
}

int tune_drive_sample_baseline(drive *d, tune_trial_row *t, xlstm_error *err) {
    double told[TUNE_TOLD_COUNT];
    const double start = tune_drive_now(d->options);
    d->block = t->index;
    d->taken_count = 0;
    int status = tune_race_take_baseline(d->race, err);
    if (!status) status = tune_drive_kept_failure(d, err);
    if (!status) status = tune_row_describe(d->target, TUNE_BASELINE, t, err);
    if (status) return status;
    tune_sample_row *own = &d->taken[d->taken_count - 1];
    own->trial = t->index;
    own->used = true;
    tune_row_measured(d->target, own->parts, t);
    t->status = TUNE_TRIAL_OK;
    t->reason = strdup("the baseline's own settings");
    t->value = 1;
    t->samples = 1;
    t->seconds = tune_drive_now(d->options) - start;
    for (int i = 0; i < TUNE_TOLD_COUNT; i++) told[i] = i < TUNE_TOLD_OBJECTIVES ? 1 : NAN;
    for (int k = 0; k < d->options->objectives; k++) {
        const int objective = d->options->objective[k];
        told[TUNE_TOLD_OBJECTIVES + k] = k && d->target->metrics->at[objective].of_point ? t->metric[objective] : 1;
    }
    return put_told(d, t, told, err);
}

/* ---- measuring and proposing in one process ---- */

/* Stores the results of a trial and tells them to the strategy. */
static int settle(drive *d, tune_trial_row *t, uint32_t point, bool joined, xlstm_error *err) {
    double told[TUNE_TOLD_COUNT];
    bool changed = false;
    t->joined = joined;
    int status = keep(d, t, point, err);
    if (!status) status = tune_drive_refresh(d, t->index, &changed, err);
    if (status || joined) return status;
    /* The values come from the stored row, so that a resumed run tells the strategy exactly the same numbers. */
    tune_drive_told_of(t, told);
    return tune_proposer_tell(d->proposer, point, told, t->seconds, err);
}

int tune_drive_measure(drive *d, uint32_t point, bool joined, xlstm_error *err) {
    tune_trial_row t;
    int status = tune_row_new(d->target, tune_keeper_next(d->keeper), point, &t, err);
    if (status) return status;
    status = tune_drive_sample(d, point, &t, err);
    if (status == TUNE_TIME_UP && !joined) d->untimed = point;
    if (!status) status = settle(d, &t, point, joined, err);
    tune_trial_row_clear(&t);
    return status;
}

int tune_drive_take_from_baseline(drive *d, uint32_t point, bool joined, xlstm_error *err) {
    tune_trial_row t;
    int status = tune_row_new(d->target, tune_keeper_next(d->keeper), point, &t, err);
    if (status) return status;
    status = tune_drive_sample_baseline(d, &t, err);
    if (!status) status = settle(d, &t, point, joined, err);
    tune_trial_row_clear(&t);
    return status;
}
