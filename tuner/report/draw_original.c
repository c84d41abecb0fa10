/* The original's pictures, and the times of prefill, decode and the whole request by each tunable. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"
#include "tuner/report/facts.h"

static bool measured(const tune_report_trial *t, double value) {
    return t->ok && isfinite(value);
}

/* Writes a data block of one point, for a mark. */
static void put_point(FILE *out, const char *name, double x, double y) {
    fprintf(out, "$%s << EOD\n%.9g %.9g\nEOD\n", name, x, y);
}

/* ---- max_decode_by_<column> ---- */

static bool is_original(const char *name) {
    return !strcmp(name, "workers") || !strcmp(name, "heads_per_band") || !strcmp(name, "chunk_size");
}

static double level_max(const drawing *d, size_t parameter, size_t level) {
    double most = NAN;
    for (size_t i = 0; i < d->report->trials; i++) {
        const tune_report_trial *t = &d->report->trial[i];
        if (!measured(t, t->decode_tok_s) || t->level[parameter] != (int)level) continue;
        if (!(t->decode_tok_s <= most)) most = t->decode_tok_s;
    }
    return most;
}

/* Wanted for those of the original's three parameters that this run tuned. Where there is only a summary.csv,
 * which does not say what was tuned, each of them counts. */
static bool bars_wanted(const drawing *d) {
    const tune_parameter *p = &d->report->parameter[d->parameter];
    if (!is_original(p->name) || !tune_report_tuned(d->report, p->name)) return false;
    for (size_t l = 0; l < p->levels; l++) {
        if (isfinite(level_max(d, d->parameter, l))) return true;
    }
    return false;
}

static void draw_bars(const drawing *d) {
    FILE *out = d->out;
    const tune_parameter *p = &d->report->parameter[d->parameter];
    const draw_axis x = draw_axis_of(d, d->parameter);
    const double pixels = d->width - 130.0, baseline = tune_report_baseline_speed(d->report).decode_tok_s;
    double highest = isfinite(baseline) ? baseline : 0;
    char title[128];
    snprintf(title, sizeof title, "Max decode tok/s by %.60s", p->name);
    fputs("$bars << EOD\n", out);
    for (size_t l = 0; l < p->levels; l++) {
        double most = level_max(d, d->parameter, l), at = draw_at(&x, (int)l);
        if (!isfinite(most)) continue;
        fprintf(out, "%.9g %.9g %.9g %.9g\n", at, most, draw_beside(&x, at, -0.62), draw_beside(&x, at, 0.62));
        highest = fmax(highest, most);
    }
    fputs("EOD\nset title ", out);
    tune_plot_quote(out, title);
    fputs("\nset ylabel 'decode (tok/s)'\nset style textbox opaque noborder margins 0.2,0.2 fillcolor '#ffffff'\n",
          out);
    draw_parameter_axis(d, "x", &x, pixels);
    draw_values_from_zero(d, "y", highest);
    if (isfinite(baseline)) {
        draw_legend(d, (const draw_mark[]){draw_mark_baseline_line, {0}}, false);
    }
    /* Bars start at zero, so that their lengths are proportional to the values. The numbers show small
     * differences. */
    fputs("plot $bars using 1:2:3:4:(0):2 with boxxyerror lc rgb '" DRAW_BLUE "'", out);
    if (isfinite(baseline)) fprintf(out, ", %.9g " DRAW_AS_BASELINE_LINE, baseline);
    if (draw_cell_pixels(&x, pixels) > 56) {
        fputs(", $bars using 1:2:(sprintf('%.1f', $2)) with labels boxed offset 0,0.7 textcolor rgb '" DRAW_INK
              "' font ',13'",
              out);
    }
    fputc('\n', out);
}

/* ---- prefill_vs_decode ---- */

static bool scatter_wanted(const drawing *d) {
    for (size_t i = 0; i < d->report->trials; i++) {
        const tune_report_trial *t = &d->report->trial[i];
        if (measured(t, t->prefill_tok_s) && measured(t, t->decode_tok_s)) return true;
    }
    return false;
}

