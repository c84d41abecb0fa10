#include "tuner/driver/recording.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tuner/driver/row.h"
#include "tuner/driver/standing.h"
#include "tuner/measure/stats.h"
#include "tuner/study/trial_samples.h"

#define STAGE "search"
#define WARM_RUNS 8
#define WARM_S 5.0
#define ENDED 1 /* returned where the recording was stopped or its budget is spent */

/* State of a point; the last one is that of the baseline. */
typedef struct spot {
    int64_t trial; /* -1: has no row yet, or is the baseline */
    int samples;   /* number of samples in use */
    bool failed;
    bool always; /* the last sample that was taken again was disturbed too */
} spot;

typedef struct recorder {
    const tune_target *target;
    tune_meter meter; /* measures it */
    const tune_drive_options *options;
    tune_keeper *keeper;
    const tune_watcher *watcher;
    tune_recording *out;
    tune_sampler *sampler;
    spot *spots; /* [points + 1]; the last one is the baseline's */
    int *order;  /* [2 * (points + 1)]: the order of a round, then the samples that it takes again */
    int64_t seq;
    int64_t last; /* trial of the last sample */
    int taken;    /* number of samples in use that this process took */
    double started, started_wall;
} recorder;

static int stop_level(const recorder *r) {
    return r->options->stop ? r->options->stop(r->options->stop_ctx) : 0;
}

static int64_t candidate_of(const recorder *r, int i) {
    return i == r->out->points ? TUNE_BASELINE : i;
}

static void progress(const recorder *r) {
    const tune_recording *out = r->out;
    if (!r->watcher || !r->watcher->progress) return;
    int done = 0, total = 0;
    for (int i = 0; i <= out->points; i++) {
        done += r->spots[i].samples;
        total += r->spots[i].failed ? r->spots[i].samples : out->wanted;
    }
    double spent = tune_drive_now(r->options) - r->started,
           left = r->taken ? spent / r->taken * (total - done) : NAN;
    if (isfinite(r->options->budget_s)) left = fmin(left, fmax(0, r->options->budget_s - spent));
    r->watcher->progress(r->watcher->ctx, "record", done, total, NAN, 0, left);
}

/* ---- samples ---- */

/* Stores the row of a point with its first sample. Its numbers are computed again from all samples at the end. */
static int add_row(recorder *r, int i, tune_sample *sample, int measured, const xlstm_error *why,
                   xlstm_error *err) {
    tune_trial_row t;
    tune_sample_row row = {0};
    int status = tune_row_new(r->target, tune_keeper_next(r->keeper), (uint32_t)i, &t, err);
    if (status) return status;
    if (measured < 0) {
        t.status = measured == XLSTM_EUNSUPPORTED ? TUNE_TRIAL_INFEASIBLE : TUNE_TRIAL_FAILED;
        t.reason = strdup(why->text);
    } else {
        tune_row_measured(r->target, sample->reading.parts, &t);
        row = tune_row_sample(sample, t.index, STAGE, t.index, r->started_wall);
        row.seq = r->seq++;
        status = tune_row_describe(r->target, i, &t, err);
    }
    tune_named_list settings = {0};
    if (!status && !tune_target_settings(r->target, i, &settings))
        status = xl_fail(err, XLSTM_ENOMEM, "recording: out of memory");
    if (!status) status = tune_keeper_add(r->keeper, &t, &settings, &row, measured < 0 ? 0 : 1, err);
    if (!status) r->spots[i].trial = r->last = t.index;
    tune_named_clear(&settings);
    tune_trial_row_clear(&t);
    return status;
}

/* Marks a point as failed. A point that fails after it succeeded has no time either, because it does not work. */
static int fail_row(recorder *r, int i, int measured, const xlstm_error *why, xlstm_error *err) {
    tune_trial_row t;
    int status = tune_keeper_read(r->keeper, r->spots[i].trial, &t, err);
    if (status) return status;
    free(t.reason);
    t.status = measured == XLSTM_EUNSUPPORTED ? TUNE_TRIAL_INFEASIBLE : TUNE_TRIAL_FAILED;
    t.reason = strdup(why->text);
    status = tune_keeper_change(r->keeper, &t, err);
    tune_trial_row_clear(&t);
    return status;
}

/* Sleeps for a moment. Linux takes a process of real-time priority that never sleeps off the processors for a
 * twentieth of every second; it is better that this happens between samples than within one. */
