#include "tuner/measure/final.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "tuner/measure/stats.h"

#define LEAST_BLOCKS 20 /* over all processes, before a narrow interval may end the comparison */
#define WARM_USUAL 6    /* number of samples that the warm-up of a process usually takes */

void tune_final_options_init(tune_final_options *options, tune_effort effort) {
    static const int most[] = {[TUNE_QUICK] = 12, [TUNE_NORMAL] = 24, [TUNE_THOROUGH] = 48};
    *options = (tune_final_options){
        .level = 0.95,
        .width = 0.01,
        .first_processes = 8,
        .most_processes = most[effort],
        .blocks = 3,
        .quads = 1,
        .budget_s = INFINITY,
        .machines = 1,
        .seed = 1,
    };
}

static double process_seconds(const tune_final_options *o, double sample_s) {
    return (WARM_USUAL + 4.0 * o->quads * o->blocks) * sample_s;
}

double tune_final_seconds(const tune_final_options *o, double sample_s) {
    return o->first_processes * process_seconds(o, sample_s);
}

double tune_final_least_seconds(double sample_s) {
    const tune_final_options least = {.blocks = 1, .quads = 1};
    return 2 * process_seconds(&least, sample_s);
}

bool tune_final_fit(tune_final_options *o, double sample_s) {
    if (o->unhurried || !(sample_s > 0)) return true;
    double each =
        o->budget_s / o->first_processes / sample_s - WARM_USUAL; /* samples per process that fit into its blocks */
    double blocks = floor(each / (4.0 * o->quads));
    if (blocks < o->blocks) o->blocks = blocks < 1 ? 1 : (int)blocks;
    if (o->blocks == 1 && blocks < 1) {
        double quads = floor(each / 4);
        o->quads = quads < 1 ? 1 : quads < o->quads ? (int)quads : o->quads;
    }
    return 2 * process_seconds(o, sample_s) <= o->budget_s;
}

const char *tune_verdict_name(tune_verdict verdict) {
    static const char *const names[TUNE_VERDICT_COUNT] = {
        "no significant difference", "better", "worse", "fails at times", "not compared", "nothing faster found",
        "not enough was tried"};
    return names[verdict];
}

int tune_verdict_find(const char *name) {
    for (int v = 0; v < TUNE_VERDICT_COUNT; v++) {
        if (!strcmp(tune_verdict_name((tune_verdict)v), name)) return v;
    }
    return -1;
}

const char *tune_final_stop_name(tune_final_stop stop) {
    static const char *const names[] = {"width", "budget", "most", "cancelled"};
    return names[stop];
}

const char *tune_scope_name(tune_scope scope) {
    static const char *const names[] = {"one state", "time of measuring", "long run", "machines of the kind"};
    return names[scope];
}

/* Half the width of the interval for the mean of n values, of which the first `first` gave Stein's scatter s0. */
static double half_width(const double *process, int n, int first, double level) {
    if (n < 2) return INFINITY;
    double p = 0.5 + level / 2, root = sqrt((double)n);
    double own = tune_t_quantile(p, n - 1) * tune_sd(process, (size_t)n) / root;
    if (first >= n || first < 2) return own;
    double stein = tune_t_quantile(p, first - 1) * tune_sd(process, (size_t)first) / root;
    return fmax(stein, own);
}

/* Takes the states from the machine's condition where that explains the ratios, and notes which part of it does. */
static void label_states(const double *process, int n, tune_final *out) {
    for (out->label = 0; out->label < TUNE_QUANTITIES; out->label++) {
        if (tune_states_labelled(process, out->condition[out->label], n, &out->states)) return;
    }
}

/* What the machine's states make of the interval of independent processes. */
static void judge_states(const double *process, int n, tune_final *out) {
    tune_states *s = &out->states;
    tune_states_find(process, n, s);
    label_states(process, n, out);
    if (tune_states_enough(s, n)) {
        double low, high;
        tune_states_interval(process, n, s, out->level, &low, &high);
        out->log_low = fmin(out->log_low, low);
        out->log_high = fmax(out->log_high, high);
        out->scope = TUNE_SCOPE_LONG_RUN;
    } else {
        out->scope = s->count > 1 || s->wanders ? TUNE_SCOPE_TIME : TUNE_SCOPE_STATE;
    }
}

