/* What a search did and what it learnt: progress, the noise, importance, pairs, speed against perplexity. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"
#include "tuner/report/facts.h"

/* ---- search_progress ---- */

static bool has_ratio(const tune_report *r) {
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok && r->trial[i].ratio > 0) return true;
    }
    return false;
}

/* The order of a recording's rows is that of a shuffled round: nothing progresses there. */
static bool progress_wanted(const drawing *d) {
    size_t n = 0;
    if (tune_report_is_recording(d->report)) return false;
    for (size_t i = 0; i < d->report->trials; i++) n += d->report->trial[i].ok && d->report->trial[i].value > 0;
    return n > 1;
}

static void draw_progress(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    bool ratio = has_ratio(r);
    double largest = 0, best = INFINITY, low = INFINITY, high = -INFINITY;
    size_t duplicates = 0, failed = 0;
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok && r->trial[i].value > largest) largest = r->trial[i].value;
    }
    draw_unit unit = ratio ? (draw_unit){1, ""} : draw_time_unit(largest);
    fputs("$trials << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        failed += !t->ok;
        duplicates += t->duplicate;
        if (!t->ok || t->duplicate || !(t->value > 0)) continue;
        fprintf(out, "%zu %.9g\n", i, t->value * unit.scale);
        low = fmin(low, t->value * unit.scale);
        high = fmax(high, t->value * unit.scale);
    }
    fputs("EOD\n$duplicates << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (t->duplicate && t->value > 0) fprintf(out, "%zu %.9g\n", i, t->value * unit.scale);
    }
    if (ratio) {
        low = fmin(low, 1);
        high = fmax(high, 1);
    }
    double margin = 0.08 * (high - low) + 1e-9;
    fputs("EOD\n$failed << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        if (!r->trial[i].ok) fprintf(out, "%zu %.9g\n", i, high + margin * 0.5);
    }
    fputs("EOD\n$best << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        if (t->ok && t->value > 0) best = fmin(best, t->value);
        if (isfinite(best)) fprintf(out, "%zu %.9g\n", i, best * unit.scale);
    }
    fputs("EOD\nset title 'Progress of the search'\nset xlabel 'trial'\n", out);
    if (ratio) fputs("set ylabel 'time / baseline''s (under 1: faster)'\n", out);
    else fprintf(out, "set ylabel 'whole request (%s)'\n", unit.name);
    fprintf(out, "set xrange [-0.8:%.9g]\nset yrange [%.9g:%.9g]\n", (double)r->trials - 0.2, low - margin,
            high + margin);
    if (high > 20 * low && low > 0) fprintf(out, "set logscale y\nset yrange [%.9g:%.9g]\n", low / 1.2, high * 1.2);
    draw_mark marks[6];
    int n = 0;
    if (ratio) marks[n++] = (draw_mark){"baseline", 0, 0, DRAW_GREY, true};
    marks[n++] = (draw_mark){"best so far", 0, 0, DRAW_ORANGE, false};
    marks[n++] = (draw_mark){"trials", 7, 1.1, "#442f6fab", false};
    if (duplicates) marks[n++] = (draw_mark){"duplicates", 6, 1.1, DRAW_GREY, false};
    if (failed) marks[n++] = (draw_mark){"failed or stopped", 2, 1.1, DRAW_RED, false};
    marks[n] = (draw_mark){0};
    draw_legend(d, marks, false);
    fputs("plot ", out);
    if (ratio) fputs("1 with lines dt 2 lw 1.4 lc rgb '" DRAW_GREY "' notitle, ", out);
    fputs("$best using 1:2 with steps lw 2.2 lc rgb '" DRAW_ORANGE "' notitle"
          ", $trials using 1:2 with points pt 7 ps 1.1 lc rgb '#442f6fab' notitle",
          out);
    if (duplicates) {
        fputs(", $duplicates using 1:2 with points pt 6 ps 1.1 lc rgb '" DRAW_GREY "' notitle", out);
    }
    if (failed) fputs(", $failed using 1:2 with points pt 2 ps 1.1 lw 1.6 lc rgb '" DRAW_RED "' notitle", out);
    fputc('\n', out);
}

/* ---- baseline_noise ---- */

static double request(const tune_report_sample *s) {
    return (isnan(s->prefill_s) ? 0 : s->prefill_s) + (isnan(s->decode_s) ? 0 : s->decode_s);
}

