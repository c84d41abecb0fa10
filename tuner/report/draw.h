/* Shared by the pictures: one look for all of them. */
#ifndef TUNE_REPORT_DRAW_H
#define TUNE_REPORT_DRAW_H

#include <stdio.h>

#include "tuner/report/gnuplot.h"
#include "tuner/report/report.h"

/* The palette, told apart by colour-blind eyes and in grey. */
#define DRAW_BLUE "#2f6fab"
#define DRAW_ORANGE "#d9722e"
#define DRAW_GREEN "#3d8f6b"
#define DRAW_RED "#b3322c"
#define DRAW_GREY "#9aa5b1"
#define DRAW_INK "#2b3640"

typedef struct drawing {
    FILE *out; /* the script */
    const tune_report *report;
    const tune_analysis *analysis;
    const tune_report_options *options;
    size_t parameter; /* of the pictures that come once a parameter */
    int width;        /* pixels */
} drawing;

typedef struct picture {
    const char *name; /* "%s" in it: the parameter's name */
    int width, height;
    bool (*wanted)(const drawing *d);
    void (*draw)(const drawing *d);
} picture;

/* Ends with a row without a name. */
extern const picture draw_original[]; /* the original's pictures and the sweeps */
extern const picture draw_insight[];  /* progress, noise, importance, pairs, perplexity */

/* Values of a picture are shown in milliseconds where they are all under 2 s, else in seconds. */
typedef struct draw_unit {
    double scale;
    const char *name;
} draw_unit;
draw_unit draw_time_unit(double largest_s);

/* "chunk_size (tokens)". */
void draw_axis_label(const drawing *d, const char *axis, const tune_parameter *p);
/* Tics of a parameter with few values: one a value, evenly spaced; else the numbers' own axis. */
bool draw_by_category(const tune_parameter *p);
void draw_parameter_axis(const drawing *d, const char *axis, const tune_parameter *p);
/* Where a level lies on that axis. */
double draw_position(const tune_parameter *p, int level);
/* What a mark means. */
typedef struct draw_mark {
    const char *text;
    int point; /* gnuplot's point type; 0: a line */
    double size;
    const char *color;
    bool dashed;
} draw_mark;
/* A legend in one line below everything (gnuplot's own breaks lines where it should not). Ends with a mark without
 * a text. Room is made below a single plot; panels have it. */
void draw_legend(const drawing *d, const draw_mark *marks, bool panels);
/* The start of a picture of several panels in a row; `set label 1` is taken until its first plot is done. */
void draw_panels(const drawing *d, int panels, const char *title);
/* A range for an axis from the values seen, a little wider; nothing where there are none. */
void draw_range(const drawing *d, const char *axis, double low, double high);

#endif
