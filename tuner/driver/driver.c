#include "tuner/driver/driver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/comparison.h"
#include "tuner/driver/front.h"
#include "tuner/driver/interaction.h"
#include "tuner/driver/proposer.h"
#include "tuner/driver/result.h"
#include "tuner/driver/row.h"

/* Shares of a budget: after the first no new trial begins, after the second no playoff sample; the rest is for the
 * last comparison. */
#define SEARCH_SHARE 0.55
#define PLAYOFF_SHARE 0.65
/* Factor on the shortest time that a comparison takes, because fresh processes must start and load first. */
#define SPARE 1.5
/* Stopping a hopeless sample early saves nothing worth having where a whole sample is shorter than this, and on a
 * busy machine any short sample can look hopeless. */
#define STOP_FROM_S 5.0
_Static_assert((int)TUNE_METRICS <= (int)TUNE_OBJECTIVES, "every metric may be an objective");

typedef struct drive {
    const tune_target *problem;
    const tune_drive_options *options;
    tune_keeper *keeper;
    const tune_watcher *watcher;
    tune_drive_result *result;
    tune_sampler *sampler;
    tune_race *race;
    tune_proposer *proposer;
    int32_t *trials;        /* [points]: the trial that measured each point; -1: none */
    size_t points;          /* length of `trials` */
    tune_sample_row *taken; /* samples of the trial that is being measured */
    size_t taken_count, taken_room;
    int64_t seq, block;
    int64_t process; /* of the last comparison: number of the fresh process */
    const char *stage;
    double started;      /* tune_drive_now when this process began its work */
    double started_wall; /* when the sampler was made, seconds since 1970 */
    double baseline_parts[TUNE_PARTS];
    double last_parts[TUNE_PARTS]; /* of the baseline's last sample, in seconds */
    double best;                   /* lowest ratio to the baseline of any trial; NAN: none */
    int best_samples;              /* number of samples behind `best` */
    double search_until,
        playoff_until; /* ends of search and playoff within the budget, in seconds as spent() counts */
    uint32_t untimed;  /* a point whose first sample did not fit into the time, for later; TUNE_NO_POINT: none */
    int limit;         /* number of proposals; 0: no limit */
    double trial_s;    /* seconds that measured trials took in this process, and how many there were */
    int trial_n;
    xlstm_error kept; /* the first failure inside a callback */
    int kept_status;
} drive;

void tune_drive_options_init(tune_drive_options *options, const tune_metrics *metrics) {
    *options = (tune_drive_options){.mode = tune_strategies[0]->name,
                                    .seed = 1337,
                                    .budget_s = INFINITY,
                                    .effort = TUNE_NORMAL,
                                    .objective = {metrics->objective},
                                    .objectives = 1};
}

double tune_drive_now(const tune_drive_options *options) {
    return options->now_s ? options->now_s(options->now_ctx) : xl_now_s();
}

/* Returns the trial that measured a point; -1: none did. */
static int32_t trial_of(const drive *d, int64_t point) {
    return (size_t)point < d->points ? d->trials[point] : -1;
}

/* Makes room in `trials` for all points that have an id by now. */
static int reserve_points(drive *d, xlstm_error *err) {
    const size_t known = tune_space_known(d->problem->space);
    if (known <= d->points) return XLSTM_OK;
    const size_t points = tune_space_counted(d->problem->space) ? known : 2 * known;
    int32_t *more = realloc(d->trials, points * sizeof *more);
    if (!more) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu points", points);
    memset(more + d->points, 0xff, (points - d->points) * sizeof *more);
    d->trials = more;
    d->points = points;
    return XLSTM_OK;
}

static int stop_level(const drive *d) {
    return d->options->stop ? d->options->stop(d->options->stop_ctx) : 0;
}

static double spent(const drive *d) {
    return tune_drive_now(d->options) - d->started;
}

static void note(const drive *d, const char *text) {
    if (d->watcher && d->watcher->note) d->watcher->note(d->watcher->ctx, text);
}

