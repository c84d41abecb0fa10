/* Comma-separated values (RFC 4180): a header and rows of as many cells; lines end in LF or CRLF. */
#ifndef XL_BASE_CSV_H
#define XL_BASE_CSV_H

#include <stddef.h>
#include <stdio.h>

#include <xlstm/status.h>

typedef struct xl_csv {
    size_t rows, columns; /* rows without the header */
    const char **cells;   /* header first, row by row; NUL-terminated, never NULL */
    size_t *lines;        /* line of each row in the file, header first, from 1 */
    char *text;           /* what cells points into */
} xl_csv;

enum { XL_CSV_COLUMNS = 1000 };
#define XL_CSV_BYTES ((size_t)256 << 20) /* a limit for tables of trials */

/* Reads a file of at most `limit` bytes and XL_CSV_COLUMNS columns. EFORMAT names the line that has another number
 * of cells than the header, a quote that never ends, or a NUL. A byte order mark and empty lines are passed over.
 * On success free *csv. */
int xl_csv_read(xl_csv *csv, const char *path, size_t limit, xlstm_error *err);
void xl_csv_free(xl_csv *csv);

/* The same from a text, NUL-terminated and malloc'd, which is the csv's from now on, also on failure; `name` stands
 * for it in messages. */
int xl_csv_parse(xl_csv *csv, const char *name, char *text, xlstm_error *err);

/* Index of a column by its name, the first of that name; -1 where there is none. */
int xl_csv_column(const xl_csv *csv, const char *name);
/* "" for column -1. */
const char *xl_csv_cell(const xl_csv *csv, size_t row, int column);
/* A cell as a number; NAN for an empty one and for column -1. EFORMAT, naming `path`, line and column, for anything
 * else than a finite number. */
int xl_csv_number(const xl_csv *csv, const char *path, size_t row, int column, double *out, xlstm_error *err);

/* ---- writing: cells; the caller puts the commas and the newlines ---- */

/* Quoted where it has to be; nothing for NULL. */
void xl_csv_put_text(FILE *out, const char *text);
/* `digits` significant ones, 0: as few as read back as the same number. Nothing for a number that is not finite. */
void xl_csv_put_number(FILE *out, double value, int digits);

#endif