static bool noise_wanted(const drawing *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->report->samples; i++) {
        const tune_report_sample *s = &d->report->sample[i];
        n += s->trial < 0 && s->used && isfinite(s->at) && request(s) > 0;
    }
    return n >= 4;
}

static void draw_noise(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    double start = NAN, end = NAN, largest = 0, window[11];
    size_t n = 0, aside = 0, marked = 0;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (s->trial >= 0 || !isfinite(s->at) || !(request(s) > 0)) continue;
        if (isnan(start)) start = s->at;
        end = s->at;
        largest = fmax(largest, request(s));
    }
    draw_unit unit = draw_time_unit(largest);
    bool minutes = end - start > 180;
    double time = minutes ? 60 : 1;
    fputs("$used << EOD\n", out);
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (s->trial >= 0 || !s->used || !isfinite(s->at) || !(request(s) > 0)) continue;
        window[n++ % 11] = request(s) * unit.scale;
        fprintf(out, "%.9g %.9g %.9g %d\n", (s->at - start) / time, request(s) * unit.scale,
                tune_median(window, n < 11 ? n : 11), s->why[0] != 0);
        marked += s->why[0] != 0;
    }
    fputs("EOD\n$aside << EOD\n", out);
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (s->trial >= 0 || s->used || !isfinite(s->at) || !(request(s) > 0)) continue;
        fprintf(out, "%.9g %.9g\n", (s->at - start) / time, request(s) * unit.scale);
        aside++;
    }
    fprintf(out,
            "EOD\nset title 'The baseline, measured over and over'\nset xlabel 'time (%s)'\n"
            "set ylabel 'whole request (%s)'\nset offsets 0,0,graph 0.06,graph 0.06\n"
            "",
            minutes ? "min" : "s", unit.name);
    draw_mark marks[5];
    int m = 0;
    if (marked < n) marks[m++] = (draw_mark){"samples", 7, 0.9, "#662f6fab", false};
    if (marked) marks[m++] = (draw_mark){"disturbed, but in use", 6, 0.9, DRAW_BLUE, false};
    marks[m++] = (draw_mark){"median of 11", 0, 0, DRAW_ORANGE, false};
    if (aside) marks[m++] = (draw_mark){"left out", 2, 0.9, DRAW_GREY, false};
    marks[m] = (draw_mark){0};
    draw_legend(d, marks, false);
    fprintf(out, "set xrange [%.9g:%.9g]\n", -0.015 * (end - start) / time, 1.015 * (end - start) / time + 1e-6);
    fputs("plot $used using 1:($4 > 0 ? NaN : $2) with points pt 7 ps 0.9 lc rgb '#662f6fab' notitle"
          ", $used using 1:($4 > 0 ? $2 : NaN) with points pt 6 ps 0.9 lc rgb '" DRAW_BLUE "' notitle"
          ", $used using 1:3 with lines lw 2 lc rgb '" DRAW_ORANGE "' notitle",
          out);
    if (aside) fputs(", $aside using 1:2 with points pt 2 ps 0.9 lc rgb '" DRAW_GREY "' notitle", out);
    fputc('\n', out);
}

/* ---- final_comparison ---- */

static bool final_wanted(const drawing *d) {
    tune_comparison c = tune_report_comparison(d->report);
    return c.log_ratios && json_array_size(c.log_ratios) >= 2 && isfinite(c.value) && isfinite(c.low) &&
           isfinite(c.high);
}

static void draw_final(const drawing *d) {
    FILE *out = d->out;
    tune_comparison c = tune_report_comparison(d->report);
    size_t n = json_array_size(c.log_ratios);
    double low = fmin(0, c.low), high = fmax(0, c.high);
    fputs("$process << EOD\n", out);
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(c.log_ratios, i);
        if (!json_is_number(x)) continue;
        double speedup = expm1(json_number_value(x));
        fprintf(out, "%zu %.9g\n", i + 1, 100 * speedup);
        low = fmin(low, speedup);
        high = fmax(high, speedup);
    }
    fprintf(out,
            "EOD\nset title 'The last comparison'\nset xlabel 'fresh process'\n"
            "set ylabel 'faster than the baseline by (%%)'\nset xrange [0.4:%.9g]\n"
            "set xtics %d\n",
            (double)n + 0.6, n > 24 ? 5 : 1);
    draw_range(d, "y", 100 * low, 100 * high);
    fprintf(out,
            "set object 1 rectangle from graph 0,first %.9g to graph 1,first %.9g fc rgb '" DRAW_ORANGE
            "' fs transparent solid 0.18 noborder behind\n",
            100 * c.low, 100 * c.high);
    char mean[64];
    snprintf(mean, sizeof mean, "mean and its %.0f %% interval", 100 * (isfinite(c.level) ? c.level : 0.95));
    const draw_mark marks[] = {{"processes", 7, 1.2, DRAW_BLUE, false},
                               {mean, 0, 0, DRAW_ORANGE, false},
                               {"no difference", 0, 0, DRAW_GREY, true},
                               {0}};
    draw_legend(d, marks, false);
    fprintf(out,
            "plot 0 with lines dt 2 lw 1.4 lc rgb '" DRAW_GREY "' notitle, %.9g with lines lw 2 "
            "lc rgb '" DRAW_ORANGE "' notitle, $process using 1:2 with points pt 7 "
            "ps 1.2 lc rgb '" DRAW_BLUE "' notitle\n",
            100 * c.value);
}

