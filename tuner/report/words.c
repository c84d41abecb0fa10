#include "tuner/report/words.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "tuner/measure/final.h"
#include "tuner/report/facts.h"
#include "tuner/report/marks.h"
#include "tuner/report/words_say.h"
#include "tuner/report/words_verdict.h"

#define SMALL 0.02 /* smaller shares get no sentence */
#define TOGETHER 5 /* pairs of parameters that get a sentence, at most */
#define NAME_WIDTH 8

static const char *plural(size_t n) {
    return n == 1 ? "" : "s";
}

/* ---- the run ---- */

static const char *text_of(const json_t *object, const char *key, const char *otherwise) {
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : otherwise;
}

static void object_text(const json_t *object, char *text, size_t bytes) {
    const char *key;
    json_t *value, *all = json_deep_copy(object);
    text[0] = '\0';
    json_object_foreach(all, key, value) {
        char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        size_t used = strlen(text);
        snprintf(text + used, bytes - used, "%s%.40s %.40s", used ? ", " : "", key,
                 json_is_string(value) ? json_string_value(value)
                 : shown               ? shown
                                       : "?");
        free(shown);
    }
    json_decref(all);
}

static const char *or_unknown(const char *text) {
    return text && *text ? text : "unknown";
}

static void say_run(tune_words *w, const tune_report *r) {
    char counts[160];
    const size_t points = tune_report_points(r), all = tune_report_combinations(r);
    tune_say_heading(w, "run", r->folder);
    if (r->meta)
        tune_say(w, "Backend %s, strategy %s, objective %s.", or_unknown(r->run.backend),
                 text_of(r->meta, "strategy", or_unknown(r->run.mode)), or_unknown(r->run.objective));
    if (json_is_true(json_object_get(json_object_get(r->meta, "effective_args"), "placebo")))
        tune_say(
            w,
            "A placebo run: every point ran the baseline's settings, so all differences below are due to chance.");
    tune_counts_text(counts, sizeof counts, &r->counts);
    if (points == r->counts.measured) tune_say(w, "%s.", counts);
    else tune_say(w, "%s; %zu different point%s.", counts, points, plural(points));
    if (r->points && all > r->points)
        tune_say(
            w,
            "The space holds %zu point%s: its values combine in %zu ways, but the others do not exist or are equal "
            "in effect for this prompt and model.",
            r->points, plural(r->points), all);
    else if (r->points) tune_say(w, "The space holds %zu point%s.", r->points, plural(r->points));
}

/* Says how the value of the search's choice changed, because its first value may have been lucky. */
static void say_search_value(tune_words *w, const tune_report *r) {
    const long choice = r->challenger >= 0 ? r->challenger : r->winner;
    if (choice < 0 || r->imported) return;
    const double now = r->stored[choice].value, first = tune_report_first_value(&r->stored[choice]);
    if (!(now > 0) || !(first > 0)) return;
    tune_say(w, "In the search its gain over the baseline was %+.1f %% at first and %+.1f %% with all its samples.",
             100 * (1 / first - 1), 100 * (1 / now - 1));
}

static void say_winner(tune_words *w, const tune_report *r) {
    char text[1024];
    const json_t *params = json_object_get(r->best, "params");
    if (!params) return;
    tune_say_heading(w, "winner", "Winner");
    object_text(params, text, sizeof text);
    const bool stays = json_is_true(json_object_get(r->best, "is_baseline"));
    const json_t *baseline = json_object_get(json_object_get(r->best, "baseline"), "params");
    const json_t *challenger = json_object_get(r->best, "challenger");
    tune_say(w, "%s%s.", stays ? "The baseline stays: " : "", text);
    if (!stays && json_is_object(baseline)) {
        object_text(baseline, text, sizeof text);
        tune_say(w, "The baseline: %s.", text);
    }
    if (stays && json_is_object(challenger)) {
        object_text(challenger, text, sizeof text);
        const tune_comparison c = tune_report_comparison(r);
        const bool fails = c.verdict && tune_verdict_find(c.verdict) == TUNE_VERDICT_FAILS;
        tune_say(w, "The search's choice, which %s: %s.",
                 fails     ? "failed at times"
                 : c.there ? "did not beat it"
                           : "was not compared",
                 text);
    }
    if (stays && !json_is_object(challenger)) return;
    say_search_value(w, r);
    size_t samples = tune_report_winner_samples(r);
    if (samples)
        tune_say(w, "%zu sample%s in the search %s behind that choice.", samples, samples == 1 ? "" : "s",
                 samples == 1 ? "is" : "are");
    else if (r->winner >= 0 && !stays)
        tune_say(w, "Its samples were not kept: the choice rests on one number of summary.csv.");
}