static void rest(double sample_s) {
#ifdef __linux__
    int policy = sched_getscheduler(0);
    if (policy != SCHED_FIFO && policy != SCHED_RR) return;
    double seconds = fmin(0.1 * sample_s, 0.1);
    nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 1e9)}, NULL);
#else
    (void)sample_s;
#endif
}

/* Takes and stores one sample; `second` marks one that is taken again in its round. *again becomes true where it
 * was disturbed and is not used. */
static int take(recorder *r, int i, bool second, bool *again, xlstm_error *err) {
    spot *s = &r->spots[i];
    tune_sample sample;
    xlstm_error why = {0};
    const bool baseline = i == r->out->points;
    int measured = tune_sampler_take_once(r->sampler, candidate_of(r, i), INFINITY, &sample, &why);
    *again = false;
    if (tune_ends_everything(measured) || (measured < 0 && baseline)) return xl_fail(err, measured, "%s", why.text);
    if (measured < 0) {
        s->failed = true;
        return s->trial < 0 ? add_row(r, i, NULL, measured, &why, err) : fail_row(r, i, measured, &why, err);
    }
    const bool disturbed = sample.disturbance.reasons != 0;
    *again = sample.set_aside = disturbed && !second && !s->always && !tune_sampler_busy(r->sampler);
    s->always = disturbed && (second || s->always);
    int status;
    if (!baseline && s->trial < 0) {
        status = add_row(r, i, &sample, measured, NULL, err);
    } else {
        /* A sample of the baseline is stored with the trial whose sample came before it. */
        if (!baseline) r->last = s->trial;
        tune_sample_row row = tune_row_sample(&sample, s->trial, STAGE, r->last, r->started_wall);
        row.seq = r->seq++;
        status = tune_keeper_samples(r->keeper, &row, 1, err);
    }
    s->samples += !*again;
    r->taken += !*again;
    if (!status) progress(r);
    rest(sample.seconds);
    return status;
}

static void shuffle(recorder *r, int round) {
    const int n = r->out->points + 1;
    xl_rng rng;
    xl_rng_seed(&rng, r->options->seed + (uint64_t)(round / 2));
    for (int i = 0; i < n; i++) r->order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        int other = (int)xl_rng_below(&rng, (uint64_t)i + 1), kept = r->order[i];
        r->order[i] = r->order[other];
        r->order[other] = kept;
    }
    for (int i = 0; round % 2 && i < n / 2; i++) {
        int kept = r->order[i];
        r->order[i] = r->order[n - 1 - i];
        r->order[n - 1 - i] = kept;
    }
}

/* Takes the samples of one round. Returns ENDED where it was stopped. */
static int run_round(recorder *r, int round, xlstm_error *err) {
    const int first = r->out->points + 1;
    int n = first;
    shuffle(r, round);
    for (int k = 0; k < n; k++) {
        const spot *s = &r->spots[r->order[k]];
        bool again;
        if (s->failed || s->samples > round) continue;
        if (stop_level(r) || tune_drive_now(r->options) - r->started >= r->options->budget_s) return ENDED;
        int status = take(r, r->order[k], k >= first, &again, err);
        if (status) return status;
        if (again) r->order[n++] = r->order[k];
    }
    return XLSTM_OK;
}

static int run_rounds(recorder *r, xlstm_error *err) {
    int status = tune_sampler_warm(r->sampler, TUNE_BASELINE, WARM_RUNS, WARM_S, INFINITY, INFINITY, NULL, err);
    if (status < 0) return status;
    /* The estimate of the time left is based only on the samples of rounds, not on the warm-up. */
    status = XLSTM_OK;
    for (int round = 0; !status && round < r->out->wanted; round++) status = run_round(r, round, err);
    return status;
}

/* ---- results computed from the samples ---- */

static int restore(recorder *r, xlstm_error *err) {
    size_t count, samples;
    const tune_trial_mark *all = tune_keeper_marks(r->keeper, &count);
    tune_sample_row *rows = NULL;
    for (size_t i = 0; i < count; i++) {
        const uint32_t point = all[i].point;
        if (point == TUNE_NO_POINT)
            return xl_fail(err, XLSTM_EMISMATCH,
                           "%s: trial %zu is no point of the space: the run is of another space",
                           tune_keeper_name(r->keeper), i);
        if (point >= (uint32_t)r->out->points) continue;
        r->spots[point].trial = (int64_t)i;
        r->spots[point].failed = all[i].status != TUNE_TRIAL_OK;
    }
    int status =
        tune_study_samples(tune_keeper_study(r->keeper), tune_keeper_run(r->keeper)->id, &rows, &samples, err);
    for (size_t s = 0; !status && s < samples; s++) {
        uint32_t point = (uint32_t)r->out->points;
        if (rows[s].seq >= r->seq) r->seq = rows[s].seq + 1;
        if (!rows[s].used || strcmp(rows[s].stage, STAGE) != 0) continue;
        if (rows[s].trial >= (int64_t)count) continue;
        if (rows[s].trial >= 0) point = all[rows[s].trial].point;
        if (point <= (uint32_t)r->out->points) r->spots[point].samples++;
    }
    free(rows);
    return status;
}