/* ---- importance ---- */

static bool importance_wanted(const drawing *d) {
    for (size_t p = 0; p < d->report->parameters; p++) {
        if (isfinite(d->analysis->importance[p].share)) return true;
    }
    return false;
}

static void draw_importance(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    size_t order[TUNE_REPORT_PARAMETERS], n = 0;
    for (size_t p = 0; p < r->parameters; p++) {
        if (!isfinite(d->analysis->importance[p].share)) continue;
        size_t at = n++;
        for (; at > 0 && d->analysis->importance[order[at - 1]].share < d->analysis->importance[p].share; at--) {
            order[at] = order[at - 1];
        }
        order[at] = p;
    }
    fputs("$share << EOD\n", out);
    for (size_t i = 0; i < n; i++) {
        const tune_share *s = &d->analysis->importance[order[i]];
        fprintf(out, "%.9g %zu %.9g %.9g\n", 100 * s->share, n - 1 - i, 100 * s->low, 100 * s->high);
    }
    fputs("EOD\nset title 'What the differences between trials come from'\n"
          "set xlabel 'share of the differences (%), with 95 % interval'\nset xrange [0:100]\n"
          "set grid noytics xtics lt 1 lc rgb '#e4e9ed' lw 1\nset ytics scale 0 (",
          out);
    for (size_t i = 0; i < n; i++) {
        if (i) fputs(", ", out);
        tune_plot_quote(out, r->parameter[order[i]].name);
        fprintf(out, " %zu", n - 1 - i);
    }
    fprintf(out, ")\nset yrange [-0.6:%.9g]\n", (double)n - 0.4);
    fputs("plot $share using ($1/2):2:($1/2):(0.3) with boxxyerror fc rgb '" DRAW_BLUE "'"
          ", $share using 1:2:3:4 with xerrorbars pt -1 lw 2 lc rgb '" DRAW_ORANGE "'\n",
          out);
}

/* ---- pair: the strongest pair as a map, never tried fields left white ---- */

enum { MAP_LEVELS = 40, MAP_NUMBERS = 10, FRONT_PANELS = 3 };

/* The pair to show: the strongest interaction; where none is known, the two most important. */
static bool map_pair(const drawing *d, size_t *a, size_t *b) {
    const tune_report *r = d->report;
    for (size_t k = 0; k < d->analysis->pairs; k++) {
        const tune_pair *p = &d->analysis->pair[k];
        const tune_parameter *x = &r->parameter[p->a], *y = &r->parameter[p->b];
        if (x->levels < 2 || y->levels < 2 || x->levels > MAP_LEVELS || y->levels > MAP_LEVELS) continue;
        *a = p->a;
        *b = p->b;
        return true;
    }
    return false;
}

static bool map_wanted(const drawing *d) {
    size_t a, b;
    return map_pair(d, &a, &b) && progress_wanted(d);
}

static void map_tics(const drawing *d, const char *axis, const tune_parameter *p) {
    draw_axis_label(d, axis, p);
    fprintf(d->out, "set %srange [-0.5:%.9g]\nset %stics scale 0 (", axis, (double)p->levels - 0.5, axis);
    size_t step = (p->levels + 19) / 20;
    for (size_t i = 0; i < p->levels; i += step) {
        if (i) fputs(", ", d->out);
        tune_plot_quote(d->out, p->text[i]);
        fprintf(d->out, " %zu", i);
    }
    fputs(")\n", d->out);
}