void tune_final_judge(const double *process, int n, int first, double level, tune_final *out) {
    double half = half_width(process, n, first, level);
    out->processes = n;
    out->level = level;
    out->log_ratio = tune_mean(process, (size_t)n);
    out->log_low = out->log_ratio - half;
    out->log_high = out->log_ratio + half;
    judge_states(process, n, out);
    out->speedup = expm1(out->log_ratio);
    out->low = n < 2 ? -1 : expm1(out->log_low);
    out->high = n < 2 ? INFINITY : expm1(out->log_high);
    out->verdict = tune_final_decide(out);
}

/* A process in which it is not known which of the two failed counts against the winner, because the baseline is
 * known to work. */
static bool fails(const tune_final *f) {
    return f->failed[TUNE_CULPRIT_WINNER] + f->failed[TUNE_CULPRIT_EITHER] > f->failed[TUNE_CULPRIT_BASELINE];
}

tune_verdict tune_final_decide(const tune_final *f) {
    if (f->processes < 2) return fails(f) ? TUNE_VERDICT_FAILS : TUNE_VERDICT_UNMEASURED;
    if (f->log_low > 0) return fails(f) ? TUNE_VERDICT_FAILS : TUNE_VERDICT_BETTER;
    return f->log_high < 0 ? TUNE_VERDICT_WORSE : TUNE_VERDICT_NONE;
}

static void add_failure(tune_final *out, int status, tune_culprit culprit, const xlstm_error *why) {
    if (!tune_final_unusable(status) || culprit >= TUNE_CULPRIT_COUNT) culprit = TUNE_CULPRIT_NEITHER;
    if (culprit != TUNE_CULPRIT_NEITHER && !*out->why) snprintf(out->why, sizeof out->why, "%.150s", why->text);
    out->failed[culprit]++;
    out->lost++;
}

/* Sums over processes, from which the means and scatters of the result are computed. */
typedef struct totals {
    double within_ss;
    int within_df;
    double cost[2], parts[2][TUNE_PARTS];
    double first_at; /* when the first process began */
} totals;

static void add_process(tune_final *out, totals *sum, const tune_block_result *r) {
    const int n = out->processes++;
    out->process[n] = tune_mean(r->log_ratio, (size_t)r->blocks);
    out->blocks_of[n] = r->blocks;
    out->kept_of[n] = r->kept;
    if (n == 0) sum->first_at = r->at;
    out->at[n] = r->at - sum->first_at;
    out->span_s = out->at[n] + r->seconds;
    for (int q = 0; q < TUNE_QUANTITIES; q++) out->condition[q][n] = (r->before.value[q] + r->after.value[q]) / 2;
    out->blocks += r->blocks;
    out->discarded += r->disturbed;
    out->kept += r->kept;
    if (r->blocks > 1) {
        sum->within_ss += tune_variance(r->log_ratio, (size_t)r->blocks) * (r->blocks - 1);
        sum->within_df += r->blocks - 1;
    }
    sum->cost[0] += r->baseline_cost;
    sum->cost[1] += r->winner_cost;
    for (int p = 0; p < TUNE_PARTS; p++) {
        sum->parts[0][p] += r->baseline_parts[p];
        sum->parts[1][p] += r->winner_parts[p];
    }
}

static void describe(tune_final *out, const totals *sum) {
    int n = out->processes;
    out->within_sd = sum->within_df > 0 ? sqrt(sum->within_ss / sum->within_df) : NAN;
    out->between_sd = NAN;
    if (n > 1 && sum->within_df > 0) {
        double share = out->within_sd * out->within_sd * n / out->blocks;
        out->between_sd = sqrt(fmax(0, tune_variance(out->process, (size_t)n) - share));
    }
    out->baseline_cost = sum->cost[0] / n;
    out->winner_cost = sum->cost[1] / n;
    for (int p = 0; p < TUNE_PARTS; p++) {
        out->baseline_parts[p] = sum->parts[0][p] / n;
        out->winner_parts[p] = sum->parts[1][p] / n;
    }
}

static double now(const tune_final_options *o) {
    return o->now_s ? o->now_s(o->now_ctx) : xl_now_s();
}

/* Half the width that the interval over several machines may be expected to have: that of Student for the means of
 * the machines, if they differed by chance alone. It looks at the scatter within the machines, which says nothing
 * about their means. */
