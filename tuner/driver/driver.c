#include "tuner/driver/driver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/driver/comparison.h"
#include "tuner/driver/drive.h"
#include "tuner/driver/drive_prepare.h"
#include "tuner/driver/drive_resume.h"
#include "tuner/driver/drive_samples.h"
#include "tuner/driver/drive_states.h"
#include "tuner/driver/drive_trials.h"
#include "tuner/driver/interaction.h"
#include "tuner/driver/standing.h"

/* Shares of a budget: after the first no new trial begins, after the second no playoff sample; the rest is for the
 * last comparison. */
#define SEARCH_SHARE 0.55
#define PLAYOFF_SHARE 0.65
/* Factor on the shortest time that a comparison takes, because fresh processes must start and load first. */
#define SPARE 1.5

static int keep_front(drive *d, xlstm_error *err) {
    const tune_drive_options *o = d->options;
    return o->objectives > 1 ? tune_keeper_front(d->keeper, o->objective, o->objectives, err) : XLSTM_OK;
}

static int keep_baseline(drive *d, xlstm_error *err) {
    tune_race_entry e;
    if (!tune_race_get(d->race, TUNE_BASELINE, &e) || e.samples == 0) return XLSTM_OK;
    memcpy(d->baseline_parts, e.parts, sizeof d->baseline_parts);
    return tune_standing_baseline(d->target, d->keeper, e.parts, e.samples, err);
}

/* Tells the keeper how the run stands, as far as that is known before the last comparison. */
static int keep_standing(drive *d, const char *verdict, xlstm_error *err) {
    tune_race_entry e = {0};
    const int64_t best = tune_race_incumbent(d->race);
    tune_race_get(d->race, best, &e);
    const tune_standing_facts facts = {
        .winner = best, .entry = &e, .verdict = verdict, .text = verdict, .challenger = TUNE_NO_POINT};
    int status = tune_standing_tell(d->target, d->keeper, &facts, err);
    return status ? status : keep_front(d, err);
}

/* Chooses the next point to measure. Where two parts of the space are searched apart, the last proposal left is
 * the point that joins the best of both. */
static int next_point(drive *d, bool last, uint32_t *point, bool *joined, xlstm_error *err) {
    uint32_t join = tune_proposer_joined(d->proposer);
    *joined = last && join != TUNE_NO_POINT && tune_drive_trial_of(d, join) < 0;
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
    if (tune_race_get(d->race, TUNE_BASELINE, &e) && e.samples)
        least = SPARE * tune_final_least_seconds(tune_target_seconds(d->target, e.parts));
    const double last = d->options->budget_s - least;
    return last > tune_drive_spent(d) ? fmin(share_until, last) : share_until;
}

/* The same moment by tune_sampler_seconds, which began to count after `spent` did. */
static double by_sampler(const drive *d, double spent_s) {
    return spent_s - (tune_drive_spent(d) - tune_sampler_seconds(d->sampler));
}

/* Whether no proposal is left. */
static bool exhausted(const drive *d) {
    return (d->limit && tune_keeper_next(d->keeper) >= d->limit) || tune_proposer_done(d->proposer);
}

static int search(drive *d, xlstm_error *err) {
    int64_t incumbent = TUNE_BASELINE;
    bool began = false;
    int status = XLSTM_OK;
    d->stage = "search";
    while (!status && !tune_drive_stop_level(d) && !exhausted(d)) {
        uint32_t point;
        bool joined;
        const bool late = began && tune_drive_spent(d) > end_of(d, d->search_until);
        tune_race_set_deadline(d->race, by_sampler(d, end_of(d, d->playoff_until)));
        status =
            next_point(d, late || (d->limit && tune_keeper_next(d->keeper) + 1 == d->limit), &point, &joined, err);
        if (!status && late && !joined) d->untimed = point;
        if (status || (late && !joined)) break;
        began = true;
        status = tune_drive_reserve(d, err);
        if (status) break;
        if (tune_drive_trial_of(d, point) >= 0) status = tune_drive_duplicate(d, point, err);
        else if (!d->options->every && tune_target_is_baseline(d->target, point))
            status = tune_drive_take_from_baseline(d, point, joined, err);
        else status = tune_drive_measure(d, point, joined, err);
        if (status) break;
        tune_drive_progress(d);
        if (d->trial_n == 1 || tune_race_incumbent(d->race) != incumbent) {
            status = keep_baseline(d, err);
            if (!status) status = keep_standing(d, "not judged yet", err);
            incumbent = tune_race_incumbent(d->race);
        }
    }
    return status == TUNE_TIME_UP ? XLSTM_OK : status;
}

/* Checks the joined point; takes at most half of the playoff's time. */
static int check_joined(drive *d, xlstm_error *err) {
    tune_interaction_job job = {.space = d->target->space,
                                .metrics = d->target->metrics,
                                .keeper = d->keeper,
                                .sampler = d->sampler,
                                .joined = tune_proposer_joined(d->proposer),
                                .rounds = tune_interaction_rounds(d->options->effort),
                                .deadline_s = by_sampler(d, (d->search_until + d->playoff_until) / 2)};
    if (job.joined == TUNE_NO_POINT || tune_target_is_baseline(d->target, job.joined)) return XLSTM_OK;
    return tune_interaction_check(&job, err);
}