static void draw_scatter(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    draw_range x = DRAW_NOTHING, y = DRAW_NOTHING;
    const bool cold = tune_report_cold_first(r);
    fputs("$points << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (!measured(t, t->prefill_tok_s) || !measured(t, t->decode_tok_s) || t->duplicate) continue;
        if (!(cold && i == 0)) fprintf(out, "%.9g %.9g\n", t->prefill_tok_s, t->decode_tok_s);
        draw_include(&x, t->prefill_tok_s);
        draw_include(&y, t->decode_tok_s);
    }
    fputs("EOD\nset title 'Prefill vs Decode'\nset xlabel 'prefill (tok/s)'\nset ylabel 'decode (tok/s)'\n"
          "set grid xtics ytics lt 1 lc rgb '#e4e9ed' lw 1\n",
          out);
    const char *what;
    const tune_report_trial *w = tune_report_chosen(r, &what);
    const tune_baseline_speed b = tune_report_baseline_speed(r);
    const bool chosen = w && measured(w, w->prefill_tok_s) && measured(w, w->decode_tok_s),
               baseline = isfinite(b.prefill_tok_s) && isfinite(b.decode_tok_s);
    draw_mark marks[DRAW_MARKS] = {draw_mark_trials};
    int n = 1;
    if (baseline) {
        put_point(out, "baseline", b.prefill_tok_s, b.decode_tok_s);
        draw_include(&x, b.prefill_tok_s);
        draw_include(&y, b.decode_tok_s);
        marks[n++] = draw_mark_baseline;
    }
    if (chosen) {
        put_point(out, "chosen", w->prefill_tok_s, w->decode_tok_s);
        marks[n++] = draw_mark_chosen(what);
    }
    if (cold) {
        put_point(out, "cold", r->trial[0].prefill_tok_s, r->trial[0].decode_tok_s);
        marks[n++] = draw_mark_cold;
    }
    draw_values(d, "x", x);
    draw_values(d, "y", y);
    draw_legend(d, marks, false);
    fputs("plot $points using 1:2 " DRAW_AS_TRIAL, out);
    if (baseline) fputs(", $baseline using 1:2 " DRAW_AS_BASELINE, out);
    if (chosen) fputs(", $chosen using 1:2 " DRAW_AS_CHOSEN, out);
    if (cold) fputs(", $cold using 1:2 " DRAW_AS_COLD, out);
    fputc('\n', out);
}

/* ---- times_by_<parameter>: a panel each for the two times and the whole, or for the whole alone. Where the search
 * compared something else, one panel shows that. ---- */

enum { WHOLE = 2, SEEN = 3 }; /* 0 and 1 are the parts of part_s, SEEN is the metric tune_report.noisy */

/* The panels are `first` to `last`. */
static void panels_of(const tune_report *r, int *first, int *last) {
    const tune_metrics *m = &r->run.metrics;
    const bool is_time = r->noisy == m->seconds || r->noisy == m->apart[0] || r->noisy == m->apart[1];
    *first = is_time ? WHOLE + 1 - tune_report_times(r) : SEEN;
    *last = is_time ? WHOLE : SEEN;
}

static void panel_title(const tune_report *r, int panel, char out[32]) {
    if (panel == SEEN) snprintf(out, 32, "%s", tune_report_noise_name(r));
    else if (panel == WHOLE) snprintf(out, 32, "%s", tune_report_time_name(r));
    else tune_metrics_stem(&r->run.metrics, r->run.metrics.apart[panel], out);
}

static double of_trial(const tune_report *r, const tune_report_trial *t, int panel) {
    if (panel == SEEN) return r->stored[t->row].metric[r->noisy];
    return panel == WHOLE ? t->request_s : t->part_s[panel];
}

static double of_sample(const tune_report_sample *s, int panel) {
    if (panel == SEEN) return s->seen;
    return panel == WHOLE ? s->request_s : s->part_s[panel];
}

static double of_baseline(const tune_baseline_speed *b, int panel) {
    if (panel == SEEN) return b->seen;
    return panel == WHOLE ? b->request_s : b->part_s[panel];
}

/* The unit of a panel's values, of which `largest` is the largest. */
static draw_unit panel_unit(const tune_report *r, int panel, double largest) {
    const char *unit = panel == SEEN ? tune_report_noise_unit(r) : "s";
    return strcmp(unit, "s") ? (draw_unit){1, unit} : draw_time_unit(largest);
}

static bool sweep_wanted(const drawing *d) {
    const tune_report *r = d->report;
    const tune_parameter *p = &r->parameter[d->parameter];
    if (p->levels < 2 || !tune_report_tuned(r, p->name)) return false;
    int first, last;
    panels_of(r, &first, &last);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (measured(t, of_trial(r, t, last)) && t->level[d->parameter] >= 0) return true;
    }
    return false;
}

/* Spreads the samples of one value horizontally, in the same way in every panel. */
static double jitter(size_t i) {
    return (fmod((double)i * 0.6180339887, 1) - 0.5) * 0.9;
}

/* Writes the data: $samples has x and y of every sample in use; $means those of every trial; $best the fastest
 * trial of each value and the ends of its mark. */