static void progress(drive *d) {
    if (!d->watcher || !d->watcher->progress) return;
    size_t done;
    tune_keeper_trials(d->keeper, &done);
    double left = NAN;
    if (d->limit && d->trial_n) left = (d->limit - (double)done) * d->trial_s / d->trial_n;
    if (isfinite(d->options->budget_s)) {
        double bound = d->options->budget_s - spent(d);
        left = isnan(left) || left > bound ? fmax(0, bound) : left;
    }
    d->watcher->progress(d->watcher->ctx, d->stage, (int)done, d->limit, d->best, d->best_samples, left);
}

/* ---- samples ---- */

static tune_sample_row to_row(const drive *d, const tune_sample *s) {
    int64_t trial = s->candidate < 0 ? TUNE_BASELINE_TRIAL : trial_of(d, s->candidate);
    tune_sample_row row = tune_row_sample(s, trial, d->stage, d->block, d->started_wall);
    row.process = d->process;
    return row;
}

/* During the search samples are kept until their trial is stored; later they are stored at once. */
static void on_sample(void *ctx, const tune_sample *s) {
    drive *d = ctx;
    tune_sample_row row = to_row(d, s);
    row.seq = d->seq++;
    if (s->candidate == TUNE_BASELINE_TRIAL && row.used)
        memcpy(d->last_parts, s->reading.parts, sizeof d->last_parts);
    if (strcmp(d->stage, "search") != 0) {
        int status = tune_keeper_samples(d->keeper, &row, 1, d->kept_status ? NULL : &d->kept);
        if (status && !d->kept_status) d->kept_status = status;
        progress(d);
        return;
    }
    if (d->taken_count == d->taken_room) {
        size_t room = d->taken_room ? 2 * d->taken_room : 64;
        tune_sample_row *grown = realloc(d->taken, room * sizeof *grown);
        if (!grown) {
            d->kept_status = xl_fail(&d->kept, XLSTM_ENOMEM, "samples: out of memory");
            return;
        }
        d->taken = grown;
        d->taken_room = room;
    }
    d->taken[d->taken_count++] = row;
    progress(d);
}

/* Measures a sample through the problem's own function; the sampler calls it. */
static int measure_sample(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                          xlstm_error *err) {
    const drive *d = ctx;
    if (tune_target_seconds(d->problem, d->last_parts) < STOP_FROM_S) limit = INFINITY;
    return d->problem->measure(d->problem->self, candidate, repeats, limit, out, err);
}

/* Returns the mean of an objective's cost over the trial's samples in use, as a ratio to the mean of the baseline
 * samples taken beside them. */
static double cost_ratio(const drive *d, int64_t trial, int objective) {
    double sum = 0, base = tune_target_cost(d->problem, objective, d->last_parts);
    int n = 0, base_n = 1;
    for (size_t i = 0; i < d->taken_count; i++) {
        const tune_sample_row *p = &d->taken[i];
        double value = tune_target_cost(d->problem, objective, p->parts);
        if (!p->used) continue;
        if (p->trial == trial) sum += value, n++;
        else if (p->trial == TUNE_BASELINE_TRIAL) base += value, base_n++;
    }
    return n ? sum / n / (base / base_n) : NAN;
}

/* Returns the same for one of the two metrics that may be searched apart; NAN where there are none. */
static double part_ratio(const drive *d, int64_t trial, int which) {
    const int metric = d->problem->metrics->apart[which];
    return metric < 0 ? NAN : cost_ratio(d, trial, metric);
}

/* ---- several objectives ---- */

const char *tune_drive_strategy(const tune_drive_options *options) {
    const tune_strategy_class *class = tune_strategy_find(options->mode);
    return options->objectives > 1 && class && class->many ? class->many : options->mode;
}

/* Returns the value of the k-th objective that the strategy is told. Divergence and perplexity are properties of a
 * point and do not drift with the machine, so they are not put in relation to the baseline. */
static double told_objective(const drive *d, const tune_trial_row *t, int k) {
    const int objective = d->options->objective[k];
    if (k == 0) return t->value;
    return d->problem->metrics->at[objective].of_point ? t->metric[objective] : cost_ratio(d, t->index, objective);
}

/* Whether a candidate that is slower than the incumbent may still be on the Pareto front: no trial beats it in
 * every objective by more than the noise. */