static int tell_finalists(const drive *d, xlstm_error *err) {
    int count, status = XLSTM_OK;
    const tune_finalist *f = tune_race_finalists(d->race, &count);
    if (!d->watcher || !d->watcher->finalist) return XLSTM_OK;
    for (int i = 0; !status && i < count; i++) {
        tune_trial_row t;
        const int32_t trial = tune_drive_trial_of(d, f[i].candidate);
        if (trial < 0) continue;
        status = tune_keeper_read(d->keeper, trial, &t, err);
        if (status) break;
        d->watcher->finalist(d->watcher->ctx, &t, &f[i], i);
        tune_trial_row_clear(&t);
    }
    return status;
}

static int playoff(drive *d, int64_t *winner, xlstm_error *err) {
    bool changed = false;
    d->stage = "check";
    int status = check_joined(d, err);
    if (!status) status = tune_race_finish(d->race, winner, err);
    if (!status) status = tune_drive_refresh(d, TUNE_BASELINE_TRIAL, &changed, err);
    if (!status) status = tell_finalists(d, err);
    return status;
}

/* Divides what is left of the budget into shares. */
static void allot(drive *d) {
    const double now = tune_drive_spent(d), left = fmax(0, d->options->budget_s - now);
    d->search_until = now + left * SEARCH_SHARE;
    d->playoff_until = now + left * PLAYOFF_SHARE;
}

/* Whether enough of the budget is left for another round of search, where no comparison needs it. */
static bool time_for_more(const drive *d) {
    const double left = d->options->budget_s - tune_drive_spent(d),
                 trial_s = d->trial_n ? d->trial_s / d->trial_n : 0;
    return isfinite(left) && left * SEARCH_SHARE > fmax(trial_s, d->options->budget_s / 50);
}

/* Runs the search and its playoff, and both again with the rest of the budget where nothing looked faster. */
static int search_all(drive *d, int64_t *winner, xlstm_error *err) {
    int status = XLSTM_OK;
    do {
        allot(d);
        status = search(d, err);
        if (!status && !tune_drive_stop_level(d)) status = playoff(d, winner, err);
    } while (!status && !tune_drive_stop_level(d) && *winner == TUNE_BASELINE && !exhausted(d) && time_for_more(d));
    return status;
}

int tune_drive(const tune_target *target, const tune_drive_options *options, tune_keeper *keeper,
               const tune_watcher *watcher, tune_drive_result *result, xlstm_error *err) {
    drive d = {.target = target,
               .meter = {.target = target},
               .options = options,
               .keeper = keeper,
               .watcher = watcher,
               .result = result,
               .stage = "search",
               .untimed = TUNE_NO_POINT,
               .started = tune_drive_now(options),
               .best = NAN};
    *result = (tune_drive_result){.winner = TUNE_BASELINE, .final = {.verdict = TUNE_VERDICT_UNMEASURED}};
    const tune_strategy_class *class = tune_strategy_find(options->mode);
    const bool generations = class && class->ends == TUNE_ENDS_GENERATIONS;
    d.limit = generations ? options->population * options->generations : options->trials;
    int status = tune_drive_prepare(&d, err);
    if (!status) status = tune_drive_make_proposer(&d.proposer, options, target->space, options->apart, err);
    if (!status) status = tune_keeper_rebuild(keeper, target, err);
    if (!status) status = tune_drive_restore(&d, err);
    if (!status && exhausted(&d)) {
        bool ended;
        status = tune_keeper_ended(keeper, &ended, result, err);
        if (ended) tune_drive_note(&d, "nothing is left to do: every proposal was measured and the winner judged");
        if (ended) goto out;
    }
    if (!status) status = search_all(&d, &result->winner, err);
    if (!status && !tune_drive_stop_level(&d)) {
        tune_comparison comparison = {.target = target,
                                      .options = options,
                                      .keeper = keeper,
                                      .watcher = watcher,
                                      .sampler = d.sampler,
                                      .race = d.race,
                                      .started = d.started,
                                      .in_time = exhausted(&d),
                                      .on_sample = tune_drive_on_sample,
                                      .on_sample_ctx = &d,
                                      .process = &d.process,
                                      .origin = &d.started_wall};
        status = tune_keeper_rebuild(keeper, target, err);
        if (!status) status = keep_baseline(&d, err);
        if (!status) status = keep_front(&d, err);
        d.stage = "final";
        d.best = NAN;
        d.best_samples = 0;
        if (!status) status = tune_comparison_run(&comparison, result, err);
    }
    if (status == XLSTM_ECANCELLED || (!status && tune_drive_stop_level(&d))) {
        result->end = TUNE_DRIVE_STOPPED;
        status =
            d.trial_n || result->measured ? keep_standing(&d, "stopped before the last comparison", err) : XLSTM_OK;
        snprintf(result->verdict, sizeof result->verdict, "stopped before the last comparison");
    }
    if (!status) status = tune_drive_kept_failure(&d, err);
out:
    tune_proposer_destroy(d.proposer);
    tune_race_destroy(d.race);
    tune_gauge_destroy(d.gauge);
    tune_sampler_destroy(d.sampler);
    free(d.trials);
    free(d.taken);
    return status;
}
