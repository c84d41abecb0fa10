#include "tuner/driver/comparison.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "tuner/driver/interaction.h"
#include "tuner/driver/row.h"
#include "tuner/driver/standing.h"
#include "tuner/measure/stats.h"
#include "tuner/target/fresh.h"
#include "tuner/target/wire.h"

#define EVENT "comparison"
#define LONG_S 300 /* seconds; a comparison that takes longer is announced */
#define ENOUGH 10  /* points, or all of a smaller space; with fewer, "nothing looked faster" has no weight */

/* Context of the function that runs one fresh process. */
typedef struct process_source {
    tune_comparison *comparison;
    int64_t winner;
    tune_event_row *events; /* those of the run from before this process */
    size_t event_count, next;
    size_t trials; /* of the run; a result stored at another number of trials belongs to an earlier comparison */
    int done;
    int number; /* of the next process: above those of all that were recalled, between which some may have been lost
                 */
    bool recalls; /* whether the last process was one of the run before it was resumed */
} process_source;

static int stop_level(const tune_comparison *c) {
    return c->options->stop ? c->options->stop(c->options->stop_ctx) : 0;
}

/* Reads the next result that an earlier process of the run stored for this same comparison, or its failure. Returns
 * false where there are no more. */
static bool recall(process_source *p, tune_block_result *out, int *status, xlstm_error *err) {
    while (p->next < p->event_count) {
        const tune_event_row *e = &p->events[p->next++];
        if (strcmp(e->kind, EVENT) != 0) continue;
        json_t *j = json_loads(e->text, 0, NULL);
        const json_t *failure = json_object_get(j, "failure");
        bool same = json_integer_value(json_object_get(j, "winner")) == p->winner &&
                    json_integer_value(json_object_get(j, "trials")) == (json_int_t)p->trials;
        const int failed = (int)json_integer_value(json_object_get(failure, "status"));
        const char *text = json_string_value(json_object_get(failure, "text"));
        *status = XLSTM_OK;
        if (same && failed < 0 && text) {
            *out = (tune_block_result){.culprit = tune_wire_read_culprit(failure)};
            *status = xl_fail(err, failed, "%s", text);
        } else {
            same = same && tune_wire_read_result(json_object_get(j, "result"), out);
        }
        /* Runs of earlier versions do not say the number. */
        const json_int_t number = json_integer_value(json_object_get(j, "number"));
        if (same) p->number = number > p->number && number < INT_MAX ? (int)number + 1 : p->number + 1;
        json_decref(j);
        if (same) return true;
    }
    return false;
}

/* Stores the result of a process, or where `failed` is not NULL, its failure. */
static int remember(const process_source *p, int number, const tune_block_result *r, const xlstm_error *failed,
                    xlstm_error *err) {
    json_t *j =
        json_pack("{s:I, s:I, s:i, s:o}", "winner", (json_int_t)p->winner, "trials", (json_int_t)p->trials,
                  "number", number, failed ? "failure" : "result",
                  failed ? tune_wire_failure(failed->status, failed->text, r->culprit) : tune_wire_result(r));
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    int status = text ? tune_keeper_event(p->comparison->keeper, EVENT, text, err)
                      : xl_fail(err, XLSTM_ENOMEM, "comparison: out of memory");
    free(text);
    json_decref(j);
    return status;
}

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    process_source *p = ctx;
    tune_comparison *c = p->comparison;
    if (stop_level(c)) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    *c->process = ++p->done;
    int status = XLSTM_OK;
    p->recalls = recall(p, out, &status, err);
    if (p->recalls) return status;
    const int number = p->number++;
    xlstm_error why = {0};
    const double began = xl_wall_s();
    if (c->run) {
        status = c->run(c->run_ctx, p->winner, plan, number, out, &why);
    } else if (tune_fresh_possible(c->target)) {
        *c->origin = xl_wall_s();
        status = tune_fresh_run(c->target, NULL, p->winner, plan, c->on_sample, c->on_sample_ctx, out, &why);
    } else {
        status = tune_blocks_run(c->sampler, TUNE_BASELINE, p->winner, plan, out, &why);
    }
    if (stop_level(c)) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    if (!c->run) out->at = began;
    if (status && err) *err = why;
    /* A process that ran out of time has no result to store, and a resumed run with more time starts it again; so
     * does one where the machine failed. */
    if (status ? !tune_final_unusable(status) || out->culprit == TUNE_CULPRIT_NEITHER : !out->blocks) return status;
    const int stored = remember(p, number, out, status ? &why : NULL, status ? NULL : err);
    return status ? status : stored;
}

/* Waits between two processes that are spread over a time; checks five times a second whether the run is to
 * stop. */