static bool may_be_on_front(void *ctx, const tune_race_entry *e) {
    const drive *d = ctx;
    const tune_drive_options *o = d->options;
    double df, sd = tune_race_scatter(d->race, &df);
    tune_trial_row about = {.index = -1};
    size_t count;
    if (isnan(sd)) return true;
    for (int i = 0; i < TUNE_METRICS; i++) about.metric[i] = NAN;
    const bool known = !tune_row_describe(d->problem, e->candidate, &about, NULL);
    tune_row_measured(d->problem, e->parts, &about);
    double metric[TUNE_METRICS];
    memcpy(metric, about.metric, sizeof metric);
    tune_trial_row_clear(&about);
    if (!known) return true;
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].status != TUNE_TRIAL_OK || all[i].samples < 1) continue;
        const double noise = 2 * sd * sqrt(1.0 / e->samples + 1.0 / (double)all[i].samples);
        if (tune_front_beats_clearly(d->problem->metrics, all[i].metric, metric, o->objective, o->objectives,
                                     noise))
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
    tune_row_measured(d->problem, e->parts, t);
    t->value = exp(e->value);
    t->samples = e->samples;
    const double *values = tune_race_values(d->race, e->candidate, &n);
    t->spread = tune_race_scatter(d->race, &df) / sqrt(n ? n : 1);
    return put_numbers(&t->ratios, values, values ? (size_t)n : 0, err);
}

static void judge_outcome(const drive *d, const tune_race_entry *e, tune_trial_row *t) {
    switch (e->outcome) {
    case TUNE_RACE_FAILED:
        t->status = e->status == XLSTM_EUNSUPPORTED ? TUNE_TRIAL_INFEASIBLE : TUNE_TRIAL_FAILED;
        t->reason = strdup(e->text);
        break;
    case TUNE_RACE_STOPPED:
        t->status = TUNE_TRIAL_TIMEOUT;
        t->reason = xl_format("stopped after %.3g s: too slow to win", e->cost);
        break;
    default:
        t->status = TUNE_TRIAL_OK;
    }
}

static void take_best(drive *d, const tune_trial_row *t) {
    if (t->status != TUNE_TRIAL_OK || isnan(t->value) || t->value >= d->best) return;
    d->best = t->value;
    d->best_samples = (int)t->samples;
}

/* Finds the best trial anew. After more samples the lowest value may be another trial's, or higher than before. */
static void find_best(drive *d) {
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &count);
    d->best = NAN;
    for (size_t i = 0; i < count; i++) take_best(d, &all[i]);
}

/* Updates the counts and the index of points for a stored row, from this process or an earlier one. */
static void count_trial(drive *d, const tune_trial_row *t, uint32_t point, bool old) {
    tune_drive_result *r = d->result;
    r->trials++;
    if (t->status == TUNE_TRIAL_DUPLICATE) r->duplicates++;
    else r->measured++;
    if (t->status == TUNE_TRIAL_FAILED || t->status == TUNE_TRIAL_INFEASIBLE || t->status == TUNE_TRIAL_TIMEOUT)
        r->failed++;
    if (t->status != TUNE_TRIAL_DUPLICATE && point < d->points) d->trials[point] = (int32_t)t->index;
    take_best(d, t);
    if (d->watcher && d->watcher->trial) d->watcher->trial(d->watcher->ctx, t, old);
}

static int keep(drive *d, const tune_trial_row *t, uint32_t point, xlstm_error *err) {
    json_t *settings = d->problem->settings(d->problem->self, point);
    if (!settings) return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
    int status = tune_keeper_add(d->keeper, t, settings, d->taken, d->taken_count, err);
    json_decref(settings);
    d->taken_count = 0;
    if (!status) count_trial(d, t, point, false);
    return status;
}

/* Returns what the strategy is told of a stored trial. A duplicate repeats the values of its original. */
static void told_of(const tune_trial_row *t, double told[TUNE_TOLD_COUNT]) {
    for (size_t i = 0; i < TUNE_TOLD_COUNT; i++) {
        told[i] = i < t->told.count && isfinite(t->told.value[i]) ? t->told.value[i] : NAN;
    }
}

