/* gnuplot at the end of a pipe. Scripts are written into memory first; what came from files enters them as numbers
 * or through tune_plot_quote alone. */
#ifndef TUNE_REPORT_GNUPLOT_H
#define TUNE_REPORT_GNUPLOT_H

#include <stdio.h>

#include <xlstm/status.h>

/* Runs `program` (NULL: "gnuplot") on a script. EUNSUPPORTED with what to install where there is none; EIO with
 * gnuplot's first line where it fails. */
int tune_gnuplot_run(const char *program, const char *script, xlstm_error *err);

/* Writes text as a gnuplot string: 'text', quotes doubled, control and invalid bytes as '?', at most 60 characters,
 * nothing in it is executed or marked up (the scripts use noenhanced). */
void tune_plot_quote(FILE *out, const char *text);
/* The same for a file's path: to the byte but for control characters, not cut. */
void tune_plot_quote_path(FILE *out, const char *path);

#endif
