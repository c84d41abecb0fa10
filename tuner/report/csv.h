/* Reading CSV that somebody else wrote: quoted fields, LF or CRLF, a byte order mark; every row as wide as the
 * header. Nothing in it is trusted. */
#ifndef TUNE_REPORT_CSV_H
#define TUNE_REPORT_CSV_H

#include <stddef.h>

#include <xlstm/status.h>

typedef struct tune_csv {
    size_t columns, rows; /* rows without the header */
    char **header;        /* [columns] */
    char **cells;         /* [rows * columns], row by row; empty fields are "" */
    size_t *line;         /* [rows], where each row starts in the file, from 1 */
    char *data;           /* what they point into */
} tune_csv;

/* At most 64 MiB and 1000 columns. EFORMAT names file, line, what was found and what was wanted; an empty file and
 * a row of another width are errors. Empty lines are skipped. */
int tune_csv_read(tune_csv *out, const char *path, xlstm_error *err);
void tune_csv_clear(tune_csv *csv);

/* Column of a name (the first of that name), -1 where there is none. */
int tune_csv_column(const tune_csv *csv, const char *name);
const char *tune_csv_cell(const tune_csv *csv, size_t row, int column); /* "" for column -1 */
/* A number; NAN for an empty cell or column -1. Anything else but a finite number is EFORMAT. */
int tune_csv_number(const tune_csv *csv, const char *path, size_t row, int column, double *out, xlstm_error *err);

#endif