static int duplicate(drive *d, uint32_t point, xlstm_error *err) {
    size_t count;
    const tune_trial_row *original = &tune_keeper_trials(d->keeper, &count)[trial_of(d, point)];
    double told[TUNE_TOLD_COUNT];
    tune_trial_row t;
    int status = tune_row_new(d->problem, d->keeper, point, &t, err);
    if (status) return status;
    t.status = TUNE_TRIAL_DUPLICATE;
    t.duplicate_of = original->index;
    t.reason = original->status == TUNE_TRIAL_OK
                   ? xl_format("as trial %lld", (long long)original->index)
                   : xl_format("as trial %lld: %s", (long long)original->index, original->reason);
    memcpy(t.metric, original->metric, sizeof t.metric);
    t.value = original->value;
    t.token_hash = original->token_hash ? strdup(original->token_hash) : NULL;
    told_of(original, told);
    d->taken_count = 0;
    status = put_numbers(&t.told, original->told.value, original->told.count, err);
    if (!status) status = keep(d, &t, point, err);
    if (!status) status = tune_proposer_tell(d->proposer, point, told, 0, err);
    tune_trial_row_clear(&t);
    return status;
}

/* Copies the values of a trial to its duplicates. */
static int refresh_duplicates(drive *d, const tune_trial_row *original, xlstm_error *err) {
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &count);
    for (size_t i = (size_t)original->index + 1; i < count; i++) {
        tune_trial_row t;
        if (all[i].duplicate_of != original->index) continue;
        if (!tune_trial_row_copy(&t, &all[i])) return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
        memcpy(t.metric, original->metric, sizeof t.metric);
        t.value = original->value;
        int status = tune_keeper_change(d->keeper, &t, err);
        tune_trial_row_clear(&t);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* Updates the rows of other trials (the incumbent, finalists), of which more samples may have been taken
 * meanwhile. */
static int refresh_others(drive *d, int64_t except, bool *changed, xlstm_error *err) {
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &count);
    for (size_t i = 0; i < count; i++) {
        tune_race_entry e;
        tune_trial_row t;
        if (all[i].status != TUNE_TRIAL_OK || all[i].index == except) continue;
        const uint32_t point = all[i].point;
        if (point == TUNE_NO_POINT || !tune_race_get(d->race, point, &e) || e.samples == all[i].samples) continue;
        if (!tune_trial_row_copy(&t, &all[i])) return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
        int status = take_values(d, &e, &t, err);
        if (!status) status = tune_keeper_change(d->keeper, &t, err);
        if (!status) status = refresh_duplicates(d, &t, err);
        tune_trial_row_clear(&t);
        if (status) return status;
        *changed = true;
        all = tune_keeper_trials(d->keeper, &count);
    }
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

/* Returns the failure that was kept from a callback, or XLSTM_OK. */
static int kept_failure(const drive *d, xlstm_error *err) {
    if (d->kept_status && err) *err = d->kept;
    return d->kept_status;
}

/* Stores the results of a trial and tells them to the strategy. */
static int settle(drive *d, tune_trial_row *t, uint32_t point, double told[TUNE_TOLD_COUNT], bool joined,
                  xlstm_error *err) {
    const int objectives = d->options->objectives;
    t->joined = joined;
    const size_t n = TUNE_TOLD_OBJECTIVES + (objectives > 1 ? (size_t)objectives : 0);
    int status = put_numbers(&t->told, told, n, err);
    if (!status) status = keep(d, t, point, err);
    bool changed = false;
    if (!status) status = refresh_others(d, t->index, &changed, err);
    if (status || joined) return status;
    /* The values come from the stored row, so that a resumed run tells the strategy exactly the same numbers. */
    told_of(t, told);
    return tune_proposer_tell(d->proposer, point, told, t->seconds, err);
}

/* Measures a point as a new trial. Returns TUNE_TIME_UP where the time was up before its first sample. */
static int measure(drive *d, uint32_t point, bool joined, xlstm_error *err) {
    const int64_t candidate = point;
    tune_race_entry e;
    tune_trial_row t;
    double told[TUNE_TOLD_COUNT], start = tune_drive_now(d->options);
    const int objectives = d->options->objectives;
    for (int i = 0; i < TUNE_TOLD_COUNT; i++) told[i] = NAN;
    int status = tune_row_new(d->problem, d->keeper, point, &t, err);
    if (status) return status;
    d->block = t.index;
    d->taken_count = 0;
    d->trials[point] = (int32_t)t.index;
    status = tune_race_run(d->race, &candidate, 1, &e, err);
    d->trials[point] = -1;
    if (!status) status = kept_failure(d, err);
    if (status) goto out;
    if (e.outcome == TUNE_RACE_UNTIMED) {
        if (!joined) d->untimed = point;
        status = TUNE_TIME_UP;
        goto out;
    }
    judge_outcome(d, &e, &t);
    if (t.status == TUNE_TRIAL_OK) status = tune_row_describe(d->problem, candidate, &t, err);
    if (!status && (t.status == TUNE_TRIAL_OK || t.status == TUNE_TRIAL_TIMEOUT))
        status = take_values(d, &e, &t, err);
    if (status) goto out;
    t.seconds = tune_drive_now(d->options) - start;
    d->trial_s += t.seconds;
    d->trial_n++;
    if (t.status == TUNE_TRIAL_OK) {
        told[TUNE_TOLD_VALUE] = t.value;
        told[TUNE_TOLD_PREFILL] = part_ratio(d, t.index, 0);
        told[TUNE_TOLD_DECODE] = part_ratio(d, t.index, 1);
        for (int k = 0; k < objectives; k++) told[TUNE_TOLD_OBJECTIVES + k] = told_objective(d, &t, k);
    } else if (t.status == TUNE_TRIAL_TIMEOUT) {
        told[TUNE_TOLD_VALUE] = t.value;
    }
    mark_dropped(d, &t);
    status = settle(d, &t, point, told, joined, err);
out:
    tune_trial_row_clear(&t);
    return status;
}

/* Handles a point that is equal in effect to the baseline: one more sample of the baseline becomes the point's,
 * and no comparison is needed. Returns TUNE_TIME_UP where the time was up before it. */
static int take_from_baseline(drive *d, uint32_t point, bool joined, xlstm_error *err) {
    tune_trial_row t;
    double told[TUNE_TOLD_COUNT];
    const double start = tune_drive_now(d->options);
    const int objectives = d->options->objectives;
    int status = tune_row_new(d->problem, d->keeper, point, &t, err);
    if (status) return status;
    d->block = t.index;
    d->taken_count = 0;
    status = tune_race_take_baseline(d->race, err);
    if (!status) status = kept_failure(d, err);
    if (!status) status = tune_row_describe(d->problem, TUNE_BASELINE_TRIAL, &t, err);
    if (status) goto out;
    tune_sample_row *own = &d->taken[d->taken_count - 1];
    own->trial = t.index;
    own->used = true;
    tune_row_measured(d->problem, own->parts, &t);
    t.status = TUNE_TRIAL_OK;
    t.reason = strdup("the baseline's own settings");
    t.value = 1;
    t.samples = 1;
    t.seconds = tune_drive_now(d->options) - start;
    for (int i = 0; i < TUNE_TOLD_COUNT; i++) told[i] = i < TUNE_TOLD_OBJECTIVES ? 1 : NAN;
    for (int k = 0; k < objectives; k++) {
        const int objective = d->options->objective[k];
        told[TUNE_TOLD_OBJECTIVES + k] = k && d->problem->metrics->at[objective].of_point ? t.metric[objective] : 1;
    }
    status = settle(d, &t, point, told, joined, err);
out:
    tune_trial_row_clear(&t);
    return status;
}

/* ---- continuing with the trials of an earlier process ---- */

static int restore_race(drive *d, const tune_trial_row *t, uint32_t point, xlstm_error *err) {
    double parts[TUNE_PARTS];
    if (!t->ratios.count) return XLSTM_OK;
    tune_row_parts(d->problem->metrics, t, parts);
    const double cost = tune_target_cost(d->problem, d->options->objective[0], parts);
    return tune_race_restore(d->race, point, t->ratios.value, (int)t->ratios.count, cost, parts, err);
}

/* Brings a resumed run to where it was: the strategy is asked and told again as it was the first time. Where it
 * proposes another point (another version wrote the run) it is told the stored result all the same. */
static int restore(drive *d, xlstm_error *err) {
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &count);
    bool differs = false;
    for (size_t i = 0; i < count; i++) {
        double told[TUNE_TOLD_COUNT];
        const uint32_t point = all[i].point;
        uint32_t asked = TUNE_NO_POINT;
        int status = XLSTM_OK;
        if (point == TUNE_NO_POINT)
            return xl_fail(err, XLSTM_EMISMATCH,
                           "%s: trial %zu is no point of the space: the run is of another space",
                           tune_keeper_folder(d->keeper), i);
        /* A duplicate of a joined point was an ordinary proposal, though older versions marked it as joined
         * too. */
        const bool joined = all[i].joined && all[i].duplicate_of < 0;
        /* A strategy that is resumed with a smaller limit than the number of stored trials is done before their
         * end. */
        const bool ask = !joined && !differs && !tune_proposer_done(d->proposer);
        if (ask) status = tune_proposer_ask(d->proposer, &asked, err);
        if (status) return status;
        differs |= ask && asked != point;
        told_of(&all[i], told);
        if (all[i].status == TUNE_TRIAL_OK) status = restore_race(d, &all[i], point, err);
        double cost = all[i].status == TUNE_TRIAL_DUPLICATE ? 0 : all[i].seconds;
        if (!status && !joined) status = tune_proposer_tell(d->proposer, point, told, cost, err);
        if (status) return status;
        status = reserve_points(d, err);
        if (status) return status;
        count_trial(d, &all[i], point, true);
    }
    if (differs) note(d, "the strategy would not propose the stored trials again: another version wrote this run");
    return XLSTM_OK;
}

