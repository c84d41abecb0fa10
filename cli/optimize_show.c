/* xltune optimize: what the user sees of a run. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/live.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/optimize.h"
#include "cli/streams.h"
#include "tuner/driver/front.h"
#include "tuner/report/facts.h"

#define COLUMNS 79
#define BAR 20
#define FRONT_ROWS 30 /* of the table that is printed; pareto.csv holds all */
#define INDENT 10     /* of the lines that continue one */
#define LINE 2048     /* bytes of a line before it is wrapped, settings and reason included */

/* Formats a time as "1:05" or "2:03:00"; "" where it is unknown. */
static void clock_text(double seconds, char *out, size_t size) {
    out[0] = 0;
    if (!isfinite(seconds)) return;
    long s = (long)(seconds + 0.5);
    if (s >= 3600) snprintf(out, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
}

void cli_show_init(cli_show *show, const cli_job *job, int total) {
    *show = (cli_show){.terminal = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO), .total = total, .job = job};
    show->live = xl_live_open("optimize");
    if (job->hparams.num_blocks) xl_live_text(show->live, "device", cli_str(job->cfg, "device"));
    xl_live_text(show->live, "model", job->hparams.num_blocks ? cli_model_path(job->cfg, NULL) : job->name);
    xl_live_tick(show->live);
}

void cli_show_end(cli_show *show) {
    cli_show_clear(show);
    xl_live_close(show->live);
    show->live = NULL;
}

void cli_show_clear(cli_show *show) {
    if (show->width) fprintf(stderr, "\r%*s\r", show->width, "");
    show->width = 0;
}

static void draw(cli_show *show, const char *text) {
    int width = (int)strlen(text);
    fprintf(stderr, "\r%s%*s", text, show->width > width ? show->width - width : 0, "");
    fflush(stderr);
    show->width = width;
}

/* Where there is no progress bar, a recording prints its progress ten times. */
static void say_tenth(cli_show *show, int done, int total, double left_s) {
    char left[24];
    int tenths = total > 0 ? done * 10 / total : 0;
    if (tenths <= show->tenths) return;
    show->tenths = tenths;
    clock_text(left_s, left, sizeof left);
    printf("[%d/%d] samples%s%s\n", done, total, left[0] ? ", left " : "", left);
    cli_flush();
}

/* Formats by how much a ratio of times is faster than the baseline: "+4.1 %", "" where it is unknown. */
static const char *gain_text(double ratio, char *out, size_t size) {
    out[0] = 0;
    if (isfinite(ratio) && ratio > 0) snprintf(out, size, "%+.1f %%", (1 / ratio - 1) * 100);
    return out;
}

static void progress(void *ctx, const char *stage, int done, int total, double best, int samples, double left_s) {
    cli_show *show = ctx;
    double now = xl_now_s();
    const bool record = strcmp(stage, "record") == 0;
    xl_live_text(show->live, "stage", stage);
    xl_live_number(show->live, "done", done);
    xl_live_number(show->live, "total", total);
    xl_live_tick(show->live);
    if (!show->terminal && record) say_tenth(show, done, total, left_s);
    if (!show->terminal || now - show->last < 0.1) return;
    show->last = now;
    char text[COLUMNS + 1], bar[BAR + 1], left[24], gain[48] = "", percent[24];
    const bool final = strcmp(stage, "final") == 0;
    int filled = total > 0 ? done * BAR / total : 0;
    if (filled > BAR) filled = BAR;
    for (int i = 0; i < BAR; i++) bar[i] = i < filled ? '#' : '.';
    bar[BAR] = 0;
    clock_text(left_s, left, sizeof left);
    if (gain_text(best, percent, sizeof percent)[0])
        snprintf(gain, sizeof gain, "  %s %s%s", final ? "so far" : "best", percent,
                 samples == 1 ? " (1 sample)" : "");
    if (final && total > 0) snprintf(text, sizeof text, "comparing [%s] process %d/%d%s", bar, done, total, gain);
    else if (final || strcmp(stage, "check") == 0)
        snprintf(text, sizeof text, "%s%s", final ? "comparing with the baseline in fresh processes" : "playoff",
                 gain);
    else if (record)
        snprintf(text, sizeof text, "recording [%s] sample %d/%d%s%s", bar, done, total, left[0] ? "  left " : "",
                 left);
    else if (total > 0)
        snprintf(text, sizeof text, "search [%s] trial %d/%d%s%s%s", bar, done, total, gain,
                 left[0] ? "  left " : "", left);
    else snprintf(text, sizeof text, "search  trial %d%s%s%s", done, gain, left[0] ? "  left " : "", left);
    draw(show, text);
}