/* Sums over the samples of one trial, or of the baseline. */
typedef struct sums {
    double parts[TUNE_PARTS]; /* means, in seconds */
    double *logs;             /* [n]: logarithms of the costs */
    size_t n;
    double seconds; /* of all samples, including those not used */
} sums;

static void add_up(const tune_target *target, const tune_trial_samples *all, int64_t trial, sums *out) {
    size_t count;
    const tune_sample_row *const *rows = tune_trial_samples_of(all, trial, &count);
    out->n = 0;
    out->seconds = 0;
    memset(out->parts, 0, sizeof out->parts);
    for (size_t i = 0; i < count; i++) {
        const tune_sample_row *p = rows[i];
        if (strcmp(p->stage, STAGE) != 0) continue;
        out->seconds += tune_target_seconds(target, p->parts);
        if (!p->used) continue;
        for (int k = 0; k < TUNE_PARTS; k++) out->parts[k] += p->parts[k];
        out->logs[out->n++] = log(p->value);
    }
    for (int k = 0; k < TUNE_PARTS; k++) out->parts[k] /= (double)out->n;
}

static int update_row(recorder *r, int64_t trial, const sums *s, double baseline, xlstm_error *err) {
    tune_trial_row t;
    int status = tune_keeper_read(r->keeper, trial, &t, err);
    if (status) return status;
    free(t.ratios.value);
    t.ratios = (tune_numbers){xl_array(s->n, sizeof(double)), s->n};
    for (size_t i = 0; t.ratios.value && i < s->n; i++) t.ratios.value[i] = s->logs[i] - baseline;
    tune_row_measured(r->target, s->parts, &t);
    t.value = exp(tune_mean(s->logs, s->n) - baseline);
    t.spread = s->n > 1 ? tune_sd(s->logs, s->n) / sqrt((double)s->n) : NAN;
    t.samples = (int64_t)s->n;
    t.seconds = s->seconds;
    status = t.ratios.value ? tune_keeper_change(r->keeper, &t, err)
                            : xl_fail(err, XLSTM_ENOMEM, "recording: out of memory");
    tune_trial_row_clear(&t);
    return status;
}

static void count_disturbed(const recorder *r, const tune_sample_row *rows, size_t count) {
    r->out->taken = r->out->disturbed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].used || strcmp(rows[i].stage, STAGE) != 0) continue;
        r->out->taken++;
        r->out->disturbed += rows[i].why[0] != 0;
    }
}

static int keep_result(recorder *r, const sums *fastest, xlstm_error *err) {
    tune_race_entry e = {.candidate = r->out->fastest, .samples = (int)fastest->n};
    char text[160];
    memcpy(e.parts, fastest->parts, sizeof e.parts);
    snprintf(text, sizeof text, "a recording of %d points: nothing was compared", r->out->points);
    const tune_standing_facts facts = {.winner = r->out->fastest,
                                       .entry = &e,
                                       .verdict = tune_verdict_name(TUNE_VERDICT_UNMEASURED),
                                       .text = text,
                                       .challenger = TUNE_NO_POINT};
    return tune_standing_tell(r->target, r->keeper, &facts, err);
}