static void say_side(tune_words *w, const tune_report *r, const char *name, const json_t *side,
                     const char *metrics) {
    char text[1024], value[80] = "";
    const char *objective = r->best ? text_of(r->best, "objective", "request_s") : "request_s";
    char first[40];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(objective, ","), objective);
    const json_t *number = json_object_get(json_object_get(side, metrics), first);
    object_text(json_object_get(side, "params"), text, sizeof text);
    if (json_is_number(number)) snprintf(value, sizeof value, ": %s %.6g", first, json_number_value(number));
    tune_say(w, "%s: %s%s.", name, text, value);
}

/* Writes the section of a recording, which has neither verdict nor winner. */
static int say_recording(tune_words *w, const tune_report *r, xlstm_error *err) {
    tune_recorded c;
    int status = tune_report_recorded(r, &c, err);
    if (status) return status;
    tune_say_heading(w, "recording", "Recording");
    tune_say(w, "Every point was measured equally often, in rounds over all of them and the baseline. "
                "Nothing was compared with the baseline, and there is no verdict.");
    if (!c.samples) {
        tune_say(w, "The folder holds no samples.");
    } else if (c.fewest == c.most) {
        tune_say(w, "%zu sample%s of each point.", c.most, c.most == 1 ? "" : "s");
    } else {
        tune_say(w, "%zu to %zu samples of a point: not every round is complete.", c.fewest, c.most);
    }
    if (c.marked)
        tune_say(
            w,
            "%zu of the %zu samples in use, the baseline's with them, %s disturbed by other work on the machine.",
            c.marked, c.samples, c.marked == 1 ? "was" : "were");
    if (c.aside)
        tune_say(w, "%zu %s set aside as disturbed and taken again.", c.aside, c.aside == 1 ? "was" : "were");
    if (!json_object_get(r->best, "params")) return 0;
    const json_t *baseline = json_object_get(r->best, "baseline");
    say_side(w, r, "The fastest point", r->best, "metrics");
    if (json_is_object(baseline)) say_side(w, r, "The baseline", baseline, "metrics");
    tune_say(
        w, "A point that is picked because its samples are low looks faster than it is. Whether it is faster than "
           "the baseline is a question for optimize without --export-landscape.");
    return 0;
}

/* Says whether the settings of prefill and decode, which were searched apart, affect each other. */
static void say_joined(tune_words *w, const tune_report *r) {
    const json_t *interaction = json_object_get(r->best, "interaction");
    const char *text = json_string_value(json_object_get(interaction, "text"));
    if (!text) return;
    tune_say_heading(w, "joined", "Prefill and decode, searched apart");
    tune_say(w, "%c%s.", toupper((unsigned char)*text), *text ? text + 1 : "");
}

static void front_numbers(const tune_report *r, const char *name, const double *value, char *text, size_t bytes) {
    size_t used = (size_t)snprintf(text, bytes, "%*s", NAME_WIDTH, name);
    for (int k = 0; k < r->objectives && used < bytes; k++) {
        if (isfinite(value[k])) used += (size_t)snprintf(text + used, bytes - used, " %13.6g", value[k]);
        else used += (size_t)snprintf(text + used, bytes - used, " %13s", "-");
    }
}

/* Writes the settings beside the numbers where they fit, else below them. */
static void front_row(tune_words *w, const tune_report *r, const char *numbers, const char *settings) {
    const int room = TUNE_ROW_WIDTH - (NAME_WIDTH + 14 * r->objectives + 2);
    if ((int)strlen(settings) <= room) {
        tune_say_row(w, "%s  %s", numbers, settings);
        return;
    }
    tune_say_row(w, "%s", numbers);
    tune_say_row(w, "%*s%s", NAME_WIDTH + 2, "", settings);
}