/* Appends words to a line of LINE bytes; the line may be broken between them. */
static void add_words(char *line, const char *format, ...) XLSTM_PRINTF(2, 3);
static void add_words(char *line, const char *format, ...) {
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, LINE - used, format, args);
    va_end(args);
}

/* Appends, two spaces behind what is there, words that stay together: their spaces are tied. */
static void add_group(char *line, const char *format, ...) XLSTM_PRINTF(2, 3);
static void add_group(char *line, const char *format, ...) {
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++) *c = *c == ' ' ? CLI_TIE : *c;
    add_words(line, "%s%s", *line ? "  " : "", text);
}

/* Formats params as "chunk_size=64 workers=2" in one line, cut to fit. */
static void params_text(const tune_named_list *params, char *out, size_t size) {
    char *text = tune_named_text(params);
    snprintf(out, size, "%s", text ? text : "");
    xl_utf8_clean(out);
    free(text);
}

/* Does the same for a JSON object of params. Where it is missing, the text is empty. */
static void object_text(const json_t *object, char *out, size_t size) {
    tune_named_list params;
    tune_named_from_json(&params, object, NULL);
    params_text(&params, out, size);
    tune_named_clear(&params);
}

/* The value of a metric by its name; NAN: none. */
static double metric_of(const cli_job *job, const double *metric, const char *name) {
    const int index = tune_metrics_find(job->target.metrics, name);
    return index < 0 ? NAN : metric[index];
}

/* Adds the speeds of a request, or of another target the objectives. */
static void add_metrics(char *line, const cli_job *job, const double *metric) {
    const double prefill = metric_of(job, metric, "prefill_tok_s"), kl = metric_of(job, metric, "kl");
    if (isfinite(prefill)) {
        add_group(line, "prefill %.1f tok/s", prefill);
        add_group(line, "decode %.2f tok/s", metric_of(job, metric, "decode_tok_s"));
    }
    if (kl > 0) add_group(line, "kl %.2g", kl);
    for (int i = 0; !job->class->of_checkpoint && i < job->objectives; i++) {
        const tune_metric *m = &job->target.metrics->at[job->objective[i]];
        const double value = metric[job->objective[i]];
        if (isfinite(value)) add_group(line, "%s %.4g%s%s", m->name, value, *m->unit ? " " : "", m->unit);
    }
}

/* Tells those who look on of the last trial. */
static void tell_trial(cli_show *show, const tune_trial_row *t) {
    char params[512];
    params_text(&t->params, params, sizeof params);
    xl_live_text(show->live, "params", params);
    xl_live_number(show->live, "tokens_s", metric_of(show->job, t->metric, "decode_tok_s"));
    xl_live_number(show->live, "prompt_tokens_s", metric_of(show->job, t->metric, "prefill_tok_s"));
    xl_live_tick(show->live);
}

static void trial(void *ctx, const tune_trial_row *t, bool old) {
    cli_show *show = ctx;
    if (old) {
        show->old++;
        return;
    }
    tell_trial(show, t);
    if (show->terminal) return;
    char line[LINE] = "", params[512], total[16] = "", percent[24], samples[40] = "";
    if (!show->headed) {
        add_words(line,
                  "percentages: the gain over the baseline in %s; a percentage of one sample is a first look, "
                  "no more",
                  tune_metrics_name(show->job->target.metrics, show->job->objective[0]));
        cli_print_wrapped(line, 0, INDENT);
    }
    show->headed = true;
    line[0] = 0;
    params_text(&t->params, params, sizeof params);
    if (show->total) snprintf(total, sizeof total, "/%d", show->total);
    add_group(line, "[%lld%s] trial %lld", (long long)t->index + 1, total, (long long)t->index);
    if (t->status == TUNE_TRIAL_OK || t->status == TUNE_TRIAL_DUPLICATE) {
        if (t->samples > 0)
            snprintf(samples, sizeof samples, " of %lld sample%s", (long long)t->samples,
                     t->samples == 1 ? "" : "s");
        if (gain_text(t->value, percent, sizeof percent)[0]) add_group(line, "%s%s", percent, samples);
        add_metrics(line, show->job, t->metric);
    }
    add_words(line, "  %s", params);
    if (t->status != TUNE_TRIAL_OK) add_group(line, "%s", tune_trial_status_name((int)t->status));
    if (t->reason) add_words(line, " (%s)", cli_plain(t->reason));
    cli_print_wrapped(line, 0, INDENT);
    cli_flush();
}