/* ---- the whole run ---- */

static int keep_baseline(drive *d, xlstm_error *err) {
    tune_race_entry e;
    if (!tune_race_get(d->race, TUNE_BASELINE_TRIAL, &e) || e.samples == 0) return XLSTM_OK;
    memcpy(d->baseline_parts, e.parts, sizeof d->baseline_parts);
    char *text = tune_result_baseline(d->problem, e.parts, e.samples);
    int status = text ? tune_keeper_set_baseline(d->keeper, text, err)
                      : xl_fail(err, XLSTM_ENOMEM, "baseline: out of memory");
    free(text);
    return status;
}

/* Writes best.json as far as it is known before the last comparison. */
static int keep_best(drive *d, const char *verdict, xlstm_error *err) {
    int64_t best = tune_race_incumbent(d->race);
    tune_race_entry e = {0};
    tune_race_get(d->race, best, &e);
    json_t *j = tune_result_best(d->problem, d->keeper, best, &e, NULL, verdict, verdict);
    int status = j ? tune_keeper_set_result(d->keeper, j, err) : xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    json_decref(j);
    if (!status && d->options->objectives > 1)
        status = tune_front_write(d->problem, d->keeper, d->options->objective, d->options->objectives, err);
    return status;
}

/* Chooses the next point to measure. Where two parts of the space are searched apart, the last proposal left is
 * the point that joins the best of both. */
