/* The original's pictures, and every tunable against prefill, decode and the whole request. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"
#include "tuner/report/facts.h"

static bool measured(const tune_report_trial *t, double value) {
    return t->ok && isfinite(value);
}

static const char *winner_name(const tune_report *r) {
    return tune_report_is_recording(r) ? "fastest" : "winner";
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

static bool bars_wanted(const drawing *d) {
    const tune_parameter *p = &d->report->parameter[d->parameter];
    for (size_t l = 0; l < p->levels && is_original(p->name); l++) {
        if (isfinite(level_max(d, d->parameter, l))) return true;
    }
    return false;
}

static void draw_bars(const drawing *d) {
    FILE *out = d->out;
    const tune_parameter *p = &d->report->parameter[d->parameter];
    char title[128];
    snprintf(title, sizeof title, "Max decode tok/s by %.60s", p->name);
    fputs("$bars << EOD\n", out);
    for (size_t l = 0; l < p->levels; l++) {
        double most = level_max(d, d->parameter, l);
        if (isfinite(most)) fprintf(out, "%zu %.9g\n", l, most);
    }
    fputs("EOD\nset title ", out);
    tune_plot_quote(out, title);
    fputs("\nset ylabel 'decode (tok/s)'\nset yrange [0:*]\nset offsets 0,0,graph 0.08,0\n", out);
    draw_axis_label(d, "x", p);
    fprintf(out, "set xrange [-0.6:%.9g]\nset xtics (", (double)p->levels - 0.4);
    size_t step = (p->levels + 23) / 24;
    for (size_t l = 0; l < p->levels; l += step) {
        if (l) fputs(", ", out);
        tune_plot_quote(out, p->text[l]);
        fprintf(out, " %zu", l);
    }
    fputs(")\nplot $bars using 1:2 with boxes lc rgb '" DRAW_BLUE "'", out);
    /* Bars start at zero, so that their lengths do not lie; the numbers tell small differences. */
    if (p->levels <= 16) {
        fputs(", $bars using 1:2:(sprintf('%.1f', $2)) with labels offset 0,0.7 textcolor rgb '" DRAW_INK
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
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    fputs("$points << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (!measured(t, t->prefill_tok_s) || !measured(t, t->decode_tok_s) || t->duplicate) continue;
        fprintf(out, "%.9g %.9g\n", t->prefill_tok_s, t->decode_tok_s);
        const double at[2] = {t->prefill_tok_s, t->decode_tok_s};
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], at[k]);
            high[k] = fmax(high[k], at[k]);
        }
    }
    fputs("EOD\nset title 'Prefill vs Decode'\nset xlabel 'prefill (tok/s)'\nset ylabel 'decode (tok/s)'\n"
          "set grid xtics ytics lt 1 lc rgb '#e4e9ed' lw 1\n",
          out);
    draw_range(d, "x", low[0], high[0]);
    draw_range(d, "y", low[1], high[1]);
    const tune_report_trial *w = r->winner >= 0 ? &r->trial[r->winner] : NULL;
    bool winner = w && isfinite(w->prefill_tok_s) && isfinite(w->decode_tok_s);
    if (winner) {
        fprintf(out, "$winner << EOD\n%.9g %.9g\nEOD\n", w->prefill_tok_s, w->decode_tok_s);
    }
    draw_legend(d,
                winner ? (const draw_mark[]){{"trials", 7, 1.3, "#442f6fab", false},
                                             {winner_name(r), 6, 2.2, DRAW_ORANGE, false},
                                             {0}}
                       : (const draw_mark[]){{"trials", 7, 1.3, "#442f6fab", false}, {0}},
                false);
    fputs("plot $points using 1:2 with points pt 7 ps 1.3 lc rgb '#442f6fab' notitle", out);
    if (winner) fputs(", $winner using 1:2 with points pt 6 ps 2.4 lw 2 lc rgb '" DRAW_ORANGE "' notitle", out);
    fputc('\n', out);
}

/* ---- by_<parameter>: three panels ---- */

static const char *const panel_titles[] = {"prefill", "decode", "whole request"};

static double trial_time(const tune_report_trial *t, int panel) {
    return panel == 0 ? t->prefill_s : panel == 1 ? t->decode_s : t->request_s;
}

static double sample_time(const tune_report_sample *s, int panel) {
    return panel == 0 ? s->prefill_s : panel == 1 ? s->decode_s : s->prefill_s + s->decode_s;
}

static bool sweep_wanted(const drawing *d) {
    const tune_report *r = d->report;
    if (r->parameter[d->parameter].levels < 2) return false;
    for (size_t i = 0; i < r->trials; i++) {
        if (measured(&r->trial[i], r->trial[i].request_s) && r->trial[i].level[d->parameter] >= 0) return true;
    }
    return false;
}