static int say_front(tune_words *w, const tune_report *r, xlstm_error *err) {
    size_t *front = r->objectives > 1 ? malloc((r->trials + 1) * sizeof *front) : NULL;
    if (r->objectives < 2) return 0;
    if (!front) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    const size_t n = tune_report_front(r, front);
    double baseline[TUNE_REPORT_OBJECTIVES];
    bool known = false;
    tune_say_heading(w, "front", "Pareto front");
    if (tune_report_is_recording(r))
        tune_say(
            w,
            "%zu point%s on the Pareto front: no other point is as good in every objective and better in one. The "
            "numbers are means without an interval, and points within the noise of each other may change places.",
            n, n == 1 ? " is" : "s are");
    else
        tune_say(
            w,
            "%zu trial%s on the Pareto front: no other trial is as good in every objective and better in one. With "
            "the strategies ehvi and nsga2 all objectives steer the search. The first one, %s, decided the winner, "
            "and only "
            "the winner was compared with the baseline: the numbers here are the search's, without an interval, "
            "and "
            "trials within the noise of each other may change places.",
            n, n == 1 ? " is" : "s are", r->objective[0]);
    char numbers[256], text[1024];
    size_t used = (size_t)snprintf(numbers, sizeof numbers, "%*s", NAME_WIDTH, "trial");
    for (int k = 0; k < r->objectives; k++) {
        used += (size_t)snprintf(numbers + used, sizeof numbers - used, " %13s", r->objective[k]);
        baseline[k] = tune_report_baseline(r, k);
        known |= isfinite(baseline[k]);
    }
    tune_say_row(w, "%s", numbers);
    for (size_t i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%zu", front[i]);
        tune_report_point(r, &r->trial[front[i]], text, sizeof text);
        front_numbers(r, name, r->trial[front[i]].objective, numbers, sizeof numbers);
        front_row(w, r, numbers, text);
    }
    if (known) {
        front_numbers(r, "baseline", baseline, numbers, sizeof numbers);
        tune_say_row(w, "%s", numbers);
    }
    free(front);
    return 0;
}

static void say_importance(tune_words *w, const tune_report *r, const tune_analysis *a) {
    tune_say_heading(w, "importance", "What made the difference");
    if (r->parameters == 0) {
        tune_say(w, "No parameter was varied.");
        return;
    }
    if (tune_report_cold_first(r))
        tune_say(w, "The first row is left out here: it was cold, so its time includes a warm-up.");
    bool known = false;
    for (size_t p = 0; p < r->parameters; p++) known |= isfinite(a->importance[p].share);
    if (!known) {
        tune_say(w, "%zu different point%s too few to tell.", a->used, a->used == 1 ? " is" : "s are");
        return;
    }
    bool done[TUNE_REPORT_PARAMETERS] = {false};
    for (size_t k = 0; k < r->parameters; k++) {
        size_t best = r->parameters;
        for (size_t p = 0; p < r->parameters; p++) {
            if (done[p] || !isfinite(a->importance[p].share)) continue;
            if (best == r->parameters || a->importance[p].share > a->importance[best].share) best = p;
        }
        if (best == r->parameters) break;
        done[best] = true;
        const tune_share *s = &a->importance[best];
        tune_say(w, "%s: %.0f %% of the differences between trials [%.0f, %.0f].", r->parameter[best].name,
                 100 * s->share, 100 * s->low, 100 * s->high);
    }
    tune_say(w, "%.0f %% are due to combinations and to noise.", 100 * a->unexplained);
}

static void say_pairs(tune_words *w, const tune_report *r, const tune_analysis *a) {
    if (a->pairs == 0) return;
    tune_say_heading(w, "pairs", "Parameters that act together");
    size_t said = 0;
    if (!isfinite(a->pair[0].strength.share)) {
        tune_say(w, "Too few trials to tell from noise.");
        return;
    }
    for (size_t k = 0; k < a->pairs && said < TOGETHER; k++) {
        const tune_pair *p = &a->pair[k];
        if (!(p->strength.share >= SMALL)) break;
        said++;
        tune_say(w, "%s with %s: %.0f %% more [%.0f, %.0f]: the best value of one depends on the other.",
                 r->parameter[p->a].name, r->parameter[p->b].name, 100 * p->strength.share, 100 * p->strength.low,
                 100 * p->strength.high);
    }
    if (!said) tune_say(w, "None that these trials show: each parameter can be chosen by itself.");
}