static double half_of_machines(const tune_final_options *o, const tune_final *out) {
    const int n = out->processes, machines = o->machines;
    double ss = 0;
    int df = 0;
    for (int m = 0; m < machines; m++) {
        double mean = 0;
        int k = 0;
        for (int i = m; i < n; i += machines) {
            const double d = out->process[i] - mean;
            mean += d / ++k;
            ss += d * (out->process[i] - mean);
        }
        df += k > 0 ? k - 1 : 0;
    }
    return df < 1 ? INFINITY : tune_t_quantile(0.5 + o->level / 2, machines - 1) * sqrt(ss / df / n);
}

/* Whether enough processes have run. `first` is the number of processes that gave s0. Looks only at scatters and
 * counts and never at means, because otherwise the interval would contain the true value less often than it
 * claims. */
static bool enough(const tune_final_options *o, const tune_final *out, int first, int *planned) {
    int n = out->processes;
    const bool several = o->machines > 1;
    if (n < first || (several && n % o->machines)) return false;
    double half = several ? half_of_machines(o, out) : half_width(out->process, n, first, o->level);
    if (2 * half <= o->width && out->blocks >= LEAST_BLOCKS) return true;
    double more = ceil(n * pow(2 * half / o->width, 2));
    *planned = more < o->most_processes ? (int)more : o->most_processes;
    return false;
}

/* Whether the processes so far show a machine that changes its state. Of several machines that is not known: where
 * they differ, the processes jump from one to the other too. */
static bool changes_state(const tune_final_options *o, const tune_final *out) {
    tune_states states;
    if (o->machines > 1) return false;
    tune_states_find(out->process, out->processes, &states);
    return states.count > 1;
}

/* Returns how many processes there may be. A machine that changes its state needs more of them than the scatter
 * alone demands; they are taken from the rest of the budget. */
static int most_of(const tune_final_options *o, const tune_final *out, int most) {
    if (out->processes < most || !isfinite(o->budget_s) || o->spread_whole) return most;
    if (out->processes > most) return TUNE_PROCESSES_MOST; /* as was decided before */
    return changes_state(o, out) ? TUNE_PROCESSES_MOST : most;
}

/* Where processes are spread over a time: waits until the next one is due. `before` is when the last one began. A
 * machine that was seen to change its state needs many processes, and where the spread is only what the budget
 * leaves, the rest of it is for them. */
static int wait_for_turn(const tune_final_options *o, int most, double before, const tune_final *out) {
    double left = before + o->spread_s / fmax(1, most - 1) - now(o);
    if (!(o->spread_s > 0) || !o->wait || left <= 0) return 0;
    if (!o->spread_whole && changes_state(o, out)) return 0;
    return o->wait(o->wait_ctx, left);
}

bool tune_final_unusable(int status) {
    static const int others[] = {XLSTM_OK,   XLSTM_ECANCELLED, XLSTM_ECHANGED,   XLSTM_ENOMEM,
                                 XLSTM_EARG, XLSTM_EDEVICE,    XLSTM_EDEVICEMEM, XLSTM_EINTERNAL};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (status == others[i]) return false;
    }
    return true;
}

