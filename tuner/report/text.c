/* The report in words that a person can repeat. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/report/facts.h"
#include "tuner/report/marks.h"

#define WIDTH 79
#define INDENT 2
#define SMALL 0.02 /* shares under this are not worth a sentence */

/* Prints a paragraph, words wrapped, control characters shown as '?'. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    }
    int at = 0;
    for (const char *word = text; *word;) {
        int length = (int)strcspn(word, " ");
        if (at && at + 1 + length > WIDTH) at = 0;
        if (at == 0) at = printf("%s%*s", word == text ? "" : "\n", INDENT, "");
        else at += printf(" ");
        at += printf("%.*s", length, word);
        word += length;
        word += strspn(word, " ");
    }
    putchar('\n');
}

static void heading(const char *text) {
    printf("\n%s\n", text);
}

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

static void say_run(const tune_report *r) {
    char counts[160];
    const tune_trial_counts c = tune_report_counts(r);
    const size_t points = tune_report_points(r);
    printf("%s\n", r->folder);
    if (r->meta) {
        say("Backend %s, strategy %s, objective %s.", text_of(r->meta, "backend", "?"),
            text_of(r->meta, "strategy", text_of(r->meta, "mode", "?")),
            text_of(r->best, "objective", text_of(r->meta, "objective", "unknown")));
    }
    if (json_is_true(json_object_get(json_object_get(r->meta, "effective_args"), "placebo")))
        say("A placebo: every point ran the baseline's settings, so whatever follows of differences is chance.");
    tune_counts_text(counts, sizeof counts, &c);
    if (points == c.measured) say("%s.", counts);
    else say("%s; %zu different point%s.", counts, points, points == 1 ? "" : "s");
}

static void say_verdict(const tune_report *r) {
    heading("Verdict");
    tune_comparison c = tune_report_comparison(r);
    if (!r->best) {
        say("There is no best.json: the run has not ended, or it is not a run of optimize.");
        return;
    }
    if (!c.text && !c.there) {
        say("best.json names a winner without a comparison: one measurement each, so whether it is faster than "
            "what "
            "was in force before is not known.");
        return;
    }
    if (c.text) say("%s%s", c.text, c.text[0] && c.text[strlen(c.text) - 1] == '.' ? "" : ".");
    if (!c.there) {
        if (c.verdict && !strcmp(c.verdict, "not compared")) say("So nothing is claimed.");
        else say("It rests on the search alone: nothing looked faster than the baseline, so nothing was compared.");
        return;
    }
    say("It rests on %ld fresh process%s with %ld block%s of measurements in all, taken after the winner was "
        "fixed; "
        "none of the samples that chose it count. In each block winner and baseline alternate, so that drift "
        "cancels; where a process lands in memory is luck, so the interval is over processes.",
        c.processes, c.processes == 1 ? "" : "es", c.blocks, c.blocks == 1 ? "" : "s");
    if (c.stopped_by && !strcmp(c.stopped_by, "width"))
        say("It ended because the interval was narrow enough, which says nothing about where it lies.");
    else if (c.stopped_by && !strcmp(c.stopped_by, "budget"))
        say("It ended because the time was up, not because of what it had found.");
    else if (c.stopped_by && !strcmp(c.stopped_by, "most"))
        say("It ended after as many processes as this effort allows, not because of what it had found.");
    if (isfinite(c.low) && isfinite(c.high)) {
        say("If the same were done many times, %.0f of 100 such intervals would hold the true speed-up; this one "
            "goes "
            "from %+.1f %% to %+.1f %%.",
            100 * (isfinite(c.level) ? c.level : 0.95), 100 * c.low, 100 * c.high);
    }
    if (c.discarded > 0) {
        say("%ld %sblock%s discarded and run again because other work disturbed the machine.", c.discarded,
            c.kept ? "more " : "", c.discarded == 1 ? " was" : "s were");
    }
    if (c.lost > 0)
        say("%ld process%s failed and %s not count.", c.lost, c.lost == 1 ? "" : "es", c.lost == 1 ? "does" : "do");
}

static void say_winner(const tune_report *r) {
    char text[1024];
    const json_t *params = json_object_get(r->best, "params");
    if (!params) return;
    heading("Winner");
    object_text(params, text, sizeof text);
    const bool stays = json_is_true(json_object_get(r->best, "is_baseline"));
    const json_t *baseline = json_object_get(json_object_get(r->best, "baseline"), "params");
    const json_t *challenger = json_object_get(r->best, "challenger");
    say("%s%s.", stays ? "The baseline stays: " : "", text);
    if (!stays && json_is_object(baseline)) {
        object_text(baseline, text, sizeof text);
        say("The baseline: %s.", text);
    }
    if (stays && json_is_object(challenger)) {
        object_text(challenger, text, sizeof text);
        say("The search's choice, which %s: %s.",
            tune_report_comparison(r).there ? "did not beat it" : "was not compared", text);
    }
    if (stays && !json_is_object(challenger)) return;
    size_t samples = tune_report_winner_samples(r);
    if (samples)
        say("%zu sample%s in the search %s behind that choice.", samples, samples == 1 ? "" : "s",
            samples == 1 ? "is" : "are");
    else if (r->winner >= 0 && !stays)
        say("Its samples were not kept: the choice rests on one number of summary.csv.");
}

static void say_side(const tune_report *r, const char *name, const json_t *side, const char *metrics) {
    char text[1024], value[80] = "";
    const char *objective = r->best ? text_of(r->best, "objective", "request_s") : "request_s";
    char first[40];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(objective, ","), objective);
    const json_t *number = json_object_get(json_object_get(side, metrics), first);
    object_text(json_object_get(side, "params"), text, sizeof text);
    if (json_is_number(number)) snprintf(value, sizeof value, ": %s %.6g", first, json_number_value(number));
    say("%s: %s%s.", name, text, value);
}

/* What stands in a recording in the place of verdict and winner. */
static int say_recording(const tune_report *r, xlstm_error *err) {
    tune_recorded c;
    int status = tune_report_recorded(r, &c, err);
    if (status) return status;
    heading("Recording");
    say("Every point was measured for its own sake, in rounds over all of them, the baseline among them. Nothing "
        "was "
        "compared with the baseline, and there is no verdict.");
    if (!c.samples) {
        say("The folder holds no samples.");
    } else if (c.fewest == c.most) {
        say("%zu sample%s of each point.", c.most, c.most == 1 ? "" : "s");
    } else {
        say("%zu to %zu samples of a point: not every round is whole.", c.fewest, c.most);
    }
    if (c.marked)
        say("%zu of the %zu samples in use, the baseline's with them, %s disturbed by other work on the machine.",
            c.marked, c.samples, c.marked == 1 ? "was" : "were");
    if (c.aside) say("%zu %s set aside as disturbed and taken again.", c.aside, c.aside == 1 ? "was" : "were");
    if (!json_object_get(r->best, "params")) return 0;
    const json_t *baseline = json_object_get(r->best, "baseline");
    say_side(r, "The fastest point", r->best, "metrics");
    if (json_is_object(baseline)) say_side(r, "The baseline", baseline, "metrics");
    say("The samples that single a point out flatter it: whether it is faster than the baseline is a question for "
        "optimize without --export-landscape.");
    return 0;
}

