#include "tuner/report/words_verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "tuner/measure/final.h"
#include "tuner/report/facts.h"
#include "tuner/report/words_say.h"

/* Says why there is no verdict where the run has not reached its last comparison. Returns true where there is
 * nothing else to say. */
static bool say_unfinished(tune_words *w, const tune_report *r) {
    const bool running = !strcmp(r->run.state, TUNE_RUN_RUNNING);
    const json_t *final = json_object_get(r->best, "final");
    if (r->imported && !r->best) {
        tune_say(w, "There is no best.json: the run has not ended, or it is not a run of optimize.");
        return true;
    }
    if (r->best && !json_is_false(final)) return false;
    if (running) tune_say(w, "The run is still going on, and the winner is not compared with the baseline yet.");
    else
        tune_say(
            w,
            "The run was interrupted before its winner was compared with the baseline, so nothing is claimed: that "
            "does not mean that nothing was found. `xltune optimize --resume %s` continues it.",
            r->folder);
    return true;
}

/* Says what a verdict without a comparison is based on. */
static void say_uncompared(tune_words *w, int verdict) {
    switch (verdict) {
    case TUNE_VERDICT_NOTHING:
    case TUNE_VERDICT_NONE: /* the name of that verdict in earlier versions */
        tune_say(
            w,
            "It rests on the search alone, whose best was not faster than the baseline, so nothing was compared.");
        break;
    case TUNE_VERDICT_TOO_LITTLE:
        tune_say(w,
                 "So few points say little about the others: a larger --budget or more --trials would try more of "
                 "them.");
        break;
    default:
        tune_say(w, "So nothing is claimed.");
    }
}

/* Says how many processes failed, and what follows from it. */
static void say_failures(tune_words *w, const tune_comparison *c) {
    const long winner = (long)json_integer_value(json_object_get(c->failed, "winner")),
               baseline = (long)json_integer_value(json_object_get(c->failed, "baseline")),
               either = (long)json_integer_value(json_object_get(c->failed, "either"));
    tune_say(w, "%ld process%s failed and %s not count.", c->lost, c->lost == 1 ? "" : "es",
             c->lost == 1 ? "does" : "do");
    if (winner + baseline + either == 0) return;
    tune_say(w, "It was the search's choice that failed in %ld of them, and the baseline in %ld.", winner,
             baseline);
    if (either > 0)
        tune_say(w, "In %ld it is not known which, which counts against the choice: the baseline is known to work.",
                 either);
    if (c->verdict && tune_verdict_find(c->verdict) == TUNE_VERDICT_FAILS)
        tune_say(w, "Settings that fail where the baseline does not are no improvement, however fast they are "
                    "otherwise.");
}

static void say_comparison(tune_words *w, const tune_comparison *c) {
    tune_say(w,
             "It rests on %ld fresh process%s with %ld block%s of measurements in all, taken after the winner was "
             "fixed; "
             "none of the samples that chose it count. In each block winner and baseline alternate, so that drift "
             "cancels; where a process lands in memory is luck, so the interval is over processes.",
             c->processes, c->processes == 1 ? "" : "es", c->blocks, c->blocks == 1 ? "" : "s");
    if (c->stopped_by && !strcmp(c->stopped_by, tune_final_stop_name(TUNE_STOP_WIDTH)))
        tune_say(w, "It ended because the interval was narrow enough, which says nothing about where it lies.");
    else if (c->stopped_by && !strcmp(c->stopped_by, tune_final_stop_name(TUNE_STOP_BUDGET)))
        tune_say(w, "It ended because the time was up, not because of what it had found.");
    else if (c->stopped_by && !strcmp(c->stopped_by, tune_final_stop_name(TUNE_STOP_MOST)))
        tune_say(w, "It ended after as many processes as this effort allows, not because of what it had found.");
    if (isfinite(c->low) && isfinite(c->high))
        tune_say(
            w,
            "If the same were done many times, %.0f of 100 such intervals would hold the true speed-up; this one "
            "goes from %+.1f %% to %+.1f %%.",
            100 * (isfinite(c->level) ? c->level : 0.95), 100 * c->low, 100 * c->high);
    if (c->discarded > 0)
        tune_say(w, "%ld %sblock%s discarded and run again because other work disturbed the machine.", c->discarded,
                 c->kept ? "more " : "", c->discarded == 1 ? " was" : "s were");
    if (c->lost > 0) say_failures(w, c);
}

enum { LETTERS = 26 };

/* Returns the letter of a state; a question mark for a number that no state has. */
static char letter(json_int_t state) {
    return state >= 0 && state < LETTERS ? (char)('a' + state) : '?';
}