/* Prints what the playoff made of a trial. Prints nothing where there was no time for more samples. */
static void finalist(void *ctx, const tune_trial_row *t, const tune_finalist *f, int place) {
    cli_show *show = ctx;
    char params[512], before[24], after[24];
    if (place == 0) show->finalists = 0;
    if (show->finalists < CLI_FINALISTS) show->finalist[show->finalists++] = t->index;
    if (f->samples <= f->samples_before) return;
    cli_show_clear(show);
    params_text(&t->params, params, sizeof params);
    gain_text(tune_report_first_value(t), before, sizeof before);
    if (isnan(f->after)) snprintf(after, sizeof after, "failed");
    else gain_text(exp(f->after), after, sizeof after);
    char line[LINE] = "";
    add_group(line, "playoff   trial %lld: %s at first, %s of %d samples", (long long)t->index, before, after,
              f->samples);
    add_words(line, "  %s", params);
    cli_print_wrapped(line, 0, INDENT);
    cli_flush();
}

static void note(void *ctx, const char *text) {
    cli_show *show = ctx;
    cli_show_clear(show);
    cli_notice("%s", text);
}

tune_watcher cli_show_watcher(cli_show *show) {
    return (tune_watcher){.ctx = show, .trial = trial, .finalist = finalist, .progress = progress, .note = note};
}

/* Every metric that is a number, of a target that has not the engine's. */
static void show_numbers(const json_t *metrics) {
    const char *name;
    json_t *value, *all = (json_t *)(uintptr_t)metrics;
    bool any = false;
    json_object_foreach(all, name, value) {
        if (!json_is_number(value)) continue;
        printf("%s%s %.6g", any ? ", " : "          ", name, json_number_value(value));
        any = true;
    }
    if (any) printf("\n");
}

/* ---- the end ---- */

/* Prints a text with its name before it. */
static void show_words(const char *name, const char *text) {
    printf("%-9s ", name);
    cli_print_wrapped(text, INDENT, INDENT);
}

/* Prints a sentence that scripts may look for: wrapped on a terminal, and as one line elsewhere. */
static void show_sentence(const cli_show *show, const char *name, const char *text) {
    if (show->terminal) show_words(name, text);
    else printf("%-9s %s\n", name, text);
}

static void show_side(const char *name, const json_t *side) {
    char text[512];
    const json_t *m = json_object_get(side, "metrics");
    object_text(json_object_get(side, "params"), text, sizeof text);
    show_words(name, text);
    if (!json_is_number(json_object_get(m, "prefill_tok_s"))) {
        show_numbers(m);
        return;
    }
    printf("          prefill %.1f tok/s, decode %.2f tok/s, request %.4g s\n",
           json_number_value(json_object_get(m, "prefill_tok_s")),
           json_number_value(json_object_get(m, "decode_tok_s")),
           json_number_value(json_object_get(m, "request_s")));
    const json_t *kl = json_object_get(m, "kl"), *ppl = json_object_get(m, "ppl");
    if (kl && ppl)
        printf("          perplexity %.6g, KL to the baseline %.3g nats a token\n", json_number_value(ppl),
               json_number_value(kl));
}

/* The column of the settings. */
#define FRONT_COLUMN(job) (2 + 8 + 15 * (job)->objectives + 2)

static void front_line(const char *name, const double *metric, const cli_job *job, const char *settings) {
    printf("  %8s", name);
    for (int k = 0; k < job->objectives; k++) {
        double value = metric[job->objective[k]];
        if (isfinite(value)) printf(" %14.6g", value);
        else printf(" %14s", "-");
    }
    printf("  ");
    cli_print_wrapped(settings, FRONT_COLUMN(job), FRONT_COLUMN(job));
}