static void sweep_data(const drawing *d, const draw_axis *x, int panel, draw_unit unit, draw_range *y) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const bool cold = tune_report_cold_first(r);
    const bool larger = panel == SEEN && r->run.metrics.at[r->noisy].larger_is_better;
    fputs("$samples << EOD\n", out);
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (!s->used || s->trial < 0 || (size_t)s->trial >= r->trials) continue;
        int level = r->trial[s->trial].level[d->parameter];
        double value = of_sample(s, panel) * unit.scale;
        if (level < 0 || !isfinite(value)) continue;
        fprintf(out, "%.9g %.9g\n", draw_beside(x, draw_at(x, level), jitter(i)), value);
        draw_include(y, value);
    }
    fputs("EOD\n$means << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        double value = of_trial(r, t, panel) * unit.scale;
        if (!t->ok || t->duplicate || t->level[d->parameter] < 0 || !isfinite(value)) continue;
        if (!(cold && i == 0)) fprintf(out, "%.9g %.9g\n", draw_at(x, t->level[d->parameter]), value);
        draw_include(y, value);
    }
    fputs("EOD\n$best << EOD\n", out);
    for (size_t l = 0; l < x->p->levels; l++) {
        double best = NAN, at = draw_at(x, (int)l);
        for (size_t i = 0; i < r->trials; i++) {
            const tune_report_trial *t = &r->trial[i];
            const double value = of_trial(r, t, panel);
            if (t->ok && !(cold && i == 0) && t->level[d->parameter] == (int)l)
                best = larger ? fmax(best, value) : fmin(best, value);
        }
        if (!isfinite(best)) continue;
        fprintf(out, "%.9g %.9g %.9g %.9g\n", at, best * unit.scale, draw_beside(x, at, -0.6),
                draw_beside(x, at, 0.6));
    }
    fputs("EOD\n", out);
}

static void draw_sweep(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const draw_axis x = draw_axis_of(d, d->parameter);
    const tune_baseline_speed b = tune_report_baseline_speed(r);
    const char *what;
    const tune_report_trial *w = tune_report_chosen(r, &what);
    int first, last;
    panels_of(r, &first, &last);
    const bool cold = tune_report_cold_first(r) && r->trial[0].level[d->parameter] >= 0,
               baseline = isfinite(of_baseline(&b, last)) && isfinite(x.baseline);
    if (w && (!w->ok || w->level[d->parameter] < 0)) w = NULL;
    char title[160];
    draw_mark marks[DRAW_MARKS] = {{0}};
    int n = 0;
    if (r->samples) marks[n++] = (draw_mark){"samples", 7, 0.6, DRAW_GREY, false};
    marks[n++] = draw_mark_trials;
    marks[n++] = (draw_mark){"best of a value", 0, 0, "#882f6fab", false};
    if (baseline) marks[n++] = draw_mark_baseline;
    if (w) marks[n++] = draw_mark_chosen(what);
    if (cold) marks[n++] = draw_mark_cold;
    snprintf(title, sizeof title, "%s by %.60s", first == SEEN ? tune_report_noise_name(r) : "Times", x.p->name);
    const int panels = last + 1 - first;
    draw_panels(d, panels, title);
    for (int panel = first; panel <= last; panel++) {
        char name[32];
        double largest = 0;
        draw_range y = DRAW_NOTHING;
        for (size_t i = 0; i < r->trials; i++) {
            if (r->trial[i].ok) largest = fmax(largest, of_trial(r, &r->trial[i], panel));
        }
        draw_unit unit = panel_unit(r, panel, largest);
        sweep_data(d, &x, panel, unit, &y);
        panel_title(r, panel, name);
        fputs("set title ", out);
        tune_plot_quote(out, name);
        fputs(" font ',16'\n", out);
        draw_label(d, "y", panel == SEEN ? name : "time", unit.name);
        draw_parameter_axis(d, "x", &x, draw_panel_pixels(d, panels));
        if (panel == first) draw_legend(d, marks, true);
        if (baseline) {
            put_point(out, "baseline", x.baseline, of_baseline(&b, panel) * unit.scale);
            draw_include(&y, of_baseline(&b, panel) * unit.scale);
        }
        if (w) put_point(out, "chosen", draw_at(&x, w->level[d->parameter]), of_trial(r, w, panel) * unit.scale);
        if (cold) {
            put_point(out, "cold", draw_at(&x, r->trial[0].level[d->parameter]),
                      of_trial(r, &r->trial[0], panel) * unit.scale);
        }
        draw_values(d, "y", y);
        fputs("plot NaN notitle", out);
        if (r->samples) fputs(", $samples using 1:2 with points pt 7 ps 0.5 lc rgb '#779aa5b1' notitle", out);
        /* Names have no order, so no line is drawn between them. */
        fputs(x.p->numeric ? ", $best using 1:2 with lines lw 2 lc rgb '#882f6fab' notitle"
                           : ", $best using 1:2:3:4 with xerrorbars pt -1 lw 2 lc rgb '#882f6fab' notitle",
              out);
        fputs(", $means using 1:2 " DRAW_AS_TRIAL, out);
        if (baseline) fputs(", $baseline using 1:2 " DRAW_AS_BASELINE, out);
        if (w) fputs(", $chosen using 1:2 " DRAW_AS_CHOSEN, out);
        if (cold) fputs(", $cold using 1:2 " DRAW_AS_COLD, out);
        fputs("\nunset label\nunset arrow\n", out);
    }
    fputs("unset multiplot\n", out);
}

const picture draw_original[] = {
    {"max_decode_by_%s", 960, 600, bars_wanted, draw_bars},
    {"prefill_vs_decode", 960, 640, scatter_wanted, draw_scatter},
    {"times_by_%s", 1500, 560, sweep_wanted, draw_sweep},
    {0},
};