/* Writes the processes in their order, each as the letter of its state, which a table explains. */
static void say_sequence(tune_words *w, const tune_comparison *c) {
    const size_t n = json_array_size(c->state_of), states = json_array_size(c->states);
    char letters[TUNE_ROW_WIDTH];
    if (states < 2 || states > LETTERS) return;
    for (size_t i = 0; i < states; i++) {
        const json_t *s = json_array_get(c->states, i);
        const long processes = (long)json_integer_value(json_object_get(s, "processes"));
        const char *seen = json_string_value(json_object_get(s, "seen_as"));
        tune_say_row(w, "%c  %+.1f %%, %ld process%s in %ld visit%s%s%s", (char)('a' + i),
                     100 * json_number_value(json_object_get(s, "value")), processes, processes == 1 ? "" : "es",
                     (long)json_integer_value(json_object_get(s, "visits")),
                     json_integer_value(json_object_get(s, "visits")) == 1 ? "" : "s", seen ? ", " : "",
                     seen ? seen : "");
    }
    for (size_t from = 0; from < n; from += TUNE_ROW_WIDTH - 1) {
        size_t to = from;
        for (; to < n && to - from < TUNE_ROW_WIDTH - 1; to++)
            letters[to - from] = letter(json_integer_value(json_array_get(c->state_of, to)));
        letters[to - from] = 0;
        tune_say_row(w, "%s", letters);
    }
}

/* Says what the machine was like, by which another comparison can be told to have met the same state. */
static void say_condition(tune_words *w, const tune_comparison *c) {
    char text[TUNE_QUANTITIES * (TUNE_QUANTITY_TEXT + 2)] = "";
    size_t used = 0;
    for (int q = 0; q < TUNE_QUANTITIES; q++) {
        const json_t *values = json_object_get(c->condition, tune_quantity_name(q));
        double sum = 0;
        size_t n = 0;
        for (size_t i = 0; i < json_array_size(values); i++) {
            const double value = json_number_value(json_array_get(values, i));
            sum += value > 0 ? value : 0;
            n += value > 0;
        }
        if (!n) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", used ? ", " : "");
        tune_quantity_print(text + used, sizeof text - used, q, sum / (double)n);
        used += strlen(text + used);
    }
    if (used) tune_say(w, "On average it had %s.", text);
}

/* Says for what the interval holds: for a machine that changes its state, a narrow interval is not enough. */
static void say_scope(tune_words *w, const tune_comparison *c) {
    if (!c->holds_for) return;
    char seconds[XL_NUMBER_TEXT];
    xl_number_rounded(seconds, c->seconds, 3);
    const bool several = json_array_size(c->states) > 1;
    if (!strcmp(c->holds_for, tune_scope_name(TUNE_SCOPE_MACHINES))) {
        tune_say(
            w, "The processes ran in turn on several machines of one kind, and the interval is over processes and "
               "machines: it is that of the mean over machines of this kind.");
        if (c->also_aside > 0)
            tune_say(w,
                     "%ld of them differed and %s set aside, but the others are too few to be sure of that: the "
                     "interval also holds with %s, which makes it wide. More machines would tell.",
                     c->also_aside, c->also_aside == 1 ? "was" : "were", c->also_aside == 1 ? "it" : "them");
        return;
    }
    if (!strcmp(c->holds_for, tune_scope_name(TUNE_SCOPE_LONG_RUN)))
        tune_say(
            w,
            "The machine changed its state %ld times meanwhile, often enough to know how long each state lasts: "
            "the "
            "interval is that of the mean over the states, each for the time that the machine takes it. In their "
            "order the processes were:",
            c->changes);
    else if (several)
        tune_say(
            w,
            "The machine changed its state meanwhile (%ld time%s), too seldom to know how long each state lasts: "
            "the interval is that of the mean over the %s s of the comparison, and another time may show another "
            "mean. --spread 1h, or a larger --budget, would settle it. In their order the processes were:",
            c->changes, c->changes == 1 ? "" : "s", seconds);
    else if (!strcmp(c->holds_for, tune_scope_name(TUNE_SCOPE_TIME)))
        tune_say(
            w,
            "Neighbouring processes were more alike than chance makes them: the ratio wandered. The interval is "
            "that "
            "of the mean over the %s s of the comparison; --spread 1h would show more of it.",
            seconds);
    else
        tune_say(
            w,
            "The machine kept one state during the %s s of the comparison, as far as the ratios show; of states "
            "that it did not take in that time nothing is known.",
            seconds);
    if (!several) say_condition(w, c);
    say_sequence(w, c);
}

void tune_say_verdict(tune_words *w, const tune_report *r) {
    tune_say_heading(w, "verdict", "Verdict");
    const tune_comparison c = tune_report_comparison(r);
    if (say_unfinished(w, r)) return;
    if (!c.text && !c.there) {
        tune_say(
            w, "best.json names a winner without a comparison: one measurement each, so whether it is faster than "
               "what was in force before is not known.");
        return;
    }
    if (c.text) tune_say(w, "%s%s", c.text, c.text[0] && c.text[strlen(c.text) - 1] == '.' ? "" : ".");
    if (c.there) {
        say_comparison(w, &c);
        say_scope(w, &c);
    } else {
        say_uncompared(w, c.verdict ? tune_verdict_find(c.verdict) : -1);
    }
}