static void draw_map(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    size_t a = 0, b = 0;
    map_pair(d, &a, &b);
    const tune_parameter *x = &r->parameter[a], *y = &r->parameter[b];
    bool ratio = has_ratio(r);
    double largest = 0, off = 0.001; /* off: the furthest from the baseline */
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok && r->trial[i].value > largest) largest = r->trial[i].value;
    }
    draw_unit unit = ratio ? (draw_unit){1, ""} : draw_time_unit(largest);
    fputs("$cells << EOD\n", out);
    for (size_t i = 0; i < x->levels; i++) {
        for (size_t j = 0; j < y->levels; j++) {
            double best = NAN;
            for (size_t k = 0; k < r->trials; k++) {
                const tune_report_trial *t = &r->trial[k];
                if (!t->ok || t->level[a] != (int)i || t->level[b] != (int)j || !(t->value > 0)) continue;
                if (!(t->value >= best)) best = t->value;
            }
            if (!isfinite(best)) continue;
            fprintf(out, "%zu %zu %.9g\n", i, j, best * unit.scale);
            off = fmax(off, fabs(best - 1));
        }
    }
    char title[200];
    snprintf(title, sizeof title, "Best by %.24s and %.24s", x->name, y->name);
    fputs("EOD\nset title ", out);
    tune_plot_quote(out, title);
    fputs("\nset cblabel ", out);
    if (ratio) fputs("'time / baseline''s'\n", out);
    else fprintf(out, "'whole request (%s)'\n", unit.name);
    map_tics(d, "x", x);
    map_tics(d, "y", y);
    /* The baseline is the middle of the colours: blue is faster than it, orange slower. */
    if (ratio) fprintf(out, "set cbrange [%.9g:%.9g]\n", 1 - off, 1 + off);
    fprintf(out,
            "set palette defined (0 '#1d6996', 0.5 '#dfe5e9', 1 '#cc6f3b')\nset cbtics scale 0.4\nunset grid\n"
            "set border 3\nset label 1 '%swhite: never tried' at graph 1,1.03 right textcolor rgb '" DRAW_GREY
            "'\n",
            ratio ? "blue: faster than the baseline, " : "");
    fputs("plot $cells using 1:2:(0.48):(0.48):3 with boxxyerror fc palette", out);
    if (x->levels <= MAP_NUMBERS && y->levels <= MAP_NUMBERS) {
        fprintf(out, ", $cells using 1:2:(sprintf('%s', $3)) with labels font ',12' textcolor rgb '" DRAW_INK "'",
                ratio ? "%.2f" : "%.3g");
    }
    fputc('\n', out);
}

/* ---- speed_vs_perplexity ---- */

static bool ppl_wanted(const drawing *d) {
    for (size_t i = 0; i < d->report->trials; i++) {
        if (d->report->trial[i].ok && isfinite(d->report->trial[i].ppl)) return true;
    }
    return false;
}

static void draw_ppl(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    static const char *const names[] = {"prefill", "decode"};
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    fputs("$rated << EOD\n", out);
    for (size_t i = 0; i < r->trials; i++) {
        const tune_report_trial *t = &r->trial[i];
        const double row[3] = {t->ppl, t->prefill_tok_s, t->decode_tok_s};
        if (!isfinite(t->ppl) || !t->ok) continue;
        for (int k = 0; k < 3; k++) {
            if (isfinite(row[k])) fprintf(out, "%.9g ", row[k]);
            else fputs("NaN ", out);
            if (!isfinite(row[k])) continue;
            low[k] = fmin(low[k], row[k]);
            high[k] = fmax(high[k], row[k]);
        }
        fputc('\n', out);
    }
    fputs("EOD\n", out);
    draw_panels(d, 2, "Speed against perplexity of the continuation");
    fputs("set xlabel 'perplexity (lower is likelier text)'\nset grid xtics ytics lt 1 lc rgb '#e4e9ed' lw 1\n",
          out);
    for (int k = 0; k < 2; k++) {
        fprintf(out, "set title '%s' font ',16'\nset ylabel '%s (tok/s)'\nset yrange [0:1]\n", names[k], names[k]);
        /* Most knobs leave the text as it is: one perplexity for all is the expected picture. */
        draw_range(d, "x", low[0], high[0]);
        draw_range(d, "y", low[k + 1], high[k + 1]);
        fprintf(out,
                "plot NaN notitle, $rated using 1:%d with points pt 7 ps 1.2 lc rgb '#442f6fab'\nunset label\n",
                k + 2);
    }
    fputs("unset multiplot\n", out);
}