int tune_final_run(const tune_final_options *o, tune_process_fn process, void *ctx, tune_final *out,
                   xlstm_error *err) {
    *out = (tune_final){.stop = TUNE_STOP_MOST, .level = o->level};
    if (!(o->level > 0 && o->level < 1) || !(o->width > 0) || o->blocks < 1 || o->first_processes < 2) {
        return xl_fail(err, XLSTM_EARG, "comparison: level %g, width %g, %d blocks, %d first processes", o->level,
                       o->width, o->blocks, o->first_processes);
    }
    /* Each of several machines has as many turns, and two at least. */
    const int machines = o->machines > 1 ? o->machines : 1, turns = (o->most_processes + machines - 1) / machines;
    int most = machines > 1 ? machines * (turns > 2 ? turns : 2) : o->most_processes;
    if (most > TUNE_PROCESSES_MOST) most = TUNE_PROCESSES_MOST;
    int first = o->first_processes < most ? o->first_processes : most;
    int planned = first, last_status = 0, lost_in_a_row = 0;
    double start = now(o), begin = start, longest = 0;
    totals sum = {0};
    xl_rng seeds;
    xl_rng_seed(&seeds, o->seed);
    xlstm_error why = {0};

    while (out->processes < most_of(o, out, most) && lost_in_a_row < 3) {
        if (out->processes + out->lost > 0 && wait_for_turn(o, most, begin, out)) {
            last_status = XLSTM_ECANCELLED;
            out->stop = TUNE_STOP_CANCELLED;
            break;
        }
        const bool due = o->unhurried && (out->processes < first || out->blocks < LEAST_BLOCKS);
        begin = now(o);
        const double left = due ? INFINITY : o->budget_s - (begin - start);
        /* Whether there is time for another process is judged by the longest one so far, which does not depend on
         * the result. The second process is started even where only half that time is left, because a single one
         * gives no interval. */
        double need = out->processes == 1 ? longest / 2 : longest;
        if (out->processes + out->lost > 0 && left < need) {
            out->stop = TUNE_STOP_BUDGET;
            break;
        }
        tune_block_plan plan = {.blocks = o->blocks,
                                .quads = o->quads,
                                .spare = o->blocks,
                                .deadline_s = left,
                                .seed = xl_rng_next(&seeds)};
        tune_block_result r = {0};
        int status = process(ctx, &plan, &r, &why);
        if (status == XLSTM_ECANCELLED) {
            last_status = status;
            out->stop = TUNE_STOP_CANCELLED;
            break;
        }
        /* The checkpoint was replaced, so the results so far belong to another model; or the output is another one,
         * and once is enough for settings that must not change it. */
        if (status == XLSTM_ECHANGED || status == XLSTM_EMISMATCH) {
            if (err) *err = why;
            return status;
        }
        longest = fmax(longest, now(o) - begin);
        if (!status && r.blocks < 1) {
            out->stop = TUNE_STOP_BUDGET;
            break;
        }
        if (status < 0) {
            last_status = status;
            add_failure(out, status, r.culprit, &why);
            lost_in_a_row++;
            continue;
        }
        lost_in_a_row = 0;
        if (!(r.at > 0)) r.at = begin;
        add_process(out, &sum, &r);
        bool done = enough(o, out, first, &planned) && !o->spread_whole;
        if (o->progress) {
            double half = half_width(out->process, out->processes, first, o->level);
            double mean = tune_mean(out->process, (size_t)out->processes);
            o->progress(o->progress_ctx, out->processes, planned, mean, mean - half, mean + half);
        }
        if (done) {
            out->stop = TUNE_STOP_WIDTH;
            break;
        }
    }
    out->seconds = now(o) - start;
    if (out->processes == 0) {
        out->verdict = TUNE_VERDICT_UNMEASURED;
        if (err && last_status) *err = why;
        return last_status;
    }
    describe(out, &sum);
    tune_final_judge(out->process, out->processes, first, o->level, out);
    return 0;
}

/* Writes "25 seconds", "4 minutes" or "2 hours". */
static void say_time(char *text, size_t bytes, double seconds) {
    double n = seconds, unit = 1;
    const char *name = "second";
    if (seconds >= 5400) unit = 3600, name = "hour";
    else if (seconds >= 90) unit = 60, name = "minute";
    n = fmax(1, round(seconds / unit));
    snprintf(text, bytes, "%.0f %s%s", n, name, n == 1 ? "" : "s");
}

void tune_final_label(char *text, size_t bytes, const tune_final *f, int state) {
    double sum = 0;
    for (int i = 0; i < f->processes; i++) sum += f->states.of[i] == state ? f->condition[f->label][i] : 0;
    sum /= f->states.at[state].processes;
    tune_quantity_print(text, bytes, f->label, sum);
}

/* Writes "9 processes at +36.1 %, 3 at +84.0 %", each with its label where there is one. */
static void say_states(char *text, size_t bytes, const tune_final *f) {
    size_t at = 0;
    for (int i = 0; i < f->states.count && at < bytes; i++) {
        const tune_state *state = &f->states.at[i];
        char label[64];
        const char *unit = i ? "" : state->processes == 1 ? " process" : " processes";
        at += (size_t)snprintf(text + at, bytes - at, "%s%d%s at %+.1f %%", i ? ", " : "", state->processes, unit,
                               100 * expm1(state->mean));
        if (f->label >= TUNE_QUANTITIES || f->states.count < 2 || at >= bytes) continue;
        tune_final_label(label, sizeof label, f, i);
        at += (size_t)snprintf(text + at, bytes - at, " (%s)", label);
    }
}