/* Whether prefill's settings and decode's, searched apart, act on each other. */
static void say_joined(const tune_report *r) {
    const json_t *interaction = json_object_get(r->best, "interaction");
    const char *text = json_string_value(json_object_get(interaction, "text"));
    if (!text) return;
    heading("Prefill and decode, searched apart");
    say("%c%s.", toupper((unsigned char)*text), *text ? text + 1 : "");
}

static void front_numbers(const tune_report *r, const char *name, const double *value) {
    printf("%*s%8s", INDENT, "", name);
    for (int k = 0; k < r->objectives; k++) {
        if (isfinite(value[k])) printf(" %13.6g", value[k]);
        else printf(" %13s", "-");
    }
}

/* Settings beside the numbers where they fit, else under them. */
static void front_settings(const tune_report *r, const char *text) {
    const int used = INDENT + 8 + 14 * r->objectives + 2;
    if (used + (int)strlen(text) <= WIDTH) printf("  %s\n", text);
    else printf("\n%*s%s\n", INDENT + 10, "", text);
}

static int say_front(const tune_report *r, xlstm_error *err) {
    size_t *front = r->objectives > 1 ? malloc((r->trials + 1) * sizeof *front) : NULL;
    if (r->objectives < 2) return 0;
    if (!front) return xl_fail(err, XLSTM_ENOMEM, "report: out of memory");
    const size_t n = tune_report_front(r, front);
    double baseline[TUNE_REPORT_OBJECTIVES];
    bool known = false;
    heading("Pareto front");
    if (tune_report_is_recording(r))
        say("%zu point%s beaten by no other in everything. The numbers are means without an interval, and what "
            "lies "
            "within the noise of each other may change places.",
            n, n == 1 ? " is" : "s are");
    else
        say("%zu trial%s beaten by no other in everything; all objectives steered where the strategy is nsga2. %s, "
            "the "
            "first, fixed the winner, and that one alone was compared with the baseline: the numbers here are the "
            "search's, without an interval, and what lies within the noise of each other may change places.",
            n, n == 1 ? " is" : "s are", r->objective[0]);
    printf("%*s%8s", INDENT, "", "trial");
    for (int k = 0; k < r->objectives; k++) {
        printf(" %13s", r->objective[k]);
        baseline[k] = tune_report_baseline(r, k);
        known |= isfinite(baseline[k]);
    }
    putchar('\n');
    for (size_t i = 0; i < n; i++) {
        char name[24], text[1024];
        snprintf(name, sizeof name, "%zu", front[i]);
        tune_report_point(r, &r->trial[front[i]], text, sizeof text);
        front_numbers(r, name, r->trial[front[i]].objective);
        front_settings(r, text);
    }
    if (known) {
        front_numbers(r, "baseline", baseline);
        putchar('\n');
    }
    free(front);
    return 0;
}

