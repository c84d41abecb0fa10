/* Runs gnuplot through a pipe. Scripts are written into memory first. Data from files enters them only as numbers
 * or through tune_plot_quote. */
#ifndef TUNE_REPORT_GNUPLOT_H
#define TUNE_REPORT_GNUPLOT_H

#include <stdio.h>

#include <xlstm/status.h>

/* Runs `program` (NULL: "gnuplot") on a script. XLSTM_EUNSUPPORTED, with what to install, where it is missing;
 * XLSTM_EIO, with the first line of its messages, where it fails. */
int tune_gnuplot_run(const char *program, const char *script, xlstm_error *err);

/* Writes text as a gnuplot string: 'text', quotes doubled, control and invalid bytes as '?', at most 60
 * characters. Nothing in it is executed or taken for markup (the scripts use noenhanced). */
void tune_plot_quote(FILE *out, const char *text);
/* Writes a file's path as a gnuplot string that names this file, whatever bytes the path is made of. */
void tune_plot_quote_path(FILE *out, const char *path);

#endif