static int next_point(drive *d, bool last, uint32_t *point, bool *joined, xlstm_error *err) {
    uint32_t join = tune_proposer_joined(d->proposer);
    *joined = last && join != TUNE_NO_POINT && trial_of(d, join) < 0;
    *point = *joined ? join : d->untimed;
    if (*point != TUNE_NO_POINT) {
        if (!*joined) d->untimed = TUNE_NO_POINT;
        return XLSTM_OK;
    }
    return tune_proposer_ask(d->proposer, point, err);
}

/* Returns when the search or its playoff ends, in seconds of the budget: at its share, or earlier so that the
 * shortest possible comparison still fits, once it is known how long a sample takes. Where no comparison fits any
 * more, the search gets its whole share. */
static double end_of(const drive *d, double share_until) {
    tune_race_entry e;
    double least = 0;
    if (tune_race_get(d->race, TUNE_BASELINE_TRIAL, &e) && e.samples)
        least = SPARE * tune_final_least_seconds(tune_target_seconds(d->problem, e.parts));
    const double last = d->options->budget_s - least;
    return last > spent(d) ? fmin(share_until, last) : share_until;
}

/* Whether no proposal is left. */
static bool exhausted(const drive *d) {
    size_t count;
    tune_keeper_trials(d->keeper, &count);
    return (d->limit && count >= (size_t)d->limit) || tune_proposer_done(d->proposer);
}