static void say_importance(const tune_report *r, const tune_analysis *a) {
    heading("What made the difference");
    if (r->parameters == 0) {
        say("No parameter was varied.");
        return;
    }
    if (tune_report_cold_first(r)) say("The first row is left out here: it was cold, its time holds a warm-up.");
    bool known = false;
    for (size_t p = 0; p < r->parameters; p++) known |= isfinite(a->importance[p].share);
    if (!known) {
        say("%zu different point%s too few to tell.", a->used, a->used == 1 ? " is" : "s are");
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
        say("%s: %.0f %% of the differences between trials [%.0f, %.0f].", r->parameter[best].name, 100 * s->share,
            100 * s->low, 100 * s->high);
    }
    say("%.0f %% are left to combinations and to noise.", 100 * a->unexplained);
}

static void say_pairs(const tune_report *r, const tune_analysis *a) {
    if (a->pairs == 0) return;
    heading("Parameters that act together");
    size_t said = 0;
    if (!isfinite(a->pair[0].strength.share)) {
        say("Too few trials to tell from noise.");
        return;
    }
    for (size_t k = 0; k < a->pairs && said < 5; k++) {
        const tune_pair *p = &a->pair[k];
        if (!(p->strength.share >= SMALL)) break;
        said++;
        say("%s with %s: %.0f %% more [%.0f, %.0f]: the best value of one depends on the other.",
            r->parameter[p->a].name, r->parameter[p->b].name, 100 * p->strength.share, 100 * p->strength.low,
            100 * p->strength.high);
    }
    if (!said) say("None that these trials show: each parameter can be chosen by itself.");
}

static void say_gaps(const tune_report *r, const tune_analysis *a) {
    if (r->parameters == 0) return;
    heading("Never tried");
    size_t said = 0;
    for (size_t p = 0; p < r->parameters; p++) {
        char gaps[256];
        tune_report_gaps(r, p, gaps, sizeof gaps);
        if (!gaps[0]) continue;
        said++;
        say("%s: %s.", r->parameter[p].name, gaps);
    }
    for (size_t k = 0; k < a->pairs; k++) {
        const tune_pair *p = &a->pair[k];
        if (p->tried >= p->possible) continue;
        said++;
        say("%s with %s: %zu of the %zu combinations of values seen.", r->parameter[p->a].name,
            r->parameter[p->b].name, p->possible - p->tried, p->possible);
    }
    if (!said) say("Nothing: every combination of the values seen was tried.");
}

static int say_noise(const tune_report *r, xlstm_error *err) {
    tune_noise noise;
    tune_sample_counts c;
    char text[256];
    int status = tune_report_noise(r, &noise, err);
    if (status) return status;
    tune_report_baseline_samples(r, &c);
    heading("Noise");
    if (noise.n == 0) {
        say("The folder holds no samples of the baseline, so nothing is known of the noise.");
    } else {
        tune_noise_text(text, sizeof text, &noise);
        say("The baseline, measured over and over: %s.", text);
    }
    if (noise.n >= 4 && noise.correlation_time > 2)
        say("Noise lasts for about %.0f samples.", noise.correlation_time);
    if (noise.n >= 4 && noise.step < noise.spread / 3)
        say("Neighbouring samples differ by %.2g %% only: it is the machine's pace that wandered, which "
            "alternating "
            "with the baseline cancels.",
            100 * noise.step);
    if (c.warmup) say("%zu more %s left out as warm-up.", c.warmup, c.warmup == 1 ? "was" : "were");
    if (c.disturbed)
        say("%zu %s set aside as disturbed and taken again.", c.disturbed, c.disturbed == 1 ? "was" : "were");
    if (c.marked)
        say("%zu of those in use %s disturbed too: %s.", c.marked, c.marked == 1 ? "was" : "were",
            2 * c.marked > c.used ? "on this machine that was the rule" : "taken again they were no better");
    if (c.reasons[0]) say("What disturbed: %s.", c.reasons);
    return 0;
}

static int write_text(const tune_report *r, const tune_analysis *a, const tune_report_options *options,
                      xlstm_error *err) {
    int status = 0;
    say_run(r);
    if (tune_report_is_recording(r)) {
        status = say_recording(r, err);
    } else {
        say_verdict(r);
        say_winner(r);
    }
    if (!status) status = say_front(r, err);
    if (status) return status;
    say_importance(r, a);
    say_pairs(r, a);
    say_joined(r);
    say_gaps(r, a);
    return say_noise(r, err);
}

const tune_writer tune_writer_text = {"text", write_text};
