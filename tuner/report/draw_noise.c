/* The picture of the baseline's samples over time, which shows how steady the machine was. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"
#include "tuner/report/timeline.h"

#define LABELLED_PAUSES 4 /* labels of more pauses would overlap */

static bool counts(const tune_report_sample *s) {
    return s->trial < 0 && isfinite(s->at) && s->seen > 0;
}

static bool noise_wanted(const drawing *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->report->samples; i++) n += d->report->sample[i].used && counts(&d->report->sample[i]);
    return n >= 4;
}

static void pause_label(const drawing *d, const tune_pause *pause, double at, int number) {
    char text[64];
    fprintf(d->out, "set arrow %d from %.9g, graph 0 to %.9g, graph 1 nohead dt 3 lw 1.4 lc rgb '" DRAW_GREY "'\n",
            100 + number, at, at);
    if (number >= LABELLED_PAUSES) return;
    tune_pause_text(text, sizeof text, pause);
    fprintf(d->out, "set label %d '%s' at %.9g, graph %.2f center textcolor rgb '#5b6673' font ',13'\n",
            100 + number, text, at, number % 2 ? 1.07 : 1.03);
}

/* The numbers of samples of each kind. */
typedef struct kinds {
    size_t used, marked, aside;
} kinds;

/* Writes the samples in use and those left out as two tables. */
static kinds put_samples(const drawing *d, const tune_timeline *line, double time, draw_unit unit, draw_range *x,
                         draw_range *y) {
    const tune_report *r = d->report;
    kinds n = {0};
    fputs("$used << EOD\n", d->out);
    for (size_t i = 0; i < line->points; i++) {
        const tune_timeline_point *p = &line->point[i];
        const tune_report_sample *s = &r->sample[p->sample];
        if (p->after_pause) fputc('\n', d->out); /* interrupts the line */
        if (!counts(s)) continue;
        draw_include(x, p->at / time);
        draw_include(y, s->seen * unit.scale);
        n.aside += !s->used;
        if (!s->used) continue;
        fprintf(d->out, "%.9g %.9g %.9g %d\n", p->at / time, s->seen * unit.scale, p->median * unit.scale,
                s->causes != 0);
        n.used++;
        n.marked += s->causes != 0;
    }
    fputs("EOD\n$aside << EOD\n", d->out);
    for (size_t i = 0; i < line->points; i++) {
        const tune_report_sample *s = &r->sample[line->point[i].sample];
        if (counts(s) && !s->used) fprintf(d->out, "%.9g %.9g\n", line->point[i].at / time, s->seen * unit.scale);
    }
    fputs("EOD\n", d->out);
    return n;
}

static void draw_baseline(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    tune_timeline line;
    double largest = 0;
    if (tune_report_timeline(r, &line, NULL)) return;
    for (size_t i = 0; i < r->samples; i++) {
        if (counts(&r->sample[i])) largest = fmax(largest, r->sample[i].seen);
    }
    const char *unit_name = tune_report_noise_unit(r);
    const draw_unit unit = strcmp(unit_name, "s") ? (draw_unit){1, unit_name} : draw_time_unit(largest);
    const double whole = line.points ? line.point[line.points - 1].at - (double)line.pauses * line.gap : 0;
    const bool minutes = whole > 180;
    const double time = minutes ? 60 : 1;
    draw_range x = {0, 0}, y = DRAW_NOTHING; /* begins at zero, so the time axis is never logarithmic */
    const kinds n = put_samples(d, &line, time, unit, &x, &y);
    for (size_t i = 0; i < line.pauses; i++) pause_label(d, &line.pause[i], line.pause[i].at / time, (int)i);
    fprintf(out, "set title 'The baseline, measured over and over'%s\nset xlabel 'time%s (%s)'\n",
            line.pauses ? " offset 0,0.8" : "", line.pauses ? " at work" : "", minutes ? "min" : "s");
    draw_label(d, "y", tune_report_noise_name(r), unit.name);
    if (line.pauses) fputs("set tmargin 5.5\n", out);
    draw_mark marks[DRAW_MARKS] = {{0}};
    int m = 0;
    if (n.marked < n.used) marks[m++] = (draw_mark){"samples", 7, 0.9, "#662f6fab", false};
    if (n.marked) marks[m++] = (draw_mark){"disturbed, but in use", 6, 0.9, DRAW_BLUE, false};
    marks[m++] = (draw_mark){"median of the last 11", 0, 0, DRAW_ORANGE, false};
    if (n.aside) marks[m++] = (draw_mark){"left out", 2, 0.9, DRAW_GREY, false};
    draw_legend(d, marks, false);
    draw_values(d, "x", x);
    draw_values(d, "y", y);
    fputs("plot $used using 1:($4 > 0 ? NaN : $2) with points pt 7 ps 0.9 lc rgb '#662f6fab' notitle"
          ", $used using 1:($4 > 0 ? $2 : NaN) with points pt 6 ps 0.9 lc rgb '" DRAW_BLUE "' notitle"
          ", $used using 1:3 with lines lw 2 lc rgb '" DRAW_ORANGE "' notitle",
          out);
    if (n.aside) fputs(", $aside using 1:2 with points pt 2 ps 0.9 lc rgb '" DRAW_GREY "' notitle", out);
    fputc('\n', out);
    tune_timeline_clear(&line);
}

const picture draw_noise[] = {
    {"baseline_noise", 960, 600, noise_wanted, draw_baseline},
    {0},
};
