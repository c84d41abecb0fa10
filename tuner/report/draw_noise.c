/* The picture of the baseline's samples over time, which shows how steady the machine was. */
#include <math.h>
#include <stdlib.h>

#include "tuner/measure/stats.h"
#include "tuner/report/draw.h"

enum { WINDOW = 11 };
#define PAUSE 20.0 /* multiple of the usual time between samples from which on the run is taken to have paused */
#define LEAST_PAUSE 1.0   /* seconds */
#define LABELLED_PAUSES 4 /* labels of more pauses would overlap */

static bool counts(const tune_report_sample *s) {
    return s->trial < 0 && isfinite(s->at) && s->request_s > 0;
}

static bool noise_wanted(const drawing *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->report->samples; i++) n += d->report->sample[i].used && counts(&d->report->sample[i]);
    return n >= 4;
}

/* Returns the time between two samples from which on it counts as a pause: the run was interrupted and resumed, or
 * the computer slept. */
static double pause_from(const tune_report *r) {
    double *gap = malloc((r->samples + 1) * sizeof *gap), last = NAN;
    size_t n = 0;
    if (!gap) return INFINITY;
    for (size_t i = 0; i < r->samples; i++) {
        if (!isfinite(r->sample[i].at)) continue;
        if (isfinite(last)) gap[n++] = r->sample[i].at - last;
        last = r->sample[i].at;
    }
    const double usual = n ? tune_median(gap, n) : 0;
    free(gap);
    return fmax(PAUSE * usual, LEAST_PAUSE);
}

static void pause_label(const drawing *d, double seconds, double at, int number) {
    char text[64];
    if (seconds < 180) snprintf(text, sizeof text, "pause of %.0f s", seconds);
    else if (seconds < 3 * 3600) snprintf(text, sizeof text, "pause of %.0f min", seconds / 60);
    else snprintf(text, sizeof text, "pause of %.0f h", seconds / 3600);
    fprintf(d->out, "set arrow %d from %.9g, graph 0 to %.9g, graph 1 nohead dt 3 lw 1.4 lc rgb '" DRAW_GREY "'\n",
            100 + number, at, at);
    if (number >= LABELLED_PAUSES) return;
    fprintf(d->out, "set label %d '%s' at %.9g, graph %.2f center textcolor rgb '#5b6673' font ',13'\n",
            100 + number, text, at, number % 2 ? 1.07 : 1.03);
}

/* The axis shows the time during which the run worked; pauses are cut out. */
typedef struct walk {
    double pause, gap_width; /* seconds from which on a gap is a pause; width shown instead of it */
    double last, at;         /* time of the last sample by the clock, and its position on the axis */
    int pauses;
} walk;

/* Moves on to a sample; returns the length of the pause before it in seconds, 0 where there was none. */
static double go_on(walk *w, const tune_report_sample *s) {
    const double gap = isfinite(w->last) ? s->at - w->last : 0;
    w->last = s->at;
    if (gap < w->pause) {
        w->at += gap;
        return 0;
    }
    w->at += w->gap_width;
    w->pauses++;
    return gap;
}

static void draw_baseline(const drawing *d) {
    FILE *out = d->out;
    const tune_report *r = d->report;
    const walk start = {.pause = pause_from(r), .last = NAN};
    walk w = start;
    double largest = 0, window[WINDOW];
    size_t n = 0, used = 0, aside = 0, marked = 0;
    for (size_t i = 0; i < r->samples; i++) {
        if (isfinite(r->sample[i].at)) go_on(&w, &r->sample[i]);
        if (counts(&r->sample[i])) largest = fmax(largest, (&r->sample[i])->request_s);
    }
    const draw_unit unit = draw_time_unit(largest);
    const int pauses = w.pauses;
    const bool minutes = w.at > 180;
    const double time = minutes ? 60 : 1, gap_width = 0.02 * w.at;
    draw_range x = {0, 0}, y = DRAW_NOTHING; /* begins at zero, so the time axis is never logarithmic */
    fputs("$used << EOD\n", out);
    w = start;
    w.gap_width = gap_width;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (!isfinite(s->at)) continue;
        if (go_on(&w, s) > 0) {
            fputc('\n', out); /* interrupts the line at a pause */
            n = 0;
        }
        if (!counts(s)) continue;
        const double value = s->request_s * unit.scale;
        draw_include(&x, w.at / time);
        draw_include(&y, value);
        aside += !s->used;
        if (!s->used) continue;
        window[n++ % WINDOW] = value;
        fprintf(out, "%.9g %.9g %.9g %d\n", w.at / time, value, tune_median(window, n < WINDOW ? n : WINDOW),
                s->causes != 0);
        used++;
        marked += s->causes != 0;
    }
    fputs("EOD\n$aside << EOD\n", out);
    w = start;
    w.gap_width = gap_width;
    for (size_t i = 0; i < r->samples; i++) {
        const tune_report_sample *s = &r->sample[i];
        if (!isfinite(s->at)) continue;
        go_on(&w, s);
        if (counts(s) && !s->used) fprintf(out, "%.9g %.9g\n", w.at / time, s->request_s * unit.scale);
    }
    fputs("EOD\n", out);
    w = start;
    w.gap_width = gap_width;
    for (size_t i = 0; i < r->samples; i++) {
        const double gap = isfinite(r->sample[i].at) ? go_on(&w, &r->sample[i]) : 0;
        if (gap > 0) pause_label(d, gap, (w.at - gap_width / 2) / time, w.pauses - 1);
    }
    fprintf(out, "set title 'The baseline, measured over and over'%s\nset xlabel 'time%s (%s)'\n",
            pauses ? " offset 0,0.8" : "", pauses ? " at work" : "", minutes ? "min" : "s");
    draw_label(d, "y", tune_report_time_name(r), unit.name);
    if (pauses) fputs("set tmargin 5.5\n", out);
    draw_mark marks[DRAW_MARKS] = {{0}};
    int m = 0;
    if (marked < used) marks[m++] = (draw_mark){"samples", 7, 0.9, "#662f6fab", false};
    if (marked) marks[m++] = (draw_mark){"disturbed, but in use", 6, 0.9, DRAW_BLUE, false};
    marks[m++] = (draw_mark){"median of the last 11", 0, 0, DRAW_ORANGE, false};
    if (aside) marks[m++] = (draw_mark){"left out", 2, 0.9, DRAW_GREY, false};
    draw_legend(d, marks, false);
    draw_values(d, "x", x);
    draw_values(d, "y", y);
    fputs("plot $used using 1:($4 > 0 ? NaN : $2) with points pt 7 ps 0.9 lc rgb '#662f6fab' notitle"
          ", $used using 1:($4 > 0 ? $2 : NaN) with points pt 6 ps 0.9 lc rgb '" DRAW_BLUE "' notitle"
          ", $used using 1:3 with lines lw 2 lc rgb '" DRAW_ORANGE "' notitle",
          out);
    if (aside) fputs(", $aside using 1:2 with points pt 2 ps 0.9 lc rgb '" DRAW_GREY "' notitle", out);
    fputc('\n', out);
}

const picture draw_noise[] = {
    {"baseline_noise", 960, 600, noise_wanted, draw_baseline},
    {0},
};