/* Writes for what time or states the result holds; the text follows the counts. */
static void say_scope(char *text, size_t bytes, const tune_final *f) {
    char time[32] = "the time of measuring", states[320];
    if (f->span_s > 0) say_time(time, sizeof time, f->span_s);
    say_states(states, sizeof states, f);
    const char *in = f->span_s > 0 ? "these " : "";
    if (f->scope == TUNE_SCOPE_MACHINES) {
        snprintf(text, bytes, "; over processes and %d machines in %s", f->machines, time);
    } else if (f->scope == TUNE_SCOPE_LONG_RUN) {
        snprintf(text, bytes, "; of the long run: %s, %d changes in %s", states, f->states.changes, time);
    } else if (f->scope == TUNE_SCOPE_STATE) {
        snprintf(text, bytes, "; one state of the machine in %s", time);
    } else if (f->states.count > 1) {
        snprintf(text, bytes, "; of %s%s alone: %s; a larger --budget or --spread 1h would show the long run", in,
                 time, states);
    } else {
        snprintf(text, bytes, "; of %s%s alone, in which the ratio wandered; --spread 1h would show more", in,
                 time);
    }
}

/* Writes "2 of 9 fresh processes failed, 2 with these settings and 0 with the baseline's (exit code 3)". */
static void say_failed(char *text, size_t bytes, const tune_final *f) {
    char either[40] = "";
    const int of = f->processes + f->processes_aside + f->lost;
    if (f->failed[TUNE_CULPRIT_EITHER])
        snprintf(either, sizeof either, ", %d with one of the two", f->failed[TUNE_CULPRIT_EITHER]);
    snprintf(text, bytes, "%d of %d fresh processes failed, %d with these settings, %d with the baseline's%s (%s)",
             f->lost - f->failed[TUNE_CULPRIT_NEITHER], of, f->failed[TUNE_CULPRIT_WINNER],
             f->failed[TUNE_CULPRIT_BASELINE], either, f->why);
}

int tune_final_text(char *text, size_t bytes, const tune_final *f) {
    char what[520], note[520] = "", failed[320] = "", scope[480];
    double percent = 100 * f->level;
    if (f->lost > f->failed[TUNE_CULPRIT_NEITHER]) say_failed(failed, sizeof failed, f);
    if (f->verdict == TUNE_VERDICT_FAILS && f->processes < 2)
        return snprintf(text, bytes, "fails at times: %s, so nothing is claimed", failed);
    if (f->verdict == TUNE_VERDICT_UNMEASURED && f->processes == 0) {
        return snprintf(
            text, bytes,
            "not compared: the time left was too short for two fresh processes, and fewer prove nothing");
    }
    if (f->verdict == TUNE_VERDICT_UNMEASURED) {
        return snprintf(
            text, bytes,
            "not compared: there was time for one process alone, and where a process lands in memory is "
            "luck (it said %+.1f %%, which proves nothing)",
            100 * f->speedup);
    }
    double mean = 100 * f->speedup, low = 100 * f->low, high = 100 * f->high;
    if (f->verdict == TUNE_VERDICT_FAILS) {
        snprintf(what, sizeof what,
                 "fails at times: %s, so nothing is claimed; the others say %+.1f %% [%+.1f, %+.1f]", failed, mean,
                 low, high);
    } else if (f->verdict == TUNE_VERDICT_BETTER) {
        snprintf(what, sizeof what, "better by %.1f %% [%.1f, %.1f]", mean, low, high);
    } else if (f->verdict == TUNE_VERDICT_WORSE) {
        snprintf(what, sizeof what, "worse by %.1f %% [%.1f, %.1f]", -mean, -high, -low);
    } else {
        snprintf(what, sizeof what, "no significant difference: %+.1f %% [%+.1f, %+.1f]", mean, low, high);
    }
    size_t at = 0;
    if (f->processes + f->processes_aside < 8 || f->blocks + f->blocks_aside < LEAST_BLOCKS) {
        at += (size_t)snprintf(note + at, sizeof note - at,
                               "; there was time for no more, 8 processes and %d blocks "
                               "are usual",
                               LEAST_BLOCKS);
    }
    if (f->kept > 0) {
        at += (size_t)snprintf(note + at, sizeof note - at,
                               "; %d of the blocks were disturbed by other work on the machine", f->kept);
    }
    if (*failed && f->verdict != TUNE_VERDICT_FAILS) snprintf(note + at, sizeof note - at, "; %s", failed);
    say_scope(scope, sizeof scope, f);
    return snprintf(text, bytes, "%s (%.3g %% interval over %d fresh processes, %d blocks%s%s)", what, percent,
                    f->processes, f->blocks, note, scope);
}