static int search(drive *d, xlstm_error *err) {
    int64_t incumbent = TUNE_BASELINE_TRIAL;
    bool began = false;
    int status = XLSTM_OK;
    d->stage = "search";
    while (!status && !stop_level(d) && !exhausted(d)) {
        uint32_t point;
        size_t count;
        bool joined;
        tune_keeper_trials(d->keeper, &count);
        const bool late = began && spent(d) > end_of(d, d->search_until);
        tune_race_set_deadline(d->race, end_of(d, d->playoff_until));
        status = next_point(d, late || (d->limit && count + 1 == (size_t)d->limit), &point, &joined, err);
        if (!status && late && !joined) d->untimed = point;
        if (status || (late && !joined)) break;
        began = true;
        status = reserve_points(d, err);
        if (status) break;
        if (trial_of(d, point) >= 0) status = duplicate(d, point, err);
        else if (!d->options->every && tune_target_is_baseline(d->problem, point))
            status = take_from_baseline(d, point, joined, err);
        else status = measure(d, point, joined, err);
        if (status) break;
        progress(d);
        if (d->trial_n == 1 || tune_race_incumbent(d->race) != incumbent) {
            status = keep_baseline(d, err);
            if (!status) status = keep_best(d, "not judged yet", err);
            incumbent = tune_race_incumbent(d->race);
        }
    }
    return status == TUNE_TIME_UP ? XLSTM_OK : status;
}

/* Checks the joined point; takes at most half of the playoff's time. */
static int check_joined(drive *d, xlstm_error *err) {
    tune_interaction_job job = {.space = d->problem->space,
                                .metrics = d->problem->metrics,
                                .keeper = d->keeper,
                                .sampler = d->sampler,
                                .joined = tune_proposer_joined(d->proposer),
                                .rounds = tune_interaction_rounds(d->options->effort),
                                .deadline_s = (d->search_until + d->playoff_until) / 2};
    if (job.joined == TUNE_NO_POINT || tune_target_is_baseline(d->problem, job.joined)) return XLSTM_OK;
    return tune_interaction_check(&job, err);
}

static void tell_finalists(const drive *d) {
    int count;
    size_t trials;
    const tune_finalist *f = tune_race_finalists(d->race, &count);
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &trials);
    if (!d->watcher || !d->watcher->finalist) return;
    for (int i = 0; i < count; i++) {
        const int32_t trial = trial_of(d, f[i].candidate);
        if (trial >= 0) d->watcher->finalist(d->watcher->ctx, &all[trial], &f[i], i);
    }
}

static int playoff(drive *d, int64_t *winner, xlstm_error *err) {
    bool changed = false;
    d->stage = "check";
    int status = check_joined(d, err);
    if (!status) status = tune_race_finish(d->race, winner, err);
    if (!status) status = refresh_others(d, TUNE_BASELINE_TRIAL, &changed, err);
    if (!status) tell_finalists(d);
    return status;
}

/* Divides what is left of the budget into shares. */
static void allot(drive *d) {
    const double now = spent(d), left = fmax(0, d->options->budget_s - now);
    d->search_until = now + left * SEARCH_SHARE;
    d->playoff_until = now + left * PLAYOFF_SHARE;
}

/* Whether enough of the budget is left for another round of search, where no comparison needs it. */
static bool time_for_more(const drive *d) {
    const double left = d->options->budget_s - spent(d), trial_s = d->trial_n ? d->trial_s / d->trial_n : 0;
    return isfinite(left) && left * SEARCH_SHARE > fmax(trial_s, d->options->budget_s / 50);
}

/* Runs the search and its playoff, and both again with the rest of the budget where nothing looked faster. */
static int search_all(drive *d, int64_t *winner, xlstm_error *err) {
    int status = XLSTM_OK;
    do {
        allot(d);
        status = search(d, err);
        if (!status && !stop_level(d)) status = playoff(d, winner, err);
    } while (!status && !stop_level(d) && *winner == TUNE_BASELINE_TRIAL && !exhausted(d) && time_for_more(d));
    return status;
}

