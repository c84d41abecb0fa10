/* Axes, legends and panels. */
#include <math.h>
#include <string.h>

#include "tuner/report/draw.h"

#define DECADE 10.0      /* an axis with a larger ratio of values is logarithmic */
#define ROUND_TICS 14    /* with more numbers than this, tics are at round values instead of at each */
#define LETTER 10.0      /* width in pixels of a letter of the font that all pictures use */
#define LINE 24.0        /* height of a line of text in pixels */
#define MARK 34          /* in the legend: width of a mark with the gap to its text */
#define GAP 26           /* gap between entries of the legend */
#define PANELS_FROM 1200 /* width in pixels of a picture of several panels, at least */
#define PANEL_LEFT 126   /* room for the tics and the label of a panel, in pixels */
#define PANEL_BETWEEN 132
#define PANEL_RIGHT 0.975 /* right end of the last panel, as a share of the picture */

draw_unit draw_time_unit(double largest_s) {
    return largest_s < 2 ? (draw_unit){1e3, "ms"} : (draw_unit){1, "s"};
}

void draw_include(draw_range *range, double value) {
    if (!isfinite(value)) return;
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

/* ---- tics ---- */

/* Returns a step for the tics: 1, 2 or 5 times a power of ten. */
static double round_step(double span, int tics) {
    double step = pow(10, floor(log10(span / tics)));
    const double times = span / tics / step;
    return step * (times > 5 ? 10 : times > 2 ? 5 : times > 1 ? 2 : 1);
}

static void linear_tics(FILE *out, const char *axis, double low, double high, int tics) {
    const double step = round_step(high - low, tics), most = fmax(fabs(low), fabs(high));
    const int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    /* Very small steps and very large numbers are written with an exponent, because written out the labels would
     * be too long or, beyond the digits of a double, equal. */
    const bool plain = decimals <= 6 && most < 1e7;
    /* In a panel six digits would leave no room for the axis's name. */
    const bool thousands = plain && most >= 1e5 && step >= 1000;
    const char *comma = "";
    fprintf(out, "set %stics (", axis);
    for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
        double at = k == 0 ? 0 : k * step;
        if (thousands && at != 0) fprintf(out, "%s'%.0fk' %.12g", comma, at / 1000, at);
        else if (plain) fprintf(out, "%s'%.*f' %.12g", comma, decimals, at, at);
        else fprintf(out, "%s'%.6g' %.12g", comma, at, at);
        comma = ", ";
    }
    fputs(")\n", out);
}

/* Tics at 1, 2 and 5 times powers of ten; over more than three decades only at powers of ten, as many as there is
 * room for. */
static void log_tics(FILE *out, const char *axis, double low, double high) {
    const double decades = log10(high / low);
    const int every = (int)ceil(decades / 8);
    static const double times[] = {1, 2, 5};
    const char *comma = "";
    fprintf(out, "set %stics (", axis);
    for (int e = (int)floor(log10(low)); e <= (int)ceil(log10(high)); e++) {
        for (int k = 0; k < (decades > 3 ? 1 : 3); k++) {
            double at = times[k] * pow(10, e);
            if (at < low || at > high || e % every != 0) continue;
            fprintf(out, "%s'%.6g' %.12g", comma, at, at);
            comma = ", ";
        }
    }
    fputs(")\n", out);
}

static void set_range(FILE *out, const char *axis, double low, double high, bool log) {
    fprintf(out, "%s logscale %s\nset %srange [%.12g:%.12g]\n", log ? "set" : "unset", axis, axis, low, high);
}

void draw_values(const drawing *d, const char *axis, draw_range v) {
    if (!(v.low <= v.high)) v = (draw_range){0, 0};
    if (v.low > 0 && v.high > DECADE * v.low) {
        double margin = pow(v.high / v.low, 0.06);
        set_range(d->out, axis, v.low / margin, v.high * margin, true);
        log_tics(d->out, axis, v.low / margin, v.high * margin);
        return;
    }
    if (v.low == 0 && v.high == 0) {
        set_range(d->out, axis, -1, 1, false);
        fprintf(d->out, "set %stics ('0' 0)\n", axis);
        return;
    }
    /* Differences near the resolution of doubles are treated as none. */
    const bool same = v.high - v.low <= 1e-9 * fmax(fabs(v.high), fabs(v.low));
    const double margin = !same ? 0.08 * (v.high - v.low) : 0.05 * fabs(v.high);
    set_range(d->out, axis, v.low - margin, v.high + margin, false);
    linear_tics(d->out, axis, v.low - margin, v.high + margin, *axis != 'x' || d->width < PANELS_FROM ? 9 : 6);
}

void draw_values_from_zero(const drawing *d, const char *axis, double high) {
    if (!(high > 0)) high = 1;
    set_range(d->out, axis, 0, 1.12 * high, false);
    linear_tics(d->out, axis, 0, 1.12 * high, 9);
}