static double jitter(size_t i, const tune_parameter *p) {
    double unit = draw_by_category(p) ? 1 : (p->number[p->levels - 1] - p->number[0]) / (double)p->levels;
    return (fmod((double)i * 0.6180339887, 1) - 0.5) * 0.42 * unit;
}

/* $samples: x y of every sample in use; $means: of every trial; $best: the fastest trial of a value. */
static void sweep_data(const drawing *d, int panel, draw_unit unit, double *low, double *high) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const tune_parameter *p = &r->parameter[d->parameter];
    *low = INFINITY;
    *high = -INFINITY;
    fputs("$samples << EOD\n", out);
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (!s->used || s->trial < 0 || (size_t)s->trial >= r->trials) continue;
        int level = r->trial[s->trial].level[d->parameter];
        double y = sample_time(s, panel) * unit.scale;
        if (level < 0 || !isfinite(y)) continue;
        fprintf(out, "%.9g %.9g\n", draw_position(p, level) + jitter(i, p), y);
        *low = fmin(*low, y);
        *high = fmax(*high, y);
    }
    fputs("EOD\n$means << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        double y = trial_time(t, panel) * unit.scale;
        if (!t->ok || t->duplicate || t->level[d->parameter] < 0 || !isfinite(y)) continue;
        fprintf(out, "%.9g %.9g\n", draw_position(p, t->level[d->parameter]), y);
        *low = fmin(*low, y);
        *high = fmax(*high, y);
    }
    fputs("EOD\n$best << EOD\n", out);
    for (size_t l = 0; l < p->levels; l++) {
        double best = INFINITY;
        for (size_t i = 0; i < r->trials; i++) {
            const tune_report_trial *t = &r->trial[i];
            double y = trial_time(t, panel);
            if (t->ok && t->level[d->parameter] == (int)l && y < best) best = y;
        }
        if (isfinite(best)) fprintf(out, "%.9g %.9g\n", draw_position(p, (int)l), best * unit.scale);
    }
    fputs("EOD\n", out);
}

static void sweep_legend(const drawing *d, bool winner) {
    draw_mark marks[5];
    int n = 0;
    if (d->report->samples) marks[n++] = (draw_mark){"samples", 7, 0.6, DRAW_GREY, false};
    marks[n++] = (draw_mark){"trials", 7, 1.1, "#442f6fab", false};
    marks[n++] = (draw_mark){"best of a value", 0, 0, "#882f6fab", false};
    if (winner) marks[n++] = (draw_mark){winner_name(d->report), 6, 2.0, DRAW_ORANGE, false};
    marks[n] = (draw_mark){0};
    draw_legend(d, marks, true);
}

static void draw_sweep(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const tune_parameter *p = &r->parameter[d->parameter];
    char title[160];
    snprintf(title, sizeof title, "Times by %.60s", p->name);
    draw_panels(d, 3, title);
    const tune_report_trial *w = r->winner >= 0 ? &r->trial[r->winner] : NULL;
    for (int panel = 0; panel < 3; panel++) {
        double largest = 0, low, high;
        for (size_t i = 0; i < r->trials; i++) {
            if (r->trial[i].ok) largest = fmax(largest, trial_time(&r->trial[i], panel));
        }
        draw_unit unit = draw_time_unit(largest);
        sweep_data(d, panel, unit, &low, &high);
        fprintf(out, "set title '%s' font ',16'\n", panel_titles[panel]);
        fprintf(out, "set ylabel 'time (%s)'\n", unit.name);
        draw_parameter_axis(d, "x", p);
        /* Prefill may differ by orders of magnitude between chunk sizes. */
        if (low > 0 && high > 20 * low) {
            fprintf(out, "set logscale y\nset yrange [%.9g:%.9g]\n", low / 1.3, high * 1.3);
        } else {
            fputs("unset logscale y\n", out);
            if (low <= high) draw_range(d, "y", low, high);
            else fputs("set yrange [0:1]\n", out);
        }
        if (panel == 0) sweep_legend(d, w != NULL);
        double wy = w ? trial_time(w, panel) * unit.scale : NAN;
        bool winner = w && w->level[d->parameter] >= 0 && isfinite(wy);
        if (winner) {
            fprintf(out, "$winner << EOD\n%.9g %.9g\nEOD\n", draw_position(p, w->level[d->parameter]), wy);
        }
        fputs("plot NaN notitle", out);
        if (r->samples) fputs(", $samples using 1:2 with points pt 7 ps 0.5 lc rgb '#779aa5b1' notitle", out);
        if (low <= high) {
            fputs(", $best using 1:2 with lines lw 2 lc rgb '#882f6fab' notitle"
                  ", $means using 1:2 with points pt 7 ps 1.1 lc rgb '#442f6fab' notitle",
                  out);
        }
        if (winner) {
            fputs(", $winner using 1:2 with points pt 6 ps 2.2 lw 2 lc rgb '" DRAW_ORANGE "' notitle", out);
        }
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