/* ---- pareto_front: the first objective against each other one ---- */

static bool front_wanted(const drawing *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->report->trials && d->report->objectives > 1; i++) n += d->report->trial[i].front;
    return n > 0;
}

static void objective_label(const drawing *d, const char *axis, const char *name) {
    static const char *const units[][2] = {{"tok_s", "tok/s"},     {"_ms", "ms"}, {"_mb", "MiB"},
                                           {"kl", "nats a token"}, {"_j", "J"},   {"_s", "s"}};
    const char *unit = "";
    for (size_t i = 0; i < sizeof units / sizeof *units && !*unit; i++) {
        if (strstr(name, units[i][0])) unit = units[i][1];
    }
    if (*unit) fprintf(d->out, "set %slabel '%s (%s)'\n", axis, name, unit);
    else fprintf(d->out, "set %slabel '%s'\n", axis, name);
}

static void draw_front(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const int panels = r->objectives - 1 < FRONT_PANELS ? r->objectives - 1 : FRONT_PANELS;
    draw_panels(d, panels, "Pareto front: trials that no other beats in everything");
    bool known = false;
    for (int k = 1; k <= panels; k++)
        known |= isfinite(tune_report_baseline(r, 0)) && isfinite(tune_report_baseline(r, k));
    const draw_mark marks[] = {{"trials", 7, 1.0, DRAW_GREY, false},
                               {"front", 7, 1.4, DRAW_ORANGE, false},
                               {known ? "baseline" : NULL, 2, 1.6, DRAW_BLUE, false},
                               {0}};
    fputs("set grid xtics ytics lt 1 lc rgb '#e4e9ed' lw 1\n", out);
    for (int k = 1; k <= panels; k++) {
        const double base[2] = {tune_report_baseline(r, 0), tune_report_baseline(r, k)};
        double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
        fputs("$all << EOD\n", out);
        for (size_t i = 0; i < r->trials; i++) {
            const tune_report_trial *t = &r->trial[i];
            const double at[2] = {t->objective[0], t->objective[k]};
            if (!t->ok || !isfinite(at[0]) || !isfinite(at[1])) continue;
            fprintf(out, "%.9g %.9g %d\n", at[0], at[1], t->front);
            for (int axis = 0; axis < 2; axis++) {
                low[axis] = fmin(low[axis], at[axis]);
                high[axis] = fmax(high[axis], at[axis]);
            }
        }
        fputs("EOD\nset xrange [0:1]\nset yrange [0:1]\n", out);
        const bool there = isfinite(base[0]) && isfinite(base[1]);
        for (int axis = 0; axis < 2 && there; axis++) {
            low[axis] = fmin(low[axis], base[axis]);
            high[axis] = fmax(high[axis], base[axis]);
        }
        if (there) fprintf(out, "$base << EOD\n%.9g %.9g\nEOD\n", base[0], base[1]);
        objective_label(d, "x", r->objective[0]);
        objective_label(d, "y", r->objective[k]);
        draw_range(d, "x", low[0], high[0]);
        draw_range(d, "y", low[1], high[1]);
        if (k == 1) draw_legend(d, marks, true);
        fputs("plot NaN notitle, $all using 1:2 with points pt 7 ps 1.0 lc rgb '#669aa5b1' notitle, "
              "$all using 1:($3 == 1 ? $2 : NaN) with points pt 7 ps 1.4 lc rgb '" DRAW_ORANGE "' notitle",
              out);
        if (there) fputs(", $base using 1:2 with points pt 2 ps 1.6 lw 2 lc rgb '" DRAW_BLUE "' notitle", out);
        fputs("\nunset label\nunset arrow\n", out);
    }
    fputs("unset multiplot\n", out);
}

const picture draw_insight[] = {
    {"search_progress", 960, 600, progress_wanted, draw_progress},
    {"final_comparison", 960, 560, final_wanted, draw_final},
    {"baseline_noise", 960, 600, noise_wanted, draw_noise},
    {"importance", 960, 480, importance_wanted, draw_importance},
    {"best_by_pair", 900, 680, map_wanted, draw_map},
    {"pareto_front", 1200, 560, front_wanted, draw_front},
    {"speed_vs_perplexity", 1200, 560, ppl_wanted, draw_ppl},
    {0},
};