static int wait_for_next(void *ctx, double seconds) {
    const process_source *p = ctx;
    if (p->recalls) return XLSTM_OK;
    for (double until = xl_now_s() + seconds, left = seconds; left > 0; left = until - xl_now_s()) {
        if (stop_level(p->comparison)) return XLSTM_ECANCELLED;
        const double nap = left < 0.2 ? left : 0.2;
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * nap)}, NULL);
    }
    return XLSTM_OK;
}

static void on_progress(void *ctx, int processes, int planned, double mean, double low, double high) {
    const process_source *p = ctx;
    const tune_watcher *w = p->comparison->watcher;
    if (w && w->progress) w->progress(w->ctx, "final", processes, planned, exp(-mean), 0, NAN);
}

/* Seconds for the comparison: what is left of the budget. Without a budget the first processes run however long
 * they take. The time for more of them is a share of the time already spent, so that a short search does not end
 * in a much longer comparison, but at least a minimum for each effort. */
static double time_for_it(const tune_comparison *c) {
    static const double least[] = {[TUNE_QUICK] = 10, [TUNE_NORMAL] = 20, [TUNE_THOROUGH] = 120};
    double spent = tune_drive_now(c->options) - c->started;
    if (isfinite(c->options->budget_s)) return fmax(0, c->options->budget_s - spent);
    if (c->options->spread_s > 0) return INFINITY;
    return fmax(least[c->options->effort], spent * 0.6);
}

/* Sets the options of the comparison. Returns false where there is no time for one. */
static bool plan(const tune_comparison *c, tune_final_options *o) {
    size_t n;
    tune_final_options_init(o, c->options->effort);
    o->now_s = c->options->now_s;
    o->now_ctx = c->options->now_ctx;
    o->budget_s = time_for_it(c);
    o->unhurried = !isfinite(c->options->budget_s);
    /* A machine that changes its state is known the better, the longer it is watched. With a budget the processes
     * are spread over what it leaves, but not over more time than the search took: a budget may be a mere bound. */
    o->spread_whole = c->options->spread_s > 0;
    o->spread_s = c->options->spread_s;
    if (!o->spread_whole && !o->unhurried) o->spread_s = tune_drive_now(c->options) - c->started;
    o->spread_s = fmin(o->spread_s, 0.9 * o->budget_s); /* the time includes the last process */
    o->seed = c->options->seed ^ 0x66696e616cu;
    o->machines = c->machines;
    tune_race_entry e;
    if (!c->race) return true;
    const double *costs = tune_race_baseline_costs(c->race, &n);
    if (n == 0 || !tune_race_get(c->race, TUNE_BASELINE, &e)) return true;
    double sample = tune_target_seconds(c->target, e.parts);
    if (!(sample > 0)) return true;
    o->quads = tune_block_quads(costs, n, tune_sampler_seconds(c->sampler) / (double)n, sample);
    bool fits = tune_final_fit(o, sample);
    double about = tune_final_seconds(o, sample);
    if (fits && o->spread_whole && c->watcher && c->watcher->note) {
        char text[160];
        snprintf(text, sizeof text, "the last comparison's %d fresh processes are spread over %.0f minutes",
                 o->most_processes, ceil(o->spread_s / 60));
        c->watcher->note(c->watcher->ctx, text);
        return fits;
    }
    if (o->unhurried && about > LONG_S && c->watcher && c->watcher->note) {
        char text[160];
        snprintf(text, sizeof text,
                 "the last comparison, %d fresh processes, takes about %.0f minutes; --budget bounds a run",
                 o->first_processes, ceil(about / 60));
        c->watcher->note(c->watcher->ctx, text);
    }
    return fits;
}

/* Writes best.json and stores the result. `compared` is the candidate that the search chose, whether or not it
 * won. */
static int finish(tune_comparison *c, tune_drive_result *r, int64_t compared, xlstm_error *err) {
    tune_race_entry e = {0};
    json_t *joined = NULL;
    if (c->race) tune_race_get(c->race, r->winner, &e);
    tune_standing_facts facts = {.winner = r->winner,
                                 .entry = &e,
                                 .final = &r->final,
                                 .verdict = tune_verdict_name(r->final.verdict),
                                 .text = r->verdict,
                                 .challenger = TUNE_NO_POINT};
    if (compared != TUNE_BASELINE && r->winner == TUNE_BASELINE) facts.challenger = (uint32_t)compared;
    int status = tune_interaction_found(c->keeper, &joined, err);
    facts.interaction = joined;
    if (!status) status = tune_standing_tell(c->target, c->keeper, &facts, err);
    json_decref(joined);
    return status;
}