static int prepare(drive *d, xlstm_error *err) {
    const tune_drive_options *o = d->options;
    tune_sampler_options sampler;
    tune_sampler_options_init(&sampler);
    sampler.measure = measure_sample;
    sampler.ctx = d;
    sampler.on_sample = on_sample;
    sampler.on_sample_ctx = d;
    sampler.now_s = o->now_s;
    sampler.now_ctx = o->now_ctx;
    int status = tune_sampler_create(&d->sampler, &sampler, err);
    if (status) return status;
    d->started_wall = xl_wall_s();
    tune_race_options race;
    tune_race_options_init(&race, o->effort);
    if (o->repeats > 0) {
        race.most = o->repeats;
        if (race.first > race.most) race.first = race.most;
        if (race.playoff > 4 * race.most) race.playoff = 4 * race.most;
    }
    if (o->every) {
        race.first = race.most;
        race.hopeless = INFINITY;
    }
    /* With several objectives a point that is slow in the first one may still be on the Pareto front. */
    if (o->objectives > 1) {
        race.hopeless = INFINITY;
        race.worthy = may_be_on_front;
        race.worthy_ctx = d;
    }
    status = tune_race_create(&d->race, d->sampler, TUNE_BASELINE_TRIAL, &race, err);
    if (status) return status;

    tune_strategy_options strategy;
    tune_strategy_options_init(&strategy);
    uint32_t *priors = NULL;
    strategy.seed = o->seed;
    strategy.population = o->population;
    strategy.generations = o->generations;
    strategy.trials = o->trials;
    strategy.budget = o->trials;
    strategy.noise = 0;
    strategy.objectives = o->objectives;
    status = tune_result_priors(d->problem->space, o->priors, &priors, &strategy.prior_count, err);
    strategy.priors = priors;
    if (!status)
        status =
            tune_proposer_create(&d->proposer, tune_drive_strategy(o), d->problem->space, o->apart, &strategy, err);
    free(priors);
    return status;
}

int tune_drive(const tune_target *problem, const tune_drive_options *options, tune_keeper *keeper,
               const tune_watcher *watcher, tune_drive_result *result, xlstm_error *err) {
    drive d = {.problem = problem,
               .options = options,
               .keeper = keeper,
               .watcher = watcher,
               .result = result,
               .stage = "search",
               .untimed = TUNE_NO_POINT,
               .started = tune_drive_now(options),
               .best = NAN};
    *result = (tune_drive_result){.winner = TUNE_BASELINE_TRIAL, .final = {.verdict = TUNE_VERDICT_UNMEASURED}};
    const tune_strategy_class *class = tune_strategy_find(options->mode);
    const bool generations = class && class->ends == TUNE_ENDS_GENERATIONS;
    d.limit = generations ? options->population * options->generations : options->trials;
    int status = prepare(&d, err);
    if (!status) status = tune_keeper_rebuild(keeper, problem, err);
    if (!status) status = restore(&d, err);
    if (!status && exhausted(&d) && tune_result_is_final(keeper)) {
        note(&d, "nothing is left to do: every proposal was measured and the winner judged");
        status = tune_result_reload(problem, keeper, result, err);
        goto out;
    }
    if (!status) status = search_all(&d, &result->winner, err);
    if (!status && !stop_level(&d)) {
        tune_comparison comparison = {.problem = problem,
                                      .options = options,
                                      .keeper = keeper,
                                      .watcher = watcher,
                                      .sampler = d.sampler,
                                      .race = d.race,
                                      .started = d.started,
                                      .in_time = exhausted(&d),
                                      .on_sample = on_sample,
                                      .on_sample_ctx = &d,
                                      .process = &d.process,
                                      .origin = &d.started_wall};
        status = tune_keeper_rebuild(keeper, problem, err);
        if (!status) status = keep_baseline(&d, err);
        if (!status && options->objectives > 1)
            status = tune_front_write(problem, keeper, options->objective, options->objectives, err);
        d.stage = "final";
        d.best = NAN;
        d.best_samples = 0;
        if (!status) status = tune_comparison_run(&comparison, result, err);
    }
    if (status == XLSTM_ECANCELLED || (!status && stop_level(&d))) {
        result->end = TUNE_DRIVE_STOPPED;
        status =
            d.trial_n || result->measured ? keep_best(&d, "stopped before the last comparison", err) : XLSTM_OK;
        snprintf(result->verdict, sizeof result->verdict, "stopped before the last comparison");
    }
    if (!status) status = kept_failure(&d, err);
out:
    tune_proposer_destroy(d.proposer);
    tune_race_destroy(d.race);
    tune_sampler_destroy(d.sampler);
    free(d.trials);
    free(d.taken);
    return status;
}
