/* Declarations that the pictures share, so that they all look alike. */
#ifndef TUNE_REPORT_DRAW_H
#define TUNE_REPORT_DRAW_H

#include <stdio.h>

#include "tuner/report/gnuplot.h"
#include "tuner/report/marks.h"
#include "tuner/report/report.h"

/* The colours, which can be told apart by colour-blind people and in grey. */
#define DRAW_BLUE "#2f6fab"
#define DRAW_ORANGE "#d9722e"
#define DRAW_GREEN "#3d8f6b"
#define DRAW_RED "#b3322c"
#define DRAW_GREY "#9aa5b1"
#define DRAW_INK "#2b3640"
#define DRAW_TRIAL "#442f6fab" /* half-transparent blue, which shows where trials overlap */

/* How things are drawn: the same thing has the same mark in every picture. Each is the end of a gnuplot plot
 * element. */
#define DRAW_AS_TRIAL "with points pt 7 ps 1.1 lc rgb '" DRAW_TRIAL "' notitle"
#define DRAW_AS_CHOSEN "with points pt 6 ps 2.2 lw 2 lc rgb '" DRAW_ORANGE "' notitle"
#define DRAW_AS_BASELINE "with points pt 4 ps 1.6 lw 2 lc rgb '" DRAW_INK "' notitle"
#define DRAW_AS_BASELINE_LINE "with lines dt 2 lw 1.4 lc rgb '" DRAW_GREY "' notitle"
#define DRAW_AS_COLD "with points pt 8 ps 1.8 lw 2 lc rgb '" DRAW_RED "' notitle"

typedef struct drawing {
    FILE *out; /* the gnuplot script */
    const tune_report *report;
    const tune_analysis *analysis;
    const tune_report_options *options;
    size_t parameter;  /* index of the parameter, for pictures that are made for each parameter */
    int width, height; /* in pixels */
} drawing;

typedef struct picture {
    const char *name; /* name of the file; "%s" stands for the parameter's name */
    int width, height;
    bool (*wanted)(const drawing *d);
    void (*draw)(const drawing *d);
} picture;

/* The pictures; each list ends with a row without a name. */
extern const picture draw_original[]; /* the original's pictures, and times by parameter */
extern const picture draw_insight[];  /* progress, last comparison, importance, Pareto front, perplexity */
extern const picture draw_noise[];    /* the baseline's samples over time */
extern const picture draw_map[];      /* map of the pair with the strongest interaction */

/* The unit of a picture's times: milliseconds where all are below 2 s, else seconds. */
typedef struct draw_unit {
    double scale;
    const char *name;
} draw_unit;
draw_unit draw_time_unit(double largest_s);

/* ---- axes: the label of each tic is written out; on one axis all differ and have the same format ---- */

/* A range of values that grows with draw_include; starts as DRAW_NOTHING. Values that are not finite are left
 * out. */
typedef struct draw_range {
    double low, high;
} draw_range;
#define DRAW_NOTHING ((draw_range){INFINITY, -INFINITY})
void draw_include(draw_range *range, double value);
/* Sets the range of an axis ("x" or "y"), a little wider than the values, and its tics. The axis is logarithmic
 * where all values are positive and the largest is over ten times the smallest. The range is never empty, even
 * where all values are equal or there are none. */
void draw_values(const drawing *d, const char *axis, draw_range values);
/* Does the same with a range that begins at zero, for bars. */
void draw_values_from_zero(const drawing *d, const char *axis, double high);

/* Sets an axis of whole numbers from first to last, such as trials or processes. */
void draw_counts(const drawing *d, const char *axis, size_t first, size_t last);

/* The axis of a parameter. Names are sorted and evenly spaced; numbers lie at their values, on a logarithmic axis
 * where they span more than a factor of ten. The baseline's value is on the axis whether or not it was tried. */
typedef struct draw_axis {
    const tune_parameter *p;
    bool log;
    double half;     /* half the width of a cell or bar; as a logarithm where the axis is logarithmic */
    double baseline; /* position of the baseline's value; NAN: unknown */
    char baseline_text[64];
    draw_range range; /* of the positions */
} draw_axis;
draw_axis draw_axis_of(const drawing *d, size_t parameter);
double draw_at(const draw_axis *a, int level);
/* Returns the position that is `by` half-widths away from `at`. */
double draw_beside(const draw_axis *a, double at, double by);
/* Returns the width of a cell in pixels on an axis that is `pixels` long. */
double draw_cell_pixels(const draw_axis *a, double pixels);
/* Writes label, range and tics of an axis that is `pixels` long. */
void draw_parameter_axis(const drawing *d, const char *axis, const draw_axis *a, double pixels);

/* ---- legend, panels ---- */

/* An entry of the legend. */
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
/* Draws a legend in one line below everything, because gnuplot's own breaks its lines at the wrong places. The
 * list ends with an entry without a text. Room for it is made below a single plot; pictures of several panels have
 * it already. */
void draw_legend(const drawing *d, const draw_mark *marks, bool panels);
/* Names an axis, "name (unit)"; unit: "" for none. Both may be any text. */
void draw_label(const drawing *d, const char *axis, const char *name, const char *unit);
/* Returns how a ratio reads, "under 1: faster", or "under 1: better" where the objective is neither time nor speed.
 */
const char *draw_under_one(const drawing *d);
/* Starts a picture of several panels in a row. Label 1 of gnuplot is in use until the first plot is drawn. */
void draw_panels(const drawing *d, int panels, const char *title);
/* Returns the width of a panel in pixels. */
double draw_panel_pixels(const drawing *d, int panels);

#endif