/* Computes rows, best.json and the text files again from all samples. */
static int summarize(recorder *r, xlstm_error *err) {
    tune_sample_row *rows = NULL;
    tune_trial_samples sorted = {0};
    size_t count = 0, trials;
    sums s = {0}, best = {0};
    const tune_trial_mark *all = tune_keeper_marks(r->keeper, &trials);
    int status =
        tune_study_samples(tune_keeper_study(r->keeper), tune_keeper_run(r->keeper)->id, &rows, &count, err);
    if (!status && !(s.logs = xl_array(count + 1, sizeof *s.logs)))
        status = xl_fail(err, XLSTM_ENOMEM, "recording: out of memory");
    if (!status) status = tune_trial_samples_sort(&sorted, rows, count, trials, err);
    if (status) goto out;
    count_disturbed(r, rows, count);
    add_up(r->target, &sorted, TUNE_BASELINE_TRIAL, &s);
    if (!s.n) goto out; /* stopped before there was a baseline to compare with */
    const double reference = tune_mean(s.logs, s.n);
    double least = INFINITY;
    best = s;
    status = tune_standing_baseline(r->target, r->keeper, s.parts, (int)s.n, err);
    for (size_t i = 0; !status && i < trials; i++) {
        if (all[i].status != TUNE_TRIAL_OK) continue;
        add_up(r->target, &sorted, (int64_t)i, &s);
        if (!s.n) continue;
        status = update_row(r, (int64_t)i, &s, reference, err);
        if (!(all[i].value < least)) continue;
        least = all[i].value;
        best = s;
        r->out->fastest = all[i].point;
    }
    if (!status) status = keep_result(r, &best, err);
    if (!status) status = tune_keeper_rebuild(r->keeper, r->target, err);
out:
    tune_trial_samples_free(&sorted);
    free(rows);
    free(s.logs);
    return status;
}

static void count_up(recorder *r) {
    tune_recording *out = r->out;
    out->rounds = out->wanted;
    for (int i = 0; i < out->points; i++) {
        const spot *s = &r->spots[i];
        out->failed += s->failed;
        if (s->failed || s->samples >= out->wanted) continue;
        out->missing += out->wanted - s->samples;
        if (s->samples < out->rounds) out->rounds = s->samples;
    }
}

static int prepare(recorder *r, xlstm_error *err) {
    const size_t size = tune_space_size(r->target->space), limit = (size_t)r->options->trials;
    char text[32];
    if (!tune_space_counted(r->target->space))
        return xl_fail(
            err, XLSTM_EARG,
            "recording: every point is measured, and the space has %s: narrow a range or fix a parameter",
            tune_space_size_print(r->target->space, text, sizeof text));
    r->out->points = (int)(limit && limit < size ? limit : size);
    r->out->wanted = r->options->repeats;
    if (!r->out->wanted) {
        tune_race_options race;
        tune_race_options_init(&race, r->options->effort);
        r->out->wanted = race.most;
    }
    const size_t n = (size_t)r->out->points + 1;
    r->spots = xl_array(n, sizeof *r->spots);
    r->order = xl_array(2 * n, sizeof *r->order);
    if (!r->spots || !r->order) return xl_fail(err, XLSTM_ENOMEM, "recording: out of memory for %zu points", n);
    for (size_t i = 0; i < n; i++) r->spots[i] = (spot){.trial = TUNE_BASELINE_TRIAL};
    tune_sampler_options sampler;
    tune_sampler_options_init(&sampler);
    sampler.measure = tune_meter_measure;
    sampler.ctx = &r->meter;
    sampler.now_s = r->options->now_s;
    sampler.now_ctx = r->options->now_ctx;
    sampler.watch = !r->options->now_s; /* a simulation has its own clock, and no machine */
    tune_target_watch(r->target, &sampler.limits);
    r->started_wall = xl_wall_s();
    return tune_sampler_create(&r->sampler, &sampler, err);
}

int tune_recording_run(const tune_target *target, const tune_drive_options *options, tune_keeper *keeper,
                       const tune_watcher *watcher, tune_recording *out, xlstm_error *err) {
    recorder r = {.target = target,
                  .meter = {.target = target},
                  .options = options,
                  .keeper = keeper,
                  .watcher = watcher,
                  .out = out,
                  .started = tune_drive_now(options)};
    *out = (tune_recording){.fastest = TUNE_BASELINE};
    int status = prepare(&r, err);
    if (!status) status = tune_keeper_rebuild(keeper, target, err);
    if (!status) status = restore(&r, err);
    if (!status) count_up(&r);
    if (!status && out->missing) {
        status = run_rounds(&r, err);
        if (status == ENDED) status = XLSTM_OK;
        if (stop_level(&r)) out->end = TUNE_DRIVE_STOPPED;
        if (status == XLSTM_ECANCELLED && stop_level(&r)) status = XLSTM_OK;
        out->failed = out->missing = 0;
        count_up(&r);
        if (!status && target->unchanged) status = target->unchanged(target->self, err);
        if (!status) status = summarize(&r, err);
    }
    tune_sampler_destroy(r.sampler);
    free(r.spots);
    free(r.order);
    return status;
}