void draw_counts(const drawing *d, const char *axis, size_t first, size_t last) {
    const double span = (double)(last - first), margin = fmax(0.6, 0.03 * span);
    const double step = fmax(1, round_step(fmax(span, 1), 12));
    const char *comma = "";
    set_range(d->out, axis, (double)first - margin, (double)last + margin, false);
    fprintf(d->out, "set %stics (", axis);
    for (double at = step * ceil((double)first / step); at <= (double)last; at += step) {
        fprintf(d->out, "%s'%.0f' %.0f", comma, at, at);
        comma = ", ";
    }
    fputs(")\n", d->out);
}

/* ---- a parameter's axis ---- */

/* Returns the coordinate in which the axis is linear. */
static double even(const draw_axis *a, double at) {
    return a->log ? log(at) : at;
}

/* Returns the smallest distance between two neighbouring positions. */
static double least_gap(const draw_axis *a) {
    double gap = INFINITY;
    for (size_t i = 0; i < a->p->levels; i++) {
        double at = even(a, draw_at(a, (int)i));
        if (i) gap = fmin(gap, at - even(a, draw_at(a, (int)i - 1)));
        double off = isfinite(a->baseline) ? fabs(at - even(a, a->baseline)) : 0;
        if (off > 0) gap = fmin(gap, off);
    }
    return gap;
}

draw_axis draw_axis_of(const drawing *d, size_t parameter) {
    const tune_parameter *p = &d->report->parameter[parameter];
    draw_axis a = {.p = p, .baseline = NAN, .range = DRAW_NOTHING};
    bool known = tune_report_baseline_setting(d->report, p->name, a.baseline_text, sizeof a.baseline_text);
    if (known && p->numeric) {
        char *end;
        double number = strtod(a.baseline_text, &end);
        if (end != a.baseline_text && !*end) a.baseline = number;
    } else if (known) {
        size_t level = 0;
        while (level < p->levels && strcmp(p->text[level], a.baseline_text) != 0) level++;
        a.baseline = (double)level; /* one more position where it was not tried */
    }
    for (size_t i = 0; i < p->levels; i++) draw_include(&a.range, draw_at(&a, (int)i));
    draw_include(&a.range, a.baseline);
    a.log = p->numeric && a.range.low > 0 && a.range.high > DECADE * a.range.low;
    const double span = even(&a, a.range.high) - even(&a, a.range.low), gap = least_gap(&a);
    /* Cells have a minimum width, so that numbers that are close together can still be seen. */
    a.half = isfinite(gap) ? fmax(0.5 * gap, 0.006 * span) : a.log ? 0.5 : fmax(0.5, fabs(a.range.low) * 0.1);
    return a;
}

double draw_at(const draw_axis *a, int level) {
    return a->p->numeric ? a->p->number[level] : level;
}

double draw_beside(const draw_axis *a, double at, double by) {
    return a->log ? at * exp(by * a->half) : at + by * a->half;
}

/* Returns the ends of the axis in its linear coordinate, with room for half a cell, or for a margin where cells
 * are narrow. */
static draw_range ends(const draw_axis *a) {
    const double low = even(a, a->range.low), high = even(a, a->range.high),
                 room = fmax(1.1 * a->half, 0.03 * (high - low));
    return (draw_range){low - room, high + room};
}

double draw_cell_pixels(const draw_axis *a, double pixels) {
    const draw_range e = ends(a);
    return pixels * 2 * a->half / (e.high - e.low);
}

/* Shortens a name that is wider than its place, keeping its start and its end. */
static void shorten(char *text, size_t letters) {
    const size_t n = strlen(text), head = (letters - 1) / 2, tail = letters - 2 - head;
    if (n <= letters) return;
    text[head] = text[head + 1] = '.';
    memmove(text + head + 2, text + n - tail, tail + 1);
}

/* Writes a tic, unless its label would touch the previous one. `last` is where that ended. */
static void tic(const drawing *d, const char *axis, const draw_axis *a, double pixels, const char *text, double at,
                double *last) {
    const char *comma = *last > -INFINITY ? ", " : "";
    const draw_range e = ends(a);
    char label[64];
    snprintf(label, sizeof label, "%s", text);
    if (!a->p->numeric && *axis == 'x')
        shorten(label, (size_t)fmax(5, (draw_cell_pixels(a, pixels) - 12) / LETTER));
    const double place = pixels * (even(a, at) - e.low) / (e.high - e.low),
                 size = *axis == 'y' ? LINE : LETTER * (double)strlen(label) + 12;
    const bool room = place - size / 2 >= *last - 1;
    if (room) *last = place + size / 2;
    fputs(comma, d->out);
    tune_plot_quote(d->out, room ? label : "");
    fprintf(d->out, " %.12g", at);
}

