/* The picture best_by_pair: a map of the pair of parameters with the strongest interaction. Combinations that were
 * not tried stay white. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"

enum { MAP_LEVELS = 40, MAP_WIDTH = 900, MAP_HEIGHT = 740 };
#define PLOT_WIDTH 610.0 /* pixels that remain for the cells, approximately */
#define PLOT_HEIGHT 470.0
#define DARK 0.7 /* labels are white where a colour is this far from the middle towards an end */

static bool shown(const drawing *d, size_t parameter) {
    const tune_parameter *p = &d->report->parameter[parameter];
    return p->levels >= 2 && p->levels <= MAP_LEVELS && tune_report_tuned(d->report, p->name);
}

/* Finds the pair with the strongest interaction; where none is known, the two most important parameters. */
static bool map_pair(const drawing *d, size_t *a, size_t *b) {
    const tune_pair *best = NULL;
    double most = -1;
    for (size_t k = 0; k < d->analysis->pairs; k++) {
        const tune_pair *p = &d->analysis->pair[k];
        if (!shown(d, p->a) || !shown(d, p->b)) continue;
        const double x = d->analysis->importance[p->a].share, y = d->analysis->importance[p->b].share;
        const double both = (isfinite(x) ? x : 0) + (isfinite(y) ? y : 0);
        const double weight = isfinite(p->strength.share) ? 10 + p->strength.share : both;
        if (weight <= most) continue;
        most = weight;
        best = p;
    }
    if (!best) return false;
    *a = best->a;
    *b = best->b;
    return true;
}

static bool map_wanted(const drawing *d) {
    size_t a, b, n = 0;
    for (size_t i = 0; i < d->report->trials; i++) n += d->report->trial[i].ok && d->report->trial[i].value > 0;
    return n > 1 && map_pair(d, &a, &b);
}

/* ---- cells ---- */

typedef struct cell {
    double value;   /* the best value; NAN: every trial failed */
    size_t samples; /* number of samples behind it; 0: unknown */
    bool tried, cold;
} cell;

static cell cell_of(const tune_report *r, size_t a, int i, size_t b, int j) {
    cell c = {.value = NAN};
    const bool cold = tune_report_cold_first(r);
    for (size_t k = 0; k < r->trials; k++) {
        const tune_report_trial *t = &r->trial[k];
        if (t->level[a] != i || t->level[b] != j) continue;
        c.tried = true;
        if (!t->ok || !(t->value > 0)) continue;
        if (t->value >= c.value) continue;
        c.value = t->value;
        c.samples = tune_report_trial_samples(r, t);
        c.cold = cold && k == 0;
    }
    return c;
}

/* Where nothing says how many samples a row has, it has one, as in the original. The best of several such rows is
 * still a single sample, and possibly a lucky one. */
static bool rests_on_one(const cell *c) {
    return c->samples <= 1;
}

/* ---- colours ---- */

/* Writes the tics of a ratio, symmetric about 1. */
static void ratio_tics(FILE *out, double most) {
    static const double steps[] = {1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000};
    double last = 1;
    fputs("set cbtics scale 0.4 ('1.00' 1", out);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        /* Labels keep a distance of their height. */
        if (steps[i] > most * 1.0001 || log(steps[i] / last) < 0.11 * log(most)) continue;
        last = steps[i];
        fprintf(out, ", '%.2f' %.9g, '%.2f' %.9g", last, last, 1 / last, 1 / last);
    }
    fputs(")\n", out);
}

static void put_colours(const drawing *d, bool ratio, draw_range v, draw_unit unit, double *most) {
    FILE *out = d->out;
    *most = fmax(fmax(v.high, 1 / v.low), 1.02);
    if (ratio) {
        /* The baseline has the middle colour, and half the time is as far from it as twice the time. */
        fprintf(out, "set logscale cb\nset cbrange [%.9g:%.9g]\n", 1 / *most, *most);
        ratio_tics(out, *most);
        fputs("set palette defined (0 '#1d6996', 0.5 '#e8ecef', 1 '#cc6f3b')\n", out);
        draw_label(d, "cb", tune_report_ratio_name(d->report), draw_under_one(d));
        fputs("set cblabel offset 1.2,0\n", out);
    } else {
        draw_values(d, "cb", v);
        fputs("set palette defined (0 '#1d6996', 1 '#e8ecef')\n", out);
        draw_label(d, "cb", tune_report_time_name(d->report), unit.name);
    }
}

