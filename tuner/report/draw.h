/* Shared by the pictures: one look for all of them. */
#ifndef TUNE_REPORT_DRAW_H
#define TUNE_REPORT_DRAW_H

#include <stdio.h>

#include "tuner/report/gnuplot.h"
#include "tuner/report/marks.h"
#include "tuner/report/report.h"

/* The palette, told apart by colour-blind eyes and in grey. */
#define DRAW_BLUE "#2f6fab"
#define DRAW_ORANGE "#d9722e"
#define DRAW_GREEN "#3d8f6b"
#define DRAW_RED "#b3322c"
#define DRAW_GREY "#9aa5b1"
#define DRAW_INK "#2b3640"
#define DRAW_TRIAL "#442f6fab" /* blue, shining through where trials lie on each other */

/* The same thing has the same mark in every picture. Ends of a gnuplot plot element. */
#define DRAW_AS_TRIAL "with points pt 7 ps 1.1 lc rgb '" DRAW_TRIAL "' notitle"
#define DRAW_AS_CHOSEN "with points pt 6 ps 2.2 lw 2 lc rgb '" DRAW_ORANGE "' notitle"
#define DRAW_AS_BASELINE "with points pt 4 ps 1.6 lw 2 lc rgb '" DRAW_INK "' notitle"
#define DRAW_AS_BASELINE_LINE "with lines dt 2 lw 1.4 lc rgb '" DRAW_GREY "' notitle"
#define DRAW_AS_COLD "with points pt 8 ps 1.8 lw 2 lc rgb '" DRAW_RED "' notitle"

typedef struct drawing {
    FILE *out; /* the script */
    const tune_report *report;
    const tune_analysis *analysis;
    const tune_report_options *options;
    size_t parameter;  /* of the pictures that come once a parameter */
    int width, height; /* pixels */
} drawing;

typedef struct picture {
    const char *name; /* "%s" in it: the parameter's name */
    int width, height;
    bool (*wanted)(const drawing *d);
    void (*draw)(const drawing *d);
} picture;

/* Ends with a row without a name. */
extern const picture draw_original[]; /* the original's pictures and the sweeps */
extern const picture draw_insight[];  /* progress, the last comparison, importance, the front, perplexity */
extern const picture draw_noise[];    /* the baseline over time */
extern const picture draw_map[];      /* the strongest pair of parameters */

/* Values of a picture are shown in milliseconds where they are all under 2 s, else in seconds. */
typedef struct draw_unit {
    double scale;
    const char *name;
} draw_unit;
draw_unit draw_time_unit(double largest_s);

/* ---- axes: their tics are all written out, different from each other and of one format ---- */

/* A growing range of values; starts as DRAW_NOTHING. What is not finite is left out. */
typedef struct draw_range {
    double low, high;
} draw_range;
#define DRAW_NOTHING ((draw_range){INFINITY, -INFINITY})
void draw_include(draw_range *range, double value);
/* The range of an axis ("x", "y") a little wider than the values, and its tics; logarithmic where all are positive
 * and the largest is over ten times the least. Never empty, also where all values are the same or there are none.
 */
void draw_values(const drawing *d, const char *axis, draw_range values);
/* The same from zero on, for bars. */
void draw_values_from_zero(const drawing *d, const char *axis, double high);

/* Whole numbers from first to last: trials, processes. */
void draw_counts(const drawing *d, const char *axis, size_t first, size_t last);

/* A parameter's axis. Names have a place each, sorted; numbers lie where they are, on a logarithmic axis where they
 * span more than a decade. The baseline's value has its place too, tried or not. */
typedef struct draw_axis {
    const tune_parameter *p;
    bool log;
    double half;     /* width of a cell or bar, halved; in ln on a logarithmic axis */
    double baseline; /* its place; NAN */
    char baseline_text[64];
    draw_range range; /* of the places */
} draw_axis;
draw_axis draw_axis_of(const drawing *d, size_t parameter);
double draw_at(const draw_axis *a, int level);
/* The place that lies `by` halves off `at`. */
double draw_beside(const draw_axis *a, double at, double by);
/* Pixels of a cell on an axis of so many. */
double draw_cell_pixels(const draw_axis *a, double pixels);
/* Label, range and tics; `pixels` that the axis is long. */
void draw_parameter_axis(const drawing *d, const char *axis, const draw_axis *a, double pixels);

/* ---- legend, panels ---- */

/* What a mark means. */
typedef struct draw_mark {
    const char *text;
    int point; /* gnuplot's point type; 0: a line */
    double size;
    const char *color;
    bool dashed;
} draw_mark;
enum { DRAW_MARKS = 8 };
extern const draw_mark draw_mark_baseline, draw_mark_baseline_line, draw_mark_trials, draw_mark_cold;
draw_mark draw_mark_chosen(const char *what);
/* A legend in one line below everything (gnuplot's own breaks lines where it should not). Ends with a mark without
 * a text. Room is made below a single plot; panels have it. */
void draw_legend(const drawing *d, const draw_mark *marks, bool panels);
/* The start of a picture of several panels in a row; `set label 1` is taken until its first plot is done. */
void draw_panels(const drawing *d, int panels, const char *title);
/* Pixels that a panel is wide. */
double draw_panel_pixels(const drawing *d, int panels);

#endif