void draw_parameter_axis(const drawing *d, const char *axis, const draw_axis *a, double pixels) {
    const tune_parameter *p = a->p;
    const char *unit = d->options->unit ? d->options->unit(p->name) : NULL;
    char text[128];
    if (unit && *unit) snprintf(text, sizeof text, "%.60s (%s)", p->name, unit);
    else snprintf(text, sizeof text, "%.60s", p->name);
    fprintf(d->out, "set %slabel ", axis);
    tune_plot_quote(d->out, text);
    fputc('\n', d->out);
    const draw_range e = ends(a);
    const double low = a->log ? exp(e.low) : e.low, high = a->log ? exp(e.high) : e.high;
    set_range(d->out, axis, low, high, a->log);
    if (p->numeric && p->levels > ROUND_TICS) {
        if (a->log) log_tics(d->out, axis, low, high);
        else linear_tics(d->out, axis, low, high, *axis == 'y' || pixels > 500 ? 8 : 5);
        return;
    }
    double last = -INFINITY;
    bool marked = isnan(a->baseline);
    fprintf(d->out, "set %stics (", axis);
    for (size_t i = 0; i <= p->levels; i++) {
        double at = i < p->levels ? draw_at(a, (int)i) : INFINITY;
        if (!marked && a->baseline < at) tic(d, axis, a, pixels, a->baseline_text, a->baseline, &last);
        marked |= a->baseline <= at;
        if (i < p->levels) tic(d, axis, a, pixels, p->text[i], at, &last);
    }
    fputs(")\n", d->out);
}

/* ---- legend, panels ---- */

const draw_mark draw_mark_baseline = {"baseline", 4, 1.4, DRAW_INK, false};
const draw_mark draw_mark_baseline_line = {"baseline", 0, 0, DRAW_GREY, true};
const draw_mark draw_mark_trials = {"trials", 7, 1.1, DRAW_TRIAL, false};
const draw_mark draw_mark_cold = {"first row, cold", 8, 1.6, DRAW_RED, false};

draw_mark draw_mark_chosen(const char *what) {
    return (draw_mark){what, 6, 2.0, DRAW_ORANGE, false};
}

void draw_legend(const drawing *d, const draw_mark *marks, bool panels) {
    double width = -GAP, y = 30.0 / d->height;
    for (const draw_mark *m = marks; m->text; m++) width += MARK + LETTER * (double)strlen(m->text) + GAP;
    double at = (d->width - width) / 2;
    if (!panels) fprintf(d->out, "set bmargin at screen %.5f\n", 130.0 / d->height);
    int tag = 20;
    for (const draw_mark *m = marks; m->text; m++, tag++) {
        double from = at / d->width, to = (at + MARK - 10) / d->width;
        if (m->point) {
            fprintf(d->out, "set label %d '' at screen %.5f,%.5f point pt %d ps %.2f lw 1.8 lc rgb '%s'\n",
                    tag + 40, (from + to) / 2, y, m->point, m->size, m->color);
        } else {
            fprintf(d->out,
                    "set arrow %d from screen %.5f,%.5f to screen %.5f,%.5f nohead lw 2 dt %d lc rgb '%s'\n", tag,
                    from, y, to, y, m->dashed ? 2 : 1, m->color);
        }
        fprintf(d->out, "set label %d ", tag);
        tune_plot_quote(d->out, m->text);
        fprintf(d->out, " at screen %.5f,%.5f left textcolor rgb '" DRAW_INK "'\n", (at + MARK) / d->width, y);
        at += MARK + LETTER * (double)strlen(m->text) + GAP;
    }
}

void draw_label(const drawing *d, const char *axis, const char *name, const char *unit) {
    char text[128];
    if (*unit) snprintf(text, sizeof text, "%.90s (%.30s)", name, unit);
    else snprintf(text, sizeof text, "%.90s", name);
    fprintf(d->out, "set %slabel ", axis);
    tune_plot_quote(d->out, text);
    fputc('\n', d->out);
}

const char *draw_under_one(const drawing *d) {
    return tune_report_timed(d->report) ? "under 1: faster" : "under 1: better";
}

double draw_panel_pixels(const drawing *d, int panels) {
    return (PANEL_RIGHT * d->width - PANEL_LEFT - (panels - 1) * PANEL_BETWEEN) / panels;
}

void draw_panels(const drawing *d, int panels, const char *title) {
    fprintf(d->out,
            "set multiplot layout 1,%d margins %.4f,%.4f,0.26,0.79 spacing %.4f,0\n"
            "set label 1 ",
            panels, (double)PANEL_LEFT / d->width, PANEL_RIGHT, (double)PANEL_BETWEEN / d->width);
    tune_plot_quote(d->out, title);
    fputs(" at screen 0.5,0.93 center font ',20' textcolor rgb '" DRAW_INK "'\n", d->out);
}