static void draw_pair(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    size_t a = 0, b = 0;
    map_pair(d, &a, &b);
    const draw_axis x = draw_axis_of(d, a), y = draw_axis_of(d, b);
    const bool ratio = tune_report_has_ratio(r);
    double largest = 0, most;
    draw_range v = DRAW_NOTHING;
    for (size_t i = 0; i < r->trials; i++) {
        if (r->trial[i].ok && r->trial[i].value > largest) largest = r->trial[i].value;
    }
    const draw_unit unit = ratio ? (draw_unit){1, ""} : draw_time_unit(largest);
    size_t ones = 0, failed = 0, cold = 0, untried = 0;
    /* Columns: position, value, the cell's edges, flags (rests on one sample, failed, cold), label. */
    fputs("$cells << EOD\n", out);
    for (int i = 0; i < (int)x.p->levels; i++) {
        for (int j = 0; j < (int)y.p->levels; j++) {
            const cell c = cell_of(r, a, i, b, j);
            untried += !c.tried;
            if (!c.tried) continue;
            const double at[2] = {draw_at(&x, i), draw_at(&y, j)}, value = c.value * unit.scale;
            const bool none = !isfinite(c.value), one = !none && rests_on_one(&c);
            fprintf(out, "%.9g %.9g %.9g %.9g %.9g %.9g %.9g %d %d %d\n", at[0], at[1], none ? 0 : value,
                    draw_beside(&x, at[0], -0.95), draw_beside(&x, at[0], 0.95), draw_beside(&y, at[1], -0.95),
                    draw_beside(&y, at[1], 0.95), one, none, c.cold);
            if (!none && !c.cold) draw_include(&v, value);
            ones += one;
            failed += none;
            cold += c.cold;
        }
    }
    fputs("EOD\n$ones << EOD\n", out);
    for (int i = 0; i < (int)x.p->levels && ones; i++) {
        for (int j = 0; j < (int)y.p->levels; j++) {
            const cell c = cell_of(r, a, i, b, j);
            if (!isfinite(c.value) || !rests_on_one(&c)) continue;
            fprintf(out, "%.9g %.9g\n", draw_beside(&x, draw_at(&x, i), 0.78),
                    draw_beside(&y, draw_at(&y, j), 0.72));
        }
    }
    char title[200];
    snprintf(title, sizeof title, "Best by %.24s and %.24s", x.p->name, y.p->name);
    fputs("EOD\nset title ", out);
    tune_plot_quote(out, title);
    fputs("\nset border 3\nunset grid\n", out);
    draw_parameter_axis(d, "x", &x, PLOT_WIDTH);
    draw_parameter_axis(d, "y", &y, PLOT_HEIGHT);
    put_colours(d, ratio, v, unit, &most);
    const bool baseline = isfinite(x.baseline) && isfinite(y.baseline);
    if (baseline) {
        fprintf(out,
                "set object 1 rectangle from first %.9g, first %.9g to first %.9g, first %.9g front fs empty "
                "border rgb '" DRAW_INK "' lw 2.4\n",
                draw_beside(&x, x.baseline, -0.95), draw_beside(&y, y.baseline, -0.95),
                draw_beside(&x, x.baseline, 0.95), draw_beside(&y, y.baseline, 0.95));
    }
    draw_mark marks[DRAW_MARKS] = {{0}};
    int n = 0;
    if (untried) marks[n++] = (draw_mark){"white: never tried", 5, 0, "#ffffff", false};
    if (baseline) marks[n++] = draw_mark_baseline;
    if (ones) marks[n++] = (draw_mark){"one sample", 6, 0.8, DRAW_INK, false};
    if (failed) marks[n++] = (draw_mark){"failed", 2, 1.2, DRAW_RED, false};
    if (cold) marks[n++] = draw_mark_cold;
    if (n) draw_legend(d, marks, false);
    fputs("plot $cells using 1:2:4:5:6:7:($9 > 0 ? NaN : $3) with boxxyerror fc palette", out);
    if (draw_cell_pixels(&x, PLOT_WIDTH) > 54 && draw_cell_pixels(&y, PLOT_HEIGHT) > 24) {
        /* All cells have the same number of digits, as many as the smallest difference needs. */
        const double span = v.high - v.low;
        const int digits = ratio ? 2 : !(span > 0) ? 2 : span > 100 ? 0 : span > 10 ? 1 : span > 0.1 ? 2 : 3;
        char dark[64];
        snprintf(dark, sizeof dark, ratio ? "abs(log($3)) > %.9g" : "$3 < %.9g",
                 ratio ? DARK * log(most) : v.low + (1 - DARK) * span);
        for (int white = 0; white < 2; white++) {
            fprintf(out,
                    ", $cells using 1:2:($9 > 0 || (%s) != %d ? '' : sprintf('%%.%df', $3)) with labels font ',13' "
                    "textcolor rgb '%s'",
                    dark, white, digits, white ? "#ffffff" : DRAW_INK);
        }
    }
    if (ones) fputs(", $ones using 1:2 with points pt 6 ps 0.8 lw 1.4 lc rgb '" DRAW_INK "' notitle", out);
    if (failed) {
        fputs(", $cells using ($9 > 0 ? $1 : NaN):2 with points pt 2 ps 1.2 lw 1.6 lc rgb '" DRAW_RED "' notitle",
              out);
    }
    if (cold) {
        fputs(", $cells using ($10 > 0 ? ($1 + $4) / 2 : NaN):2 " DRAW_AS_COLD, out);
    }
    fputc('\n', out);
}

const picture draw_map[] = {
    {"best_by_pair", MAP_WIDTH, MAP_HEIGHT, map_wanted, draw_pair},
    {0},
};