/* Prints the Pareto front as a table, the best trial in the first objective first and the baseline below it. */
static void show_front(const cli_job *job, const tune_run *run, const json_t *baseline) {
    size_t count;
    const tune_trial_row *trials;
    if (tune_keeper_rows(tune_run_keeper(run), &trials, &count, NULL)) return;
    size_t *front = xl_array(count, sizeof *front);
    if (!front) return;
    size_t n = tune_front(job->target.metrics, trials, count, job->objective, job->objectives, front);
    printf("\n%zu of %zu trials are on the Pareto front (pareto.csv):\n  %8s", n, count, "trial");
    for (int i = 0; i < job->objectives; i++)
        printf(" %14s", tune_metrics_name(job->target.metrics, job->objective[i]));
    printf("  settings\n");
    for (size_t i = 0; i < n && i < FRONT_ROWS; i++) {
        char params[512], name[24];
        const tune_trial_row *t = &trials[front[i]];
        params_text(&t->params, params, sizeof params);
        snprintf(name, sizeof name, "%lld", (long long)t->index);
        front_line(name, t->metric, job, params);
    }
    if (n > FRONT_ROWS) printf("  %8s and %zu more\n", "", n - FRONT_ROWS);
    double metric[TUNE_METRICS];
    for (int i = 0; i < job->target.metrics->count; i++) {
        const json_t *value =
            json_object_get(json_object_get(baseline, "metrics"), tune_metrics_name(job->target.metrics, i));
        metric[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    front_line("baseline", metric, job, "");
    printf("  numbers of the search, without an interval; the verdict is on %s alone\n\n",
           tune_metrics_name(job->target.metrics, job->objective[0]));
    free(front);
}

/* Prints the best point where one beat the baseline, and the baseline. */
static void show_sides(const json_t *best) {
    if (!json_is_true(json_object_get(best, "is_baseline"))) show_side("best", best);
    show_side("baseline", json_object_get(best, "baseline"));
}

void cli_show_recording(const tune_run *run, const tune_recording *r) {
    const char *text = tune_keeper_run(tune_run_keeper(run))->result;
    json_t *best = text ? json_loads(text, 0, NULL) : NULL;
    printf("\n%d points, %d samples of each", r->points, r->rounds);
    if (r->missing) printf(", %d missing to %d", r->missing, r->wanted);
    if (r->failed) printf("; %d points failed or do not fit", r->failed);
    if (r->disturbed)
        printf("; %d of %d samples were disturbed by other work on the machine and kept", r->disturbed, r->taken);
    printf("\n");
    if (best) show_sides(best);
    printf("run       %s\n", cli_plain(tune_run_folder(run)));
    cli_flush();
    json_decref(best);
}

/* Prints the final values of the search's best trials. The lines printed during the search hold their first values,
 * which later samples often do not confirm. */
static void show_finalists(const cli_show *show, const tune_keeper *keeper) {
    if (!show->finalists) return;
    printf("the fastest of the search by all their samples (the verdict takes its own):\n"
           "  %8s %10s %10s %8s  settings\n",
           "trial", "at first", "in the end", "samples");
    for (int i = 0; i < show->finalists; i++) {
        tune_trial_row t;
        char params[512], before[24], after[24];
        if (tune_keeper_read(keeper, show->finalist[i], &t, NULL)) return;
        params_text(&t.params, params, sizeof params);
        int at = printf("  %8lld %10s %10s %8lld  ", (long long)t.index,
                        gain_text(tune_report_first_value(&t), before, sizeof before),
                        gain_text(t.value, after, sizeof after), (long long)t.samples);
        cli_print_wrapped(params, at, at);
        tune_trial_row_clear(&t);
    }
}

void cli_show_result(const cli_show *show, const tune_run *run, const tune_drive_result *r) {
    const cli_job *job = show->job;
    json_t *best = tune_keeper_run(tune_run_keeper(run))->result
                       ? json_loads(tune_keeper_run(tune_run_keeper(run))->result, 0, NULL)
                       : NULL;
    const char *kept = tune_keeper_run(tune_run_keeper(run))->baseline;
    json_t *recorded = kept ? json_loads(kept, 0, NULL) : NULL;
    char counts[160];
    const tune_trial_counts c = tune_keeper_count(tune_run_keeper(run));
    tune_counts_text(counts, sizeof counts, &c);
    printf("\n%s\n", counts);
    show_finalists(show, tune_run_keeper(run));
    if (best) {
        show_sides(best);
        char text[512];
        object_text(json_object_get(best, "challenger"), text, sizeof text);
        if (text[0]) show_words("compared", text);
    }
    if (job->objectives > 1) show_front(job, run, recorded);
    const char *joined = json_string_value(json_object_get(json_object_get(best, "interaction"), "text"));
    if (joined) show_sentence(show, "joined", joined);
    show_sentence(show, "verdict", r->verdict);
    printf("run       %s\n", cli_plain(tune_run_folder(run)));
    cli_flush();
    json_decref(recorded);
    json_decref(best);
}