static void say_gaps(tune_words *w, const tune_report *r, const tune_analysis *a) {
    if (r->parameters == 0) return;
    tune_say_heading(w, "gaps", "Never tried");
    if (tune_report_all_tried(r)) {
        const size_t tried = r->counts.measured + r->counts.failed;
        tune_say(w, "Nothing: all %zu point%s of the space %s tried.", tried, plural(tried),
                 tried == 1 ? "was" : "were");
        return;
    }
    size_t said = 0;
    if (!tune_report_space_is_known(r))
        tune_say(w, "The folder does not say which values the run could have tried.");
    else if (r->points)
        tune_say(w, "%zu of the space's %zu points.", r->points - r->counts.measured - r->counts.failed, r->points);
    for (size_t p = 0; p < r->parameters; p++) {
        char gaps[256];
        tune_report_gaps(r, p, gaps, sizeof gaps);
        if (!gaps[0]) continue;
        said++;
        tune_say(w, "%s: %s.", r->parameter[p].name, gaps);
    }
    for (size_t k = 0; k < a->pairs; k++) {
        const tune_pair *p = &a->pair[k];
        if (p->tried >= p->possible) continue;
        said++;
        tune_say(w, "%s with %s: %zu of the %zu combinations of values seen.", r->parameter[p->a].name,
                 r->parameter[p->b].name, p->possible - p->tried, p->possible);
    }
    if (!said) tune_say(w, "Every combination of the values seen was tried.");
}

static int say_noise(tune_words *w, const tune_report *r, xlstm_error *err) {
    tune_noise noise;
    tune_sample_counts c;
    char text[256], step[XL_NUMBER_TEXT];
    int status = tune_report_noise(r, &noise, err);
    if (status) return status;
    tune_report_baseline_samples(r, &c);
    tune_say_heading(w, "noise", "Noise");
    if (noise.n == 0) {
        tune_say(w, "The folder holds no samples of the baseline, so nothing is known of the noise.");
    } else {
        tune_noise_text(text, sizeof text, &noise);
        if (r->noisy == r->run.metrics.seconds) tune_say(w, "The baseline, measured again and again: %s.", text);
        else tune_say(w, "The baseline's %s, measured again and again: %s.", tune_report_noise_name(r), text);
    }
    if (noise.n >= 4 && noise.correlation_time > 2)
        tune_say(w, "Noise lasts for about %.0f samples.", noise.correlation_time);
    if (noise.n >= 4 && noise.step < noise.spread / 3)
        tune_say(w,
                 "Neighbouring samples differ by %s %% only: it is the machine's pace that wandered, which "
                 "alternating with the baseline cancels.",
                 xl_number_rounded(step, 100 * noise.step, 2));
    if (c.warmup) tune_say(w, "%zu more %s left out as warm-up.", c.warmup, c.warmup == 1 ? "was" : "were");
    if (c.disturbed)
        tune_say(w, "%zu %s set aside as disturbed and taken again.", c.disturbed,
                 c.disturbed == 1 ? "was" : "were");
    if (c.marked)
        tune_say(w, "%zu of those in use %s disturbed too: %s.", c.marked, c.marked == 1 ? "was" : "were",
                 2 * c.marked > c.used ? "on this machine that was the rule" : "taken again they were no better");
    if (c.reasons[0]) tune_say(w, "What disturbed: %s.", c.reasons);
    return 0;
}

int tune_words_make(tune_words *out, const tune_report *r, const tune_analysis *a, xlstm_error *err) {
    *out = (tune_words){0};
    int status = XLSTM_OK;
    say_run(out, r);
    if (tune_report_is_recording(r)) {
        status = say_recording(out, r, err);
    } else {
        tune_say_verdict(out, r);
        say_winner(out, r);
    }
    if (!status) status = say_front(out, r, err);
    if (!status) {
        say_importance(out, r, a);
        say_pairs(out, r, a);
        say_joined(out, r);
        say_gaps(out, r, a);
        status = say_noise(out, r, err);
    }
    if (!status && out->out_of_memory) status = xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    if (status) tune_words_clear(out);
    return status;
}

void tune_words_clear(tune_words *w) {
    for (size_t s = 0; s < w->sections; s++) {
        for (size_t i = 0; i < w->section[s].lines; i++) free(w->section[s].line[i].text);
        free(w->section[s].line);
        free(w->section[s].title);
    }
    *w = (tune_words){0};
}