/* Ends the run with the baseline, because the search found nothing to compare with it. */
static int stay(tune_comparison *c, tune_drive_result *r, xlstm_error *err) {
    size_t count, timed = 0, tried = 0, faster = 0;
    const size_t size = tune_space_size(c->target->space);
    const tune_trial_mark *all = tune_keeper_marks(c->keeper, &count);
    /* A trial that was stopped early as hopeless counts as measured too: it is slower. */
    for (size_t i = 0; i < count; i++) {
        timed += all[i].status == TUNE_TRIAL_OK || all[i].status == TUNE_TRIAL_TIMEOUT;
        /* The playoff's best is not, but one that was dropped before may still be. */
        faster += all[i].status == TUNE_TRIAL_OK && all[i].value < 1;
        tried += all[i].status != TUNE_TRIAL_DUPLICATE && !all[i].time_up;
    }
    const char *points = size == 1 ? "point was" : "points were";
    char of[32], failed[48] = "";
    if (tried > timed) snprintf(failed, sizeof failed, ", %zu could not be", tried - timed);
    tune_space_size_print(c->target->space, of, sizeof of);
    if (!timed && tried) {
        r->final.verdict = TUNE_VERDICT_UNMEASURED;
        snprintf(r->verdict, sizeof r->verdict,
                 "not compared: every point that was tried failed; the baseline stays");
    } else if (size == 1 && timed && tune_target_is_baseline(c->target, 0)) {
        r->final.verdict = TUNE_VERDICT_NOTHING;
        snprintf(
            r->verdict, sizeof r->verdict,
            "nothing to compare: all settings of the space are equal in effect to the baseline's, which stays");
    } else if (timed < ENOUGH && tried < size) {
        r->final.verdict = TUNE_VERDICT_TOO_LITTLE;
        snprintf(r->verdict, sizeof r->verdict,
                 "not enough was tried: %zu of %s %s measured%s%s%s; the baseline stays", timed, of, points, failed,
                 c->in_time ? "" : " in the time given",
                 faster  ? ", and the playoff's best was not faster"
                 : timed ? ", and nothing looked faster"
                         : "");
    } else {
        r->final.verdict = TUNE_VERDICT_NOTHING;
        snprintf(r->verdict, sizeof r->verdict,
                 "nothing faster found: %zu of %s %s measured%s, and %s faster than the baseline, which stays; so "
                 "nothing was compared",
                 timed, of, points, failed, faster ? "the playoff's best was not" : "none looked");
    }
    return finish(c, r, TUNE_BASELINE, err);
}

static int conclude(tune_comparison *c, tune_drive_result *r, xlstm_error *err) {
    const int64_t compared = r->winner;
    int used = tune_final_text(r->verdict, sizeof r->verdict, &r->final);
    if (c->remark && *c->remark && used >= 0 && (size_t)used < sizeof r->verdict)
        used += snprintf(r->verdict + used, sizeof r->verdict - (size_t)used, "%s", *c->remark);
    if (r->final.verdict != TUNE_VERDICT_BETTER) {
        r->winner = TUNE_BASELINE;
        if (used >= 0 && (size_t)used < sizeof r->verdict)
            snprintf(r->verdict + used, sizeof r->verdict - (size_t)used, "; the baseline stays");
    }
    return finish(c, r, compared, err);
}

/* Ends the run with the baseline, because what the search chose cannot be used. */
static int refuse(tune_comparison *c, tune_drive_result *r, const xlstm_error *why, xlstm_error *err) {
    const int64_t compared = r->winner;
    r->winner = TUNE_BASELINE;
    r->final = (tune_final){.verdict = TUNE_VERDICT_UNMEASURED};
    snprintf(r->verdict, sizeof r->verdict,
             "not compared: what the search chose failed in %s (%.700s); the baseline stays",
             why->status == XLSTM_EMISMATCH ? "a fresh process" : "fresh processes", why->text);
    return finish(c, r, compared, err);
}

int tune_comparison_run(tune_comparison *c, tune_drive_result *r, xlstm_error *err) {
    int same = c->target->unchanged ? c->target->unchanged(c->target->self, err) : XLSTM_OK;
    if (same) return same;
    if (tune_target_is_baseline(c->target, r->winner)) r->winner = TUNE_BASELINE;
    if (r->winner == TUNE_BASELINE) return stay(c, r, err);
    process_source p = {.comparison = c, .winner = r->winner};
    tune_final_options o;
    if (!plan(c, &o)) {
        r->final.verdict = TUNE_VERDICT_UNMEASURED;
        return conclude(c, r, err);
    }
    o.progress = on_progress;
    o.progress_ctx = &p;
    o.wait = wait_for_next;
    o.wait_ctx = &p;
    p.trials = (size_t)tune_keeper_next(c->keeper);
    int status = tune_study_events(tune_keeper_study(c->keeper), tune_keeper_run(c->keeper)->id, &p.events,
                                   &p.event_count, err);
    if (status) return status;
    xlstm_error why = {0};
    status = tune_final_run(&o, run_process, &p, &r->final, &why);
    tune_event_rows_free(p.events, p.event_count);
    if (stop_level(c)) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    if (tune_final_unusable(status)) return refuse(c, r, &why, err);
    if (status && err) *err = why;
    if (status) return status;
    if (c->judged) c->judged(c->run_ctx, &r->final);
    return conclude(c, r, err);
}
